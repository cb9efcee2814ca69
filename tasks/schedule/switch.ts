import { naming } from "../../checks/list_names.ts";
import type { ToolkitEngine } from "../../checks/kubernetes/toolkit.ts";
import { ApiError, type Cluster, type Kind } from "../../pipeline/cluster/cluster.ts";
import type { Project } from "../../pipeline/contract/project.ts";
import { Failure } from "../../pipeline/errors.ts";
import { CRON_JOB, type ScheduledCronJob } from "./cron_jobs.ts";

/** A CronJob to switch. */
export interface Switching {
  readonly cronJob: ScheduledCronJob;
  /** The new value of `suspend`. */
  readonly suspend: boolean;
}

/**
 * Returns the CronJobs that change. To switch on, the CronJobs of the other engine are suspended, so
 * that only one engine makes the days.
 *
 * @param engine the engine of the runs to switch on; undefined to switch off everything
 * @throws {Failure} configuration: the cluster has no run with the engine
 */
export function switchesTo(
  all: readonly ScheduledCronJob[],
  engine: ToolkitEngine | undefined,
  { jobs }: Project,
): Switching[] {
  const isOn = ({ task, engine: own }: ScheduledCronJob) =>
    engine !== undefined && (task !== "run" || own === engine);
  if (engine !== undefined && !all.some((each) => each.task === "run" && isOn(each))) {
    throw new Failure({
      kind: "configuration",
      task: `switch the schedule on for the engine ${engine}`,
      problem: `namespace ${jobs.namespace} has no CronJob that runs it`,
      remedy: "Create the CronJobs with: deno task apply",
    });
  }
  return all.map((cronJob) => ({ cronJob, suspend: !isOn(cronJob) }))
    .filter(({ cronJob, suspend }) => cronJob.suspended !== suspend)
    .sort((a, b) => Number(b.suspend) - Number(a.suspend));
}

const SECRET: Kind = { apiVersion: "v1", kind: "Secret" };

/**
 * Checks that the Secrets of CronJobs exist. Without them, no pod would start.
 *
 * @returns the Secrets that the user may not read
 * @throws {Failure} configuration: a Secret does not exist
 */
export async function requireSecrets(
  cluster: Cluster,
  cronJobs: readonly ScheduledCronJob[],
  { jobs: { namespace } }: Project,
  signal: AbortSignal,
): Promise<string[]> {
  const names = [...new Set(cronJobs.flatMap(({ secrets }) => secrets))];
  const states = await Promise.all(names.map(async (name) => {
    try {
      const found = await cluster.get(SECRET, name, namespace, { signal });
      return { name, state: found === undefined ? "missing" : "there" };
    } catch (error) {
      if (error instanceof ApiError && error.status === 403) return { name, state: "hidden" };
      throw error;
    }
  }));
  const named = (wanted: string) =>
    states.filter(({ state }) => state === wanted).map(({ name }) => name);
  const missing = named("missing");
  if (missing.length > 0) {
    throw new Failure({
      kind: "configuration",
      task: "switch the schedule on",
      problem: `namespace ${namespace} has no Secret ${naming(missing)}, so no pod would start`,
      remedy: "Store the credentials with: deno task secrets --from prompt --port-forward",
    });
  }
  return named("hidden");
}

/** The field manager of `suspend`, so that `deno task apply` keeps all other fields. */
const MANAGER = "deep-storage-schedule";

/**
 * Switches a CronJob on or off. Jobs that run are not changed.
 *
 * @throws {Failure} the user may not change the CronJob, or the cluster is unreachable
 */
export async function switchCronJob(
  cluster: Cluster,
  { cronJob: { name }, suspend }: Switching,
  { jobs: { namespace } }: Project,
  signal: AbortSignal,
): Promise<void> {
  const object = { ...CRON_JOB, metadata: { name, namespace }, spec: { suspend } };
  await cluster.apply(object, { dryRun: false, force: true, manager: MANAGER, signal });
}
