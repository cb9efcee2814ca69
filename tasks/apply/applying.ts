import { setTimeout as pause } from "node:timers/promises";
import { observed } from "../../checks/facts/cluster/objects.ts";
import { type ManifestObject, objectId } from "../../checks/kubernetes/objects.ts";
import { jobState, type Planned } from "../../checks/kubernetes/apply_plan.ts";
import { ApiError, type Cluster } from "../../pipeline/cluster/cluster.ts";
import { Failure } from "../../pipeline/errors.ts";

/** Milliseconds between two looks. */
export const POLL = 200;

/** What hears of changes, and what ends them. */
export interface Applying {
  /** An object is about to be applied. */
  readonly onStart: (planned: Planned) => void;
  /** An object was applied. */
  readonly onDone: (planned: Planned) => void;
  /** Ends it when it aborts. */
  readonly signal: AbortSignal;
}

/** Kinds that others need to be there first, and kinds that need the others. */
const FIRST = ["Namespace", "CustomResourceDefinition"];
const LAST = [
  ...["Pod", "Job", "CronJob", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"],
];

/** Objects in an order in which they can be applied to an empty cluster; else it is the files' own. */
export function inOrder(plan: readonly Planned[]): Planned[] {
  const rank = ({ object: { kind } }: Planned) =>
    FIRST.includes(kind) ? 0 : LAST.includes(kind) ? 2 : 1;
  return plan.toSorted((a, b) => rank(a) - rank(b));
}

/**
 * Applies objects, one after the other.
 *
 * @param plan what is to be done; nothing of it is left out
 * @throws {Failure} the first that did not work
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
    if (action === "replace") await removeWaiting(cluster, object, signal);
    // Whoever applies wants what the manifest says, and no half of it for somebody else's sake.
    await cluster.apply(object.value, { dryRun: false, force: true, signal });
    onDone(planned);
  }
}

/** Removes a Job, unless somebody has started it meanwhile, and waits until it is gone. */
async function removeWaiting(
  cluster: Cluster,
  object: ManifestObject,
  signal: AbortSignal,
): Promise<void> {
  const { name, namespace } = object;
  const find = () => cluster.get(object, name, namespace, { signal });
  const live = await find();
  if (live !== undefined) {
    if (jobState(observed(live)) !== "waiting") throw startedMeanwhile(object);
    // Between that look and this, it can still be started: then it is another version.
    const { resourceVersion } = live.metadata;
    await cluster.remove(object, name, namespace, {
      resourceVersion: String(resourceVersion),
      signal,
    })
      .catch((error) => {
        throw error instanceof ApiError && error.status === 409 ? startedMeanwhile(object) : error;
      });
  }
  while (await find() !== undefined) await pause(POLL);
}

function startedMeanwhile(object: ManifestObject): Failure {
  return new Failure({
    kind: "unreachable",
    task: `make ${objectId(object)} anew`,
    problem: "somebody started or changed it just now",
    remedy: "Run it again; a Job that runs is left alone.",
  });
}
