import { findLeftovers, removeLeftovers } from "../../pipeline/clean.ts";
import {
  bronzeMarkerKey,
  bronzePrefix,
  historyKey,
  quarantineKey,
  silverMarkerKey,
  silverPrefix,
} from "../../pipeline/contract/keys.ts";
import { parseDay } from "../../pipeline/contract/window.ts";
import { Failure } from "../../pipeline/errors.ts";
import { ABANDONED_AFTER, storeClock } from "../../pipeline/lake/lifetimes.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { renderMarker } from "../../pipeline/lake/marker.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "../support/assert.ts";
import { lakeKinds } from "../support/lake_places.ts";
import { temporaryLake } from "../support/lakes.ts";
import { bronzeCommit, digestOf, partIn, publish, store } from "../support/published_days.ts";

const DAY = parseDay("2025-12-28")!;
const BYTES = new TextEncoder().encode("left over\n");
const NO_JSON = new TextEncoder().encode("{");

const ORPHANS = [
  partIn(bronzePrefix(DAY), 1, "00001").key,
  partIn(silverPrefix(1n, DAY), 1, "00001").key,
  partIn(silverPrefix(-2n, DAY), 1).key, // a client without any part in the marker
];

/** Every kind of object that a killed run leaves behind. */
async function leave(lake: Lake, keys: readonly string[] = ORPHANS): Promise<void> {
  for (const key of keys) await lake.put(key, BYTES);
}

/** The clock of a store in which every object is old enough to be removed. */
const later = () => Promise.resolve(Date.now() + ABANDONED_AFTER + 60_000);
const now = () => Promise.resolve(Date.now());

async function keysOf(lake: Lake): Promise<string[]> {
  return (await lake.list("")).map(({ key }) => key);
}

async function clean(lake: Lake, clock = later): Promise<string[]> {
  const removed = await removeLeftovers(lake, await findLeftovers(lake, DAY, clock));
  return removed.map(({ key }) => key).sort();
}

for (const { name, place } of lakeKinds()) {
  Deno.test(`clean on ${name}: removes the parts of both layers that no marker lists, and nothing else`, async () => {
    await using here = await place();
    const lake = await here.open();
    await publish(lake, DAY, 10);
    await publish(lake, parseDay("2025-12-29")!, 10);
    await leave(lake, [
      partIn(bronzePrefix("2025-12-29"), 1, "00001").key,
      `${bronzePrefix(DAY)}_SUCCESS`,
      `${bronzePrefix(DAY)}notes.txt`,
      `${bronzePrefix(DAY)}copy/part-00000.parquet`,
      quarantineKey(DAY, digestOf("quarantine")),
    ]);
    const before = await keysOf(lake);
    await leave(lake);
    assertEquals(await clean(lake), ORPHANS.toSorted());
    assertEquals(await keysOf(lake), before);
    assertEquals(await clean(lake), []);
  });

  Deno.test(`storeClock on ${name}: returns the time by which the store dates objects, and leaves no object`, async () => {
    await using here = await place();
    const lake = await here.open();
    await lake.put("before", BYTES);
    const clock = await storeClock(lake);
    await lake.put("since", BYTES);
    const [before, since] = await lake.list("");
    assert(before!.modified <= clock && clock <= since!.modified);
    assertEquals(await keysOf(lake), ["before", "since"]);
  });
}

Deno.test("clean: keeps objects that are not old enough, and says until when", async () => {
  await using lake = await temporaryLake();
  await publish(lake, DAY, 10);
  await leave(lake);
  const { abandoned, young } = await findLeftovers(lake, DAY, now);
  assertEquals(abandoned, []);
  assertEquals(young.map(({ entry }) => entry.key).sort(), ORPHANS.toSorted());
  for (const { entry, until } of young) assertEquals(until, entry.modified + ABANDONED_AFTER);
});

Deno.test("clean: does not read the clock if there are no leftovers", async () => {
  await using lake = await temporaryLake();
  await publish(lake, DAY, 10);
  await findLeftovers(lake, DAY, () => Promise.reject(new Error("it was asked")));
});

Deno.test("clean: keeps a part that only a marker of the history lists", async () => {
  await using lake = await temporaryLake();
  await publish(lake, DAY, 10);
  const before = bronzeCommit(DAY, 5, { parts: [partIn(bronzePrefix(DAY), 5, "00007")] });
  await lake.put(historyKey(DAY, 0, digestOf(renderMarker(before))), renderMarker(before));
  await leave(lake, [before.parts[0]!.key]);
  assertEquals(await clean(lake), []);
});

Deno.test("clean: leaves a layer without a marker unchanged, and cleans the other layer", async () => {
  await using lake = await temporaryLake();
  await store(lake, bronzeCommit(DAY, 10));
  await leave(lake);
  const leftovers = await findLeftovers(lake, DAY, later);
  assertEquals(leftovers.unmarked, [{ layer: "silver", parts: 2 }]);
  assertEquals(leftovers.abandoned.map(({ key }) => key), [ORPHANS[0]!]);
});

Deno.test("clean: refuses a marker that cannot be used, also in the history", async () => {
  const markers = [
    bronzeMarkerKey(DAY),
    silverMarkerKey(DAY),
    historyKey(DAY, 0, digestOf("history")),
  ];
  for (const key of markers) {
    await using lake = await temporaryLake();
    await publish(lake, DAY, 10);
    await leave(lake);
    await lake.put(key, NO_JSON);
    const before = await lake.contents();
    const { kind, message } = await assertRejects(() => clean(lake), Failure);
    assertEquals(kind, "data");
    assertStringIncludes(message, key);
    assertEquals(await lake.contents(), before);
  }
});

Deno.test("clean: removes a staging folder of Spark as a whole, once every object in it is old enough", async () => {
  await using lake = await temporaryLake();
  await publish(lake, DAY, 10);
  const old = ["bronze/_staging/a/part-0.parquet", "bronze/_staging/a/_SUCCESS"];
  const used = ["silver/_staging/b/part-0.parquet", "silver/_staging/b/part-1.parquet"];
  await leave(lake, [...old, ...used]);
  const past = new Date(Date.now() - ABANDONED_AFTER - 60_000);
  for (const key of [...old, used[0]!]) await Deno.utime(lake.file(key), past, past);
  const leftovers = await findLeftovers(lake, DAY, now);
  assertEquals(leftovers.abandoned.map(({ key }) => key).sort(), old.toSorted());
  assertEquals(leftovers.young.map(({ entry }) => entry.key), used);
});

Deno.test("clean: removes nothing if a marker changes before the removal", async () => {
  for (const layer of ["bronze", "silver"]) {
    await using lake = await temporaryLake();
    await publish(lake, DAY, 10);
    await leave(lake);
    const leftovers = await findLeftovers(lake, DAY, later);
    if (layer === "bronze") await store(lake, bronzeCommit(DAY, 11));
    else await lake.remove(silverMarkerKey(DAY));
    const before = await keysOf(lake);
    const { kind } = await assertRejects(() => removeLeftovers(lake, leftovers), Failure);
    assertEquals(kind, "unreachable");
    assertEquals(await keysOf(lake), before);
  }
});

Deno.test("clean: keeps an object that is stored again before the removal", async () => {
  await using lake = await temporaryLake();
  await publish(lake, DAY, 10);
  await leave(lake);
  const [again, ...others] = ORPHANS as [string, ...string[]];
  const past = new Date(Date.now() - ABANDONED_AFTER - 60_000);
  for (const key of ORPHANS) await Deno.utime(lake.file(key), past, past);
  const leftovers = await findLeftovers(lake, DAY, now);
  await leave(lake, [again]);
  const removed = await removeLeftovers(lake, leftovers);
  assertEquals(removed.map(({ key }) => key).sort(), others.toSorted());
  assert((await keysOf(lake)).includes(again));
});

Deno.test("clean: finishes an earlier clean that stopped half-way", async () => {
  await using lake = await temporaryLake();
  await publish(lake, DAY, 10);
  const before = await keysOf(lake);
  await leave(lake);
  let removals = 0;
  const failing: Lake = {
    ...lake,
    remove(key) {
      if (removals++ === 0) return lake.remove(key);
      return Promise.reject(
        new Failure({
          kind: "unreachable",
          task: "remove it",
          problem: "no answer",
          remedy: "Run again.",
        }),
      );
    },
  };
  await assertRejects(() => clean(failing), Failure);
  assert((await clean(lake)).length > 0);
  assertEquals(await keysOf(lake), before);
});
