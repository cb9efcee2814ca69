import type { Column } from "../../pipeline/contract/column.ts";
import { silverMarkerKey } from "../../pipeline/contract/keys.ts";
import { EXECUTION_COLUMNS } from "../../pipeline/contract/tables.ts";
import { printValue } from "../../pipeline/contract/value_text.ts";
import type { Day } from "../../pipeline/contract/window.ts";
import { listSilverDay } from "../../pipeline/lake/commit.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { type Part, readMarker, type SilverCommit } from "../../pipeline/lake/marker.ts";
import type { Chunk } from "../../pipeline/lake/parquet_pages.ts";
import { NAMED } from "../../pipeline/progress.ts";
import type { BronzeFact } from "./bronze.ts";
import type { LastEvent } from "./last_events.ts";
import { type ChunkGroup, type Collection, gatherLakeDay, type LakeDay } from "./lake_day.ts";
import { ROW_COLUMNS, VALUE_COLUMNS, valueAt } from "./latest_values.ts";
import {
  addText,
  int32List,
  int64List,
  type ListedText,
  readInt64,
  readTexts,
  type TextList,
  textList,
  uint8List,
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
  /**
   * The last event of the operation, from {@linkcode BronzeFact.lastEvents}; null if bronze has no
   * event of the operation, and undefined if bronze was not gathered.
   */
  readonly last?: LastEvent | null | undefined;
}

/** Returns the last event of a row's operation; undefined if bronze has no event of it. */
export function lastEventOf(row: SilverRow, { lastEvents }: BronzeFact): LastEvent | undefined {
  const { last } = row;
  return last === undefined ? lastEvents.get(row.operation_id) : last ?? undefined;
}

/** The rows of a day. Each iteration makes its own objects. An array has the same members. */
export interface SilverRows extends Iterable<SilverRow> {
  /** The number of rows. */
  readonly length: number;
}

/** A value of silver that is not the latest value in bronze. */
export interface WrongValue {
  /** The row. */
  readonly row: SilverRow;
  /** The value in silver, for people. */
  readonly silver: string;
  /** The latest value in bronze, for people. */
  readonly bronze: string;
}

/** The values of a column that differ from bronze. */
export interface WrongColumn {
  /** The name of the column. */
  readonly name: string;
  /** The number of wrong values. */
  readonly count: number;
  /** The first wrong values, at most {@linkcode NAMED}. */
  readonly named: readonly WrongValue[];
}

/** A comparison of the values in silver with one state of bronze. */
export interface ComparedValues {
  /** The sha256 of the bronze marker, in hexadecimal. */
  readonly sha256: string;
  /** The columns with wrong values. */
  readonly wrong: readonly WrongColumn[];
}

/** One day of silver, for all clients. */
export interface SilverFact extends LakeDay<SilverCommit> {
  /** The rows, complete only if every part was collected. */
  readonly rows: SilverRows;
  /**
   * The comparison of {@linkcode VALUE_COLUMNS} with bronze. It has only the rows of operations that
   * bronze has, and is complete only if every part of both layers was collected. Undefined if
   * bronze has no valid marker or was not gathered.
   */
  readonly compared?: ComparedValues;
}

const COLUMNS = ROW_COLUMNS.map((name) =>
  EXECUTION_COLUMNS.find((column) => column.name === name)!
);

/**
 * Reads a day of silver: the marker, the list of part files of all clients, and every part that the
 * marker lists. Compares the values with those of bronze.
 *
 * @param bronze the same day of bronze; without it, no values are compared
 * @throws {Failure} the lake is unreachable or refuses a request; damaged objects are part of the
 *   fact
 */
export function gatherSilver(lake: Lake, day: Day, bronze?: BronzeFact): Promise<SilverFact> {
  const markerKey = silverMarkerKey(day);
  const read = () => readMarker(lake, "silver", markerKey, day);
  const list = async () =>
    (await listSilverDay(lake, day)).filter(({ key }) => key.includes(`/date=${day}/`));
  const source = { day, markerKey, read, list, columns: COLUMNS, apart: VALUE_COLUMNS };
  return gatherLakeDay<SilverCommit, Collected>(
    lake,
    "silver",
    source,
    (expected) => begin(expected, bronze),
  );
}

type Collected = Pick<SilverFact, "rows" | "compared">;

function begin(expected: number, bronze: BronzeFact | undefined): Collection<Collected> {
  const ids = textList(expected);
  const keys: string[] = [];
  const statuses: string[] = [];
  const [parts, statusNumbers] = [int32List(expected), int32List(expected)];
  const filled = uint8List(expected);
  const [operations, clients] = [int64List(expected), int64List(expected)];
  /** The number of the operation of each row in bronze; -1 if bronze does not have it. */
  const numbers = int32List(expected);
  let length = 0;
  /** The first row of the row group. */
  let first = 0;
  const wrong = new Map<string, { count: number; readonly named: WrongValue[] }>();

  function collect({ rows, columns }: ChunkGroup, { key }: Part): void {
    if (rows === 0) return;
    const [operationColumn, clientColumn, statusColumn, executionColumn] = columns as [
      Chunk,
      Chunk,
      Chunk,
      Chunk,
    ];
    first = length;
    const statusOf = readTexts(statusColumn);
    if (keys.at(-1) !== key) keys.push(key);
    for (let i = 0; i < rows; i++, length++) {
      numbers.set(length, bronze?.operations?.numberOf(operationColumn, i) ?? -1);
      const status = statusOf(i);
      const number = statuses.indexOf(status);
      parts.set(length, keys.length - 1);
      operations.set(length, readInt64(operationColumn, i));
      clients.set(length, readInt64(clientColumn, i));
      statusNumbers.set(length, number < 0 ? statuses.push(status) - 1 : number);
      addText(ids, executionColumn, i);
    }
  }

  function collectApart(column: Column, chunk: Chunk): void {
    const { name, type } = column;
    if (name === "fill_price") {
      chunk.places.forEach((place, i) => filled.set(first + i, place < 0 ? 0 : 1));
    }
    const values = bronze?.operations?.values;
    const numberOf = (i: number) => numbers.get(first + i);
    values?.compare(column, chunk, numberOf, (i) => {
      const own = wrong.get(name) ?? { count: 0, named: [] };
      wrong.set(name, own);
      if (own.count++ >= NAMED) return;
      own.named.push({
        row: new KeptRow(first + i),
        silver: printValue(valueAt(chunk, type, i), type),
        bronze: values.text(column, numberOf(i)),
      });
    });
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

    get last(): LastEvent | null | undefined {
      const operations = bronze?.operations;
      if (operations === undefined) return undefined;
      const number = numbers.get(this.row);
      return number < 0 ? null : operations.lastOf(number);
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
  function finish(): Collected {
    const { marker, operations } = bronze ?? {};
    if (marker === undefined || operations === undefined) return { rows };
    const columns = Array.from(wrong, ([name, own]): WrongColumn => ({ name, ...own }));
    return { rows, compared: { sha256: marker.sha256, wrong: columns } };
  }
  return { collect, collectApart, finish };
}
