import { renderJunit } from "../../checks/report/junit.ts";
import { PREFLIGHT } from "../../checks/preflight/catalog.ts";
import type { Cluster, KubeObject } from "../../pipeline/cluster/cluster.ts";
import { openCluster } from "../../pipeline/cluster/open.ts";
import type { Day } from "../../pipeline/contract/window.ts";
import { clockDecides } from "../../pipeline/config.ts";
import { DEFAULT_PROJECT } from "../../pipeline/contract/project.ts";
import { Failure } from "../../pipeline/errors.ts";
import { openLake } from "../../pipeline/lake/open.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { followJob } from "../../pipeline/spark/follow_job.ts";
import {
  createJob,
  JOB,
  jobsOfDay,
  type JobTemplate,
  type Layer,
  tableOf,
} from "../../pipeline/spark/new_job.ts";
import type { Observer } from "../../pipeline/progress.ts";
import { runAndReport } from "../cli/checking.ts";
import type { Interruption } from "../cli/command.ts";
import { type Flags, seconds } from "../cli/flags.ts";
import { gatherersBefore, type Sources, unneededPermissions } from "../cli/gatherers.ts";
import { revokePermissions } from "../cli/permissions.ts";
import { FACT_TIMEOUT, IMAGE_TIMEOUT, skippedChecks } from "../cli/preflight_options.ts";
import type { WorkerReports } from "../cli/html_report.ts";
import { sourcesOf } from "../cli/preflight_sources.ts";
import { daysToDo } from "../days/choose_days.ts";
import type { DayCommand, Order, Work } from "../days/order.ts";
import {
  checkDay,
  checksIntoReports,
  type DayToDo,
  type DayWork,
  eachDay,
  recordResult,
} from "../days/each_day.ts";
import { withMetricsFile } from "../days/measured.ts";
import { recordFailures, reportDays } from "../days/reports.ts";
import type { DayResult } from "../days/table.ts";
import { print } from "../cli/terminal.ts";
import { askAtInterrupt } from "./interruption.ts";
import { type Logins, readLogins } from "./logins.ts";
import { attachCommand, DEFAULT_PATIENCE } from "./options.ts";
import { readStoredResult } from "./stored_result.ts";
import { readTemplates, type Templates } from "./templates.ts";

/** The layers that each command makes. */
const LAYERS: Readonly<Record<DayCommand, readonly Layer[]>> = {
  bronze: ["bronze"],
  silver: ["silver"],
  run: ["bronze", "silver"],
  postflight: [],
};

/**
 * Makes the layers of days with the Jobs of the manifests. Checks the preconditions first, and for
 * `run`, checks each day afterwards.
 *
 * @returns the exit code
 */
export async function workOnSpark(
  work: Work,
  flags: Flags,
  interruption: Interruption,
  write?: (reports: WorkerReports) => Promise<void>,
): Promise<number> {
  if (work.dryRun) throw noDryRun();
  const recorded = recordFailures(work);
  return await withMetricsFile(work, async (results) => {
    const [exitCode, days] = await workOnDays(recorded, flags, interruption, results);
    await write?.(reportDays(recorded, results, days));
    return exitCode;
  });
}

async function workOnDays(
  work: Work,
  flags: Flags,
  { interrupted, interrupts }: Interruption,
  results: DayResult[],
): Promise<[exitCode: number, days: readonly Day[]]> {
  const sources = await sourcesOf(flags, ["cluster", "environment"]);
  const patience = 1000 * seconds(flags, DEFAULT_PATIENCE, "patience");
  const isAttaching = flags.on("attach");
  const attachesRunning = flags.on("attach-running");
  const { project = DEFAULT_PROJECT, cluster: config, manifests } = sources;
  if ("absent" in config) {
    const remedy = "Choose a cluster with --kubeconfig.";
    throw new Failure({
      kind: "configuration",
      task: "start Jobs",
      problem: config.absent,
      remedy,
    });
  }
  const templates = await readTemplates(manifests, LAYERS[work.command], project, interrupted);
  if (!isAttaching && !flags.on("no-preflight")) await preflight(work, flags, sources, interrupted);
  if (work.metricsFile === undefined) await revokePermissions("write");
  const cluster = await openCluster(config);
  try {
    const logins = await readLogins(cluster, sources, config, interrupted);
    if (work.command === "run") {
      // Postflight needs both. A missing Secret must not be noticed after the Jobs.
      logins.database();
      logins.lake();
    }
    const engine = new SparkEngine({
      ...{ work, cluster, templates, logins, patience, interrupted, interrupts },
      ...{ isAttaching, attachesRunning },
      attach: (day) => attachCommand(work.command, day, flags),
    });
    const days = await chooseDays(work, logins);
    const makeDay: DayWork = (day, result) => engine.makeDay(day, result);
    const exitCode = await eachDay(days, work, makeDay, results);
    return [exitCode, days.map(({ day }) => day)];
  } finally {
    cluster.close();
  }
}

async function preflight(
  work: Work,
  flags: Flags,
  sources: Sources,
  signal: AbortSignal,
): Promise<void> {
  const { command, output, verbose, metricsFile } = work;
  if (metricsFile === undefined) {
    await revokePermissions(...unneededPermissions(sources).filter((name) => name === "write"));
  }
  const report = await runAndReport({
    command: "preflight",
    status: "checking …",
    checks: PREFLIGHT,
    gatherers: gatherersBefore(sources),
  }, {
    output: output === "junit" ? "none" : output === "json" ? "json-line" : "text",
    files: checksIntoReports(work, true),
    timeout: seconds(flags, FACT_TIMEOUT),
    imageTimeout: seconds(flags, IMAGE_TIMEOUT),
    skip: skippedChecks(flags),
    verbose,
    signal,
  });
  signal.throwIfAborted();
  const { exitCode } = report;
  if (exitCode === 0) return;
  // No day follows, so this is the only document on standard output.
  if (output === "junit") print(renderJunit(report).trimEnd());
  const isFailed = exitCode === 1;
  throw new Failure({
    kind: isFailed ? "data" : "unreachable",
    task: `start ${command}`,
    problem: `preflight ${
      isFailed ? "failed" : "could not check everything"
    }, so no Job was started`,
    remedy:
      `${isFailed ? "Apply the fixes above" : "Read the lines ERROR and SKIP above"}, and run ` +
      "again. To leave out a check, add --skip ID=REASON; to leave out all of them, --no-preflight.",
  });
}

/** Returns the days to work on. Connects to the database only if its clock decides. */
async function chooseDays(work: Work, logins: Logins): Promise<readonly DayToDo[]> {
  const { days, several, command } = work;
  const needsClock = "pending" in days || clockDecides(days) || several && command !== "silver";
  const lakes: Lake[] = [];
  const lake = async () => {
    const opened = await openLake(logins.lake());
    lakes.push(opened);
    return opened;
  };
  const choose = (database: Order["database"]) => daysToDo({ ...work, database }, lake);
  try {
    return needsClock ? await logins.withDatabase(choose) : await choose(undefined);
  } finally {
    for (const each of lakes) each.close();
  }
}

interface EngineParts extends Interruption {
  readonly work: Work;
  readonly cluster: Cluster;
  readonly templates: Templates;
  readonly logins: Logins;
  readonly patience: number;
  /** Whether to follow a Job of the day, and to start none. */
  readonly isAttaching: boolean;
  /** Whether to follow a Job that runs the day already, and to start one otherwise. */
  readonly attachesRunning: boolean;
  /** Returns the command that follows the Jobs of a day again. */
  readonly attach: (day: Day) => string;
}

/** Makes days with Jobs, one after the other. */
class SparkEngine {
  readonly #parts: EngineParts;

  constructor(parts: EngineParts) {
    this.#parts = parts;
  }

  /** Makes the layers of a day, and for `run`, checks the day. */
  async makeDay(day: Day, result: DayResult): Promise<number> {
    const { work, logins, isAttaching } = this.#parts;
    const layers = LAYERS[work.command];
    const found = isAttaching ? await this.#findJob(day, layers) : undefined;
    const first = found === undefined ? 0 : layers.indexOf(found.layer);
    for (const layer of layers.slice(first)) {
      // A retry begins with bronze, also while a Job of silver runs: that Job seals no bronze.
      const { job } = (layer === found?.layer ? found : await this.#findRunning(day, layer)) ?? {};
      await recordResult(layer, day, work, result, (observer) => {
        return this.#makeLayer(layer, day, observer, job);
      });
    }
    if (work.command !== "run") return 0;
    const lake = logins.lake();
    return await logins.withDatabase((database) =>
      checkDay(day, { ...work, database, lake }, result)
    );
  }

  /** Starts the Job of a layer, or follows a given one, to its end. */
  async #makeLayer(
    layer: Layer,
    day: Day,
    observer: Observer,
    found: KubeObject | undefined,
  ): Promise<void> {
    const { cluster, patience, logins, interrupted: signal, interrupts } = this.#parts;
    const template = this.#template(layer);
    const attach = this.#parts.attach(day);
    const job = found ??
      await createJob(cluster, template, { layer, day }, { attach, signal });
    const { namespace, name } = job.metadata;
    const label = `${namespace}/${name}`;
    const says = found === undefined ? `started Job ${label}` : `following Job ${label}`;
    observer.step({ step: "job", says, data: { job: label } });
    using _ = askAtInterrupt(interrupts, { job: label, attach });
    await followJob({
      ...{ layer, day, cluster, job, observer, signal, patience, attach },
      container: template.container,
      secrets: logins.secrets,
      readMarker: () => readStoredResult(logins.lake(), layer, day),
    });
  }

  /** Finds the Job of a layer that a retry follows instead of a second start. */
  async #findRunning(day: Day, layer: Layer): Promise<{ readonly job: KubeObject } | undefined> {
    return this.#parts.attachesRunning ? await this.#findJob(day, [layer]) : undefined;
  }

  /**
   * Finds the Job to follow: the one that runs, or with `--attach` also the last one of a command
   * with one layer. Returns undefined to start a Job.
   */
  async #findJob(
    day: Day,
    layers: readonly Layer[],
  ): Promise<{ readonly layer: Layer; readonly job: KubeObject } | undefined> {
    const { cluster, interrupted: signal, work, isAttaching } = this.#parts;
    for (const layer of layers) {
      const template = this.#template(layer);
      const jobs = await cluster.list(JOB, template.namespace, { signal });
      const { running, own, foreign } = jobsOfDay(jobs, template, { layer, day });
      const last = isAttaching && layers.length === 1 ? own[0] : undefined;
      const job = running ?? last;
      // A Job that was started by hand can take the name of its table from another object.
      const [other] = job === undefined ? foreign : [job].filter((each) => !tableOf(each));
      if (other !== undefined && (isAttaching || other === job)) {
        throw ofAnotherTable(layer, day, other, template);
      }
      if (job !== undefined) return { layer, job };
    }
    if (!isAttaching) return undefined;
    throw new Failure({
      kind: "configuration",
      task: `follow ${work.command} of ${day}`,
      problem: layers.length === 1
        ? "the cluster has no Job of this day"
        : "no Job of this day runs",
      remedy: "To start one, leave out --attach.",
    });
  }

  #template(layer: Layer): JobTemplate {
    return this.#parts.templates.get(layer)!;
  }
}

function ofAnotherTable(
  layer: Layer,
  day: Day,
  job: KubeObject,
  { table }: JobTemplate,
): Failure {
  const { namespace, name } = job.metadata;
  return new Failure({
    kind: "configuration",
    task: `follow ${layer} of ${day}`,
    problem: tableOf(job) === undefined
      ? `Job ${namespace}/${name} takes OUTBOX_TABLE from another object, so its table is not ` +
        `known, and this project has ${table}`
      : `Job ${namespace}/${name} copies ${tableOf(job)}, and this project has ${table}`,
    remedy: tableOf(job) === undefined
      ? `Follow the log of that Job: kubectl -n ${namespace} logs -f job/${name}`
      : "Give the project file of that Job with --project, or leave out --attach.",
  });
}

function noDryRun(): Failure {
  return new Failure({
    kind: "configuration",
    task: "use --dry-run with --engine spark",
    problem: "the Jobs have no dry run",
    remedy: "Leave out --engine spark, or run deno task preflight to check the preconditions.",
  });
}
