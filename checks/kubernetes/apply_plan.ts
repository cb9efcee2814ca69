import type { ClusterOpened, Trial } from "../facts/cluster.ts";
import { child, type Fields, isFields, listOf } from "./fields.ts";
import { type ManifestObject, objectId } from "./objects.ts";
import { parseQuantity } from "./quantities.ts";
import { dataOf, groupOf } from "./workloads.ts";

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
      : { object, action: "unknown", differences: [], reason: hidden.failure.message };
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

/** Where a Job of a cluster is: not started yet, started, or at its end. */
export type JobState = "waiting" | "running" | "finished";

/** Finds out where a Job is; one that was suspended again in the middle counts as running. */
export function jobState({ value }: Pick<ManifestObject, "value">): JobState {
  const spec = isFields(value.spec) ? value.spec : {};
  const status = isFields(value.status) ? value.status : {};
  const isOver = listOf(status.conditions).some(({ type, status }) =>
    (type === "Complete" || type === "Failed") && status === "True"
  );
  if (isOver) return "finished";
  const isUntouched = status.startTime === undefined &&
    [status.active, status.succeeded, status.failed].every((count) => (count ?? 0) === 0);
  return spec.suspend === true && isUntouched ? "waiting" : "running";
}

/**
 * What an object of a cluster would be once its manifest is applied, where the API server may not be
 * asked: the manifest's fields, and those that only the cluster has. It is as good as that can be
 * without the server: whether a field would be removed, only the server knows.
 */
export function merged(live: ManifestObject, manifest: ManifestObject): ManifestObject {
  return { ...manifest, value: mergedFields(live.value, manifest.value) };
}

/** Lists are taken as a whole, as those of NetworkPolicies and Roles are. */
function mergedFields(live: Fields, manifest: Fields): Fields {
  const all: Record<string, unknown> = { ...live };
  for (const [name, value] of Object.entries(manifest)) {
    const before = live[name];
    all[name] = isFields(value) && isFields(before) ? mergedFields(before, value) : value;
  }
  return all;
}

/** A field that is not as it is wanted. */
export interface Difference {
  /** The field, as in `spec.egress[0].to[1]`. */
  readonly path: string;
  /** The line within a text of several lines, counted from 1. */
  readonly line?: number;
  /** Its value, for people; undefined where it is not there. Of a secret it is only said that it is. */
  readonly before: string | undefined;
  /** The value that is wanted, in the same way. */
  readonly after: string | undefined;
}

/** How closely two objects are compared. */
export interface Closeness {
  /**
   * Whether the wanted object is whole, with all that the server fills in. Else only the fields that it
   * has count, and a quantity may be spelt in another way.
   */
  readonly whole: boolean;
}

/** What the server keeps for itself. */
const SERVERS = ["status"];
const SERVERS_METADATA = [
  ...["managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"],
];

/** How an object of a cluster differs from the one that is wanted, field by field. */
export function differences(
  live: ManifestObject,
  wanted: ManifestObject,
  { whole }: Closeness,
): Difference[] {
  // A value can have got anywhere in a Secret, as into the annotation that kubectl leaves.
  const comparison = { whole, hidden: wanted.kind === "Secret" };
  return compare(withoutServers(live.value), withoutServers(wanted.value), "", comparison);
}

/** A difference for people, as in `spec.hard.pods: "8" -> "10"`. */
export function tell({ path, line, before, after }: Difference): string {
  const place = line === undefined ? path : `${path}, line ${line}`;
  return `${place}: ${before ?? "nothing"} -> ${after ?? "nothing"}`;
}

interface Comparison extends Closeness {
  /** Whether nobody may see a value. */
  readonly hidden: boolean;
}

function withoutServers(object: Fields): Fields {
  const { metadata } = object;
  const rest = without(object, [...SERVERS, "apiVersion", "kind"]);
  return isFields(metadata) ? { ...rest, metadata: without(metadata, SERVERS_METADATA) } : rest;
}

function without(fields: Fields, names: readonly string[]): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
}

function compare(before: unknown, after: unknown, path: string, how: Comparison): Difference[] {
  if (isSame(before, after, path, how)) return [];
  if (isFields(before) && isFields(after)) {
    const hidden = how.hidden || isSecret(before) || isSecret(after);
    return namesOf(before, after, path, how).flatMap((name) =>
      compare(before[name], after[name], child(path, name), { ...how, hidden })
    );
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    return unequalPart(before, after, (a, b) => isSame(a, b, path, how)).flatMap(([i, a, b]) => {
      const place = `${path}[${i}]`;
      return a === undefined || b === undefined
        ? [{ path: place, ...both(a, b, how) }]
        : compare(a, b, place, how);
    });
  }
  if (typeof before === "string" && typeof after === "string" && /\n/.test(before + after)) {
    return unequalPart(before.split("\n"), after.split("\n"), Object.is)
      .map(([i, a, b]) => ({ path, line: i + 1, ...both(a, b, how) }));
  }
  return [{ path, ...both(before, after, how) }];
}

/** Labels by which a Job knows its own pods: of no two Jobs are they the same. */
const OF_ONE_JOB = /^(batch\.kubernetes\.io\/)?(controller-uid|job-name)$/;

/** The fields that count. */
function namesOf(before: Fields, after: Fields, path: string, { whole }: Closeness): string[] {
  const names = Object.keys(whole ? { ...before, ...after } : after);
  return /labels$/i.test(path) ? names.filter((name) => !OF_ONE_JOB.test(name)) : names;
}

/**
 * The items of two lists that are in the middle, between what both begin and end with: where they are,
 * and what either list has there.
 */
function unequalPart<T>(
  before: readonly T[],
  after: readonly T[],
  isSame: (a: T, b: T) => boolean,
): [number, T | undefined, T | undefined][] {
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && isSame(before[start]!, after[start]!)) start++;
  let end = 0;
  while (end < shorter - start && isSame(before.at(-1 - end)!, after.at(-1 - end)!)) end++;
  const item = (list: readonly T[], i: number) => i < list.length - end ? list[i] : undefined;
  return Array.from({ length: Math.max(before.length, after.length) - start - end }, (_, n) => {
    const i = start + n;
    return [i, item(before, i), item(after, i)];
  });
}

function isSame(before: unknown, after: unknown, path: string, how: Closeness): boolean {
  if (isFields(before) && isFields(after)) {
    return namesOf(before, after, path, how)
      .every((name) => isSame(before[name], after[name], child(path, name), how));
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    return before.length === after.length &&
      before.every((each, i) => isSame(each, after[i], path, how));
  }
  return before === after || !how.whole && isSpeltOtherwise(before, after, path);
}

/** Where quantities stand: the server spells them in its own way, and numbers as texts. */
const QUANTITIES =
  /\.(hard|requests|limits|max|min|default|defaultRequest|capacity)\..+$|\.sizeLimit$/;

function isSpeltOtherwise(before: unknown, after: unknown, path: string): boolean {
  // An empty list or map is left out by the server. An empty selector selects all, and stays.
  if (isAbsent(before) && (isAbsent(after) || isEmpty(after) && !/selector$/i.test(path))) {
    return true;
  }
  const quantity = QUANTITIES.test(path) ? parseQuantity(after) : undefined;
  return quantity !== undefined && quantity === parseQuantity(before);
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

/** Whether it is a variable that is named like a secret. */
function isSecret({ name, value }: Fields): boolean {
  return value !== undefined && /PASS|SECRET|KEY|TOKEN|CREDENTIAL/i.test(String(name));
}

function both(before: unknown, after: unknown, { hidden }: Comparison) {
  return hidden
    ? {
      before: before === undefined ? undefined : "a value",
      after: after === undefined ? undefined : before === undefined ? "a value" : "another value",
    }
    : { before: shown(before), after: shown(after) };
}

/** More of a value than this, in characters, helps nobody. */
const LONGEST = 120;

/** A value as JSON has it, and without what would mean something to a terminal. */
function shown(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const text = JSON.stringify(
    value,
    (_, each) => isFields(each) && isSecret(each) ? { ...each, value: "…" } : each,
  ).replace(
    /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
