import type { Column, Value } from "./contract/column.ts";
import { bronzeMarkerKey, silverMarkerKey } from "./contract/keys.ts";
import { adviceToPublish, type Day } from "./contract/window.ts";
import { Failure } from "./errors.ts";
import type { Lake } from "./lake/lake.ts";
import { type Part, readMarker } from "./lake/marker.ts";
import { malformed, readPart } from "./lake/parts.ts";
import { BRONZE, SILVER } from "./compare.ts";
import { type Quarantine, readQuarantine } from "./quarantine.ts";

/** The layer whose rows are read. */
export type RowLayer = "bronze" | "silver";

/** A condition on one column. */
export interface Condition {
  /** The column that is looked at. */
  readonly column: string;
  /** Returns true if a value satisfies the condition. */
  readonly matches: (value: Value) => boolean;
}

/** A query for rows of one day. */
export interface RowQuery {
  /** The layer. */
  readonly layer: RowLayer;
  /** The day. */
  readonly day: Day;
  /** The columns that are returned, in this order. */
  readonly columns: readonly Column[];
  /** The conditions. A row must satisfy all of them. */
  readonly conditions: readonly Condition[];
  /** The largest number of rows to return. */
  readonly limit: number;
}

/** The rows of a day and their number. */
export interface RowsFound {
  /** The first rows that match, in the order of the layer, each with the values that were asked for. */
  readonly rows: readonly (readonly Value[])[];
  /** The number of rows that match. */
  readonly matching: number;
  /** The number of rows of the day. */
  readonly total: number;
  /** Open if the day can still grow; otherwise sealed. */
  readonly state: "open" | "sealed";
}

const LAYERS = {
  bronze: { ...BRONZE, markerKey: bronzeMarkerKey },
  silver: { ...SILVER, markerKey: silverMarkerKey },
};

/** Number of attempts if the day is published again during the read. */
const ATTEMPTS = 3;

/**
 * The columns of a layer, in the order of its files.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { columnsOf } from "./rows.ts";
 * assertEquals(columnsOf("bronze")[0]!.name, "event_id");
 * ```
 */
export function columnsOf(layer: RowLayer): readonly Column[] {
  return LAYERS[layer].columns;
}

/**
 * Reads rows of a day from the parts that its marker lists, and verifies each part. Without a
 * condition, reading stops at the limit. Only one part is in memory at a time.
 *
 * @throws {Failure} data: the day has no marker or an unusable one, is of another contract, or a part is
 *   missing or damaged
 *
 * @example
 * ```ts
 * import { assertRejects } from "@std/assert";
 * import { parseDay } from "./contract/window.ts";
 * import { openLake } from "./lake/open.ts";
 * import { findRows } from "./rows.ts";
 * const path = await Deno.makeTempDir();
 * const lake = await openLake({ kind: "directory", path });
 * const day = parseDay("2025-12-28")!;
 * await assertRejects(() => findRows(lake, { layer: "bronze", day, columns: [], conditions: [], limit: 1 })); // nothing is published yet
 * lake.close();
 * await Deno.remove(path, { recursive: true });
 * ```
 */
export async function findRows(lake: Lake, query: RowQuery): Promise<RowsFound> {
  const { layer, day } = query;
  const key = LAYERS[layer].markerKey(day);
  for (let attempt = 1;; attempt++) {
    const marker = await readMarker(lake, layer, key, day);
    if (marker === undefined) throw unpublishedLayer(lake.url(key), layer, day);
    if (marker.commit.contract !== LAYERS[layer].contract) throw foreign(lake.url(key), query);
    try {
      return await search(lake, marker.commit, query);
    } catch (error) {
      const now = await readMarker(lake, layer, key, day);
      if (now?.sha256 === marker.sha256 || attempt === ATTEMPTS) throw error;
    }
  }
}

/**
 * Reads the quarantined events of a day.
 *
 * @throws {Failure} data: the day has no marker or an unusable one, or the document that the marker names
 *   is missing or damaged
 *
 * @example
 * ```ts
 * import { assertRejects } from "@std/assert";
 * import { parseDay } from "./contract/window.ts";
 * import { openLake } from "./lake/open.ts";
 * import { findQuarantine } from "./rows.ts";
 * const path = await Deno.makeTempDir();
 * const lake = await openLake({ kind: "directory", path });
 * const day = parseDay("2025-12-28")!;
 * await assertRejects(() => findQuarantine(lake, day)); // nothing is published yet
 * lake.close();
 * await Deno.remove(path, { recursive: true });
 * ```
 */
export async function findQuarantine(lake: Lake, day: Day): Promise<Quarantine> {
  const key = bronzeMarkerKey(day);
  const marker = await readMarker(lake, "bronze", key, day);
  if (marker === undefined) throw unpublishedLayer(lake.url(key), "the quarantine", day);
  return await readQuarantine(lake, day, marker.commit.quarantine);
}

async function search(
  lake: Lake,
  { parts, rows: total, state }: Pick<RowsFound, "state"> & {
    rows: number;
    parts: readonly Part[];
  },
  query: RowQuery,
): Promise<RowsFound> {
  const { columns, conditions, limit } = query;
  const names = [...columns.map(({ name }) => name), ...conditions.map(({ column }) => column)];
  const rows: Value[][] = [];
  let matching = 0;
  for (const part of parts) {
    if (conditions.length === 0 && rows.length === limit) break;
    for await (const row of rowsOf(lake, part, names, query.layer)) {
      const tested = row.splice(columns.length);
      if (!conditions.every(({ matches }, i) => matches(tested[i]!))) continue;
      matching++;
      if (rows.length < limit) rows.push(row);
      else if (conditions.length === 0) break;
    }
  }
  return { rows, matching: conditions.length === 0 ? total : matching, total, state };
}

async function* rowsOf(
  lake: Lake,
  part: Part,
  names: readonly string[],
  layer: RowLayer,
): AsyncGenerator<Value[]> {
  const reader = await readPart(lake, part);
  for (const { name, type, nullable } of columnsOf(layer)) {
    const found = reader.columns.find((column) => column.name === name)?.type;
    // A column without a type holds nulls only.
    if (found === type || nullable && found === "VOID") continue;
    const problem = found === undefined ? "is missing" : `has type ${found} instead of ${type}`;
    throw malformed(lake, part, `its column ${name} ${problem}`);
  }
  // A column can be requested twice: as part of the result and for a condition.
  const once = [...new Set(names)];
  try {
    for await (const { rows, columns } of reader.groups(once)) {
      const byName = names.map((name) => columns[once.indexOf(name)]!);
      for (let i = 0; i < rows; i++) yield byName.map((values) => values[i] ?? null);
    }
  } catch (error) {
    throw malformed(lake, part, (error as Error).message);
  }
}

function unpublishedLayer(url: string, what: string, day: Day): Failure {
  return new Failure({
    kind: "data",
    task: `show ${what} of ${day}`,
    problem: `there is no commit marker ${url}`,
    remedy: adviceToPublish(day, `Publish the day with: deno task run --date ${day}`),
  });
}

function foreign(url: string, { layer, day }: RowQuery): Failure {
  return new Failure({
    kind: "data",
    task: `show ${layer} of ${day}`,
    problem: `${url} was published under a different contract`,
    remedy: "Show it with the version of this toolkit that published it.",
  });
}
