import type { LakeConfig } from "../../pipeline/config.ts";
import { bronzeMarkerKey, silverMarkerKey } from "../../pipeline/contract/keys.ts";
import type { Day } from "../../pipeline/contract/window.ts";
import { readMarker } from "../../pipeline/lake/marker.ts";
import { openLake } from "../../pipeline/lake/open.ts";
import type { StoredResult } from "../../pipeline/spark/job_result.ts";
import type { Layer } from "../../pipeline/spark/new_job.ts";

/**
 * Reads the marker of a layer and a day, with the time at which the lake stored it.
 *
 * @returns undefined if the lake has no marker of the day
 * @throws {Failure} the lake cannot be read, or the marker is damaged
 */
export async function readStoredResult(
  config: LakeConfig,
  layer: Layer,
  day: Day,
): Promise<StoredResult | undefined> {
  const key = layer === "bronze" ? bronzeMarkerKey(day) : silverMarkerKey(day);
  const lake = await openLake(config);
  try {
    const marker = await readMarker(lake, layer, key, day);
    // The list comes second, so its time is never older than the content.
    const entry = (await lake.list(key)).find((each) => each.key === key);
    if (marker === undefined || entry === undefined) return undefined;
    const { state, rows } = marker.commit;
    return { state, rows, modified: entry.modified };
  } finally {
    lake.close();
  }
}
