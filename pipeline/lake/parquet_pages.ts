import { zstdDecompressSync } from "node:zlib";
import { snappyUncompress } from "hyparquet";
import { countIn, readStruct, structIn, type ThriftStruct } from "./thrift.ts";

/** The properties of a column chunk that decide how its pages are read. */
export interface ChunkLayout {
  /** `UNCOMPRESSED`, `SNAPPY` or `ZSTD`. */
  readonly codec: string;
  /** The physical type. */
  readonly type: string;
  /** The number of bytes of a value, for `FIXED_LEN_BYTE_ARRAY`. */
  readonly typeLength: number | undefined;
  /** True if values may be absent. */
  readonly nullable: boolean;
  /** Number of values, including absent values. */
  readonly rows: number;
}

/** Number of bytes that may still be decompressed, for all pages of one read of a file. */
export interface Allowance {
  /** The number of bytes. */
  bytes: number;
}

/** The numbers of Parquet's page types. */
const DATA_PAGE = 0;
const DICTIONARY_PAGE = 2;
const DATA_PAGE_V2 = 3;
/**
 * The numbers of Parquet's encodings: all that this pipeline and Spark write, including the
 * deprecated one.
 */
const PLAIN = 0;
const PLAIN_DICTIONARY = 2;
const RLE_DICTIONARY = 8;

/** The width of the values of each type, in bytes. */
const WIDTHS: Readonly<Record<string, number>> = {
  INT32: 4,
  INT64: 8,
  INT96: 12,
  FLOAT: 4,
  DOUBLE: 8,
};

/**
 * Decompresses the pages of a flat column's chunk. Validates counts, sizes and runs first, so that
 * the size of the input bounds the time and memory of decoding.
 *
 * @param chunk the chunk's bytes
 * @param allowance the limit for the decompressed size
 * @returns what the decoder will ask a decompressor for, page by page
 * @throws {Error} a page is damaged, or has a form that neither this pipeline nor Spark writes
 */
export function readPages(
  chunk: Uint8Array,
  layout: ChunkLayout,
  allowance: Allowance,
): Uint8Array[] {
  const pages: Uint8Array[] = [];
  let rows = 0;
  let dictionary: number | undefined;
  for (let at = 0; rows < layout.rows;) {
    const { struct: header, end } = readStruct(chunk, at);
    const compressed = countIn(header, 3, chunk.length - end, "a page's size");
    const size = countIn(header, 2, allowance.bytes, "a page's uncompressed size");
    allowance.bytes -= size;
    const body = chunk.subarray(end, end + compressed);
    at = end + compressed;
    switch (header.get(1)) {
      case DICTIONARY_PAGE: {
        if (dictionary !== undefined || rows > 0) throw new Error("a dictionary is out of place");
        const own = required(header, 7, "a dictionary's header");
        const page = decompress(body, size, layout.codec);
        dictionary = countIn(own, 1, page.length, "a dictionary's count");
        confirmPlain(page, dictionary, layout);
        pages.push(page);
        break;
      }
      case DATA_PAGE: {
        const own = required(header, 5, "a page's header");
        const count = countIn(own, 1, layout.rows - rows, "a page's count");
        const page = decompress(body, size, layout.codec);
        const { present, end: begin } = layout.nullable
          ? readLevels(page, count)
          : { present: count, end: 0 };
        confirmValues(page.subarray(begin), present, own.get(2), layout, dictionary);
        pages.push(page);
        rows += count;
        break;
      }
      case DATA_PAGE_V2: {
        const own = required(header, 8, "a page's header");
        const count = countIn(own, 1, layout.rows - rows, "a page's count");
        const nulls = countIn(own, 2, layout.nullable ? count : 0, "a page's null count");
        countIn(own, 6, 0, "the length of a flat column's repetition levels");
        const levels = countIn(own, 5, Math.min(compressed, size), "the length of a page's levels");
        if (own.get(3) !== count) {
          throw new Error(
            "a page of a flat column has a row count that differs from its value " +
              "count",
          );
        }
        if (layout.nullable) confirmLevels(body.subarray(0, levels), count, count - nulls);
        const stored = body.subarray(levels);
        const page = own.get(7) === false
          ? stored
          : decompress(stored, size - levels, layout.codec);
        confirmValues(page, count - nulls, own.get(4), layout, dictionary);
        if (own.get(7) !== false) pages.push(page);
        rows += count;
        break;
      }
      default:
        throw new Error(`a page has an unknown type (${header.get(1)})`);
    }
  }
  return pages;
}

function required(header: ThriftStruct, field: number, name: string): ThriftStruct {
  const struct = structIn(header, field);
  if (struct === undefined) throw new Error(`${name} is missing`);
  return struct;
}

function decompress(body: Uint8Array, size: number, codec: string): Uint8Array {
  let page: Uint8Array;
  switch (codec) {
    case "UNCOMPRESSED":
      page = body;
      break;
    case "SNAPPY":
      if (size > body.length * MOST_SNAPPY) {
        throw new Error("a page is larger than Snappy makes it");
      }
      page = new Uint8Array(size);
      snappyUncompress(body, page);
      break;
    case "ZSTD":
      // The limit is one byte more than the expected size, so that a longer content is detected
      // instead of truncated.
      page = zstdDecompressSync(body, { maxOutputLength: size + 1 });
      break;
    default:
      throw new Error(`its pages are compressed with ${codec}, not with ZSTD or SNAPPY`);
  }
  if (page.length !== size) throw new Error("the size of a page differs from its header");
  return page;
}

/** The largest compression ratio of Snappy: three bytes expand to 64 bytes at most. */
const MOST_SNAPPY = 24;

function confirmValues(
  page: Uint8Array,
  count: number,
  encoding: unknown,
  layout: ChunkLayout,
  dictionary: number | undefined,
): void {
  if (encoding === PLAIN) return confirmPlain(page, count, layout);
  if (encoding !== PLAIN_DICTIONARY && encoding !== RLE_DICTIONARY) {
    throw new Error(`a page has an encoding that is not supported (${encoding})`);
  }
  if (dictionary === undefined) throw new Error("a page's dictionary is missing");
  const width = page[0];
  if (width === undefined || width > 32) {
    throw new Error(
      "the width of a page's indexes is " +
        "invalid",
    );
  }
  readRuns(page, 1, width, count);
}

function confirmPlain(page: Uint8Array, count: number, { type, typeLength }: ChunkLayout): void {
  if (type === "BYTE_ARRAY") return confirmByteArrays(page, count);
  const width = type === "FIXED_LEN_BYTE_ARRAY" ? typeLength : WIDTHS[type];
  if (!width || width < 1) throw new Error(`its type ${type} is not supported`);
  if (count * width > page.length) throw new Error("a page has fewer values than its header says");
}

/** The length precedes each value. */
function confirmByteArrays(page: Uint8Array, count: number): void {
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 4 > page.length) throw new Error("a page has fewer values than its header says");
    at += 4 + view.getUint32(at, true);
  }
  if (at > page.length) throw new Error("a page ends within a value");
}

/**
 * Reads the definition levels of a page of version 1 and returns the number of values that are
 * present.
 */
function readLevels(page: Uint8Array, count: number): { present: number; end: number } {
  if (page.length < 4) throw new Error("a page is truncated");
  const length = new DataView(page.buffer, page.byteOffset).getUint32(0, true);
  if (length > page.length - 4) throw new Error("a page's levels are longer than the page");
  const end = 4 + length;
  return { present: readRuns(page.subarray(0, end), 4, 1, count), end };
}

function confirmLevels(levels: Uint8Array, count: number, present: number): void {
  if (readRuns(levels, 0, 1, count) !== present) {
    throw new Error("a page's levels and its null count differ");
  }
}

/**
 * Validates the runs of Parquet's RLE and bit-packing hybrid encoding.
 *
 * @param width bits of a value
 * @returns the number of values that are 1, if the values have one bit
 */
function readRuns(bytes: Uint8Array, offset: number, width: number, count: number): number {
  let ones = 0;
  let at = offset;
  for (let seen = 0; seen < count;) {
    let run = 0;
    for (let shift = 0;; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined || shift > 28) throw new Error("a run in a page is truncated");
      run += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    const values = run & 1 ? (run >>> 1) * 8 : Math.floor(run / 2);
    // Packed values come in groups of eight, and some writers pad with further groups.
    const most = run & 1 ? width === 0 ? count - seen + 7 : Infinity : count - seen;
    if (run >= 2 ** 31 || values === 0 || values > most) {
      throw new Error("a page's run is longer than the page");
    }
    // The decoder takes a byte also of packed values that have no bits.
    const packed = width === 0 ? Math.min(1, bytes.length - at) : values / 8 * width;
    const size = run & 1 ? packed : Math.ceil(width / 8);
    if (at + size > bytes.length) throw new Error("a run in a page is truncated");
    if (width === 1) {
      ones += run & 1 ? countOnes(bytes, at, count - seen, values) : oneOf(bytes[at]!) * values;
    }
    at += size;
    seen += values;
  }
  return ones;
}

function oneOf(level: number): number {
  if (level > 1) throw new Error("a level of a flat column is more than 1");
  return level;
}

function countOnes(bytes: Uint8Array, at: number, most: number, values: number): number {
  let ones = 0;
  for (let i = 0; i < Math.min(most, values); i++) ones += bytes[at + (i >> 3)]! >> (i & 7) & 1;
  return ones;
}
