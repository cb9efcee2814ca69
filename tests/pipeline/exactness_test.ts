import { runBronze } from "../../pipeline/bronze.ts";
import { bronzeMarkerKey, silverMarkerKey } from "../../pipeline/contract/keys.ts";
import { EVENT_COLUMNS, EXECUTION_COLUMNS } from "../../pipeline/contract/tables.ts";
import { parseDay } from "../../pipeline/contract/window.ts";
import { readMarker } from "../../pipeline/lake/marker.ts";
import { runSilver } from "../../pipeline/silver.ts";
import { generatedEvents, RUNBOOK_EVENTS } from "../../tasks/demo/events.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { duckdb, type DuckRow, parquet } from "../support/duckdb.ts";
import { expectedEvents, expectedExecutions, readBack } from "../support/expected.ts";
import { compareStatistics } from "../support/footer_statistics.ts";
import { recorder, temporaryLake } from "../support/lakes.ts";
import { outbox } from "../support/postgres.ts";

const DAY = parseDay("2025-12-28")!;
const GRACE = 900_000_000n;

/** Compares row by row, so that a failure shows one row and not two hundred thousand. */
function assertSameRows(actual: readonly DuckRow[], expected: readonly DuckRow[]): void {
  assertEquals(actual.length, expected.length);
  for (let i = 0; i < expected.length; i++) {
    const same = expected[i]!.every((value, column) => value === actual[i]![column]);
    if (!same) assertEquals(actual[i]!, expected[i]!, `row ${i}`);
  }
}

Deno.test("bronze: equals Postgres for 100,000 events, and silver equals a replay in SQL, as DuckDB reads them", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS, generatedEvents(100_000)] });
  await using lake = await temporaryLake();
  await runBronze({ database: db.config, lake, day: DAY, grace: GRACE, observer: recorder() });
  await runSilver({ lake, day: DAY, observer: recorder() });

  const bronze = (await readMarker(lake, "bronze", bronzeMarkerKey(DAY), DAY))!.commit;
  assertEquals([bronze.state, bronze.rows], ["sealed", 100_002]);
  const eventFiles = bronze.parts.map(({ key }) => lake.file(key));
  const events = parquet(eventFiles);
  assertSameRows(
    await duckdb(`SELECT ${readBack(EVENT_COLUMNS)} FROM ${events}`),
    (await db.query(expectedEvents(DAY))).map((row) => Object.values(row)),
  );

  const silver = (await readMarker(lake, "silver", silverMarkerKey(DAY), DAY))!.commit;
  const executionFiles = silver.parts.map(({ key }) => lake.file(key));
  const executions = parquet(executionFiles);
  assertSameRows(
    await duckdb(`SELECT ${readBack(EXECUTION_COLUMNS)} FROM ${executions}`),
    (await db.query(expectedExecutions(DAY))).map((row) => Object.values(row)),
  );
  assert(silver.rows > 20_000);

  // The footers agree with the rows, so a filter finds all of its rows.
  assertEquals((await compareStatistics(eventFiles, EVENT_COLUMNS, 1)).faults, []);
  assertEquals((await compareStatistics(executionFiles, EXECUTION_COLUMNS, 1)).faults, []);
});

Deno.test("bronze: has the types of the contract in the reader of another vendor", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  await runBronze({ database: db.config, lake, day: DAY, grace: GRACE, observer: recorder() });
  await runSilver({ lake, day: DAY, observer: recorder() });
  const DUCK_TYPES: Record<string, string> = {
    "STRING": "VARCHAR",
    "INT32": "INTEGER",
    "INT64": "BIGINT",
    "TIMESTAMP(MICROS,UTC)": "TIMESTAMP WITH TIME ZONE",
    "DECIMAL(20,8)": "DECIMAL(20,8)",
    "DECIMAL(10,4)": "DECIMAL(10,4)",
  };
  for (
    const [folder, columns] of [["bronze", EVENT_COLUMNS], ["silver", EXECUTION_COLUMNS]] as const
  ) {
    const files = `read_parquet('${lake.path}/${folder}/**/*.parquet', hive_partitioning = false)`;
    const described = await duckdb(`SELECT column_name, column_type FROM (DESCRIBE FROM ${files})`);
    assertEquals(described, columns.map(({ name, type }) => [name, DUCK_TYPES[type]!]));
  }
});
