import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Finding } from "../../../checks/finding.ts";
import type { Report } from "../../../checks/report/report.ts";
import type { Day } from "../../../pipeline/contract/window.ts";
import { CREATE_OUTBOX, generatedEvents } from "../../../tasks/demo/events.ts";
import { endKept, keep } from "../../cluster/kept.ts";
import { importImage } from "../../cluster/node/images.ts";
import { archiveOf, writeJobsImage } from "../../cluster/node/images/layouts.ts";
import {
  importJobsImage,
  type Production,
  type ProductionNode,
  startProduction,
} from "../../cluster/node/production.ts";
import { programsPath } from "../../cluster/node/programs.ts";
import { until } from "../../cluster/until.ts";
import { guardedFolder } from "../../support/guarded_folder.ts";
import { session } from "../../support/pg_session.ts";
import { environment, ROOT, runTask, type TaskOutcome } from "../../support/task.ts";
import { copyFolder } from "../parts/manifests.ts";
import type { Runner } from "./failure.ts";
import { endOf, type JobEnd, type RealEnd } from "./outcome.ts";

const MANIFESTS = fileURLToPath(new URL("manifests", ROOT));
const NAMESPACE = "analytics-jobs";
const JOBS = ["50-bronze-ingest.yaml", "60-silver-transform.yaml"];
const JOB = "bronze-ingest-manual";
/** Milliseconds in which a Job that is retried twice ends on a busy machine. */
const PATIENCE = 1_200_000;

/** Production on a real node, for drills to break. */
export interface RealPlatform extends AsyncDisposable {
  /** The password of the database, which has a character that a shell may escape. */
  readonly password: string;
  /** Edits a file of the copy of the manifests. Throws if the edit changes nothing. */
  edit(file: string, how: (text: string) => string): Promise<void>;
  /** Edits the line that a finding names. Throws if the edit changes nothing. */
  editAt(finding: Pick<Finding, "file" | "line">, how: (line: string) => string): Promise<void>;
  /** Runs kubectl as the administrator. */
  kubectl(...args: string[]): Promise<void>;
  /** Runs a printed command in a shell with a terminal, as an operator does, and agrees. */
  shell(script: string): Promise<TaskOutcome>;
  /** Builds the image of the Jobs from the copy of the manifests, perhaps without a jar. */
  build(image: { readonly without?: string }): Promise<void>;
  /** Replaces the Job of a manifest, whose template cannot change. */
  replaceJob(file: string): Promise<void>;
  /** Makes bronze of a day with the local engine. */
  copyBronze(day: Day): Promise<void>;
  /** Runs `deno task preflight` and returns its report. */
  preflight(facts: string): Promise<Report>;
  /** Runs a Job to its end, or until its command gives up. */
  run(runner: Runner, day: Day): Promise<RealEnd>;
  /** Removes the Jobs that `deno task` started. */
  removeRuns(): Promise<void>;
  /** Makes everything healthy again. */
  heal(): Promise<void>;
}

/** Starts a node, makes it production with the events of some days, and applies the manifests. */
export async function startPlatform(
  days: readonly Day[],
  show: (what: string) => void,
): Promise<RealPlatform> {
  await using starting = new AsyncDisposableStack();
  show("starting a node");
  const name = `drill-${Deno.pid}`;
  const kept = await keep(name, { nodes: "real", whileProcess: Deno.pid });
  starting.defer(async () => void await endKept(name));
  const node = { ...kept, machine: kept.machine! };
  show("starting Postgres and the object store, and importing the images");
  const folder = await guardedFolder("drill-real-");
  starting.defer(() => Deno.remove(folder, { recursive: true }));
  const [production, imageArchive] = await Promise.all([
    startProduction(node).then((each) => starting.use(each)),
    importJobsImage(node, folder),
  ]);
  const password = `right!${crypto.randomUUID()}`;
  const owner = await session(production.database);
  await owner.query(`ALTER ROLE robson PASSWORD '${password}'`);
  await owner.query(CREATE_OUTBOX);
  for (const [i, day] of days.entries()) {
    await owner.query(generatedEvents(2, { seed: i + 1, day }));
  }
  await owner.end();
  const platform = platformOn(node, { production, imageArchive, folder, password });
  show("applying the manifests");
  await platform.heal();
  const stack = starting.move();
  return { ...platform, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

function platformOn(
  node: ProductionNode,
  { production, imageArchive, folder, password }: {
    readonly production: Production;
    readonly imageArchive: string;
    readonly folder: string;
    readonly password: string;
  },
): Omit<RealPlatform, typeof Symbol.asyncDispose> {
  const { operate, database, lake } = production;
  const secrets = { ...production.secrets, DJANGO_DB_PASSWORD: password };
  const manifests = join(folder, "manifests");
  const where = ["--manifests", manifests];
  let archive = imageArchive;
  let builds = 0;
  // Whether the image is not that of the working tree.
  let isAltered = false;

  const edit = (file: string, how: (text: string) => string) =>
    editFile(join(manifests, file), how);
  const ask = (...args: string[]) => outputOf(["--kubeconfig", node.kubeconfig, ...args]);
  const kubectl = async (...args: string[]) => {
    await ask(...args);
  };
  const json = async (...args: string[]) => JSON.parse(await ask(...args, "-o", "json"));
  const succeed = async (task: string, args: readonly string[]) => {
    const { code, stdout, stderr } = await operate(task, args, secrets);
    if (code !== 0) throw new Error(`${task} ended with exit code ${code}:\n${stdout}${stderr}`);
  };

  const build = async ({ without }: { readonly without?: string }) => {
    const layout = join(folder, `image-${++builds}`);
    const jobs = join(manifests, "image/jobs");
    await writeJobsImage(layout, { jobs, ...(without === undefined ? {} : { without }) });
    await importImage({ machine: node.machine, programs: await programsPath() }, layout);
    if (archive !== imageArchive) await Deno.remove(archive);
    archive = await archiveOf(layout);
    isAltered = true;
  };

  const replaceJob = async (file: string) => {
    await kubectl("-n", NAMESPACE, "delete", "job", JOB, "--cascade=foreground");
    await kubectl("apply", "-f", join(manifests, file));
  };

  const removeRuns = () =>
    kubectl("-n", NAMESPACE, "delete", "jobs", "-l", "deep-storage/day", "--cascade=foreground");

  const heal = async () => {
    await Deno.remove(manifests, { recursive: true }).catch(() => {});
    await copyFolder(MANIFESTS, manifests);
    for (const file of JOBS) {
      // One retry shows as much as two, in less time.
      await edit(file, (text) => text.replace(/^( *)backoffLimit: 2$/m, "$1backoffLimit: 1"));
    }
    await kubectl("label", "namespace", "robson", "name=robson", "--overwrite");
    await kubectl("label", "node", "analytics-1", "robson.io/pool=analytics", "--overwrite");
    for (const kinds of ["jobs", "networkpolicies,resourcequotas"]) {
      await kubectl("-n", NAMESPACE, "delete", kinds, "--all", "--cascade=foreground");
    }
    await succeed("apply", ["--yes", ...where]);
    await succeed("secrets", ["--yes", "--port-forward"]);
    if (isAltered) {
      await build({});
      isAltered = false;
    }
  };

  const runAsItIs = async (): Promise<Omit<RealEnd, "seconds">> => {
    const patch = '{"spec":{"suspend":false}}';
    await kubectl("-n", NAMESPACE, "patch", "job", JOB, "-p", patch);
    let end: RealEnd["end"] = "unknown";
    await until(`Job ${JOB} has ended`, async () => {
      end = endOf(jobEnd(await json("-n", NAMESPACE, "get", "job", JOB)));
      return end !== "after a wait" && end !== "unknown";
    }, AbortSignal.timeout(PATIENCE));
    const ofJob = ["-l", `job-name=${JOB}`, "--sort-by=.metadata.creationTimestamp"];
    const { items } = await json("-n", NAMESPACE, "get", "pods", ...ofJob);
    const last = items.at(-1); // the newest pod
    const message = await ask("-n", NAMESPACE, "logs", last.metadata.name);
    return { end, exitCode: last.status.containerStatuses[0].state.terminated.exitCode, message };
  };

  const runOnSpark = async (layer: string, day: Day): Promise<Omit<RealEnd, "seconds">> => {
    const args = [day, "--engine", "spark", "--no-preflight", "--port-forward", ...where];
    const { code, stdout, stderr } = await operate(layer, args, secrets);
    const labels = `deep-storage/day=${day},deep-storage/layer=${layer}`;
    const { items: [job] } = await json("-n", NAMESPACE, "get", "jobs", "-l", labels);
    if (job === undefined) throw new Error(`${layer} started no Job:\n${stdout}${stderr}`);
    return { end: endOf(jobEnd(job)), exitCode: code, message: stderr };
  };

  return {
    ...{ password, edit, kubectl, build, replaceJob, removeRuns, heal },
    editAt({ file = "", line = 0 }, how) {
      return editFile(resolve(fileURLToPath(ROOT), file), (text) => {
        const lines = text.split("\n");
        lines[line - 1] = how(lines[line - 1] ?? "");
        return lines.join("\n");
      });
    },
    shell: (script) => production.shell(script, secrets),
    async copyBronze(day) {
      const { code, stderr } = await runTask("bronze", [day], localEnvironment());
      if (code !== 0) throw new Error(`bronze ended with exit code ${code}:\n${stderr}`);
    },
    async preflight(facts) {
      const image = facts.split(",").includes("image") ? ["--image-archive", archive] : [];
      const from = ["--credentials", "cluster", "--port-forward", ...where, ...image];
      const how = ["--facts", facts, "--timeout", "120", "--output", "json"];
      const { stdout, stderr } = await operate("preflight", [...from, ...how], secrets);
      if (!stdout.startsWith("{")) throw new Error(`preflight printed no report:\n${stderr}`);
      return JSON.parse(stdout);
    },
    async run(runner, day) {
      const start = Date.now();
      const ended = runner === "as it is" ? await runAsItIs() : await runOnSpark(runner, day);
      return { ...ended, seconds: Math.round((Date.now() - start) / 1000) };
    },
  };

  function localEnvironment(): Record<string, string> {
    return {
      ...environment({ ...database, password }, ""),
      LAKE_URL: "",
      S3_ENDPOINT: lake.endpoint,
      S3_BUCKET: lake.bucket,
      AWS_REGION: lake.region,
      AWS_ACCESS_KEY_ID: lake.accessKeyId,
      AWS_SECRET_ACCESS_KEY: lake.secretAccessKey,
    };
  }
}

/** Reads the state of a Job that `endOf` judges. */
function jobEnd({ status = {} }: JobObject): JobEnd {
  const has = (type: string) =>
    (status.conditions ?? []).some((each) => each.type === type && each.status === "True");
  return { isComplete: has("Complete"), isFailed: has("Failed"), failed: status.failed ?? 0 };
}

interface JobObject {
  readonly status?: {
    readonly failed?: number;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

async function editFile(path: string, how: (text: string) => string): Promise<void> {
  const text = await Deno.readTextFile(path);
  const edited = how(text);
  if (edited === text) throw new Error(`${path} does not have the form that this drill expects.`);
  await Deno.writeTextFile(path, edited);
}

async function outputOf(args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("kubectl", { args: [...args] })
    .output();
  if (!success) throw new Error(`kubectl ${args.join(" ")} failed: ${decode(stderr)}`);
  return decode(stdout);
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
