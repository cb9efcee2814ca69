import { type ToolkitEngine, toolkitEngineOf } from "../../checks/kubernetes/toolkit.ts";
import { toManifestObject } from "../../checks/facts/cluster/objects.ts";
import { fieldsIn, listOf, textOf } from "../../checks/kubernetes/fields.ts";
import { type Workload, workloadsOf } from "../../checks/kubernetes/workloads.ts";
import type { Cluster, Kind, KubeObject } from "../../pipeline/cluster/cluster.ts";
import type { Project } from "../../pipeline/contract/project.ts";
import { missedTime, nextTime } from "./next_time.ts";

// The CronJobs of the schedule, as a cluster has them, with the Jobs that they started.

export const CRON_JOB: Kind = { apiVersion: "batch/v1", kind: "CronJob" };
const JOB: Kind = { apiVersion: "batch/v1", kind: "Job" };

/** A Job that a CronJob started. */
export interface ScheduledRun {
  /** The name of the Job. */
  readonly job: string;
  /** The state of the Job. */
  readonly result: "running" | "succeeded" | "failed";
  /** When Kubernetes created the Job, for example `2025-12-29T02:00:00Z`. */
  readonly started: string;
  /** When the Job ended; undefined while it runs. */
  readonly ended?: string;
  /** Why the Job failed, in the words of Kubernetes. */
  readonly reason?: string;
}

/** A CronJob that runs the toolkit. */
export interface ScheduledCronJob {
  /** The name of the CronJob. */
  readonly name: string;
  /** The command that it runs, for example `run`. */
  readonly task: string;
  /** The engine of the command. */
  readonly engine: ToolkitEngine;
  /** True if the CronJob starts no Jobs. */
  readonly suspended: boolean;
  /** The schedule, as in `0 2 * * *`. */
  readonly schedule: string;
  /** The time zone of the schedule; undefined for that of the control plane. */
  readonly timeZone?: string;
  /** The next start in UTC; undefined if the CronJob is suspended, or if the time is not known. */
  readonly next?: string;
  /**
   * The start in UTC that the CronJob has missed, and that Kubernetes makes up for as soon as the
   * CronJob is not suspended; undefined if it missed none, or if that is not known.
   */
  readonly missed?: string;
  /** The Jobs in the cluster, the last one first. */
  readonly runs: readonly ScheduledRun[];
  /** The Secrets that the pods need. */
  readonly secrets: readonly string[];
}

/**
 * Reads the CronJobs of the jobs' namespace that run the toolkit.
 *
 * @param now the current time, in milliseconds since 1970
 * @throws {Failure} the user may not read them, or the cluster is unreachable
 */
export async function readSchedule(
  cluster: Cluster,
  { jobs: { namespace } }: Project,
  signal: AbortSignal,
  now: number,
): Promise<ScheduledCronJob[]> {
  const [cronJobs, jobs] = await Promise.all(
    [CRON_JOB, JOB].map((kind) => cluster.list(kind, namespace, { signal })),
  ) as [KubeObject[], KubeObject[]];
  return cronJobs.flatMap((object) => {
    const [workload] = workloadsOf([toManifestObject(object)]);
    const engine = workload && toolkitEngineOf(workload.containers);
    if (workload === undefined || engine === undefined) return [];
    return [scheduledOf(object, workload, { engine, jobs, now })];
  });
}

function scheduledOf(
  object: KubeObject,
  workload: Workload,
  { engine, jobs, now }: {
    readonly engine: ToolkitEngine;
    readonly jobs: readonly KubeObject[];
    readonly now: number;
  },
): ScheduledCronJob {
  const spec = fieldsIn(object.spec);
  const suspended = spec.suspend === true;
  const schedule = textOf(spec.schedule) ?? "";
  const timeZone = textOf(spec.timeZone);
  const isUtc = timeZone === "Etc/UTC" || timeZone === "UTC";
  const next = suspended || !isUtc ? undefined : nextTime(schedule, now);
  const missed = isUtc ? missedStart(object, schedule, now) : undefined;
  return {
    name: object.metadata.name,
    task: taskOf(workload),
    engine,
    suspended,
    schedule,
    ...(timeZone === undefined ? {} : { timeZone }),
    ...(next === undefined ? {} : { next: textOfTime(next) }),
    ...(missed === undefined ? {} : { missed: textOfTime(missed) }),
    runs: jobs.filter((job) => isOwnedBy(job, object)).map(runOf)
      .sort((a, b) => a.started < b.started ? 1 : -1),
    secrets: secretsOf(workload),
  };
}

/** Returns the start that a CronJob has missed and that has no Job yet. */
function missedStart(
  { metadata, spec, status }: KubeObject,
  schedule: string,
  now: number,
): number | undefined {
  const { lastScheduleTime, active } = fieldsIn(status);
  // With `Forbid`, no Job starts while another one runs.
  if (fieldsIn(spec).concurrencyPolicy === "Forbid" && listOf(active).length > 0) return undefined;
  const since = Date.parse(textOf(lastScheduleTime) ?? textOf(metadata.creationTimestamp) ?? "");
  const { startingDeadlineSeconds } = fieldsIn(spec);
  const deadline = typeof startingDeadlineSeconds === "number"
    ? startingDeadlineSeconds
    : undefined;
  return Number.isNaN(since) ? undefined : missedTime(schedule, { since, deadline, now });
}

function textOfTime(time: number): string {
  return new Date(time).toISOString().replace(".000", "");
}

/** The command: the first word that is neither Deno, a flag nor a subcommand of Deno. */
function taskOf({ containers }: Workload): string {
  const words = containers.flatMap(({ words }) => words.map(({ text }) => text));
  const at = words.findIndex((word) => /(^|\/)deno$/.test(word));
  const task = words.slice(at + 1)
    .find((word) => !word.startsWith("-") && word !== "task") ?? "";
  return /(\w+)\.ts$/.exec(task)?.[1] ?? task;
}

function secretsOf({ containers }: Workload): string[] {
  const names = containers.flatMap(({ env }) =>
    env.flatMap(({ valueFrom }) => {
      const name = textOf(fieldsIn(valueFrom?.secretKeyRef).name);
      return name === undefined ? [] : [name];
    })
  );
  return [...new Set(names)];
}

function isOwnedBy({ metadata }: KubeObject, cronJob: KubeObject): boolean {
  return listOf(metadata.ownerReferences).some(({ uid }) => uid === cronJob.metadata.uid);
}

function runOf({ metadata, status }: KubeObject): ScheduledRun {
  const conditions = listOf(fieldsIn(status).conditions);
  const found = (type: string) =>
    conditions.find((each) => each.type === type && each.status === "True");
  const failed = found("Failed");
  const end = found("Complete") ?? failed;
  const ended = textOf(end?.lastTransitionTime);
  const reason = [failed?.reason, failed?.message].flatMap((each) => textOf(each) ?? []).join(": ");
  return {
    job: metadata.name,
    result: end === undefined ? "running" : failed === undefined ? "succeeded" : "failed",
    started: textOf(metadata.creationTimestamp) ?? "",
    ...(ended === undefined ? {} : { ended }),
    ...(reason === "" ? {} : { reason }),
  };
}
