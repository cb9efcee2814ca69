// Parquet's hybrid of runs and packed bits holds definition levels and dictionary indexes. Each
// function validates a run before it fills anything, so that a damaged run is not followed.

/** The largest width of an index, in bits. A dictionary of 2^24 entries does not fit into a part. */
const MOST_BITS = 24;

/**
 * Reads the levels of a nullable flat column.
 *
 * @param rows receives -1 for each row without a value, and 0 for the others
 * @returns the number of rows without a value
 * @throws {Error} a run is empty, too long or truncated, or a level is more than 1
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readLevels } from "./page_runs.ts";
 * const rows = new Int32Array(3);
 * assertEquals(readLevels(Uint8Array.of(0b11, 0b101), rows), 1);
 * assertEquals([...rows], [0, -1, 0]);
 * ```
 */
export function readLevels(bytes: Uint8Array, rows: Int32Array): number {
  let nulls = 0;
  let at = 0;
  for (let row = 0; row < rows.length;) {
    const { values, packed, next } = readHead(bytes, at, 1, rows.length - row);
    at = next;
    if (!packed) {
      const level = bytes[at++]!;
      if (level > 1) throw new Error("a level of a flat column is more than 1");
      rows.fill(level - 1, row, row + values);
      if (level === 0) nulls += values;
      row += values;
      continue;
    }
    const stop = Math.min(rows.length, row + values);
    for (let bit = 0; row < stop; bit++) {
      const absent = bytes[at + (bit >> 3)]! >> (bit & 7) & 1 ^ 1;
      nulls += absent;
      rows[row++] = -absent;
    }
    at += values >> 3;
  }
  return nulls;
}

/**
 * Reads indexes into a dictionary: one byte with their width in bits, then the runs.
 *
 * @param rows -1 for each row without a value; the others receive an index, which can be larger
 *   than the dictionary
 * @throws {Error} a run is empty, too long or truncated
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readIndexes } from "./page_runs.ts";
 * const rows = Int32Array.of(0, -1, 0);
 * readIndexes(Uint8Array.of(2, 0b11, 0b1001, 0), rows);
 * assertEquals([...rows], [1, -1, 2]);
 * ```
 */
export function readIndexes(bytes: Uint8Array, rows: Int32Array): void {
  let count = 0;
  for (let i = 0; i < rows.length; i++) count += rows[i]! + 1;
  const width = bytes[0];
  if (width === undefined && count === 0) return;
  if (width === undefined || width > MOST_BITS) {
    throw new Error("the width of a page's indexes is invalid");
  }
  let at = 1;
  let row = 0;
  for (let seen = 0; seen < count;) {
    const { values, packed, next } = readHead(bytes, at, width, count - seen);
    at = next;
    const some = Math.min(values, count - seen);
    if (packed) {
      row = count === rows.length
        ? unpackAll(bytes, at, width, some, rows, row)
        : unpack(bytes, at, width, some, rows, row);
      at += (values >> 3) * width;
    } else {
      let index = 0;
      for (let shift = 0; shift < width; shift += 8) index |= bytes[at++]! << shift;
      for (let left = some; left > 0; row++) {
        if (rows[row]! < 0) continue;
        rows[row] = index;
        left--;
      }
    }
    seen += some;
  }
}

/** Unpacks values into the rows that have a value. Returns the next row. */
function unpack(
  bytes: Uint8Array,
  from: number,
  width: number,
  count: number,
  rows: Int32Array,
  firstRow: number,
): number {
  const mask = (1 << width) - 1;
  let row = firstRow;
  let at = from;
  let buffer = 0;
  let bits = 0;
  for (let left = count; left > 0; row++) {
    if (rows[row]! < 0) continue;
    for (; bits < width; bits += 8) buffer |= bytes[at++]! << bits;
    rows[row] = buffer & mask;
    buffer >>>= width;
    bits -= width;
    left--;
  }
  return row;
}

/** Unpacks values into rows that all have a value. Returns the next row. */
function unpackAll(
  bytes: Uint8Array,
  from: number,
  width: number,
  count: number,
  rows: Int32Array,
  firstRow: number,
): number {
  const mask = (1 << width) - 1;
  const end = firstRow + count;
  let at = from;
  let buffer = 0;
  let bits = 0;
  for (let row = firstRow; row < end; row++) {
    for (; bits < width; bits += 8) buffer |= bytes[at++]! << bits;
    rows[row] = buffer & mask;
    buffer >>>= width;
    bits -= width;
  }
  return end;
}

/**
 * Reads and validates the head of a run.
 *
 * @param width bits of a value
 * @param left the number of values that are still missing
 */
function readHead(
  bytes: Uint8Array,
  from: number,
  width: number,
  left: number,
): { readonly values: number; readonly packed: boolean; readonly next: number } {
  let at = from;
  let head = 0;
  for (let shift = 0;; shift += 7) {
    const byte = bytes[at++];
    if (byte === undefined || shift > 28) throw new Error("a run in a page is truncated");
    head += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  const packed = head % 2 === 1;
  const values = packed ? (head - 1) / 2 * 8 : head / 2;
  // Packed values come in groups of eight, and some writers pad with further groups.
  const most = packed ? width === 0 ? left + 7 : Infinity : left;
  if (head >= 2 ** 31 || values === 0 || values > most) {
    throw new Error("a page's run is longer than the page");
  }
  const size = packed ? values / 8 * width : Math.ceil(width / 8);
  if (at + size > bytes.length) throw new Error("a run in a page is truncated");
  return { values, packed, next: at };
}
