import { type Day, dayOf } from "../../../pipeline/contract/window.ts";
import { CREATE_OUTBOX, generatedEvents } from "../../../tasks/demo/events.ts";
import { copyFolder } from "../../drill/parts/manifests.ts";
import { assertEquals, assertMatch } from "../../support/assert.ts";
import { guardedFolder } from "../../support/guarded_folder.ts";
import { NODE_CAN_START, nodeTest } from "../../support/node_tests.ts";
import { session } from "../../support/pg_session.ts";
import { realNode } from "../../support/real_node.ts";
import { ROOT, runTask } from "../../support/task.ts";
import { type Api, openApi } from "../api.ts";
import { until } from "../until.ts";
import { importImage } from "./images.ts";
import { writeToolkitImage } from "./images/toolkit.ts";
import { importJobsImage, type Production, startProduction } from "./production.ts";
import { programsPath } from "./programs.ts";

// The schedule on a real node: its CronJobs start pods of the toolkit's image, which check production
// and seal the days in its outbox.

const CRON_JOBS = ["nightly-preflight", "nightly-run"];
const JOBS = "/apis/batch/v1/namespaces/analytics-jobs/jobs";
const PODS = "/api/v1/namespaces/analytics-jobs/pods";
const EVENTS = 100;
const MICROS_PER_DAY = 86_400_000_000n;
/** Milliseconds for the start of the CronJobs and the end of their Jobs on a busy machine. */
const PATIENCE = 420_000;

let started: Production | undefined;
let folder = "";
const stack = new AsyncDisposableStack();
Deno.test.beforeAll(async () => {
  if (!NODE_CAN_START) return;
  const node = realNode();
  started = stack.use(await startProduction(node));
  folder = await guardedFolder("schedule-");
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  await importJobsImage(node, folder);
  await writeToolkitImage(`${folder}/toolkit`);
  const target = { machine: node.machine, programs: await programsPath() };
  await importImage(target, `${folder}/toolkit`);
});
Deno.test.afterAll(() => stack.disposeAsync());

nodeTest(
  "schedule on: the CronJobs start by themselves on a real node, and seal the days",
  async (t) => {
    const { database, lake, operate, secrets } = started!;
    const succeed = async (task: string, ...args: string[]) => {
      const { code, stdout, stderr } = await operate(task, args, secrets);
      assertEquals(code, 0, `${task}: ${stdout}${stderr}`);
      return stdout;
    };
    const days = await insertDays();

    await t.step("apply and secrets", async () => {
      await succeed("apply", "--yes", "--manifests", await everyMinute());
      await succeed("secrets", "--yes", "--port-forward");
    });
    await t.step("schedule on", async () => {
      assertMatch(await succeed("schedule", "on"), /^on +nightly-run, .*next at \S+:00Z$/m);
      await until("a Job of each CronJob has ended", async () => {
        const owners = await ownersOfEnded();
        return CRON_JOBS.every((name) => owners.includes(name));
      }, AbortSignal.timeout(PATIENCE));
    });
    await t.step("schedule off", async () => {
      assertMatch(await succeed("schedule", "off"), /^off +nightly-run$/m);
    });
    const logs = new Map<string, string>();
    await t.step("schedule status", async () => {
      const lines = (await succeed("schedule", "--output", "json")).trimEnd().split("\n");
      for (const { name, suspended, runs } of lines.map((line) => JSON.parse(line))) {
        assertEquals(suspended, true);
        assertEquals(runs.length > 0, CRON_JOBS.includes(name), name);
        if (runs.length === 0) continue;
        const { job, result, reason } = runs.at(-1);
        logs.set(name, await logOf(job));
        assertEquals(result, "succeeded", `${reason}\n${logs.get(name)}`);
      }
    });
    /** Checks that a run sealed days, by its log and by the lake. */
    const assertSealed = async (run: string, ...days: Day[]) => {
      const range = ["--from", days[0]!, "--to", days.at(-1)!];
      const status = await runTask("status", [...range, "--check"], {
        ...secrets,
        DJANGO_DB_HOST: database.host,
        DJANGO_DB_PORT: String(database.port),
        S3_ENDPOINT: lake.endpoint,
      });
      assertEquals([status.code, status.stderr], [0, ""], status.stdout);
      for (const day of days) {
        assertMatch(run, new RegExp(`^${day} +sealed +sealed +\\d+ pass +${EVENTS} +0$`, "m"));
        assertMatch(status.stdout, new RegExp(`^${day} +sealed +${EVENTS} +sealed `, "m"));
      }
    };
    await t.step("the pods checked production and sealed the days", async () => {
      assertMatch(logs.get("nightly-preflight")!, /^preflight: .* 0 fail, .* 0 error$/m);
      await assertSealed(logs.get("nightly-run")!, ...days);
    });
    await t.step("schedule on --engine spark: a retry follows the Job that runs", async () => {
      const day = dayOf(BigInt(Date.now()) * 1000n - 4n * MICROS_PER_DAY);
      await insertDay(day, 2);
      using api = openApi(realNode().admin);
      // There is no room for an executor, so the Job lasts until the retry follows it.
      await allowCpu(api, "2");
      await succeed("schedule", "on", "--engine", "spark");
      const first = await podOf(api, "app=deep-storage,engine=spark");
      const driver = await podOf(api, `deep-storage/day=${day},deep-storage/layer=bronze`);
      await succeed("schedule", "off");
      await api.call("DELETE", `${PODS}/${first}?gracePeriodSeconds=1`);
      const second = await podOf(api, "app=deep-storage,engine=spark", first);
      await until("the retry follows the Job", async () => {
        return (await textOf(api, second)).includes(`following Job analytics-jobs/bronze-${day}-1`);
      }, AbortSignal.timeout(PATIENCE));
      await allowCpu(api, "6");
      await until("the Job of nightly-run-spark has ended", async () => {
        return (await ownersOfEnded()).includes("nightly-run-spark");
      }, AbortSignal.timeout(PATIENCE));
      const log = await textOf(api, second);
      await assertSealed(log, day);
      // One Job made bronze, although two pods ran the day.
      assertEquals(await podOf(api, `deep-storage/day=${day},deep-storage/layer=bronze`), driver);
      const { items } = await api.get(`${JOBS}?labelSelector=deep-storage/day%3D${day}`);
      assertEquals(items.length, 2, log);
    });
  },
);

/** Waits until a pod runs or has ended, and returns its name. */
async function podOf(api: Api, labels: string, except = ""): Promise<string> {
  let found = "";
  await until(`a pod with ${labels} runs`, async () => {
    const { items } = await api.get(`${PODS}?labelSelector=${encodeURIComponent(labels)}`);
    const pod = items.find(({ metadata, status }: {
      metadata: { name: string };
      status: { phase: string };
    }) => metadata.name !== except && status.phase !== "Pending");
    found = pod?.metadata.name ?? "";
    return found !== "";
  }, AbortSignal.timeout(PATIENCE));
  return found;
}

/** Returns the log of a pod. */
async function textOf(api: Api, pod: string): Promise<string> {
  return await (await api.send("GET", `${PODS}/${pod}/log`)).text();
}

/** Sets the CPU that the pods of the namespace may request. */
async function allowCpu(api: Api, cpu: string): Promise<void> {
  const quota = "/api/v1/namespaces/analytics-jobs/resourcequotas/analytics-jobs";
  const body = { spec: { hard: { "requests.cpu": cpu } } };
  await api.call("PATCH", quota, body, "application/merge-patch+json");
}

/** Inserts events of two days that are over. Returns the days. */
async function insertDays(): Promise<readonly [Day, Day]> {
  const now = BigInt(Date.now()) * 1000n;
  const days = [dayOf(now - 3n * MICROS_PER_DAY), dayOf(now - 2n * MICROS_PER_DAY)] as const;
  for (const [seed, day] of days.entries()) await insertDay(day, seed);
  return days;
}

async function insertDay(day: Day, seed: number): Promise<void> {
  const outbox = await session(started!.database);
  if (seed === 0) await outbox.query(CREATE_OUTBOX);
  await outbox.query(generatedEvents(EVENTS, { seed, day }));
  await outbox.end();
}

/** Returns a copy of the manifests whose CronJobs start every minute. */
async function everyMinute(): Promise<string> {
  const manifests = `${folder}/manifests`;
  await copyFolder(new URL("manifests", ROOT).pathname, manifests);
  const file = `${manifests}/70-schedule.yaml`;
  const text = await Deno.readTextFile(file);
  await Deno.writeTextFile(file, text.replaceAll(/schedule: ".*"$/gm, 'schedule: "* * * * *"'));
  return manifests;
}

/** Returns the names of the CronJobs whose Jobs have ended. */
async function ownersOfEnded(): Promise<string[]> {
  using api = openApi(realNode().admin);
  const { items } = await api.get(JOBS);
  return items.flatMap(({ metadata, status }: {
    metadata: { ownerReferences?: { name: string }[] };
    status: { conditions?: { type: string; status: string }[] };
  }) => {
    const hasEnded = status.conditions?.some(({ type, status }) =>
      /^(Complete|Failed)$/.test(type) && status === "True"
    );
    return hasEnded ? metadata.ownerReferences?.map(({ name }) => name) ?? [] : [];
  });
}

/** Returns the log of a Job's last pod. */
async function logOf(job: string): Promise<string> {
  using api = openApi(realNode().admin);
  const { items } = await api.get(`${PODS}?labelSelector=job-name%3D${job}`);
  type Created = { metadata: { name: string; creationTimestamp: string } };
  const last = items.toSorted((a: Created, b: Created) =>
    a.metadata.creationTimestamp.localeCompare(b.metadata.creationTimestamp)
  ).at(-1);
  return last === undefined ? "" : await textOf(api, last.metadata.name);
}
