import type { Chunk } from "./lake/parquet_pages.ts";

// The values of one column for many operations, in typed arrays. An operation is known by its
// index. The arrays have their full size from the beginning, so they never move; the system gives
// memory only to the part of an array that was written to.

/** Values of one width. */
export interface FixedCells {
  /** Distinguishes the kinds of cells. */
  readonly kind: "fixed";
  /** The number of bytes of a value. */
  readonly width: number;
  /** The values, one behind the other, by index. */
  readonly view: DataView;
}

/** Texts. A long text is stored apart. */
export interface TextCells {
  /** Distinguishes the kinds of cells. */
  readonly kind: "text";
  /** The number of bytes that each text has room for. */
  readonly width: number;
  /** The texts, each at the beginning of its room. */
  readonly view: DataView;
  /** The length of each text in bytes; {@linkcode LONG} if it has no room. */
  readonly lengths: Uint8Array;
  /** The texts that have no room, by index. */
  readonly long: Map<number, Uint8Array>;
}

/** Texts of which there are few. Each index has the number of its text. */
export interface CodedCells {
  /** Distinguishes the kinds of cells. */
  readonly kind: "coded";
  /** The number of each text, by index. */
  readonly codes: Uint32Array;
  /** The texts, by number. */
  readonly texts: TextTable;
}

/** The values of one column. */
export type Cells = FixedCells | TextCells | CodedCells;

/** The length of a text that is longer than its room. */
export const LONG = 255;

/** Begins a column with values of one width. */
export function fixedCells(width: number, capacity: number): FixedCells {
  return { kind: "fixed", width, view: new DataView(new ArrayBuffer(width * capacity)) };
}

/** Begins a column of texts. Most texts must fit into `width` bytes, which are below 255. */
export function textCells(width: number, capacity: number): TextCells {
  const view = new DataView(new ArrayBuffer(width * capacity));
  return { kind: "text", width, view, lengths: new Uint8Array(capacity), long: new Map() };
}

/** Begins a column of texts that repeat. */
export function codedCells(capacity: number): CodedCells {
  return { kind: "coded", codes: new Uint32Array(capacity), texts: textTable() };
}

/** Rows whose values are copied. */
export interface Picks {
  /** The number of rows. */
  count: number;
  /** The rows. */
  readonly rows: Int32Array;
  /** The index that each row is for. */
  readonly targets: Int32Array;
}

/**
 * Begins a column of a kind. `width` is the number of bytes of a value or of the room of a text.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { cellsOf } from "./typed_columns.ts";
 * assertEquals(cellsOf("fixed", 8, 100).kind, "fixed");
 * ```
 */
export function cellsOf(kind: Cells["kind"], width: number, capacity: number): Cells {
  switch (kind) {
    case "fixed":
      return fixedCells(width, capacity);
    case "text":
      return textCells(width, capacity);
    case "coded":
      return codedCells(capacity);
  }
}

/**
 * Frees the memory of cells at once, instead of at some later garbage collection.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { cellsOf, freeCells } from "./typed_columns.ts";
 * const cells = cellsOf("coded", 0, 100);
 * freeCells(cells);
 * assertEquals(cells.kind === "coded" && cells.codes.length, 0);
 * ```
 */
export function freeCells(cells: Cells): void {
  const arrays = cells.kind === "fixed"
    ? [cells.view]
    : cells.kind === "text"
    ? [cells.view, cells.lengths]
    : [cells.codes];
  for (const { buffer } of arrays) (buffer as ArrayBuffer).transfer(0);
}

/**
 * Copies the values of rows into cells. A later row replaces the value of an earlier row.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { cellsOf, takeValues } from "./typed_columns.ts";
 * const bytes = Uint8Array.of(7, 0, 0, 0);
 * const places = Int32Array.of(0);
 * const chunk = { rows: 1, nulls: 0, bytes, view: new DataView(bytes.buffer), places };
 * const cells = cellsOf("fixed", 4, 2);
 * takeValues(cells, chunk, { count: 1, rows: Int32Array.of(0), targets: Int32Array.of(1) });
 * assertEquals(cells.kind === "fixed" && cells.view.getInt32(4, true), 7);
 * ```
 */
export function takeValues(cells: Cells, chunk: Chunk, picks: Picks): void {
  switch (cells.kind) {
    case "fixed":
      return takeFixed(cells, chunk, picks);
    case "text":
      return takeTexts(cells, chunk, picks);
    case "coded":
      return takeCodes(cells, chunk, picks);
  }
}

function takeFixed(
  { view: out, width }: FixedCells,
  { view, places }: Chunk,
  { count, rows, targets }: Picks,
): void {
  for (let i = 0; i < count; i++) {
    copyBytes(view, places[rows[i]!]!, out, targets[i]! * width, width);
  }
}

function takeTexts(
  { view: out, width, lengths, long }: TextCells,
  { view, bytes, places }: Chunk,
  { count, rows, targets }: Picks,
): void {
  for (let i = 0; i < count; i++) {
    const target = targets[i]!;
    const place = places[rows[i]!]!;
    const length = view.getUint32(place - 4, true);
    if (lengths[target] === LONG) long.delete(target);
    if (length <= width) {
      copyBytes(view, place, out, target * width, length);
      lengths[target] = length;
    } else {
      lengths[target] = LONG;
      long.set(target, bytes.slice(place, place + length));
    }
  }
}

function takeCodes(
  { codes, texts }: CodedCells,
  chunk: Chunk,
  { count, rows, targets }: Picks,
): void {
  const own = codesOf(chunk, texts, 0, chunk.rows);
  for (let i = 0; i < count; i++) codes[targets[i]!] = own[rows[i]!]!;
}

/** Copies bytes in steps of four. */
export function copyBytes(
  from: DataView,
  place: number,
  to: DataView,
  target: number,
  length: number,
): void {
  let n = 0;
  for (; n + 4 <= length; n += 4) to.setInt32(target + n, from.getInt32(place + n));
  for (; n < length; n++) to.setUint8(target + n, from.getUint8(place + n));
}

/** Different texts, numbered from 0. */
export interface TextTable {
  /** The texts, by number. */
  readonly texts: Uint8Array[];
  /** The numbers of the texts with a hash. */
  readonly byHash: Map<number, number[]>;
}

/** Begins a table without texts. */
export function textTable(): TextTable {
  return { texts: [], byHash: new Map() };
}

/**
 * The number of the text of each row. A dictionary's entries are looked up only once.
 *
 * @param from the first row
 * @param to the row after the last one
 * @returns the numbers by row; a row without a text has any number
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { codesOf, textTable } from "./typed_columns.ts";
 * const bytes = new TextEncoder().encode("\x01\0\0\0a\x01\0\0\0b");
 * const places = Int32Array.of(4, 9, -1);
 * const chunk = { rows: 3, nulls: 1, bytes, view: new DataView(bytes.buffer), places };
 * assertEquals([...codesOf(chunk, textTable(), 0, 3)].slice(0, 2), [0, 1]);
 * ```
 */
export function codesOf(chunk: Chunk, table: TextTable, from: number, to: number): Uint32Array {
  const { rows, places, dictionary } = chunk;
  const codes = new Uint32Array(rows);
  if (dictionary === undefined) {
    for (let row = from; row < to; row++) {
      if (places[row]! >= 0) codes[row] = codeOf(chunk, places[row]!, table);
    }
    return codes;
  }
  const { places: entries, indexes } = dictionary;
  const known = Uint32Array.from(entries, (place) => codeOf(chunk, place, table));
  for (let row = from; row < to; row++) {
    if (indexes[row]! >= 0) codes[row] = known[indexes[row]!]!;
  }
  return codes;
}

/** The number of the text at a place, which is added to the table if it is new. */
export function codeOf(
  { bytes, view }: Pick<Chunk, "bytes" | "view">,
  place: number,
  { texts, byHash }: TextTable,
): number {
  const length = view.getUint32(place - 4, true);
  let hash = length;
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ bytes[place + i]!, 0x0100_0193);
  const alike = byHash.get(hash);
  const found = alike?.find((code) => isSame(texts[code]!, bytes, place, length));
  if (found !== undefined) return found;
  const code = texts.length;
  texts.push(bytes.slice(place, place + length));
  if (alike === undefined) byHash.set(hash, [code]);
  else alike.push(code);
  return code;
}

function isSame(text: Uint8Array, bytes: Uint8Array, place: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let i = 0; i < length; i++) if (text[i] !== bytes[place + i]) return false;
  return true;
}

/**
 * Sorts indexes by signed 64-bit integers, one byte of the keys after the other, from the lowest.
 *
 * @param keys the lower and the upper half of each integer, by index. The last key decides first.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { sortIndexes } from "./typed_columns.ts";
 * const key = new Int32Array(new BigInt64Array([5n, -1n, 3n]).buffer);
 * assertEquals([...sortIndexes(Uint32Array.of(0, 1, 2), [key])], [1, 2, 0]);
 * ```
 */
export function sortIndexes(
  indexes: Uint32Array,
  keys: readonly Int32Array[],
): Uint32Array<ArrayBuffer> {
  const count = indexes.length;
  let order = indexes.slice();
  let other = new Uint32Array(count);
  for (const numbers of keys.values().flatMap((halves) => unsignedNumbers(indexes, halves))) {
    const found = countBytes(indexes, numbers);
    for (let byte = 0; byte < 4; byte++) {
      const own = found.subarray(256 * byte, 256 * (byte + 1));
      if (own.includes(count)) continue; // the byte is the same in all numbers
      const shift = 8 * byte;
      const places = new Uint32Array(256);
      for (let value = 1; value < 256; value++) {
        places[value] = places[value - 1]! + own[value - 1]!;
      }
      for (let i = 0; i < count; i++) {
        const index = order[i]!;
        other[places[numbers[index]! >>> shift & 0xff]!++] = index;
      }
      [order, other] = [other, order];
    }
    numbers.buffer.transfer(0); // frees the memory at once
  }
  other.buffer.transfer(0);
  return order;
}

/**
 * Numbers in the order of 64-bit integers: the distance from the least integer if it fits into 32
 * bits, since few of its bytes differ then; otherwise both halves, the lower one first.
 */
function unsignedNumbers(indexes: Uint32Array, halves: Int32Array): Uint32Array<ArrayBuffer>[] {
  let [minHigh, minLow, maxHigh, maxLow] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < indexes.length; i++) {
    const low = halves[2 * indexes[i]!]! >>> 0;
    const high = halves[2 * indexes[i]! + 1]!;
    if (high < minHigh || high === minHigh && low < minLow) [minHigh, minLow] = [high, low];
    if (high > maxHigh || high === maxHigh && low > maxLow) [maxHigh, maxLow] = [high, low];
  }
  const isNarrow = (maxHigh - minHigh) * 2 ** 32 + maxLow - minLow < 2 ** 32;
  const lows = new Uint32Array(halves.length / 2);
  const highs = new Uint32Array(isNarrow ? 0 : lows.length);
  for (let i = 0; i < indexes.length; i++) {
    const index = indexes[i]!;
    lows[index] = isNarrow ? halves[2 * index]! - minLow : halves[2 * index]!;
    if (!isNarrow) highs[index] = halves[2 * index + 1]! ^ 0x8000_0000; // negative ones come first
  }
  return isNarrow ? [lows] : [lows, highs];
}

/** The number of times that each byte has each value, beginning with the lowest byte. */
function countBytes(indexes: Uint32Array, numbers: Uint32Array): Uint32Array {
  const found = new Uint32Array(4 * 256);
  for (let i = 0; i < indexes.length; i++) {
    const number = numbers[indexes[i]!]!;
    found[number & 0xff]!++;
    found[256 + (number >>> 8 & 0xff)]!++;
    found[512 + (number >>> 16 & 0xff)]!++;
    found[768 + (number >>> 24)]!++;
  }
  return found;
}
