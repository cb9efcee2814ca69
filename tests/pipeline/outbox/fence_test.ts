import { gatherDatabase } from "../../../checks/facts/database.ts";
import { runBronze } from "../../../pipeline/bronze.ts";
import { parseDay, windowOf } from "../../../pipeline/contract/window.ts";
import { connect } from "../../../pipeline/outbox/connection.ts";
import {
  databaseClock,
  type Fence,
  type Holder,
  readFence,
  readHolders,
  SUBSCRIPTION_GRACE,
} from "../../../pipeline/outbox/fence.ts";
import { startPostgres } from "../../../tasks/demo/embedded_postgres.ts";
import { CREATE_OUTBOX } from "../../../tasks/demo/events.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../../support/assert.ts";
import { until } from "../../cluster/until.ts";
import { insertEvent } from "../../support/events.ts";
import { recorder, temporaryLake } from "../../support/lakes.ts";
import { session, type TextClient } from "../../support/pg_session.ts";
import { type Outbox, outbox } from "../../support/postgres.ts";
import { startStandby } from "../../support/standby.ts";

// The fence finds the sessions that could still add events to a day. The day of these tests is an old
// day, and the grace is set so that its window ends now.

const WINDOW = windowOf(parseDay("2025-12-28")!);

interface Look {
  readonly fence: Fence;
  readonly holders: readonly Holder[];
}

/** Finds the sessions that began before now, or before an earlier time in microseconds. */
async function look(db: Outbox, earlier = 0n): Promise<Look> {
  const connection = await connect(db.config);
  try {
    const bound = await databaseClock(connection) - earlier;
    const fence = await readFence(connection, WINDOW, bound - WINDOW.end);
    return { fence, holders: await readHolders(connection, bound) };
  } finally {
    await connection.close();
  }
}

/**
 * Looks at a subscriber while its worker is between two transactions. The worker of a subscription
 * begins short transactions of its own at any time, and the fence rightly reports them.
 */
async function lookAtSubscriber(db: Outbox, earlier = 0n): Promise<Look> {
  let found: Look | undefined;
  await until("the worker of the subscription has no transaction", async () => {
    found = await look(db, earlier);
    return !found.fence.reasons.some((reason) => reason.startsWith("transaction ")) &&
      !found.holders.some(({ kind }) => kind === "transaction");
  });
  return found!;
}

async function pidOf(client: TextClient): Promise<number> {
  return Number((await client.query("SELECT pg_backend_pid() AS pid")).rows[0]!.pid);
}

Deno.test("fence: ignores idle sessions", async () => {
  await using db = await outbox();
  await db.connect();
  const { fence, holders } = await look(db);
  assertEquals([holders, fence.sealable, fence.reasons], [[], true, []]);
});

Deno.test("fence: names the sessions that cannot be inspected in one reason, with one grant", async () => {
  await using db = await outbox();
  const role = `plain_${crypto.randomUUID().slice(0, 8)}`;
  const admin = await db.connect();
  await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD 'plain'`);
  const others = [admin, await db.connect(), await db.connect(), await db.connect()];
  const pids = await Promise.all(others.map(pidOf));
  const connection = await connect({ ...db.config, user: role, password: "plain" });
  try {
    const { sealable, reasons } = await readFence(connection, WINDOW, 0n);
    assertEquals([sealable, reasons.length], [false, 1]);
    assertMatch(
      reasons[0]!,
      /^\d+ sessions \(pid .*\) cannot be inspected; GRANT pg_read_all_stats TO /,
    );
    assert(reasons[0]!.endsWith(` TO ${role}`), reasons[0]);
    assert(pids.some((pid) => reasons[0]!.includes(`pid ${pid} of ${db.config.user}`)), reasons[0]);
  } finally {
    await connection.close();
    await admin.query(`DROP ROLE ${role}`);
  }
});

Deno.test("fence: treats a writer whose session does not report its activity as open", async () => {
  await using db = await outbox();
  const writer = await db.connect();
  const pid = await pidOf(writer);
  await writer.query("SET track_activities = off; BEGIN");
  await writer.query(insertEvent(1));
  const { fence, holders } = await look(db);
  assertEquals(holders.map(({ kind, pid }) => [kind, pid]), [["untracked", pid]]);
  assertEquals([fence.sealable, fence.reasons.length], [false, 1]);
  assertMatch(
    fence.reasons[0]!,
    /session of robson \(pid \d+\) does not report .*track_activities/,
  );
  await writer.query("COMMIT; SET track_activities = on");
  assertEquals((await look(db)).fence.sealable, true);
});

Deno.test("fence: treats a session that does not report as open without a transaction too, because the two look the same", async () => {
  await using db = await outbox();
  const idle = await db.connect();
  await idle.query("SET track_activities = off");
  assertEquals((await look(db)).holders.map(({ kind }) => kind), ["untracked"]);
});

Deno.test("fence: ignores a session that does not report and began after the bound", async () => {
  await using db = await outbox();
  const young = await db.connect();
  await young.query("SET track_activities = off; BEGIN");
  assertEquals((await look(db, 600_000_000n)).holders, []);
});

Deno.test("fence: treats a writer that starts to report within its transaction as open", async () => {
  await using db = await outbox();
  const writer = await db.connect();
  await writer.query("SET track_activities = off");
  await writer.query("BEGIN");
  await writer.query(insertEvent(1));
  await writer.query("SET track_activities = on");
  assertEquals((await look(db)).holders.map(({ kind }) => kind), ["untracked"]);
  const working = writer.query("SELECT pg_sleep(60)").catch(() => {});
  await until("the writer is at work", async () => {
    const [row] = await db.query(`SELECT count(*) AS count FROM pg_stat_activity
      WHERE datname = current_database() AND state = 'active' AND xact_start IS NULL`);
    return row!.count === "1";
  });
  assertEquals((await look(db)).holders.map(({ kind }) => kind), ["untracked"]);
  await db.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                  WHERE datname = current_database() AND pid <> pg_backend_pid()`);
  await working;
});

/** Subscribes one outbox to another. The subscription is dropped at the end of its block. */
async function subscribe(
  subscriber: Outbox,
  publisher: Outbox,
  { table = "stop_events", options = "" } = {},
): Promise<AsyncDisposable> {
  const slot = `s_${crypto.randomUUID().replaceAll("-", "")}`;
  const { host, port, name, user, password } = publisher.config;
  await publisher.query(`CREATE PUBLICATION p FOR TABLE ${table} ${options}`);
  await publisher.query(`SELECT pg_create_logical_replication_slot('${slot}', 'pgoutput')`);
  await subscriber.query(`
    CREATE SUBSCRIPTION "my feed"
    CONNECTION 'host=${host} port=${port} dbname=${name} user=${user} password=${password}'
    PUBLICATION p WITH (create_slot = false, slot_name = '${slot}', copy_data = false)`);
  return {
    async [Symbol.asyncDispose]() {
      await subscriber.query('ALTER SUBSCRIPTION "my feed" DISABLE');
      await subscriber.query('ALTER SUBSCRIPTION "my feed" SET (slot_name = NONE)');
      await subscriber.query('DROP SUBSCRIPTION "my feed"');
      const active = `SELECT FROM pg_replication_slots WHERE slot_name = '${slot}' AND active`;
      await until("the slot is free", async () => (await publisher.query(active)).length === 0);
      await publisher.query(`SELECT pg_drop_replication_slot('${slot}')`);
    },
  };
}

const PARTITIONED = `DROP TABLE stop_events; ${
  CREATE_OUTBOX.replace(" PRIMARY KEY", "").replace(" UNIQUE", "")
    .replace(");\nCREATE INDEX", ") PARTITION BY RANGE (occurred_at);\nCREATE INDEX")
}; CREATE TABLE part PARTITION OF stop_events DEFAULT`;

Deno.test("fence: keeps the day open for the grace of a subscription that writes to the outbox, enabled or not", async () => {
  await using publisher = await outbox();
  await using subscriber = await outbox();
  await using _ = await subscribe(subscriber, publisher);
  const { fence, holders } = await lookAtSubscriber(subscriber);
  assertEquals(holders.map(({ kind, subscription }) => [kind, subscription]), [
    ["subscription", "my feed"],
  ]);
  assertEquals(fence.sealable, false);
  assertStringIncludes(fence.reasons[0]!, "subscription my feed writes to stop_events");
  assertMatch(fence.reasons[0]!, /can be sealed from \d{4}-\d\d-\d\dT[0-9:.]+Z on/);

  await subscriber.query('ALTER SUBSCRIPTION "my feed" DISABLE');
  assertEquals((await lookAtSubscriber(subscriber)).fence.sealable, false);
  assertEquals(
    (await lookAtSubscriber(subscriber, SUBSCRIPTION_GRACE - 60_000_000n)).fence.sealable,
    false,
  );
  assertEquals((await lookAtSubscriber(subscriber, SUBSCRIPTION_GRACE)).fence.sealable, true);
});

Deno.test("fence: ignores a process that only reads the outbox for a subscriber", async () => {
  await using publisher = await outbox();
  await using subscriber = await outbox();
  await using _ = await subscribe(subscriber, publisher);
  await until(
    "the subscriber reads",
    async () =>
      (await publisher.query(`SELECT FROM pg_stat_activity WHERE backend_type = 'walsender'
                            AND datname = current_database()`)).length > 0,
  );
  await publisher.query(insertEvent(1));
  await until(
    "the event has come",
    async () => (await subscriber.query("SELECT FROM stop_events")).length > 0,
  );
  assertEquals((await look(publisher)).holders, []);
});

Deno.test("fence: keeps the day open for a subscription that writes to a partition of the outbox", async () => {
  await using publisher = await outbox({ events: [PARTITIONED] });
  await using subscriber = await outbox({ events: [PARTITIONED] });
  await using _ = await subscribe(subscriber, publisher);
  const { fence, holders } = await lookAtSubscriber(subscriber);
  assertEquals(holders.map(({ subscription }) => subscription), ["my feed"]);
  assertStringIncludes(fence.reasons[0]!, "writes to part");
});

Deno.test("fence: keeps the day open for a subscription that writes to the parent table of the outbox", async () => {
  const above = `${PARTITIONED}; ALTER TABLE stop_events RENAME TO everything;
                 ALTER TABLE part RENAME TO stop_events`;
  await using publisher = await outbox({ events: [above] });
  await using subscriber = await outbox({ events: [above] });
  await using _ = await subscribe(subscriber, publisher, {
    table: "everything",
    options: "WITH (publish_via_partition_root)",
  });
  const { fence } = await lookAtSubscriber(subscriber);
  assertStringIncludes(fence.reasons[0]!, "subscription my feed writes to everything");
});

Deno.test("fence: ignores a subscription to another table", async () => {
  const other = "CREATE TABLE orders (id int PRIMARY KEY)";
  await using publisher = await outbox({ events: [other] });
  await using subscriber = await outbox({ events: [other] });
  await using _ = await subscribe(subscriber, publisher, { table: "orders" });
  assertEquals((await lookAtSubscriber(subscriber)).fence.sealable, true);
});

Deno.test("fence: never seals a day on a standby, because a standby cannot see the writers of its primary", async () => {
  const primary = await startPostgres();
  try {
    const owner = await session(primary.config);
    await owner.query(CREATE_OUTBOX);
    await owner.query(insertEvent(1));
    await owner.end();
    await using standby = await startStandby(primary);
    await using lake = await temporaryLake();
    const observer = recorder();
    const { day } = WINDOW;
    await runBronze({ database: standby.config, lake, day, grace: 0n, observer });
    const fence = observer.steps.find(({ step }) => step === "fence")!;
    assertStringIncludes(fence.says, "this server is a standby");
    assertStringIncludes(observer.steps.find(({ step }) => step === "commit")!.says, "open");
    const fact = await gatherDatabase(standby.config, 0n);
    assert(fact.opened);
    assertEquals(fact.holders.map(({ kind }) => kind), ["standby"]);
  } finally {
    await primary.stop();
  }
});
