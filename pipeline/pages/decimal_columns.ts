import type { Page } from "../lake/page_file.ts";
import type { CopyBlock } from "../outbox/copy_tap.ts";
import { readDecimal10, writeDecimal20 } from "../outbox/numeric.ts";
import { FIT, PageColumn } from "./page_column.ts";

// A numeric of Postgres: int16 count of base-10000 digits, int16 weight of the first digit, int16
// sign, int16 display scale, then the digits. Almost every price is below 2^53 in units of its last
// decimal, where the arithmetic of JavaScript numbers is exact. All other numerics take the slower
// way through `numeric.ts`.

/** Creates a column of DECIMAL(20,8). */
export function decimal20Column(nullable: boolean, index: number): PageColumn {
  return new Decimal20Column(nullable, index);
}

/** Creates a column of DECIMAL(10,4). */
export function decimal10Column(nullable: boolean, index: number): PageColumn {
  return new Decimal10Column(nullable, index);
}

const HEAD_BYTES = 8;
const POSITIVE = 0;
const NEGATIVE = 0x4000;
const TWO_TO_32 = 0x1_0000_0000;
/** More digits do not fit below 2^53. */
const MOST_DIGITS = 4;

/** Returns whether the numeric at `start` has the number of bytes that its digits need. */
function isComplete(view: DataView, start: number): boolean {
  const length = view.getInt32(start - 4);
  return length >= HEAD_BYTES && length === HEAD_BYTES + 2 * view.getInt16(start);
}

/**
 * The absolute value of a numeric, in units of the last decimal of its column.
 *
 * @param places the number of base-10000 digits after the decimal point
 * @returns NaN if the value is 2^53 - 1 or more, or has more decimals than the column
 */
function smallNumeric(view: DataView, start: number, places: number): number {
  const count = view.getInt16(start);
  if (count === 0) return 0;
  const zeros = view.getInt16(start + 2) + places - count + 1; // after the last digit
  if (count > MOST_DIGITS || zeros < 0 || zeros + count > MOST_DIGITS) return NaN;
  let value = 0;
  for (let i = 0, at = start + HEAD_BYTES; i < count; i++, at += 2) {
    value = value * 10_000 + view.getUint16(at);
  }
  for (let i = 0; i < zeros; i++) value *= 10_000;
  return value < Number.MAX_SAFE_INTEGER ? value : NaN;
}

const WIDE_BYTES = 9;
const WIDE_PLACES = 2;

/** A column of DECIMAL(20,8): nine bytes, the unscaled value in big-endian two's complement. */
class Decimal20Column extends PageColumn {
  protected take({ view }: CopyBlock, starts: Int32Array, base: number, rows: number): number {
    this.out.reserve(WIDE_BYTES * rows);
    const out = this.out.view;
    let at = this.out.length;
    for (let i = 0; i < rows; i++) {
      const start = starts[base + i]!;
      if (start < 0) continue;
      if (!isComplete(view, start)) return i;
      const sign = view.getUint16(start + 4);
      const value = smallNumeric(view, start, WIDE_PLACES);
      if (Number.isNaN(value) || sign !== POSITIVE && sign !== NEGATIVE) {
        if (!writeDecimal20(view, start, out, at)) return i;
      } else {
        let high = Math.floor(value / TWO_TO_32) | 0;
        let low = value | 0;
        let extension = 0;
        if (sign === NEGATIVE && value !== 0) {
          low = -low | 0;
          high = ~high + (low === 0 ? 1 : 0) | 0;
          extension = 0xff;
        }
        out.setUint8(at, extension);
        out.setInt32(at + 1, high);
        out.setInt32(at + 5, low);
      }
      at += WIDE_BYTES;
    }
    this.out.length = at;
    return FIT;
  }
}

const NARROW_PLACES = 1;
/** The smallest unscaled value that DECIMAL(10,4) cannot hold. */
const NARROW_LIMIT = 1e10;

/** A column of DECIMAL(10,4): a 64-bit integer, the unscaled value. */
class Decimal10Column extends PageColumn {
  #min = Infinity;
  #max = -Infinity;

  protected take({ view }: CopyBlock, starts: Int32Array, base: number, rows: number): number {
    this.out.reserve(8 * rows);
    const out = this.out.view;
    let at = this.out.length;
    for (let i = 0; i < rows; i++) {
      const start = starts[base + i]!;
      if (start < 0) continue;
      if (!isComplete(view, start)) return i;
      const sign = view.getUint16(start + 4);
      let value = smallNumeric(view, start, NARROW_PLACES);
      if (!(value < NARROW_LIMIT) || sign !== POSITIVE && sign !== NEGATIVE) {
        const exact = readDecimal10(view, start);
        if (exact === undefined) return i;
        value = Number(exact); // below 10^10
      } else if (sign === NEGATIVE) {
        value = 0 - value;
      }
      if (value < this.#min) this.#min = value;
      if (value > this.#max) this.#max = value;
      out.setInt32(at, value | 0, true);
      out.setInt32(at + 4, Math.floor(value / TWO_TO_32), true);
      at += 8;
    }
    this.out.length = at;
    return FIT;
  }

  override finish(): Page {
    return this.page(
      this.present === 0 ? {} : { min: BigInt(this.#min), max: BigInt(this.#max) },
    );
  }

  override reset(): void {
    super.reset();
    this.#min = Infinity;
    this.#max = -Infinity;
  }
}
