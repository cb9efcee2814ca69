import type { Column, Value } from "./contract/column.ts";
import { equalBytes, type Lake } from "./lake/lake.ts";
import type { Part } from "./lake/marker.ts";
import type { Page } from "./lake/page_file.ts";
import {
  type Chunk,
  type ChunkLayout,
  decompress,
  findValues,
  freeChunk,
  freeContent,
  type StoredPage,
  storedPages,
} from "./lake/parquet_pages.ts";
import { parquetSchema } from "./lake/parquet_schema.ts";
import { type PartReader, valueReader } from "./lake/parquet_reader.ts";
import { damaged, fetchParts, openFetched } from "./lake/parts.ts";

// Two layers with a million rows each have about 40 million values. Here values are compared where
// they lie in their pages, so that only the values that differ are decoded.

/** One column of a row group. */
export interface GroupColumn {
  /** The type in the form of a {@linkcode ColumnType}, or the footer's own name for another type. */
  readonly type: string;
  /** How the pages are read. */
  readonly layout: ChunkLayout;
  /** The pages. */
  readonly pages: readonly StoredPage[];
  /** Returns the decompressed body of each page. */
  contents(): readonly Uint8Array[];
  /** Finds the places of the values. */
  chunk(): Chunk;
  /** Decodes the value of a row. */
  value(row: number): Value;
  /** Frees the memory that the other methods allocated. Called again, they allocate it again. */
  free(): void;
}

/** A row group of a part. */
export interface RowGroup {
  /** The number of rows. */
  readonly rows: number;
  /** The requested columns; empty if there are no rows. */
  readonly columns: readonly GroupColumn[];
}

/**
 * Reads the row groups of a part.
 *
 * @param names the columns to read
 * @param explain makes the error to throw from an error about damaged pages
 */
export function* groupsOf(
  reader: PartReader,
  names: readonly string[],
  explain: (error: Error) => Error = (error) => error,
): Generator<RowGroup> {
  const guard = <T>(read: () => T): T => {
    try {
      return read();
    } catch (error) {
      throw explain(error as Error);
    }
  };
  const types = new Map(reader.columns.map(({ name, type }) => [name, type]));
  for (let i = 0; i < reader.groupRows.length; i++) {
    const { rows, columns } = guard(() => reader.pages(i, names));
    yield {
      rows,
      columns: columns.map(({ layout, pages }, c) =>
        groupColumn(types.get(names[c]!)!, layout, pages, guard)
      ),
    };
  }
}

/** @param guard runs a function that reads the pages */
function groupColumn(
  type: string,
  layout: ChunkLayout,
  pages: readonly StoredPage[],
  guard: <T>(read: () => T) => T,
): GroupColumn {
  let contents: readonly Uint8Array[] | undefined;
  let chunk: Chunk | undefined;
  let value: ((row: number) => Value) | undefined;
  const column: GroupColumn = {
    type,
    layout,
    pages,
    contents: () => contents ??= guard(() => pages.map(decompress)),
    chunk() {
      const found = column.contents();
      return chunk ??= guard(() => findValues(pages, found, layout));
    },
    value(row) {
      const own = column.chunk();
      const read = value ??= valueReader(own, layout, type === "STRING");
      return guard(() => read(row));
    },
    free() {
      if (chunk !== undefined) freeChunk(chunk, pages);
      for (const content of contents ?? []) freeContent(content, pages);
      contents = chunk = value = undefined;
    },
  };
  return column;
}

/**
 * Returns a row group of pages that are not stored, without a copy of their bytes.
 *
 * @param columns the columns, in the order of the pages
 */
export function groupOfPages(
  columns: readonly Column[],
  rows: number,
  pages: readonly Page[],
): RowGroup {
  const elements = parquetSchema(columns).slice(1);
  return {
    rows,
    columns: pages.map((page, i) => {
      const { type, nullable } = columns[i]!;
      const { type: physical, type_length: typeLength } = elements[i]!;
      const layout = { codec: "UNCOMPRESSED", type: physical!, typeLength, nullable, rows };
      return groupColumn(type, layout, storedPages(page), (read) => read());
    }),
  };
}

/**
 * Reads the row groups of parts that a marker lists, in the order of the parts.
 *
 * @throws {Failure} data: a part is missing or damaged. Damaged pages are found when they are read
 */
export async function* storedGroups(
  lake: Lake,
  parts: readonly Part[],
  names: readonly string[],
): AsyncGenerator<RowGroup> {
  for await (const fetched of fetchParts(lake, parts, true)) {
    const explain = ({ message }: Error) => damaged(lake, fetched.part, message);
    const reader = openFetched(lake, fetched);
    yield* groupsOf(reader, names, explain);
    reader.free();
  }
}

/** A place in a sequence of rows. */
export interface RowCursor {
  /** The row group with the current row; undefined after the last row. */
  group: RowGroup | undefined;
  /** The current row in its group. */
  row: number;
  /** The row groups that follow. */
  readonly rest: AsyncIterator<RowGroup>;
}

/** Opens a cursor at the first row. */
export async function openCursor(rest: AsyncIterator<RowGroup>): Promise<RowCursor> {
  const cursor: RowCursor = { group: undefined, row: 0, rest };
  await loadGroup(cursor);
  return cursor;
}

/** Returns whether a cursor is past the last row of its group, so that it needs the next group. */
export function needsGroup({ group, row }: RowCursor): boolean {
  return group !== undefined && row === group.rows;
}

/** Moves a cursor to the first row of the next group that has rows, and frees its group. */
export async function loadGroup(cursor: RowCursor): Promise<void> {
  for (const column of cursor.group?.columns ?? []) column.free();
  let next = await cursor.rest.next();
  while (!next.done && next.value.rows === 0) next = await cursor.rest.next();
  cursor.group = next.done ? undefined : next.value;
  cursor.row = 0;
}

/** Decodes the current row. */
export function currentRow({ group, row }: RowCursor): Value[] {
  return group!.columns.map((column) => column.value(row));
}

/** Returns whether rows from the current ones on are equal in all columns. */
export function equalRows(a: RowCursor, b: RowCursor, rows: number): boolean {
  const [ours, theirs] = [a.group!, b.group!];
  const isWhole = rows === ours.rows && rows === theirs.rows;
  return ours.columns.every((column, i) => {
    const other = theirs.columns[i]!;
    const isEqual = isWhole && equalPages(column, other) ||
      equalCells(column, a.row, other, b.row, rows);
    // Only one column of two whole row groups is in memory.
    if (isWhole) [column, other].forEach((each) => each.free());
    return isEqual;
  });
}

/** Returns whether two columns have equal pages. Equal pages have equal values. */
function equalPages(a: GroupColumn, b: GroupColumn): boolean {
  if (a.type !== b.type || a.layout.nullable !== b.layout.nullable) return false;
  if (a.pages.length !== b.pages.length) return false;
  const alike = a.pages.every(({ count, encoding, size, levels }, i) => {
    const other = b.pages[i]!;
    return count === other.count && encoding === other.encoding && size === other.size &&
      (levels === undefined) === (other.levels === undefined) &&
      (levels === undefined || equalBytes(levels, other.levels!));
  });
  if (!alike) return false;
  const [ours, theirs] = [a.contents(), b.contents()];
  return ours.every((content, i) => equalBytes(content, theirs[i]!));
}

/** Returns whether rows of two columns have equal values. */
function equalCells(
  a: GroupColumn,
  fromA: number,
  b: GroupColumn,
  fromB: number,
  rows: number,
): boolean {
  if (a.type !== b.type) {
    for (let i = 0; i < rows; i++) {
      if (!equalValues(a.value(fromA + i), b.value(fromB + i))) return false;
    }
    return true;
  }
  const [ours, theirs] = [a.chunk(), b.chunk()];
  const width = widthOf(a);
  for (let i = 0; i < rows; i++) {
    const [at, other] = [ours.places[fromA + i]!, theirs.places[fromB + i]!];
    if (at < 0 || other < 0) {
      if (at !== other) return false;
      continue;
    }
    let length = width;
    if (width === 0) {
      length = ours.view.getUint32(at - 4, true);
      if (length !== theirs.view.getUint32(other - 4, true)) return false;
    }
    if (!equalAt(ours.view, at, theirs.view, other, length)) return false;
  }
  return true;
}

function equalAt(a: DataView, at: number, b: DataView, other: number, length: number): boolean {
  let n = 0;
  for (; n + 4 <= length; n += 4) {
    if (a.getInt32(at + n) !== b.getInt32(other + n)) return false;
  }
  for (; n < length; n++) if (a.getUint8(at + n) !== b.getUint8(other + n)) return false;
  return true;
}

/** The number of bytes of each value; 0 if its length precedes each value. */
function widthOf({ layout: { type, typeLength } }: GroupColumn): number {
  switch (type) {
    case "BYTE_ARRAY":
      return 0;
    case "FIXED_LEN_BYTE_ARRAY":
      return typeLength!;
    case "INT64":
    case "DOUBLE":
      return 8;
    case "INT96":
      return 12;
    default:
      return 4;
  }
}

/** Returns whether two decoded values are equal. */
export function equalValues(a: Value, b: Value): boolean {
  return a instanceof Uint8Array && b instanceof Uint8Array ? equalBytes(a, b) : a === b;
}

/**
 * Compares the values of two rows in the order of a layer, nulls last.
 *
 * @returns undefined if the columns are not both INT64 or both STRING
 */
export function compareCells(
  a: GroupColumn,
  rowA: number,
  b: GroupColumn,
  rowB: number,
): number | undefined {
  if (a.type !== b.type || a.type !== "INT64" && a.type !== "STRING") return undefined;
  const [ours, theirs] = [a.chunk(), b.chunk()];
  const [at, other] = [ours.places[rowA]!, theirs.places[rowB]!];
  if (at < 0 || other < 0) return Number(at < 0) - Number(other < 0);
  if (a.type === "INT64") {
    const high = ours.view.getInt32(at + 4, true) - theirs.view.getInt32(other + 4, true);
    return high || ours.view.getUint32(at, true) - theirs.view.getUint32(other, true);
  }
  const length = ours.view.getUint32(at - 4, true);
  const otherLength = theirs.view.getUint32(other - 4, true);
  for (let n = 0; n < length && n < otherLength; n++) {
    const difference = ours.bytes[at + n]! - theirs.bytes[other + n]!;
    if (difference !== 0) return difference;
  }
  return length - otherLength;
}
