import {
  bronzeMarkerKey,
  bronzePrefix,
  dayInKey,
  daysPrefix,
  silverMarkerKey,
} from "./contract/keys.ts";
import { type Day, type DayRange, isWithin, parseDay } from "./contract/window.ts";
import { Failure } from "./errors.ts";
import { isPart } from "./contract/keys.ts";
import { type Lake, type ObjectEntry, REQUESTS_IN_FLIGHT } from "./lake/lake.ts";
import { type BronzeCommit, readMarker, type SilverCommit } from "./lake/marker.ts";
import { folderOf } from "./lake/parts.ts";
import { inParallel } from "./parallel.ts";

/** The number of days to read concurrently. Each day has two markers. */
const DAYS_AT_ONCE = REQUESTS_IN_FLIGHT / 2;

/** The state of one layer on one day, from its commit marker. */
export type LayerDay<C> =
  /** There is no marker. */
  | { readonly state: "missing" }
  /** The marker exists, but it is invalid or cannot be read; `problem` says why. */
  | { readonly state: "unusable" | "unreadable"; readonly problem: string; readonly stored: number }
  /** The marker exists and is usable. */
  | {
    readonly state: "published";
    readonly commit: C;
    /** Hexadecimal digest of the marker's bytes. */
    readonly sha256: string;
    /**
     * The time at which the marker was stored, in milliseconds since 1970 by the clock of the
     * store.
     */
    readonly stored: number;
  };

/** The state of one day in the lake. */
export interface LakeDay {
  /** The day. */
  readonly day: Day;
  /** The day's bronze. */
  readonly bronze: LayerDay<BronzeCommit>;
  /** The day's silver, for all clients. */
  readonly silver: LayerDay<SilverCommit>;
  /** Parts in the bronze folder that no usable marker lists. */
  readonly unnamed: readonly ObjectEntry[];
}

/**
 * Reads the state of all days from two listings and the commit markers, without reading any part.
 *
 * @param onDay receives the number of days that were read, and the number of all days
 * @returns the days that have a marker or a part of bronze, in order
 * @throws {Failure} the lake is out of reach, or refuses to list. A marker that cannot be used, or not
 *   be read, is what the day has
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readDays } from "./days.ts";
 * import { openLake } from "./lake/open.ts";
 * const path = await Deno.makeTempDir();
 * const lake = await openLake({ kind: "directory", path });
 * assertEquals(await readDays(lake), []); // an empty lake has no days
 * lake.close();
 * await Deno.remove(path, { recursive: true });
 * ```
 */
export async function readDays(
  lake: Lake,
  range: DayRange = {},
  onDay: (read: number, of: number) => void = () => {},
): Promise<LakeDay[]> {
  const common = commonPrefix(range);
  const [bronze, silver] = await Promise.all([
    lake.list(daysPrefix("bronze", common)),
    lake.list(daysPrefix("silver", common)),
  ]);
  const objects = Map.groupBy([...bronze, ...silver], ({ key }) => dayOfKey(key));
  const days = [...objects.keys()]
    .filter((day) => day !== undefined)
    .filter((day) => isWithin(day, range))
    .sort();
  let read = 0;
  return await inParallel(days, async (day) => {
    const found = await readDay(lake, day, objects.get(day)!);
    onDay(++read, days.length);
    return found;
  }, DAYS_AT_ONCE);
}

/**
 * Returns whether a day is sealed in both layers and its silver was made from the current bronze.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseDay } from "./contract/window.ts";
 * import { absentDay, isSettled } from "./days.ts";
 * assertEquals(isSettled(absentDay(parseDay("2025-12-28")!)), false);
 * ```
 */
export function isSettled({ bronze, silver }: Pick<LakeDay, "bronze" | "silver">): boolean {
  return bronze.state === "published" && silver.state === "published" &&
    bronze.commit.state === "sealed" && silver.commit.state === "sealed" &&
    silver.commit.bronze.sha256 === bronze.sha256;
}

/**
 * The state of a day that is not in the lake.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseDay } from "./contract/window.ts";
 * import { absentDay } from "./days.ts";
 * assertEquals(absentDay(parseDay("2025-12-28")!).bronze.state, "missing");
 * ```
 */
export function absentDay(day: Day): LakeDay {
  return { day, bronze: { state: "missing" }, silver: { state: "missing" }, unnamed: [] };
}

async function readDay(
  lake: Lake,
  day: Day,
  entries: readonly ObjectEntry[],
): Promise<LakeDay> {
  const stored = (key: string) => entries.find((entry) => entry.key === key)?.modified;
  const bronzeKey = bronzeMarkerKey(day);
  const silverKey = silverMarkerKey(day);
  const [bronze, silver] = await Promise.all([
    readLayer(stored(bronzeKey), () => readMarker(lake, "bronze", bronzeKey, day)),
    readLayer(stored(silverKey), () => readMarker(lake, "silver", silverKey, day)),
  ]);
  const parts = bronze.state === "published" ? bronze.commit.parts : [];
  const named = new Set(parts.map(({ key }) => key));
  const unnamed = entries.filter((entry) =>
    isPart(entry.key) && folderOf(entry) === bronzePrefix(day) && !named.has(entry.key)
  );
  return { day, bronze, silver, unnamed };
}

async function readLayer<C>(
  stored: number | undefined,
  read: () => Promise<{ readonly commit: C; readonly sha256: string } | undefined>,
): Promise<LayerDay<C>> {
  if (stored === undefined) return { state: "missing" };
  try {
    const marker = await read();
    if (marker === undefined) return { state: "missing" }; // removed since it was listed
    return { state: "published", commit: marker.commit, sha256: marker.sha256, stored };
  } catch (error) {
    // If the lake is unreachable, reading further markers would only delay the error.
    if (!(error instanceof Failure) || error.kind === "unreachable") throw error;
    if (error.kind === "configuration") {
      return { state: "unreadable", problem: error.message, stored };
    }
    // Uses the cause, which has only the problem. The message around it is worded for a run.
    const problem = error.cause instanceof Error ? error.cause.message : error.message;
    return { state: "unusable", problem, stored };
  }
}

function dayOfKey(key: string): Day | undefined {
  const text = dayInKey(key);
  return text === undefined ? undefined : parseDay(text);
}

/** The common prefix of all days in a range, which limits the listing. */
function commonPrefix({ from, to }: DayRange): string {
  if (from === undefined || to === undefined) return "";
  let length = 0;
  while (length < from.length && from[length] === to[length]) length++;
  return from.slice(0, length);
}
