import { runAmend } from "../../pipeline/amend.ts";
import { type BronzeOptions, runBronze } from "../../pipeline/bronze.ts";
import type { DatabaseConfig } from "../../pipeline/config.ts";
import { bronzeMarkerKey } from "../../pipeline/contract/keys.ts";
import { parseDay } from "../../pipeline/contract/window.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { readMarker } from "../../pipeline/lake/marker.ts";
import { onServerRequest } from "../../pipeline/server_requests.ts";
import { preciseTime, type Work } from "../../pipeline/progress.ts";
import { generatedEvents } from "../../tasks/demo/events.ts";
import { assert, assertEquals, assertMatch, assertRejects } from "../support/assert.ts";
import { insertEvent } from "../support/events.ts";
import { recorder, temporaryLake } from "../support/lakes.ts";
import { pgbouncerTest, startPgbouncer } from "../support/pgbouncer.ts";
import { type Outbox, outbox } from "../support/postgres.ts";

const DAY = parseDay("2025-12-28")!;
const GRACE = 0n;
const RANGE = 150;

/** 1,000 events of all kinds, and 400 events without event_seq. */
const EVENTS = [
  generatedEvents(1000, { startSeq: 1000 }),
  `INSERT INTO stop_events (event_id, occurred_at, operation_id, client_id, symbol, event_type, source)
   SELECT gen_random_uuid(), '2025-12-28T10:00:00Z', n, 1, 'BTCUSDC', 'EXECUTED', 'ws'
   FROM generate_series(1, 400) AS n`,
];

async function bronze(
  database: DatabaseConfig,
  lake: Lake,
  workers: number,
  options: Partial<BronzeOptions> = {},
) {
  const observer = recorder();
  const more = { workers, rangeRows: RANGE, observer, ...options };
  await runBronze({ database, lake, day: DAY, grace: GRACE, ...more });
  return observer.steps.map((step) => ({
    ...step,
    says: step.says.replace(/file:\S*lake-\w+/, ""),
  }));
}

/** Waits until no session of a run is left, except those of the test. */
async function waitForNoSession(db: Outbox): Promise<void> {
  const deadline = Date.now() + 120_000;
  for (;;) {
    const left = await db.query(`
      SELECT query FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()`);
    if (left.length === 0) return;
    assert(Date.now() < deadline, JSON.stringify(left));
  }
}

Deno.test("bronze_ranges: stores the same objects for any number of workers", async () => {
  await using db = await outbox({ events: EVENTS });
  await using alone = await temporaryLake();
  const expected = await bronze(db.config, alone, 0);
  const parts = expected.filter(({ step }) => step === "part").length;
  assertEquals(parts, Math.ceil(1400 / RANGE));
  for (const workers of [1, 2, 4]) {
    await using lake = await temporaryLake();
    const steps = await bronze(db.config, lake, workers);
    assertEquals(steps, expected);
    assertEquals(await lake.contents(), await alone.contents());
  }
  await waitForNoSession(db);
});

Deno.test("bronze_ranges: announces the requests of all workers", async () => {
  await using db = await outbox({ events: EVENTS });
  const requests: string[] = [];
  onServerRequest(({ what }) => requests.push(what));
  const counts: number[] = [];
  for (const workers of [0, 2]) {
    await using lake = await temporaryLake();
    requests.length = 0;
    await bronze(db.config, lake, workers);
    counts.push(requests.filter((what) => what.startsWith("log in as ")).length);
  }
  assertEquals(counts, [1, 3]);
  const copies = requests.filter((what) => what.startsWith("COPY "));
  assert(copies.length > 2, requests.join("\n"));
});

Deno.test("bronze_ranges: reports the rows of all workers", async () => {
  await using db = await outbox({ events: EVENTS });
  await using lake = await temporaryLake();
  const rows: number[] = [];
  const observer = { step() {}, progress: (at: { rows: number }) => void rows.push(at.rows) };
  await bronze(db.config, lake, 2, { observer });
  assertEquals(rows.at(-1), 1400);
  assertEquals(rows, rows.toSorted((a, b) => a - b));
});

for (const workers of [0, 2]) {
  Deno.test(`bronze_ranges: measures copy, encode and put of each part, with ${workers} workers`, async () => {
    await using db = await outbox({ events: EVENTS });
    await using lake = await temporaryLake();
    const all: Work[] = [];
    const observer = { step() {}, progress() {}, work: (work: Work) => void all.push(work) };
    const began = preciseTime();
    await bronze(db.config, lake, workers, { observer });
    const ended = preciseTime();
    for (const kind of ["copy", "encode", "put"] as const) {
      const own = all.filter((each) => each.kind === kind);
      assertEquals(own.length, Math.ceil(1400 / RANGE), kind);
      for (const work of own) {
        // The clocks of threads differ by less than a millisecond.
        assert(began - 1 <= work.began && work.ended <= ended + 1, "the work is in the run");
        assert(work.began <= work.ended, "it ends after its beginning");
        assert(0 <= work.busy && work.busy <= work.ended - work.began + 0.001, "it is no longer");
      }
    }
  });
}

Deno.test("bronze_ranges: copies a day without event_seq, or with one range, without workers", async () => {
  await using db = await outbox({ events: EVENTS.slice(1) });
  const counts: [number, number][] = [[RANGE, 3], [400, 1]];
  for (const [rangeRows, parts] of counts) {
    await using lake = await temporaryLake();
    const steps = await bronze(db.config, lake, 2, { rangeRows });
    assertEquals(steps.filter(({ step }) => step === "part").length, parts);
    assert(steps.every(({ step }) => step !== "ranges"));
  }
});

Deno.test("bronze_ranges: publishes a day that another number of workers verifies and amends", async () => {
  await using db = await outbox({ events: EVENTS });
  await using lake = await temporaryLake();
  await bronze(db.config, lake, 2);
  const before = await lake.contents();
  for (const [workers, rangeRows] of [[0, RANGE], [4, RANGE], [2, 200]] as const) {
    const steps = await bronze(db.config, lake, workers, { rangeRows });
    assertEquals(steps.at(-1)!.step, "verified");
  }
  assertEquals(await lake.contents(), before);

  await db.query(insertEvent(1));
  const failure = await assertRejects(() => bronze(db.config, lake, 2), Failure);
  assertMatch(failure.message, /000000000001 is in the outbox but not in bronze/);
  const observer = recorder();
  await runAmend({
    database: db.config,
    lake,
    day: DAY,
    grace: GRACE,
    observer,
    agree: () => Promise.resolve(true),
  });
  assertEquals((await bronze(db.config, lake, 2)).at(-1)!.step, "verified");
});

Deno.test("bronze_ranges: adds new events to an open day", async () => {
  await using db = await outbox({ events: EVENTS });
  const grace = 10n ** 15n;
  const contents = [];
  for (const workers of [0, 2]) {
    await using lake = await temporaryLake();
    await bronze(db.config, lake, workers, { grace });
    await db.query("DELETE FROM stop_events WHERE event_seq = 1");
    await db.query(insertEvent(workers + 1, { event_id: "gen_random_uuid()" }));
    await bronze(db.config, lake, workers, { grace });
    const { commit } = (await readMarker(lake, "bronze", bronzeMarkerKey(DAY), DAY))!;
    contents.push([commit.state, commit.rows, commit.parts.length]);
    await db.query(`DELETE FROM stop_events WHERE event_seq = ${workers + 1}`);
  }
  assertEquals(contents, [["open", 1401, 10], ["open", 1401, 10]]);
});

Deno.test("bronze_ranges: quarantines an unfit event of the third range as one session does", async () => {
  await using db = await outbox({ events: EVENTS });
  await db.query("UPDATE stop_events SET slippage_pct = 'NaN' WHERE event_seq = 1400");
  await using alone = await temporaryLake();
  const expected = await bronze(db.config, alone, 0);
  for (const workers of [2, 4]) {
    await using lake = await temporaryLake();
    const steps = await bronze(db.config, lake, workers);
    assertEquals(steps.filter(({ step }) => step === "quarantine").length, 1);
    assertEquals(steps.at(-1), expected.at(-1));
    const marker = bronzeMarkerKey(DAY);
    assertEquals((await lake.contents()).get(marker), (await alone.contents()).get(marker));
  }
  await waitForNoSession(db);
});

Deno.test("bronze_ranges: refuses a day whose event_seq is twice in a range", async () => {
  await using db = await outbox({ events: EVENTS });
  // Postgres believes the index, although the table has another row with the same value.
  await db.query(`
    UPDATE pg_index SET indisready = false, indislive = false
    WHERE indexrelid = 'stop_events_event_seq_key'::regclass`);
  await db.query("UPDATE stop_events SET event_seq = 1400 WHERE event_seq = 1401");
  await using lake = await temporaryLake();
  const failure = await assertRejects(() => bronze(db.config, lake, 4), Failure);
  assertMatch(failure.message, /have the same event_seq: 1400/);
  await waitForNoSession(db);
});

/** A lake that calls a function before the first part is stored. */
function beforeFirstPut(lake: Lake, act: () => Promise<unknown>): Lake {
  let acted: Promise<unknown> | undefined;
  return {
    ...lake,
    async put(key, body) {
      await (acted ??= act());
      return await lake.put(key, body);
    },
  };
}

Deno.test("bronze_ranges: publishes nothing after a worker has lost its session", async () => {
  await using db = await outbox({ events: EVENTS });
  await using lake = await temporaryLake();
  const cut = beforeFirstPut(lake, async () => {
    const [sessions] = await db.query(`
      SELECT count(*) AS sessions FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()`);
    assertEquals(sessions, { sessions: "4" });
    const ended = await db.query(`
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND query LIKE 'COPY%' ORDER BY pid DESC LIMIT 1`);
    assertEquals(ended.length, 1);
  });
  const failure = await assertRejects(() => bronze(db.config, cut, 3), Failure);
  assertEquals(failure.kind, "unreachable");
  assertEquals(await readMarker(lake, "bronze", bronzeMarkerKey(DAY), DAY), undefined);
  await waitForNoSession(db);
});

Deno.test("bronze_ranges: ends the workers and their sessions if a part cannot be stored", async () => {
  await using db = await outbox({ events: EVENTS });
  await using lake = await temporaryLake();
  const full = beforeFirstPut(lake, () => Promise.reject(new Error("the disk is full")));
  await assertRejects(() => bronze(db.config, full, 3), Error, "the disk is full");
  await waitForNoSession(db);
  await bronze(db.config, lake, 3);
});

pgbouncerTest(
  "bronze_ranges: workers read the snapshot through pgbouncer in transaction pooling",
  async () => {
    await using db = await outbox({ events: EVENTS });
    await using pooler = await startPgbouncer(db.config, { pooling: "transaction", sessions: 5 });
    await using alone = await temporaryLake();
    const expected = await bronze(db.config, alone, 0);
    await using lake = await temporaryLake();
    const steps = await bronze(pooler.config, lake, 3);
    assertEquals(steps.map(({ step }) => step), expected.map(({ step }) => step));
    assertEquals(await lake.contents(), await alone.contents());
  },
);

Deno.test("bronze_ranges: one session copies the day if the snapshot cannot be exported", async () => {
  await using db = await outbox({ events: EVENTS });
  await db.query("REVOKE EXECUTE ON FUNCTION pg_export_snapshot() FROM PUBLIC");
  const role = await db.role(
    `reader_${Date.now()}`,
    "GRANT SELECT ON stop_events TO PUBLIC",
  );
  await confirmOneSession(db, role, /permission denied for function pg_export_snapshot/);
});

Deno.test("bronze_ranges: one session copies the day if the role may not open more", async () => {
  await using db = await outbox({ events: EVENTS });
  const name = `reader_${Date.now()}`;
  const role = await db.role(
    name,
    `GRANT SELECT ON stop_events TO PUBLIC; ALTER ROLE ${name} CONNECTION LIMIT 1`,
  );
  await confirmOneSession(db, role, /too many connections for role/);
});

async function confirmOneSession(db: Outbox, role: DatabaseConfig, reason: RegExp): Promise<void> {
  await using alone = await temporaryLake();
  await bronze(role, alone, 0);
  await using lake = await temporaryLake();
  const steps = await bronze(role, lake, 3);
  const said = steps.filter(({ step }) => step === "ranges");
  assertEquals(said.length, 1);
  assertMatch(said[0]!.says, reason);
  assertMatch(said[0]!.says, /^one session copies the day, instead of 3: /);
  assertEquals(await lake.contents(), await alone.contents());
  await waitForNoSession(db);
}
