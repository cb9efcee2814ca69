import type { Day } from "../../../pipeline/contract/window.ts";
import { generatedEvents } from "../../../tasks/demo/events.ts";
import { copyFolder } from "../../drill/parts/manifests.ts";
import { assert, assertEquals, assertMatch } from "../../support/assert.ts";
import { session } from "../../support/pg_session.ts";
import { ROOT, runTask } from "../../support/task.ts";
import { type Api, openApi } from "../api.ts";
import { until } from "../until.ts";
import { mergeAndWait } from "./faults.ts";
import { importImage } from "./images.ts";
import { writeToolkitImage } from "./images/toolkit.ts";
import type { Production, ProductionNode } from "./production.ts";
import { programsPath } from "./programs.ts";

// The schedule on a real node: its CronJobs start pods of the toolkit's image, which check production
// and seal the days in its outbox.

const CRON_JOBS = ["nightly-preflight", "nightly-run"];
const JOBS = "/apis/batch/v1/namespaces/analytics-jobs/jobs";
const PODS = "/api/v1/namespaces/analytics-jobs/pods";
const EVENTS = 100;
/** Milliseconds for the start of the CronJobs and the end of their Jobs on a busy machine. */
const PATIENCE = 420_000;

/**
 * Imports the image of the toolkit.
 *
 * @param folder an existing folder for the image
 */
export async function importToolkitImage(node: ProductionNode, folder: string): Promise<void> {
  await writeToolkitImage(`${folder}/toolkit`);
  const target = { machine: node.machine, programs: await programsPath() };
  await importImage(target, `${folder}/toolkit`);
}

/**
 * Writes a copy of the manifests whose CronJobs start every minute and keep their Jobs, with a
 * preflight that waits longer on a busy machine. Returns its folder.
 */
export async function everyMinute(folder: string): Promise<string> {
  const manifests = `${folder}/manifests`;
  await copyFolder(new URL("manifests", ROOT).pathname, manifests);
  const file = `${manifests}/70-schedule.yaml`;
  const text = await Deno.readTextFile(file);
  const often = text.replaceAll(/schedule: ".*"$/gm, 'schedule: "* * * * *"')
    .replaceAll(/JobsHistoryLimit: \d+/g, "JobsHistoryLimit: 100");
  const patient = often.replace(/(args: \[preflight, .*)\]$/m, '$1, "--timeout=120"]');
  assert(patient !== often, `${file} has no preflight`);
  await Deno.writeTextFile(file, patient);
  return manifests;
}

/**
 * Checks that the CronJobs start by themselves, and seal the days of the outbox.
 *
 * @param days days in order, soon after the first day of the outbox, because each day between is
 *   sealed too
 * @param manifests the folder of manifests whose CronJobs start every minute
 */
export async function scheduleSealsDays(
  t: Deno.TestContext,
  node: ProductionNode,
  { production, manifests, days }: {
    readonly production: Production;
    readonly manifests: string;
    readonly days: readonly Day[];
  },
): Promise<void> {
  const succeed = succeedIn(production);
  using api = openApi(node.admin);
  for (const [i, day] of days.entries()) await insertDay(production, day, i + 1);

  await t.step("apply", async () => void await succeed("apply", "--yes", "--manifests", manifests));
  await t.step("schedule on", async () => {
    assertMatch(await succeed("schedule", "on"), /^on +nightly-run, .*next at \S+:00Z$/m);
    await until("a Job of each CronJob has ended", async () => {
      const owners = await ownersOfEnded(api);
      return CRON_JOBS.every((name) => owners.includes(name));
    }, AbortSignal.timeout(PATIENCE));
  });
  await t.step("schedule off", async () => {
    assertMatch(await succeed("schedule", "off"), /^suspended +nightly-run$/m);
  });
  const logs = new Map<string, string>();
  await t.step("schedule status", async () => {
    const lines = (await succeed("schedule", "--output", "json")).trimEnd().split("\n");
    for (const { name, suspended, runs } of lines.map((line) => JSON.parse(line))) {
      assertEquals(suspended, true);
      assertEquals(runs.length > 0, CRON_JOBS.includes(name), name);
      if (runs.length === 0) continue;
      const { job, result, reason } = runs.at(-1);
      logs.set(name, await logOf(api, job));
      assertEquals(result, "succeeded", `${reason}\n${logs.get(name)}`);
    }
  });
  await t.step("the pods checked production and sealed the days", async () => {
    assertMatch(logs.get("nightly-preflight")!, /^preflight: .* 0 fail, .* 0 error$/m);
    await assertSealed(production, logs.get("nightly-run")!, ...days);
  });
}

/**
 * Checks that a retry of the run with the engine `spark` follows the Job that runs already.
 *
 * @param day a day before those in the outbox
 */
export async function retryFollowsJob(
  node: ProductionNode,
  production: Production,
  day: Day,
): Promise<void> {
  const succeed = succeedIn(production);
  using api = openApi(node.admin);
  await insertDay(production, day, 3);
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
    return (await ownersOfEnded(api)).includes("nightly-run-spark");
  }, AbortSignal.timeout(PATIENCE));
  const log = await textOf(api, second);
  await assertSealed(production, log, day);
  // One Job made bronze, although two pods ran the day.
  assertEquals(await podOf(api, `deep-storage/day=${day},deep-storage/layer=bronze`), driver);
  const { items } = await api.get(`${JOBS}?labelSelector=deep-storage/day%3D${day}`);
  assertEquals(items.length, 2, log);
}

/** Returns a function that runs a task as the operator, and checks that it succeeds. */
function succeedIn({ operate, secrets }: Production) {
  return async (task: string, ...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await operate(task, args, secrets);
    assertEquals(code, 0, `${task}: ${stdout}${stderr}`);
    return stdout;
  };
}

/** Checks that a run sealed days, by its log and by the lake. */
async function assertSealed(
  { secrets, database, lake }: Production,
  run: string,
  ...days: Day[]
): Promise<void> {
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
}

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
  await mergeAndWait(api, quota, body);
}

async function insertDay({ database }: Production, day: Day, seed: number): Promise<void> {
  const outbox = await session(database);
  await outbox.query(generatedEvents(EVENTS, { seed, day }));
  await outbox.end();
}

/** Returns the names of the CronJobs whose Jobs have ended. */
async function ownersOfEnded(api: Api): Promise<string[]> {
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
async function logOf(api: Api, job: string): Promise<string> {
  const { items } = await api.get(`${PODS}?labelSelector=job-name%3D${job}`);
  type Created = { metadata: { name: string; creationTimestamp: string } };
  const last = items.toSorted((a: Created, b: Created) =>
    a.metadata.creationTimestamp.localeCompare(b.metadata.creationTimestamp)
  ).at(-1);
  return last === undefined ? "" : await textOf(api, last.metadata.name);
}
