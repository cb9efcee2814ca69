import { gatherDatabase } from "../../../checks/facts/database.ts";
import { runBronze } from "../../../pipeline/bronze.ts";
import { parseDay } from "../../../pipeline/contract/window.ts";
import { Failure } from "../../../pipeline/errors.ts";
import type { Lake } from "../../../pipeline/lake/lake.ts";
import { connect } from "../../../pipeline/outbox/connection.ts";
import { readSchema } from "../../../pipeline/outbox/schema.ts";
import { RUNBOOK_EVENTS } from "../../../tasks/demo/events.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "../../support/assert.ts";
import { insertEvent } from "../../support/events.ts";
import { recorder, temporaryLake } from "../../support/lakes.ts";
import { session, type TextClient, type TextRow } from "../../support/pg_session.ts";
import { pgbouncerTest, startPgbouncer } from "../../support/pgbouncer.ts";
import { outbox } from "../../support/postgres.ts";

// A pooler lends one Postgres session to one client after another. Settings that a run changes in a
// session must not reach the bot, which uses the session next.

const DAY = parseDay("2025-12-28")!;

/** Every setting that this toolkit changes, or changed in an earlier version. */
const SETTINGS = [
  "default_transaction_read_only",
  "transaction_read_only",
  "transaction_isolation",
  "statement_timeout",
  "lock_timeout",
  "idle_in_transaction_session_timeout",
  "transaction_timeout",
  "row_security",
  "client_encoding",
  "timezone",
  "datestyle",
  "intervalstyle",
  "bytea_output",
  "extra_float_digits",
  "application_name",
];

let number = 100;

/** Returns an event of another day, in the form that the bot writes. */
function insert(): string {
  return insertEvent(number++, { occurred_at: "'2025-12-30T10:00:00Z'" });
}

/** A bot that runs one transaction in each Postgres session at the same time. */
class Bot implements AsyncDisposable {
  constructor(readonly clients: readonly TextClient[]) {}

  /** Writes an event in every session with Postgres, and returns the settings of each. */
  async write(): Promise<TextRow[]> {
    const sql = SETTINGS.map((name) => `current_setting('${name}') AS ${name}`).join(", ");
    const settings = [];
    for (const client of this.clients) {
      await client.query("BEGIN");
      settings.push((await client.query(`SELECT ${sql}`)).rows[0]!);
      await client.query(insert());
    }
    for (const client of this.clients) await client.query("COMMIT");
    return settings;
  }

  async [Symbol.asyncDispose]() {
    for (const client of this.clients) await client.end();
  }
}

pgbouncerTest(
  "pooler: a run through pgbouncer changes no setting of the bot, which writes before, during and after the run",
  async () => {
    await using db = await outbox({ events: [RUNBOOK_EVENTS] });
    await using pooler = await startPgbouncer(db.config, { pooling: "transaction", sessions: 2 });
    await using bot = new Bot([await session(pooler.config), await session(pooler.config)]);
    await using single = new Bot(bot.clients.slice(0, 1));
    await using lake = await temporaryLake();
    const before = await bot.write();

    let during = 0;
    const watched: Lake = {
      ...lake,
      async put(key, body, condition) {
        during += (await single.write()).length;
        return await lake.put(key, body, condition);
      },
    };
    const observer = recorder();
    await runBronze({ database: pooler.config, lake: watched, day: DAY, grace: 0n, observer });
    assertStringIncludes(observer.steps.find(({ step }) => step === "commit")!.says, "sealed");
    assert(during > 0);
    assertEquals(await bot.write(), before);

    const fact = await gatherDatabase(pooler.config, 0n);
    assert(fact.opened);
    assertEquals(fact.holders, []);
    assertEquals(await bot.write(), before);
  },
);

pgbouncerTest(
  "pooler: a run through pgbouncer changes no setting of the bot when the run fails or gives up",
  async () => {
    await using db = await outbox({ events: [RUNBOOK_EVENTS] });
    await using pooler = await startPgbouncer(db.config, { pooling: "transaction", sessions: 1 });
    await using bot = new Bot([await session(pooler.config)]);
    const before = await bot.write();

    const connection = await connect(pooler.config);
    await assertRejects(() => connection.query("SELECT 1 / 0"), Failure, "division by zero");
    assertEquals(await bot.write(), before);
    assertEquals(await connection.query("SELECT 1 AS one"), [{ one: "1" }]);
    connection.beginSnapshot();
    await assertRejects(() => connection.query("SELECT 1 / 0"), Failure, "division by zero");
    assertEquals(await bot.write(), before);
    await connection.close();

    const leaving = await connect(pooler.config);
    await leaving.beginSnapshot();
    for await (const _ of leaving.copy("SELECT repeat('x', 100) FROM generate_series(1, 100000)")) {
      break;
    }
    await leaving.close();
    assertEquals(await bot.write(), before);
  },
);

pgbouncerTest("pooler: behind pgbouncer, a writer of the bot's keeps the day open", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using pooler = await startPgbouncer(db.config, { pooling: "transaction", sessions: 3 });
  await using bot = new Bot([await session(pooler.config)]);
  const [writer] = bot.clients;
  await writer!.query("BEGIN");
  await writer!.query(insert());
  const fact = await gatherDatabase(pooler.config, 0n);
  assert(fact.opened);
  assertEquals(fact.holders.map(({ kind }) => kind), ["transaction"]);
  await writer!.query("COMMIT");
});

pgbouncerTest(
  "pooler: a run through pgbouncer refuses a temporary table of the bot with the name of the outbox",
  async () => {
    await using db = await outbox({ events: [RUNBOOK_EVENTS] });
    await using pooler = await startPgbouncer(db.config, { pooling: "transaction", sessions: 1 });
    await using bot = new Bot([await session(pooler.config)]);
    await bot.clients[0]!.query("CREATE TEMPORARY TABLE stop_events (LIKE public.stop_events)");
    const connection = await connect(pooler.config);
    const { kind, message } = await assertRejects(() => readSchema(connection), Failure);
    await connection.close();
    assertEquals(kind, "configuration");
    assertStringIncludes(message, "it is a temporary table, which hides the table");
  },
);

pgbouncerTest("pgbouncer in session pooling serves a run", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using pooler = await startPgbouncer(db.config, { pooling: "session", sessions: 1 });
  await using lake = await temporaryLake();
  const observer = recorder();
  await runBronze({ database: pooler.config, lake, day: DAY, grace: 0n, observer });
  assertStringIncludes(observer.steps.find(({ step }) => step === "commit")!.says, "sealed");
});

pgbouncerTest("pgbouncer in statement pooling is refused, by a run and before one", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using pooler = await startPgbouncer(db.config, { pooling: "statement", sessions: 1 });
  const { kind, message } = await assertRejects(() => connect(pooler.config), Failure);
  assertEquals(kind, "configuration");
  assertStringIncludes(message, "the pooler uses statement pooling");
  assertStringIncludes(message, "pool_mode");
  const fact = await gatherDatabase(pooler.config, 0n);
  assert(!fact.opened);
  assertStringIncludes(fact.failure.remedy, "pool_mode");
});
