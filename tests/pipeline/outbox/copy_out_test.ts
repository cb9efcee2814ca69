import { createHash } from "node:crypto";
import type { DatabaseConfig } from "../../../pipeline/config.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { connect, type Connection } from "../../../pipeline/outbox/connection.ts";
import type { CopyBlock } from "../../../pipeline/outbox/copy_tap.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "../../support/assert.ts";
import { until } from "../../cluster/until.ts";
import { payloadOf } from "../../support/copy_stream.ts";
import { outbox } from "../../support/postgres.ts";

const BLOCK = 256 << 10;

/** Selects this number of rows of about 100 bytes each. The rows are the same in every run. */
const rows = (count: number) =>
  `SELECT n, repeat(md5(n::text), 3) FROM generate_series(1, ${count}) n`;

/** Selects such rows for many hours. A function in FROM would make all rows before the first. */
const ENDLESS =
  "SELECT n, repeat(md5(n::text), 3) FROM (SELECT generate_series(1, 10000000000) AS n) AS numbers";

interface OpenConnection extends Connection, AsyncDisposable {}

async function open(config: DatabaseConfig, signal?: AbortSignal): Promise<OpenConnection> {
  const connection = await connect(config, { signal });
  return { ...connection, [Symbol.asyncDispose]: () => connection.close() };
}

/** The milliseconds in which also a busy machine does what a test waits for. */
const DEADLINE = 180_000;
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * Returns the digest and number of all bytes of the COPY. The consumer may be slow with each block.
 */
async function digest(
  blocks: AsyncIterable<CopyBlock>,
  take: (count: number) => Promise<unknown> | void = () => {},
) {
  const sha256 = createHash("sha256");
  let count = 0;
  let bytes = 0;
  for await (const block of blocks) {
    await take(++count);
    // The digest is computed last, so that a change to a block that is still in use is detected.
    for (const body of payloadOf(block)) {
      sha256.update(body);
      bytes += body.length;
    }
  }
  return { bytes, sha256: sha256.digest("hex"), blocks: count };
}

/** Fails if a promise takes longer than allowed. */
async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`took over ${milliseconds} ms`)), milliseconds);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Closes a connection that cannot use a timer, so it cannot wait for the server and then give up. */
function closeWithoutTimer(connection: Connection): Promise<void> {
  const { setTimeout } = globalThis;
  globalThis.setTimeout = (() => 0) as unknown as typeof setTimeout;
  try {
    return connection.close();
  } finally {
    globalThis.setTimeout = setTimeout;
  }
}

async function processId(connection: Connection): Promise<string> {
  const [row] = await connection.query("SELECT pg_backend_pid() AS pid");
  return row!.pid!;
}

Deno.test("copy_out: runs several copies and queries on one connection", async () => {
  await using db = await outbox();
  await using connection = await open(db.config);
  const first = await digest(connection.copy(rows(1000)));
  const [answer] = await connection.query("SELECT 6 * 7 AS answer");
  assertEquals(answer, { answer: "42" });
  const second = await digest(connection.copy(rows(1000)));
  assertEquals(second, first);
  const empty = await digest(connection.copy("SELECT 1 WHERE false"));
  assertEquals(empty.bytes, 19 + 2);
});

Deno.test("copy_out: delivers the same bytes to a slow and a fast consumer", async () => {
  await using db = await outbox();
  await using connection = await open(db.config);
  const select = rows(200_000);
  const fast = await digest(connection.copy(select));
  assert(fast.bytes > 40 * BLOCK, `${fast.bytes} bytes`);
  const slow = await digest(connection.copy(select), () => pause(20));
  assertEquals([slow.sha256, slow.bytes], [fast.sha256, fast.bytes]);
  const starting = await digest(connection.copy(select), (n) => n === 1 ? pause(1000) : undefined);
  assertEquals([starting.sha256, starting.bytes], [fast.sha256, fast.bytes]);
});

Deno.test("copy_out: holds the server back while the consumer reads nothing", async () => {
  await using db = await outbox();
  await using connection = await open(db.config);
  const server = await processId(connection);
  const copying = connection.copy(rows(2_000_000))[Symbol.asyncIterator]();
  assert(!(await copying.next()).done);
  const progress = async () => {
    const [row] = await db.query(
      `SELECT wait_event, tuples_processed FROM pg_stat_activity
        JOIN pg_stat_progress_copy USING (pid) WHERE pid = $1`,
      [server],
    );
    assert(row !== undefined, "the server has sent everything");
    return row;
  };
  await until("the server waits for the consumer", async () => {
    const before = await progress();
    await pause(500);
    const { wait_event, tuples_processed } = await progress();
    return wait_event === "ClientWrite" && tuples_processed === before.tuples_processed;
  });
  await copying.return?.();
});

Deno.test("copy_out: delivers a row larger than a block whole", async () => {
  await using db = await outbox();
  await using connection = await open(db.config);
  const large = await digest(connection.copy(`
    SELECT repeat('x', CASE n WHEN 2 THEN ${5 * BLOCK} ELSE 10 END) FROM generate_series(1, 3) n`));
  assertEquals(large.bytes, 19 + 3 * (2 + 4) + 5 * BLOCK + 2 * 10 + 2);
});

Deno.test("copy_out: delivers rows of about the size of a block", async () => {
  await using db = await outbox();
  await using connection = await open(db.config);
  for (const size of [BLOCK - 19 - 11, BLOCK - 11, BLOCK - 6, BLOCK, 2 * BLOCK - 19]) {
    const copied = await digest(
      connection.copy(`SELECT repeat('x', ${size}) FROM generate_series(1, 4)`),
    );
    assertEquals(copied.bytes, 19 + 4 * (2 + 4 + size) + 2);
  }
});

Deno.test("copy_out: reports an error in the middle after the rows before it, and keeps the connection usable", async () => {
  await using db = await outbox();
  await using connection = await open(db.config);
  const broken = "SELECT 1 / (n - 50000), repeat('x', 100) FROM generate_series(1, 100000) n";
  let bytes = 0;
  const failure = await assertRejects(async () => {
    for await (const block of connection.copy(broken)) bytes += block.length;
  }, Failure);
  assertEquals(failure.kind, "data");
  assertStringIncludes(failure.message, "division by zero (SQLSTATE 22012)");
  assert(bytes > BLOCK, `${bytes} bytes`);
  assertEquals(await connection.query("SELECT 1 AS one"), [{ one: "1" }]);
  const next = await digest(connection.copy(rows(10)));
  assert(next.bytes > 0);
});

Deno.test("copy_out: says what to do after an error before the first row", async () => {
  await using db = await outbox();
  await using connection = await open(db.config);
  const missing = await assertRejects(
    () => digest(connection.copy("SELECT 1 FROM no_such_table")),
    Failure,
  );
  assertEquals(missing.kind, "configuration");
  assertStringIncludes(missing.message, 'relation "no_such_table" does not exist');
  const syntax = await assertRejects(() => digest(connection.copy("SELEKT 1")), Failure);
  assertEquals(syntax.kind, "data");
  assertStringIncludes(syntax.message, "syntax error");
});

Deno.test("copy_out: refuses a copy that writes", async () => {
  await using db = await outbox();
  await using connection = await open(db.config);
  const writing = "SELECT lo_create(0)";
  const failure = await assertRejects(() => digest(connection.copy(writing)), Failure);
  assertStringIncludes(failure.message, "read-only transaction");
});

Deno.test("copy_out: closes at once after a consumer that stops early", async () => {
  await using db = await outbox();
  const connection = await connect(db.config);
  const server = await processId(connection);
  const readOne = async () => {
    for await (const _ of connection.copy(ENDLESS)) break;
  };
  await within(DEADLINE, readOne());
  await within(DEADLINE, closeWithoutTimer(connection));
  // The server also stops, because its reader has disconnected.
  await gone(db, server);
});

Deno.test("copy_out: closes without waiting for a copy whose consumer reads no more", async () => {
  await using db = await outbox();
  const connection = await connect(db.config);
  const server = await processId(connection);
  const copying = connection.copy(ENDLESS)[Symbol.asyncIterator]();
  assert(!(await within(DEADLINE, copying.next())).done);
  await within(DEADLINE, closeWithoutTimer(connection));
  await gone(db, server);
});

Deno.test("copy_out: reports a server process that ends in the middle as unreachable", async () => {
  await using db = await outbox();
  await using connection = await open(db.config);
  const server = await processId(connection);
  const failure = await assertRejects(async () => {
    let blocks = 0;
    for await (const _ of connection.copy(ENDLESS)) {
      if (++blocks === 3) await db.query("SELECT pg_terminate_backend($1)", [server]);
    }
  }, Failure);
  assertEquals(failure.kind, "unreachable");
  assertStringIncludes(failure.message, "Cannot read from");
  assert(failure.cause instanceof Error);
});

Deno.test("copy_out: ends a copy in the middle when the signal aborts", async () => {
  await using db = await outbox();
  const stop = new AbortController();
  await using connection = await open(db.config, stop.signal);
  const server = await processId(connection);
  let blocks = 0;
  const failure = await within(
    DEADLINE,
    assertRejects(async () => {
      for await (const _ of connection.copy(ENDLESS)) if (++blocks === 2) stop.abort();
    }, Failure),
  );
  assertEquals(failure.kind, "unreachable");
  await gone(db, server);
});

Deno.test("copy_out: ends a copy that waits for the server when the signal aborts", async () => {
  await using db = await outbox();
  const stop = new AbortController();
  await using connection = await open(db.config, stop.signal);
  setTimeout(() => stop.abort(), 300);
  const waiting = digest(connection.copy("SELECT pg_sleep(86400)"));
  const failure = await within(DEADLINE, assertRejects(() => waiting, Failure));
  assertEquals(failure.kind, "unreachable");
});

Deno.test("copy_out: does not connect when the signal is already aborted", async () => {
  await using db = await outbox();
  const failure = await assertRejects(
    () => connect(db.config, { signal: AbortSignal.abort() }),
    Failure,
  );
  assertEquals(failure.kind, "unreachable");
});

Deno.test("copy_out: waits until the connection has finished its current query", async () => {
  await using db = await outbox();
  await using connection = await open(db.config);
  const [, copy] = await Promise.all([
    connection.query("SELECT pg_sleep(0.2)"),
    digest(connection.copy(rows(1000))),
  ]);
  assertEquals(await digest(connection.copy(rows(1000))), copy);
});

Deno.test("copy_out: reports a query and a copy on an ended connection as unreachable, and closes", async () => {
  await using db = await outbox();
  const connection = await connect(db.config);
  const server = await processId(connection);
  await db.query("SELECT pg_terminate_backend($1)", [server]);
  await gone(db, server);
  const query = await assertRejects(() => connection.query("SELECT 1"), Failure);
  assertEquals(query.kind, "unreachable");
  const copy = await assertRejects(
    () => within(DEADLINE, digest(connection.copy(rows(1)))),
    Failure,
  );
  assertEquals(copy.kind, "unreachable");
  await within(DEADLINE, connection.close());
});

/** Waits until a server process has ended. */
async function gone(
  db: { query(sql: string, params: unknown[]): Promise<unknown[]> },
  server: string,
): Promise<void> {
  const sql = "SELECT FROM pg_stat_activity WHERE pid = $1";
  await until("the process has ended", async () => (await db.query(sql, [server])).length === 0);
}
