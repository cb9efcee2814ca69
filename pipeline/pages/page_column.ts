import { definitionLevels } from "../lake/page_encoding.ts";
import type { Extremes, Page } from "../lake/page_file.ts";
import { type CopyBlock, SLACK } from "../outbox/copy_tap.ts";
import { TABLE_ROWS } from "./copy_rows.ts";

/** The result of {@linkcode PageColumn.append} if all values fit. */
export const FIT: number = -1;

const NO_LEVELS = new Uint8Array(0);

/**
 * A column of one row group. Values go from the fields of a COPY to the bytes of a Parquet page, and
 * no value becomes a JavaScript object.
 */
export abstract class PageColumn {
  /** The values of the page. */
  protected readonly out: PageBuffer = new PageBuffer();
  readonly #rows = new RowBits();
  readonly #nullable: boolean;
  readonly #base: number;

  /**
   * Begins the first row group.
   *
   * @param nullable true if a value may be absent
   * @param index the place of the column in the rows
   */
  constructor(nullable: boolean, index: number) {
    this.#nullable = nullable;
    this.#base = index * TABLE_ROWS;
  }

  /**
   * Appends the values of the first rows of a table.
   *
   * @param starts the table's {@linkcode FieldTable.starts}
   * @returns the first row whose value does not fit the column, or {@linkcode FIT}
   */
  append(block: CopyBlock, starts: Int32Array, rows: number): number {
    if (this.#nullable) this.#rows.append(starts, this.#base, rows);
    else this.#rows.count += rows;
    return this.take(block, starts, this.#base, rows);
  }

  /**
   * Appends the values of rows that have one.
   *
   * @param base the place of the column's first start
   * @returns as {@linkcode append}
   */
  protected abstract take(
    block: CopyBlock,
    starts: Int32Array,
    base: number,
    rows: number,
  ): number;

  /** The page of all rows since the last reset. It is valid until the next reset. */
  finish(): Page {
    return this.page();
  }

  /** Begins another row group. */
  reset(): void {
    this.out.length = 0;
    this.#rows.reset();
  }

  /** The number of rows that have a value. */
  protected get present(): number {
    return this.#rows.count - this.#rows.nulls;
  }

  /** The page with these extremes. */
  protected page(extremes?: Extremes): Page {
    const { count, nulls } = this.#rows;
    return {
      rows: count,
      nulls,
      levels: this.#nullable ? definitionLevels(this.#rows.bits, count, nulls) : NO_LEVELS,
      values: this.out.written,
      ...(extremes === undefined ? {} : { extremes }),
    };
  }
}

const INITIAL_BYTES = 1 << 12;

/** A growing array of bytes. After its end, there is room for a step of {@linkcode SLACK} bytes. */
export class PageBuffer {
  /** The bytes. */
  array: Uint8Array<ArrayBuffer> = new Uint8Array(INITIAL_BYTES);
  /** A view of `array`. */
  view: DataView = new DataView(this.array.buffer);
  /** The number of bytes that are written. */
  length = 0;

  /** Makes room for more bytes. Replaces `array` and `view`. */
  reserve(more: number): void {
    const needed = this.length + more + SLACK;
    if (needed <= this.array.length) return;
    const larger = new Uint8Array(Math.max(needed, 2 * this.array.length));
    larger.set(this.written);
    this.array = larger;
    this.view = new DataView(larger.buffer);
  }

  /** Appends a text as in a page: its length in four bytes, and its bytes. */
  append(text: Uint8Array): void {
    this.reserve(4 + text.length);
    this.view.setInt32(this.length, text.length, true);
    this.array.set(text, this.length + 4);
    this.length += 4 + text.length;
  }

  /** The bytes that are written. */
  get written(): Uint8Array<ArrayBuffer> {
    return this.array.subarray(0, this.length);
  }
}

/** The rows that have a value, one bit per row. */
class RowBits {
  count = 0;
  nulls = 0;
  bits = new Uint8Array(1 << 11);

  append(starts: Int32Array, base: number, rows: number): void {
    const last = this.count + rows;
    if (last >> 3 >= this.bits.length) {
      const larger = new Uint8Array(Math.max(2 * this.bits.length, (last >> 3) + 1));
      larger.set(this.bits);
      this.bits = larger;
    }
    const bits = this.bits;
    let nulls = 0;
    for (let i = 0, row = this.count; i < rows; i++, row++) {
      const absent = starts[base + i]! >>> 31; // only the start of a null is negative
      nulls += absent;
      bits[row >> 3]! |= (absent ^ 1) << (row & 7);
    }
    this.count = last;
    this.nulls += nulls;
  }

  reset(): void {
    this.bits.fill(0, 0, (this.count + 7) >> 3);
    this.count = this.nulls = 0;
  }
}
