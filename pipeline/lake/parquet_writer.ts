import { createHash } from "node:crypto";
import { constants, zstdCompressSync } from "node:zlib";
import type { SchemaElement } from "hyparquet";
import { ByteWriter, ParquetWriter } from "hyparquet-writer";
import type { Column, ColumnType, RowGroup } from "../contract/column.ts";

/** A finished Parquet file, still in memory. */
export interface PartFile {
  /** The number of rows. */
  readonly rows: number;
  /** The file's bytes. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** Hexadecimal digest of the body. Equal rows give equal digests. */
  readonly sha256: string;
}

/** A Parquet file that is being written. */
export interface PartWriter {
  /** The number of rows written until now. */
  readonly rows: number;
  /** The number of bytes written until now, without the footer. */
  readonly bytes: number;
  /** Appends rows as a row group. */
  write(group: RowGroup): void;
  /** Ends the file and returns it. */
  finish(): PartFile;
}

const ZSTD_LEVEL_1 = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

const COMPRESSORS = {
  ZSTD: (page: Uint8Array) => zstdCompressSync(page, ZSTD_LEVEL_1),
};

/**
 * Begins a Parquet file in memory, compressed with Zstandard.
 *
 * The writer would convert decimals and times from JavaScript values to bytes. The values here are
 * those bytes already, so the writer uses the physical schema for the pages and the contract's
 * schema for the footer.
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

/** Strings that repeat in a window. Only these columns benefit from a dictionary or a minimum. */
const REPEATING = new Set(["symbol", "event_type", "side", "source", "status"]);

function layout(type: ColumnType, name: string) {
  if (REPEATING.has(name)) return {};
  if (type === "STRING" || type === "DECIMAL(20,8)") {
    // Decimals and strings get no statistics: unsigned bytes sort negative decimals wrongly, and
    // the minimum of a string would keep its source buffer in memory.
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
  // Spark uses nine bytes for a precision of 20.
  "DECIMAL(20,8)": { type: "FIXED_LEN_BYTE_ARRAY", type_length: 9 },
  "DECIMAL(10,4)": { type: "INT64" },
};

// Readers without support for logical types use the converted type. Both are set, with the same
// meaning.
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

/** The same schema without logical types: values are the raw bytes and integers of the pages. */
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
