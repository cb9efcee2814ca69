import { runBronze } from "../../pipeline/bronze.ts";
import type { DatabaseConfig } from "../../pipeline/config.ts";
import { type Day, parseDay } from "../../pipeline/contract/window.ts";
import { Failure } from "../../pipeline/errors.ts";
import { CREATE_OUTBOX, RUNBOOK_EVENTS } from "../../tasks/demo/events.ts";
import { deadPort } from "../support/dead_port.ts";
import { assertEquals, assertRejects, assertStringIncludes } from "../support/assert.ts";
import { recorder, temporaryLake } from "../support/lakes.ts";
import { outbox, serverConfig } from "../support/postgres.ts";
import { session } from "../support/pg_session.ts";

// Problems of the database. Each problem causes its own kind of failure, with a message that names the
// cause and the next step. The run stores nothing in the lake.

const DAY = parseDay("2025-12-28")!;

async function refused(config: DatabaseConfig, day: Day = DAY): Promise<Failure> {
  await using lake = await temporaryLake();
  const options = { database: config, lake, day, grace: 0n, observer: recorder() };
  const failure = await assertRejects(() => runBronze(options), Failure);
  assertEquals(await lake.list(""), []);
  for (const secret of [config.password]) {
    assertEquals(failure.message.includes(secret), false, "the message has the password");
  }
  return failure;
}

/** Statements that break a healthy outbox, the kind of failure, and the words of its message. */
const BROKEN: [string, string, "data" | "configuration", string[]][] = [
  [
    "no table except the table of the model",
    "ALTER TABLE stop_events RENAME TO api_stopevent",
    "configuration",
    ["Cannot find table stop_events", "Tables with similar names: api_stopevent", "DJANGO_DB_NAME"],
  ],
  [
    "a missing column",
    "ALTER TABLE stop_events DROP COLUMN slippage_pct",
    "data",
    ["it has no column slippage_pct", "migration"],
  ],
  [
    "a column of another type",
    "ALTER TABLE stop_events ALTER COLUMN fill_price TYPE double precision",
    "data",
    ["has column fill_price of type double precision, but the contract says numeric"],
  ],
];

for (const [what, sql, kind, words] of BROKEN) {
  Deno.test(`bronze: refuses an outbox with ${what}, and publishes nothing`, async () => {
    await using db = await outbox({ events: [RUNBOOK_EVENTS, sql] });
    const failure = await refused(db.config);
    assertEquals(failure.kind, kind);
    for (const word of words) assertStringIncludes(failure.message, word);
  });
}

Deno.test("bronze: refuses a day that has not begun", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  const { kind, message } = await refused(db.config, parseDay("2999-01-01")!);
  assertEquals(kind, "configuration");
  assertStringIncludes(message, "the day has not begun");
});

Deno.test("bronze: reports a wrong password", async () => {
  await using db = await outbox();
  const { kind, message } = await refused({ ...db.config, password: "wr0ng-pässword" });
  assertEquals(kind, "configuration");
  assertStringIncludes(message, "DJANGO_DB_PASSWORD");
});

Deno.test("bronze: reports a database that does not exist", async () => {
  await using db = await outbox();
  const { kind, message } = await refused({ ...db.config, name: "nothing_here" });
  assertEquals(kind, "configuration");
  assertStringIncludes(message, "DJANGO_DB_NAME");
});

Deno.test("bronze: reports a user who may not read the table", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  const stranger = await db.role(`stranger_${Date.now()}`, "SELECT 1");
  const { kind, message } = await refused(stranger);
  assertEquals(kind, "configuration");
  assertStringIncludes(message, `GRANT SELECT ON stop_events TO "${stranger.user}"`);
});

Deno.test("bronze: reports a server that is not running", async () => {
  await using db = await outbox();
  const { kind, message } = await refused({ ...db.config, port: deadPort() });
  assertEquals(kind, "unreachable");
  assertStringIncludes(message, "DJANGO_DB_HOST");
});

Deno.test("bronze: refuses a database with an unknown text encoding", async () => {
  await using _ = await outbox();
  const name = `ascii_${Date.now()}`;
  const owner = await session(serverConfig());
  try {
    await owner.query(`CREATE DATABASE ${name} ENCODING 'SQL_ASCII' TEMPLATE template0`);
    const config = { ...serverConfig(), name };
    const inside = await session(config);
    await inside.query(`${CREATE_OUTBOX};${RUNBOOK_EVENTS}`);
    await inside.end();
    const { kind, message } = await refused(config);
    assertEquals(kind, "data");
    assertStringIncludes(message, "SQL_ASCII");
  } finally {
    await owner.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await owner.end();
  }
});
