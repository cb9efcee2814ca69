import type { Day } from "../contract/window.ts";
import type { Lake } from "./lake.ts";
import { type BronzeCommit, readMarker, type StoredMarker } from "./marker.ts";

/**
 * Whether a bronze marker was once what a digest says, before amendments.
 *
 * @param current the marker that stands
 * @param sha256 hexadecimal digest of a marker's bytes
 * @throws {Failure} data: a copy in the history cannot be used
 */
export async function wasOnce(
  lake: Lake,
  day: Day,
  current: StoredMarker<BronzeCommit>,
  sha256: string,
): Promise<boolean> {
  let { amended } = current.commit;
  while (amended !== undefined) {
    const { previous } = amended;
    if (previous.sha256 === sha256) return true;
    const before = await readMarker(lake, "bronze", previous.key, day);
    amended = before?.commit.amended;
  }
  return false;
}
