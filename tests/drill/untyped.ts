import { silverMarkerKey } from "../../pipeline/contract/keys.ts";
import { EXECUTION_COLUMNS } from "../../pipeline/contract/tables.ts";
import type { Day } from "../../pipeline/contract/window.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { readMarker, renderMarker } from "../../pipeline/lake/marker.ts";
import { openPart } from "../../pipeline/lake/parquet_reader.ts";
import { voidPart } from "../checks/healthy/published_day.ts";

/**
 * Publishes a day of silver again with an untyped column of nulls and otherwise unchanged, like a
 * Spark job that writes `lit(None)`.
 */
export async function publishUntyped(lake: Lake, day: Day, column: string): Promise<void> {
  const key = silverMarkerKey(day);
  const { commit } = (await readMarker(lake, "silver", key, day))!;
  const [old, ...others] = commit.parts;
  const names = EXECUTION_COLUMNS.map(({ name }) => name);
  const { bytes } = (await lake.get(old!.key))!;
  const [group] = await Array.fromAsync(openPart(bytes).groups(names));
  const { body, ...part } = voidPart(EXECUTION_COLUMNS, group!, column, old!.key);
  await lake.put(part.key, body);
  await lake.put(key, renderMarker({ ...commit, parts: [part, ...others] }));
}
