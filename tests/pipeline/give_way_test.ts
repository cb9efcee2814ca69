import { setImmediate } from "node:timers";
import { givingWay } from "../../pipeline/give_way.ts";
import { assertEquals } from "../support/assert.ts";

Deno.test("givingWay lets other work go on until it waits", async () => {
  let done = 0;
  const other = async () => {
    for (; done < 20; done++) {
      await nextTurn();
      busy(1);
    }
  };
  const giveWay = givingWay(Infinity);
  await giveWay();
  assertEquals(done, 0, "it has not worked yet");
  busy(10);
  const ended = other();
  await giveWay();
  assertEquals(done, 20);
  await ended;
});

Deno.test("givingWay ends although other work goes on", async () => {
  let stop = false;
  const other = async () => {
    while (!stop) {
      await nextTurn();
      busy(1);
    }
  };
  const giveWay = givingWay();
  busy(10);
  const ended = other();
  await giveWay();
  stop = true;
  await ended;
});

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Needs the processor for a number of milliseconds. */
function busy(ms: number): void {
  for (const began = performance.now(); performance.now() - began < ms;);
}
