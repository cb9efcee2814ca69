import { runBronze } from "../../pipeline/bronze.ts";
import { bronzeMarkerKey } from "../../pipeline/contract/keys.ts";
import { parsePrinted } from "../../pipeline/contract/value_text.ts";
import { formatMicros, parseDay } from "../../pipeline/contract/window.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { readMarker, renderMarker } from "../../pipeline/lake/marker.ts";
import { columnsOf, findRows, type RowQuery } from "../../pipeline/rows.ts";
import { generatedEvents, RUNBOOK_EVENTS } from "../../tasks/demo/events.ts";
import { renderJsonRow } from "../../tasks/show/text.ts";
import { assertEquals, assertRejects, assertStringIncludes } from "../support/assert.ts";
import { expectedEvents } from "../support/expected.ts";
import { lakeKinds } from "../support/lake_places.ts";
import { recorder, temporaryLake } from "../support/lakes.ts";
import { type Outbox, outbox } from "../support/postgres.ts";
import { bronzeCommit, store } from "../support/published_days.ts";

const DAY = parseDay("2025-12-28")!;
const CENTURY = 100n * 366n * 86_400_000_000n;
const COLUMNS = columnsOf("bronze");

async function bronze(db: Outbox, lake: Lake, grace = 0n): Promise<void> {
  await runBronze({ database: db.config, lake, day: DAY, grace, observer: recorder() });
}

function query(more: Partial<RowQuery> = {}): RowQuery {
  return { layer: "bronze", day: DAY, columns: COLUMNS, conditions: [], limit: 20, ...more };
}

function where(column: string, value: string) {
  const { type } = COLUMNS.find(({ name }) => name === column)!;
  return { column, matches: parsePrinted(value, type) };
}

for (const { name, place } of lakeKinds()) {
  Deno.test(`findRows on ${name}: returns every value of every row as Postgres prints it`, async () => {
    await using db = await outbox({ events: [RUNBOOK_EVENTS, generatedEvents(500)] });
    await using here = await place();
    const lake = await here.open();
    await bronze(db, lake);
    const { rows, matching, total, state } = await findRows(lake, query({ limit: 1000 }));
    assertEquals([rows.length, matching, total, state], [502, 502, 502, "sealed"]);
    const expected = (await db.query(expectedEvents(DAY))).map((row) => ({
      ...row,
      occurred_at: formatMicros(BigInt(row.occurred_at!)),
    }));
    const found = rows.map((row) => JSON.parse(renderJsonRow(row, COLUMNS)))
      .map((row) => ({ ...row, retry_count: row.retry_count?.toString() ?? null }));
    assertEquals(found, expected);
  });
}

Deno.test("findRows: returns the requested columns in order, and applies conditions on other columns", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  await bronze(db, lake);
  const columns = ["source", "event_type"].map((name) => COLUMNS.find((c) => c.name === name)!);
  const found = await findRows(lake, query({ columns, conditions: [where("event_seq", "2")] }));
  assertEquals(found.rows, [["ws", "EXECUTED"]]);
  assertEquals([found.matching, found.total], [1, 2]);
});

Deno.test("findRows: requires all conditions, and counts all matching rows", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS, generatedEvents(500)] });
  await using lake = await temporaryLake();
  await bronze(db, lake);
  const conditions = [where("event_type", "EXECUTED"), where("fill_price", "null")];
  const [row] = await db.query(
    "SELECT count(*) AS count FROM stop_events WHERE event_type = 'EXECUTED' AND fill_price IS NULL",
  );
  const found = await findRows(lake, query({ conditions, limit: 1 }));
  assertEquals([found.rows.length, found.matching], [
    Math.min(1, Number(row!.count)),
    Number(row!.count),
  ]);
});

Deno.test("findRows: without conditions, reads only the parts that it needs", async () => {
  await using lake = await temporaryLake();
  await store(lake, bronzeCommit(DAY, 3));
  const { rows, total } = await findRows(lake, query({ limit: 0 }));
  assertEquals([rows, total], [[], 3]); // the part is not a Parquet file, so it was not read
});

Deno.test("findRows: refuses a part with a changed byte", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  await bronze(db, lake);
  const { commit } = (await readMarker(lake, "bronze", bronzeMarkerKey(DAY), DAY))!;
  const file = lake.file(commit.parts[0]!.key);
  const bytes = await Deno.readFile(file);
  bytes[100]! ^= 1;
  await Deno.writeFile(file, bytes);
  const { kind, message } = await assertRejects(() => findRows(lake, query()), Failure);
  assertEquals(kind, "data");
  assertStringIncludes(message, "its sha256 differs from the commit marker");
});

Deno.test("findRows: reads a day again that is published again during the read", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  await bronze(db, lake, CENTURY);
  let interfered = false;
  const interfering: Lake = {
    ...lake,
    async get(key) {
      if (key.endsWith(".parquet") && !interfered) {
        interfered = true;
        await db.query(generatedEvents(50));
        await bronze(db, lake, CENTURY); // replaces the part that is about to be read
      }
      return await lake.get(key);
    },
  };
  assertEquals((await findRows(interfering, query({ limit: 100 }))).rows.length, 52);
});

Deno.test("findRows: refuses a day without a marker, and a day of another contract", async () => {
  await using lake = await temporaryLake();
  const none = await assertRejects(() => findRows(lake, query()), Failure);
  assertEquals(none.kind, "data");
  assertStringIncludes(none.message, "deno task run --date 2025-12-28");
  const foreign = bronzeCommit(DAY, 0, { contract: `sha256:${"0".repeat(64)}` });
  await lake.put(bronzeMarkerKey(DAY), renderMarker(foreign));
  const other = await assertRejects(() => findRows(lake, query()), Failure);
  assertEquals(other.kind, "data");
  assertStringIncludes(other.message, "a different contract");
});
