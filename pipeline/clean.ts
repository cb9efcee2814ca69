import {
  bronzeHistoryPrefix,
  bronzeMarkerKey,
  bronzePrefix,
  isPart,
  silverFolderPattern,
  silverMarkerKey,
  STAGING_PREFIXES,
} from "./contract/keys.ts";
import type { Day } from "./contract/window.ts";
import { Failure } from "./errors.ts";
import { ABANDONED_AFTER } from "./lake/lifetimes.ts";
import { listFolders, listSilverDay } from "./lake/commit.ts";
import type { Lake, ObjectEntry } from "./lake/lake.ts";
import { readMarker } from "./lake/marker.ts";
import { folderOf } from "./lake/parts.ts";
import { confirmDayOfLake } from "./lake/source_record.ts";
import { inParallel } from "./parallel.ts";

/** Number of objects to remove between two checks of the markers and the objects. */
const BATCH_SIZE = 16;

/** Objects in the lake that do not belong to any state of a day. */
export interface Leftovers {
  /** The day. */
  readonly day: Day;
  /** Objects that no run can publish any more. */
  readonly abandoned: readonly ObjectEntry[];
  /** Objects that a run may still publish, and the time after which no run can. */
  readonly young: readonly { readonly entry: ObjectEntry; readonly until: number }[];
  /** Layers with parts but no marker, so it is unknown which parts belong to the day. */
  readonly unmarked: readonly { readonly layer: "bronze" | "silver"; readonly parts: number }[];
  /** The markers that decided which objects are leftovers. */
  readonly markers: readonly { readonly key: string; readonly etag: string }[];
}

/** One layer of a day: the keys that its markers list, and its parts. */
interface LayerObjects {
  readonly layer: "bronze" | "silver";
  readonly marker: { readonly key: string; readonly etag: string } | undefined;
  readonly named: ReadonlySet<string>;
  readonly parts: readonly ObjectEntry[];
}

/**
 * Finds leftovers of interrupted runs: parts of both layers that neither the current marker nor a
 * marker in the history lists, and Spark's staging folders of any day.
 *
 * @param clock reads the clock of the store, in milliseconds since 1970; called only if there are
 *   candidates
 * @throws {Failure} data: a marker is unusable, so the parts of the day are unknown; or the day was
 *   copied from another table than the lake
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { findLeftovers } from "./clean.ts";
 * import { parseDay } from "./contract/window.ts";
 * import { openLake } from "./lake/open.ts";
 * const path = await Deno.makeTempDir();
 * const lake = await openLake({ kind: "directory", path });
 * const day = parseDay("2025-12-28")!;
 * const { abandoned } = await findLeftovers(lake, day, () => Promise.resolve(Date.now()));
 * assertEquals(abandoned, []);
 * lake.close();
 * await Deno.remove(path, { recursive: true });
 * ```
 */
export async function findLeftovers(
  lake: Lake,
  day: Day,
  clock: () => Promise<number>,
): Promise<Leftovers> {
  // Reads each layer's marker before listing its parts, so a part that only a newer marker lists is
  // young.
  const layers = [await bronzeObjects(lake, day), await silverObjects(lake, day)];
  const marked = layers.filter(({ marker }) => marker !== undefined);
  const unnamed = marked.flatMap(({ named, parts }) => parts.filter(({ key }) => !named.has(key)));
  const staged = (await inParallel(STAGING_PREFIXES, (prefix) => lake.list(prefix))).flat();
  const found = [...unnamed, ...staged];
  const now = found.length === 0 ? 0 : await clock();
  const youngest = youngestByFolder(staged);
  const aged = found.map((entry) => {
    const modified = youngest.get(stagingFolder(entry.key)) ?? entry.modified;
    return { entry, until: modified + ABANDONED_AFTER };
  });
  return {
    day,
    abandoned: aged.filter(({ until }) => until < now).map(({ entry }) => entry),
    young: aged.filter(({ until }) => until >= now),
    unmarked: layers
      .filter(({ marker, parts }) => marker === undefined && parts.length > 0)
      .map(({ layer, parts }) => ({ layer, parts: parts.length })),
    markers: marked.map(({ marker }) => marker!),
  };
}

/**
 * Removes abandoned objects. Before each removal, confirms that the markers and the objects have
 * not changed.
 *
 * @returns the removed objects
 * @throws {Failure} unreachable: the day was published again meanwhile; what was not removed until then
 *   is still there
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { findLeftovers, removeLeftovers } from "./clean.ts";
 * import { parseDay } from "./contract/window.ts";
 * import { openLake } from "./lake/open.ts";
 * const path = await Deno.makeTempDir();
 * const lake = await openLake({ kind: "directory", path });
 * const day = parseDay("2025-12-28")!;
 * const leftovers = await findLeftovers(lake, day, () => Promise.resolve(Date.now()));
 * assertEquals(await removeLeftovers(lake, leftovers), []);
 * lake.close();
 * await Deno.remove(path, { recursive: true });
 * ```
 */
export async function removeLeftovers(
  lake: Lake,
  { day, abandoned, markers }: Leftovers,
): Promise<ObjectEntry[]> {
  const removed: ObjectEntry[] = [];
  for (let at = 0; at < abandoned.length; at += BATCH_SIZE) {
    const some = abandoned.slice(at, at + BATCH_SIZE);
    await inParallel(markers, (marker) => confirmMarker(lake, day, marker));
    // A run that stores equal rows again stores them under the same name.
    const now = new Map((await listFolders(lake, some)).map((entry) => [entry.key, entry]));
    const same = some.filter(({ key, modified }) => now.get(key)?.modified === modified);
    await inParallel(same, ({ key }) => lake.remove(key), BATCH_SIZE);
    removed.push(...same);
  }
  return removed;
}

async function bronzeObjects(lake: Lake, day: Day): Promise<LayerObjects> {
  const marker = await readMarker(lake, "bronze", bronzeMarkerKey(day), day);
  if (marker !== undefined) await confirmDayOfLake(lake, marker.commit, `clean ${day}`);
  const listed = await lake.list(bronzePrefix(day));
  const history = listed.filter(({ key }) => key.startsWith(bronzeHistoryPrefix(day)));
  const before = await inParallel(history, ({ key }) => readMarker(lake, "bronze", key, day));
  const named = [marker, ...before].flatMap((each) => each?.commit.parts ?? []);
  return {
    layer: "bronze",
    marker,
    named: new Set(named.map(({ key }) => key)),
    parts: listed.filter((entry) => isPart(entry.key) && folderOf(entry) === bronzePrefix(day)),
  };
}

async function silverObjects(lake: Lake, day: Day): Promise<LayerObjects> {
  const marker = await readMarker(lake, "silver", silverMarkerKey(day), day);
  const listed = await listSilverDay(lake, day);
  const ofDay = silverFolderPattern(day);
  return {
    layer: "silver",
    marker,
    named: new Set(marker?.commit.parts.map(({ key }) => key)),
    parts: listed.filter((entry) => isPart(entry.key) && ofDay.test(folderOf(entry))),
  };
}

/** A staging folder is removed as a whole, because a run may still write into it. */
function youngestByFolder(staged: readonly ObjectEntry[]): Map<string | undefined, number> {
  const youngest = new Map<string | undefined, number>();
  for (const { key, modified } of staged) {
    const folder = stagingFolder(key);
    youngest.set(folder, Math.max(modified, youngest.get(folder) ?? 0));
  }
  return youngest;
}

/** The folder of one run within a staging folder; undefined for a key outside of them. */
function stagingFolder(key: string): string | undefined {
  const prefix = STAGING_PREFIXES.find((each) => key.startsWith(each));
  return prefix && prefix + key.slice(prefix.length).split("/")[0];
}

async function confirmMarker(
  lake: Lake,
  day: Day,
  { key, etag }: Leftovers["markers"][number],
): Promise<void> {
  if ((await lake.get(key))?.etag === etag) return;
  throw new Failure({
    kind: "unreachable",
    task: `clean ${day}`,
    problem:
      `another run published ${lake.url(key)} meanwhile, and its marker may list the objects ` +
      "to remove",
    remedy: "Run again.",
  });
}
