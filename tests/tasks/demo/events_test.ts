import { generatedEvents, RUNBOOK_EVENTS } from "../../../tasks/demo/events.ts";
import { assert, assertEquals, assertThrows } from "../../support/assert.ts";
import { outbox } from "../../support/postgres.ts";

const NULLABLE = [
  "event_seq",
  "trigger_price",
  "stop_price",
  "quantity",
  "side",
  "execution_token",
  "payload_json",
  "request_payload_hash",
  "exchange_order_id",
  "fill_price",
  "slippage_pct",
  "error_message",
  "retry_count",
];
const TYPES = [
  "BLOCKED",
  "CIRCUIT_BREAKER",
  "EXECUTED",
  "EXECUTION_SUBMITTED",
  "FAILED",
  "KILL_SWITCH",
  "SLIPPAGE_BREACH",
  "STALE_PRICE",
  "STOP_TRIGGERED",
];

Deno.test("events: contain two events of one operation on the runbook's day", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  const rows = await db.query(
    `SELECT event_type, operation_id, client_id, symbol, side, exchange_order_id IS NULL AS waiting
     FROM stop_events WHERE occurred_at >= '2025-12-28Z' AND occurred_at < '2025-12-29Z'
     ORDER BY event_seq`,
  );
  const stop = { operation_id: "1", client_id: "1", symbol: "BTCUSDC", side: "SELL" };
  assertEquals(rows, [
    { event_type: "STOP_TRIGGERED", ...stop, waiting: "t" },
    { event_type: "EXECUTED", ...stop, waiting: "f" },
  ]);
});

Deno.test("events: create an outbox table with unique IDs and sequence numbers, and time zones", async () => {
  await using db = await outbox();
  const columns = await db.query(
    `SELECT column_name AS name FROM information_schema.columns
     WHERE table_name = 'stop_events' AND is_nullable = 'YES' ORDER BY ordinal_position`,
  );
  assertEquals(columns.map(({ name }) => name), NULLABLE);
  const indexes = await db.query(
    `SELECT regexp_replace(indexdef, ' INDEX \\w+ ON public', '') AS sql
     FROM pg_indexes WHERE tablename = 'stop_events' ORDER BY 1`,
  );
  assertEquals(indexes.map(({ sql }) => sql), [
    "CREATE UNIQUE.stop_events USING btree (event_id)",
    "CREATE UNIQUE.stop_events USING btree (event_seq)",
    "CREATE.stop_events USING btree (occurred_at)",
  ]);
});

Deno.test("events: generate 2,000 realistic events, including rare values", async (t) => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS, generatedEvents(2000)] });
  const one = async (sql: string) => Object.values((await db.query(sql))[0] ?? {});
  const where = async (condition: string) =>
    Number((await one(`SELECT count(*) FROM stop_events WHERE ${condition}`))[0]);

  await t.step("all events are on that day", async () => {
    assertEquals(await where("true"), 2002);
    assertEquals(
      await where("occurred_at >= '2025-12-28Z' AND occurred_at < '2025-12-29Z'"),
      2002,
    );
    assertEquals(await one("SELECT min(occurred_at), max(occurred_at) FROM stop_events"), [
      "2025-12-28 00:00:00+00",
      "2025-12-28 23:59:59.999999+00",
    ]);
  });

  await t.step("all nine types, many clients and symbols, every source and side", async () => {
    const types = await db.query("SELECT DISTINCT event_type AS x FROM stop_events ORDER BY 1");
    assertEquals(types.map(({ x }) => x), TYPES);
    const sources = await db.query("SELECT DISTINCT source AS x FROM stop_events ORDER BY 1");
    assertEquals(sources.map(({ x }) => x), ["cron", "manual", "ws"]);
    const sides = await db.query("SELECT DISTINCT side AS x FROM stop_events ORDER BY 1");
    assertEquals(sides.map(({ x }) => x), ["", "BUY", "SELL", null]);
    assert(await where("client_id BETWEEN 1 AND 20") > 1900);
    const [clients, symbols, operations] = await one(
      `SELECT count(DISTINCT client_id) AS a, count(DISTINCT symbol) AS b,
         count(DISTINCT operation_id) AS c
       FROM stop_events`,
    );
    assertEquals([clients, symbols], ["21", "7"]);
    assert(Number(operations) > 500 && Number(operations) < 700, `${operations} operations`);
  });

  await t.step("every nullable column is null in some rows and set in others", async () => {
    for (const column of NULLABLE) {
      assert(await where(`${column} IS NULL`) > 0, `${column} is never null`);
      assert(await where(`${column} IS NOT NULL`) > 20, `${column} is hardly ever set`);
    }
  });

  await t.step("numbers at the limits of their types", async () => {
    for (const column of ["trigger_price", "stop_price", "quantity", "fill_price"]) {
      const edges = "(999999999999.99999999), (-999999999999.99999999), (0.00000001), (0)";
      assertEquals(
        await one(`SELECT count(*) FROM (VALUES ${edges}) AS edge (value)
                   WHERE value IN (SELECT ${column} FROM stop_events)`),
        ["4"],
        column,
      );
    }
    assertEquals(
      await one(`SELECT min(slippage_pct) AS a, max(slippage_pct) AS b,
                   min(retry_count) AS c, max(retry_count) AS d FROM stop_events`),
      ["-999999.9999", "999999.9999", "-2147483648", "2147483647"],
    );
    assertEquals(
      await one(`SELECT min(operation_id) AS a, max(operation_id) AS b, min(client_id) AS c
                 FROM stop_events`),
      ["-9223372036854775807", "9223372036854775807", "-1"],
    );
    assert(await where("event_seq > 9000000000000000000") > 0);
    assert(await where("event_seq < 0") > 0);
  });

  await t.step("texts with special characters", async () => {
    assert(await where("error_message LIKE U&'\\FEFF%'") > 0, "byte order mark");
    for (const part of ["🛑", "'", '"', "\\", "\n", "\r\n", "\t"]) {
      const rows = await db.query(
        "SELECT 1 FROM stop_events WHERE position($1 IN error_message) > 0 LIMIT 1",
        [part],
      );
      assertEquals(rows.length, 1, JSON.stringify(part));
    }
    const empty = ["side", "execution_token", "exchange_order_id", "error_message"];
    for (const column of empty) assert(await where(`${column} = ''`) > 0, `${column} never empty`);
    assert(await where("payload_json = 'null'") > 0, "a JSON null");
    assert(await where("payload_json::text ~ '[0-9]{30}'") > 0, "a number of many digits");
    assertEquals(await where("length(payload_json::text) > 200000"), 1);
  });

  await t.step("sequence numbers follow time, except for late writers", async () => {
    const [late] = await one(
      `SELECT count(*) FROM (SELECT occurred_at < lag(occurred_at) OVER (ORDER BY event_seq) AS late
       FROM stop_events WHERE event_seq BETWEEN 1000 AND 1000000) AS pairs WHERE late`,
    );
    assert(Number(late) > 10 && Number(late) < 400, `${late} of 2000`);
    assert(await where("extract(microseconds FROM occurred_at)::int % 1000 <> 0") > 1900);
  });
});

Deno.test("events: the same seed and number give the same rows, others give different rows", async () => {
  assertEquals(generatedEvents(100), generatedEvents(100));
  const digest = async (events: string[]) => {
    await using db = await outbox({ events });
    const [row] = await db.query(
      "SELECT md5(string_agg(e::text, chr(10) ORDER BY event_id)) AS md5, count(*) FROM stop_events e",
    );
    return row;
  };
  const first = await digest([generatedEvents(100)]);
  assertEquals(await digest([generatedEvents(100)]), first);
  const together = await digest([
    RUNBOOK_EVENTS,
    generatedEvents(100),
    generatedEvents(100, { seed: 1 }),
    generatedEvents(100, { seed: 2, day: "2024-02-29" }),
    generatedEvents(100, { startSeq: 1100 }),
  ]);
  assertEquals(together?.count, "402");
});

Deno.test("events: generate small numbers of events, and all nine types with nine events", async () => {
  for (const [count, types] of [[0, 0], [1, 1], [2, 2], [9, 9], [10, 9]] as const) {
    await using db = await outbox({ events: [generatedEvents(count)] });
    assertEquals(
      await db.query("SELECT count(*), count(DISTINCT event_type) AS types FROM stop_events"),
      [{ count: `${count}`, types: `${types}` }],
    );
  }
});

Deno.test("events: reject invalid numbers", () => {
  assertThrows(() => generatedEvents(1.5), RangeError, "1.5");
  assertThrows(() => generatedEvents(1, { seed: -1 }), RangeError, "-1");
  assertThrows(() => generatedEvents(1, { day: "yesterday" }), RangeError, "yesterday");
});
