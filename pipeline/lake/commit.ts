import { Failure } from "../errors.ts";
import { inParallel } from "../parallel.ts";
import { type Observer, plural } from "../progress.ts";
import type { Lake, ObjectEntry } from "./lake.ts";
import {
  type BronzeCommit,
  type Part,
  renderMarker,
  type SilverCommit,
  type StoredMarker,
} from "./marker.ts";

/** What a run brings along to publish a window. */
export interface Publication {
  /** Where the window is. */
  readonly lake: Lake;
  /** The key of its marker. */
  readonly key: string;
  /** The marker that was there when the run began, before it read anything. */
  readonly previous: StoredMarker<BronzeCommit | SilverCommit> | undefined;
  /** The window's objects as they were before the run stored its first part. */
  readonly listed: readonly ObjectEntry[];
  /** Whether to say only what would happen. */
  readonly dryRun: boolean;
  /** Hears what happens. */
  readonly observer: Observer;
}

/**
 * Publishes a window whose parts are stored: confirms that they are there, puts the marker over the
 * one that the run began with, and removes the parts that it does not name.
 *
 * @throws {Failure} unreachable: another run published the window meanwhile, or a part is not there
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
  await confirmParts(lake, parts);
  const outcome = await putMarker(lake, key, renderMarker(commit), previous);
  observer.step({
    step: "commit",
    says: `${lake.url(key)}, ${state}${outcome === "unchanged" ? ", as it was" : ""}`,
    data: { key, state, rows, parts: parts.length, outcome },
  });
  await removeLeftovers(parts, publication);
}

/** Asks the lake whether every part is really there, right before a marker names them. */
async function confirmParts(lake: Lake, parts: readonly Part[]): Promise<void> {
  const there = new Map((await listFolders(lake, parts)).map(({ key, bytes }) => [key, bytes]));
  const lost = parts.find(({ key, bytes }) => there.get(key) !== bytes);
  if (lost === undefined) return;
  throw new Failure(
    "unreachable",
    `Cannot publish: ${lake.url(lost.key)} was stored and is not there any more. Another run may ` +
      "have been at work on the same day; nothing was published. Run again.",
  );
}

async function putMarker(
  lake: Lake,
  key: string,
  bytes: Uint8Array<ArrayBuffer>,
  previous: Publication["previous"],
): Promise<"written" | "unchanged"> {
  if (previous !== undefined && equal(previous.bytes, bytes)) return "unchanged";
  const outcome = await lake.put(key, bytes, previous ? { etag: previous.etag } : "absent");
  if (outcome === "stored") return "written";
  // Either somebody else was faster, or our own first try arrived and only its answer got lost.
  const now = await lake.get(key);
  if (now !== undefined && equal(now.bytes, bytes)) return "written";
  throw new Failure(
    "unreachable",
    `Cannot publish ${lake.url(key)}: another run published this day meanwhile. Its result ` +
      "stands and is whole; run again to bring it up to date.",
  );
}

/**
 * Removes the objects that a run found and the marker does not name: parts of runs that were
 * interrupted, or of the state that the marker replaced. Only what was listed before this run stored
 * anything may go: a part that came later can belong to a run that has yet to publish it.
 */
export async function removeLeftovers(
  parts: readonly Part[],
  { lake, listed, dryRun, observer }: Publication,
): Promise<void> {
  const named = new Set(parts.map(({ key }) => key));
  const keys = listed.map(({ key }) => key).filter((key) => isPart(key) && !named.has(key));
  if (keys.length === 0) return;
  if (!dryRun) await inParallel(keys, (key) => lake.remove(key));
  const what = `${dryRun ? "would remove" : "removed"} ${plural(keys.length, "part")}`;
  observer.step({ step: "clean", says: `${what} that no marker names`, data: { removed: keys } });
}

/** Whether a key is a data file's. Markers and what Spark leaves beside its files are none. */
export function isPart(key: string): boolean {
  const name = key.slice(key.lastIndexOf("/") + 1);
  return !/^[_.]/.test(name) && name.endsWith(".parquet");
}

/** The folder that an object lies in, ending with `/`. */
export function folderOf({ key }: { readonly key: string }): string {
  return key.slice(0, key.lastIndexOf("/") + 1);
}

/** The objects in the folders that parts lie in. */
export function listFolders(lake: Lake, parts: readonly Part[]): Promise<ObjectEntry[]> {
  return listAll(lake, new Set(parts.map(folderOf)));
}

/** The objects under several prefixes. */
export async function listAll(lake: Lake, prefixes: Iterable<string>): Promise<ObjectEntry[]> {
  return (await inParallel([...prefixes], (prefix) => lake.list(prefix))).flat();
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
