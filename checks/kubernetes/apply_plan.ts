import { maskSecrets, namesSecret } from "./secret_text.ts";
import { child, type Fields, isFields, listOf } from "./fields.ts";
import { type ManifestObject, objectId } from "./objects.ts";
import type { Trial, Unread } from "./server_answers.ts";
import { parseQuantity } from "./quantities.ts";
import { dataOf, groupOf } from "./workloads.ts";

/**
 * The effect of `deno task apply` on an object:
 *
 * - `create`: the object does not exist
 * - `change`: the object exists and differs
 * - `replace`: the object is a suspended Job that differs; a Job's pods cannot be changed, so apply
 *   deletes the Job and creates it again
 * - `leave`: the object is a Job that was started, so apply does not change it
 * - `nothing`: the object is the same as in the manifests
 * - `going`: the object is being removed, and cannot be changed before it is gone
 * - `unknown`: the object may not be read
 */
export type Action = "create" | "change" | "replace" | "leave" | "nothing" | "going" | "unknown";

/** The planned effect on one object. */
export interface Planned {
  /** The effect. */
  readonly action: Action;
  /** The object of the manifests, with its namespace in the cluster. */
  readonly object: ManifestObject;
  /** The object in the cluster, if it exists. */
  readonly live?: ManifestObject;
  /** The fields of the object in the cluster that differ. */
  readonly differences: readonly Difference[];
  /** The reason why apply leaves the object, or why the state of the object is unknown. */
  readonly reason?: string;
}

/** The facts about a cluster after a dry run of the manifests. */
export interface DryRunFacts {
  /** The objects in the cluster. */
  readonly objects: readonly ManifestObject[];
  /** The results of the dry runs. */
  readonly trials: readonly Trial[];
  /** The objects that the user has no permission to read. */
  readonly unread: readonly Unread[];
}

/** Plans the effect of applying the manifests to a cluster, in the order of the manifests. */
export function planOf({ objects, trials, unread }: DryRunFacts): Planned[] {
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

/** Identifies an object. The API group is included, since Calico has a NetworkPolicy too. */
export function idOf(object: ManifestObject): string {
  return `${groupOf(object.apiVersion)} ${objectId(object)}`;
}

/** Returns whether apply changes the object. */
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
      reason: isOver ? "it has finished" : "it has started",
    };
  }
  const wanted = isJob && applied !== undefined ? withLiveMetadata(applied, object, live) : applied;
  const found = differences(live, wanted ?? readable(object), { whole: wanted !== undefined });
  if (found.length === 0) return { action: "nothing" };
  return { action: isJob ? "replace" : "change", differences: found };
}

/** Removes what differs for a Job in the dry run, which uses another name and no status. */
function withLiveMetadata(
  tried: ManifestObject,
  object: ManifestObject,
  live: ManifestObject,
): ManifestObject {
  const { metadata } = mergeObjects(live, object).value;
  return { ...tried, value: { ...tried.value, metadata } };
}

/** A Secret with its values in the same form as in a Secret that was read from a cluster. */
function readable(object: ManifestObject): ManifestObject {
  const { data: _, ...rest } = object.value;
  if (object.kind !== "Secret") return object;
  return { ...object, value: { ...rest, stringData: Object.fromEntries(dataOf(object.value)) } };
}

/** The state of a Job in a cluster: not started, started, or finished. */
export type JobState = "waiting" | "running" | "finished";

/** The state of a Job. A Job that was suspended after it started counts as running. */
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
 * Predicts an object of a cluster after apply, for a user who may not do a dry run: the fields of the
 * manifest, and the fields that only the cluster has. Only a dry run shows which fields the server
 * would remove.
 */
export function mergeObjects(live: ManifestObject, manifest: ManifestObject): ManifestObject {
  return { ...manifest, value: mergeFields(live.value, manifest.value) };
}

/** Merges fields. A list of the manifest replaces the whole list, as in NetworkPolicies and Roles. */
function mergeFields(live: Fields, manifest: Fields): Fields {
  const all: Record<string, unknown> = { ...live };
  for (const [name, value] of Object.entries(manifest)) {
    const before = live[name];
    all[name] = isFields(value) && isFields(before) ? mergeFields(before, value) : value;
  }
  return all;
}

/** A field that differs from the manifest. */
export interface Difference {
  /** The field, as in `spec.egress[0].to[1]`. */
  readonly path: string;
  /** The line within a text of several lines, counted from 1. */
  readonly line?: number;
  /** The formatted value in the cluster; undefined if it is absent. Secret values are not shown. */
  readonly before: string | undefined;
  /** The formatted value of the manifest, in the same form. */
  readonly after: string | undefined;
}

/** The options for comparing two objects. */
export interface Closeness {
  /**
   * True if the wanted object includes the defaults of the server. Otherwise only the fields of the
   * wanted object are compared, and equal quantities may be written differently.
   */
  readonly whole: boolean;
}

/** The fields that only the server sets. */
const SERVERS = ["status"];
const SERVERS_METADATA = [
  "managedFields",
  "resourceVersion",
  "generation",
  "uid",
  "creationTimestamp",
  "selfLink",
];

/** The fields in which an object of a cluster differs from the wanted object. */
export function differences(
  live: ManifestObject,
  wanted: ManifestObject,
  { whole }: Closeness,
): Difference[] {
  // Any field of a Secret can contain a value, such as the annotation that kubectl adds.
  const comparison = { whole, hidden: wanted.kind === "Secret" };
  return compare(withoutServers(live.value), withoutServers(wanted.value), "", comparison);
}

/** Formats a difference, as in `spec.hard.pods: "8" -> "10"`. */
export function formatDifference({ path, line, before, after }: Difference): string {
  const place = line === undefined ? path : `${path}, line ${line}`;
  return `${place}: ${before ?? "nothing"} -> ${after ?? "nothing"}`;
}

interface Comparison extends Closeness {
  /** True if values are hidden. */
  readonly hidden: boolean;
}

function withoutServers(object: Fields): Fields {
  const { metadata } = object;
  const rest = omitFields(object, [...SERVERS, "apiVersion", "kind"]);
  return isFields(metadata) ? { ...rest, metadata: omitFields(metadata, SERVERS_METADATA) } : rest;
}

function omitFields(fields: Fields, names: readonly string[]): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
}

function compare(before: unknown, after: unknown, path: string, how: Comparison): Difference[] {
  if (isSame(before, after, path, how)) return [];
  if (isFields(before) && isFields(after)) {
    const hidden = how.hidden || isSecret(before) || isSecret(after);
    const isData = path === "data" || path.endsWith("annotations");
    return namesOf(before, after, path, how).flatMap((name) =>
      compare(before[name], after[name], child(path, name), {
        ...how,
        hidden: hidden || isData && namesSecret(name),
      })
    );
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    return unequalPart(before, after, (a, b) => isSame(a, b, path, how)).flatMap(([i, a, b]) => {
      const place = `${path}[${i}]`;
      return a === undefined || b === undefined
        ? [{ path: place, ...formatChange(a, b, how) }]
        : compare(a, b, place, how);
    });
  }
  if (typeof before === "string" && typeof after === "string" && /\n/.test(before + after)) {
    return unequalPart(before.split("\n"), after.split("\n"), Object.is)
      .map(([i, a, b]) => ({ path, line: i + 1, ...formatChange(a, b, how) }));
  }
  return [{ path, ...formatChange(before, after, how) }];
}

/** The labels that select a Job's pods, with values that are unique for each Job. */
const JOB_LABELS = /^(batch\.kubernetes\.io\/)?(controller-uid|job-name)$/;

/** The fields that are compared. */
function namesOf(before: Fields, after: Fields, path: string, { whole }: Closeness): string[] {
  const names = Object.keys(whole ? { ...before, ...after } : after);
  return /labels$/i.test(path) ? names.filter((name) => !JOB_LABELS.test(name)) : names;
}

/**
 * The items between the common beginning and the common end of two lists, with the position at which
 * they begin.
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
  return before === after || !how.whole && isSameQuantity(before, after, path);
}

/** The fields with quantities, which the server rewrites in its own form and as strings. */
const QUANTITIES =
  /\.(hard|requests|limits|max|min|default|defaultRequest|capacity)\..+$|\.sizeLimit$/;

function isSameQuantity(before: unknown, after: unknown, path: string): boolean {
  // The server drops an empty list or map, but not an empty selector, which selects everything.
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

/** Returns whether fields are a variable with the name of a secret, as in `DB_PASSWORD`. */
function isSecret({ name, value }: Fields): boolean {
  return value !== undefined && namesSecret(String(name));
}

function formatChange(before: unknown, after: unknown, { hidden }: Comparison) {
  return hidden
    ? {
      before: before === undefined ? undefined : "a value",
      after: after === undefined ? undefined : before === undefined ? "a value" : "another value",
    }
    : { before: formatValue(before), after: formatValue(after) };
}

/** The most characters of a value that a message shows. */
const MOST_CHARACTERS = 120;

/** Formats a value as JSON. Control characters are escaped, for terminals. */
function formatValue(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const text = maskSecrets(JSON.stringify(
    value,
    (_, each) => isFields(each) && isSecret(each) ? { ...each, value: "…" } : each,
  )).replace(
    /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text;
}
