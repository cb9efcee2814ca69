import { type FileMetaData, parquetMetadata, parquetRead, type SchemaElement } from "hyparquet";
import type { Value } from "../contract/column.ts";
import { type Allowance, readPages } from "./parquet_pages.ts";
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
/** The largest size of a minimum or maximum, in bytes. Writers omit longer values. */
const MOST_STATISTICS = 4096;
/** The same limit if all values of a column have the same size. */
const MOST_FIXED_STATISTICS = 32;
/** Parquet's number for the type BYTE_ARRAY. */
const BYTE_ARRAY = 6;

/**
 * Opens a Parquet file that is completely in memory.
 *
 * For any bytes, their number bounds the time and memory for opening and reading.
 *
 * @throws {Error} the bytes are not a Parquet file, or are truncated
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { EVENT_COLUMNS } from "../contract/tables.ts";
 * import { openPart } from "./parquet_reader.ts";
 * import { createPart } from "./parquet_writer.ts";
 * const { body } = createPart(EVENT_COLUMNS).finish();
 * const { rows, columns } = openPart(body);
 * assertEquals([rows, columns[0]?.name], [0, "event_id"]);
 * ```
 */
export function openPart(body: Uint8Array<ArrayBuffer>): PartReader {
  confirmFooter(body);
  const metadata = parquetMetadata(body, { geoparquet: false });
  const leaves = metadata.schema.slice(1);
  const columns = leaves.map((element): FileColumn => ({
    name: element.name,
    type: typeName(element),
    nullable: element.repetition_type !== "REQUIRED",
  }));
  const groups = metadata.row_groups.map(({ num_rows }) => rowCount(num_rows, body));
  const rows = rowCount(metadata.num_rows, body);
  if (rows !== groups.reduce((sum, each) => sum + each, 0)) {
    throw new Error("the row count in its footer differs from its row groups");
  }
  return { rows, columns, groups: (names) => readGroups(body, metadata, names) };
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

async function* readGroups(
  body: Uint8Array,
  metadata: FileMetaData,
  names: readonly string[],
): AsyncGenerator<FileGroup> {
  const elements = names.map((name) => {
    const element = metadata.schema.slice(1).find((each) => each.name === name);
    if (element === undefined) throw new Error(`it has no column ${name}`);
    return element;
  });
  const allowance = { bytes: MOST_DECOMPRESSED };
  for (const group of metadata.row_groups) {
    const rows = rowCount(group.num_rows, body);
    const columns: Value[][] = [];
    for (const element of rows === 0 ? [] : elements) {
      columns.push(await readColumn(body, group, element, allowance));
    }
    yield { rows, columns: rows === 0 ? names.map(() => []) : columns };
  }
}

/** Reads one column of a row group as a separate file, after checking its pages. */
async function readColumn(
  body: Uint8Array,
  { columns, num_rows }: FileMetaData["row_groups"][number],
  element: SchemaElement,
  allowance: Allowance,
): Promise<Value[]> {
  const { name, type, type_length: typeLength, repetition_type } = element;
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
  if (!(start >= 0 && start <= end && end <= body.length)) {
    throw new Error(`its footer places the column ${name} outside the file`);
  }
  const bytes = body.slice(start, end);
  const rows = Number(num_rows);
  const nullable = repetition_type === "OPTIONAL";
  const pages = readPages(
    bytes,
    { codec: chunk.codec, type, typeLength, nullable, rows },
    allowance,
  ).values();
  const data: Value[] = [];
  await parquetRead({
    file: { byteLength: bytes.length, slice: (from, to) => bytes.buffer.slice(from, to) },
    metadata: {
      version: 1,
      metadata_length: 0,
      num_rows,
      schema: [{ name: "schema", num_children: 1 }, withoutMeaning(element)],
      row_groups: [{
        num_rows,
        total_byte_size: 0n,
        columns: [{
          file_offset: 0n,
          meta_data: {
            type,
            encodings: [],
            path_in_schema: [name],
            codec: "ZSTD",
            num_values: num_rows,
            total_uncompressed_size: 0n,
            total_compressed_size: BigInt(bytes.length),
            data_page_offset: 0n,
          },
        }],
      }],
    },
    // The pages are decompressed already, whatever the codec is.
    compressors: { ZSTD: () => pages.next().value ?? new Uint8Array() },
    utf8: false,
    parsers: { stringFromBytes },
    onChunk({ columnData }) {
      for (let i = 0; i < columnData.length; i++) data.push(columnData[i] ?? null);
    },
  });
  if (data.length !== rows) {
    throw new Error(`the row count of its column ${name} differs from the row group`);
  }
  return data;
}

/**
 * The reader converts decimals to floats and times to Dates. Without annotations, it returns both
 * as the stored integers and bytes. Strings keep their annotations.
 */
function withoutMeaning(element: SchemaElement): SchemaElement {
  if (element.num_children !== undefined || isString(element)) return element;
  const { converted_type: _, logical_type: __, ...physical } = element;
  return physical;
}

function isString({ converted_type, logical_type }: SchemaElement): boolean {
  return converted_type === "UTF8" || logical_type?.type === "STRING";
}

// A byte order mark is a character like any other, and a damaged text must not pass as a sound one.
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

// The type of the reader does not include absent values, which it also passes.
function stringFromBytes(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? undefined as unknown as string : UTF8.decode(bytes);
}

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
