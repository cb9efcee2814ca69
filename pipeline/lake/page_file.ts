import { constants, zstdCompressSync } from "node:zlib";
import { ByteWriter } from "hyparquet-writer/src/bytewriter.js";
import { writePageHeader } from "hyparquet-writer/src/datapage.js";
import { writeMetadata } from "hyparquet-writer/src/metadata.js";
import type { Column } from "../contract/column.ts";
import { LARGEST_POOL } from "./buffer_pool.ts";
import { parquetSchema, type SchemaElement } from "./parquet_schema.ts";
import { sourceOf } from "./thread_code.ts";

/** One column of a row group: a data page, and a dictionary if the page needs one. */
export interface Page {
  /** The number of rows, including nulls. */
  readonly rows: number;
  /** The number of nulls. */
  readonly nulls: number;
  /** The definition levels in the form of the page; empty for a column without nulls. */
  readonly levels: Uint8Array;
  /** The values that are not null, PLAIN; or the indexes of their dictionary entries. */
  readonly values: Uint8Array;
  /** The texts that the values are indexes of. */
  readonly dictionary?: {
    /** The number of entries. */
    readonly entries: number;
    /** The entries, PLAIN. */
    readonly values: Uint8Array;
  };
  /** The smallest and largest value. Absent for a column without statistics. */
  readonly extremes?: Extremes;
}

/** A page whose values are compressed. */
export interface CompressedPage extends Omit<Page, "values" | "dictionary"> {
  /** The values or indexes. */
  readonly values: CompressedBytes;
  /** The texts that the values are indexes of. */
  readonly dictionary?: { readonly entries: number; readonly values: CompressedBytes };
}

/** Compressed bytes. */
export interface CompressedBytes {
  /** The number of bytes before compression. */
  readonly size: number;
  /** The bytes after compression. */
  readonly bytes: Uint8Array;
}

/** The smallest and the largest value of a page; both are absent if all rows are null. */
export interface Extremes {
  /** The smallest value. */
  readonly min?: Extreme;
  /** The largest value. */
  readonly max?: Extreme;
}

/** A value of a statistic: an INT64, an INT32, or the bytes of a text. */
export type Extreme = bigint | number | Uint8Array;

/** A Parquet file that is being written. */
export interface PageFile {
  /** The number of rows written until now. */
  readonly rows: number;
  /** The number of bytes written until now, without the footer. */
  readonly bytes: number;
  /** Appends a row group with one page per column. Copies the bytes of the pages. */
  write(rows: number, pages: readonly Page[]): void;
  /** Appends a row group whose pages are compressed already. */
  writeCompressed(rows: number, pages: readonly CompressedPage[]): void;
  /** Ends the file and returns its bytes. */
  finish(): Uint8Array<ArrayBuffer>;
}

const MAGIC = 0x31524150; // PAR1
const CREATED_BY = "deep-storage-toolkit";
const CAPACITY = 1 << 16;
/**
 * The largest size of a text in the statistics, in bytes. The library cuts almost every longer text
 * to 16 bytes, but keeps a maximum that has no short text above it.
 */
const MOST_STATISTIC = 1024;
const LEVEL_1 = { [constants.ZSTD_c_compressionLevel]: 1 };
/** A buffer below this size, in bytes, may stay in memory for fewer bytes. */
const SMALL_BUFFER = 16_384;

/**
 * Begins a Parquet file in memory, compressed with Zstandard. The caller encodes the values of the
 * pages. Equal pages give equal files.
 *
 * @param columns the columns of the file, in the order of the pages
 * @param capacity the expected size of the file, in bytes. A larger file is copied while it grows
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createPageFile } from "./page_file.ts";
 * const file = createPageFile([{ name: "retry_count", type: "INT32", nullable: true }]);
 * const levels = Uint8Array.of(0b11, 0b10); // the first of two rows is null
 * const values = Uint8Array.of(7, 0, 0, 0);
 * file.write(2, [{ rows: 2, nulls: 1, levels, values }]);
 * assertEquals(file.rows, 2);
 * assertEquals(new TextDecoder().decode(file.finish().subarray(0, 4)), "PAR1");
 * ```
 */
export function createPageFile(
  columns: readonly Column[],
  capacity: number = CAPACITY,
): PageFile {
  const schema = parquetSchema(columns);
  const leaves = schema.slice(1);
  const writer = new GrowingWriter(capacity);
  writer.appendUint32(MAGIC);
  const groups: RowGroup[] = [];
  let total = 0;
  const file: PageFile = {
    get rows() {
      return total;
    },
    get bytes() {
      return writer.offset;
    },
    write(rows, pages) {
      const compressed = pages.map(compressPage);
      file.writeCompressed(rows, compressed);
      freePages(compressed);
    },
    writeCompressed(rows, pages) {
      const start = writer.offset;
      const chunks = pages.map((page, i) => writeChunk(writer, leaves[i]!, page));
      total += rows;
      groups.push({
        columns: chunks,
        total_byte_size: chunks.reduce(
          (sum, { meta_data }) => sum + meta_data.total_uncompressed_size,
          0n,
        ),
        num_rows: BigInt(rows),
        total_compressed_size: BigInt(writer.offset - start),
      });
    },
    finish() {
      writeMetadata(writer, {
        version: 2,
        created_by: CREATED_BY,
        schema: [...schema],
        num_rows: BigInt(total),
        row_groups: groups,
        metadata_length: 0, // not written
      });
      writer.appendUint32(MAGIC);
      return writer.getBytes() as Uint8Array<ArrayBuffer>;
    },
  };
  return file;
}

/** A writer that frees its old buffer at once when it gets a larger one. */
class GrowingWriter extends ByteWriter {
  override ensure(more: number): void {
    const needed = this.index + more;
    if (needed <= this.buffer.byteLength) return;
    this.buffer = this.buffer.transfer(Math.max(2 * this.buffer.byteLength, needed));
    this.view = new DataView(this.buffer);
  }
}

/** Compresses the values of a page, and its dictionary. */
export function compressPage(page: Page): CompressedPage {
  return withCompressed(page, compressBytes);
}

/**
 * Compresses the content of a page. zlib gets one buffer with room for content that cannot be
 * compressed. With less room, it would use many buffers, and the bytes would depend on their size.
 */
export function compressBytes(content: Uint8Array): Uint8Array {
  const chunkSize = content.length + (content.length >> 8) + 64;
  const compressed = zstdCompressSync(content, { params: LEVEL_1, chunkSize });
  // A buffer of another size is a pool that other code uses.
  if (chunkSize < SMALL_BUFFER || compressed.buffer.byteLength !== chunkSize) return compressed;
  const bytes = new Uint8Array(compressed);
  (compressed.buffer as ArrayBuffer).transfer(0); // frees the memory now
  return bytes;
}

/**
 * Returns a page with compressed values.
 *
 * @param compressed called for the values, then for the dictionary
 */
export function withCompressed(
  { values, dictionary, ...page }: Page,
  compressed: (content: Uint8Array) => Uint8Array,
): CompressedPage {
  const sized = (content: Uint8Array) => ({ size: content.length, bytes: compressed(content) });
  const own = { ...page, values: sized(values) };
  if (dictionary === undefined) return own;
  return { ...own, dictionary: { ...dictionary, values: sized(dictionary.values) } };
}

/**
 * Frees the memory of pages at once, instead of at some later garbage collection.
 *
 * @param next pages that are used later; their memory is not freed
 */
export function freePages(
  pages: readonly CompressedPage[],
  next: readonly CompressedPage[] = [],
): void {
  const used = new Set(next.flatMap(buffersOf));
  for (const buffer of new Set(pages.flatMap(buffersOf))) {
    if (!used.has(buffer) && buffer.byteLength > LARGEST_POOL) buffer.transfer(0);
  }
}

function buffersOf({ values, dictionary }: CompressedPage): ArrayBuffer[] {
  const all = dictionary === undefined ? [values] : [values, dictionary.values];
  return all.map(({ bytes }) => bytes.buffer as ArrayBuffer);
}

/** The code of {@linkcode compressBytes}, for another thread. */
export const COMPRESS_BYTES_CODE: string = sourceOf(
  [compressBytes],
  { LEVEL_1, SMALL_BUFFER },
);

/** A row group in the footer. */
interface RowGroup {
  columns: ReturnType<typeof writeChunk>[];
  total_byte_size: bigint;
  num_rows: bigint;
  total_compressed_size: bigint;
}

/** Writes the pages of a column and returns their entry for the footer. */
function writeChunk(writer: ByteWriter, { name, type }: SchemaElement, page: CompressedPage) {
  const { dictionary, extremes } = page;
  const start = writer.offset;
  const inDictionary = dictionary === undefined ? 0 : writeDictionary(writer, dictionary);
  const data = writer.offset;
  const inData = writeData(writer, page);
  return {
    meta_data: {
      type: type!,
      encodings: dictionary === undefined
        ? ["PLAIN" as const]
        : ["PLAIN" as const, "RLE_DICTIONARY" as const],
      path_in_schema: [name],
      codec: "ZSTD" as const,
      num_values: BigInt(page.rows),
      total_compressed_size: BigInt(writer.offset - start),
      total_uncompressed_size: BigInt(inDictionary + inData),
      data_page_offset: BigInt(data),
      ...(dictionary === undefined ? {} : { dictionary_page_offset: BigInt(start) }),
      ...(extremes === undefined ? {} : { statistics: statistics(page.nulls, extremes) }),
    },
    file_offset: BigInt(start),
  };
}

/** Writes a dictionary page, and returns its uncompressed size with the header, in bytes. */
function writeDictionary(
  writer: ByteWriter,
  { entries, values: { size, bytes } }: NonNullable<CompressedPage["dictionary"]>,
): number {
  const start = writer.offset;
  writePageHeader(writer, {
    type: "DICTIONARY_PAGE",
    uncompressed_page_size: size,
    compressed_page_size: bytes.length,
    dictionary_page_header: { num_values: entries, encoding: "PLAIN" },
  });
  const header = writer.offset - start;
  writer.appendBytes(bytes);
  return header + size;
}

/** Writes a data page, and returns its uncompressed size with the header, in bytes. */
function writeData(writer: ByteWriter, page: CompressedPage): number {
  const { rows, nulls, levels, values: { size, bytes }, dictionary } = page;
  const start = writer.offset;
  writePageHeader(writer, {
    type: "DATA_PAGE_V2",
    uncompressed_page_size: levels.length + size,
    compressed_page_size: levels.length + bytes.length,
    data_page_header_v2: {
      num_values: rows,
      num_nulls: nulls,
      num_rows: rows,
      encoding: dictionary === undefined ? "PLAIN" : "RLE_DICTIONARY",
      definition_levels_byte_length: levels.length,
      repetition_levels_byte_length: 0,
      is_compressed: true,
    },
  });
  const header = writer.offset - start;
  writer.appendBytes(levels);
  writer.appendBytes(bytes);
  return header + levels.length + size;
}

function statistics(nulls: number, { min, max }: Extremes) {
  const null_count = BigInt(nulls);
  return min === undefined || max === undefined || isTooLong(min) || isTooLong(max)
    ? { null_count }
    : { min_value: min, max_value: max, null_count };
}

function isTooLong(value: Extreme): boolean {
  return value instanceof Uint8Array && value.length > MOST_STATISTIC;
}
