import { setTimeout as pause } from "node:timers/promises";
import { readDeclared } from "../../checks/facts/cluster/dry_run.ts";
import { toManifestObject } from "../../checks/facts/cluster/objects.ts";
import {
  formatDifference,
  isChange,
  jobState,
  type Planned,
  planOf,
} from "../../checks/kubernetes/apply_plan.ts";
import { fieldsIn } from "../../checks/kubernetes/fields.ts";
import { type ManifestObject, objectId } from "../../checks/kubernetes/objects.ts";
import { naming } from "../../checks/list_names.ts";
import { ApiError, type Cluster } from "../../pipeline/cluster/cluster.ts";
import { Failure } from "../../pipeline/errors.ts";

/** The milliseconds between two requests for the state of an object. */
const POLL = 200;

/** Callbacks for changes, and a signal to stop. */
export interface Applying {
  /** Called before an object is applied. */
  readonly onStart: (planned: Planned) => void;
  /** Called after an object was applied. */
  readonly onDone: (planned: Planned) => void;
  /** Stops before the next change when it aborts. */
  readonly signal: AbortSignal;
}

/** The kinds to apply before all others, and the kinds to apply after all others. */
const FIRST = ["Namespace", "CustomResourceDefinition"];
const LAST = [
  "Pod",
  "Job",
  "CronJob",
  "Deployment",
  "StatefulSet",
  "DaemonSet",
  "ReplicaSet",
];

/**
 * Sorts objects for an empty cluster: each object after the objects that it needs, otherwise in the
 * order of the files.
 */
export function inOrder(plan: readonly Planned[]): Planned[] {
  const rank = ({ object: { kind } }: Planned) =>
    FIRST.includes(kind) ? 0 : LAST.includes(kind) ? 2 : 1;
  return plan.toSorted((a, b) => rank(a) - rank(b));
}

/**
 * Applies all objects of a plan, one after the other.
 *
 * @throws {Failure} the first object that could not be applied
 */
export async function carryOut(
  cluster: Cluster,
  plan: readonly Planned[],
  { onStart, onDone, signal }: Applying,
): Promise<void> {
  for (const planned of inOrder(plan)) {
    signal.throwIfAborted();
    onStart(planned);
    const { action, object } = planned;
    if (action === "replace") await deletePendingJob(cluster, object, signal);
    // Force: the manifest overrides other field managers, because a partially applied manifest
    // could be inconsistent.
    if (object.kind === "CronJob") await applyCronJob(cluster, planned, signal);
    else await cluster.apply(object.value, { dryRun: false, force: true, signal });
    onDone(planned);
  }
}

/** The times to try again if a CronJob changes between the read and the write. */
const CONFLICTS = 5;

/**
 * Applies a CronJob, unless it was switched on or off since the comparison. Its `suspend` in the plan
 * is that of the comparison.
 */
async function applyCronJob(
  cluster: Cluster,
  { object, live: before }: Planned,
  signal: AbortSignal,
): Promise<void> {
  for (let left = CONFLICTS;; left--) {
    const live = await cluster.get(object, object.name, object.namespace, { signal });
    if (switchOf(live) !== switchOf(before?.value)) throw changedInMeantime(object);
    // If the CronJob is switched between the two requests, its version differs.
    const resourceVersion = live?.metadata.resourceVersion;
    const metadata = fieldsIn(object.value.metadata);
    const versioned = resourceVersion === undefined ? metadata : { ...metadata, resourceVersion };
    try {
      const body = { ...object.value, metadata: versioned };
      await cluster.apply(body, { dryRun: false, force: true, signal });
      return;
    } catch (error) {
      // A start of the CronJob changes its version, too.
      if (!(error instanceof ApiError && error.status === 409) || left === 0) throw error;
    }
  }
}

/** Returns whether a CronJob is on or off, or that it does not exist. */
function switchOf(cronJob: object | undefined): "on" | "off" | "none" {
  if (cronJob === undefined) return "none";
  return fieldsIn(fieldsIn(cronJob).spec).suspend === true ? "off" : "on";
}

function changedInMeantime(object: ManifestObject): Failure {
  return new Failure({
    kind: "unreachable",
    task: `change ${objectId(object)}`,
    problem: "the CronJob was created, deleted, or switched on or off in the meantime",
    remedy: "Run again: the schedule stays on or off as it is.",
  });
}

/**
 * Deletes a Job unless it was started in the meantime, and waits until the Job no longer exists.
 */
async function deletePendingJob(
  cluster: Cluster,
  object: ManifestObject,
  signal: AbortSignal,
): Promise<void> {
  const { name, namespace } = object;
  const find = () => cluster.get(object, name, namespace, { signal });
  const live = await find();
  if (live !== undefined) {
    if (jobState(toManifestObject(live)) !== "waiting") throw startedInMeantime(object);
    // If the Job is started between the two requests, its version differs.
    const { resourceVersion } = live.metadata;
    await cluster.remove(object, name, namespace, {
      resourceVersion: String(resourceVersion),
      signal,
    })
      .catch((error) => {
        throw error instanceof ApiError && error.status === 409 ? startedInMeantime(object) : error;
      });
  }
  while (await find() !== undefined) await pause(POLL);
}

function startedInMeantime(object: ManifestObject): Failure {
  return new Failure({
    kind: "unreachable",
    task: `replace ${objectId(object)}`,
    problem: "the Job was started or changed in the meantime",
    remedy: "Run again: a running Job is not changed.",
  });
}

/**
 * Waits until the cluster matches the manifests: each object exists as applied, and each namespace is
 * active.
 *
 * @param signal ends the waiting when it aborts
 * @throws {Failure} unreachable: the signal aborted first; the message names what is missing
 */
export async function waitUntilApplied(
  cluster: Cluster,
  manifests: readonly ManifestObject[],
  signal: AbortSignal,
): Promise<void> {
  let missing: readonly string[] = [];
  do {
    try {
      missing = planOf(await readDeclared(cluster, manifests, signal)).flatMap(missingIn);
      if (missing.length === 0) return;
      await pause(POLL, undefined, { signal });
    } catch (error) {
      if (!signal.aborted || missing.length === 0) throw error;
    }
  } while (!signal.aborted);
  throw new Failure({
    kind: "unreachable",
    task: "confirm that everything is applied",
    problem: naming(missing),
    remedy: "Find out what else changes these objects, and run again.",
  });
}

function missingIn(planned: Planned): string[] {
  const { action, object, live, differences } = planned;
  const id = objectId(object);
  if (action === "going" || action === "create") return [`${id} does not exist`];
  if (isChange(planned)) return [`${id} differs (${naming(differences.map(formatDifference))})`];
  const { phase } = (live?.value.status ?? {}) as { readonly phase?: unknown };
  return object.kind === "Namespace" && phase !== "Active" ? [`${id} is not active`] : [];
}
