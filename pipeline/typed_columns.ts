/** Many values of one kind, by index, stored compactly. */
export interface Cells<T> {
  /** The value at an index that was set before. */
  get(index: number): T;
  /** Stores a value at an index. */
  set(index: number, value: T): void;
}

// New chunks are added as indexes grow, so existing values are never copied.
const CHUNK_BITS = 14;
const CHUNK = 1 << CHUNK_BITS;
const WITHIN = CHUNK - 1;

/**
 * 64-bit integers.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { int64Cells } from "./typed_columns.ts";
 * const cells = int64Cells();
 * cells.set(100_000, -5n);
 * assertEquals(cells.get(100_000), -5n);
 * ```
 */
export function int64Cells(): Cells<bigint> {
  const chunks: BigInt64Array[] = [];
  return {
    get: (index) => chunks[index >>> CHUNK_BITS]![index & WITHIN]!,
    set(index, value) {
      (chunks[index >>> CHUNK_BITS] ??= new BigInt64Array(CHUNK))[index & WITHIN] = value;
    },
  };
}

/** Whole numbers below 2^32. An index without a value is 0. */
export function rankCells(): Cells<number> {
  const chunks: Uint32Array[] = [];
  return {
    get: (index) => chunks[index >>> CHUNK_BITS]?.[index & WITHIN] ?? 0,
    set(index, value) {
      (chunks[index >>> CHUNK_BITS] ??= new Uint32Array(CHUNK))[index & WITHIN] = value;
    },
  };
}

/** Byte arrays of one width. Values are copied in, so that their source buffers can be freed. */
export function bytesCells(width: number): Cells<Uint8Array> {
  const chunks: Uint8Array[] = [];
  return {
    get(index) {
      const at = (index & WITHIN) * width;
      return chunks[index >>> CHUNK_BITS]!.subarray(at, at + width);
    },
    set(index, value) {
      const chunk = chunks[index >>> CHUNK_BITS] ??= new Uint8Array(CHUNK * width);
      chunk.set(value, (index & WITHIN) * width);
    },
  };
}

/** Strings. */
export function textCells(): Cells<string> {
  const chunks: string[][] = [];
  return {
    get: (index) => chunks[index >>> CHUNK_BITS]![index & WITHIN]!,
    set(index, value) {
      (chunks[index >>> CHUNK_BITS] ??= new Array(CHUNK))[index & WITHIN] = value;
    },
  };
}
