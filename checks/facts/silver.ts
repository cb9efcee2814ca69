import { silverMarkerKey } from "../../pipeline/contract/keys.ts";
import { EXECUTION_COLUMNS } from "../../pipeline/contract/tables.ts";
import type { Day } from "../../pipeline/contract/window.ts";
import { listSilverDay } from "../../pipeline/lake/commit.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { type Part, readMarker, type SilverCommit } from "../../pipeline/lake/marker.ts";
import type { Chunk } from "../../pipeline/lake/parquet_pages.ts";
import { type ChunkGroup, gatherLakeDay, type LakeDay } from "./lake_day.ts";
import {
  addText,
  int32List,
  int64List,
  type ListedText,
  readInt64,
  readTexts,
  type TextList,
  textList,
} from "./typed_rows.ts";

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
  /** The UUID in `execution_id` as the fact keeps it, if the fact was gathered. */
  readonly text?: ListedText;
}

/** The rows of a day. Each iteration makes its own objects. An array has the same members. */
export interface SilverRows extends Iterable<SilverRow> {
  /** The number of rows. */
  readonly length: number;
}

/** One day of silver, for all clients. */
export interface SilverFact extends LakeDay<SilverCommit> {
  /** The rows, complete only if every part was collected. */
  readonly rows: SilverRows;
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
  return gatherLakeDay<SilverCommit, { rows: SilverRows }>(lake, "silver", source, begin);
}

function begin(expected: number) {
  const ids = textList(expected);
  const keys: string[] = [];
  const statuses: string[] = [];
  const [parts, statusNumbers, filled] = [int32List(), int32List(), int32List()];
  const [operations, clients] = [int64List(), int64List()];
  let length = 0;

  function collect({ rows, columns }: ChunkGroup, { key }: Part): void {
    if (rows === 0) return;
    const [operationColumn, clientColumn, statusColumn, executionColumn, fills] = columns as [
      Chunk,
      Chunk,
      Chunk,
      Chunk,
      Chunk,
    ];
    const statusOf = readTexts(statusColumn);
    if (keys.at(-1) !== key) keys.push(key);
    for (let i = 0; i < rows; i++, length++) {
      const status = statusOf(i);
      const number = statuses.indexOf(status);
      parts.set(length, keys.length - 1);
      operations.set(length, readInt64(operationColumn, i));
      clients.set(length, readInt64(clientColumn, i));
      statusNumbers.set(length, number < 0 ? statuses.push(status) - 1 : number);
      addText(ids, executionColumn, i);
      filled.set(length, fills.places[i]! < 0 ? 0 : 1);
    }
  }

  /** A row whose values are read only where one is needed. */
  class KeptRow implements SilverRow, ListedText {
    constructor(readonly row: number) {}

    get part(): string {
      return keys[parts.get(this.row)]!;
    }

    get operation_id(): bigint {
      return operations.get(this.row);
    }

    get client_id(): bigint {
      return clients.get(this.row);
    }

    get status(): string {
      return statuses[statusNumbers.get(this.row)]!;
    }

    get execution_id(): string {
      return ids.text(this.id);
    }

    get filled(): boolean {
      return filled.get(this.row) === 1;
    }

    get text(): ListedText {
      return this;
    }

    get ids(): TextList {
      return ids;
    }

    get id(): number {
      return this.row;
    }
  }

  const rows: SilverRows = {
    get length() {
      return length;
    },
    *[Symbol.iterator]() {
      for (let i = 0; i < length; i++) yield new KeptRow(i);
    },
  };
  return { collect, finish: () => ({ rows }) };
}
