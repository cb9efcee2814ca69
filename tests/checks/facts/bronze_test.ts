import { createHash } from "node:crypto";
import { gatherBronze } from "../../../checks/facts/bronze.ts";
import { follows, type LastEvent } from "../../../checks/facts/last_events.ts";
import { bronzeMarkerKey, bronzePrefix } from "../../../pipeline/contract/keys.ts";
import { EVENT_COLUMNS } from "../../../pipeline/contract/tables.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { renderMarker } from "../../../pipeline/lake/marker.ts";
import { bronzeCommit, partIn } from "../../support/published_days.ts";
import { assert, assertEquals, assertMatch, assertRejects } from "../../support/assert.ts";
import {
  bronzePart,
  DAY,
  EVENTS,
  publishBronze,
  publishedDay,
  rowGroup,
  uuid,
  voidPart,
} from "../healthy/published_day.ts";
import { CENTURY } from "../../support/days.ts";
import { memoryLake } from "../../support/memory_lake.ts";
import { cutParts } from "../../support/parquet_writer.ts";

const KEY = bronzeMarkerKey(DAY);

Deno.test("gatherBronze reads a bronze without faults", async () => {
  const bronze = await gatherBronze(await publishedDay(), DAY);
  assertEquals(bronze.marker?.commit.rows, 7);
  assertMatch(bronze.marker!.sha256, /^[0-9a-f]{64}$/);
  assertEquals(
    bronze.listed.map(({ key }) => key),
    bronze.parts.map(({ part }) => part.key).sort(),
  );
  for (const part of bronze.parts) {
    const { part: { bytes, rows }, stored, footer } = part;
    assertEquals([stored, footer!.rows], [{ bytes, same: true }, rows]);
    assertEquals(part.footer!.columns.map(({ name }) => name), EVENT_COLUMNS.map((c) => c.name));
    assert(part.collected);
  }
  assertEquals([bronze.events, bronze.repeated], [7, []]);
  assertEquals(Object.fromEntries(bronze.eventTypes), {
    STOP_TRIGGERED: 2,
    EXECUTED: 1,
    FAILED: 2,
    STALE_PRICE: 1,
    BLOCKED: 1,
  });
});

Deno.test("gatherBronze says whether the day and its grace period are over", async () => {
  const lake = await publishedDay();
  assertEquals((await gatherBronze(lake, DAY)).isOver, true);
  assertEquals((await gatherBronze(lake, DAY, undefined, CENTURY)).isOver, false);
});

Deno.test("gatherBronze finds the last execution event in replay order, for any order of rows", async () => {
  for (const events of [EVENTS, EVENTS.toReversed()]) {
    const lake = memoryLake();
    await publishBronze(lake, [await bronzePart(events)]);
    const { lastEvents } = await gatherBronze(lake, DAY);
    const last = [...lastEvents.keys()].sort().map((id) => {
      const { event_id, event_type, client_id } = lastEvents.get(id)!;
      return [id, event_id, event_type, client_id];
    });
    assertEquals(last, [
      [11n, uuid(2), "EXECUTED", 1n], // events without an event_seq come first, however late
      [12n, uuid(3), "FAILED", 1n], // STALE_PRICE is no execution event
      [13n, uuid(5), "BLOCKED", 2n], // by time
    ]);
  }
});

Deno.test("follows orders events by event_seq, then time, then id, with nulls first", () => {
  const event = (event_seq: bigint | null, occurred_at: bigint, event_id: string): LastEvent => ({
    event_seq,
    occurred_at,
    event_id,
    event_type: "EXECUTED",
    client_id: 1n,
  });
  const ordered = [
    event(null, 1n, "b"),
    event(null, 9n, "a"),
    event(null, 9n, "b"),
    event(-1n, 5n, "a"),
    event(9n, 4n, "a"),
    event(10n, 3n, "z"),
    event(10n, 4n, "a"),
    event(10n, 4n, "b"),
  ];
  ordered.forEach((a, i) => ordered.forEach((b, j) => assertEquals(follows(a, b), i > j)));
});

Deno.test("gatherBronze reports a missing marker, and the parts without a marker", async () => {
  const lake = await publishedDay();
  lake.objects.delete(KEY);
  const bronze = await gatherBronze(lake, DAY);
  assertEquals([bronze.marker, bronze.markerProblem], [undefined, undefined]);
  assertEquals([bronze.listed.length, bronze.parts.length], [2, 0]);
});

Deno.test("gatherBronze reports a marker that is not JSON as a short fact", async () => {
  const lake = await publishedDay();
  lake.objects.set(KEY, new TextEncoder().encode("<html>"));
  const bronze = await gatherBronze(lake, DAY);
  assertEquals([bronze.marker, bronze.markerProblem], [undefined, "it is not JSON"]);
});

Deno.test("gatherBronze reports a missing part", async () => {
  const lake = await publishedDay();
  const [first] = (await gatherBronze(lake, DAY)).parts;
  lake.objects.delete(first!.part.key);
  const { parts, listed } = await gatherBronze(lake, DAY);
  assertEquals(parts.map(({ stored }) => stored !== undefined), [false, true]);
  assertEquals(parts.map(({ collected }) => collected), [false, true]);
  assertEquals(listed.length, 1);
});

Deno.test("gatherBronze reports a part that was truncated after it was published", async () => {
  const lake = await publishedDay();
  const { key } = (await gatherBronze(lake, DAY)).parts[0]!.part;
  lake.objects.set(key, lake.objects.get(key)!.slice(0, -20));
  const [part] = (await gatherBronze(lake, DAY)).parts;
  assertEquals([part!.stored!.bytes, part!.stored!.same], [part!.part.bytes - 20, false]);
  assertMatch(part!.problem!, /^it is not a Parquet file: /);
  assertEquals([part!.footer, part!.collected], [undefined, false]);
});

Deno.test("gatherBronze does not collect a readable part with different bytes", async () => {
  const lake = await publishedDay();
  const { key } = (await gatherBronze(lake, DAY)).parts[0]!.part;
  lake.objects.set(key, (await bronzePart(EVENTS.slice(0, 3))).body);
  const [part] = (await gatherBronze(lake, DAY)).parts;
  assertEquals([part!.stored!.same, part!.footer!.rows, part!.collected], [false, 3, false]);
});

Deno.test("gatherBronze collects no rows of a part with a different size than in the marker", async () => {
  const lake = memoryLake();
  const part = await bronzePart(EVENTS);
  await publishBronze(lake, [{ ...part, bytes: part.bytes + 1 }]);
  const [found] = (await gatherBronze(lake, DAY)).parts;
  assertEquals(found!.stored, { bytes: part.bytes, same: true });
  assertEquals([found!.footer!.rows, found!.collected], [7, false]);
});

Deno.test("gatherBronze reports a part that was published with broken pages", async () => {
  const lake = memoryLake();
  const good = await bronzePart(EVENTS);
  const body = good.body.slice();
  body.fill(0xff, 8, 60); // within the first column's page, behind the magic bytes
  const sha256 = createHash("sha256").update(body).digest("hex");
  await publishBronze(lake, [{ ...good, body, sha256 }]);
  const [part] = (await gatherBronze(lake, DAY)).parts;
  assertEquals([part!.stored!.same, part!.footer!.rows, part!.collected], [true, 7, false]);
  assert(part!.problem);
});

Deno.test("gatherBronze counts repeated events, and lists examples", async () => {
  const lake = memoryLake();
  await publishBronze(lake, [await bronzePart(EVENTS), await bronzePart(EVENTS.slice(0, 1))]);
  const bronze = await gatherBronze(lake, DAY);
  assertEquals([bronze.events, bronze.repeated], [7, [uuid(1)]]);
});

Deno.test("gatherBronze reports a column without a type, and reads the rows", async () => {
  const lake = memoryLake();
  const key = `${bronzePrefix(DAY)}part-00000-void.parquet`;
  await publishBronze(lake, [voidPart(EVENT_COLUMNS, rowGroup(EVENTS), "event_seq", key)]);
  const bronze = await gatherBronze(lake, DAY);
  const column = bronze.parts[0]!.footer!.columns.find(({ name }) => name === "event_seq");
  assertEquals(column, { name: "event_seq", type: "VOID", nullable: true });
  assertEquals([bronze.parts[0]!.collected, bronze.events], [true, 7]);
});

Deno.test("gatherBronze reports a null in a required column as a problem of the part", async () => {
  const lake = memoryLake();
  const nullable = EVENT_COLUMNS.map((column) => ({ ...column, nullable: true })); // as Spark does
  const group = rowGroup([{ ...EVENTS[0]!, operation: null as unknown as bigint }]);
  const parts = await Array.fromAsync(cutParts([group], nullable, bronzePrefix(DAY)));
  await publishBronze(lake, parts);
  const [part] = (await gatherBronze(lake, DAY)).parts;
  assertEquals([part!.problem, part!.collected], ["column operation_id contains a null", false]);
});

Deno.test("gatherBronze lists unreferenced parts, but no markers or hidden files", async () => {
  const lake = await publishedDay();
  const orphan = `${bronzePrefix(DAY)}part-00000-orphan.parquet`;
  for (const key of [orphan, `${bronzePrefix(DAY)}_SUCCESS`, `${bronzePrefix(DAY)}.tmp.parquet`]) {
    lake.objects.set(key, new Uint8Array(1));
  }
  const { listed, parts } = await gatherBronze(lake, DAY);
  assertEquals(listed.length, parts.length + 1);
  assert(listed.some(({ key }) => key === orphan));
});

Deno.test("gatherBronze reads a day again that was published during the reading", async () => {
  const lake = await publishedDay();
  const [first] = (await gatherBronze(lake, DAY)).parts;
  const newer = [await bronzePart(EVENTS)];
  let published = false;
  lake.onGet = (key) => {
    if (key !== first!.part.key || published) return;
    published = true;
    lake.objects.delete(key);
    void publishBronze(lake, newer);
  };
  const bronze = await gatherBronze(lake, DAY);
  assertEquals(bronze.parts.map(({ part, collected }) => [part.key, collected]), [
    [newer[0]!.key, true],
  ]);
  assertEquals([bronze.events, bronze.repeated], [7, []]);
});

Deno.test("gatherBronze reads parts at the same time if they have at most 4 MiB, and at most 32 parts", async () => {
  for (const [bytes, expected] of [[15 << 20, 1], [2 << 20, 2], [1000, 32]] as const) {
    const lake = memoryLake();
    const names = Array.from({ length: 40 }, (_, i) => `${i}`.padStart(5, "0"));
    const parts = names.map((name) => ({ ...partIn(bronzePrefix(DAY), 1, name), bytes }));
    for (const { key } of parts) lake.objects.set(key, new Uint8Array(1));
    const commit = bronzeCommit(DAY, 0, { rows: 40, parts });
    lake.objects.set(bronzeMarkerKey(DAY), renderMarker(commit));
    const { get } = lake;
    let [underWay, most] = [0, 0];
    lake.get = async (key) => {
      most = Math.max(most, ++underWay);
      await new Promise((resolve) => setTimeout(resolve));
      underWay--;
      return get(key);
    };
    const bronze = await gatherBronze(lake, DAY);
    assertEquals(bronze.parts.map(({ part }) => part.key), parts.map(({ key }) => key));
    assertEquals(most, expected);
  }
});

Deno.test("gatherBronze fails for an unreachable lake", async () => {
  for (const kind of ["unreachable", "configuration"] as const) {
    const lake = await publishedDay();
    const failure = new Failure({
      kind: kind,
      task: "read from the lake",
      problem: "no answer",
      remedy: "Run again.",
    });
    lake.get = (key) => key === KEY ? Promise.reject(failure) : Promise.resolve(undefined);
    await assertRejects(() => gatherBronze(lake, DAY), Failure, "Cannot read");
    const later = await publishedDay();
    const { get } = later;
    later.get = (key) => key === KEY ? get(key) : Promise.reject(failure);
    await assertRejects(() => gatherBronze(later, DAY), Failure, "Cannot read");
  }
});
