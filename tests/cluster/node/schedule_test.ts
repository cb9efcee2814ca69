import { type Day, dayOf } from "../../../pipeline/contract/window.ts";
import { CREATE_OUTBOX, generatedEvents } from "../../../tasks/demo/events.ts";
import { copyFolder } from "../../drill/parts/manifests.ts";
import { assertEquals, assertMatch } from "../../support/assert.ts";
import { guardedFolder } from "../../support/guarded_folder.ts";
import { NODE_CAN_START, nodeTest } from "../../support/node_tests.ts";
import { session } from "../../support/pg_session.ts";
import { realNode } from "../../support/real_node.ts";
import { ROOT, runTask } from "../../support/task.ts";
import { openApi } from "../api.ts";
import { until } from "../until.ts";
import { importImage } from "./images.ts";
import { writeToolkitImage } from "./images/toolkit.ts";
import { type Production, startProduction } from "./production.ts";
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
    await t.step("the pods checked production and sealed the days", async () => {
      assertMatch(logs.get("nightly-preflight")!, /^preflight: .* 0 fail, .* 0 error$/m);
      const run = logs.get("nightly-run")!;
      const status = await runTask("status", ["--from", days[0], "--to", days[1], "--check"], {
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
    });
  },
);

/** Inserts events of two days that are over. Returns the days. */
async function insertDays(): Promise<readonly [Day, Day]> {
  const now = BigInt(Date.now()) * 1000n;
  const days = [dayOf(now - 3n * MICROS_PER_DAY), dayOf(now - 2n * MICROS_PER_DAY)] as const;
  const outbox = await session(started!.database);
  await outbox.query(CREATE_OUTBOX);
  for (const [seed, day] of days.entries()) {
    await outbox.query(generatedEvents(EVENTS, { seed, day }));
  }
  await outbox.end();
  return days;
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
  if (items.length === 0) return "";
  const response = await api.send("GET", `${PODS}/${items.at(-1).metadata.name}/log`);
  return await response.text();
}
