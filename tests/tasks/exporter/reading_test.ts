import { Reading } from "../../../tasks/exporter/reading.ts";
import { until } from "../../cluster/until.ts";
import { assertEquals, assertMatch } from "../../support/assert.ts";

/** A reading with a clock and an outcome that the test sets. */
function scene({ timeout = 60_000 } = {}) {
  const state = { now: 1_000_000, outcome: () => Promise.resolve("a"), reads: 0 };
  const failures: string[] = [];
  const reading = new Reading<string>({
    task: "read the lake",
    read: () => {
      state.reads++;
      return state.outcome();
    },
    interval: 300_000,
    timeout,
    onFailure: (error) => failures.push(String(error)),
    now: () => state.now,
  });
  return { state, failures, reading };
}

const PATIENCE = 60_000;

Deno.test("Reading: reads at the first question, and not again within the interval", async () => {
  const { state, reading } = scene();
  for (let i = 0; i < 20; i++) assertEquals((await reading.ask(PATIENCE)).value, "a");
  assertEquals(state.reads, 1);
  state.now += 299_999;
  await reading.ask(PATIENCE);
  assertEquals(state.reads, 1);
  state.now += 1;
  const { value, began, succeeded, failed } = await reading.ask(PATIENCE);
  assertEquals([state.reads, value, began, succeeded, failed], [2, "a", state.now, 2, 0]);
});

Deno.test("Reading: questions at the same time share one reading", async () => {
  const { state, reading } = scene();
  const all = await Promise.all(Array.from({ length: 10 }, () => reading.ask(PATIENCE)));
  assertEquals([state.reads, all.every(({ value }) => value === "a")], [1, true]);
});

Deno.test("Reading: a failed reading hides the value of the reading before", async () => {
  const { state, failures, reading } = scene();
  await reading.ask(PATIENCE);
  state.now += 300_000;
  state.outcome = () => Promise.reject(new Error("no route"));
  const { value, succeeded, failed } = await reading.ask(PATIENCE);
  assertEquals([value, succeeded, failed, failures], [undefined, 1, 1, ["Error: no route"]]);
  await reading.ask(PATIENCE); // no second try within the interval
  assertEquals(state.reads, 2);
  state.now += 300_000;
  state.outcome = () => Promise.resolve("b");
  assertEquals((await reading.ask(PATIENCE)).value, "b");
});

Deno.test("Reading: while a reading runs, the value before is returned until it is too old", async () => {
  const { state, reading } = scene();
  await reading.ask(PATIENCE);
  const { promise, resolve } = Promise.withResolvers<string>();
  state.outcome = () => promise;
  state.now += 300_000;
  assertEquals((await reading.ask(0)).value, "a");
  state.now += 60_000;
  assertEquals((await reading.ask(0)).value, "a");
  state.now += 1;
  assertEquals((await reading.ask(0)).value, undefined);
  assertEquals(state.reads, 2);
  resolve("b");
  assertEquals((await reading.ask(PATIENCE)).value, "b");
});

Deno.test("Reading: a reading that takes too long fails, and no other begins until it ends", async () => {
  const { state, failures, reading } = scene({ timeout: 1 });
  const { promise, resolve } = Promise.withResolvers<string>();
  state.outcome = () => promise;
  await until("the reading fails", async () => (await reading.ask(1)).failed > 0);
  assertEquals(failures.length, 1);
  assertMatch(failures[0]!, /Cannot read the lake: it took longer than 0.001 s/);
  state.now += 1_000_000;
  await reading.ask(0);
  assertEquals(state.reads, 1);
  resolve("too late");
  assertEquals((await reading.ask(PATIENCE)).value, undefined);
  state.outcome = () => Promise.resolve("b");
  const next = await reading.ask(PATIENCE);
  assertEquals([next.value, state.reads], ["b", 2]);
});
