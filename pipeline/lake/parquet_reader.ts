import { zstdDecompressSync } from "node:zlib";
import { type FileMetaData, parquetMetadata, parquetRead, type SchemaElement } from "hyparquet";
import type { Value } from "../contract/column.ts";

/** A column of a Parquet file as its footer describes it. */
export interface FileColumn {
  /** The column's name. */
  readonly name: string;
  /** In the words of {@linkcode ColumnType} where it is one of them, else as the footer says it. */
  readonly type: string;
  /** Whether the file allows absent values. */
  readonly nullable: boolean;
}

/** A Parquet file that was opened: its footer is read, its pages are not. */
export interface PartReader {
  /** Rows in the file, by its footer. */
  readonly rows: number;
  /** The columns, in the file's order. */
  readonly columns: readonly FileColumn[];
  /**
   * Reads the row groups one after the other, only the named columns, each as an array of values in
   * the form that {@linkcode ColumnType} says; strings are JavaScript strings.
   *
   * @throws {Error} a page that cannot be decoded, text that is not UTF-8, a column that is missing
   */
  groups(names: readonly string[]): AsyncIterable<FileGroup>;
}

/** One row group's values, column by column, in the order that was asked for. */
export interface FileGroup {
  /** How many rows. */
  readonly rows: number;
  /** Each column's values, one per row. */
  readonly columns: readonly Value[][];
}

/**
 * Opens a Parquet file that is wholly in memory.
 *
 * @throws {Error} the bytes are no Parquet file, or are cut off
 */
export function openPart(body: Uint8Array<ArrayBuffer>): PartReader {
  const buffer = body.byteOffset === 0 && body.byteLength === body.buffer.byteLength
    ? body.buffer
    : body.slice().buffer;
  const metadata = parquetMetadata(buffer);
  const leaves = metadata.schema.slice(1);
  const columns = leaves.map((element): FileColumn => ({
    name: element.name,
    type: typeName(element),
    nullable: element.repetition_type !== "REQUIRED",
  }));
  return {
    rows: Number(metadata.num_rows),
    columns,
    groups: (names) => readGroups(buffer, metadata, names),
  };
}

async function* readGroups(
  buffer: ArrayBuffer,
  metadata: FileMetaData,
  names: readonly string[],
): AsyncGenerator<FileGroup> {
  const present = new Set(metadata.schema.slice(1).map(({ name }) => name));
  for (const name of names) {
    if (!present.has(name)) throw new Error(`it has no column ${name}`);
  }
  const file = { byteLength: buffer.byteLength, slice: buffer.slice.bind(buffer) };
  const plain = { ...metadata, schema: metadata.schema.map(withoutMeaning) };
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    const columns = new Map(names.map((name) => [name, [] as Value[]]));
    await parquetRead({
      file,
      metadata: plain,
      columns: [...names],
      rowStart,
      rowEnd,
      compressors: { ZSTD: (page) => zstdDecompressSync(page) },
      utf8: false,
      parsers: { stringFromBytes },
      onChunk({ columnName, columnData }) {
        const values = columns.get(columnName)!;
        for (let i = 0; i < columnData.length; i++) values.push(columnData[i] ?? null);
      },
    });
    yield { rows: rowEnd - rowStart, columns: names.map((name) => columns.get(name)!) };
    rowStart = rowEnd;
  }
}

/**
 * The reader turns decimals into floats and times into Dates. Without their annotations it leaves
 * both as the integers and bytes that they are; strings keep theirs.
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

// The reader's own type leaves out that absent values come by as well.
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
