import { type BronzeFact, gatherBronze } from "../../../checks/facts/bronze.ts";
import { gatherSilver, type SilverFact, type SilverRow } from "../../../checks/facts/silver.ts";
import type { SourceFact } from "../../../checks/facts/outbox_day.ts";
import { silverMarkerKey, silverPrefix } from "../../../pipeline/contract/keys.ts";
import { EXECUTION_CONTRACT } from "../../../pipeline/contract/fingerprint.ts";
import { EXECUTION_COLUMNS } from "../../../pipeline/contract/tables.ts";
import { renderMarker } from "../../../pipeline/lake/marker.ts";
import { openPart } from "../../../pipeline/lake/parquet_reader.ts";
import { runSilver } from "../../../pipeline/silver.ts";
import { assertEquals, assertMatch } from "../../support/assert.ts";
import { CENTURY } from "../../support/days.ts";
import { memoryLake } from "../../support/memory_lake.ts";
import { compared, judge, SOURCE } from "../healthy/day.ts";
import {
  bronzePart,
  DAY,
  type Event,
  publishBronze,
  publishedDay,
  uuid,
  voidPart,
} from "../healthy/published_day.ts";

const KEY = silverMarkerKey(DAY);

/** An outbox with the events of a bronze. */
function sourceOf({ marker }: BronzeFact): SourceFact {
  return { ...SOURCE, compared: { ...compared(), sha256: marker!.sha256 } };
}

/** The rows as objects without other members. */
function plainRows({ rows }: SilverFact): SilverRow[] {
  return Array.from(
    rows,
    ({ part, operation_id, client_id, status, execution_id, filled }) => ({
      part,
      operation_id,
      client_id,
      status,
      execution_id,
      filled,
    }),
  );
}

Deno.test("gatherSilver reads a silver without faults", async () => {
  const silver = await gatherSilver(await publishedDay(), DAY);
  assertEquals(silver.marker?.commit.rows, 3);
  assertEquals(silver.listed.map(({ key }) => key), silver.parts.map(({ part }) => part.key));
  assertEquals(silver.parts.map(({ collected }) => collected), [true, true]);
  const [first, second] = silver.parts.map(({ part }) => part.key);
  assertEquals(plainRows(silver), [
    {
      part: first!,
      operation_id: 11n,
      client_id: 1n,
      status: "EXECUTED",
      execution_id: uuid(2),
      filled: false,
    },
    {
      part: first!,
      operation_id: 12n,
      client_id: 1n,
      status: "FAILED",
      execution_id: uuid(3),
      filled: false,
    },
    {
      part: second!,
      operation_id: 13n,
      client_id: 2n,
      status: "BLOCKED",
      execution_id: uuid(5),
      filled: false,
    },
  ]);
});

Deno.test("gatherSilver: the checks find no fault in a day that the pipeline published", async () => {
  const lake = await publishedDay();
  const bronze = await gatherBronze(lake, DAY, undefined, CENTURY); // the day is not over
  const silver = await gatherSilver(lake, DAY, bronze);
  const results = await judge({ source: sourceOf(bronze), bronze, silver });
  const wrong = results.filter(({ verdict }) => verdict !== "pass");
  // Operation 11 was executed, and no event has a price.
  assertEquals(wrong.map(({ id, verdict }) => [id, verdict]), [["fill-price", "warn"]]);
});

Deno.test("gatherSilver: rows that were read without bronze are compared with its events", async () => {
  const lake = await publishedDay();
  const silver = await gatherSilver(lake, DAY);
  const bronze = await gatherBronze(lake, DAY, undefined, CENTURY);
  const results = await judge({ source: sourceOf(bronze), bronze, silver });
  const failed = results.filter(({ verdict }) => verdict === "fail");
  assertEquals(failed.map(({ id }) => id), []);
});

Deno.test("gatherSilver: a missing, a repeated and an extra row are found in several parts", async () => {
  const lake = await publishedDay();
  const { commit } = (await gatherSilver(lake, DAY)).marker!;
  const [first, second] = commit.parts;
  const copy = { ...second!, key: second!.key.replace(".parquet", "-2.parquet") };
  lake.objects.set(copy.key, lake.objects.get(second!.key)!.slice());
  const failures = async (parts: typeof commit.parts, read: BronzeFact) => {
    const rows = parts.reduce((sum, part) => sum + part.rows, 0);
    const bronzeSha256 = { ...commit.bronze, sha256: read.marker!.sha256 };
    await lake.put(KEY, renderMarker({ ...commit, bronze: bronzeSha256, rows, parts }));
    const silver = await gatherSilver(lake, DAY, read);
    const results = await judge({ source: sourceOf(read), bronze: read, silver });
    const { findings = [] } = results.find(({ id }) => id === "silver-rows") ?? {};
    return findings.map(({ problem }) => problem.replace(/:.*/, ""));
  };
  const bronze = await gatherBronze(lake, DAY, undefined, CENTURY);
  assertEquals(await failures([first!, second!], bronze), []);
  assertEquals(await failures([second!], bronze), [
    "no row for 2 operations with execution events",
  ]);
  assertEquals(await failures([first!, second!, copy], bronze), [
    "1 operation with more than one row",
  ]);
  assertEquals(await failures([second!, copy], bronze), [
    "no row for 2 operations with execution events",
    "1 operation with more than one row",
  ]);
  await publishBronze(lake, []);
  const empty = await gatherBronze(lake, DAY, undefined, CENTURY);
  assertEquals(await failures([second!, copy], empty), [
    "2 rows without an execution event",
    "1 operation with more than one row",
  ]);
});

Deno.test("gatherSilver lists the parts of every client, and of no other day", async () => {
  const lake = await publishedDay();
  const orphan = `${silverPrefix(77n, DAY)}part-00000-orphan.parquet`;
  lake.objects.set(orphan, new Uint8Array(1));
  lake.objects.set(`${silverPrefix(1n, "2025-12-27")}part-00000-x.parquet`, new Uint8Array(1));
  const { listed, parts } = await gatherSilver(lake, DAY);
  const keys = [...parts.map(({ part }) => part.key), orphan].sort();
  assertEquals(listed.map(({ key }) => key), keys);
});

Deno.test("gatherSilver reports a missing marker and an invalid marker", async () => {
  const lake = await publishedDay();
  lake.objects.set(KEY, new TextEncoder().encode("[]"));
  assertEquals((await gatherSilver(lake, DAY)).markerProblem, "the marker is not an object");
  lake.objects.delete(KEY);
  const { marker, markerProblem, rows, parts } = await gatherSilver(lake, DAY);
  assertEquals([marker, markerProblem, [...rows], parts], [undefined, undefined, [], []]);
});

Deno.test("gatherSilver reads the other parts if one is truncated", async () => {
  const lake = await publishedDay();
  const { key } = (await gatherSilver(lake, DAY)).parts[0]!.part;
  lake.objects.set(key, lake.objects.get(key)!.slice(0, 50));
  const { parts, rows } = await gatherSilver(lake, DAY);
  assertEquals(parts.map(({ collected }) => collected), [false, true]);
  assertMatch(parts[0]!.problem!, /^it is not a Parquet file/);
  assertEquals(Array.from(rows, ({ operation_id }) => operation_id), [13n]);
});

Deno.test("gatherSilver reads a part with an untyped column, as from Spark's lit(None)", async () => {
  const lake = await publishedDay();
  const before = await gatherSilver(lake, DAY);
  const { commit } = before.marker!;
  const [old, ...others] = commit.parts;
  const names = EXECUTION_COLUMNS.map(({ name }) => name);
  const [group] = await Array.fromAsync(openPart(lake.objects.get(old!.key)!).groups(names));
  const { body, ...part } = voidPart(EXECUTION_COLUMNS, group!, "submitted_at", old!.key);
  await lake.put(part.key, body);
  await lake.put(KEY, renderMarker({ ...commit, parts: [part, ...others] }));
  const bronze = await gatherBronze(lake, DAY);
  const silver = await gatherSilver(lake, DAY, bronze);
  assertEquals(silver.marker!.commit.contract, EXECUTION_CONTRACT);
  assertEquals(plainRows(silver), plainRows(before));
  const results = await judge({ source: sourceOf(bronze), bronze, silver });
  const failed = results.filter(({ verdict }) => verdict === "fail");
  assertEquals(failed.map(({ id, findings }) => [id, findings[0]!.field]), [
    ["parquet-void", "submitted_at"],
  ]);
});

Deno.test("gatherSilver: executions without a price belong to their client's part, or to the day", async () => {
  const executed = (client: bigint, first: number, count: number): Event[] =>
    Array.from({ length: count }, (_, i) => ({
      id: uuid(first + i),
      seq: BigInt(first + i),
      at: first + i,
      operation: BigInt(first + i),
      client,
      type: "EXECUTED",
    }));
  for (
    const [counts, client] of [
      [[4, 4, 4], undefined],
      [[10, 1, 1], undefined],
      [[6, 0, 6], undefined],
      [[0, 12, 0], 2n],
      [[0, 0, 1], 3n],
    ] as const
  ) {
    const lake = memoryLake();
    const events = counts.flatMap((count, i) => executed(BigInt(i + 1), i * 20 + 1, count));
    // Every client also has a failed execution, which needs no price.
    const failed = [1n, 2n, 3n].map((each): Event => (
      { ...executed(each, Number(each) + 100, 1)[0]!, type: "FAILED" }
    ));
    await publishBronze(lake, [await bronzePart([...events, ...failed])]);
    await runSilver({ lake, day: DAY, observer: { step() {}, progress() {} } });
    const bronze = await gatherBronze(lake, DAY, undefined, CENTURY);
    const silver = await gatherSilver(lake, DAY, bronze);
    const results = await judge({ source: sourceOf(bronze), bronze, silver });
    const [finding, ...others] = results.flatMap(({ findings }) => findings);
    assertEquals(others, []);
    const part = silver.parts.map(({ part }) => part.key)
      .find((key) => client !== undefined && key.startsWith(silverPrefix(client, DAY)));
    assertEquals([counts, finding!.object], [counts, part ?? silver.markerKey]);
    assertMatch(finding!.problem, new RegExp(`^${events.length} rows? with status EXECUTED`));
    // With several clients, each name has its own.
    const names = [...finding!.problem.matchAll(/operation (\d+)( of client (\d+))?/g)];
    for (const [, operation, ofClient, own] of names) {
      const { client: wanted } = events.find(({ id }) => id === uuid(Number(operation)))!;
      assertEquals(ofClient === undefined, part !== undefined);
      if (own !== undefined) assertEquals(BigInt(own), wanted);
    }
  }
});
