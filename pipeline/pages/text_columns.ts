import type { Page } from "../lake/page_file.ts";
import type { CopyBlock } from "../outbox/copy_tap.ts";
import { Dictionary } from "./dictionary.ts";
import { FIT, PageColumn } from "./page_column.ts";

/** A column of texts. */
export interface TextColumn extends PageColumn {
  /**
   * The texts of the row group, each with a number of rows. A text can occur more than once. Call
   * this before the next reset.
   */
  counts(): Iterable<[text: Uint8Array, rows: number]>;
}

/** Creates a column of texts. */
export function textColumn(nullable: boolean, index: number): TextColumn {
  return new Texts(nullable, index);
}

/** Creates a column of the texts of jsonb. */
export function jsonbColumn(nullable: boolean, index: number): PageColumn {
  return new Texts(nullable, index, true);
}

/** One call that copies a text is faster than steps of four bytes from this length on. */
const LONG_BYTES = 192;
/** The version of jsonb, which precedes its text. It is the only version. */
const JSONB_VERSION = 1;

/**
 * A column of texts. The page has a dictionary while the texts of the row group repeat; otherwise,
 * it has all texts one after the other. The values alone decide, so that equal rows give equal pages.
 */
class Texts extends PageColumn implements TextColumn {
  readonly #dictionary = new Dictionary();
  readonly #jsonb: boolean;
  #repeats = true;

  /** @param jsonb true if the fields are jsonb */
  constructor(nullable: boolean, index: number, jsonb = false) {
    super(nullable, index);
    this.#jsonb = jsonb;
  }

  protected take(block: CopyBlock, starts: Int32Array, base: number, rows: number): number {
    if (this.#jsonb) {
      const unfit = findVersion(block, starts, base, rows);
      if (unfit !== FIT) return unfit;
    }
    const skipped = this.#jsonb ? 1 : 0;
    let from = 0;
    if (this.#repeats) {
      from = this.#dictionary.take(block, starts, base, rows, skipped);
      if (from === rows) return FIT;
      this.#repeats = false;
      this.#dictionary.writeTexts(this.out);
    }
    this.#takePlain(block, starts, base, from, rows, skipped);
    return FIT;
  }

  /** Appends the texts of the rows from `from` on: the length of each in four bytes, and its bytes. */
  #takePlain(
    { view, bytes }: CopyBlock,
    starts: Int32Array,
    base: number,
    from: number,
    rows: number,
    skipped: number,
  ): void {
    let needed = 0;
    for (let i = from; i < rows; i++) {
      const start = starts[base + i]!;
      if (start >= 0) needed += 4 + view.getInt32(start - 4);
    }
    this.out.reserve(needed);
    const { array, view: out } = this.out;
    let at = this.out.length;
    for (let i = from; i < rows; i++) {
      let start = starts[base + i]!;
      if (start < 0) continue;
      const length = view.getInt32(start - 4) - skipped;
      start += skipped;
      out.setInt32(at, length, true);
      at += 4;
      if (length > LONG_BYTES) {
        array.set(bytes.subarray(start, start + length), at);
      } else {
        // The last step may copy bytes after the text, which the next text overwrites.
        for (let n = 0; n < length; n += 4) out.setInt32(at + n, view.getInt32(start + n));
      }
      at += length;
    }
    this.out.length = at;
  }

  override finish(): Page {
    if (this.present === 0) return this.page({});
    if (!this.#repeats) return this.page();
    const { entries, values, indexes, extremes } = this.#dictionary.finish();
    return { ...this.page(extremes), values: indexes, dictionary: { entries, values } };
  }

  override reset(): void {
    super.reset();
    this.#dictionary.reset();
    this.#repeats = true;
  }

  *counts(): Generator<[text: Uint8Array, rows: number]> {
    if (this.#repeats) return yield* this.#dictionary.counts();
    const { array, view, length } = this.out;
    for (let at = 0; at < length;) {
      const next = at + 4 + view.getInt32(at, true);
      yield [array.subarray(at + 4, next), 1];
      at = next;
    }
  }
}

/** Returns the first row whose jsonb does not have the known version, or {@linkcode FIT}. */
function findVersion(
  { view, bytes }: CopyBlock,
  starts: Int32Array,
  base: number,
  rows: number,
): number {
  for (let i = 0; i < rows; i++) {
    const start = starts[base + i]!;
    if (start >= 0 && (view.getInt32(start - 4) < 1 || bytes[start] !== JSONB_VERSION)) return i;
  }
  return FIT;
}
