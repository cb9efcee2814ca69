import { parseDay, windowOf } from "../../../pipeline/contract/window.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { connect } from "../../../pipeline/outbox/connection.ts";
import { readSchema } from "../../../pipeline/outbox/schema.ts";
import { copyEvents, countRows } from "../../../pipeline/outbox/window_rows.ts";
import { type Survey, survey } from "../../../pipeline/outbox/survey.ts";
import { createEventParts } from "../../../pipeline/pages/event_parts.ts";
import { CREATE_OUTBOX } from "../../../tasks/demo/events.ts";
import { assertEquals, assertRejects, assertStringIncludes } from "../../support/assert.ts";
import { eventId, insertEvent } from "../../support/events.ts";
import { type Outbox, outbox } from "../../support/postgres.ts";

const WINDOW = windowOf(parseDay("2025-12-28")!);

/** Creates an outbox without constraints, so that Postgres accepts every event. */
async function lenient(...events: string[]): Promise<Outbox> {
  const anything = `
    ALTER TABLE stop_events DROP CONSTRAINT stop_events_pkey;
    ALTER TABLE stop_events DROP CONSTRAINT stop_events_event_seq_key;
    ALTER TABLE stop_events ALTER event_id DROP NOT NULL, ALTER occurred_at DROP NOT NULL,
      ALTER symbol DROP NOT NULL, ALTER stop_price TYPE numeric, ALTER slippage_pct TYPE numeric`;
  return await outbox({ events: [anything, ...events] });
}

/** Returns the result of the survey, the number of events that are read, and the number of counted rows. */
async function look(db: Outbox): Promise<{ found: Survey; read: number; counted: number }> {
  const connection = await connect(db.config);
  try {
    const schema = await readSchema(connection);
    connection.beginSnapshot();
    const found = await survey(connection, WINDOW, schema);
    let read = 0;
    const copies = copyEvents(connection, WINDOW, schema, true);
    for await (const { rows } of createEventParts().read(copies)) read += rows;
    const counted = await countRows(connection, WINDOW);
    await connection.endSnapshot();
    return { found, read, counted };
  } finally {
    await connection.close();
  }
}

Deno.test("survey: counts the events that fit, with the range of their event_seq", async () => {
  await using db = await outbox({
    events: [
      insertEvent(3),
      insertEvent(5),
      insertEvent(9, { occurred_at: "'2025-12-29T00:00:00Z'" }),
    ],
  });
  const { found, read, counted } = await look(db);
  assertEquals(found, {
    rows: 2,
    minSeq: 3n,
    maxSeq: 5n,
    unfit: [],
    strays: [],
    strayCount: 0,
  });
  assertEquals([read, counted], [2, 2]);
});

Deno.test("survey: excludes an event that does not fit from every result, and keeps its whole row", async () => {
  await using db = await lenient(
    'ALTER TABLE stop_events ADD COLUMN "odd ""one" text DEFAULT \'x\'',
    insertEvent(1, { fill_price: "'NaN'", stop_price: "1.123456789", symbol: "NULL" }),
    insertEvent(2),
  );
  const { found, read, counted } = await look(db);
  assertEquals([found.rows, found.minSeq, found.maxSeq, read, counted], [1, 2n, 2n, 1, 2]);
  const [unfit, ...others] = found.unfit;
  assertEquals(others, []);
  assertEquals(unfit!.event_id, eventId(1));
  assertEquals(unfit!.problems, [
    { column: "symbol", problem: "is null" },
    { column: "stop_price", problem: "has more than 8 decimals" },
    { column: "fill_price", problem: "is NaN" },
  ]);
  const { occurred_at, stop_price, quantity, request_payload_hash, 'odd "one': odd } = unfit!.row;
  assertEquals({ occurred_at, stop_price, quantity, request_payload_hash, odd }, {
    occurred_at: "2025-12-28 10:00:00+00",
    stop_price: "1.123456789",
    quantity: null,
    request_payload_hash: null,
    odd: "x",
  });
  assertEquals(Object.keys(unfit!.row).length, 21);
});

/** A column, its value, and the reported problem. */
const UNFIT: [string, string, string][] = [
  ["fill_price", "'NaN'", "is NaN"],
  ["stop_price", "'-Infinity'", "is infinite"],
  ["stop_price", "1000000000000", "has more than 12 digits before the point"],
  ["stop_price", "-1000000000000.5", "has more than 12 digits before the point"],
  ["stop_price", "0.000000001", "has more than 8 decimals"],
  ["slippage_pct", "1000000", "has more than 6 digits before the point"],
  ["slippage_pct", "0.00001", "has more than 4 decimals"],
  ["symbol", "NULL", "is null"],
];

for (const [column, value, problem] of UNFIT) {
  Deno.test(`survey: reports that ${column} = ${value} ${problem}`, async () => {
    await using db = await lenient(insertEvent(1, { [column]: value }), insertEvent(2));
    const { found, read } = await look(db);
    assertEquals(found.unfit.map(({ problems }) => problems), [[{ column, problem }]]);
    assertEquals([found.rows, read], [1, 1]);
  });
}

Deno.test("survey: accepts values at the limits of their types", async () => {
  await using db = await lenient(
    insertEvent(1, { stop_price: "-999999999999.99999999", slippage_pct: "999999.9999" }),
    insertEvent(2, { stop_price: "1.10000000000", event_seq: "NULL" }),
  );
  const { found, read } = await look(db);
  assertEquals([found.unfit, found.rows, found.minSeq, found.maxSeq, read], [[], 2, 1n, 1n, 2]);
});

Deno.test("survey: sorts unfit events by event_id, with events without an id last", async () => {
  const nan = { fill_price: "'NaN'" };
  await using db = await lenient(
    insertEvent(3, { ...nan, event_id: "NULL" }),
    insertEvent(2, nan),
    insertEvent(1, nan),
  );
  const { found } = await look(db);
  assertEquals(found.unfit.map(({ event_id }) => event_id), [eventId(1), eventId(2), null]);
  assertEquals(found.unfit[2]!.problems[0], { column: "event_id", problem: "is null" });
});

Deno.test("survey: counts the events that fall on no day, and names five of them", async () => {
  const never = ["NULL", "'infinity'", "'-infinity'", "'10000-01-01'", "'0001-01-01 BC'"];
  await using db = await lenient(
    ...[...never, "'infinity'"].map((occurred_at, i) => insertEvent(i, { occurred_at })),
    insertEvent(7, { occurred_at: "'9999-12-31T23:59:59Z'" }),
    insertEvent(8),
  );
  const { found } = await look(db);
  assertEquals(found.strays, [0, 1, 2, 3, 4].map(eventId));
  assertEquals([found.strayCount, found.rows], [6, 1]);
});

async function refused(db: Outbox): Promise<string> {
  const { kind, message } = await assertRejects(() => look(db), Failure);
  assertEquals(kind, "data");
  return message;
}

Deno.test("survey: refuses an event_seq that two events of the day share, and names both events and the constraint", async () => {
  await using db = await lenient(
    insertEvent(1),
    insertEvent(2, { event_seq: "1" }),
    insertEvent(3),
  );
  const message = await refused(db);
  assertStringIncludes(
    message,
    `have the same event_seq: 1 (events ${eventId(1)}, ${eventId(2)}).`,
  );
  assertStringIncludes(message, "no unique constraint on event_seq");
  assertStringIncludes(message, "ALTER TABLE stop_events ADD UNIQUE (event_seq);");
});

Deno.test("survey: refuses duplicate event_ids, and names at most five", async () => {
  const twice = [1, 2, 3, 4, 5, 6, 7].flatMap((n) => [
    insertEvent(n),
    insertEvent(n, { event_seq: String(n + 100) }),
  ]);
  await using db = await lenient(...twice);
  const message = await refused(db);
  assertStringIncludes(message, `have the same event_id: ${eventId(1)} (2 rows);`);
  assertStringIncludes(message, `${eventId(5)} (2 rows); and 2 more.`);
  assertStringIncludes(message, "ADD PRIMARY KEY (event_id);");
});

Deno.test("survey: does not treat equal event_seq values on two days, or null values, as duplicates", async () => {
  await using db = await lenient(
    insertEvent(1),
    insertEvent(2, { event_seq: "1", occurred_at: "'2025-12-29T10:00:00Z'" }),
    insertEvent(3, { event_seq: "NULL" }),
    insertEvent(4, { event_seq: "NULL" }),
  );
  assertEquals((await look(db)).found.rows, 3);
});

/** Unique indexes that do not keep every value of event_seq unique. */
const WEAK_INDEXES: [string, string][] = [
  ["partial", "CREATE UNIQUE INDEX ON stop_events (event_seq) WHERE client_id = 2"],
  ["of two columns", "CREATE UNIQUE INDEX ON stop_events (event_seq, event_id)"],
  ["of an expression", "CREATE UNIQUE INDEX ON stop_events ((event_seq + client_id))"],
  ["not unique", "CREATE INDEX ON stop_events (event_seq)"],
];

for (const [kind, index] of WEAK_INDEXES) {
  Deno.test(`survey: does not trust an index that is ${kind}`, async () => {
    await using db = await lenient(
      index,
      insertEvent(1),
      insertEvent(2, { event_seq: "1", client_id: "3" }),
    );
    assertStringIncludes(await refused(db), "have the same event_seq");
  });
}

Deno.test("survey: does not trust the index of a table for the tables that inherit from it", async () => {
  await using db = await outbox({
    events: [
      "CREATE TABLE more () INHERITS (stop_events)",
      insertEvent(1),
      insertEvent(2, { event_seq: "1" }).replace("stop_events", "more"),
    ],
  });
  assertStringIncludes(await refused(db), "have the same event_seq");
});

Deno.test("survey: suggests a unique index on each partition of a partitioned table", async () => {
  const parted = CREATE_OUTBOX.replace("PRIMARY KEY", "").replace("NULL UNIQUE", "NULL")
    .replace(");\nCREATE INDEX", ") PARTITION BY RANGE (occurred_at);\nCREATE INDEX");
  await using db = await outbox({
    events: [
      `DROP TABLE stop_events; ${parted};
       CREATE TABLE p PARTITION OF stop_events DEFAULT`,
      insertEvent(1),
      insertEvent(2, { event_seq: "1" }),
    ],
  });
  assertStringIncludes(await refused(db), "give each partition a unique index on event_seq");
});

Deno.test("survey: refuses more unfit events than the quarantine can hold", async () => {
  await using db = await outbox({
    events: [`
      INSERT INTO stop_events (event_id, event_seq, occurred_at, operation_id, client_id, symbol,
                               event_type, source, stop_price)
      SELECT md5(i::text)::uuid, i, '2025-12-28T10:00:00Z', 1, 1, 'BTCUSDC', 'EXECUTED', 'ws', 'NaN'
      FROM generate_series(1, 10001) i`],
  });
  assertStringIncludes(await refused(db), "10,001 events with ");
});
