import { type DatabaseOpened, gatherDatabase } from "../../../checks/facts/database.ts";
import type { Refusal } from "../../../checks/facts/refusal.ts";
import type { DatabaseConfig } from "../../../pipeline/config.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { deadPort } from "../../support/dead_port.ts";
import { assert, assertEquals, assertMatch, assertRejects } from "../../support/assert.ts";
import { onOneDay } from "../../support/one_day.ts";
import { outbox } from "../../support/postgres.ts";

// The fact about a real Postgres before a run.

const GRACE = 15n * 60_000_000n;

async function opened(config: DatabaseConfig): Promise<DatabaseOpened> {
  const fact = await gatherDatabase(config, GRACE);
  assert(fact.opened, "it was refused");
  return fact;
}

async function refused(config: DatabaseConfig): Promise<Refusal> {
  const fact = await gatherDatabase(config, GRACE);
  assert(!fact.opened, "it was let in");
  assert(!JSON.stringify(fact).includes(config.password), "the fact has the password");
  return fact;
}

Deno.test("gatherDatabase reads an outbox without faults", () =>
  onOneDay(async () => {
    await using db = await outbox();
    const { name, user, version, table, nearMisses, today, holders, graceSeconds } = await opened(
      db.config,
    );
    assert(name.startsWith(`${db.config.user}@127.0.0.1:`), name);
    assertEquals([user, nearMisses, holders, graceSeconds], [db.config.user, [], [], 900]);
    assertMatch(version, /^\d+(\.\d+)+$/);
    const [row] = await db.query("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS today");
    assertEquals<string | null>(today, row!.today!);
    assertEquals([table!.name, table!.readable, table!.encoding], ["stop_events", true, "UTF8"]);
    const price = table!.columns.find((column) => column.name === "fill_price")!;
    assertEquals([price.type, price.declared], ["numeric", "numeric(20,8)"]);
  }));

Deno.test("gatherDatabase reports a refused login as a fact, with the variables to set", async () => {
  await using db = await outbox();
  const wrong = await refused({ ...db.config, password: "wr0ng p4ss" });
  assertMatch(wrong.failure.problem, /password authentication failed/);
  assertMatch(wrong.failure.remedy, /^Set DJANGO_DB_USER and DJANGO_DB_PASSWORD/);
  const nowhere = await refused({ ...db.config, name: "no_such_database" });
  assertMatch(nowhere.failure.problem, /database "no_such_database" does not exist/);
  assertMatch(nowhere.failure.remedy, /^Set DJANGO_DB_NAME/);
});

Deno.test("gatherDatabase fails for an unreachable server", async () => {
  await using db = await outbox();
  const port = deadPort();
  const failure = await assertRejects(
    () => gatherDatabase({ ...db.config, port }, GRACE),
    Failure,
  );
  assertEquals(failure.kind, "unreachable");
});

Deno.test("gatherDatabase stops waiting for a silent server when its signal aborts", async () => {
  await using db = await outbox();
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = silent.accept();
  const late = new Failure({
    kind: "unreachable",
    task: "wait any longer",
    problem: "the deadline has passed",
    remedy: "Run again.",
  });
  const controller = new AbortController();
  const gathering = gatherDatabase(
    { ...db.config, port: silent.addr.port },
    GRACE,
    controller.signal,
  );
  const connection = await accepted;
  controller.abort(late);
  const failure = await assertRejects(() => gathering, Failure);
  assertEquals(failure.kind, "unreachable");
  connection.close();
});

Deno.test("gatherDatabase reports tables with similar names as near misses, and no other tables", async () => {
  await using db = await outbox({
    events: [
      "ALTER TABLE stop_events RENAME TO api_stopevent",
      "CREATE VIEW stop_loss_events AS SELECT 1 AS one",
      "CREATE TABLE orders (id int)",
    ],
  });
  const { table, nearMisses } = await opened(db.config);
  assertEquals(table, undefined);
  assertEquals(nearMisses, ["api_stopevent", "stop_loss_events"]);
});

Deno.test("gatherDatabase reports the columns of a table that the role may not read", async () => {
  await using db = await outbox();
  const reader = await db.role(
    `reader_${Date.now()}`,
    "GRANT CONNECT ON DATABASE postgres TO PUBLIC",
  );
  const { table, user } = await opened(reader);
  assertEquals([table!.readable, table!.user, user], [false, reader.user, reader.user]);
  assert(table!.columns.length > 15);
});

Deno.test("gatherDatabase reports open and prepared transactions that prevent sealing, with pid, gid and age", async () => {
  await using db = await outbox();
  const writer = await db.connect();
  await writer.query(
    "BEGIN; INSERT INTO stop_events (event_id, occurred_at, operation_id, client_id, " +
      "symbol, event_type, source) VALUES (gen_random_uuid(), now(), 1, 1, 'BTCUSDC', 'EXECUTED', 'ws')",
  );
  const { rows: [own] } = await writer.query("SELECT pg_backend_pid() AS pid");
  const second = await db.connect();
  await second.query("BEGIN; CREATE TABLE t (id int); PREPARE TRANSACTION 'two-phase'");
  const { holders } = await opened(db.config);
  const told = holders.map(({ kind, pid, gid, user }) => ({ kind, pid, gid, user }));
  assertEquals(told, [
    {
      kind: "transaction",
      pid: Number(own!.pid),
      gid: undefined,
      user: db.config.user,
    },
    { kind: "prepared", pid: undefined, gid: "two-phase", user: db.config.user },
  ]);
  for (const { seconds } of holders) assert(seconds! >= 0 && seconds! < 60, `${seconds} s`);
  await writer.query("ROLLBACK");
});

Deno.test("gatherDatabase: sessions of others are unreadable until the role may see them", async () => {
  await using db = await outbox();
  const reader = await db.role(`reader_${Date.now()}`, "GRANT SELECT ON stop_events TO PUBLIC");
  const { holders } = await opened(reader);
  assertEquals(holders.map(({ kind, user }) => [kind, user]), [["unreadable", db.config.user]]);
  await db.query(`GRANT pg_read_all_stats TO ${reader.user}`);
  assertEquals((await opened(reader)).holders, []);
});
