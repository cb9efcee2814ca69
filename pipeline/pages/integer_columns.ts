import type { Page } from "../lake/page_file.ts";
import type { CopyBlock } from "../outbox/copy_tap.ts";
import { FIT, PageColumn } from "./page_column.ts";

// A 64-bit integer moves as two halves of 32 bits, because a bigint per value would cost more than
// the rest of the loop.

/** Creates a column of 64-bit integers. */
export function int64Column(nullable: boolean, index: number): PageColumn {
  return new Int64Column(nullable, index);
}

/** Creates a column of times of Postgres, which become times of Parquet. */
export function timestampColumn(nullable: boolean, index: number): PageColumn {
  return new Int64Column(nullable, index, true);
}

/** Creates a column of 32-bit integers. */
export function int32Column(nullable: boolean, index: number): PageColumn {
  return new Int32Column(nullable, index);
}

const MOST_HIGH = 0x7fff_ffff;
const LEAST_HIGH = -0x8000_0000;
const MOST_LOW = 0xffff_ffff;
const POSTGRES_EPOCH = 946_684_800_000_000n; // 2000-01-01 in microseconds since 1970

/** A column of 64-bit integers, with their extremes. */
class Int64Column extends PageColumn {
  #minHigh = MOST_HIGH;
  #minLow = MOST_LOW;
  #maxHigh = LEAST_HIGH;
  #maxLow = 0;
  readonly #shiftHigh: number;
  readonly #shiftLow: number;
  readonly #times: boolean;

  /** @param times true if the integers are times of Postgres, which change to times of Parquet */
  constructor(nullable: boolean, index: number, times = false) {
    super(nullable, index);
    const shift = times ? POSTGRES_EPOCH : 0n;
    this.#shiftHigh = Number(shift >> 32n);
    this.#shiftLow = Number(shift & 0xffff_ffffn);
    this.#times = times;
  }

  protected take({ view }: CopyBlock, starts: Int32Array, base: number, rows: number): number {
    this.out.reserve(8 * rows);
    const out = this.out.view;
    const shiftHigh = this.#shiftHigh, shiftLow = this.#shiftLow, times = this.#times;
    let at = this.out.length;
    let minHigh = this.#minHigh, minLow = this.#minLow;
    let maxHigh = this.#maxHigh, maxLow = this.#maxLow;
    for (let i = 0; i < rows; i++) {
      const start = starts[base + i]!;
      if (start < 0) continue;
      let high = view.getInt32(start);
      let low = view.getUint32(start + 4);
      // The smallest integer is -infinity. The largest one, infinity, is too large after the shift.
      if (times && high === LEAST_HIGH && low === 0) return i;
      low += shiftLow;
      high += shiftHigh + (low > MOST_LOW ? 1 : 0);
      low >>>= 0;
      if (high > MOST_HIGH) return i;
      if (high < minHigh || high === minHigh && low < minLow) {
        minHigh = high;
        minLow = low;
      }
      if (high > maxHigh || high === maxHigh && low > maxLow) {
        maxHigh = high;
        maxLow = low;
      }
      out.setUint32(at, low, true);
      out.setInt32(at + 4, high, true);
      at += 8;
    }
    this.out.length = at;
    this.#minHigh = minHigh;
    this.#minLow = minLow;
    this.#maxHigh = maxHigh;
    this.#maxLow = maxLow;
    return FIT;
  }

  override finish(): Page {
    if (this.present === 0) return this.page({});
    return this.page({
      min: joined(this.#minHigh, this.#minLow),
      max: joined(this.#maxHigh, this.#maxLow),
    });
  }

  override reset(): void {
    super.reset();
    this.#minHigh = MOST_HIGH;
    this.#minLow = MOST_LOW;
    this.#maxHigh = LEAST_HIGH;
    this.#maxLow = 0;
  }
}

function joined(high: number, low: number): bigint {
  return BigInt(high) << 32n | BigInt(low);
}

/** A column of 32-bit integers, with their extremes. */
class Int32Column extends PageColumn {
  #min = MOST_HIGH;
  #max = LEAST_HIGH;

  protected take({ view }: CopyBlock, starts: Int32Array, base: number, rows: number): number {
    this.out.reserve(4 * rows);
    const out = this.out.view;
    let at = this.out.length;
    let min = this.#min, max = this.#max;
    for (let i = 0; i < rows; i++) {
      const start = starts[base + i]!;
      if (start < 0) continue;
      const value = view.getInt32(start);
      if (value < min) min = value;
      if (value > max) max = value;
      out.setInt32(at, value, true);
      at += 4;
    }
    this.out.length = at;
    this.#min = min;
    this.#max = max;
    return FIT;
  }

  override finish(): Page {
    return this.page(this.present === 0 ? {} : { min: this.#min, max: this.#max });
  }

  override reset(): void {
    super.reset();
    this.#min = MOST_HIGH;
    this.#max = LEAST_HIGH;
  }
}
