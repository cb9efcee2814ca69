import { gatherBronze } from "../../../checks/facts/bronze.ts";
import { gatherSource } from "../../../checks/facts/outbox_day.ts";
import { gatherSilver } from "../../../checks/facts/silver.ts";
import type { Result } from "../../../checks/finding.ts";
import type { Column, Value } from "../../../pipeline/contract/column.ts";
import { EVENT_COLUMNS, EXECUTION_COLUMNS } from "../../../pipeline/contract/tables.ts";
import {
  type BronzeCommit,
  renderMarker,
  type SilverCommit,
} from "../../../pipeline/lake/marker.ts";
import { openPart } from "../../../pipeline/lake/parquet_reader.ts";
import { generatedEvents } from "../../../tasks/demo/events.ts";
import { assert, assertEquals, assertStringIncludes } from "../../support/assert.ts";
import { bronze, DAY, event, markerOf, silver } from "../../support/days.ts";
import { type MemoryLake, memoryLake } from "../../support/memory_lake.ts";
import { createPart } from "../../support/parquet_writer.ts";
import { type Outbox, outbox } from "../../support/postgres.ts";
import { judge } from "../healthy/day.ts";

// One value of a published day is changed, in each column of each layer. The markers have the digests
// of the changed parts, so that only the values show the change.

/** Generated events, and one event without a value in each column that allows nulls. */
const EVENTS = [generatedEvents(120), event(1)];

type Layer = "bronze" | "silver";
type Change = (value: Value) => Value | undefined;

/** Another value of the same type that no row of the day has. */
function another({ name, type }: Column): Change {
  return (value) => {
    if (value === null) return undefined;
    if (name === "event_id" || name === "execution_id") {
      return "ffffffff-0000-4000-8000-000000000000";
    }
    if (name === "event_type") return value === "BLOCKED" ? "FAILED" : "BLOCKED";
    if (name === "status") return value === "BLOCKED" ? "FAILED" : "BLOCKED";
    if (value instanceof Uint8Array) return value.with(8, value[8]! ^ 1);
    if (type === "STRING") return `${value}x`;
    return typeof value === "bigint" ? value ^ 1n << 40n : Number(value) ^ 1;
  };
}

const removed: Change = (value) => value === null ? undefined : null;

/** The smallest value of a type, for a row without a value. */
function added({ type }: Column): Change {
  const values: Record<string, Value> = {
    "STRING": "",
    "INT32": 0,
    "DECIMAL(20,8)": new Uint8Array(9),
  };
  return (value) => value === null ? values[type] ?? 0n : undefined;
}

/** Changes the first value of a column for which `change` returns a value, in parts and markers. */
async function alter(
  lake: MemoryLake,
  layer: Layer,
  column: Column,
  change: Change,
): Promise<void> {
  const columns = layer === "bronze" ? EVENT_COLUMNS : EXECUTION_COLUMNS;
  const names = columns.map(({ name }) => name);
  const { commit, key } = await markerOf(lake, layer);
  const parts = [...commit.parts];
  for (const [p, part] of parts.entries()) {
    const groups = await Array.fromAsync(openPart(lake.objects.get(part.key)!).groups(names));
    for (const group of groups) {
      const values = group.columns[names.indexOf(column.name)]! as Value[];
      const at = values.findIndex((value) => change(value) !== undefined);
      if (at < 0) continue;
      values[at] = change(values[at]!)!;
      const writer = createPart(columns);
      for (const { rows, columns } of groups) writer.write({ rows, columns });
      const { body, sha256 } = writer.finish();
      lake.objects.set(part.key, body);
      parts[p] = { ...part, bytes: body.length, sha256 };
      const changed = { ...commit, parts } as BronzeCommit | SilverCommit;
      await lake.put(key, renderMarker(changed));
      if (layer === "bronze") await referToBronze(lake);
      return;
    }
  }
  throw new Error(`no value of ${column.name} can be changed`);
}

/** Makes the silver marker name the current bronze marker. */
async function referToBronze(lake: MemoryLake): Promise<void> {
  const { key, sha256 } = await markerOf(lake, "bronze");
  const published = await markerOf(lake, "silver");
  const commit = { ...published.commit, bronze: { key, sha256 } };
  await lake.put(published.key, renderMarker(commit));
}

async function postflight(db: Outbox, lake: MemoryLake): Promise<Map<string, Result>> {
  const source = await gatherSource(db.config, lake, DAY);
  const read = await gatherBronze(lake, DAY);
  const results = await judge({
    source,
    bronze: read,
    silver: await gatherSilver(lake, DAY, read),
  });
  return new Map(results.map((result) => [result.id, result]));
}

/** Calls `use` for each change of each column, on a fresh copy of one published day. */
async function eachChange(
  layer: Layer,
  columns: readonly Column[],
  use: (column: Column, what: string, results: Map<string, Result>) => void,
): Promise<void> {
  await using db = await outbox({ events: EVENTS });
  const lake = memoryLake();
  await bronze(db, lake);
  await silver(lake);
  const sound = await postflight(db, lake);
  const verdicts = new Set([...sound.values()].map(({ verdict }) => verdict));
  assert(!verdicts.has("fail") && !verdicts.has("error"), JSON.stringify([...sound]));
  const contents = lake.snapshot();
  for (const column of columns) {
    const changes: [string, Change][] = [["another value", another(column)]];
    if (column.nullable) changes.push(["no value", removed], ["a value", added(column)]);
    for (const [what, change] of changes) {
      await alter(lake, layer, column, change);
      use(column, `${column.name}: ${what}`, await postflight(db, lake));
      lake.restore(contents);
    }
  }
}

Deno.test("row-counts fails for one changed value in any column of bronze", async () => {
  await eachChange("bronze", EVENT_COLUMNS, ({ name }, what, results) => {
    const { verdict, findings } = results.get("row-counts")!;
    assertEquals(verdict, "fail", what);
    if (name === "event_id" || name === "event_seq") return;
    assertStringIncludes(findings[0]!.problem, `: ${name} is `, what);
  });
});

/** The check that compares a column of silver, if it is not silver-values. */
const OTHER_CHECKS = new Map([
  ["operation_id", "silver-rows"],
  ["client_id", "silver-rows"],
  ["status", "silver-status"],
  ["execution_id", "silver-status"],
]);

Deno.test("silver-values, silver-rows and silver-status fail for one changed value in any column of silver", async () => {
  await eachChange("silver", EXECUTION_COLUMNS, ({ name }, what, results) => {
    const id = OTHER_CHECKS.get(name) ?? "silver-values";
    const failed = [...results.values()].filter(({ verdict }) => verdict === "fail");
    assertEquals(failed.map((result) => result.id), [id], what);
    assertEquals(new Set(failed[0]!.findings.map(({ field }) => field)), new Set([name]), what);
  });
});

Deno.test("silver-values, silver-rows and silver-status name every column of silver between them", async () => {
  await using db = await outbox({ events: EVENTS });
  const lake = memoryLake();
  await bronze(db, lake);
  await silver(lake);
  const results = await postflight(db, lake);
  const { examined } = results.get("silver-values")!;
  for (const { name } of EXECUTION_COLUMNS) {
    if (!OTHER_CHECKS.has(name)) assertStringIncludes(examined!, name);
  }
  assertStringIncludes(results.get("silver-status")!.examined!, "status and execution_id");
});
