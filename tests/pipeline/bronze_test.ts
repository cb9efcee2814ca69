import { runBronze } from "../../pipeline/bronze.ts";
import type { DatabaseConfig } from "../../pipeline/config.ts";
import { bronzeMarkerKey } from "../../pipeline/contract/keys.ts";
import { type Day, parseDay, windowOf } from "../../pipeline/contract/window.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { type BronzeCommit, readMarker } from "../../pipeline/lake/marker.ts";
import { openPart } from "../../pipeline/lake/parquet_reader.ts";
import { runSilver } from "../../pipeline/silver.ts";
import { generatedEvents, RUNBOOK_EVENTS } from "../../tasks/demo/events.ts";
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "../support/assert.ts";
import { recorder, temporaryLake } from "../support/lakes.ts";
import { onOneDay } from "../support/one_day.ts";
import { outbox } from "../support/postgres.ts";

const DAY = parseDay("2025-12-28")!;
const MINUTES = 60_000_000n;

/** Returns an event with its own id and event_seq, at a time of day or at a full timestamp. */
function event(number: number, time: string, columns: Record<string, string> = {}): string {
  const values: Record<string, string> = {
    event_id: `'00000000-0000-0000-0000-${String(number).padStart(12, "0")}'`,
    event_seq: String(number),
    occurred_at: time.includes("T") ? `'${time}'` : `'2025-12-28T${time}Z'`,
    operation_id: "7",
    client_id: "1",
    symbol: "'BTCUSDC'",
    event_type: "'STOP_TRIGGERED'",
    source: "'ws'",
    ...columns,
  };
  return `INSERT INTO stop_events (${Object.keys(values).join(", ")})
          VALUES (${Object.values(values).join(", ")})`;
}

async function bronze(database: DatabaseConfig, lake: Lake, day: Day = DAY, grace = 15n * MINUTES) {
  const observer = recorder();
  await runBronze({ database, lake, day, grace, observer });
  return observer.steps;
}

async function commitOf(lake: Lake, day: Day = DAY): Promise<BronzeCommit | undefined> {
  return (await readMarker(lake, "bronze", bronzeMarkerKey(day), day))?.commit;
}

async function failure(run: () => Promise<unknown>): Promise<Failure> {
  return await assertRejects(run, Failure);
}

/** Returns today by the clock of this machine, which is also the clock of the database. */
function today(): Day {
  return parseDay(new Date().toISOString().slice(0, 10))!;
}

Deno.test("bronze: seals a day that is over and has no open writer", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  const steps = await bronze(db.config, lake);
  assertEquals(steps.map(({ step }) => step), ["outbox", "fence", "snapshot", "part", "commit"]);
  const commit = (await commitOf(lake))!;
  assertEquals(
    [commit.state, commit.rows, commit.minSeq, commit.maxSeq, commit.parts.length],
    ["sealed", 2, 1n, 2n, 1],
  );
});

Deno.test("bronze: includes the first microsecond of a day, and not the first microsecond of the next day", async () => {
  await using db = await outbox({
    events: [
      event(1, "2025-12-27T23:59:59.999999Z"),
      event(2, "00:00:00.000000"),
      event(3, "23:59:59.999999"),
      event(4, "2025-12-29T00:00:00Z"),
    ],
  });
  await using lake = await temporaryLake();
  await bronze(db.config, lake);
  const { minSeq, maxSeq, rows } = (await commitOf(lake))!;
  assertEquals([minSeq, maxSeq, rows], [2n, 3n, 2]);
});

Deno.test("bronze: keeps today open, and adds new events with the next run", () =>
  onOneDay(async () => {
    const day = today();
    await using db = await outbox({ events: [event(1, `${day}T00:00:00Z`)] });
    await using lake = await temporaryLake();
    const steps = await bronze(db.config, lake, day);
    assertStringIncludes(steps.find(({ step }) => step === "fence")!.says, "is not over");
    const first = (await commitOf(lake, day))!;
    assertEquals([first.state, first.rows], ["open", 1]);

    await db.query(event(2, `${day}T00:00:00.000001Z`));
    await bronze(db.config, lake, day);
    const second = (await commitOf(lake, day))!;
    assertEquals([second.state, second.rows], ["open", 2]);
    // The part of the previous state is removed.
    const parts = (await lake.list("bronze/")).map(({ key }) => key).filter((k) =>
      !/_commit/.test(k)
    );
    assertEquals(parts, second.parts.map(({ key }) => key));
  }));

Deno.test("bronze: keeps a window open during the grace after its end", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  const tenYears = 10n * 366n * 24n * 60n * MINUTES;
  const steps = await bronze(db.config, lake, DAY, tenYears);
  assertStringIncludes(
    steps.find(({ step }) => step === "fence")!.says,
    "grace period for slow writers",
  );
  assertEquals((await commitOf(lake))!.state, "open");
});

Deno.test("bronze: keeps a window open until a transaction that began before its end has committed", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  // A negative grace ends today's window now, so a transaction of this test can begin before the end.
  const day = today();
  await db.query(event(10, `${day}T00:00:00Z`));
  const writer = await db.connect();
  await writer.query("BEGIN");
  await writer.query("SET application_name = 'slow-writer'");
  await writer.query(event(11, `${day}T00:00:00.5Z`));
  const [clock] = await db.query(
    "SELECT (extract(epoch FROM clock_timestamp()) * 1e6)::bigint AS now",
  );
  const grace = BigInt(clock!.now!) - windowOf(day).end; // the window can be sealed from this instant

  const steps = await bronze(db.config, lake, day, grace);
  const fence = steps.find(({ step }) => step === "fence")!;
  assertStringIncludes(fence.says, "transaction of robson");
  assertStringIncludes(fence.says, "slow-writer");
  assertStringIncludes(fence.says, "idle in transaction");
  const open = (await commitOf(lake, day))!;
  assertEquals([open.state, open.rows], ["open", 1]);

  await writer.query("COMMIT");
  await bronze(db.config, lake, day, grace);
  const sealed = (await commitOf(lake, day))!;
  assertEquals([sealed.state, sealed.rows, sealed.maxSeq], ["sealed", 2, 11n]);
});

Deno.test("bronze: keeps a window open while a prepared transaction exists", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  const writer = await db.connect();
  await writer.query(`BEGIN; ${event(3, "10:00:00")}; PREPARE TRANSACTION 'two-phase'`);
  const steps = await bronze(db.config, lake);
  assertStringIncludes(
    steps.find(({ step }) => step === "fence")!.says,
    "prepared transaction two-phase",
  );
  assertEquals((await commitOf(lake))!.state, "open");
  await writer.query("COMMIT PREPARED 'two-phase'");
  await bronze(db.config, lake);
  const { state, rows } = (await commitOf(lake))!;
  assertEquals([state, rows], ["sealed", 3]);
});

Deno.test("bronze: treats a session that the user may not inspect as open", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  const reader = await db.role(`reader_${Date.now()}`, "GRANT SELECT ON stop_events TO PUBLIC");
  const steps = await bronze(reader, lake);
  assertStringIncludes(
    steps.find(({ step }) => step === "fence")!.says,
    `GRANT pg_read_all_stats TO ${reader.user}`,
  );
  assertEquals((await commitOf(lake))!.state, "open");
  await db.query(`GRANT pg_read_all_stats TO ${reader.user}`);
  await bronze(reader, lake);
  assertEquals((await commitOf(lake))!.state, "sealed");
});

Deno.test("bronze: changes no object when a sealed day runs again", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS, generatedEvents(500)] });
  await using lake = await temporaryLake();
  await bronze(db.config, lake);
  await runSilver({ lake, day: DAY, observer: recorder() });
  const before = await lake.contents();
  const steps = await bronze(db.config, lake);
  assertEquals(steps.at(-1)!.step, "verified");
  assertEquals(
    steps.at(-1)!.says,
    `${
      lake.url(bronzeMarkerKey(DAY))
    }, already sealed; the outbox has the same 502 rows; nothing ` +
      "was written",
  );
  const silver = recorder();
  await runSilver({ lake, day: DAY, observer: silver });
  assertEquals(silver.steps.at(-1)!.step, "verified");
  assertStringIncludes(silver.steps.at(-1)!.says, "the replay of bronze has the same ");
  assertEquals(await lake.contents(), before);
});

const BEHIND_ITS_BACK: [string, string, RegExp][] = [
  [
    "added",
    event(77, "12:00:00"),
    /event 00000000-0000-0000-0000-000000000077 is in the outbox but not in bronze/,
  ],
  [
    "removed",
    "DELETE FROM stop_events WHERE event_seq = 1",
    /event [0-9a-f-]{36} is in bronze but not in the outbox/,
  ],
  [
    "altered",
    "UPDATE stop_events SET fill_price = fill_price + 0.00000001 WHERE event_type = 'EXECUTED'",
    /event [0-9a-f-]{36} has a different fill_price/,
  ],
];

for (const [what, sql, message] of BEHIND_ITS_BACK) {
  Deno.test(`bronze: names a row that was ${what} after its day was sealed, and changes nothing`, async () => {
    await using db = await outbox({ events: [RUNBOOK_EVENTS] });
    await using lake = await temporaryLake();
    await bronze(db.config, lake);
    const before = await lake.contents();
    await db.query(sql);
    const { kind, message: said } = await failure(() => bronze(db.config, lake));
    assertEquals(kind, "data");
    assertMatch(said, message);
    assertEquals(await lake.contents(), before);
  });
}

Deno.test("bronze: keeps the rows of an open day that the outbox lost", async () => {
  const day = today();
  await using db = await outbox({
    events: [event(1, `${day}T00:00:00Z`), event(2, `${day}T00:00:00Z`)],
  });
  await using lake = await temporaryLake();
  await bronze(db.config, lake, day);
  const before = await lake.contents();
  await db.query("DELETE FROM stop_events WHERE event_seq = 2");
  const { kind, message } = await failure(() => bronze(db.config, lake, day));
  assertEquals(kind, "data");
  assertStringIncludes(message, "bronze has 1 event that stop_events no longer has");
  assertStringIncludes(message, "00000000-0000-0000-0000-000000000002");
  assertStringIncludes(message, `deno task amend --date ${day}`);
  assertEquals(await lake.contents(), before);
});

Deno.test("bronze: refuses an open day that lost events, even if it gained more events", async () => {
  const day = today();
  await using db = await outbox({
    events: [1, 2, 3].map((number) => event(number, `${day}T00:00:00Z`)),
  });
  await using lake = await temporaryLake();
  await bronze(db.config, lake, day);
  const before = await lake.contents();
  await db.query("DELETE FROM stop_events WHERE event_seq <= 2");
  for (const number of [4, 5, 6]) await db.query(event(number, `${day}T00:00:00Z`));
  const { kind, message } = await failure(() => bronze(db.config, lake, day));
  assertEquals(kind, "data");
  assertStringIncludes(message, "bronze has 2 events that stop_events no longer has");
  assertEquals(await lake.contents(), before);
});

Deno.test("bronze: reports no lost events for an open day whose events changed their event_seq", async () => {
  const day = today();
  await using db = await outbox({
    events: [event(1, `${day}T00:00:00Z`), event(2, `${day}T00:00:00Z`)],
  });
  await using lake = await temporaryLake();
  await bronze(db.config, lake, day);
  await db.query("UPDATE stop_events SET event_seq = 30 WHERE event_seq = 1");
  await bronze(db.config, lake, day);
  const { rows, minSeq, maxSeq } = (await commitOf(lake, day))!;
  assertEquals([rows, minSeq, maxSeq], [2, 2n, 30n]);
});

Deno.test("bronze: copies an unknown event type, omits an unknown column, and warns about both", async () => {
  await using db = await outbox({
    events: [
      "ALTER TABLE stop_events ADD COLUMN venue text",
      event(1, "10:00:00", { event_type: "'MOON_LANDING'" }),
    ],
  });
  await using lake = await temporaryLake();
  const warnings = (await bronze(db.config, lake)).filter(({ warning }) => warning);
  assertEquals(warnings.map(({ step }) => step), ["columns", "event-types"]);
  assertStringIncludes(warnings[0]!.says, "venue");
  assertStringIncludes(warnings[1]!.says, '"MOON_LANDING" (1 event)');
  assertEquals((await commitOf(lake))!.rows, 1);
});

Deno.test("bronze: stores nothing in a dry run, and reports what a run would publish", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  const observer = recorder();
  const options = { database: db.config, lake, day: DAY, grace: 0n, observer, dryRun: true };
  await runBronze(options);
  assertStringIncludes(observer.steps.at(-1)!.says, "would publish 1 part, sealed");
  assertEquals(await lake.list(""), []);
});

Deno.test("bronze: removes the leftovers of an interrupted run with the next run", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  const orphan = `bronze/events/date=${DAY}/part-00000-0123456789abcdef.parquet`;
  await lake.put(orphan, new Uint8Array(10));
  const steps = await bronze(db.config, lake);
  assertEquals(steps.at(-1)!.data, { removed: [orphan] });
  assert(!(await lake.list("bronze/")).some(({ key }) => key === orphan));
});

Deno.test("bronze: surveys a day and copies it again if the copy meets an event that does not fit", async () => {
  await using db = await outbox({
    events: [
      event(1, "10:00:00"),
      event(2, "10:00:01", { fill_price: "'NaN'" }),
      event(3, "10:00:02", { event_seq: "NULL" }),
      event(4, "10:00:03"),
    ],
  });
  await using lake = await temporaryLake();
  const observer = recorder();
  await runBronze({ database: db.config, lake, day: DAY, grace: 0n, observer });
  assertEquals(
    observer.steps.map(({ step }) => step),
    ["outbox", "fence", "snapshot", "snapshot", "quarantine", "part", "commit"],
  );
  const { commit } = (await readMarker(lake, "bronze", bronzeMarkerKey(DAY), DAY))!;
  assertEquals([commit.rows, commit.minSeq, commit.maxSeq, commit.state], [3, 1n, 4n, "sealed"]);
  const stored = await lake.get(commit.parts[0]!.key);
  const [group] = await Array.fromAsync(openPart(stored!.bytes).groups(["event_seq"]));
  assertEquals(Array.from(group!.columns[0]!), [1n, 4n, null]);
});

Deno.test("bronze: refuses a day on which two events share an event_seq, names both, and publishes nothing", async () => {
  await using db = await outbox({
    events: [
      "ALTER TABLE stop_events DROP CONSTRAINT stop_events_event_seq_key",
      event(1, "10:00:00"),
      event(2, "10:00:01", { event_seq: "1" }),
    ],
  });
  await using lake = await temporaryLake();
  const observer = recorder();
  const options = { database: db.config, lake, day: DAY, grace: 0n, observer };
  const { kind, message } = await assertRejects(() => runBronze(options), Failure);
  assertEquals(kind, "data");
  assertStringIncludes(message, "several rows of stop_events have the same event_seq: 1 (events ");
  for (const number of [1, 2]) assertStringIncludes(message, `-00000000000${number}`);
  assertEquals(await lake.list(""), []);
});
