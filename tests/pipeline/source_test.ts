import { runAmend } from "../../pipeline/amend.ts";
import { runBronze } from "../../pipeline/bronze.ts";
import { findLeftovers } from "../../pipeline/clean.ts";
import type { DatabaseConfig } from "../../pipeline/config.ts";
import { bronzeMarkerKey, SOURCE_KEY } from "../../pipeline/contract/keys.ts";
import type { Source } from "../../pipeline/contract/source.ts";
import { type Day, parseDay } from "../../pipeline/contract/window.ts";
import { Failure } from "../../pipeline/errors.ts";
import { type BronzeCommit, readMarker, renderMarker } from "../../pipeline/lake/marker.ts";
import { readSources, renderSources } from "../../pipeline/lake/source_record.ts";
import { runSilver } from "../../pipeline/silver.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "../support/assert.ts";
import { insertEvent } from "../support/events.ts";
import { recorder, type TemporaryLake, temporaryLake } from "../support/lakes.ts";
import { type Outbox, outbox } from "../support/postgres.ts";

const DAY = parseDay("2025-12-28")!;
const NEXT = parseDay("2025-12-29")!;
const OPEN = { grace: 10n ** 15n * 60n };

/** A database with `stop_events`, and with `other_events` of the same shape and other events. */
async function twoTables(): Promise<Outbox> {
  return await outbox({
    events: [
      insertEvent(1),
      insertEvent(2, { occurred_at: "'2025-12-29T10:00:00Z'" }),
      "CREATE TABLE other_events (LIKE stop_events INCLUDING ALL)",
      insertEvent(3).replace("stop_events", "other_events"),
      insertEvent(4, { occurred_at: "'2025-12-29T11:00:00Z'" })
        .replace("stop_events", "other_events"),
    ],
  });
}

function other({ config }: Outbox, table = "other_events"): DatabaseConfig {
  return { ...config, table };
}

interface Run {
  readonly day?: Day;
  readonly grace?: bigint;
  readonly earlierSource?: string | undefined;
  readonly dryRun?: boolean;
}

/** Runs bronze, and returns the steps. */
async function bronze(database: DatabaseConfig, lake: TemporaryLake, run: Run = {}) {
  const observer = recorder();
  await runBronze({ database, lake, day: DAY, grace: 0n, ...run, observer });
  return observer.steps;
}

async function amend(database: DatabaseConfig, lake: TemporaryLake, earlierSource?: string) {
  const agree = () => Promise.resolve(true);
  const observer = recorder();
  return await runAmend({ database, lake, day: DAY, grace: 0n, earlierSource, agree, observer });
}

async function commitOf(lake: TemporaryLake, day: Day = DAY): Promise<BronzeCommit> {
  return (await readMarker(lake, "bronze", bronzeMarkerKey(day), day))!.commit;
}

/** Replaces the source in the marker of a day. */
async function changeSource(lake: TemporaryLake, source: Source | undefined, day: Day = DAY) {
  const { source: _, ...commit } = await commitOf(lake, day);
  const marker = renderMarker({ ...commit, ...(source && { source }) });
  await lake.put(bronzeMarkerKey(day), marker);
}

async function systemOf(db: Outbox): Promise<string> {
  const sql = "SELECT system_identifier::text AS system FROM pg_control_system()";
  return (await db.query(sql))[0]!.system!;
}

/** Confirms that a run refuses, and that it leaves every object of the lake as it was. */
async function refuses(lake: TemporaryLake, run: () => Promise<unknown>): Promise<Failure> {
  const before = await lake.contents();
  const failure = await assertRejects(run, Failure);
  assertEquals(await lake.contents(), before);
  return failure;
}

Deno.test("confirmSource records the database, the schema and the table in the marker and in the lake", async () => {
  await using db = await twoTables();
  await using lake = await temporaryLake();
  await bronze(db.config, lake);
  const source = {
    database: db.config.name,
    system: await systemOf(db),
    schema: "public",
    table: "stop_events",
  };
  assertEquals((await commitOf(lake)).source, source);
  assertEquals((await readSources(lake))!.sources, [source]);
});

Deno.test("confirmSource refuses another table for an open day", async () => {
  await using db = await twoTables();
  await using lake = await temporaryLake();
  await bronze(db.config, lake, OPEN);
  assertEquals((await commitOf(lake)).state, "open");
  const failure = await refuses(lake, () => bronze(other(db), lake, OPEN));
  assertEquals(failure.kind, "configuration");
  const database = `${db.config.name}@${await systemOf(db)}`;
  assertEquals(
    failure.message,
    `Cannot export ${DAY}: the lake was copied from ${database}/public.stop_events, and this run ` +
      `would read ${database}/public.other_events. Nothing was changed. Set OUTBOX_TABLE, or ` +
      "database.table in the project file, to the table that the lake was copied from. If this is " +
      "the same table under another name, run the command once with --earlier-source " +
      `${database}/public.stop_events`,
  );
});

Deno.test("confirmSource refuses another table for a sealed day, a new day, an amendment and a dry run", async () => {
  await using db = await twoTables();
  await using lake = await temporaryLake();
  await bronze(db.config, lake);
  assertEquals((await commitOf(lake)).state, "sealed");
  for (
    const run of [
      () => bronze(other(db), lake),
      () => bronze(other(db), lake, { day: NEXT }),
      () => bronze(other(db), lake, { day: parseDay("2025-12-27")! }),
      () => bronze(other(db), lake, { day: NEXT, dryRun: true }),
      () => amend(other(db), lake),
    ]
  ) {
    const { kind, problem } = await refuses(lake, run);
    assertEquals(kind, "configuration");
    assertStringIncludes(problem, "/public.other_events");
  }
  await bronze(db.config, lake, { day: NEXT });
  assertEquals((await commitOf(lake, NEXT)).rows, 1);
});

Deno.test("confirmSource accepts one table under each of its spellings", async () => {
  await using db = await outbox({ events: [insertEvent(1)] });
  await using lake = await temporaryLake();
  for (const table of ["stop_events", "public.stop_events", '"public"."stop_events"']) {
    await bronze({ ...db.config, table }, lake, OPEN);
  }
  assertEquals((await readSources(lake))!.sources.length, 1);
});

Deno.test("confirmSource resolves a table by the search_path, and distinguishes case and schema", async () => {
  await using db = await twoTables();
  await db.query(`CREATE SCHEMA "Shop's";
    CREATE TABLE "Shop's".stop_events (LIKE stop_events INCLUDING ALL);
    CREATE TABLE "Stop_Events" (LIKE stop_events INCLUDING ALL)`);
  await using lake = await temporaryLake();
  await bronze(db.config, lake);
  for (const table of [`"Shop's".stop_events`, '"Stop_Events"']) {
    const { problem } = await refuses(lake, () => bronze(other(db, table), lake, { day: NEXT }));
    assertStringIncludes(problem, table);
  }
  await db.query(`ALTER ROLE CURRENT_USER IN DATABASE ${db.config.name}
    SET search_path = "Shop's", public`);
  const { problem } = await refuses(lake, () => bronze(db.config, lake, { day: NEXT }));
  assertStringIncludes(problem, `/"Shop's".stop_events`);
  await bronze({ ...db.config, table: "public.stop_events" }, lake, { day: NEXT });
});

Deno.test("confirmSource keeps the bytes of a sealed day of an earlier version, and records the next day", async () => {
  await using db = await twoTables();
  await using lake = await temporaryLake();
  await bronze(db.config, lake);
  await changeSource(lake, undefined);
  await lake.remove(SOURCE_KEY);
  const before = await lake.contents();
  await bronze(db.config, lake);
  assertEquals(await lake.contents(), before);
  const steps = await bronze(db.config, lake, { day: NEXT });
  assertEquals(steps.filter(({ step }) => step === "source"), []);
  assertEquals((await readSources(lake))!.sources.length, 1);
  assertEquals(await amend(db.config, lake), "unchanged");
  const { problem } = await refuses(lake, () => amend(other(db), lake));
  assertStringIncludes(problem, "public.other_events");
});

Deno.test("confirmSource refuses another table for a lake without a record", async () => {
  await using db = await twoTables();
  await using lake = await temporaryLake();
  await bronze(db.config, lake);
  await changeSource(lake, undefined);
  await lake.remove(SOURCE_KEY);
  const failure = await refuses(lake, () => bronze(other(db), lake, { day: NEXT }));
  assertEquals(failure.kind, "configuration");
  assertStringIncludes(failure.problem, "does not have event_seq 1 of 2025-12-28");
  // The outbox can have removed the events. An operator who knows that says so.
  await db.query("DELETE FROM stop_events WHERE event_seq = 1");
  await refuses(lake, () => bronze(db.config, lake, { day: NEXT }));
  await bronze(db.config, lake, { day: NEXT, earlierSource: "unknown" });
  assertEquals((await readSources(lake))!.sources.map(({ table }) => table), ["stop_events"]);
});

Deno.test("confirmSource finds the source in the newest marker if the record was lost", async () => {
  await using db = await twoTables();
  await using lake = await temporaryLake();
  await bronze(db.config, lake);
  await lake.remove(SOURCE_KEY);
  await refuses(lake, () => bronze(other(db), lake, { day: NEXT }));
  await bronze(db.config, lake, { day: NEXT });
  assertEquals((await readSources(lake))!.sources.length, 1);
});

Deno.test("confirmSource accepts a renamed table with its earlier name, once", async () => {
  await using db = await twoTables();
  await using lake = await temporaryLake();
  await bronze(db.config, lake);
  await db.query("ALTER TABLE stop_events RENAME TO stops");
  const renamed = other(db, "stops");
  const { remedy } = await refuses(lake, () => bronze(renamed, lake, { day: NEXT }));
  const [, earlierSource] = /--earlier-source (\S+)$/.exec(remedy)!;
  await refuses(lake, () => bronze(renamed, lake, { earlierSource: "public.stop_events" }));
  await bronze(renamed, lake, { day: NEXT, earlierSource, dryRun: true });
  await bronze(renamed, lake, { day: NEXT, earlierSource });
  const tables = (await readSources(lake))!.sources.map(({ table }) => table);
  assertEquals(tables, ["stop_events", "stops"]);

  // Without the flag: a sealed day of the earlier name, its amendment, silver and clean.
  await db.query(insertEvent(9).replace("stop_events", "stops"));
  assertEquals(await amend(renamed, lake), "amended");
  assertEquals((await commitOf(lake)).source!.table, "stops");
  await bronze(renamed, lake);
  await findLeftovers(lake, DAY, () => Promise.resolve(0));
  // A table under the earlier name is another table now.
  await db.query("CREATE TABLE stop_events (LIKE stops INCLUDING ALL)");
  await refuses(lake, () => bronze(db.config, lake, { day: parseDay("2025-12-30")! }));
});

Deno.test("confirmSource records an earlier name that a run of a sealed day confirms", async () => {
  await using db = await twoTables();
  await using lake = await temporaryLake();
  await bronze(db.config, lake);
  const earlierSource = `${db.config.name}@${await systemOf(db)}/public.stop_events`;
  await db.query("ALTER TABLE stop_events RENAME TO stops");
  const marker = async () => (await lake.get(bronzeMarkerKey(DAY)))!.bytes;
  const before = await marker();
  await bronze(other(db, "stops"), lake, { earlierSource });
  assertEquals(await marker(), before);
  await bronze(other(db, "stops"), lake, { day: NEXT });
});

/** A copy of the database of `twoTables`, as after a dump and restore. */
async function restored({ query }: Outbox): Promise<Outbox> {
  const copy = await twoTables();
  const rows = await query("SELECT event_id, event_seq FROM stop_events");
  for (const { event_id, event_seq } of rows) {
    await copy.query(
      `UPDATE stop_events SET event_id = '${event_id}' WHERE event_seq = ${event_seq}`,
    );
  }
  return copy;
}

Deno.test("confirmSource refuses another database, and accepts it with its earlier name if it has the events of bronze", async () => {
  await using db = await twoTables();
  await using moved = await restored(db);
  await using lake = await temporaryLake();
  await bronze(db.config, lake);
  const failure = await refuses(lake, () => bronze(moved.config, lake, { day: NEXT }));
  assertEquals(failure.kind, "configuration");
  assertStringIncludes(failure.remedy, "Check DJANGO_DB_HOST and DJANGO_DB_NAME.");
  const [, earlierSource] = /--earlier-source (\S+)$/.exec(failure.remedy)!;
  const steps = await bronze(moved.config, lake, { day: NEXT, earlierSource });
  const [step] = steps.filter(({ step }) => step === "source");
  assertStringIncludes(step!.says, `so it is the outbox that was ${earlierSource} before`);
  const sources = (await readSources(lake))!.sources;
  assertEquals(sources.map(({ database }) => database), [db.config.name, moved.config.name]);
  const again = await bronze(moved.config, lake, { day: NEXT });
  assertEquals(again.filter(({ step }) => step === "source"), []);
});

Deno.test("confirmSource refuses another database with the same event_seq and other events", async () => {
  await using db = await twoTables();
  await using staging = await twoTables();
  await staging.query("UPDATE stop_events SET event_id = gen_random_uuid()");
  await using lake = await temporaryLake();
  await bronze(db.config, lake);
  const { remedy } = await refuses(lake, () => bronze(staging.config, lake, { day: NEXT }));
  const [, earlierSource] = /--earlier-source (\S+)$/.exec(remedy)!;
  const { problem } = await refuses(
    lake,
    () => bronze(staging.config, lake, { day: NEXT, earlierSource }),
  );
  assertStringIncludes(problem, "it does not have 1 of the last 1 events of bronze of 2025-12-28");
});

Deno.test("confirmSource refuses an earlier name whose table still exists", async () => {
  await using db = await twoTables();
  await using lake = await temporaryLake();
  await bronze(db.config, lake);
  await db.query("DROP TABLE other_events; CREATE TABLE other_events AS TABLE stop_events");
  await db.query("ALTER TABLE other_events ALTER event_id SET NOT NULL");
  const { remedy } = await refuses(lake, () => bronze(other(db), lake, { day: NEXT }));
  const [, earlierSource] = /--earlier-source (\S+)$/.exec(remedy)!;
  const { problem } = await refuses(
    lake,
    () => bronze(other(db), lake, { day: NEXT, earlierSource }),
  );
  assertStringIncludes(problem, "public.stop_events still exists, so it was not renamed");
});

Deno.test("confirmSource names an earlier source that the lake does not have", async () => {
  await using db = await twoTables();
  await using lake = await temporaryLake();
  await bronze(db.config, lake);
  for (const database of [db.config, other(db)]) {
    const { problem } = await refuses(
      lake,
      () => bronze(database, lake, { day: NEXT, earlierSource: "public.stops" }),
    );
    assertStringIncludes(problem, "--earlier-source public.stops is not a source of the lake");
  }
});

Deno.test("confirmSource refuses another server with a database of the same name", async () => {
  await using db = await twoTables();
  await using lake = await temporaryLake();
  await bronze(db.config, lake);
  const { sources: [source] } = (await readSources(lake))!;
  await lake.put(SOURCE_KEY, renderSources([{ ...source!, system: "1" }]));
  const { problem } = await refuses(lake, () => bronze(db.config, lake, { day: NEXT }));
  assertStringIncludes(problem, `${db.config.name}@1/public.stop_events`);
});

Deno.test("confirmSource refuses a day of another database, also for silver", async () => {
  await using db = await twoTables();
  await using lake = await temporaryLake();
  await bronze(db.config, lake);
  const { sources: [source] } = (await readSources(lake))!;
  await changeSource(lake, { ...source!, database: "staging", system: "1" });
  const observer = recorder();
  for (
    const run of [
      () => bronze(db.config, lake),
      () => runSilver({ lake, day: DAY, observer }),
      () => findLeftovers(lake, DAY, () => Promise.resolve(0)),
    ]
  ) {
    const { problem } = await refuses(lake, run);
    assertStringIncludes(problem, "bronze of 2025-12-28 was copied from staging@1/");
  }
});

Deno.test("confirmSource records the identifier of the server when a role can read it", async () => {
  await using db = await twoTables();
  await using lake = await temporaryLake();
  await bronze(db.config, lake);
  const { sources: [source] } = (await readSources(lake))!;
  const { system: _, ...unknown } = source!;
  await lake.put(SOURCE_KEY, renderSources([unknown]));
  await bronze(db.config, lake, { day: NEXT });
  assertEquals((await readSources(lake))!.sources, [source!]);
});

Deno.test("confirmSource works for a role that may not read the identifier of the server", async () => {
  await using db = await twoTables();
  await using lake = await temporaryLake();
  await bronze(db.config, lake);
  await db.query("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC");
  const reader = await db.role("source_reader", "GRANT SELECT ON stop_events TO source_reader");
  await bronze(reader, lake, { day: NEXT });
  const { sources: [source] } = (await readSources(lake))!;
  assertEquals(source!.system, await systemOf(db));
  // The marker keeps the identifier, so its digest does not depend on the role.
  assertEquals((await commitOf(lake, NEXT)).source, source);
});

Deno.test("confirmSource refuses a day of another table beside a record of this table", async () => {
  await using db = await twoTables();
  await using lake = await temporaryLake();
  await bronze(other(db), lake, OPEN);
  await lake.remove(SOURCE_KEY);
  await changeSource(lake, undefined);
  await bronze(db.config, lake, { day: NEXT, earlierSource: "unknown" });
  const source = { ...(await commitOf(lake, NEXT)).source!, table: "other_events" };
  await changeSource(lake, source);
  const observer = recorder();
  for (
    const run of [
      () => bronze(db.config, lake, OPEN),
      () => amend(db.config, lake),
      () => runSilver({ lake, day: DAY, observer }),
      () => findLeftovers(lake, DAY, () => Promise.resolve(0)),
    ]
  ) {
    const { problem } = await refuses(lake, run);
    assertStringIncludes(problem, "bronze of 2025-12-28 was copied from ");
    assertStringIncludes(problem, "/public.other_events");
  }
});

Deno.test("recordSource lets only one of two tables into an empty lake", async () => {
  await using db = await twoTables();
  await using lake = await temporaryLake();
  // Both runs begin before either publishes.
  let arrived = 0;
  const { promise: both, resolve } = Promise.withResolvers<void>();
  const observer = {
    progress() {},
    step({ step }: { step: string }) {
      if (step === "snapshot" && ++arrived === 2) resolve();
    },
  };
  const held = {
    ...lake,
    put: async (...args: Parameters<typeof lake.put>) => {
      await both;
      return await lake.put(...args);
    },
  };
  const copy = (database: DatabaseConfig, day: Day) =>
    runBronze({ database, lake: held, day, grace: 0n, observer });
  const results = await Promise.allSettled([copy(db.config, DAY), copy(other(db), NEXT)]);
  const [lost, ...more] = results.filter((each) => each.status === "rejected");
  assertEquals(more, []);
  assert(lost!.reason instanceof Failure);
  assertEquals(lost!.reason.kind, "configuration");
  assertStringIncludes(lost!.reason.problem, "another run has recorded ");
  const days = await Promise.all(
    [DAY, NEXT].map((day) => readMarker(lake, "bronze", bronzeMarkerKey(day), day)),
  );
  assertEquals(days.filter((marker) => marker !== undefined).length, 1);
});

Deno.test("readSources refuses a record that is not one", async () => {
  await using lake = await temporaryLake();
  const texts: [string, string][] = [
    ["{", "it is not JSON"],
    ["[]", "its format is not deep-storage-source/1"],
    ['{"format":"deep-storage-source/1"}', "sources are not a list"],
    ['{"format":"deep-storage-source/1","sources":[]}', "sources are empty"],
    ['{"format":"deep-storage-source/1","sources":[{}]}', "sources[0].database is not a text"],
  ];
  for (const [text, problem] of texts) {
    await lake.put(SOURCE_KEY, new TextEncoder().encode(text));
    const failure = await assertRejects(() => readSources(lake), Failure);
    assertEquals([failure.kind, failure.problem], ["data", problem]);
  }
});
