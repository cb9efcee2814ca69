import { gatherDatabase } from "../../../checks/facts/database.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { connect } from "../../../pipeline/outbox/connection.ts";
import { notATable, readSchema } from "../../../pipeline/outbox/schema.ts";
import { CREATE_OUTBOX } from "../../../tasks/demo/events.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "../../support/assert.ts";
import { insertEvent } from "../../support/events.ts";
import { type Outbox, outbox } from "../../support/postgres.ts";

const RENAMED = "ALTER TABLE stop_events RENAME TO stored;";
const PARTITIONED = `DROP TABLE stop_events; ${
  CREATE_OUTBOX.replace(" PRIMARY KEY", "").replace(" UNIQUE", "")
    .replace(");\nCREATE INDEX", ") PARTITION BY RANGE (occurred_at);\nCREATE INDEX")
}`;
const ELSEWHERE = "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER elsewhere FOREIGN DATA WRAPPER w;";

/** What replaces the table `stop_events`, the statements that do so, and the reported problem. */
const OTHERS: [string, string, string][] = [
  ["a view", `${RENAMED} CREATE VIEW stop_events AS SELECT * FROM stored`, "it is a view"],
  [
    "a materialized view",
    `${RENAMED} CREATE MATERIALIZED VIEW stop_events AS SELECT * FROM stored`,
    "it is a materialized view",
  ],
  [
    "a foreign table",
    `${RENAMED} ${ELSEWHERE} CREATE FOREIGN TABLE stop_events (event_id uuid) SERVER elsewhere`,
    "it is a foreign table",
  ],
  ["a sequence", `${RENAMED} CREATE SEQUENCE stop_events`, "it is a sequence"],
  ["an index", `${RENAMED} CREATE INDEX stop_events ON stored (client_id)`, "it is an index"],
  ["a type", `${RENAMED} CREATE TYPE stop_events AS (event_id uuid)`, "it is a composite type"],
  [
    "a table with a foreign partition, two levels below",
    `${PARTITIONED} ${ELSEWHERE}
     CREATE TABLE y2025 PARTITION OF stop_events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')
       PARTITION BY RANGE (occurred_at);
     CREATE FOREIGN TABLE december PARTITION OF y2025
       FOR VALUES FROM ('2025-12-01') TO ('2026-01-01') SERVER elsewhere`,
    "part of it is a foreign table: december",
  ],
  [
    "a table that a foreign table inherits from",
    `${ELSEWHERE} CREATE FOREIGN TABLE far () INHERITS (stop_events) SERVER elsewhere`,
    "part of it is a foreign table: far",
  ],
];

/** Returns the failure of a run, and the problem that the check before a run finds. */
async function look(db: Outbox): Promise<{ failure: Failure; found: string | undefined }> {
  const connection = await connect(db.config);
  try {
    const failure = await assertRejects(() => readSchema(connection), Failure);
    const fact = await gatherDatabase(db.config, 0n);
    assert(fact.opened);
    return { failure, found: notATable(fact.table!) };
  } finally {
    await connection.close();
  }
}

for (const [what, sql, problem] of OTHERS) {
  Deno.test(`schema: refuses ${what} in a run, and in the check before a run`, async () => {
    await using db = await outbox({ events: [sql] });
    const { failure, found } = await look(db);
    assertEquals(failure.kind, "configuration");
    assertStringIncludes(failure.message, problem);
    assertStringIncludes(failure.message, "Set DJANGO_DB_NAME");
    assertEquals(found, problem);
  });
}

Deno.test("schema: accepts a partitioned table with its partitions", async () => {
  await using db = await outbox({
    events: [PARTITIONED, "CREATE TABLE p PARTITION OF stop_events DEFAULT", insertEvent(1)],
  });
  const connection = await connect(db.config);
  try {
    assertEquals((await readSchema(connection)).partitioned, true);
  } finally {
    await connection.close();
  }
});

const POLICY = `
  GRANT SELECT ON stop_events TO PUBLIC;
  ALTER TABLE stop_events ENABLE ROW LEVEL SECURITY;
  CREATE POLICY own ON stop_events FOR SELECT USING (client_id = 1)`;

Deno.test("schema: refuses row-level security that hides rows, until the role is exempt", async () => {
  await using db = await outbox({ events: [insertEvent(1)] });
  const reader = await db.role(`reader_${Date.now()}`, POLICY);
  const { failure: { kind, message } } = await look({ ...db, config: reader });
  assertEquals(kind, "configuration");
  assertStringIncludes(message, `row-level security of stop_events would hide rows`);
  assertStringIncludes(message, `ALTER ROLE "${reader.user}" BYPASSRLS;`);

  await db.query(`ALTER ROLE "${reader.user}" BYPASSRLS`);
  const connection = await connect(reader);
  try {
    assertEquals((await readSchema(connection)).unknown, []);
  } finally {
    await connection.close();
  }
});

Deno.test("schema: fails if row-level security is turned on after the check, and hides no rows", async () => {
  await using db = await outbox({ events: [insertEvent(1), insertEvent(2, { client_id: "2" })] });
  const reader = await db.role(`reader_${Date.now()}`, "GRANT SELECT ON stop_events TO PUBLIC");
  const connection = await connect(reader);
  try {
    await readSchema(connection);
    await db.query(POLICY);
    const { kind, message } = await assertRejects(
      () => connection.query("SELECT count(*) FROM stop_events"),
      Failure,
    );
    assertEquals(kind, "configuration");
    assertStringIncludes(message, "BYPASSRLS");
  } finally {
    await connection.close();
  }
});
