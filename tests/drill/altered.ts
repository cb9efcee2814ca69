import { silverMarkerKey } from "../../pipeline/contract/keys.ts";
import type { Value } from "../../pipeline/contract/column.ts";
import { EXECUTION_COLUMNS } from "../../pipeline/contract/tables.ts";
import type { Day } from "../../pipeline/contract/window.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { readMarker, renderMarker } from "../../pipeline/lake/marker.ts";
import { openPart } from "../../pipeline/lake/parquet_reader.ts";
import { createPart } from "../support/parquet_writer.ts";
import { assert } from "../support/assert.ts";

/**
 * Changes one fill price in the first part of silver, and the digest of the part in the commit
 * marker.
 */
export async function alterPrice(lake: Lake, day: Day): Promise<void> {
  const key = silverMarkerKey(day);
  const { commit } = (await readMarker(lake, "silver", key, day))!;
  const names = EXECUTION_COLUMNS.map(({ name }) => name);
  const prices = names.indexOf("fill_price");
  for (const [i, part] of commit.parts.entries()) {
    const { bytes } = (await lake.get(part.key))!;
    const groups = await Array.fromAsync(openPart(bytes).groups(names));
    const group = groups.find(({ columns }) => firstOf(columns[prices]!) >= 0);
    if (group === undefined) continue;
    const values = group.columns[prices] as Value[];
    const at = firstOf(values);
    const price = values[at] as Uint8Array;
    values[at] = price.with(8, price[8]! ^ 1);
    const writer = createPart(EXECUTION_COLUMNS);
    for (const { rows, columns } of groups) writer.write({ rows, columns });
    const { body, sha256 } = writer.finish();
    await lake.put(part.key, body);
    const parts = commit.parts.with(i, { ...part, bytes: body.length, sha256 });
    await lake.put(key, renderMarker({ ...commit, parts }));
    return;
  }
  assert(false, "no row of silver has a fill price");
}

/** The place of the first price. */
function firstOf(values: ArrayLike<Value>): number {
  return Array.from(values).findIndex((value) => value instanceof Uint8Array);
}
