import pg from "pg";
import { EVENT_COLUMNS } from "../../pipeline/contract/tables.ts";
import { formatMicros, parseDay, windowOf } from "../../pipeline/contract/window.ts";
import { Failure } from "../../pipeline/errors.ts";
import { connect } from "../../pipeline/outbox/connection.ts";
import { explainMisfit, unfit } from "../../pipeline/outbox/column_limits.ts";
import { onNoDay, within } from "../../pipeline/outbox/sql.ts";
import { readFence } from "../../pipeline/outbox/fence.ts";
import { readSchema } from "../../pipeline/outbox/schema.ts";
import { survey } from "../../pipeline/outbox/survey.ts";
import { renderQuarantine } from "../../pipeline/quarantine.ts";
import { CREATE_OUTBOX } from "../../tasks/demo/events.ts";
import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { insertEvent } from "../support/events.ts";
import { type Outbox, outbox } from "../support/postgres.ts";
import { python, PYTHON_ENV } from "./python.ts";

// The decisions of the Spark jobs that need no Spark. They must match the toolkit, word for word.

const DAY = parseDay("2025-12-28")!;
const WINDOW = windowOf(DAY);

Deno.test("Spark parity: the jobs' Python tests pass on this machine", async () => {
  const { success, stderr } = await new Deno.Command("python3", {
    args: ["-m", "unittest", "discover", "-s", import.meta.dirname!, "-p", "*_test.py"],
    env: PYTHON_ENV,
  }).output();
  const said = new TextDecoder().decode(stderr);
  assert(success, said);
  assert(!/Ran 0 tests/.test(said), said);
});

// ---- events that fit

Deno.test("Spark parity: both engines have the same conditions for events that do not fit", async () => {
  const wider = ["quantity", "slippage_pct"];
  const texts = [null, "NaN", "Infinity", "-Infinity", "1000000000000", "0.1234567891", "-000.5"];
  const found = await python(
    `
from deep_storage import contract, fit, settings, sql
columns = {column.name: column for column in contract.EVENTS}
result = [
    fit.unfit_row_condition(given["wider"]), fit.NO_VALID_TIME, sql.within(settings.window_of(given["day"])),
    [fit.explain_misfit(columns["quantity"], text) for text in given["texts"]],
]`,
    { given: { day: DAY, wider, texts } },
  );
  const schema = { wider: new Set(wider) } as unknown as Parameters<typeof unfit>[0];
  const quantity = EVENT_COLUMNS.find(({ name }) => name === "quantity")!;
  assertEquals(found, [
    unfit(schema),
    onNoDay,
    within(WINDOW),
    texts.map((text) => explainMisfit(quantity, text)),
  ]);
});

// ---- queries of Postgres

/** Runs a program's queries as the owner of a database. */
async function asking(db: Outbox) {
  const client = new pg.Client({
    ...db.config,
    database: db.config.name,
    types: { getTypeParser: () => (text: string) => text },
  });
  await client.connect();
  return {
    async query(sql: string): Promise<(string | null)[][]> {
      return (await client.query({ text: sql, rowMode: "array" })).rows;
    },
    [Symbol.asyncDispose]: () => client.end(),
  };
}

const LENIENT = `
  ALTER TABLE stop_events DROP CONSTRAINT stop_events_pkey;
  ALTER TABLE stop_events DROP CONSTRAINT stop_events_event_seq_key;
  ALTER TABLE stop_events ALTER event_id DROP NOT NULL, ALTER occurred_at DROP NOT NULL,
    ALTER symbol DROP NOT NULL, ALTER stop_price TYPE numeric, ALTER slippage_pct TYPE numeric`;

const OUTBOXES: [string, string[]][] = [
  ["a day without events", [insertEvent(1, { occurred_at: "'2025-12-27T23:59:59.999999Z'" })]],
  ["events that fit", [insertEvent(3), insertEvent(5), insertEvent(9, { event_seq: "NULL" })]],
  [
    "events that do not fit, and events without a valid day",
    [
      LENIENT,
      `ALTER TABLE stop_events ADD COLUMN "odd ""one" text DEFAULT 'ä"\\\n☃'`,
      insertEvent(1, { fill_price: "'NaN'", stop_price: "1.123456789", symbol: "NULL" }),
      insertEvent(2),
      insertEvent(3, { event_id: "NULL", stop_price: "-1e13", slippage_pct: "'Infinity'" }),
      insertEvent(4, { occurred_at: "'infinity'" }),
      insertEvent(5, { occurred_at: "NULL", event_id: "NULL" }),
    ],
  ],
  ["a duplicate event_id", [LENIENT, insertEvent(1), insertEvent(1, { event_seq: "2" })]],
  ["a duplicate event_seq", [LENIENT, insertEvent(1), insertEvent(2, { event_seq: "1" })]],
  [
    "a duplicate event_seq in a partitioned table",
    [
      `DROP TABLE stop_events; ${
        CREATE_OUTBOX.replace(" PRIMARY KEY", "").replace(" UNIQUE", "")
          .replace(");\nCREATE INDEX", ") PARTITION BY RANGE (occurred_at);\nCREATE INDEX")
      }; CREATE TABLE part PARTITION OF stop_events DEFAULT`,
      insertEvent(1),
      insertEvent(2, { event_seq: "1" }),
    ],
  ],
  ["a missing column", ["ALTER TABLE stop_events DROP COLUMN symbol"]],
  ["a column with another type", ["ALTER TABLE stop_events ALTER retry_count TYPE bigint"]],
];

for (const [what, events] of OUTBOXES) {
  Deno.test(`Spark parity: both engines return the same survey of ${what}`, async () => {
    await using db = await outbox({ events });
    await using asked = await asking(db);
    const theirs = await python(
      `
from deep_storage import quarantine, schema, settings, survey
found = survey.survey(query, given, settings.window_of(given), schema.read_schema(query))
events = [[e.event_id, e.problems, e.row] for e in found.unfit]
result = [found.rows, *map(str, found.seq), events, found.strays, found.stray_count]`,
      { given: DAY, query: asked.query },
    );
    const connection = await connect(db.config);
    try {
      const schema = await readSchema(connection);
      connection.beginSnapshot();
      const found = await survey(connection, WINDOW, schema);
      await connection.endSnapshot();
      const text = (seq: bigint | null) => seq === null ? "None" : String(seq);
      assertEquals(theirs, [
        ...[found.rows, text(found.minSeq), text(found.maxSeq)],
        found.unfit.map(({ event_id, problems, row }) => [
          event_id,
          problems.map(({ column, problem }) => [column, problem]),
          row,
        ]),
        ...[found.strays, found.strayCount],
      ]);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      assertEquals(theirs, { kind: error.kind, message: error.message });
    } finally {
      await connection.close();
    }
  });
}

const ELSEWHERE = "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER elsewhere FOREIGN DATA WRAPPER w;";
const RENAMED = "ALTER TABLE stop_events RENAME TO stored;";

/** Statements that turn `stop_events` into a relation that runs must refuse. */
const REFUSED: [string, string][] = [
  ["a view", `${RENAMED} CREATE VIEW stop_events AS SELECT * FROM stored`],
  ["a materialized view", `${RENAMED} CREATE MATERIALIZED VIEW stop_events AS TABLE stored`],
  [
    "a foreign table",
    `${RENAMED} ${ELSEWHERE} CREATE FOREIGN TABLE stop_events (event_id uuid) SERVER elsewhere`,
  ],
  ["an index", `${RENAMED} CREATE INDEX stop_events ON stored (client_id)`],
  ["a type", `${RENAMED} CREATE TYPE stop_events AS (event_id uuid)`],
  [
    "a foreign table that inherits from the outbox",
    `${ELSEWHERE} CREATE FOREIGN TABLE far () INHERITS (stop_events) SERVER elsewhere`,
  ],
  ["a missing table if a similar name exists", "ALTER TABLE stop_events RENAME TO stopevents"],
];

/** The results of the jobs and of the toolkit when they read the schema of a table. */
async function refusals(db: Outbox): Promise<{ theirs: unknown; ours: unknown }> {
  await using asked = await asking(db);
  const program =
    "from deep_storage import schema\nresult = list(schema.read_schema(query).columns)";
  const theirs = await python(program, { query: asked.query });
  const connection = await connect(db.config);
  try {
    return { theirs, ours: (await readSchema(connection)).columns };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const message = error.message.replace(` in ${connection.name}`, "");
    return { theirs, ours: { kind: error.kind, message } };
  } finally {
    await connection.close();
  }
}

for (const [what, sql] of REFUSED) {
  Deno.test(`Spark parity: both engines refuse ${what}, with the same message`, async () => {
    await using db = await outbox({ events: [sql] });
    const { theirs, ours } = await refusals(db);
    assertEquals(theirs, ours);
    assert(!Array.isArray(ours), "it was taken");
  });
}

Deno.test("Spark parity: both engines refuse a table that hides rows, with the same message", async () => {
  await using db = await outbox();
  const reader = await db.role(
    `reader_${Date.now()}`,
    `GRANT SELECT ON stop_events TO PUBLIC; ALTER TABLE stop_events ENABLE ROW LEVEL SECURITY;
     CREATE POLICY own ON stop_events FOR SELECT USING (client_id = 1)`,
  );
  const { theirs, ours } = await refusals({ ...db, config: reader });
  assertEquals(theirs, ours);
  assertStringIncludes(JSON.stringify(ours), "BYPASSRLS");
});

// ---- ranges

Deno.test("Spark ranges: contain each event exactly once, in the order of bronze", async () => {
  const SEQS = ["-9223372036854775808", "-1", "0", "7", "9223372036854775807"];
  const seqs = [...SEQS, "NULL", "NULL", "NULL", "NULL"];
  await using db = await outbox({
    events: [
      ...seqs.map((event_seq, i) => insertEvent(i, { event_seq })),
      insertEvent(20, { event_seq: "3", occurred_at: "'2025-12-27T23:59:59.999999Z'" }),
      insertEvent(21, { event_seq: "NULL", occurred_at: "'2025-12-29T00:00:00Z'" }),
      insertEvent(22, { event_seq: "4", fill_price: "'NaN'" }),
    ],
  });
  await using asked = await asking(db);
  const found: [number, string[][][]][] = await python(
    `
from deep_storage import fit, ranges, schema, settings, sql
table, window = schema.read_schema(query), settings.window_of(given)
def rows(condition):
    return query(f"""
SELECT event_seq, event_id FROM (SELECT event_seq, event_id::text FROM stop_events
WHERE {sql.within(window)} AND NOT {fit.unfit_row_condition(table.wider)}) AS events
WHERE {condition} ORDER BY event_seq NULLS LAST, event_id""")
result = [
    [most, [rows(each) for each in ranges.ranges(query, window, table, 9, most)]]
    for most in range(1, 10)
] + [[9, [rows("true")]]]
table = table._replace(unique=set())
assert ranges.ranges(query, window, table, 9, 2) == []`,
    { given: DAY, query: asked.query },
  );
  const [, [all]] = found.pop()!;
  assertEquals(all!.length, 9);
  for (const [most, ranges] of found) {
    if (most === 9) assertEquals(ranges, []);
    else {
      assertEquals(ranges.flat(), all);
      assertEquals(ranges.slice(0, -1).every((range) => range.length === most), true, `${most}`);
      assert(ranges.at(-1)!.length <= most, `${most}`);
    }
  }
});

// ---- the fence

/** The reports of both engines about the sessions that keep a day open, without durations. */
async function fences(db: Outbox, grace: bigint): Promise<{ theirs: string[]; ours: string[] }> {
  await using asked = await asking(db);
  const same = (reasons: readonly string[]) =>
    reasons.map((reason) => reason.replace(/ for [0-9:]+\)/, ")")).sort();
  const theirs: string[] = await python(
    `
from deep_storage import fence, settings
window = settings.window_of(given["day"])
result = fence.read_fence(query, given["day"], window, int(given["grace"]))`,
    { given: { day: DAY, grace: String(grace) }, query: asked.query },
  );
  const connection = await connect(db.config);
  try {
    const { reasons } = await readFence(connection, WINDOW, grace);
    const pid = (reason: string) => /\(pid (\d+)/.exec(reason)?.[1];
    const [{ pid: own }] = await asked.query("SELECT pg_backend_pid()")
      .then((rows) => [{ pid: rows[0]![0]! }] as const);
    return { theirs: same(theirs), ours: same(reasons.filter((each) => pid(each) !== own)) };
  } finally {
    await connection.close();
  }
}

Deno.test("Spark parity: both engines write an instant with the same decimals", async () => {
  const instants = [
    "0",
    "1",
    "10",
    "100000",
    "1000000",
    "10500000",
    "1764279523481690",
    "-62135596800000000",
  ];
  const theirs = await python(
    "from deep_storage import sql\nresult = [sql.iso(int(micros)) for micros in given]",
    { given: instants },
  );
  assertEquals(theirs, instants.map((micros) => formatMicros(BigInt(micros))));
});

Deno.test("Spark parity: both engines report the same sessions that keep a day open", async () => {
  await using db = await outbox();
  assertEquals(await fences(db, 0n), { theirs: [], ours: [] });
  const far = 1n << 52n;
  const { theirs: early, ours } = await fences(db, far);
  assertEquals(early, ours);
  assertStringIncludes(early[0]!, "but the grace period for slow writers is not");

  const hidden = await db.connect();
  await hidden.query("SET track_activities = off; BEGIN");
  const writer = await db.connect();
  await writer.query("BEGIN; SELECT 1");
  await writer.query("SELECT pg_sleep(0.01)");
  const prepared = await db.connect();
  await prepared.query(`BEGIN; ${insertEvent(1)}; PREPARE TRANSACTION '${db.config.name}'`);
  // The same catalog entries as those of a subscription, but without a reachable publisher.
  await db.query(`
    SET allow_system_table_mods = on;
    CREATE SUBSCRIPTION feed CONNECTION 'dbname=none' PUBLICATION p WITH (connect = false);
    INSERT INTO pg_subscription_rel (srsubid, srrelid, srsubstate)
    SELECT oid, 'stop_events'::regclass, 'r' FROM pg_subscription WHERE subname = 'feed'`);
  try {
    const [now] = await db.query(
      "SELECT (extract(epoch FROM clock_timestamp()) * 1e6)::bigint AS at",
    );
    const both = await fences(db, BigInt(now!.at!) - WINDOW.end);
    assertEquals(both.theirs, both.ours);
    const words = [
      "does not report",
      "transaction of",
      "prepared transaction",
      "subscription feed",
    ];
    for (const word of words) {
      assert(both.theirs.some((reason) => reason.includes(word)), `${word}: ${both.theirs}`);
    }
  } finally {
    await db.query("ALTER SUBSCRIPTION feed SET (slot_name = NONE)");
    await db.query("DROP SUBSCRIPTION feed");
  }
});

// ---- the quarantine

Deno.test("Spark parity: both engines write the same bytes for a quarantine, and read it", async () => {
  const unfitEvent = (event_id: string | null, row: Record<string, string | null>) => ({
    ...{ event_id, row, problems: [{ column: "fill_price", problem: "is NaN" }] },
  });
  const odd = '"\\/\b\f\n\r\t\u0007\u007f\u2028\u2029é☃😀\uffff';
  const events = [
    unfitEvent(null, { a: "\uffff" }),
    unfitEvent(null, { a: "😀" }),
    unfitEvent("b", { [odd]: odd, empty: "", none: null }),
    { ...unfitEvent("a", {}), problems: [] },
    unfitEvent("b", { [odd]: "" }),
  ];
  const [body, link, back] = await python(
    `
from deep_storage import quarantine
events = [
    quarantine.UnfitEvent(
        each["event_id"],
        [(one["column"], one["problem"]) for one in each["problems"]],
        each["row"],
    )
    for each in given["events"]
]
link, body = quarantine.link(given["day"], events)
again = quarantine.render(given["day"], quarantine.parse(body))
result = [body.decode(), link._asdict(), again == body]`,
    { given: { day: DAY, events } },
  );
  const ours = renderQuarantine({ day: DAY, events })!;
  assertEquals(body, new TextDecoder().decode(ours.body));
  assertEquals(link, ours.link);
  assertEquals(back, true);
});
