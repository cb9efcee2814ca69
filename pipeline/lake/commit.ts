import { equalBytes, type Lake, type ObjectEntry, REQUESTS_IN_FLIGHT } from "./lake.ts";
import {
  isPart,
  LATE_STEM,
  SILVER_MARKERS_PREFIX,
  SILVER_PREFIX,
  silverDayFolder,
} from "../contract/keys.ts";
import type { Day } from "../contract/window.ts";
import { Failure } from "../errors.ts";
import { inParallel } from "../parallel.ts";
import { type Observer, plural } from "../progress.ts";
import { isTooOld, LONGEST_RUN, type RunStart } from "./lifetimes.ts";
import { type BronzeCommit, renderMarker, type SilverCommit, type StoredMarker } from "./marker.ts";
import { folderOf } from "./parts.ts";
import { recordSource, type RunSource } from "./source_record.ts";

/** The state that a run needs to publish a window. */
export interface Publication {
  /** The lake that contains the window. */
  readonly lake: Lake;
  /** The key of its marker. */
  readonly key: string;
  /** The marker that was there when the run began, before it read anything. */
  readonly previous: StoredMarker<BronzeCommit | SilverCommit> | undefined;
  /** The window's objects as they were before the run stored its first part. */
  readonly listed: readonly ObjectEntry[];
  /** The time at which the run read the previous marker. */
  readonly began: RunStart;
  /** The source to record before the marker; absent for silver, which has no source of its own. */
  readonly source?: RunSource;
  /** True to report only what would happen. */
  readonly dryRun: boolean;
  /** Receives the steps of the run. */
  readonly observer: Observer;
}

/** An object that a marker lists. */
export type Named = Pick<ObjectEntry, "key" | "bytes">;

/** The number of attempts to put a marker if the store refuses although the condition is met. */
const ATTEMPTS = 3;

/**
 * Publishes a window whose parts are stored: verifies that the parts exist, replaces the marker
 * that the run began with, and removes the parts that the new marker does not list.
 *
 * A part is removed only after this run's own conditional write of the marker was read back. Any
 * other run that stored a part before this run listed the window holds an older marker, so it can
 * no longer publish. Names that a marker no longer lists are never used again, see {@linkcode
 * Lineage}. If the marker is unchanged, or another run may have written it, this proof is missing,
 * and no part is removed.
 *
 * @throws {Failure} unreachable: another run published the window meanwhile, a part is not there, or the
 *   store did not do what it said; configuration: the store does not honour conditional writes
 */
export async function publishWindow(
  commit: BronzeCommit | SilverCommit,
  publication: Publication,
): Promise<void> {
  const { lake, key, previous, dryRun, observer } = publication;
  const { state, rows, parts } = commit;
  if (dryRun) {
    observer.step({
      step: "dry-run",
      says: `nothing was stored; a run would publish ${plural(parts.length, "part")}, ${state}`,
      data: { key, state, rows, parts: parts.length },
    });
    return;
  }
  const bytes = renderMarker(commit);
  const unchanged = previous !== undefined && equalBytes(previous.bytes, bytes);
  if (!unchanged) await lake.confirmConditions();
  await confirmStored(lake, objectsNamedBy(commit, publication));
  confirmAge(publication);
  if (unchanged) {
    await confirmMarker(publication);
    reportCommit(commit, publication, "unchanged");
    reportLeftovers(commit, publication);
    return;
  }
  if (publication.source !== undefined) await recordSource(lake, publication.source);
  const proven = await putMarker(lake, key, bytes, previous);
  const stands = await readBack(lake, key, bytes, previous);
  reportCommit(commit, publication, "written");
  await confirmAfterPause(commit, publication);
  if (!stands) reportReplaced(publication);
  else if (proven) await removeUnnamed(leftovers(commit, publication), publication);
  else reportLeftovers(commit, publication);
}

/**
 * The objects that a marker lists: its parts, the quarantine, and the copy of the previous marker.
 */
function objectsNamedBy(commit: BronzeCommit | SilverCommit, { previous }: Publication): Named[] {
  const { quarantine, amended } = commit.layer === "bronze" ? commit : {};
  const history = amended !== undefined && amended.previous.sha256 === previous?.sha256
    ? [{ key: amended.previous.key, bytes: previous.bytes.length }]
    : [];
  return [...commit.parts, ...(quarantine === undefined ? [] : [quarantine]), ...history];
}

function reportCommit(
  { state, rows, parts }: BronzeCommit | SilverCommit,
  { lake, key, observer }: Publication,
  outcome: "written" | "unchanged",
): void {
  observer.step({
    step: "commit",
    says: `${lake.url(key)}, ${state}${outcome === "unchanged" ? ", unchanged" : ""}`,
    data: { key, state, rows, parts: parts.length, outcome },
  });
}

function reportReplaced({ lake, key, observer }: Publication): void {
  observer.step({
    step: "commit",
    says: `another run published ${lake.url(key)} immediately afterwards; its result is in effect`,
    data: { key },
    warning: true,
  });
}

/** Confirms that every object exists, right before a marker lists it. */
async function confirmStored(lake: Lake, named: readonly Named[]): Promise<void> {
  const there = new Map((await listFolders(lake, named)).map(({ key, bytes }) => [key, bytes]));
  const lost = named.find(({ key, bytes }) => there.get(key) !== bytes);
  if (lost === undefined) return;
  throw new Failure({
    kind: "unreachable",
    task: "publish",
    problem: `${lake.url(lost.key)} was stored but no longer exists. Another run may be working ` +
      "on the same day. Nothing was published",
    remedy: "Run again.",
  });
}

function confirmAge({ lake, key, began }: Publication): void {
  const hours = LONGEST_RUN / 3_600_000;
  if (!isTooOld(began)) return;
  throw new Failure({
    kind: "unreachable",
    task: `publish ${lake.url(key)}`,
    problem: `this run began more than ${hours} hours ago, so its parts may have been cleaned ` +
      "up. Nothing was published",
    remedy: "Run again.",
  });
}

/**
 * Confirms that the objects of the marker still exist, if the run began too long ago. A process may
 * have been suspended right before it put the marker, and the objects cleaned up meanwhile.
 *
 * @throws {Failure} data: an object of the marker is missing
 */
async function confirmAfterPause(
  commit: BronzeCommit | SilverCommit,
  publication: Publication,
): Promise<void> {
  if (!isTooOld(publication.began)) return;
  await confirmStored(publication.lake, objectsNamedBy(commit, publication)).catch((cause) => {
    throw new Failure({
      kind: "data",
      task: `trust ${publication.lake.url(publication.key)}`,
      problem: "this run was paused for hours while it published, and objects that its marker " +
        "lists were removed meanwhile",
      remedy: `Check the day: deno task postflight --date ${commit.day}`,
      cause,
    });
  });
}

/**
 * Confirms that the marker has not changed since the run began.
 *
 * @throws {Failure} unreachable: it does not
 */
export async function confirmMarker({ lake, key, previous }: Publication): Promise<void> {
  const now = await lake.get(key);
  if (now !== undefined && now.etag === previous?.etag) return;
  throw anotherRun(lake, key);
}

/**
 * Runs a check of the objects that the marker lists. If another run replaced the marker during the
 * check, a data failure proves nothing about the day, because that run may have removed parts.
 *
 * @throws {Failure} unreachable: something was found amiss, and another run has published the day since
 */
export async function whileMarkerStands<T>(
  publication: Publication,
  judge: () => Promise<T>,
): Promise<T> {
  try {
    return await judge();
  } catch (error) {
    const amiss = error instanceof Failure && error.kind === "data";
    if (amiss && publication.previous !== undefined) await confirmMarker(publication);
    throw error;
  }
}

/**
 * Puts the marker if it has not changed since the run began.
 *
 * @returns whether it is proven that this run put it. It is not where our own first try arrived and only
 *   its answer got lost: another run may have put the same bytes, and a third one may have read them
 *   before this run listed the window
 */
async function putMarker(
  lake: Lake,
  key: string,
  bytes: Uint8Array<ArrayBuffer>,
  previous: Publication["previous"],
): Promise<boolean> {
  for (let attempt = 1;; attempt++) {
    const outcome = await lake.put(key, bytes, previous ? { etag: previous.etag } : "absent");
    if (outcome === "stored") return true;
    const now = await lake.get(key);
    if (now !== undefined && equalBytes(now.bytes, bytes)) return false;
    if (now?.etag !== previous?.etag) throw anotherRun(lake, key);
    // Stores refuse a request while they process another conditional write.
    if (attempt === ATTEMPTS) throw conditionRefused(lake, key, previous);
  }
}

/**
 * Reads the marker that was put.
 *
 * @returns whether the marker is still current; false if another run has replaced it
 * @throws {Failure} unreachable: the store still has the marker from before
 */
async function readBack(
  lake: Lake,
  key: string,
  bytes: Uint8Array<ArrayBuffer>,
  previous: Publication["previous"],
): Promise<boolean> {
  const now = await lake.get(key);
  if (now !== undefined && equalBytes(now.bytes, bytes)) return true;
  if (now !== undefined && now.etag !== previous?.etag) return false;
  const found = now === undefined
    ? "has no marker. No part was removed"
    : "still has the previous one. No part was removed, so the previous marker is still valid";
  throw new Failure({
    kind: "unreachable",
    task: `confirm ${lake.url(key)}`,
    problem: `the store confirmed the commit marker, but ${found}`,
    remedy: "Check the store and any proxy in front of it, then run again.",
  });
}

function anotherRun(lake: Lake, key: string): Failure {
  return new Failure({
    kind: "unreachable",
    task: `publish ${lake.url(key)}`,
    problem: "another run published this day meanwhile, and its result is complete",
    remedy: "Run again to bring it up to date.",
  });
}

function conditionRefused(lake: Lake, key: string, previous: Publication["previous"]): Failure {
  const refused = previous === undefined
    ? "to create it with If-None-Match, although no such object exists"
    : "to replace it with If-Match, although the request has its current ETag";
  return new Failure({
    kind: "configuration",
    task: `publish ${lake.url(key)}`,
    problem:
      `the store refuses ${refused}. Nothing was published. The bucket may have versioning ` +
      "or object lock, or a proxy may alter ETags",
    remedy: "Turn that feature off, or use a different bucket (S3_BUCKET).",
  });
}

/** The listed parts that a marker does not name. */
export function leftovers(
  commit: BronzeCommit | SilverCommit,
  { listed }: Publication,
): readonly string[] {
  const named = new Set(commit.parts.map(({ key }) => key));
  return listed.map(({ key }) => key).filter((key) => isPart(key) && !named.has(key));
}

/** Removes parts of runs that were interrupted, or of the state that the marker replaced. */
async function removeUnnamed(
  keys: readonly string[],
  { lake, dryRun, observer }: Publication,
): Promise<void> {
  if (keys.length === 0) return;
  if (!dryRun) await inParallel(keys, (key) => lake.remove(key), REQUESTS_IN_FLIGHT);
  const what = `${dryRun ? "would remove" : "removed"} ${plural(keys.length, "part")}`;
  observer.step({ step: "clean", says: `${what} that no marker lists`, data: { removed: keys } });
}

/**
 * Removes the leftovers of interrupted runs from a sealed window. Such runs can no longer publish:
 * only amendments replace a sealed marker, and the names of their parts differ.
 *
 * @throws {Failure} unreachable: the marker is no longer the one that the run began with
 */
export async function removeBesideSealed(
  sealed: BronzeCommit | SilverCommit,
  publication: Publication,
): Promise<void> {
  await confirmMarker(publication);
  const keys = leftovers(sealed, publication).filter((key) => !nameOf(key).startsWith(LATE_STEM));
  await removeUnnamed(keys, publication);
}

function reportLeftovers(commit: BronzeCommit | SilverCommit, publication: Publication): void {
  const keys = leftovers(commit, publication);
  if (keys.length === 0) return;
  publication.observer.step({
    step: "clean",
    says: `left ${plural(keys.length, "part")} that no marker lists, because another run may be ` +
      "about to publish them; after one day, remove them with: " +
      `deno task clean --date ${commit.day}`,
    data: { left: keys },
  });
}

function nameOf(key: string): string {
  return key.slice(key.lastIndexOf("/") + 1);
}

/** All objects in the folders of the given objects. */
export function listFolders(lake: Lake, objects: readonly Named[]): Promise<ObjectEntry[]> {
  return listAll(lake, new Set(objects.map(folderOf)));
}

/** With more folders than this, {@linkcode listAll} looks for a cheaper way to list them. */
const MANY_FOLDERS = 100;
/** The number of clients whose objects are counted to find it. */
const SAMPLE = 8;
/** A request for one folder costs about as much as this number of entries in a long listing. */
const ENTRIES_PER_REQUEST = 20;

/**
 * Lists the objects in folders: one request for each folder, or one long listing of silver if most
 * of its objects are in these folders.
 *
 * @param folders the folders, each ending with `/`
 */
export async function listAll(lake: Lake, folders: Iterable<string>): Promise<ObjectEntry[]> {
  const wanted = new Set(folders);
  if (wanted.size > MANY_FOLDERS && await isSparse(lake, [...wanted])) {
    return (await lake.list(SILVER_PREFIX)).filter(({ key }) => isInside(key, wanted));
  }
  const list = (folder: string) => lake.list(folder);
  return (await inParallel([...wanted], list, REQUESTS_IN_FLIGHT)).flat();
}

/** Returns whether the clients of silver that have these folders have only few objects of other days. */
async function isSparse(lake: Lake, folders: readonly string[]): Promise<boolean> {
  const clients = folders.filter((folder) => folder.startsWith(SILVER_PREFIX)).map(parentOf)
    .filter((client) => client !== SILVER_PREFIX);
  if (clients.length < folders.length / 2) return false;
  const sample = Array.from(
    { length: SAMPLE },
    (_, i) => clients[Math.floor(i * clients.length / SAMPLE)]!,
  );
  const entries = await inParallel(sample, (client) => lake.list(client), SAMPLE);
  return entries.flat().length <= SAMPLE * ENTRIES_PER_REQUEST;
}

function isInside(key: string, folders: ReadonlySet<string>): boolean {
  for (let folder = folderOf({ key }); folder !== ""; folder = parentOf(folder)) {
    if (folders.has(folder)) return true;
  }
  return false;
}

function parentOf(folder: string): string {
  return folderOf({ key: folder.slice(0, -1) });
}

/**
 * Lists the objects of a day in the folders of all clients, and all objects in other folders of
 * silver, which no run creates.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { silverPrefix } from "../contract/keys.ts";
 * import { parseDay } from "../contract/window.ts";
 * import { listSilverDay } from "./commit.ts";
 * import { openDirectory } from "./directory.ts";
 * const path = await Deno.makeTempDir();
 * const lake = openDirectory({ kind: "directory", path });
 * const [day, next] = [parseDay("2025-12-28")!, parseDay("2025-12-29")!];
 * await lake.put(`${silverPrefix(7n, day)}part`, new Uint8Array(1));
 * await lake.put(`${silverPrefix(7n, next)}part`, new Uint8Array(1));
 * assertEquals((await listSilverDay(lake, day)).length, 1);
 * lake.close();
 * await Deno.remove(path, { recursive: true });
 * ```
 */
export async function listSilverDay(lake: Lake, day: Day): Promise<ObjectEntry[]> {
  const folders = await lake.folders(SILVER_PREFIX);
  const places = folders.filter((folder) => folder !== SILVER_MARKERS_PREFIX)
    .map((folder) => silverDayFolder(folder, day) ?? folder);
  return await listAll(lake, places);
}
