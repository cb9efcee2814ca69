// A day has a million rows. As objects and strings, the facts about them would need several hundred
// megabytes, so the collections of this file keep numbers in typed arrays.

import type { Chunk } from "../../pipeline/lake/parquet_pages.ts";

/** A list of numbers, by index. */
export interface NumberList<T> {
  /** Returns the value at an index that was set before. */
  get(index: number): T;
  /** Sets the value at an index. */
  set(index: number, value: T): void;
}

/** Creates a list of integers of 32 bits. */
export function int32List(): NumberList<number> {
  let values = new Int32Array(1024);
  return {
    get: (index) => values[index]!,
    set(index, value) {
      if (index >= values.length) {
        const longer = new Int32Array(2 * index);
        longer.set(values);
        values = longer;
      }
      values[index] = value;
    },
  };
}

/** Creates a list of integers of 64 bits. */
export function int64List(): NumberList<bigint> {
  let values = new BigInt64Array(1024);
  return {
    get: (index) => values[index]!,
    set(index, value) {
      if (index >= values.length) {
        const longer = new BigInt64Array(2 * index);
        longer.set(values);
        values = longer;
      }
      values[index] = value;
    },
  };
}

/** Numbers different keys from 0, in the order in which they were added. */
export interface Numbering {
  /** The number of different keys. */
  readonly size: number;
  /** Returns the number of a key. A new key gets the next number. */
  add(key: Uint32Array): number;
  /** Returns the number of a key; undefined if the key was not added. */
  find(key: Uint32Array): number | undefined;
  /** Returns the key with a number. The array is valid until the next `add`. */
  key(number: number): Uint32Array;
}

/** The largest number of keys that memory is reserved for. */
const MOST_RESERVED = 1 << 22;

/**
 * Creates a numbering of keys that have the same number of 32-bit words.
 *
 * @param expected the expected number of keys. More keys cost time, because memory then grows
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { numberKeys } from "./typed_rows.ts";
 * const numbering = numberKeys(2);
 * assertEquals(numbering.add(Uint32Array.of(7, 8)), 0);
 * assertEquals(numbering.add(Uint32Array.of(7, 9)), 1);
 * assertEquals(numbering.add(Uint32Array.of(7, 8)), 0);
 * assertEquals(numbering.size, 2);
 * ```
 */
export function numberKeys(width: number, expected: number = 1024): Numbering {
  const bits = 32 - Math.clz32(Math.min(Math.max(expected, 1024), MOST_RESERVED) - 1);
  let keys = new Uint32Array(width << bits);
  // Each slot has the number of a key plus 1, or 0. At most half of the slots are in use.
  let slots = new Uint32Array(2 << bits);
  let size = 0;

  /** Returns the slot of a key, or the empty slot for it. */
  function slotOf(key: Uint32Array): number {
    let hash = 0;
    for (let i = 0; i < width; i++) {
      hash = Math.imul(hash ^ key[i]!, 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    for (let slot = hash & (slots.length - 1);; slot = (slot + 1) & (slots.length - 1)) {
      const at = (slots[slot]! - 1) * width;
      if (at < 0) return slot;
      let i = 0;
      while (i < width && keys[at + i] === key[i]) i++;
      if (i === width) return slot;
    }
  }

  function grow(): void {
    const more = new Uint32Array(2 * keys.length);
    more.set(keys);
    keys = more;
    slots = new Uint32Array(2 * slots.length);
    for (let number = 0; number < size; number++) {
      slots[slotOf(keys.subarray(number * width, (number + 1) * width))] = number + 1;
    }
  }

  return {
    get size() {
      return size;
    },
    add(key) {
      const slot = slotOf(key);
      if (slots[slot] !== 0) return slots[slot]! - 1;
      keys.set(key, size * width);
      slots[slot] = ++size;
      if (2 * size === slots.length) grow();
      return size - 1;
    },
    find(key) {
      const found = slots[slotOf(key)]!;
      return found === 0 ? undefined : found - 1;
    },
    key: (number) => keys.subarray(number * width, (number + 1) * width),
  };
}

/** Numbers different integers of 64 bits from 0, in the order in which they were added. */
export interface IntegerNumbering {
  /** The number of different integers. */
  readonly size: number;
  /** Returns the number of an integer. A new integer gets the next number. */
  add(integer: bigint): number;
  /** Returns the number of an integer; undefined if the integer was not added. */
  find(integer: bigint): number | undefined;
}

/**
 * Creates a numbering of integers of 64 bits, in less time and memory than a `Map`.
 *
 * @param expected the expected number of integers
 */
export function numberIntegers(expected: number): IntegerNumbering {
  const numbering = numberKeys(2, expected);
  const integers = new BigInt64Array(1);
  const words = new Uint32Array(integers.buffer);
  return {
    get size() {
      return numbering.size;
    },
    add(integer) {
      integers[0] = integer;
      return numbering.add(words);
    },
    find(integer) {
      integers[0] = integer;
      return numbering.find(words);
    },
  };
}

/** Numbers different texts. A UUID is kept in 16 bytes, and any other text as a string. */
export interface TextNumbering {
  /** The number of different texts. */
  readonly size: number;
  /**
   * Returns the number of the text in UTF-8 from `start` up to `end`. Equal texts have equal numbers, and no others have.
   *
   * @throws {TypeError} the bytes are not UTF-8
   */
  add(bytes: Uint8Array, start: number, end: number): number;
  /** Returns the text with a number. */
  text(number: number): string;
  /** Returns the UUID with a number as four words; undefined if the text is not a UUID. */
  uuid(number: number): Uint32Array | undefined;
}

/** A text that a numbering keeps. A string is made only where one is needed. */
export interface NumberedText {
  /** The numbering. */
  readonly ids: TextNumbering;
  /** The number of the text. */
  readonly id: number;
}

/** Returns whether two texts are equal. */
export function equalTexts(a: NumberedText, b: NumberedText): boolean {
  const [ours, theirs] = [a.ids.uuid(a.id), b.ids.uuid(b.id)];
  if (ours === undefined || theirs === undefined) return a.ids.text(a.id) === b.ids.text(b.id);
  return ours[0] === theirs[0] && ours[1] === theirs[1] && ours[2] === theirs[2] &&
    ours[3] === theirs[3];
}

/**
 * Creates a numbering of texts, most of which are UUIDs.
 *
 * @param expected the expected number of texts
 */
export function numberTexts(expected?: number): TextNumbering {
  const uuids = numberKeys(4, expected);
  const words = new Uint32Array(4);
  const others: string[] = [];
  const numbers = new Map<string, number>();
  return {
    get size() {
      return uuids.size + others.length;
    },
    // A text that is not a UUID has a negative number.
    add(bytes, start, end) {
      if (end - start === 36 && readUuid(bytes, start, words)) return uuids.add(words);
      const text = UTF8.decode(bytes.subarray(start, end));
      const known = numbers.get(text);
      if (known !== undefined) return known;
      const number = -others.push(text);
      numbers.set(text, number);
      return number;
    },
    text: (number) => number < 0 ? others[-number - 1]! : formatUuid(uuids.key(number)),
    uuid: (number) => number < 0 ? undefined : uuids.key(number),
  };
}

/** Returns the number of a text in a chunk. */
export function numberOf(
  texts: TextNumbering,
  { bytes, view, places }: Chunk,
  row: number,
): number {
  const at = places[row]!;
  return texts.add(bytes, at, at + view.getUint32(at - 4, true));
}

/**
 * Returns a function that reads the texts of a chunk. Each entry of a dictionary is decoded once.
 *
 * @throws {TypeError} a text is not UTF-8
 */
export function readTexts(chunk: Chunk): (row: number) => string {
  const { dictionary, places, bytes, view } = chunk;
  const text = (row: number) => {
    const at = places[row]!;
    return UTF8.decode(bytes.subarray(at, at + view.getUint32(at - 4, true)));
  };
  if (dictionary === undefined) return text;
  const texts: string[] = [];
  return (row) => texts[dictionary.indexes[row]!] ??= text(row);
}

/** Returns an integer of 64 bits in a chunk. */
export function readInt64({ view, places }: Chunk, row: number): bigint {
  return view.getBigInt64(places[row]!, true);
}

/** Reads an integer of 64 bits as a key of two words. */
export function readInt64Words({ view, places }: Chunk, row: number, words: Uint32Array): void {
  const at = places[row]!;
  words[0] = view.getUint32(at, true);
  words[1] = view.getUint32(at + 4, true);
}

// A byte order mark is a character like any other.
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const NO_DIGIT = 255;
const DIGITS = new Uint8Array(256).fill(NO_DIGIT);
for (let digit = 0; digit < 16; digit++) DIGITS[digit.toString(16).charCodeAt(0)] = digit;
const DASH = "-".charCodeAt(0);

/** Reads a UUID of 36 bytes with lower-case digits. Returns whether the bytes are one. */
function readUuid(bytes: Uint8Array, start: number, words: Uint32Array): boolean {
  let seen = 0;
  let word = 0;
  for (let at = 0; at < 36; at++) {
    if (at === 8 || at === 13 || at === 18 || at === 23) {
      if (bytes[start + at] !== DASH) return false;
      continue;
    }
    const digit = DIGITS[bytes[start + at]!]!;
    if (digit === NO_DIGIT) return false;
    word = word << 4 | digit;
    if (++seen % 8 === 0) words[(seen >> 3) - 1] = word;
  }
  return true;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

function formatUuid(words: Uint32Array): string {
  let text = "";
  for (let byte = 0; byte < 16; byte++) {
    if (byte === 4 || byte === 6 || byte === 8 || byte === 10) text += "-";
    text += HEX[words[byte >> 2]! >>> (24 - 8 * (byte & 3)) & 255]!;
  }
  return text;
}
