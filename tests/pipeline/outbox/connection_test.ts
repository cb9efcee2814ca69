import type { DatabaseConfig } from "../../../pipeline/config.ts";
import { Failure } from "../../../pipeline/errors.ts";
import type { ConnectOptions } from "../../../pipeline/outbox/client.ts";
import { connect, type Connection } from "../../../pipeline/outbox/connection.ts";
import type { CopyBlock } from "../../../pipeline/outbox/copy_tap.ts";
import { startPostgres } from "../../../tasks/demo/embedded_postgres.ts";
import { until } from "../../cluster/until.ts";
import { assertEquals, assertRejects, assertStringIncludes } from "../../support/assert.ts";
import { join, payload, payloadOf } from "../../support/copy_stream.ts";
import { session } from "../../support/pg_session.ts";
import { type Outbox, outbox } from "../../support/postgres.ts";
import { stallingProxy } from "../../support/stalling_proxy.ts";

// These tests use a server that is slow, silent, restricted by limits, or down.

async function open(
  config: DatabaseConfig,
  options?: ConnectOptions,
): Promise<Connection & AsyncDisposable> {
  const connection = await connect(config, options);
  return Object.assign(connection, { [Symbol.asyncDispose]: () => connection.close() });
}

async function count(blocks: AsyncIterable<CopyBlock>): Promise<number> {
  return (await payload(blocks)).length;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
/** The milliseconds after which a server counts as silent. A busy machine logs in within them. */
const SHORT = 3_000;
const rows = (n: number) => `SELECT repeat('x', 100) FROM generate_series(1, ${n})`;

/** Selects the start of the transaction, which no two transactions of a session share. */
const TRANSACTION = "SELECT now() AS began";

async function unreachable(run: () => Promise<unknown>, ...words: string[]): Promise<string> {
  const { kind, message } = await assertRejects(run, Failure);
  assertEquals(kind, "unreachable");
  for (const word of words) assertStringIncludes(message, word);
  return message;
}

Deno.test("connection: fails with the reason when the server falls silent in the middle of a copy", async () => {
  await using db = await outbox();
  await using proxy = stallingProxy(db.config.port, 3_000_000);
  await using connection = await open({ ...db.config, port: proxy.port }, { silence: SHORT });
  await unreachable(
    () => count(connection.copy(rows(100_000))),
    "Postgres sent nothing for 3 s",
    "--silence",
  );
  await unreachable(() => connection.query("SELECT 1"), "Postgres sent nothing for 3 s");
});

Deno.test("connection: fails with the reason when the server falls silent during a query", async () => {
  await using db = await outbox();
  await using connection = await open(db.config, { silence: SHORT });
  await unreachable(() => connection.query("SELECT pg_sleep(60)"), "sent nothing for 3 s");
});

Deno.test("connection: does not treat the server as silent while the reader is slow", async () => {
  await using db = await outbox();
  await using connection = await open(db.config, { silence: SHORT });
  let bytes = 0;
  for await (const block of connection.copy(rows(30_000))) {
    if (bytes === 0) await pause(SHORT + 1000);
    bytes += join(...payloadOf(block)).length;
  }
  assertEquals(bytes, 19 + 30_000 * (2 + 4 + 100) + 2);
});

Deno.test("connection: does not treat a server that sends a little data from time to time as silent", async () => {
  await using db = await outbox();
  await using connection = await open(db.config, { silence: SHORT });
  const slowly = "SELECT repeat('x', 10000), pg_sleep(0.5) FROM generate_series(1, 10)";
  assertEquals(await count(connection.copy(slowly)) > 100_000, true);
});

Deno.test("connection: reports once after two seconds without an answer", async () => {
  await using db = await outbox();
  const told: string[] = [];
  await using connection = await open(db.config, { onWait: (text) => told.push(text) });
  await connection.query("SELECT 1");
  assertEquals(told, []);
  await connection.query("SELECT pg_sleep(4.5)");
  assertEquals(told.length, 1);
  assertStringIncludes(told[0]!, "Postgres has not responded yet");
});

Deno.test("connection: overrides the limits of the role and the database", async () => {
  await using db = await outbox();
  const name = db.config.name;
  await db.query(`
    ALTER DATABASE ${name} SET statement_timeout = '500ms';
    ALTER DATABASE ${name} SET transaction_timeout = '500ms';
    ALTER DATABASE ${name} SET idle_in_transaction_session_timeout = '500ms';
    ALTER DATABASE ${name} SET lock_timeout = '1ms';
    ALTER DATABASE ${name} SET default_transaction_isolation = 'serializable';
    ALTER DATABASE ${name} SET default_transaction_deferrable = on;
    ALTER DATABASE ${name} SET datestyle = 'German';
    ALTER DATABASE ${name} SET timezone = 'Pacific/Chatham'`);
  await using connection = await open(db.config);
  connection.beginSnapshot();
  await connection.query("SELECT pg_sleep(0.8)");
  await pause(800);
  const [row] = await connection.query("SELECT timestamptz '2025-12-28T00:00:00Z' AS time");
  assertEquals(row, { time: "2025-12-28 00:00:00+00" });
  await connection.endSnapshot();
  await connection.query("SELECT pg_sleep(0.8)");
});

Deno.test("connection: answers no query of a snapshot after an error", async () => {
  await using db = await outbox();
  await using connection = await open(db.config);
  connection.beginSnapshot();
  await assertRejects(() => connection.query("SELECT 1 / 0"), Failure, "division by zero");
  await assertRejects(() => connection.query("SELECT 1"), Error, "The snapshot ended");
  await assertRejects(() => count(connection.copy("SELECT 1")), Error, "The snapshot ended");
});

Deno.test("queries: returns the rows of each statement, in one transaction", async () => {
  await using db = await outbox();
  await using connection = await open(db.config);
  for (const isSnapshot of [false, true]) {
    if (isSnapshot) connection.beginSnapshot();
    const [one, none, id] = await connection.queries([
      "SELECT 1 AS a",
      "SELECT 2 AS b WHERE false",
      TRANSACTION,
    ]);
    assertEquals([one, none], [[{ a: "1" }], []]);
    const [again, later] = await connection.queries([TRANSACTION, TRANSACTION]);
    assertEquals(again, later);
    assertEquals(JSON.stringify(again) === JSON.stringify(id), isSnapshot);
  }
  await connection.endSnapshot();
  const failing = connection.queries(["SELECT 1", "SELECT 1 / 0", "SELECT 2"]);
  await assertRejects(() => failing, Failure, "division by zero");
  assertEquals(await connection.queries(["SELECT 3 AS c"]), [[{ c: "3" }]]);
});

Deno.test("beginSnapshot: the first read chooses what the snapshot sees, and a copy can be it", async () => {
  await using db = await outbox();
  await using connection = await open(db.config);
  connection.beginSnapshot();
  await connection.endSnapshot(); // nothing was read
  connection.beginSnapshot();
  await db.query("CREATE TABLE notes AS SELECT 'before' AS note");
  assertEquals(await count(connection.copy("SELECT note FROM notes")) > 0, true);
  await db.query("UPDATE notes SET note = 'after'");
  assertEquals(await connection.query("SELECT note FROM notes"), [{ note: "before" }]);
  await connection.endSnapshot();
  assertEquals(await connection.query("SELECT note FROM notes"), [{ note: "after" }]);
});

Deno.test("connection: reports a lock that is not released in time as unreachable, and names the holder", async () => {
  await using db = await outbox();
  const migration = await db.connect();
  await migration.query("SET application_name = 'migrate'; BEGIN");
  await migration.query("LOCK TABLE stop_events IN ACCESS EXCLUSIVE MODE");
  const { rows: [own] } = await migration.query("SELECT pg_backend_pid() AS pid");
  for (const snapshot of [false, true]) {
    await using connection = await open(db.config, { lockTimeout: 100 });
    if (snapshot) connection.beginSnapshot();
    await unreachable(
      () => connection.query("SELECT count(*) FROM stop_events"),
      "a lock was not free within 0.1 s",
      `pid ${own!.pid} (robson, migrate, idle in transaction)`,
      `SELECT pg_terminate_backend(${own!.pid});`,
    );
  }
});

Deno.test("connection: also names a session that waits for the lock and so blocks the run", async () => {
  await using db = await outbox();
  const reader = await db.connect();
  await reader.query("BEGIN; SELECT FROM stop_events");
  const migration = await db.connect();
  await migration.query("SET application_name = 'migrate'");
  const waiting = migration.query("ALTER TABLE stop_events ADD COLUMN venue text");
  const waits = `SELECT FROM pg_stat_activity
                 WHERE application_name = 'migrate' AND wait_event_type = 'Lock'`;
  await until("the migration waits", async () => (await db.query(waits)).length > 0);
  await using connection = await open(db.config, { lockTimeout: 100 });
  await unreachable(() => connection.query("SELECT FROM stop_events"), "robson, migrate, active");
  await reader.query("COMMIT");
  await waiting;
});

async function processId(connection: Connection): Promise<string> {
  const [own] = await connection.query("SELECT pg_backend_pid() AS pid");
  return own!.pid!;
}

/** Runs a statement about a process of the server as soon as the process runs `pg_sleep`. */
async function whileItSleeps(db: Outbox, pid: string, sql: string): Promise<void> {
  const sleeps = "SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'";
  await until("the process sleeps", async () => (await db.query(sleeps, [pid])).length > 0);
  await db.query(sql, [pid]);
}

/** Waits until a process of the server has ended. */
async function gone(db: Outbox, pid: string): Promise<void> {
  const sql = "SELECT FROM pg_stat_activity WHERE pid = $1";
  await until("the process has ended", async () => (await db.query(sql, [pid])).length === 0);
}

/**
 * Ends a server while it runs a query, and returns the failure of that query. The server could answer
 * a query that arrives during its end with a connection reset, without a reason.
 */
async function failureOfQuery(
  connection: Connection,
  config: DatabaseConfig,
  end: () => Promise<void> | void,
): Promise<Failure> {
  const answer = connection.query("SELECT pg_sleep(600)").catch((error) => error);
  const observer = await session(config);
  const running = "SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
  await until("the query runs", async () => (await observer.query(running)).rows.length > 0);
  await observer.end();
  await end();
  const failure = await answer;
  if (failure instanceof Failure) return failure;
  throw failure;
}

Deno.test("connection: reports the server's reason when a session was ended between two queries", async () => {
  await using db = await outbox();
  await using connection = await open(db.config);
  const server = await processId(connection);
  await db.query("SELECT pg_terminate_backend($1)", [server]);
  await gone(db, server);
  const reason = "terminating connection due to administrator command (SQLSTATE 57P01)";
  await unreachable(() => connection.query("SELECT 1"), reason);
  await unreachable(() => count(connection.copy("SELECT 1")), reason);
});

Deno.test("connection: reports the server's reason when a session was ended during a query", async () => {
  await using db = await outbox();
  await using connection = await open(db.config);
  const server = await processId(connection);
  await Promise.all([
    unreachable(
      () => connection.query("SELECT pg_sleep(600)"),
      "terminating connection due to administrator command",
    ),
    whileItSleeps(db, server, "SELECT pg_terminate_backend($1)"),
  ]);
});

Deno.test("connection: reports a query that an administrator cancels as unreachable, with the reason", async () => {
  await using db = await outbox();
  await using connection = await open(db.config);
  const server = await processId(connection);
  await Promise.all([
    unreachable(
      () => connection.query("SELECT pg_sleep(600)"),
      "canceling statement due to user request (SQLSTATE 57014)",
    ),
    whileItSleeps(db, server, "SELECT pg_cancel_backend($1)"),
  ]);
});

Deno.test("connection: reports a session that was idle for longer than the database allows", async () => {
  await using db = await outbox();
  await using connection = await open(db.config);
  const server = await processId(connection);
  // From here on, the connection sends nothing, however slow this process is.
  await connection.query("SET idle_session_timeout = '100ms'");
  await gone(db, server);
  await unreachable(
    () => connection.query("SELECT 1"),
    "terminating connection due to idle-session timeout (SQLSTATE 57P05)",
  );
});

/** How a server ends, the signal, and the reason that the server sends. */
const ENDS: [string, Deno.Signal, string][] = [
  ["a fast shutdown", "SIGINT", "terminating connection due to administrator command"],
  ["an immediate shutdown", "SIGQUIT", "due to immediate shutdown command"],
];

for (const [what, signal, reason] of ENDS) {
  Deno.test(`connection: reports the server's reason after ${what}`, async () => {
    const postgres = await startPostgres();
    try {
      await using connection = await open(postgres.config);
      const { kind, message } = await failureOfQuery(connection, postgres.config, () => {
        Deno.kill(postgres.pid, signal);
      });
      assertEquals(kind, "unreachable");
      assertStringIncludes(message, reason);
    } finally {
      await postgres.stop();
    }
  });
}

Deno.test("connection: reports the server's reason after a crash of another server process", async () => {
  const postgres = await startPostgres();
  try {
    await using connection = await open(postgres.config);
    const victim = await session(postgres.config);
    const { rows: [own] } = await victim.query("SELECT pg_backend_pid() AS pid");
    const { kind, message } = await failureOfQuery(connection, postgres.config, () => {
      Deno.kill(Number(own!.pid), "SIGKILL");
    });
    assertEquals(kind, "unreachable");
    assertStringIncludes(
      message,
      "terminating connection because of crash of another server process",
    );
    await victim.end();
  } finally {
    await postgres.stop();
  }
});

Deno.test("connection: reports an abort during a query as an abort", async () => {
  await using db = await outbox();
  const stop = new AbortController();
  await using connection = await open(db.config, { signal: stop.signal });
  setTimeout(() => stop.abort(), 200);
  await unreachable(() => connection.query("SELECT pg_sleep(60)"), "the operation was interrupted");
});
