import { gatherSource } from "../../../checks/facts/outbox_day.ts";
import { bronzeMarkerKey } from "../../../pipeline/contract/keys.ts";
import { EVENT_COLUMNS } from "../../../pipeline/contract/tables.ts";
import { Failure } from "../../../pipeline/errors.ts";
import type { Lake } from "../../../pipeline/lake/lake.ts";
import { generatedEvents, RUNBOOK_EVENTS } from "../../../tasks/demo/events.ts";
import { until } from "../../cluster/until.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "../../support/assert.ts";
import { bronze, CENTURY, DAY, event, eventId, markerOf } from "../../support/days.ts";
import { temporaryLake } from "../../support/lakes.ts";
import { outbox } from "../../support/postgres.ts";

const KEY = bronzeMarkerKey(DAY);
const EVENTS = [1, 2, 3, 4].map((number) => event(number));

Deno.test("gatherSource surveys a day of the outbox, from its first microsecond to its last", async () => {
  const times = [
    "2025-12-27T23:59:59.999999Z",
    "2025-12-28T00:00:00Z",
    "2025-12-28T23:59:59.999999Z",
    "2025-12-29T00:00:00Z",
    "infinity",
  ];
  const edges = times.map((time, i) => event(20 + i, { occurred_at: `'${time}'` }));
  const nan = event(30, { fill_price: "'NaN'" });
  await using db = await outbox({ events: [RUNBOOK_EVENTS, ...edges, nan] });
  await using lake = await temporaryLake();
  const { day, survey, compared, refusal } = await gatherSource(db.config, lake, DAY);
  assertEquals([day, survey!.rows, compared, refusal], [DAY, 4, undefined, undefined]);
  assertEquals(survey!.unfit.map(({ event_id }) => event_id), [eventId(30)]);
  assertEquals([survey!.strays, survey!.strayCount], [[eventId(24)], 1]);
});

Deno.test("gatherSource compares identities and values, even if counts are equal", async () => {
  await using db = await outbox({ events: EVENTS });
  await using lake = await temporaryLake();
  await bronze(db, lake);
  const equal = (await gatherSource(db.config, lake, DAY)).compared!;
  assertEquals(equal.sha256, (await markerOf(lake, "bronze")).sha256);
  await db.query("DELETE FROM stop_events WHERE event_seq IN (1, 2)");
  await db.query("UPDATE stop_events SET symbol = 'ETHUSDC' WHERE event_seq = 3");
  for (const number of [11, 12]) await db.query(event(number));
  const { survey, compared } = await gatherSource(db.config, lake, DAY);
  assertEquals(survey!.rows, 4);
  const { late, lost, altered, named } = compared!.differences;
  assertEquals([...late].sort(), [11, 12].map(eventId));
  assertEquals([...lost].sort(), [1, 2].map(eventId));
  assertEquals([...altered], [eventId(3)]);
  assertEquals(named.altered[0]!.values, [
    { column: "symbol", source: "ETHUSDC", layer: "BTCUSDC" },
  ]);
});

/** An SQL expression for another value of a column, by the type of the column. */
const OTHER: Readonly<Record<string, (name: string) => string>> = {
  "bigint": (name) => `coalesce(${name}, 0) + 1000000`,
  "integer": (name) => `coalesce(${name}, 0) + 1`,
  "timestamp with time zone": (name) => `${name} + interval '1 microsecond'`,
  "character varying": (name) => `coalesce(${name}, '') || 'x'`,
  "text": (name) => `coalesce(${name}, '') || 'x'`,
  "jsonb": () => `'{"changed": true}'`,
  "numeric": (name) => `coalesce(${name}, 0) + 0.0001`,
};

Deno.test("gatherSource finds a change of one value in any column", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS, generatedEvents(300)] });
  await using lake = await temporaryLake();
  await bronze(db, lake);
  await db.query("CREATE TABLE copied AS SELECT * FROM stop_events");
  const columns = EVENT_COLUMNS.filter(({ name }) => name !== "event_id");
  for (const { name, postgres } of columns) {
    const other = OTHER[postgres]!(name);
    const changed = await db.query(
      `UPDATE stop_events SET ${name} = ${other} WHERE event_seq IN (2, 1100) RETURNING event_id`,
    );
    assertEquals(changed.length, 2);
    const { late, lost, altered, named } =
      (await gatherSource(db.config, lake, DAY)).compared!.differences;
    assertEquals([late.size, lost.size], [0, 0]);
    assertEquals([...altered].sort(), changed.map(({ event_id }) => event_id!).sort());
    for (const { values } of named.altered) {
      assertEquals(values.map(({ column }) => column), [name]);
    }
    await db.query(
      `UPDATE stop_events SET ${name} = copied.${name} FROM copied
       WHERE copied.event_id = stop_events.event_id`,
    );
  }
  const { differences } = (await gatherSource(db.config, lake, DAY)).compared!;
  assertEquals(differences.altered.size, 0);
});

Deno.test("gatherSource counts events without an event_seq, and events on no day", async () => {
  const unnumbered = [5, 6].map((number) => event(number, { event_seq: "NULL" }));
  await using db = await outbox({ events: [...EVENTS, ...unnumbered] });
  await using lake = await temporaryLake();
  await bronze(db, lake);
  await db.query(event(7, { occurred_at: "'infinity'" }));
  const { survey, compared } = await gatherSource(db.config, lake, DAY);
  assertEquals(compared!.differences.late.size, 0);
  assertEquals(survey, { rows: 6, unfit: [], strays: [eventId(7)], strayCount: 1 });
});

Deno.test("gatherSource reports a missing part as a fact, not as a failure", async () => {
  await using db = await outbox({ events: EVENTS });
  await using lake = await temporaryLake();
  await bronze(db, lake);
  const [part] = (await markerOf(lake, "bronze")).commit.parts;
  await lake.remove(part!.key);
  const { survey, compared, refusal } = await gatherSource(db.config, lake, DAY);
  assertEquals([survey!.rows, compared, refusal!.name], [4, undefined, KEY]);
  assertStringIncludes(refusal!.failure.summary, part!.key);
});

Deno.test("gatherSource surveys the outbox even if the marker is unusable", async () => {
  await using db = await outbox({ events: EVENTS });
  await using lake = await temporaryLake();
  await lake.put(KEY, new TextEncoder().encode("<html>"));
  const { survey, compared, refusal } = await gatherSource(db.config, lake, DAY);
  assertEquals([survey!.rows, compared, refusal], [4, undefined, undefined]);
});

Deno.test("gatherSource reports a repeated event_id as the reason why the outbox cannot be copied", async () => {
  const again = "ALTER TABLE stop_events DROP CONSTRAINT stop_events_pkey";
  await using db = await outbox({ events: [again, event(1), event(1, { event_seq: "2" })] });
  await using lake = await temporaryLake();
  const { survey, refusal, name } = await gatherSource(db.config, lake, DAY);
  assertEquals([survey, refusal!.name], [undefined, `stop_events in ${name}`]);
  assertStringIncludes(refusal!.failure.summary, `${eventId(1)} (2 rows)`);
  assertStringIncludes(refusal!.failure.remedy, "ADD PRIMARY KEY (event_id);");
});

Deno.test("gatherSource refuses a relation that is not a table, and a role without read permission", async () => {
  await using db = await outbox({ events: EVENTS });
  await using lake = await temporaryLake();
  await db.query(`ALTER TABLE stop_events RENAME TO stored;
                  CREATE MATERIALIZED VIEW stop_events AS SELECT * FROM stored`);
  const { kind, message } = await assertRejects(
    () => gatherSource(db.config, lake, DAY),
    Failure,
  );
  assertEquals(kind, "configuration");
  assertStringIncludes(message, "materialized view");
});

/** A lake that runs `publish` after the first read of the marker, and counts these reads. */
function publishedDuringRead(lake: Lake, publish: () => Promise<void>) {
  let count = 0;
  const busy: Lake = {
    ...lake,
    async get(key) {
      const stored = await lake.get(key);
      if (key === KEY && ++count === 1) await publish();
      return stored;
    },
  };
  return { busy, reads: () => count };
}

Deno.test("gatherSource reads again if the day was published meanwhile", async () => {
  await using db = await outbox({ events: EVENTS });
  await using lake = await temporaryLake();
  await bronze(db, lake, CENTURY);
  const { busy, reads } = publishedDuringRead(lake, async () => {
    await db.query(event(10));
    await bronze(db, lake);
  });
  const { compared } = await gatherSource(db.config, busy, DAY);
  assertEquals(compared!.sha256, (await markerOf(lake, "bronze")).sha256);
  assertEquals(compared!.differences.late.size, 0);
  assert(reads() > 2);
});

Deno.test("gatherSource does not report an event as lost that arrived during the run", async () => {
  await using db = await outbox({ events: EVENTS });
  await using lake = await temporaryLake();
  await bronze(db, lake, CENTURY);
  const { busy } = publishedDuringRead(lake, async () => {
    await db.query(event(10));
    await bronze(db, lake, CENTURY);
  });
  const { lost, late } = (await gatherSource(db.config, busy, DAY)).compared!.differences;
  assertEquals([lost.size, late.size], [0, 0]);
});

Deno.test("gatherSource ends its session, even after a failure", async () => {
  await using db = await outbox();
  await using lake = await temporaryLake();
  const sessions = async () => {
    const [row] = await db.query(`SELECT count(*) AS count FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND backend_type = 'client backend'`);
    return row!.count;
  };
  const ends = () => until("the session has ended", async () => await sessions() === "0");
  await gatherSource(db.config, lake, DAY);
  await ends();
  await db.query("DROP TABLE stop_events");
  await assertRejects(() => gatherSource(db.config, lake, DAY), Failure, "stop_events");
  await ends();
});

Deno.test("gatherSource ends immediately on abort, with the reason", async () => {
  await using db = await outbox();
  await using lake = await temporaryLake();
  const late = new Failure({
    kind: "unreachable",
    task: "wait any longer",
    problem: "the deadline has passed",
    remedy: "Run again.",
  });
  await assertRejects(() => gatherSource(db.config, lake, DAY, AbortSignal.abort(late)));
});
