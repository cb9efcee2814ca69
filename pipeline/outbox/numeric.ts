// The exact decoder for every numeric. `pages/decimal_columns.ts` decodes the small ones faster.
// Postgres sends a numeric as base-10000 digits: int16 count, int16 weight of the first digit, int16
// sign, int16 display scale, then the digits. All arithmetic here is on integers that a JavaScript
// number holds exactly.

const NEGATIVE = 0x4000;
const POSITIVE = 0;
const LIMB = 1 << 24;

/** The base-10000 digits of the last value, least significant first. */
const digits = new Uint16Array(5);

/**
 * Reads a numeric into {@linkcode digits}, as an unscaled integer of the given scale.
 *
 * @param scale decimals that the target holds, a multiple of 4
 * @param places base-10000 digits that the target holds
 * @returns whether the value is negative; undefined where the target cannot hold it (NaN, infinity,
 *   more decimals, or too large)
 */
function readDigits(
  view: DataView,
  offset: number,
  scale: number,
  places: number,
): boolean | undefined {
  const count = view.getInt16(offset);
  const sign = view.getUint16(offset + 4);
  if (sign !== POSITIVE && sign !== NEGATIVE) return undefined;
  digits.fill(0);
  let place = view.getInt16(offset + 2) + scale / 4;
  for (let i = 0; i < count; i++, place--) {
    const digit = view.getUint16(offset + 8 + 2 * i);
    if (digit === 0) continue;
    if (place < 0 || place >= places) return undefined;
    digits[place] = digit;
  }
  return sign === NEGATIVE;
}

/**
 * Converts a numeric at `offset` to DECIMAL(20,8): nine bytes at `target`, the unscaled value in
 * big-endian two's complement.
 *
 * @returns false if the value does not fit and nothing was written
 */
export function writeDecimal20(
  view: DataView,
  offset: number,
  out: DataView,
  target: number,
): boolean {
  // Twenty digits are exactly five digits of base 10000, so a value that fits these places fits the
  // type.
  const negative = readDigits(view, offset, 8, 5);
  if (negative === undefined) return false;
  // Three limbs of 24 bits; twice "times 10^8, plus the next eight decimal digits".
  let low = digits[4]!, middle = 0, high = 0;
  for (let place = 3; place > 0; place -= 2) {
    low = low * 1e8 + digits[place]! * 1e4 + digits[place - 1]!;
    middle = middle * 1e8 + Math.floor(low / LIMB);
    high = high * 1e8 + Math.floor(middle / LIMB);
    low %= LIMB;
    middle %= LIMB;
  }
  if (negative) {
    low = LIMB - low;
    middle = LIMB - 1 - middle + Math.floor(low / LIMB);
    high = LIMB - 1 - high + Math.floor(middle / LIMB);
    low %= LIMB;
    middle %= LIMB;
    high %= LIMB;
  }
  out.setUint16(target, high >>> 8);
  out.setUint8(target + 2, high);
  out.setUint16(target + 3, middle >>> 8);
  out.setUint8(target + 5, middle);
  out.setUint16(target + 6, low >>> 8);
  out.setUint8(target + 8, low);
  return true;
}

/**
 * Converts a numeric at `offset` to DECIMAL(10,4), as its unscaled value.
 *
 * @returns undefined if the value does not fit
 */
export function readDecimal10(view: DataView, offset: number): bigint | undefined {
  const negative = readDigits(view, offset, 4, 3);
  if (negative === undefined || digits[2]! > 99) return undefined;
  const unscaled = BigInt((digits[2]! * 1e4 + digits[1]!) * 1e4 + digits[0]!);
  return negative ? -unscaled : unscaled;
}
