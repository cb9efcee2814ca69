import { silverMarkerKey } from "../../pipeline/contract/keys.ts";
import { EXECUTION_COLUMNS } from "../../pipeline/contract/tables.ts";
import type { Day } from "../../pipeline/contract/window.ts";
import { listSilverDay } from "../../pipeline/lake/commit.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { type Part, readMarker, type SilverCommit } from "../../pipeline/lake/marker.ts";
import type { FileGroup } from "../../pipeline/lake/parquet_reader.ts";
import { gatherLakeDay, type LakeDay } from "./lake_day.ts";

/** The fields of a row of silver that checks use. */
export interface SilverRow {
  /** The key of the part that contains the row. */
  readonly part: string;
  /** The operation of the row. */
  readonly operation_id: bigint;
  /** The client of the operation, according to the row. */
  readonly client_id: bigint;
  /** The status of the operation. */
  readonly status: string;
  /** The last event of the operation, according to the row. */
  readonly execution_id: string;
  /** True if the row has a fill_price. */
  readonly filled: boolean;
}

/** One day of silver, for all clients. */
export interface SilverFact extends LakeDay<SilverCommit> {
  /** The rows, complete only if every part was collected. */
  readonly rows: readonly SilverRow[];
}

const NAMES = ["operation_id", "client_id", "status", "execution_id", "fill_price"];
const COLUMNS = NAMES.map((name) => EXECUTION_COLUMNS.find((column) => column.name === name)!);

/**
 * Reads a day of silver: the marker, the list of part files of all clients, and every part that the
 * marker lists.
 *
 * @throws {Failure} the lake is unreachable or refuses a request; damaged objects are part of the
 *   fact
 */
export function gatherSilver(lake: Lake, day: Day): Promise<SilverFact> {
  const markerKey = silverMarkerKey(day);
  const read = () => readMarker(lake, "silver", markerKey, day);
  const list = async () =>
    (await listSilverDay(lake, day)).filter(({ key }) => key.includes(`/date=${day}/`));
  const source = { day, markerKey, read, list, columns: COLUMNS };
  return gatherLakeDay<SilverCommit, { rows: SilverRow[] }>(lake, "silver", source, begin);
}

function begin() {
  const rows: SilverRow[] = [];
  // Share one string per status, because the reader creates a new string for each row.
  const statuses = new Map<string, string>();
  function collect(group: FileGroup, { key }: Part): void {
    const [operations, clients, texts, executions, fills] = group.columns as [
      bigint[],
      bigint[],
      string[],
      string[],
      (Uint8Array | null)[],
    ];
    for (let i = 0; i < group.rows; i++) {
      const text = texts[i]!;
      if (!statuses.has(text)) statuses.set(text, text);
      rows.push({
        part: key,
        operation_id: operations[i]!,
        client_id: clients[i]!,
        status: statuses.get(text)!,
        execution_id: executions[i]!,
        filled: fills[i] !== null,
      });
    }
  }
  return { collect, finish: () => ({ rows }) };
}
