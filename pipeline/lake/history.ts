import type { Day } from "../contract/window.ts";
import type { Lake } from "./lake.ts";
import { type BronzeCommit, readMarker, type StoredMarker } from "./marker.ts";

/**
 * The bronze markers that amendments replaced, the latest first, as hexadecimal digests.
 *
 * @throws {Failure} data: a copy in the history cannot be used
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { EVENT_CONTRACT } from "../contract/fingerprint.ts";
 * import { parseDay } from "../contract/window.ts";
 * import { pastMarkers } from "./history.ts";
 * import { openLake } from "./open.ts";
 * const path = await Deno.makeTempDir();
 * const lake = await openLake({ kind: "directory", path });
 * const day = parseDay("2025-12-28")!;
 * const bronze = {
 *   layer: "bronze",
 *   day,
 *   state: "open",
 *   rows: 0,
 *   contract: EVENT_CONTRACT,
 *   parts: [],
 *   minSeq: null,
 *   maxSeq: null,
 * } as const;
 * // No amendment has replaced this marker.
 * assertEquals(await Array.fromAsync(pastMarkers(lake, day, bronze)), []);
 * lake.close();
 * await Deno.remove(path, { recursive: true });
 * ```
 */
export async function* pastMarkers(
  lake: Lake,
  day: Day,
  current: BronzeCommit,
): AsyncGenerator<string> {
  let { amended } = current;
  while (amended !== undefined) {
    const { previous } = amended;
    yield previous.sha256;
    amended = (await readMarker(lake, "bronze", previous.key, day))?.commit.amended;
  }
}

/**
 * Returns whether an earlier version of a bronze marker, from before an amendment, has this digest.
 *
 * @param current the current marker
 * @param sha256 hexadecimal digest of a marker's bytes
 * @throws {Failure} data: a copy in the history cannot be used
 */
export async function wasOnce(
  lake: Lake,
  day: Day,
  current: StoredMarker<BronzeCommit>,
  sha256: string,
): Promise<boolean> {
  for await (const past of pastMarkers(lake, day, current.commit)) {
    if (past === sha256) return true;
  }
  return false;
}
