import { createHash } from "node:crypto";
import { constants, zstdCompressSync } from "node:zlib";
import type { SchemaElement } from "hyparquet";
import { ByteWriter, ParquetWriter } from "hyparquet-writer";
import type { Column, ColumnType, RowGroup } from "../contract/column.ts";

/** A finished Parquet file, still in memory. */
export interface PartFile {
  /** Rows in it. */
  readonly rows: number;
  /** The file's bytes. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** Hexadecimal digest of the body. Equal rows give equal digests. */
  readonly sha256: string;
}

/** A Parquet file that is being written. */
export interface PartWriter {
  /** Rows written so far. */
  readonly rows: number;
  /** Bytes that the file has so far, without its footer. */
  readonly bytes: number;
  /** Appends rows, as a row group of the file. */
  write(group: RowGroup): void;
  /** Ends the file. */
  finish(): PartFile;
}

const ZSTD_LEVEL_1 = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

const COMPRESSORS = {
  ZSTD: (page: Uint8Array) => zstdCompressSync(page, ZSTD_LEVEL_1),
};

/**
 * Begins a Parquet file in memory, compressed with Zstandard.
 *
 * The writer would turn decimals and times from rich values into the bytes of the pages. Ours are
 * those bytes already, so it writes the pages under the physical schema, and the footer under the
 * contract's.
 */
export function createPart(columns: readonly Column[]): PartWriter {
  const writer = new ByteWriter(1 << 16);
  const file = new ParquetWriter({
    writer,
    schema: physicalSchema(columns),
    codec: "ZSTD",
    compressors: COMPRESSORS,
    createdBy: "deep-storage-toolkit",
  });
  let rows = 0;
  return {
    get rows() {
      return rows;
    },
    get bytes() {
      return writer.offset;
    },
    write(group) {
      const columnData = columns.map(({ name, type }, i) => ({
        name,
        data: group.columns[i] as unknown[],
        ...layout(type, name),
      }));
      file.write({ columnData, rowGroupSize: group.rows });
      rows += group.rows;
    },
    finish() {
      file.schema = parquetSchema(columns);
      file.finish();
      const body = writer.getBytes() as Uint8Array<ArrayBuffer>;
      return { rows, body, sha256: createHash("sha256").update(body).digest("hex") };
    },
  };
}

/** Strings that repeat in a window; only for these does a dictionary, or a minimum, pay. */
const REPEATING = new Set(["symbol", "event_type", "side", "source", "status"]);

function layout(type: ColumnType, name: string) {
  if (REPEATING.has(name)) return {};
  if (type === "STRING" || type === "DECIMAL(20,8)") {
    // Unsigned bytes order a negative decimal wrongly, and a string's minimum would keep alive the
    // buffer that it is a view of. Neither gets statistics.
    return { encoding: "PLAIN", statistics: false } as const;
  }
  return type === "TIMESTAMP(MICROS,UTC)" ? { encoding: "PLAIN" } as const : {};
}

/** The physical type of a column in a page. */
type Physical = Pick<SchemaElement, "type" | "type_length">;
/** The logical type of a column. */
type Logical = Pick<SchemaElement, "converted_type" | "logical_type" | "precision" | "scale">;

const PHYSICAL: Record<ColumnType, Physical> = {
  "STRING": { type: "BYTE_ARRAY" },
  "INT32": { type: "INT32" },
  "INT64": { type: "INT64" },
  "TIMESTAMP(MICROS,UTC)": { type: "INT64" },
  // Nine bytes are what Spark chooses for a precision of 20.
  "DECIMAL(20,8)": { type: "FIXED_LEN_BYTE_ARRAY", type_length: 9 },
  "DECIMAL(10,4)": { type: "INT64" },
};

// Readers older than logical types look at the converted type: both are set, and agree.
const LOGICAL: Record<ColumnType, Logical> = {
  "STRING": { converted_type: "UTF8", logical_type: { type: "STRING" } },
  "INT32": {},
  "INT64": {},
  "TIMESTAMP(MICROS,UTC)": {
    converted_type: "TIMESTAMP_MICROS",
    logical_type: { type: "TIMESTAMP", isAdjustedToUTC: true, unit: "MICROS" },
  },
  "DECIMAL(20,8)": decimal(20, 8),
  "DECIMAL(10,4)": decimal(10, 4),
};

function decimal(precision: number, scale: number): Logical {
  const logical_type = { type: "DECIMAL", precision, scale } as const;
  return { converted_type: "DECIMAL", logical_type, precision, scale };
}

/** A contract as a Parquet schema. */
function parquetSchema(columns: readonly Column[]): SchemaElement[] {
  return schema(columns, ({ type }) => ({ ...PHYSICAL[type], ...LOGICAL[type] }));
}

/** The same without what the values mean: under it, values are pages' own bytes and integers. */
function physicalSchema(columns: readonly Column[]): SchemaElement[] {
  return schema(columns, ({ type }) => PHYSICAL[type]);
}

function schema(
  columns: readonly Column[],
  describe: (column: Column) => Omit<SchemaElement, "name">,
): SchemaElement[] {
  const root: SchemaElement = { name: "schema", num_children: columns.length };
  return [
    root,
    ...columns.map((column): SchemaElement => ({
      name: column.name,
      repetition_type: column.nullable ? "OPTIONAL" : "REQUIRED",
      ...describe(column),
    })),
  ];
}
