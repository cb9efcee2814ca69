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
export function int32List(expected = 1024): NumberList<number> {
  let values = new Int32Array(reserved(expected));
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

/** Creates a list of integers below 256. */
export function uint8List(expected = 1024): NumberList<number> {
  let values = new Uint8Array(reserved(expected));
  return {
    get: (index) => values[index]!,
    set(index, value) {
      if (index >= values.length) {
        const longer = new Uint8Array(2 * index);
        longer.set(values);
        values = longer;
      }
      values[index] = value;
    },
  };
}

/** Creates a list of integers of 64 bits. */
export function int64List(expected = 1024): NumberList<bigint> {
  let values = new BigInt64Array(reserved(expected));
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

/** The largest number of values or keys that memory is reserved for. */
const MOST_RESERVED = 1 << 22;

/** Returns the number of values to reserve memory for, given the expected number. */
export function reserved(expected: number): number {
  return Math.min(Math.max(Math.ceil(expected), 1024), MOST_RESERVED);
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

function mixed(word: number): number {
  const product = Math.imul(word, 0x9e3779b1);
  return product ^ product >>> 15;
}

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
  const bits = 32 - Math.clz32(reserved(expected) - 1);
  let keys = new Uint32Array(width << bits);
  // Each slot has the number of a key plus 1, or 0. At most half of the slots are in use.
  let slots = new Uint32Array(2 << bits);
  let size = 0;

  /** Returns the slot of a key, or the empty slot for it. */
  function slotOf(key: Uint32Array): number {
    // 16 consecutive keys are neighbours, because rows that follow each other often have such keys.
    let hash = key[0]! >>> 4;
    for (let i = 1; i < width; i++) hash = mixed(hash ^ key[i]!);
    hash = mixed(hash) << 4 | key[0]! & 15;
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

/** A list of texts. A UUID is kept in 16 bytes, and any other text as a string. */
export interface TextList {
  /** The number of texts. */
  readonly length: number;
  /**
   * Appends the text in UTF-8 from `start` up to `end`, and returns its place in the list.
   *
   * @throws {TypeError} the bytes are not UTF-8
   */
  add(bytes: Uint8Array, start: number, end: number): number;
  /** Returns the text at a place. */
  text(place: number): string;
  /** Returns whether the text at a place is a UUID. */
  isUuid(place: number): boolean;
  /** Returns one of the four words of the UUID at a place. */
  word(place: number, index: number): number;
}

/** A text in a list. A string is made only where one is needed. */
export interface ListedText {
  /** The list. */
  readonly ids: TextList;
  /** The place of the text. */
  readonly id: number;
}

/** Returns whether two texts are equal. */
export function equalTexts(a: ListedText, b: ListedText): boolean {
  if (!a.ids.isUuid(a.id) || !b.ids.isUuid(b.id)) return a.ids.text(a.id) === b.ids.text(b.id);
  for (let i = 0; i < 4; i++) if (a.ids.word(a.id, i) !== b.ids.word(b.id, i)) return false;
  return true;
}

/**
 * Creates a list of texts, most of which are UUIDs.
 *
 * @param expected the expected number of texts
 */
export function textList(expected: number = 1024): TextList {
  let words = new Uint32Array(4 * reserved(expected));
  const others = new Map<number, string>();
  let length = 0;
  return {
    get length() {
      return length;
    },
    add(bytes, start, end) {
      if (4 * length === words.length) {
        const longer = new Uint32Array(2 * words.length);
        longer.set(words);
        words = longer;
      }
      if (end - start !== 36 || !readUuid(bytes, start, words, 4 * length)) {
        others.set(length, UTF8.decode(bytes.subarray(start, end)));
      }
      return length++;
    },
    text: (place) => others.get(place) ?? formatUuid(words.subarray(4 * place, 4 * place + 4)),
    isUuid: (place) => others.size === 0 || !others.has(place),
    word: (place, index) => words[4 * place + index]!,
  };
}

/**
 * Counts the different texts of a list.
 *
 * @param most the largest number of examples
 * @returns the number of different texts, and examples of texts that occur more than once
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { countTexts, textList } from "./typed_rows.ts";
 * const list = textList();
 * for (const text of ["a", "b", "a"]) list.add(new TextEncoder().encode(text), 0, 1);
 * assertEquals(countTexts(list, 5), { different: 2, repeated: ["a"] });
 * ```
 */
export function countTexts(
  list: TextList,
  most: number,
): { readonly different: number; readonly repeated: readonly string[] } {
  const mayRepeat = slotsInUse(list);
  const uuids = numberKeys(4);
  const words = new Uint32Array(4);
  const others = new Set<string>();
  const repeated = new Set<string>();
  let different = 0;
  for (let place = 0; place < list.length; place++) {
    const isUuid = list.isUuid(place);
    if (isUuid && !mayRepeat(place)) {
      different++;
      continue;
    }
    const before = uuids.size + others.size;
    if (isUuid) {
      for (let i = 0; i < 4; i++) words[i] = list.word(place, i);
      uuids.add(words);
    } else others.add(list.text(place));
    if (uuids.size + others.size > before) different++;
    else if (repeated.size < most) repeated.add(list.text(place));
  }
  return { different, repeated: [...repeated] };
}

/** The number of slots for each UUID. With more slots, fewer UUIDs share one. */
const SLOTS_PER_UUID = 16;
/** The largest number of slots, as a power of two. */
const MOST_SLOT_BITS = 27;

/**
 * Gives each UUID of a list a slot, so that equal UUIDs have the same slot.
 *
 * @returns a function that returns whether the UUID at a place shares its slot with another place.
 *   Few UUIDs do, so that only these must be compared
 */
function slotsInUse(list: TextList): (place: number) => boolean {
  const wanted = 32 - Math.clz32(Math.max(SLOTS_PER_UUID * list.length, 1024) - 1);
  const bits = Math.min(wanted, MOST_SLOT_BITS);
  const used = new Uint32Array(1 << bits - 5);
  const shared = new Uint32Array(1 << bits - 5);
  const slotOf = (place: number) => {
    let hash = list.word(place, 0);
    for (let i = 1; i < 4; i++) hash = mixed(hash) ^ list.word(place, i);
    return mixed(hash) >>> 32 - bits;
  };
  for (let place = 0; place < list.length; place++) {
    if (!list.isUuid(place)) continue;
    const slot = slotOf(place);
    const mask = 1 << (slot & 31);
    if ((used[slot >> 5]! & mask) !== 0) shared[slot >> 5]! |= mask;
    used[slot >> 5]! |= mask;
  }
  return (place) => {
    const slot = slotOf(place);
    return (shared[slot >> 5]! & 1 << (slot & 31)) !== 0;
  };
}

/** Appends the text of a chunk's row to a list, and returns its place in the list. */
export function addText(texts: TextList, { bytes, view, places }: Chunk, row: number): number {
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

/** Any value of more than four bits. */
const NO_DIGIT = 255;
const DIGITS = new Uint8Array(256).fill(NO_DIGIT);
for (let digit = 0; digit < 16; digit++) DIGITS[digit.toString(16).charCodeAt(0)] = digit;
const DASH = "-".charCodeAt(0);
/** The places of the 32 digits in the text of a UUID. */
const DIGIT_PLACES = Uint8Array.from(
  [..."xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"].flatMap((char, i) => char === "x" ? [i] : []),
);

/**
 * Reads a UUID of 36 bytes with lower-case digits into four words from `to` on. Returns whether the
 * bytes are a UUID.
 */
function readUuid(bytes: Uint8Array, start: number, words: Uint32Array, to: number): boolean {
  if (
    bytes[start + 8] !== DASH || bytes[start + 13] !== DASH || bytes[start + 18] !== DASH ||
    bytes[start + 23] !== DASH
  ) return false;
  let all = 0;
  for (let i = 0; i < 32;) {
    let word = 0;
    for (const stop = i + 8; i < stop; i++) {
      const digit = DIGITS[bytes[start + DIGIT_PLACES[i]!]!]!;
      all |= digit;
      word = word << 4 | digit;
    }
    words[to + (i >> 3) - 1] = word;
  }
  return all < 16;
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
