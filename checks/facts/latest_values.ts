import type { Column, ColumnType, Value } from "../../pipeline/contract/column.ts";
import { EVENT_COLUMNS, EVENT_TIMES, EXECUTION_COLUMNS } from "../../pipeline/contract/tables.ts";
import { printValue } from "../../pipeline/contract/value_text.ts";
import type { Chunk } from "../../pipeline/lake/parquet_pages.ts";
import {
  type Cells,
  cellsOf,
  codesOf,
  freeCells,
  LONG,
  type Picks,
  takeValues,
} from "../../pipeline/typed_columns.ts";
import { reserved } from "./typed_rows.ts";

// Silver has the latest value of each column, by operation. The code that makes silver ranks events
// by their position in bronze. This file compares the keys of events instead, so that the two do not
// share a mistake. The values of a day are compared byte for byte.

/** The columns of silver that name an operation, or that follow from its last event. */
export const ROW_COLUMNS: readonly string[] = [
  "operation_id",
  "client_id",
  "status",
  "execution_id",
];

/** All other columns of silver. Each has the latest value in bronze. */
export const VALUE_COLUMNS: readonly Column[] = EXECUTION_COLUMNS.filter(({ name }) =>
  !ROW_COLUMNS.includes(name)
);

/** Silver's times. Each has a number, which is its place here. */
const TIME_COLUMNS: readonly string[] = [...EVENT_TIMES.values()];

/** Returns the number of the time that events of a type set; -1 for none. */
export function timeSetBy(eventType: string): number {
  return TIME_COLUMNS.indexOf(EVENT_TIMES.get(eventType) ?? "");
}

/** The columns of bronze that these values come from, except the times. */
export const SOURCE_COLUMNS: readonly Column[] = EVENT_COLUMNS.filter(({ name }) =>
  VALUE_COLUMNS.some((column) => column.name === name)
);

/** The execution events of one row group of bronze. The arrays can be longer. */
export interface RowEvents {
  /** The number of the event in the first row. Others follow in the order of the rows. */
  readonly first: number;
  /** The number of execution events. */
  readonly count: number;
  /** The row of each execution event. */
  readonly rows: Int32Array;
  /** The number of the operation of each execution event. */
  readonly operations: Int32Array;
  /** 1 for an event that is later than all events of its operation that were read before. */
  readonly newest: Uint8Array;
  /** The number of the time that the event sets, see {@linkcode timeSetBy}; -1 for none. */
  readonly times: Int8Array;
}

/** The latest values in bronze, by operation. */
export interface LatestValues {
  /** Makes room for operations with numbers below `count`. */
  reserve(count: number): void;
  /** Takes the times of the events of a row group of bronze. */
  takeTimes(events: RowEvents): void;
  /** Takes the values of another column of a row group of bronze. */
  take(name: string, chunk: Chunk, events: RowEvents): void;
  /**
   * Compares a column of a row group of silver.
   *
   * @param numberOf returns the number of the operation of a row; -1 for a row that is not compared
   * @param onDifference receives each row with another value
   */
  compare(
    column: Column,
    chunk: Chunk,
    numberOf: (row: number) => number,
    onDifference: (row: number) => void,
  ): void;
  /** Returns the value of an operation, for people. */
  text(column: Column, operation: number): string;
  /** Frees the memory at once. The values must not be used any more. */
  free(): void;
}

/** What is known of the events, by their numbers. */
export interface KnownEvents {
  /** Returns whether an event comes after another one in replay order. */
  follows(event: number, other: number): boolean;
  /** Returns the time of an event. */
  timeOf(event: number): bigint;
}

/** The number of bytes of a value of each type; for a text, the room that most texts fit into. */
const WIDTHS: Readonly<Record<ColumnType, number>> = {
  "STRING": 36,
  "INT32": 4,
  "INT64": 8,
  "TIMESTAMP(MICROS,UTC)": 8,
  "DECIMAL(20,8)": 9,
  "DECIMAL(10,4)": 8,
};

/** The texts of which there are few. */
const REPEATING = new Set(["symbol", "side", "source"]);

/** The values of one column of silver. */
interface ValueColumn {
  readonly column: Column;
  /** The values; undefined for a time, which is that of the event. */
  cells: Cells | undefined;
  /** The number of the event that set each value, plus 1; 0 for an operation without a value. */
  setBy: Uint32Array<ArrayBuffer>;
}

/**
 * Begins without values.
 *
 * @param expected the expected number of operations
 * @param events the events whose values are taken
 */
export function createLatestValues(
  expected: number,
  { follows, timeOf }: KnownEvents,
): LatestValues {
  let capacity = reserved(expected);
  const columns = VALUE_COLUMNS.map((column): ValueColumn => {
    const cells = TIME_COLUMNS.includes(column.name) ? undefined : emptyCells(column, capacity);
    return { column, cells, setBy: new Uint32Array(capacity) };
  });
  const byName = new Map(columns.map((own) => [own.column.name, own]));
  const timeColumns = TIME_COLUMNS.map((name) => byName.get(name)!);
  let picks: Picks = { count: 0, rows: new Int32Array(0), targets: new Int32Array(0) };

  /** Returns whether an event that is not the newest one of its operation sets a value. */
  function isLater(event: number, setBy: number): boolean {
    return setBy === 0 || follows(event, setBy - 1);
  }

  /** Picks the rows whose values replace those of a column. */
  function pickRows(
    { column: { nullable }, setBy }: ValueColumn,
    { places }: Chunk,
    { first, count, rows, operations, newest }: RowEvents,
  ): void {
    let picked = 0;
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      if (places[row]! < 0) continue;
      const operation = operations[i]!;
      // The last event sets a column without nulls, so no other event does.
      if (newest[i] === 0 && !(nullable && isLater(first + row, setBy[operation]!))) continue;
      setBy[operation] = first + row + 1;
      picks.rows[picked] = row;
      picks.targets[picked++] = operation;
    }
    picks.count = picked;
  }

  function reservePicks({ rows }: Chunk): void {
    if (picks.rows.length >= rows) return;
    picks = { count: 0, rows: new Int32Array(rows), targets: new Int32Array(rows) };
  }

  /** Returns a function that returns whether the value of a row differs from an operation's. */
  function comparerOf({ cells, setBy }: ValueColumn, chunk: Chunk) {
    if (cells !== undefined) return cellComparer(cells, chunk);
    const { view, places } = chunk;
    return (row: number, operation: number) =>
      view.getBigInt64(places[row]!, true) !== timeOf(setBy[operation]! - 1);
  }

  return {
    reserve(count) {
      if (count <= capacity) return;
      capacity = Math.max(count, 2 * capacity);
      for (const own of columns) {
        own.cells = own.cells && grown(own.cells, capacity);
        const setBy = new Uint32Array(capacity);
        setBy.set(own.setBy);
        own.setBy = setBy;
      }
    },
    takeTimes({ first, count, rows, operations, newest, times }) {
      for (let i = 0; i < count; i++) {
        if (times[i]! < 0) continue;
        const { setBy } = timeColumns[times[i]!]!;
        const [event, operation] = [first + rows[i]!, operations[i]!];
        if (newest[i] === 1 || isLater(event, setBy[operation]!)) setBy[operation] = event + 1;
      }
    },
    take(name, chunk, events) {
      reservePicks(chunk);
      const own = byName.get(name)!;
      pickRows(own, chunk, events);
      takeValues(own.cells!, chunk, picks);
    },
    compare({ name }, chunk, numberOf, onDifference) {
      const own = byName.get(name)!;
      const { setBy } = own;
      const differs = comparerOf(own, chunk);
      for (let row = 0; row < chunk.rows; row++) {
        const operation = numberOf(row);
        if (operation < 0) continue;
        const isAbsent = chunk.places[row]! < 0;
        if (isAbsent !== (setBy[operation] === 0) || !isAbsent && differs(row, operation)) {
          onDifference(row);
        }
      }
    },
    text({ name, type }, operation) {
      const { cells, setBy } = byName.get(name)!;
      if (setBy[operation] === 0) return printValue(null, type);
      const value = cells === undefined
        ? timeOf(setBy[operation]! - 1)
        : valueIn(cells, type, operation);
      return printValue(value, type);
    },
    free() {
      for (const { cells, setBy } of columns) {
        if (cells !== undefined) freeCells(cells);
        setBy.buffer.transfer(0);
      }
    },
  };
}

function emptyCells({ name, type }: Column, capacity: number): Cells {
  const kind = type !== "STRING" ? "fixed" : REPEATING.has(name) ? "coded" : "text";
  return cellsOf(kind, WIDTHS[type], capacity);
}

/** Returns the same values in cells with more room. */
function grown(cells: Cells, capacity: number): Cells {
  if (cells.kind === "coded") {
    const codes = new Uint32Array(capacity);
    codes.set(cells.codes);
    return { ...cells, codes };
  }
  const bytes = new Uint8Array(cells.width * capacity);
  bytes.set(new Uint8Array(cells.view.buffer));
  const view = new DataView(bytes.buffer);
  if (cells.kind === "fixed") return { ...cells, view };
  const lengths = new Uint8Array(capacity);
  lengths.set(cells.lengths);
  return { ...cells, view, lengths };
}

function cellComparer(cells: Cells, chunk: Chunk): (row: number, operation: number) => boolean {
  const { view, bytes, places } = chunk;
  if (cells.kind === "coded") {
    const codes = codesOf(chunk, cells.texts, 0, chunk.rows);
    return (row, operation) => codes[row] !== cells.codes[operation];
  }
  const { width, view: own } = cells;
  const differAt = (place: number, at: number, length: number) => {
    let i = 0;
    for (; i + 4 <= length; i += 4) {
      if (view.getInt32(place + i) !== own.getInt32(at + i)) return true;
    }
    for (; i < length; i++) if (view.getUint8(place + i) !== own.getUint8(at + i)) return true;
    return false;
  };
  if (cells.kind === "fixed") {
    return (row, operation) => differAt(places[row]!, operation * width, width);
  }
  return (row, operation) => {
    const place = places[row]!;
    const length = view.getUint32(place - 4, true);
    if (cells.lengths[operation] !== LONG) {
      return length !== cells.lengths[operation] || differAt(place, operation * width, length);
    }
    const long = cells.long.get(operation)!;
    return length !== long.length || long.some((byte, i) => byte !== bytes[place + i]);
  };
}

/** Returns the value of an operation. */
function valueIn(cells: Cells, type: ColumnType, operation: number): Value {
  if (cells.kind === "coded") return UTF8.decode(cells.texts.texts[cells.codes[operation]!]!);
  if (cells.kind === "fixed") return readValue(cells.view, type, operation * cells.width);
  const length = cells.lengths[operation]!;
  if (length === LONG) return UTF8.decode(cells.long.get(operation)!);
  return readValue(cells.view, type, operation * cells.width, length);
}

/** Returns the value of a row, for people: a text can have damaged characters. */
export function valueAt({ view, places }: Chunk, type: ColumnType, row: number): Value {
  const at = places[row]!;
  if (at < 0) return null;
  return readValue(view, type, at, type === "STRING" ? view.getUint32(at - 4, true) : undefined);
}

/** @param length the number of bytes; for texts only */
function readValue(view: DataView, type: ColumnType, at: number, length = WIDTHS[type]): Value {
  if (type === "INT32") return view.getInt32(at, true);
  if (type !== "STRING" && type !== "DECIMAL(20,8)") return view.getBigInt64(at, true);
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, length);
  return type === "STRING" ? UTF8.decode(bytes) : bytes.slice();
}

const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });
