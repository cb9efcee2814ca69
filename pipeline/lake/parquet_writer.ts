import { createHash } from "node:crypto";
import { constants, zstdCompressSync } from "node:zlib";
import { ByteWriter, ParquetWriter } from "hyparquet-writer";
import type { Column, ColumnType, RowGroup } from "../contract/column.ts";
import { parquetSchema, type SchemaElement } from "./parquet_schema.ts";

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

/** The same schema without logical types: values are the raw bytes and integers of the pages. */
function physicalSchema(columns: readonly Column[]): SchemaElement[] {
  return parquetSchema(columns).map((
    { converted_type: _, logical_type: __, precision: ___, scale: ____, ...physical },
  ) => physical);
}
