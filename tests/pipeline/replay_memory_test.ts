import { Failure } from "../../pipeline/errors.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "../support/assert.ts";
import { memoryLake } from "../support/memory_lake.ts";
import { readyThread } from "../support/ready_thread.ts";
import { event, idOf, replayParts, storeBronze } from "../support/replay.ts";

const TYPES = ["STOP_TRIGGERED", "EXECUTION_SUBMITTED", "EXECUTED", "FAILED", "BLOCKED"];

/** Stores three parts, each with two row groups of a hundred events. */
async function storeThreeParts(lake: Lake) {
  const events = (first: number) =>
    Array.from({ length: 100 }, (_, i) =>
      event({
        event_id: idOf(first + i),
        event_seq: BigInt(first + i),
        event_type: TYPES[(first + i) % 5]!,
        operation_id: BigInt((first + i) % 70),
        client_id: BigInt(i % 70 % 3),
        exchange_order_id: i % 3 === 0 ? null : "9".repeat(i),
        side: i % 4 === 0 ? null : "SELL",
      }));
  return await storeBronze(lake, [
    [0, 200, 400].map((first) => [events(first), events(first + 100)]),
  ]);
}

/** Stores one part with three row groups of a hundred events each. */
async function storeThreeGroups(lake: Lake) {
  const events = (first: number) =>
    Array.from({ length: 100 }, (_, i) =>
      event({
        event_id: idOf(first + i),
        event_seq: BigInt(first + i),
        operation_id: BigInt(i % 70),
      }));
  const [part] = await storeBronze(lake, [[[events(0), events(100), events(200)]]]);
  return part!;
}

Deno.test("replay: gives the same executions if a second thread handles pages, or if no part stays in memory", async () => {
  using thread = await readyThread();
  const lake = memoryLake();
  const parts = await storeThreeParts(lake);
  const whole = await replayParts(lake, parts);
  for (const kept of [[], [0], [0, 1_000], [0, 1 << 20]]) {
    for (const most of [undefined, 20]) {
      for (const own of [undefined, thread]) {
        const { body } = await replayParts(lake, parts, most, own, ...kept);
        assertEquals(body, whole.body, `${kept} bytes in memory, ${most} operations`);
      }
    }
  }
  assert(thread.used >= 8, `${thread.used}`);
});

Deno.test("replay: frees a part before the next one is fetched, if no part stays in memory", async () => {
  const lake = memoryLake();
  const parts = await storeThreeParts(lake);
  const fetched: Uint8Array[] = [];
  const inMemory: number[] = [];
  const watched: Lake = {
    ...lake,
    async get(key) {
      const stored = await lake.get(key);
      inMemory.push(fetched.filter(({ length }) => length > 0).length);
      fetched.push(stored!.bytes);
      return stored;
    },
  };
  await replayParts(watched, parts, undefined, undefined, 0);
  assertEquals(inMemory.slice(-3), [0, 0, 0]); // the columns are made in one pass
});

Deno.test("replay: fetches the parts of a large day only to find operations and for columns that were not kept", async () => {
  const lake = memoryLake();
  const parts = await storeThreeParts(lake);
  let fetched = 0;
  lake.onGet = () => fetched++;
  const fetches = async (...kept: number[]) => {
    fetched = 0;
    await replayParts(lake, parts, undefined, undefined, ...kept);
    return fetched;
  };
  const withAll = await fetches(0, 1 << 20);
  // The columns that are not kept are made in one pass.
  assertEquals(await fetches(0, 1_000), withAll + 3);
  assertEquals(await fetches(0, 0), withAll + 3);
  assertEquals(withAll, 4); // the last part is also searched for events without an event_seq
});

Deno.test("replay: refuses a damaged page with the same message if a second thread handles pages", async () => {
  using thread = await readyThread();
  const lake = memoryLake();
  const part = await storeThreeGroups(lake);
  const { bytes } = (await lake.get(part.key))!;
  const frames = [...bytes.keys()].filter((at) =>
    [0x28, 0xb5, 0x2f, 0xfd].every((byte, i) => bytes[at + i] === byte)
  );
  for (const at of frames.slice(frames.length / 3, frames.length * 2 / 3)) bytes[at] = 0;
  const sha256 = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
  await lake.put(part.key, bytes);
  const failures = [];
  for (const own of [undefined, thread]) {
    const replaying = () => replayParts(lake, [{ ...part, sha256 }], undefined, own);
    failures.push(await assertRejects(replaying, Failure));
  }
  assertEquals(failures[1]!.message, failures[0]!.message);
  assertEquals(failures[1]!.kind, "data");
  assertStringIncludes(failures[1]!.message, part.key);
});
