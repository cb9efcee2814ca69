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

/**
 * Publishes a window: its marker comes last, and only over the marker that the run began with. The
 * parts that it names must have been stored before.
 *
 * @param previous the marker that was there when the run began
 * @returns whether the marker was written, or stood there already with the same content
 * @throws {Failure} unreachable: another run published the window meanwhile, or a part is not there
 */
export async function publish(
  lake: Lake,
  key: string,
  commit: BronzeCommit | SilverCommit,
  previous: StoredMarker<unknown> | undefined,
): Promise<"written" | "unchanged"> {
  const bytes = renderMarker(commit);
  if (previous !== undefined && equal(previous.bytes, bytes)) return "unchanged";
  const outcome = await lake.put(key, bytes, previous ? { etag: previous.etag } : "absent");
  if (outcome === "stored") return "written";
  // Either somebody else was faster, or our own first try arrived and only its answer got lost.
  const now = await lake.get(key);
  if (now !== undefined && equal(now.bytes, bytes)) return "written";
  throw new Failure(
    "unreachable",
    `Cannot publish ${
      lake.url(key)
    }: another run published this day meanwhile. Its result stands ` +
      "and is whole; run again to bring it up to date.",
  );
}

/**
 * Asks the lake whether every part is really there, right before a marker names them.
 *
 * @param prefixes folders that the parts lie in
 * @throws {Failure} unreachable: a part is missing or has another size
 */
export async function confirmParts(
  lake: Lake,
  prefixes: Iterable<string>,
  parts: readonly Part[],
): Promise<void> {
  const there = new Map((await listAll(lake, prefixes)).map(({ key, bytes }) => [key, bytes]));
  for (const { key, bytes } of parts) {
    if (there.get(key) === bytes) continue;
    throw new Failure(
      "unreachable",
      `Cannot publish: ${
        lake.url(key)
      } was stored and is not there any more. Another run may have ` +
        "been at work on the same day; nothing was published. Run again.",
    );
  }
}

/**
 * The objects that a run found and the marker does not name: parts of runs that were interrupted, or
 * of the state that the marker replaced. Only what was listed before this run stored anything may
 * go: a part that came later can belong to a run that has yet to publish it.
 */
export function leftovers(listed: readonly ObjectEntry[], parts: readonly Part[]): string[] {
  const named = new Set(parts.map(({ key }) => key));
  return listed.map(({ key }) => key).filter((key) => isPart(key) && !named.has(key));
}

/** Removes what {@linkcode leftovers} found, or only tells of it in a dry run. */
export async function removeLeftovers(
  lake: Lake,
  keys: readonly string[],
  dryRun: boolean,
  observer: Observer,
): Promise<void> {
  if (keys.length === 0) return;
  if (!dryRun) await inParallel(keys, (key) => lake.remove(key));
  observer.step({
    step: "clean",
    says: `${dryRun ? "would remove" : "removed"} ${
      plural(keys.length, "part")
    } that no marker names`,
    data: { removed: keys },
  });
}

/** Whether a key is a data file's. Markers and what Spark leaves beside its files are none. */
export function isPart(key: string): boolean {
  const name = key.slice(key.lastIndexOf("/") + 1);
  return !/^[_.]/.test(name) && name.endsWith(".parquet");
}

/** The objects under several prefixes. */
export async function listAll(lake: Lake, prefixes: Iterable<string>): Promise<ObjectEntry[]> {
  const lists = await inParallel([...prefixes], (prefix) => lake.list(prefix));
  return lists.flat();
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
