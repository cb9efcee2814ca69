import { bronzeMarkerKey, bronzePrefix, silverMarkerKey } from "../../pipeline/contract/keys.ts";
import { type Day, parseDay } from "../../pipeline/contract/window.ts";
import { isSettled, readDays } from "../../pipeline/days.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "../support/assert.ts";
import { lakeKinds } from "../support/lake_places.ts";
import { temporaryLake } from "../support/lakes.ts";
import { bronzeCommit, partIn, publish, silverCommit, store } from "../support/published_days.ts";

const [A, B, C] = ["2025-12-27", "2025-12-28", "2025-12-30"].map((text) => parseDay(text)!) as [
  Day,
  Day,
  Day,
];

const NO_JSON = new TextEncoder().encode("{");

for (const { name, place } of lakeKinds()) {
  Deno.test(`readDays on ${name}: returns the markers of each day, in order, and when they were stored`, async () => {
    await using here = await place();
    const lake = await here.open();
    await publish(lake, C, 0);
    await publish(lake, A, 10);
    const days = await readDays(lake);
    assertEquals(days.map(({ day }) => day), [A, C]);
    assert(days.every(isSettled));
    const [{ bronze, silver }] = days as [typeof days[0]];
    assert(bronze.state === "published" && silver.state === "published");
    assertEquals([bronze.commit.rows, silver.commit.rows], [10, 5]);
    const [listed] = await lake.list(bronzeMarkerKey(A));
    assertEquals(bronze.stored, listed!.modified);
  });

  Deno.test(`readDays on ${name}: reports each day that was read`, async () => {
    await using here = await place();
    const lake = await here.open();
    for (const day of [A, B, C]) await publish(lake, day, 1);
    const reported: [number, number][] = [];
    await readDays(lake, {}, (read, of) => reported.push([read, of]));
    assertEquals(reported, [[1, 3], [2, 3], [3, 3]]);
  });

  Deno.test(`readDays on ${name}: includes the first and the last day of a range`, async () => {
    await using here = await place();
    const lake = await here.open();
    for (const day of [A, B, C]) await publish(lake, day, 1);
    const of = async (from?: Day, to?: Day) =>
      (await readDays(lake, { from, to })).map(({ day }) => day);
    assertEquals(await of(B), [B, C]);
    assertEquals(await of(undefined, B), [A, B]);
    assertEquals(await of(A, B), [A, B]);
    assertEquals(await of(B, B), [B]);
    assertEquals(await of(parseDay("2025-12-29"), parseDay("2026-01-03")), [C]);
  });
}

Deno.test("readDays: includes a day with a missing layer", async () => {
  await using lake = await temporaryLake();
  await store(lake, bronzeCommit(A, 1));
  await store(lake, silverCommit(bronzeCommit(B, 1), 1));
  const days = await readDays(lake);
  assertEquals(days.map(({ bronze, silver }) => [bronze.state, silver.state]), [
    ["published", "missing"],
    ["missing", "published"],
  ]);
  assert(!days.some(isSettled));
});

Deno.test("readDays: returns a marker that cannot be used, with the reason", async () => {
  await using lake = await temporaryLake();
  await publish(lake, A, 1);
  await publish(lake, B, 1);
  await lake.put(bronzeMarkerKey(A), NO_JSON);
  await lake.put(silverMarkerKey(B), NO_JSON);
  const [a, b] = await readDays(lake);
  assert(a!.bronze.state === "unusable" && a!.silver.state === "published");
  assertEquals(a!.bronze.problem, "it is not JSON");
  assert(b!.bronze.state === "published" && b!.silver.state === "unusable");
});

Deno.test("readDays: returns a marker that may not be read, with the reason", async () => {
  await using lake = await temporaryLake();
  await publish(lake, A, 1);
  const forbidding: Lake = {
    ...lake,
    get(key) {
      if (key !== bronzeMarkerKey(A)) return lake.get(key);
      return Promise.reject(
        new Failure({
          kind: "configuration",
          task: "read it",
          problem: "forbidden",
          remedy: "Allow it.",
        }),
      );
    },
  };
  const [{ bronze, silver }] = await readDays(forbidding) as [never];
  assertEquals([bronze, silver].map(({ state }) => state), ["unreadable", "published"]);
});

Deno.test("readDays: fails if the lake is unreachable", async () => {
  await using lake = await temporaryLake();
  await publish(lake, A, 1);
  const get = () =>
    Promise.reject(
      new Failure({
        kind: "unreachable",
        task: "read it",
        problem: "no answer",
        remedy: "Run again.",
      }),
    );
  const { kind, message } = await assertRejects(() => readDays({ ...lake, get }), Failure);
  assertEquals(kind, "unreachable");
  assertStringIncludes(message, "no answer");
});

Deno.test("readDays: returns the parts that the bronze marker does not list, and nothing else", async () => {
  await using lake = await temporaryLake();
  await publish(lake, A, 1);
  const orphan = partIn(bronzePrefix(A), 1, "00001").key;
  await lake.put(orphan, NO_JSON);
  await lake.put(`${bronzePrefix(A)}_SUCCESS`, NO_JSON);
  await lake.put(`${bronzePrefix(A)}copy/part-00000.parquet`, NO_JSON); // clean does not touch this object
  await lake.put("bronze/events/notes/date=2025-12-27.txt", NO_JSON);
  const days = await readDays(lake);
  assertEquals(days.map(({ unnamed }) => unnamed.map(({ key }) => key)), [[orphan]]);
});

Deno.test("isSettled: is false while a layer is open, or if silver is from another bronze", async () => {
  await using lake = await temporaryLake();
  await publish(lake, A, 1, { state: "open" });
  await publish(lake, B, 1);
  await store(lake, bronzeCommit(B, 2));
  assertEquals((await readDays(lake)).map(isSettled), [false, false]);
});
