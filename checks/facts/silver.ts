import { SILVER_PREFIX, silverMarkerKey } from "../../pipeline/contract/keys.ts";
import { EXECUTION_COLUMNS } from "../../pipeline/contract/tables.ts";
import type { Day } from "../../pipeline/contract/window.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { type Part, readMarker, type SilverCommit } from "../../pipeline/lake/marker.ts";
import type { FileGroup } from "../../pipeline/lake/parquet_reader.ts";
import { gatherLakeDay, type LakeDay } from "./lake_day.ts";

/** What checks look at in a row of silver. */
export interface SilverRow {
  /** The key of the part that it lies in. */
  readonly part: string;
  /** The operation that the row is about. */
  readonly operation_id: bigint;
  /** Whose operation the row says it is. */
  readonly client_id: bigint;
  /** Where the operation stands. */
  readonly status: string;
  /** The event that the row says came last. */
  readonly execution_id: string;
  /** Whether it has a fill_price. */
  readonly filled: boolean;
}

/** What silver has of a day, all clients together. */
export interface SilverFact extends LakeDay<SilverCommit> {
  /** Whole only if all parts were collected. */
  readonly rows: readonly SilverRow[];
}

const NAMES = ["operation_id", "client_id", "status", "execution_id", "fill_price"];
const COLUMNS = NAMES.map((name) => EXECUTION_COLUMNS.find((column) => column.name === name)!);

/**
 * Reads a day of silver: its marker, what is listed under any client, and every part that the marker
 * names.
 *
 * @throws {Failure} the lake is out of reach or refuses; what is damaged is part of the fact
 */
export function gatherSilver(lake: Lake, day: Day): Promise<SilverFact> {
  const markerKey = silverMarkerKey(day);
  const read = () => readMarker(lake, "silver", markerKey, day);
  const ofDay = (key: string) => key.includes(`/date=${day}/`);
  const source = { day, markerKey, read, prefix: SILVER_PREFIX, ofDay, columns: COLUMNS };
  return gatherLakeDay<SilverCommit, { rows: SilverRow[] }>(lake, "silver", source, begin);
}

function begin() {
  const rows: SilverRow[] = [];
  // There are few statuses, and as many texts of each as rows.
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
