import { compareBytes, dictionaryIndexes } from "../lake/page_encoding.ts";
import type { Extremes } from "../lake/page_file.ts";
import type { CopyBlock } from "../outbox/copy_tap.ts";
import { PageBuffer } from "./page_column.ts";

/** The content of a dictionary page and of the data page that refers to it. */
export interface DictionaryPages {
  /** The number of entries. */
  readonly entries: number;
  /** The entries, PLAIN. */
  readonly values: Uint8Array;
  /** The values of the data page. */
  readonly indexes: Uint8Array;
  /** The first and the last text in the order of their bytes. */
  readonly extremes: Extremes;
}

/** The largest number of entries. */
const MOST_ENTRIES = 4096;
/** With more entries than this, at least every second value must repeat an entry. */
const FREE_ENTRIES = 512;
/** The largest length of an entry, in bytes. */
const MOST_ENTRY_BYTES = 1024;
/** The size of the hash table, a power of two. */
const SLOTS = 1 << 14;
const HASH_FACTOR = 0x9e37_79b1;

/** The different texts of a row group, and the entry of each value: a hash table with open addressing. */
export class Dictionary {
  /** The entries as in a page: the length of each in four bytes, and its bytes. */
  readonly #entries = new PageBuffer();
  readonly #places: number[] = [];
  /** The number of an entry plus one, by the hash of its text; 0 for a free slot. */
  readonly #slots = new Uint16Array(SLOTS);
  /** The number of rows of each entry. */
  readonly #rows = new Uint32Array(MOST_ENTRIES);
  #indexes = new Uint16Array(1 << 10);
  #used = 0;

  /**
   * Appends the texts of rows.
   *
   * @param starts the table's {@linkcode FieldTable.starts}
   * @param base the place of the column's first start
   * @param skipped the number of bytes before each text
   * @returns the number of rows that were appended. It is less than `rows` if the texts do not repeat
   *   enough.
   */
  take(
    block: CopyBlock,
    starts: Int32Array,
    base: number,
    rows: number,
    skipped: number,
  ): number {
    const { view } = block;
    if (this.#used + rows > this.#indexes.length) {
      const larger = new Uint16Array(2 * (this.#used + rows));
      larger.set(this.#indexes);
      this.#indexes = larger;
    }
    const indexes = this.#indexes, slots = this.#slots, places = this.#places, seen = this.#rows;
    let used = this.#used;
    for (let i = 0; i < rows; i++) {
      let start = starts[base + i]!;
      if (start < 0) continue;
      const length = view.getInt32(start - 4) - skipped;
      start += skipped;
      if (length > MOST_ENTRY_BYTES) {
        this.#used = used;
        return i;
      }
      let slot = hash(view, start, length) & SLOTS - 1;
      let entry = slots[slot]!;
      while (entry !== 0 && !this.#equals(places[entry - 1]!, view, start, length)) {
        slot = slot + 1 & SLOTS - 1;
        entry = slots[slot]!;
      }
      if (entry === 0) {
        if (this.#isFull(used)) {
          this.#used = used;
          return i;
        }
        places.push(this.#entries.length);
        this.#entries.append(block.bytes.subarray(start, start + length));
        entry = slots[slot] = places.length;
      }
      seen[entry - 1]!++;
      indexes[used++] = entry - 1;
    }
    this.#used = used;
    return rows;
  }

  /** Returns whether another entry is refused, after this number of values. */
  #isFull(values: number): boolean {
    const entries = this.#places.length;
    return entries === MOST_ENTRIES || entries >= FREE_ENTRIES && 2 * entries > values;
  }

  #equals(place: number, view: DataView, start: number, length: number): boolean {
    const entries = this.#entries.view;
    if (entries.getInt32(place, true) !== length) return false;
    place += 4;
    let n = 0;
    for (; n + 4 <= length; n += 4) {
      if (entries.getInt32(place + n) !== view.getInt32(start + n)) return false;
    }
    for (; n < length; n++) {
      if (entries.getUint8(place + n) !== view.getUint8(start + n)) return false;
    }
    return true;
  }

  #text(entry: number): Uint8Array {
    const place = this.#places[entry]!;
    const length = this.#entries.view.getInt32(place, true);
    return this.#entries.array.subarray(place + 4, place + 4 + length);
  }

  /** Writes the text of every value. */
  writeTexts(out: PageBuffer): void {
    for (let i = 0; i < this.#used; i++) out.append(this.#text(this.#indexes[i]!));
  }

  /** The content of the pages, if there is a value. */
  finish(): DictionaryPages {
    const entries = this.#places.length;
    let min = this.#text(0), max = min;
    for (let i = 1; i < entries; i++) {
      const text = this.#text(i);
      if (compareBytes(text, min) < 0) min = text;
      else if (compareBytes(text, max) > 0) max = text;
    }
    return {
      entries,
      values: this.#entries.written,
      indexes: dictionaryIndexes(this.#indexes, this.#used, entries),
      extremes: { min: min.slice(), max: max.slice() },
    };
  }

  /** The entries, each with its number of rows. */
  *counts(): Generator<[text: Uint8Array, rows: number]> {
    for (let i = 0; i < this.#places.length; i++) yield [this.#text(i), this.#rows[i]!];
  }

  /** Begins another row group. */
  reset(): void {
    if (this.#places.length > 0) this.#slots.fill(0);
    this.#rows.fill(0, 0, this.#places.length);
    this.#entries.length = 0;
    this.#places.length = 0;
    this.#used = 0;
  }
}

/** A hash of a text, four bytes per step. */
function hash(view: DataView, start: number, length: number): number {
  let value = length;
  for (let n = 0; n < length; n += 4) {
    let word = view.getInt32(start + n);
    if (length - n < 4) word >>= 8 * (4 - length + n);
    value = Math.imul(value ^ word, HASH_FACTOR);
    value ^= value >>> 15;
  }
  return value;
}
