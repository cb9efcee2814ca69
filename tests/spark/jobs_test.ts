import { runAmend } from "../../pipeline/amend.ts";
import { runBronze } from "../../pipeline/bronze.ts";
import type { S3Config } from "../../pipeline/config.ts";
import { bronzeMarkerKey, silverMarkerKey } from "../../pipeline/contract/keys.ts";
import { EVENT_COLUMNS, EXECUTION_COLUMNS } from "../../pipeline/contract/tables.ts";
import { type Day, parseDay } from "../../pipeline/contract/window.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { openLake } from "../../pipeline/lake/open.ts";
import { readMarker, renderMarker } from "../../pipeline/lake/marker.ts";
import { readSources } from "../../pipeline/lake/source_record.ts";
import { openPart } from "../../pipeline/lake/parquet_reader.ts";
import { runSilver } from "../../pipeline/silver.ts";
import { compareColumns } from "../../checks/postflight/parquet.ts";
import { generatedEvents, RUNBOOK_EVENTS } from "../../tasks/demo/events.ts";
import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { REQUIRED_PACKAGES, rgwInstalled, startRgw } from "../support/ceph_rgw.ts";
import { duckdb, parquet } from "../support/duckdb.ts";
import { eventId, insertEvent } from "../support/events.ts";
import { expectedEvents, expectedExecutions, readBack } from "../support/expected.ts";
import { recorder, temporaryLake } from "../support/lakes.ts";
import type { ObjectStore } from "../support/object_store.ts";
import { type Outbox, outbox } from "../support/postgres.ts";
import { type JobDriver, startDriver } from "./job_driver.ts";
import { type JobOptions, type JobRun, missingSpark, sparkTest, submit } from "./spark.ts";

// Runs the jobs of manifests/image with the image's Spark. These tests cannot use the strict S3
// server: it refuses the signatures that Spark's own S3 client makes without TLS.
//
// The first job of each layer starts as in a pod. The others share a driver.

// Tests of open days use yesterday, because a job accepts a grace period of at most two years.
const YESTERDAY = parseDay(Temporal.Now.plainDateISO("UTC").subtract({ days: 1 }).toString())!;
const RUNBOOK_DAY = parseDay("2025-12-28")!;

const missing = [
  await missingSpark(),
  rgwInstalled() ? undefined : `Ceph RGW is not here, it needs the packages ${REQUIRED_PACKAGES}`,
].filter((reason) => reason !== undefined).join("; ") || undefined;

let store: ObjectStore | undefined;
let driver: JobDriver | undefined;
Deno.test.beforeAll(async () => {
  if (missing === undefined) [store, driver] = await Promise.all([startRgw(), startDriver()]);
});
Deno.test.afterAll(async () => {
  await driver?.[Symbol.asyncDispose]();
  await store?.stop();
});

/** Every key and its ETag, to detect whether a run changed anything. */
async function contents(lake: Lake): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const { key } of await lake.list("")) found.set(key, (await lake.get(key))!.etag);
  return found;
}

function succeeded(run: JobRun, { database, lake }: Pick<JobOptions, "database" | "lake">): string {
  for (const secret of [database.password, lake.secretAccessKey, lake.accessKeyId]) {
    assert(!run.said.includes(secret), "a secret was printed");
  }
  assertEquals(run.code, 0, run.said);
  return run.said;
}

/** Downloads the parts that a marker names, and reads them as one table. */
async function table(
  lake: Lake,
  layer: "bronze" | "silver",
  day: Day,
  files: string,
): Promise<string> {
  const key = layer === "bronze" ? bronzeMarkerKey(day) : silverMarkerKey(day);
  const columns = layer === "bronze" ? EVENT_COLUMNS : EXECUTION_COLUMNS;
  const paths: string[] = [];
  for (const part of (await readMarker(lake, layer, key, day))!.commit.parts) {
    const { bytes } = (await lake.get(part.key))!;
    assertEquals(compareColumns(openPart(bytes).columns, columns), []);
    paths.push(`${files}/${layer}-${paths.length}.parquet`);
    await Deno.writeFile(paths.at(-1)!, bytes);
  }
  return parquet(paths);
}

async function assertEqualsPostgres(db: Outbox, lake: Lake, day: Day): Promise<void> {
  const files = await Deno.makeTempDir({ prefix: "downloaded-" });
  try {
    assertEquals(
      await duckdb(
        `SELECT ${readBack(EVENT_COLUMNS)} FROM ${await table(lake, "bronze", day, files)}`,
      ),
      (await db.query(expectedEvents(day))).map((row) => Object.values(row)),
    );
    const executions = await table(lake, "silver", day, files);
    assertEquals(
      await duckdb(`SELECT ${readBack(EXECUTION_COLUMNS)} FROM ${executions}`),
      (await db.query(expectedExecutions(day))).map((row) => Object.values(row)),
    );
  } finally {
    await Deno.remove(files, { recursive: true });
  }
}

sparkTest(
  "jobs: publish the rows of Postgres as bronze and silver, which Deno's runs confirm",
  missing,
  async () => {
    const DAY = YESTERDAY;
    await using db = await outbox({ events: [generatedEvents(2500, { day: DAY })] });
    // Each client costs several requests. Client 12 sorts after 2, not between 1 and 2.
    await db.query("UPDATE stop_events SET client_id = 12 WHERE client_id > 2");
    const config: S3Config = await store!.createBucket("spark-jobs");
    const lake = await openLake(config);
    const common = { database: db.config, lake: config, day: DAY };
    const spark = async (job: JobOptions["job"], env = {}, run = driver!.submit) =>
      succeeded(await run({ ...common, job, env }), common);
    try {
      // The day is open, then sealed. Equal rows must produce the same bytes and the same names.
      await spark("bronze_ingest.py", { SEAL_GRACE_MINUTES: "999999" }, submit);
      const open = (await readMarker(lake, "bronze", bronzeMarkerKey(DAY), DAY))!.commit;
      assertEquals(open.state, "open");
      await spark("bronze_ingest.py");
      const { commit, bytes } = (await readMarker(lake, "bronze", bronzeMarkerKey(DAY), DAY))!;
      assertEquals(commit, { ...open, state: "sealed" });
      assertEquals(bytes, renderMarker(commit));

      await spark("silver_transform.py", {}, submit);
      const silver = (await readMarker(lake, "silver", silverMarkerKey(DAY), DAY))!;
      assertEquals(silver.bytes, renderMarker(silver.commit));
      assertEquals(silver.commit.state, "sealed");
      await assertEqualsPostgres(db, lake, DAY);

      // Both engines confirm the sealed day, and neither changes a byte.
      const before = await contents(lake);
      const observer = recorder();
      await runBronze({ database: db.config, lake, day: DAY, grace: 0n, observer });
      await runSilver({ lake, day: DAY, observer });
      assertEquals(observer.steps.filter(({ step }) => step === "verified").length, 2);
      const [bronzeSaid, silverSaid] = await Promise.all([
        spark("bronze_ingest.py"),
        spark("silver_transform.py"),
      ]);
      assertStringIncludes(bronzeSaid, "the outbox has the same 2,500 rows");
      assertStringIncludes(silverSaid, "the replay of bronze has the same ");
      assertEquals(await contents(lake), before);

      // Both engines recorded the same source. A job refuses another table, and changes nothing.
      const { sources: [source] } = (await readSources(lake))!;
      assertEquals(commit.source, source);
      assertEquals(source!.database, db.config.name);
      await db.query("CREATE TABLE other_events (LIKE stop_events INCLUDING ALL)");
      const other = { OUTBOX_TABLE: "Other_Events" };
      for (const day of [DAY, parseDay("2025-12-28")!]) {
        const refused = await driver!.submit({
          ...common,
          job: "bronze_ingest.py",
          day,
          env: other,
        });
        assertEquals(refused.code, 2, refused.said);
        assertStringIncludes(refused.said, "/public.other_events. Nothing was changed.");
      }
      assertEquals(await contents(lake), before);
    } finally {
      lake.close();
    }
  },
);

/** The options of a day's runs with both engines, with a recorder for the output of Deno's runs. */
function denoRun(db: Outbox, lake: Lake, day: Day, grace = 0n) {
  return { database: db.config, lake, day, grace, observer: recorder() };
}

const [FIRST, SECOND] = [1, 2].map((n) => `6f1d2c7e-0a54-4c1b-9f38-2b7d51e0a00${n}`);

/** An event of a day that belongs to its own operation. */
function event(number: number, day: Day, columns: Record<string, string> = {}): string {
  const occurred_at = `'${day}T10:00:00.123456Z'`;
  return insertEvent(number, { occurred_at, operation_id: String(number), ...columns });
}

sparkTest(
  "jobs: name the differences from a sealed day, and verify and replay the amendment by Deno",
  missing,
  async () => {
    const DAY = RUNBOOK_DAY;
    await using db = await outbox({ events: [RUNBOOK_EVENTS, event(70, DAY)] });
    const config: S3Config = await store!.createBucket("spark-verifies");
    const lake = await openLake(config);
    const common = { database: db.config, lake: config, day: DAY };
    try {
      await runBronze(denoRun(db, lake, DAY));
      await runSilver(denoRun(db, lake, DAY));
      const silverBefore = await lake.list("silver/");
      const stale = await Promise.all(
        silverBefore.map(async ({ key }) => ({ key, ...(await lake.get(key))! })),
      );
      await db.query(event(71, DAY));
      await db.query(`DELETE FROM stop_events WHERE event_id = '${FIRST}'`);
      // A different event_seq alters the event. It does not make one event lost and another late.
      await db.query(
        `UPDATE stop_events SET fill_price = 1, event_seq = 99 WHERE event_id = '${SECOND}'`,
      );
      const before = await contents(lake);
      const refused = await driver!.submit({ ...common, job: "bronze_ingest.py" });
      assertEquals(refused.code, 1, refused.said);
      for (
        const words of [
          "differs from the outbox in 3 rows",
          `event ${eventId(71)} is in the outbox but not in bronze`,
          `event ${FIRST} is in bronze but not in the outbox`,
          `event ${SECOND} has a different event_seq, fill_price`,
          `deep-storage amend --date ${DAY} (in a checkout: deno task amend --date ${DAY})`,
        ]
      ) assertStringIncludes(refused.said, words);
      assertEquals(await contents(lake), before);

      const agree = () => Promise.resolve(true);
      await runAmend({ ...denoRun(db, lake, DAY), keepAltered: true, agree });
      const bronze = (await readMarker(lake, "bronze", bronzeMarkerKey(DAY), DAY))!;
      assertEquals(bronze.commit.amended!.version, 1);
      const followed = await silverRows(lake, DAY);
      // Simulates an amendment that was killed before silver.
      for (const { key, bytes } of stale) await lake.put(key, bytes);
      const amended = await contents(lake);
      const [bronzeSaid, silverSaid] = (await Promise.all(
        (["bronze_ingest.py", "silver_transform.py"] as const)
          .map((job) => driver!.submit({ ...common, job })),
      )).map((run) => succeeded(run, common));
      assertStringIncludes(bronzeSaid!, "except 2 that an amendment acknowledged");
      assertEquals(bronze.bytes, (await lake.get(bronze.key))!.bytes);
      assertStringIncludes(silverSaid!, "/_commits/date=2025-12-28.json, sealed");
      const silver = (await readMarker(lake, "silver", silverMarkerKey(DAY), DAY))!.commit;
      assertEquals(silver.bronze.sha256, bronze.sha256);
      assertEquals(await silverRows(lake, DAY), followed);
      const names = silver.parts.map(({ key }) => key.slice(key.lastIndexOf("/") + 1));
      assert(names.every((name) => name.startsWith("late-")), names.join());
      const kept = (keys: Iterable<string>) => [...keys].filter((key) => /^bronze/.test(key));
      assertEquals(kept((await contents(lake)).keys()), kept(amended.keys()));
    } finally {
      lake.close();
    }
  },
);

/** Reads the executions that silver's marker names, with DuckDB. */
async function silverRows(lake: Lake, day: Day): Promise<unknown> {
  const files = await Deno.makeTempDir({ prefix: "downloaded-" });
  try {
    const rows = await table(lake, "silver", day, files);
    return await duckdb(`SELECT ${readBack(EXECUTION_COLUMNS)} FROM ${rows}`);
  } finally {
    await Deno.remove(files, { recursive: true });
  }
}

sparkTest(
  "jobs: quarantine unfit events of an open day, keep lost events, and add events to an amended day",
  missing,
  async () => {
    const DAY = YESTERDAY;
    const OPEN = 999_999n * 60_000_000n;
    await using db = await outbox({
      events: [
        "ALTER TABLE stop_events ALTER stop_price TYPE numeric",
        ...[1, 2, 3].map((number) => event(number, DAY)),
        event(4, DAY, { fill_price: "'NaN'", payload_json: `'{"täxt": "\u2028☃", "n": 1.50}'` }),
        event(5, DAY, { stop_price: "0.123456789", error_message: `E'"two"\n\tlines\x07'` }),
        event(6, DAY, { occurred_at: "'infinity'" }),
      ],
    });
    const config: S3Config = await store!.createBucket("spark-open");
    const lake = await openLake(config);
    const common = {
      database: db.config,
      lake: config,
      day: DAY,
      job: "bronze_ingest.py",
    } as const;
    const open = { SEAL_GRACE_MINUTES: "999999" };
    try {
      const said = succeeded(await driver!.submit({ ...common, env: open }), common);
      assertStringIncludes(said, "2 events do not fit the Parquet types and go into the quaran");
      assertStringIncludes(said, "1 event of stop_events has no valid occurred_at");
      const key = bronzeMarkerKey(DAY);
      const { commit } = (await readMarker(lake, "bronze", key, DAY))!;
      assertEquals([commit.rows, commit.quarantine!.events], [3, 2]);
      await using other = await temporaryLake();
      await runBronze(denoRun(db, other, DAY, OPEN));
      const deno = (await readMarker(other, "bronze", key, DAY))!.commit;
      assertEquals(deno.quarantine, commit.quarantine);
      assertEquals(
        (await lake.get(commit.quarantine!.key))!.bytes,
        (await other.get(deno.quarantine!.key))!.bytes,
      );

      // One event is added and one is removed, so the number of rows does not change.
      await db.query(event(7, DAY));
      await db.query("DELETE FROM stop_events WHERE event_seq = 2");
      const before = await contents(lake);
      const refused = await driver!.submit({ ...common, env: open });
      assertEquals(refused.code, 1, refused.said);
      assertStringIncludes(
        refused.said,
        `bronze has 1 event that stop_events no longer has: ${eventId(2)}`,
      );
      assertEquals(await contents(lake), before);

      const agree = () => Promise.resolve(true);
      await runAmend({ ...denoRun(db, lake, DAY, OPEN), agree });
      await db.query(event(8, DAY));
      assertStringIncludes(
        succeeded(await driver!.submit(common), common),
        "number 2: 1 late event",
      );
      const grown = (await readMarker(lake, "bronze", key, DAY))!.commit;
      assertEquals([grown.state, grown.rows, grown.amended!.version], ["sealed", 5, 2]);
      const observer = recorder();
      await runBronze({ ...denoRun(db, lake, DAY), observer });
      assert(observer.steps.some(({ step }) => step === "verified"));
    } finally {
      lake.close();
    }
  },
);

sparkTest(
  "jobs: write the same bytes with several tasks as with one task",
  missing,
  async () => {
    const DAY = RUNBOOK_DAY;
    await using db = await outbox({ events: [generatedEvents(2500, { day: DAY })] });
    await db.query("UPDATE stop_events SET client_id = 12 WHERE client_id > 2");
    // The events without an event_seq take up several ranges.
    await db.query("UPDATE stop_events SET event_seq = NULL WHERE retry_count = 0");
    const files = "from deep_storage import parts\nparts.ROWS_PER_FILE = 200";
    const tasks = `${files}
from deep_storage import session, window
window.ROWS_PER_RANGE, session.ROWS_PER_TASK = 400, 500`;
    const markers = async (bucket: string, prelude: string) => {
      const config: S3Config = await store!.createBucket(bucket);
      const common = { database: db.config, lake: config, day: DAY, prelude };
      for (const job of ["bronze_ingest.py", "silver_transform.py"] as const) {
        succeeded(await driver!.submit({ ...common, job }), common);
      }
      const lake = await openLake(config);
      try {
        if (prelude === tasks) {
          await assertEqualsPostgres(db, lake, DAY);
          for (const job of ["bronze_ingest.py", "silver_transform.py"] as const) {
            const said = succeeded(await driver!.submit({ ...common, job }), common);
            assertStringIncludes(said, "nothing was written");
          }
        }
        return [
          (await readMarker(lake, "bronze", bronzeMarkerKey(DAY), DAY))!.commit,
          (await readMarker(lake, "silver", silverMarkerKey(DAY), DAY))!.commit,
        ];
      } finally {
        lake.close();
      }
    };
    const [bronze, silver] = await markers("spark-one-task", files);
    assertEquals(bronze!.parts.map(({ rows }) => rows), [...Array(12).fill(200), 100]);
    assertEquals(silver!.parts.length > 6, true);
    assertEquals(await markers("spark-tasks", tasks), [bronze, silver]);
  },
);

sparkTest(
  "jobs: use the database's today without JOB_DATE, even without events, and report a wrong secret",
  missing,
  async () => {
    await using db = await outbox({ events: [RUNBOOK_EVENTS] });
    const config: S3Config = await store!.createBucket("spark-refusals");
    const common = { database: db.config, lake: config };
    const today = async () =>
      (await db.query("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day"))[0]!.day!;
    const days = [await today()];
    const [empty, refused] = await Promise.all([
      driver!.submit({ ...common, job: "bronze_ingest.py" }),
      driver!.submit({
        job: "bronze_ingest.py",
        database: db.config,
        lake: { ...config, secretAccessKey: "wr0ng+secret" },
      }),
    ]);
    days.push(await today());
    assertStringIncludes(
      succeeded(empty, common),
      "no events; the nearest day with events is 2025-12-28",
    );
    assertEquals(refused.code, 2, refused.said);
    assertStringIncludes(refused.said, "Set AWS_SECRET_ACCESS_KEY");
    assertEquals(refused.said.includes("wr0ng+secret"), false);

    const lake = await openLake(config);
    try {
      const markers = (await lake.list("bronze/")).map(({ key }) => key);
      const day = days.map((day) => parseDay(day)!)
        .find((day) => markers.includes(bronzeMarkerKey(day)))!;
      const { commit } = (await readMarker(lake, "bronze", bronzeMarkerKey(day), day))!;
      assertEquals([commit.rows, commit.parts, commit.minSeq], [0, [], null]);
      const silver = await driver!.submit({ ...common, job: "silver_transform.py", day });
      assertStringIncludes(succeeded(silver, common), "0 events to 0 executions");
      await runSilver({ lake, day, observer: recorder() });
      const { commit: made } = (await readMarker(lake, "silver", silverMarkerKey(day), day))!;
      assertEquals([made.rows, made.parts], [0, []]);
    } finally {
      lake.close();
    }
  },
);
