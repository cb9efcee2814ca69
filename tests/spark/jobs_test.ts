import { runBronze } from "../../pipeline/bronze.ts";
import type { S3Config } from "../../pipeline/config.ts";
import { bronzeMarkerKey, EVENT_COLUMNS } from "../../pipeline/contract/events.ts";
import { EXECUTION_COLUMNS, silverMarkerKey } from "../../pipeline/contract/executions.ts";
import { type Day, parseDay } from "../../pipeline/contract/window.ts";
import { type Lake, openLake } from "../../pipeline/lake/lake.ts";
import { readMarker, renderMarker } from "../../pipeline/lake/marker.ts";
import { openPart } from "../../pipeline/lake/parquet_reader.ts";
import { runSilver } from "../../pipeline/silver.ts";
import { compareColumns } from "../../checks/parquet_schema.ts";
import { generatedEvents, RUNBOOK_EVENTS } from "../../tasks/demo/events.ts";
import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { REQUIRED_PACKAGES, rgwInstalled, startRgw } from "../support/ceph_rgw.ts";
import { duckdb, parquet } from "../support/duckdb.ts";
import { expectedEvents, expectedExecutions, readBack } from "../support/expected.ts";
import { recorder } from "../support/lakes.ts";
import type { ObjectStore } from "../support/object_store.ts";
import { type Outbox, outbox } from "../support/postgres.ts";
import { type JobOptions, type JobRun, missingSpark, sparkTest, submit } from "./spark.ts";

// The jobs of manifests/image, run by the image's Spark. The strict S3 server does not do here: it
// refuses the signatures that Spark's own S3 client makes without TLS.

// An open day has a grace that is not over, and the longest that a job takes is not two years.
const YESTERDAY = parseDay(Temporal.Now.plainDateISO("UTC").subtract({ days: 1 }).toString())!;
const RUNBOOK_DAY = parseDay("2025-12-28")!;

const missing = [
  await missingSpark(),
  rgwInstalled() ? undefined : `Ceph RGW is not here, it needs the packages ${REQUIRED_PACKAGES}`,
].filter((reason) => reason !== undefined).join("; ") || undefined;

let store: ObjectStore | undefined;
Deno.test.beforeAll(async () => {
  if (missing === undefined) store = await startRgw();
});
Deno.test.afterAll(async () => {
  await store?.stop();
});

/** Every key and its ETag, for telling whether a run changed anything. */
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

/** Downloads what a marker names, and reads it as one table. */
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
  "Spark's bronze and silver equal Postgres, and Deno's runs confirm them",
  missing,
  async () => {
    const DAY = YESTERDAY;
    await using db = await outbox({ events: [generatedEvents(2500, { day: DAY })] });
    // Each client costs several requests; 12 come after 2, and not between 1 and 2.
    await db.query("UPDATE stop_events SET client_id = 12 WHERE client_id > 2");
    const config: S3Config = await store!.createBucket("spark-jobs");
    const lake = openLake(config);
    const common = { database: db.config, lake: config, day: DAY };
    const spark = async (job: JobOptions["job"], env = {}) =>
      succeeded(await submit({ ...common, job, env }), common);
    try {
      // An open day, then the same day sealed: equal rows are the same bytes, and the same names.
      await spark("bronze_ingest.py", { SEAL_GRACE_MINUTES: "999999" });
      const open = (await readMarker(lake, "bronze", bronzeMarkerKey(DAY), DAY))!.commit;
      assertEquals(open.state, "open");
      await spark("bronze_ingest.py");
      const { commit, bytes } = (await readMarker(lake, "bronze", bronzeMarkerKey(DAY), DAY))!;
      assertEquals(commit, { ...open, state: "sealed" });
      assertEquals(bytes, renderMarker(commit));

      await spark("silver_transform.py");
      const silver = (await readMarker(lake, "silver", silverMarkerKey(DAY), DAY))!;
      assertEquals(silver.bytes, renderMarker(silver.commit));
      assertEquals(silver.commit.state, "sealed");
      await assertEqualsPostgres(db, lake, DAY);

      // Either engine confirms what was sealed, and neither changes a byte of it.
      const before = await contents(lake);
      const observer = recorder();
      await runBronze({ database: db.config, lake, day: DAY, grace: 0n, observer });
      await runSilver({ lake, day: DAY, observer });
      assertEquals(observer.steps.filter(({ step }) => step === "verified").length, 2);
      const [bronzeSaid, silverSaid] = await Promise.all([
        spark("bronze_ingest.py"),
        spark("silver_transform.py"),
      ]);
      assertStringIncludes(bronzeSaid, "2,500 rows equal the outbox");
      assertStringIncludes(silverSaid, "equal the replay of bronze");
      assertEquals(await contents(lake), before);
    } finally {
      lake.close();
    }
  },
);

sparkTest(
  "Spark compares what Deno sealed, and names the event that changed since",
  missing,
  async () => {
    const DAY = RUNBOOK_DAY;
    await using db = await outbox({ events: [RUNBOOK_EVENTS, generatedEvents(500)] });
    const config: S3Config = await store!.createBucket("spark-verifies");
    const lake = openLake(config);
    try {
      await runBronze({ database: db.config, lake, day: DAY, grace: 0n, observer: recorder() });
      await db.query("UPDATE stop_events SET fill_price = 1 WHERE event_seq = 2");
      const before = await contents(lake);
      const common = { database: db.config, lake: config, day: DAY };
      const run = await submit({ ...common, job: "bronze_ingest.py" });
      assertEquals(run.code, 1, run.said);
      assertStringIncludes(
        run.said,
        "in 1 row: event_id 6f1d2c7e-0a54-4c1b-9f38-2b7d51e0a002 has another fill_price",
      );
      assertEquals(await contents(lake), before);
    } finally {
      lake.close();
    }
  },
);

sparkTest(
  "without JOB_DATE it is today by the database's clock; a wrong secret is told as one",
  missing,
  async () => {
    await using db = await outbox({ events: [RUNBOOK_EVENTS] });
    const lake: S3Config = await store!.createBucket("spark-refusals");
    const today = async () =>
      (await db.query("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day"))[0]!.day!;
    const job = "bronze_ingest.py";
    const days = [await today()];
    const [empty, refused] = await Promise.all([
      submit({ job, database: db.config, lake }),
      submit({ job, database: db.config, lake: { ...lake, secretAccessKey: "wr0ng+secret" } }),
    ]);
    days.push(await today());
    assertEquals(empty.code, 1, empty.said);
    assert(days.some((day) => empty.said.includes(`Cannot export ${day}: no event`)), empty.said);
    assertStringIncludes(empty.said, "The nearest days with events are 2025-12-28");
    assertEquals(refused.code, 2, refused.said);
    assertStringIncludes(refused.said, "Set AWS_SECRET_ACCESS_KEY");
    assertEquals(refused.said.includes("wr0ng+secret"), false);
  },
);
