import { dirname } from "node:path";
import { BRONZE_PREFIX, SILVER_PREFIX } from "../../../pipeline/contract/keys.ts";
import { type Day, dayOf } from "../../../pipeline/contract/window.ts";
import { EVENT_COLUMNS, EXECUTION_COLUMNS } from "../../../pipeline/contract/tables.ts";
import { openLake } from "../../../pipeline/lake/open.ts";
import { CREATE_OUTBOX, generatedEvents } from "../../../tasks/demo/events.ts";
import { judge, openComparer } from "../../bench/equality.ts";
import { assertEquals, assertMatch, assertStringIncludes } from "../../support/assert.ts";
import { guardedFolder } from "../../support/guarded_folder.ts";
import { NODE_CAN_START, nodeTest, stepsSideBySide } from "../../support/node_tests.ts";
import { session } from "../../support/pg_session.ts";
import { realNode } from "../../support/real_node.ts";
import { environment, runTask, type TaskOutcome } from "../../support/task.ts";
import { everyMinute, importToolkitImage, retryFollowsJob, scheduleSealsDays } from "./schedule.ts";
import { type Fault, FAULTS, runWithFault } from "./faults.ts";
import { importJobsImage, type Production, startProduction } from "./production.ts";

// The pipeline as in production: an operator outside the cluster, and Spark in pods.

const [RETRIED_DAY, DAY, ...SCHEDULED_DAYS] = [5n, 4n, 3n, 2n].map((days) =>
  dayOf(BigInt(Date.now()) * 1000n - days * 86_400_000_000n)
) as [Day, Day, Day, Day];
/** The day of the runs that fail. */
const FAULTY_DAY = "2025-12-27";
/** Every 20,000 events begin with 64 that have extreme values. */
const EVENTS = 40_000;

const LAYERS = [
  { layer: "bronze", prefix: BRONZE_PREFIX, key: "event_id", columns: EVENT_COLUMNS },
  { layer: "silver", prefix: SILVER_PREFIX, key: "operation_id", columns: EXECUTION_COLUMNS },
] as const;

let started: Production | undefined;
let folder = "";
let imageArchive = "";
const stack = new AsyncDisposableStack();
Deno.test.beforeAll(async () => {
  if (!NODE_CAN_START) return;
  const node = realNode();
  folder = await guardedFolder("production-test-");
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const images = (async () => {
    imageArchive = await importJobsImage(node, folder);
    await importToolkitImage(node, folder);
  })();
  const starting = startProduction(node).then((production) => started = stack.use(production));
  await Promise.all([images, starting]);
});
Deno.test.afterAll(() => stack.disposeAsync());

function succeeded({ code, stdout, stderr }: TaskOutcome): void {
  assertEquals(code, 0, `${stdout}\n${stderr}`);
}

/** Stores the Parquet files of a lake in a folder. */
async function download({ lake: config }: Production, folder: string): Promise<void> {
  const lake = await openLake(config);
  for (const { prefix } of LAYERS) {
    for (const { key } of await lake.list(prefix)) {
      if (!key.endsWith(".parquet")) continue;
      await Deno.mkdir(dirname(`${folder}/${key}`), { recursive: true });
      await Deno.writeFile(`${folder}/${key}`, (await lake.get(key))!.bytes);
    }
  }
  lake.close();
}

nodeTest(
  "run --engine spark: from an empty namespace to the rows of the local engine",
  async (t) => {
    const production = started!;
    const { database, operate, secrets } = production;
    const outbox = await session(database);
    for (const sql of [CREATE_OUTBOX, generatedEvents(EVENTS, { day: DAY })]) {
      await outbox.query(
        sql,
      );
    }
    await outbox.end();
    const from = ["--port-forward", "--image-archive", imageArchive];

    await t.step("apply", async () => {
      succeeded(await operate("apply", ["--yes"]));
    });
    await t.step("bronze names a missing Secret", async () => {
      const { code, stdout, stderr } = await runWithFault(
        realNode(),
        production,
        {},
        FAULTY_DAY,
      );
      assertMatch(stderr, /CreateContainerConfigError: secret "\S+" not found/, stdout);
      assertStringIncludes(stderr, "deno task secrets");
      assertEquals(code, 2);
    });
    await t.step("secrets", async () => {
      succeeded(await operate("secrets", ["--yes", "--port-forward"], secrets));
    });
    await t.step("preflight", async () => {
      succeeded(
        await operate("preflight", ["--credentials", "cluster", "--timeout", "120", ...from]),
      );
    });
    await t.step("run", async () => {
      const ran = await operate("run", [
        "--engine",
        "spark",
        "--no-preflight",
        "--date",
        DAY,
        ...from,
      ]);
      succeeded(ran);
      for (const { layer } of LAYERS) {
        assertMatch(ran.stdout, new RegExp(`^${layer} +commit .*, sealed$`, "m"));
      }
    });
    await t.step("all columns are equal to those of the local engine", async () => {
      const folder = await Deno.makeTempDir({ prefix: "rows-" });
      await Deno.mkdir(`${folder}/local`);
      const local = environment(database, `${folder}/local`);
      for (const { layer } of LAYERS) succeeded(await runTask(layer, [DAY], local));
      await download(production, `${folder}/spark`);
      using comparer = await openComparer(folder);
      for (const { layer, prefix, key, columns } of LAYERS) {
        const table = (lake: string) =>
          `read_parquet('${folder}/${lake}/${prefix}**/*.parquet', hive_partitioning = false)`;
        const compared = await comparer.compare(
          { from: table("spark"), key, columns },
          table("local"),
        );
        const { equal, summary, details } = judge(compared);
        assertEquals([layer, equal, summary, ...details], [layer, true, "exact"]);
        assertEquals(compared.rows, await comparer.count(table("local")));
      }
      await Deno.remove(folder, { recursive: true });
    });
    const named = (fault: Fault, day: string) =>
      [`bronze names ${fault.what}`, async () => {
        const { says, page, code: expected = 2 } = fault;
        const { code, stdout, stderr } = await runWithFault(realNode(), production, fault, day);
        assertMatch(stderr, says, stdout);
        if (page !== undefined) assertStringIncludes(stderr, `deno task explain ${page}`);
        assertEquals(code, expected, stderr);
      }] as const;
    // A fault in a Job is in this Job only. The other faults are in all Jobs.
    const [common, own] = [true, false].map((isCommon) =>
      FAULTS.filter(({ patch }) => (patch !== undefined) === isCommon)
    ) as [Fault[], Fault[]];
    const manifests = await everyMinute(folder);
    await stepsSideBySide(t, [
      ...own.map((fault, i) => named(fault, `2025-12-1${i}`)),
      [
        "schedule on: the CronJobs start by themselves, and seal the days",
        (t) => scheduleSealsDays(t, realNode(), { production, manifests, days: SCHEDULED_DAYS }),
      ],
    ]);
    for (const fault of common) await t.step(...named(fault, FAULTY_DAY));
    await t.step("schedule on --engine spark: a retry follows the Job that runs", async () => {
      await retryFollowsJob(realNode(), production, RETRIED_DAY);
    });
  },
);
