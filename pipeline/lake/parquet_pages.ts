import { zstdDecompressSync, type ZstdOptions } from "node:zlib";
import { snappyUncompress } from "hyparquet";
import { LARGEST_POOL } from "./buffer_pool.ts";
import type { Page } from "./page_file.ts";
import { readIndexes, readLevels } from "./page_runs.ts";
import { sourceOf } from "./thread_code.ts";
import { countIn, readStruct, structIn, type ThriftStruct } from "./thrift.ts";

// A column chunk is a sequence of pages: first a dictionary, if there is one, then data pages. Here
// the pages are found, decompressed, and searched for the places of their values. No value is made.
// Each count and each size is validated before use, so the size of the input bounds time and memory.

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

/** A page of a column chunk as its file stores it. */
export interface StoredPage {
  /** The bytes that a decompressor gets: without the levels if these are stored before them. */
  readonly body: Uint8Array;
  /** The size of the body after decompression, in bytes. */
  readonly size: number;
  /** `UNCOMPRESSED`, `SNAPPY` or `ZSTD`. */
  readonly codec: string;
  /** The number of values, including absent values. */
  readonly count: number;
  /** Parquet's number for the encoding of the values; undefined for a dictionary. */
  readonly encoding: number | undefined;
  /** The levels in a page of version 2; undefined if the body begins with the levels, if any. */
  readonly levels: Uint8Array | undefined;
  /** The number of absent values according to the header; undefined if the header lacks it. */
  readonly nulls: number | undefined;
}

/** The places of the values of a column chunk. */
export interface Chunk {
  /** The number of rows. */
  readonly rows: number;
  /** The number of rows without a value. */
  readonly nulls: number;
  /** The content that the places refer to. */
  readonly bytes: Uint8Array;
  /** The same bytes. */
  readonly view: DataView;
  /**
   * The place of the value of each row; -1 if the row has none. The length of a `BYTE_ARRAY` is in
   * the four bytes before its place, with the lowest byte first.
   */
  readonly places: Int32Array;
  /** Present if every value comes from one dictionary. */
  readonly dictionary?: {
    /** The place of each entry. */
    readonly places: Int32Array;
    /** The entry of each row; -1 if the row has no value. */
    readonly indexes: Int32Array;
  };
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
 * Lists the pages of a flat column's chunk.
 *
 * @param chunk the chunk's bytes
 * @param allowance the limit for the decompressed size
 * @throws {Error} a page header is damaged, or has a form that neither this pipeline nor Spark writes
 */
export function listPages(
  chunk: Uint8Array,
  layout: ChunkLayout,
  allowance: Allowance,
): StoredPage[] {
  const pages: StoredPage[] = [];
  let rows = 0;
  for (let at = 0; rows < layout.rows;) {
    const { struct: header, end } = readStruct(chunk, at);
    const compressed = countIn(header, 3, chunk.length - end, "a page's size");
    const size = countIn(header, 2, allowance.bytes, "a page's uncompressed size");
    allowance.bytes -= size;
    const body = chunk.subarray(end, end + compressed);
    at = end + compressed;
    const page = storedPage(header, body, size, layout, layout.rows - rows);
    if (page.encoding === undefined) {
      if (pages.length > 0) throw new Error("a dictionary is out of place");
    } else rows += page.count;
    pages.push(page);
  }
  return pages;
}

/** @param most the largest number of values that a data page may have */
function storedPage(
  header: ThriftStruct,
  body: Uint8Array,
  size: number,
  { codec, nullable }: ChunkLayout,
  most: number,
): StoredPage {
  const all = { body, size, codec, levels: undefined, nulls: undefined };
  switch (header.get(1)) {
    case DICTIONARY_PAGE: {
      const own = required(header, 7, "a dictionary's header");
      return { ...all, count: countIn(own, 1, size, "a dictionary's count"), encoding: undefined };
    }
    case DATA_PAGE: {
      const own = required(header, 5, "a page's header");
      return {
        ...all,
        count: countIn(own, 1, most, "a page's count"),
        encoding: encodingIn(own, 2),
      };
    }
    case DATA_PAGE_V2: {
      const own = required(header, 8, "a page's header");
      const count = countIn(own, 1, most, "a page's count");
      const nulls = countIn(own, 2, nullable ? count : 0, "a page's null count");
      countIn(own, 6, 0, "the length of a flat column's repetition levels");
      const length = countIn(
        own,
        5,
        Math.min(body.length, size),
        "the length of a page's levels",
      );
      if (own.get(3) !== count) {
        throw new Error(
          "a page of a flat column has a row count that differs from its value count",
        );
      }
      return {
        body: body.subarray(length),
        size: size - length,
        codec: own.get(7) === false ? "UNCOMPRESSED" : codec,
        count,
        encoding: encodingIn(own, 4),
        levels: body.subarray(0, length),
        nulls,
      };
    }
    default:
      throw new Error(`a page has an unknown type (${header.get(1)})`);
  }
}

/** Returns a page that is being written, and its dictionary, in the form of stored pages. */
export function storedPages({ rows, nulls, levels, values, dictionary }: Page): StoredPage[] {
  const common = { codec: "UNCOMPRESSED", levels: undefined, nulls: undefined };
  const data = { ...common, body: values, size: values.length, count: rows, levels, nulls };
  if (dictionary === undefined) return [{ ...data, encoding: PLAIN }];
  const { entries, values: body } = dictionary;
  return [
    { ...common, body, size: body.length, count: entries, encoding: undefined },
    { ...data, encoding: RLE_DICTIONARY },
  ];
}

function required(header: ThriftStruct, field: number, name: string): ThriftStruct {
  const struct = structIn(header, field);
  if (struct === undefined) throw new Error(`${name} is missing`);
  return struct;
}

function encodingIn(header: ThriftStruct, field: number): number {
  const encoding = header.get(field);
  switch (encoding) {
    case PLAIN:
    case PLAIN_DICTIONARY:
    case RLE_DICTIONARY:
      return encoding;
    default:
      throw new Error(`a page has an encoding that is not supported (${encoding})`);
  }
}

/** The smallest chunk that zlib accepts, in bytes. */
const LEAST_CHUNK = 64;
/** The largest compression ratio of Snappy: three bytes expand to 64 bytes at most. */
const MOST_SNAPPY = 24;

/**
 * Decompresses the body of a page.
 *
 * @throws {Error} the content is damaged, or does not have the size in the header
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { zstdCompressSync } from "node:zlib";
 * import { decompress } from "./parquet_pages.ts";
 * const plain = Uint8Array.of(7, 0, 0, 0); // one INT32
 * const body = new Uint8Array(zstdCompressSync(plain));
 * const page = { body, size: 4, codec: "ZSTD", count: 1, encoding: 0 };
 * assertEquals(decompress({ ...page, levels: undefined, nulls: undefined }), plain);
 * ```
 */
export function decompress(page: StoredPage): Uint8Array {
  const { body, size, codec } = page;
  let content: Uint8Array;
  switch (codec) {
    case "UNCOMPRESSED":
      content = body;
      break;
    case "SNAPPY":
      if (size > body.length * MOST_SNAPPY) {
        throw new Error("a page is larger than Snappy makes it");
      }
      content = new Uint8Array(size);
      snappyUncompress(body, content);
      break;
    case "ZSTD":
      return decompressZstd(page);
    default:
      throw new Error(`its pages are compressed with ${codec}, not with ZSTD or SNAPPY`);
  }
  confirmSize(content, page);
  return content;
}

/**
 * Decompresses a body that is compressed with Zstandard, as {@linkcode decompress}.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { decompressZstd } from "./parquet_pages.ts";
 * assertEquals(decompressZstd({ body: new Uint8Array(0), size: 0 }).length, 0);
 * ```
 */
export function decompressZstd(page: Pick<StoredPage, "body" | "size">): Uint8Array {
  const { body, size } = page;
  // A page without values can have an empty body, which is not even an empty frame.
  if (size === 0 && body.length === 0) return body;
  const content = plainBytes(zstdDecompressSync(body, optionsFor(page)));
  confirmSize(content, page);
  return content;
}

/**
 * The limit is one byte more than the expected size, so that a longer content is detected instead of
 * truncated. One chunk for all of the content saves a copy.
 */
function optionsFor({ size }: Pick<StoredPage, "size">): ZstdOptions {
  return { maxOutputLength: size + 1, chunkSize: Math.max(size + 1, LEAST_CHUNK) };
}

function confirmSize({ length }: Uint8Array, { size }: Pick<StoredPage, "size">): void {
  if (length !== size) throw new Error("the size of a page differs from its header");
}

/** The same bytes as a plain array. The method `slice` of a Buffer does not copy. */
function plainBytes({ buffer, byteOffset, length }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, length);
}

/**
 * Finds the places of the values in the pages of a column chunk.
 *
 * @param pages the result of {@linkcode listPages}
 * @param contents the decompressed body of each page
 * @throws {Error} a page is damaged
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { findValues } from "./parquet_pages.ts";
 * const body = Uint8Array.of(7, 0, 0, 0, 8, 0, 0, 0); // two plain values of INT32
 * const codec = "UNCOMPRESSED";
 * const page = { body, size: 8, codec, count: 2, encoding: 0, levels: undefined, nulls: undefined };
 * const layout = { codec, type: "INT32", typeLength: undefined, nullable: false, rows: 2 };
 * const { places, view } = findValues([page], [body], layout);
 * assertEquals(view.getInt32(places[1]!, true), 8);
 * ```
 */
export function findValues(
  pages: readonly StoredPage[],
  contents: readonly Uint8Array[],
  layout: ChunkLayout,
): Chunk {
  const { rows } = layout;
  const width = widthOf(layout);
  const origins = new Array<number>(contents.length);
  const total = contents.reduce((sum, { length }, i) => {
    origins[i] = sum;
    return sum + length;
  }, 0);
  const bytes = contents.length === 1 ? contents[0]! : joined(contents, total);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const places = new Int32Array(rows);
  let entries: Int32Array | undefined;
  let indexes: Int32Array | undefined;
  let plain = false;
  let row = 0;
  let absent = 0;
  pages.forEach(({ count, encoding, levels, nulls }, i) => {
    let begin = origins[i]!;
    const end = begin + contents[i]!.length;
    if (encoding === undefined) {
      if (count * (width || 4) > end - begin) {
        throw new Error("a page has fewer values than its header says");
      }
      entries = new Int32Array(count);
      findPlain(view, begin, end, width, entries);
      indexes = new Int32Array(rows);
      return;
    }
    const page = places.subarray(row, row + count);
    const present = page; // 0 or -1 at first, then the places
    if (layout.nullable) {
      if (levels === undefined) {
        const length = end - begin < 4 ? NaN : view.getUint32(begin, true);
        if (!(length <= end - begin - 4)) {
          throw new Error("a page's levels are longer than the page");
        }
        absent += readLevels(bytes.subarray(begin + 4, begin + 4 + length), present);
        begin += 4 + length;
      } else {
        const found = readLevels(levels, present);
        if (found !== nulls) throw new Error("a page's levels and its null count differ");
        absent += found;
      }
    }
    if (encoding === PLAIN) {
      findPlain(view, begin, end, width, page);
      plain = true;
    } else {
      if (entries === undefined) throw new Error("a page's dictionary is missing");
      const own = indexes!.subarray(row, row + count);
      own.set(present);
      readIndexes(bytes.subarray(begin, end), own);
      lookUp(own, entries, page);
    }
    row += count;
  });
  return {
    rows,
    nulls: absent,
    bytes,
    view,
    places,
    ...(entries === undefined || plain
      ? {}
      : { dictionary: { places: entries, indexes: indexes! } }),
  };
}

/**
 * Frees the memory of a chunk at once, instead of at some later garbage collection. The chunk must
 * not be used any more.
 *
 * @param pages the pages that the chunk was made from; their bytes are kept
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { freeChunk } from "./parquet_pages.ts";
 * const bytes = new Uint8Array(8);
 * const places = Int32Array.of(0, 4);
 * freeChunk({ rows: 2, nulls: 0, bytes, view: new DataView(bytes.buffer), places }, []);
 * assertEquals(places.length, 0);
 * ```
 */
export function freeChunk(
  { bytes, places, dictionary }: Chunk,
  pages: readonly StoredPage[],
): void {
  freeContent(bytes, pages);
  for (const array of [places, dictionary?.places, dictionary?.indexes]) {
    (array?.buffer as ArrayBuffer | undefined)?.transfer(0);
  }
}

/** Frees the memory of decompressed bytes, as {@linkcode freeChunk}. */
export function freeContent({ buffer, length }: Uint8Array, pages: readonly StoredPage[]): void {
  const isShared = pages.some(({ body }) => body.buffer === buffer);
  if (!isShared && length > LARGEST_POOL) (buffer as ArrayBuffer).transfer(0);
}

function widthOf({ type, typeLength }: ChunkLayout): number {
  if (type === "BYTE_ARRAY") return 0;
  const width = type === "FIXED_LEN_BYTE_ARRAY" ? typeLength : WIDTHS[type];
  if (!width || width < 1) throw new Error(`its type ${type} is not supported`);
  return width;
}

function joined(contents: readonly Uint8Array[], length: number): Uint8Array {
  if (length >= 2 ** 31) throw new Error("its pages are too large");
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const content of contents) {
    bytes.set(content, at);
    at += content.length;
  }
  return bytes;
}

/**
 * Finds values that follow each other.
 *
 * @param width bytes of a value; 0 if its length precedes each value
 * @param places -1 for each row without a value; the others are replaced by the places
 */
function findPlain(
  view: DataView,
  begin: number,
  end: number,
  width: number,
  places: Int32Array,
): void {
  let at = begin;
  if (width > 0) {
    for (let i = 0; i < places.length; i++) {
      if (places[i]! < 0) continue;
      places[i] = at;
      at += width;
    }
    if (at > end) throw new Error("a page has fewer values than its header says");
    return;
  }
  for (let i = 0; i < places.length; i++) {
    if (places[i]! < 0) continue;
    if (at + 4 > end) throw new Error("a page has fewer values than its header says");
    places[i] = at + 4;
    at += 4 + view.getUint32(at, true);
  }
  if (at > end) throw new Error("a page ends within a value");
}

/** Replaces the places of the rows that have a value by those of their dictionary entries. */
function lookUp(indexes: Int32Array, entries: Int32Array, places: Int32Array): void {
  for (let i = 0; i < indexes.length; i++) {
    const index = indexes[i]!;
    if (index < 0) continue;
    if (index >= entries.length) throw new Error("an index is outside of its dictionary");
    places[i] = entries[index]!;
  }
}

/** The code of {@linkcode decompressZstd}, for another thread. */
export const DECOMPRESS_ZSTD_CODE: string = sourceOf(
  [decompressZstd, optionsFor, confirmSize, plainBytes],
  { LEAST_CHUNK },
);
