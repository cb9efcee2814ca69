import { type FileMetaData, parquetMetadata, type SchemaElement } from "hyparquet";
import type { Value } from "../contract/column.ts";
import {
  type Allowance,
  type Chunk,
  type ChunkLayout,
  decompress,
  findValues,
  listPages,
  type StoredPage,
} from "./parquet_pages.ts";
import { readStruct, structIn, structsIn } from "./thrift.ts";

/** A column of a Parquet file as its footer describes it. */
export interface FileColumn {
  /** The column's name. */
  readonly name: string;
  /** A {@linkcode ColumnType}, or the footer's own name for any other type. */
  readonly type: string;
  /** True if the file allows absent values. */
  readonly nullable: boolean;
}

/** An open Parquet file. Its footer is in memory; its pages are not read yet. */
export interface PartReader {
  /** The number of rows according to the footer. */
  readonly rows: number;
  /** The columns, in the file's order. */
  readonly columns: readonly FileColumn[];
  /**
   * Reads only the named columns, one row group after the other. Each column is an array of values
   * in the form that {@linkcode ColumnType} describes; strings are JavaScript strings.
   *
   * @throws {Error} a page that cannot be decoded, text that is not UTF-8, a column that is missing
   */
  groups(names: readonly string[]): AsyncIterable<FileGroup>;
  /** The number of rows of each row group. */
  readonly groupRows: readonly number[];
  /**
   * Finds the pages of the named columns in one row group. Reads no page.
   *
   * @throws {Error} a page header is damaged, or a column is missing
   */
  pages(group: number, names: readonly string[]): StoredGroup;
  /**
   * Frees the memory of the file at once, instead of at some later garbage collection. The reader
   * and its pages must not be used any more.
   */
  free(): void;
}

/** The values of one row group, column by column, in the requested order. */
export interface FileGroup {
  /** Number of rows. */
  readonly rows: number;
  /** The values of each column, one per row. */
  readonly columns: readonly Value[][];
}

/**
 * The largest accepted footer, in bytes. The footer of a 64 MiB file with row groups of 1 MiB has
 * about 200 KiB.
 */
const MOST_FOOTER = 2 << 20;
/**
 * The number of rows that is accepted for a file of any size. A file with more rows must have bytes
 * for them, because no two rows have the same id.
 */
const MOST_ROWS_OF_SMALL_FILES = 1 << 16;
/** The largest accepted size of all decompressed pages of a file, in bytes. */
const MOST_DECOMPRESSED = 2 ** 31;
/** The largest size of the minimum or maximum of a text, in bytes. Writers omit longer texts. */
const MOST_STATISTICS = 4096;
/** The largest size of a minimum or maximum if all values of a type have one size, in bytes. */
const MOST_FIXED_STATISTICS = 32;
/** Parquet's number for the type BYTE_ARRAY. */
const BYTE_ARRAY = 6;

/**
 * Opens a Parquet file that is completely in memory.
 *
 * For any bytes, their number bounds the time and memory for opening and reading.
 *
 * @param free frees the memory of the bytes; see {@linkcode PartReader.free}
 * @throws {Error} the bytes are not a Parquet file, or are truncated
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { EVENT_COLUMNS } from "../contract/tables.ts";
 * import { openPart } from "./parquet_reader.ts";
 * import { createPageFile } from "./page_file.ts";
 * const body = createPageFile(EVENT_COLUMNS).finish();
 * const { rows, columns } = openPart(body);
 * assertEquals([rows, columns[0]?.name], [0, "event_id"]);
 * ```
 */
export function openPart(
  body: Uint8Array<ArrayBuffer>,
  free: () => void = () => {},
): PartReader {
  confirmFooter(body);
  const metadata = parquetMetadata(body, { geoparquet: false });
  const leaves = metadata.schema.slice(1);
  const columns = leaves.map((element): FileColumn => ({
    name: element.name,
    type: typeName(element),
    nullable: element.repetition_type !== "REQUIRED",
  }));
  const groupRows = metadata.row_groups.map(({ num_rows }) => rowCount(num_rows, body));
  const rows = rowCount(metadata.num_rows, body);
  if (rows !== groupRows.reduce((sum, each) => sum + each, 0)) {
    throw new Error("the row count in its footer differs from its row groups");
  }
  const allowance = () => ({ bytes: MOST_DECOMPRESSED });
  return {
    rows,
    columns,
    groupRows,
    async *groups(names) {
      for (const name of names) elementOf(metadata.schema, name);
      const left = allowance();
      for (let i = 0; i < groupRows.length; i++) {
        const group = storedGroup(body, metadata, i, names, left);
        const columns = group.columns.map(({ layout, pages }, c) => {
          const chunk = findValues(pages, pages.map(decompress), layout);
          return valuesOf(chunk, layout, isString(elementOf(metadata.schema, names[c]!)));
        });
        yield { rows: group.rows, columns: group.rows === 0 ? names.map(() => []) : columns };
      }
    },
    pages: (group, names) => storedGroup(body, metadata, group, names, allowance()),
    free,
  };
}

function rowCount(count: unknown, { length }: Uint8Array): number {
  const most = Math.max(length, MOST_ROWS_OF_SMALL_FILES);
  if (typeof count === "bigint" && count >= 0n && count <= BigInt(most)) return Number(count);
  throw new Error(`its footer claims ${count} rows in ${length} bytes`);
}

/** Validates the footer, so that the library's reader always terminates. */
function confirmFooter(body: Uint8Array): void {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const length = body.length < 12 ? NaN : view.getUint32(body.length - 8, true);
  if (!(length <= Math.min(body.length - 12, MOST_FOOTER))) {
    throw new Error("it does not end with the footer of a Parquet file");
  }
  const footer = body.subarray(body.length - 8 - length, body.length - 8);
  const { struct } = readStruct(footer, 0);
  const types = structsIn(struct, 2).map((element) => element.get(1))
    .filter((type) => type !== undefined);
  for (const group of structsIn(struct, 4)) {
    structsIn(group, 1).forEach((column, i) => {
      const statistics = structIn(structIn(column, 3) ?? new Map(), 12) ?? new Map();
      const most = types[i] === BYTE_ARRAY ? MOST_STATISTICS : MOST_FIXED_STATISTICS;
      for (const value of statistics.values()) {
        if (value instanceof Uint8Array && value.length > most) {
          throw new Error("its footer has statistics that are too long");
        }
      }
    });
  }
}

/** The pages of the requested columns of one row group. */
export interface StoredGroup {
  /** The number of rows. */
  readonly rows: number;
  /** The pages of each column, in the requested order; empty if there are no rows. */
  readonly columns: readonly StoredColumn[];
}

/** The pages of one column of a row group. */
export interface StoredColumn {
  /** How the pages are read. */
  readonly layout: ChunkLayout;
  /** The pages, in the order of the file. */
  readonly pages: readonly StoredPage[];
}

function storedGroup(
  body: Uint8Array,
  { schema, row_groups }: FileMetaData,
  index: number,
  names: readonly string[],
  allowance: Allowance,
): StoredGroup {
  const group = row_groups[index]!;
  const rows = rowCount(group.num_rows, body);
  if (rows === 0) return { rows, columns: [] };
  const columns = names.map((name): StoredColumn => {
    const element = elementOf(schema, name);
    const { repetition_type, type_length: typeLength } = element;
    const { start, end, codec, type } = placeOf(group, element, body);
    const nullable = repetition_type === "OPTIONAL";
    const layout = { codec, type, typeLength, nullable, rows };
    return { layout, pages: listPages(body.subarray(start, end), layout, allowance) };
  });
  return { rows, columns };
}

function elementOf(schema: readonly SchemaElement[], name: string): SchemaElement {
  const element = schema.slice(1).find((each) => each.name === name);
  if (element === undefined) throw new Error(`it has no column ${name}`);
  return element;
}

/** The place of a flat column's chunk in the file, in bytes. */
function placeOf(
  { columns }: FileMetaData["row_groups"][number],
  { name, type, repetition_type }: SchemaElement,
  { length }: Uint8Array,
) {
  const flat = repetition_type === "REQUIRED" || repetition_type === "OPTIONAL";
  const [chunk, ...more] = columns.flatMap(({ meta_data: data, file_path }) => {
    const [first, ...deeper] = data?.path_in_schema ?? [];
    const found = first === name && deeper.length === 0 && file_path === undefined;
    return found && data !== undefined ? [data] : [];
  });
  if (
    !flat || chunk === undefined || more.length > 0 || type === undefined || chunk.type !== type
  ) {
    throw new Error(`its footer does not place the column ${name} exactly once`);
  }
  const start = Number(chunk.dictionary_page_offset || chunk.data_page_offset);
  const end = start + Number(chunk.total_compressed_size);
  if (!(start >= 0 && start <= end && end <= length)) {
    throw new Error(`its footer places the column ${name} outside the file`);
  }
  return { start, end, codec: chunk.codec, type };
}

/** Makes the values of a column from their places. */
function valuesOf(chunk: Chunk, layout: ChunkLayout, text: boolean): Value[] {
  const value = valueReader(chunk, layout, text);
  return Array.from({ length: chunk.rows }, (_, row) => value(row));
}

/**
 * Returns a function that decodes the value of a row of a column. The function throws an error for
 * text that is not UTF-8.
 *
 * @param text true if the bytes of a `BYTE_ARRAY` are text
 */
export function valueReader(
  { bytes, view, places }: Chunk,
  { type, typeLength = 0 }: ChunkLayout,
  text: boolean,
): (row: number) => Value {
  const value = (at: number): Value => {
    switch (type) {
      case "INT32":
        return view.getInt32(at, true);
      case "INT64":
        return view.getBigInt64(at, true);
      case "FLOAT":
        return view.getFloat32(at, true);
      case "DOUBLE":
        return view.getFloat64(at, true);
      case "INT96":
        return bytes.slice(at, at + 12);
      case "FIXED_LEN_BYTE_ARRAY":
        return bytes.slice(at, at + typeLength);
      default: {
        const own = bytes.subarray(at, at + view.getUint32(at - 4, true));
        return text ? UTF8.decode(own) : own.slice();
      }
    }
  };
  return (row) => places[row]! < 0 ? null : value(places[row]!);
}

function isString({ converted_type, logical_type }: SchemaElement): boolean {
  return converted_type === "UTF8" || logical_type?.type === "STRING";
}

// A byte order mark is a character like any other, and a damaged text must not pass as a sound one.
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function typeName(element: SchemaElement): string {
  const { type, type_length, converted_type, logical_type: logical, precision, scale } = element;
  if (element.num_children !== undefined) return "GROUP";
  const meaning = logical?.type ?? converted_type;
  if (type === undefined || meaning === "NULL") return "VOID";
  const size = type_length === undefined ? type : `${type}(${type_length})`;
  if (meaning === undefined) return size;
  if (isString(element) && type === "BYTE_ARRAY") return "STRING";
  if (meaning === "DECIMAL") {
    const decimal = `DECIMAL(${precision},${scale})`;
    const expected = decimal === "DECIMAL(20,8)" ? "FIXED_LEN_BYTE_ARRAY(9)" : "INT64";
    return size === expected ? decimal : `${decimal} as ${size}`;
  }
  if (type === "INT64" && isMicrosUtc(element)) return "TIMESTAMP(MICROS,UTC)";
  const unit = logical?.type === "TIMESTAMP"
    ? `(${logical.unit},${logical.isAdjustedToUTC ? "UTC" : "local"})`
    : "";
  return `${meaning}${unit} as ${size}`;
}

function isMicrosUtc({ converted_type, logical_type: logical }: SchemaElement): boolean {
  if (logical === undefined) return converted_type === "TIMESTAMP_MICROS";
  return logical.type === "TIMESTAMP" && logical.unit === "MICROS" && logical.isAdjustedToUTC;
}
