import { OUTBOX_TABLE } from "../contract/tables.ts";
import { ApiError, type Cluster, type Fields, type KubeObject } from "../cluster/cluster.ts";
import { fieldsIn, listIn, textIn } from "../cluster/fields.ts";
import { formatTableName, readTableName } from "../contract/table_name.ts";
import { type Day, dayOf, parseDay, windowOf } from "../contract/window.ts";
import { Failure } from "../errors.ts";
import { endOf } from "./job_state.ts";
import { createdAt } from "./job_view.ts";

/** A layer of the lake. */
export type Layer = "bronze" | "silver";

/** The kind of a Job. */
export const JOB = { apiVersion: "batch/v1", kind: "Job" } as const;

/** The labels of a Job that this toolkit started, and of its pods. */
export const LABELS = {
  layer: "deep-storage/layer",
  day: "deep-storage/day",
  attempt: "deep-storage/attempt",
} as const;

/** The seconds after which Kubernetes removes a finished Job, if its manifest does not say so. */
const REMOVED_AFTER = 86_400;

/** The manifest of a layer's Job. */
export interface JobTemplate {
  /** The object of the manifest. */
  readonly object: Fields;
  /** The namespace of the Job. */
  readonly namespace: string;
  /** The name of the container with the driver. */
  readonly container: string;
  /** The table of the outbox; default: that of the contract. */
  readonly table?: string;
}

/** A run of a layer for a day. */
export interface LayerRun {
  /** The layer. */
  readonly layer: Layer;
  /** The day. */
  readonly day: Day;
}

/**
 * Makes the Job for a day from the Job of the manifests: with the day as a literal value, a name
 * and labels with the day and the attempt, and not suspended.
 *
 * @param attempt the number of the attempt, from 1
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseDay } from "../contract/window.ts";
 * import { newJob } from "./new_job.ts";
 * const object = { metadata: { name: "bronze-ingest-manual" }, spec: { suspend: true } };
 * const template = { object, namespace: "jobs", container: "spark-driver" };
 * const job = newJob(template, { layer: "bronze", day: parseDay("2025-12-28")! }, 1);
 * assertEquals(job.metadata.name, "bronze-2025-12-28-1");
 * ```
 */
export function newJob(
  { object, namespace, container, table }: JobTemplate,
  { layer, day }: LayerRun,
  attempt: number,
): KubeObject {
  const { labels, annotations } = fieldsIn(object.metadata);
  const { suspend: _, template, ttlSecondsAfterFinished = REMOVED_AFTER, ...rest } = fieldsIn(
    object.spec,
  );
  const { metadata, spec } = fieldsIn(template);
  const own = {
    "app.kubernetes.io/managed-by": "deep-storage",
    [LABELS.layer]: layer,
    [LABELS.day]: day,
    [LABELS.attempt]: String(attempt),
  };
  const containers = listIn(fieldsIn(spec).containers)
    .map((each) => each.name === container ? withVariables(each, day, table) : each);
  return {
    ...JOB,
    metadata: {
      name: jobName(layer, day, attempt),
      namespace,
      labels: { ...fieldsIn(labels), ...own },
      ...(annotations === undefined ? {} : { annotations }),
    },
    spec: {
      ...rest,
      ttlSecondsAfterFinished,
      template: {
        metadata: {
          ...fieldsIn(metadata),
          labels: { ...fieldsIn(fieldsIn(metadata).labels), ...own },
        },
        spec: { ...fieldsIn(spec), containers },
      },
    },
  };
}

/** Sets the day and the table. A literal of the Job wins over its envFrom. */
function withVariables(container: Fields, day: Day, table: string | undefined): Fields {
  const own = ["JOB_DATE", ...(table === undefined ? [] : ["OUTBOX_TABLE"])];
  const variables = listIn(container.env).filter(({ name }) => !own.includes(textIn(name)));
  return {
    ...container,
    env: [
      ...variables,
      // Kubernetes replaces $(NAME) in a value, and $$ by $.
      ...(table === undefined
        ? []
        : [{ name: "OUTBOX_TABLE", value: table.split("$").join("$$") }]),
      { name: "JOB_DATE", value: day },
    ],
  };
}

/**
 * Returns the table that a Job names as a literal, or the default. Returns undefined if another
 * object has the name of the table, because the Job does not show that name.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { tableOf } from "./new_job.ts";
 * assertEquals(tableOf({ spec: {} }), "stop_events");
 * ```
 */
export function tableOf({ spec }: Fields): string | undefined {
  const { containers } = fieldsIn(fieldsIn(fieldsIn(spec).template).spec);
  const all = listIn(containers);
  const variable = all.flatMap(({ env }) => listIn(env))
    .findLast(({ name }) => name === "OUTBOX_TABLE");
  if (variable === undefined) {
    return all.some(({ envFrom }) => listIn(envFrom).length > 0) ? undefined : OUTBOX_TABLE;
  }
  if (variable.valueFrom !== undefined) return undefined;
  const plain = textIn(variable.value).split("$$");
  // Kubernetes replaces $(NAME) by the value of another variable.
  if (plain.some((text) => text.includes("$("))) return undefined;
  return plain.join("$") || OUTBOX_TABLE;
}

function jobName(layer: Layer, day: Day, attempt: number): string {
  return `${layer}-${day}-${attempt}`;
}

/** The Jobs of a day. */
export interface DayJobs {
  /** The Jobs that this toolkit started, the latest attempt first. */
  readonly own: readonly KubeObject[];
  /**
   * A Job that runs the day now, no matter what started it. The table of a Job that was started by
   * hand may be unknown.
   */
  readonly running: KubeObject | undefined;
  /** The Jobs of this toolkit for the day with another table of the outbox. */
  readonly foreign: readonly KubeObject[];
}

/**
 * Finds the Jobs of a layer for a day among all Jobs of a namespace.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseDay } from "../contract/window.ts";
 * import { jobsOfDay, newJob } from "./new_job.ts";
 * const template = { object: { spec: {} }, namespace: "jobs", container: "spark-driver" };
 * const run = { layer: "bronze", day: parseDay("2025-12-28")! } as const;
 * const job = newJob(template, run, 1);
 * assertEquals(jobsOfDay([job], template, run).running, job);
 * ```
 */
export function jobsOfDay(
  jobs: readonly KubeObject[],
  { object, table = OUTBOX_TABLE }: JobTemplate,
  { layer, day }: LayerRun,
): DayJobs {
  const labelled = jobs
    .filter((job) => labelOf(job, LABELS.layer) === layer && labelOf(job, LABELS.day) === day)
    .sort((a, b) => attemptOf(b) - attemptOf(a) || createdAt(b).localeCompare(createdAt(a)));
  const own = labelled.filter((job) => tableOf(job) === table);
  const foreign = labelled.filter((job) => tableOf(job) !== table);
  const app = podLabels(object).app;
  const others = jobs.filter((job) =>
    labelOf(job, LABELS.layer) === undefined && app !== undefined && podLabels(job).app === app &&
    fieldsIn(job.spec).suspend !== true && daysOf(job).includes(day) &&
    mayCopy(job, table)
  );
  const running = [...own, ...others].find((job) => endOf(job) === undefined);
  return { own, running, foreign };
}

/** Returns whether a Job copies a table, or does not show which one. */
function mayCopy(job: KubeObject, table: string): boolean {
  const name = readTableName(tableOf(job) ?? table);
  return "problem" in name || formatTableName(name) === table;
}

function podLabels({ spec }: Fields): Fields {
  return fieldsIn(fieldsIn(fieldsIn(fieldsIn(spec).template).metadata).labels);
}

/**
 * Returns the days in the environments of a Job's containers. `today` and `yesterday`, and a Job
 * without a day, count from the start of the Job. A value from another object is unknown.
 */
function daysOf({ metadata, spec, status }: KubeObject): string[] {
  const { containers } = fieldsIn(fieldsIn(fieldsIn(spec).template).spec);
  const values = listIn(containers).flatMap(({ env }) => listIn(env))
    .filter(({ name }) => name === "JOB_DATE")
    .map(({ value, valueFrom }) => valueFrom === undefined ? textIn(value) || "today" : "");
  const start = textIn(fieldsIn(status).startTime) || textIn(metadata.creationTimestamp);
  const today = parseDay(start.slice(0, "YYYY-MM-DD".length));
  return (values.length === 0 ? ["today"] : values).map((value) => {
    if (today === undefined) return value;
    if (value === "today") return today;
    return value === "yesterday" ? dayOf(windowOf(today).start - 1n) : value;
  });
}

function attemptOf(job: KubeObject): number {
  return Number(labelOf(job, LABELS.attempt) ?? 0);
}

function labelOf({ metadata }: KubeObject, key: string): unknown {
  return fieldsIn(metadata.labels)[key];
}

/**
 * Creates the Job for a day.
 *
 * @param attach the command that follows a running Job, for messages
 * @throws {Failure} configuration: a Job already runs the day, or the API server refuses the Job
 */
export async function createJob(
  cluster: Cluster,
  template: JobTemplate,
  run: LayerRun,
  { attach, signal }: { readonly attach: string; readonly signal: AbortSignal },
): Promise<KubeObject> {
  let last = 0;
  while (true) {
    const jobs = await cluster.list(JOB, template.namespace, { signal });
    const { own, running, foreign } = jobsOfDay(jobs, template, run);
    const taken = jobs.find(({ metadata }) => metadata.name === jobName(run.layer, run.day, last));
    const other = taken !== undefined && endOf(taken) === undefined && !foreign.includes(taken)
      ? taken
      : undefined;
    // Another start of the same day chose the same name.
    if (running ?? other) throw alreadyRuns(run, (running ?? other)!, attach);
    const attempt = Math.max(last, ...[...own, ...foreign].map(attemptOf)) + 1;
    const job = newJob(template, run, attempt);
    try {
      return await cluster.create(job, { signal });
    } catch (error) {
      if (!(error instanceof ApiError) || error.reason !== "AlreadyExists") throw error;
      // A Job that has ended, or that works on another table, has the name: the next one is free.
      last = attempt;
    }
  }
}

function alreadyRuns({ layer, day }: LayerRun, { metadata }: KubeObject, attach: string): Failure {
  const { namespace, name } = metadata;
  return new Failure({
    kind: "configuration",
    task: `start ${layer} of ${day}`,
    problem: `Job ${namespace}/${name} already runs this day`,
    remedy: `To end that Job: kubectl -n ${namespace} delete job ${name}. To follow it: ${attach}`,
  });
}
