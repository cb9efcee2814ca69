import type { ClusterOpened, Trial } from "../facts/cluster.ts";
import { type ManifestObject, objectId } from "../facts/manifests.ts";
import { dataOf } from "./environment.ts";
import { isFields } from "./fields.ts";
import { groupOf } from "./pod_template.ts";
import { type Difference, differences } from "./object_difference.ts";
import { jobState } from "./job_state.ts";
import { merged } from "./merge_objects.ts";

/**
 * What applying does with an object:
 *
 * - `create`: it is not there
 * - `change`: it is there, and differs
 * - `replace`: it is a Job that waits and differs; a Job's pods cannot be changed, so it is made anew
 * - `leave`: it is a Job that was started, so it stays as it is
 * - `nothing`: it is as it should be
 * - `going`: it is being removed, and nothing can be done with it until it is gone
 * - `unknown`: it may not be read
 */
export type Action = "create" | "change" | "replace" | "leave" | "nothing" | "going" | "unknown";

/** What applying does with one object. */
export interface Planned {
  /** What it does. */
  readonly action: Action;
  /** The object of the manifests, in the namespace that it goes to. */
  readonly object: ManifestObject;
  /** The one in the cluster, where there is one. */
  readonly live?: ManifestObject;
  /** How that differs. */
  readonly differences: readonly Difference[];
  /** Why it is left, or not known. */
  readonly reason?: string;
}

/** What is known of a cluster that the manifests were tried on. */
export type Tried = Pick<ClusterOpened, "objects" | "trials" | "unread">;

/** What applying the manifests does to a cluster, in their order. */
export function planOf({ objects, trials, unread }: Tried): Planned[] {
  const present = new Map(objects.map((object) => [idOf(object), object]));
  return trials.map((trial): Planned => {
    const { object } = trial;
    const live = present.get(idOf(object));
    if (live !== undefined) return { object, live, differences: [], ...withLive(trial, live) };
    const hidden = unread.find(({ kind, namespace }) =>
      kind === object.kind && (namespace === undefined || namespace === object.namespace)
    );
    return hidden === undefined
      ? { object, action: "create", differences: [] }
      : { object, action: "unknown", differences: [], reason: hidden.problem };
  });
}

/** Tells objects apart: others have kinds of the same name, as Calico has its NetworkPolicy. */
export function idOf(object: ManifestObject): string {
  return `${groupOf(object.apiVersion)} ${objectId(object)}`;
}

/** Whether applying does anything with an object. */
export function isChange({ action }: Planned): boolean {
  return action === "create" || action === "change" || action === "replace";
}

function withLive(
  { object, applied }: Trial,
  live: ManifestObject,
): Pick<Planned, "action"> & Partial<Planned> {
  const { metadata } = live.value;
  if (isFields(metadata) && metadata.deletionTimestamp !== undefined) {
    return { action: "going", reason: "it is being removed" };
  }
  const isJob = object.kind === "Job";
  if (isJob && jobState(live) !== "waiting") {
    const isOver = jobState(live) === "finished";
    return {
      action: "leave",
      reason: isOver ? "it has run to its end" : "it was started and is at work",
    };
  }
  const wanted = isJob && applied !== undefined ? named(applied, object, live) : applied;
  const found = differences(live, wanted ?? readable(object), { whole: wanted !== undefined });
  if (found.length === 0) return { action: "nothing" };
  return { action: isJob ? "replace" : "change", differences: found };
}

/** A Job is tried as a new one: its name is another, and nobody has written anything on it yet. */
function named(
  tried: ManifestObject,
  object: ManifestObject,
  live: ManifestObject,
): ManifestObject {
  const { metadata } = merged(live, object).value;
  return { ...tried, value: { ...tried.value, metadata } };
}

/** The values of a Secret as those of a cluster's are read. */
function readable(object: ManifestObject): ManifestObject {
  const { data: _, ...rest } = object.value;
  if (object.kind !== "Secret") return object;
  return { ...object, value: { ...rest, stringData: Object.fromEntries(dataOf(object.value)) } };
}
