// The encodings of Parquet pages that need more than a copy of bytes. Definition levels and
// dictionary indexes use the same hybrid: a run of one value, or a run of packed bits.

/**
 * A number as a varint: seven bits per byte, the lowest first.
 *
 * @param value an integer from 0 to 2^32 - 1
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { varint } from "./page_encoding.ts";
 * assertEquals(varint(300), [0xac, 0x02]);
 * ```
 */
export function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value > 0x7f; value >>>= 7) bytes.push(value & 0x7f | 0x80);
  bytes.push(value);
  return bytes;
}

/** The head of a run of packed bits, which has groups of eight values. */
function packedHead(groups: number): number[] {
  return varint(groups << 1 | 1);
}

/**
 * The definition levels of a nullable column. If all rows are null, or no row is null, the levels
 * are one run.
 *
 * @param bits one bit per row, the lowest bit of a byte first; 1 if the row has a value. Bits after
 *   the last row must be 0.
 * @param nulls the number of rows that are null
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { definitionLevels } from "./page_encoding.ts";
 * assertEquals(definitionLevels(Uint8Array.of(0b101), 3, 1), Uint8Array.of(0b11, 0b101));
 * assertEquals(definitionLevels(Uint8Array.of(0b111), 3, 0), Uint8Array.of(6, 1));
 * ```
 */
export function definitionLevels(bits: Uint8Array, rows: number, nulls: number): Uint8Array {
  if (nulls === 0 || nulls === rows) {
    return Uint8Array.of(...varint(rows << 1), nulls === 0 ? 1 : 0);
  }
  const groups = (rows + 7) >> 3;
  const head = packedHead(groups);
  const levels = new Uint8Array(head.length + groups);
  levels.set(head);
  levels.set(bits.subarray(0, groups), head.length);
  return levels;
}

/**
 * The values of a page with a dictionary: the width of an index in bits, and all indexes as one run
 * of packed bits.
 *
 * @param indexes the entries' places in the dictionary, one per value
 * @param count the number of indexes that are used
 * @param entries the size of the dictionary, at most 2^16
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { dictionaryIndexes } from "./page_encoding.ts";
 * const indexes = Uint16Array.of(0, 1, 2);
 * assertEquals(dictionaryIndexes(indexes, 3, 3), Uint8Array.of(2, 0b11, 0b100100, 0));
 * ```
 */
export function dictionaryIndexes(
  indexes: Uint16Array,
  count: number,
  entries: number,
): Uint8Array {
  const width = entries > 1 ? 32 - Math.clz32(entries - 1) : 0;
  const groups = (count + 7) >> 3;
  const head = packedHead(groups);
  const values = new Uint8Array(1 + head.length + groups * width);
  values[0] = width;
  values.set(head, 1);
  let at = 1 + head.length;
  let buffer = 0, bits = 0;
  for (let i = 0; i < groups << 3; i++) {
    buffer |= (i < count ? indexes[i]! : 0) << bits;
    bits += width;
    for (; bits >= 8; bits -= 8) {
      values[at++] = buffer;
      buffer >>>= 8;
    }
  }
  return values;
}

/**
 * Compares two texts byte by byte, which is Parquet's order for strings.
 *
 * @returns a number below, equal to or above 0
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { compareBytes } from "./page_encoding.ts";
 * assert(compareBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2, 0)) < 0);
 * ```
 */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}
