/** One, in billionths. Kubernetes has no smaller unit than a billionth. */
const UNIT = 1_000_000_000n;

const BINARY = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const DECIMAL = new Map(Object.entries({
  n: -9,
  u: -6,
  m: -3,
  "": 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
}));

/**
 * Parses a quantity such as `500m`, `1.5Gi` or `2e3` without loss.
 *
 * @returns the quantity in billionths, rounded up as in Kubernetes; undefined for another value
 */
export function parseQuantity(value: unknown): bigint | undefined {
  if (typeof value !== "string" && typeof value !== "number") return undefined;
  const found = /^([+-]?)(\d{0,30})(?:\.(\d{0,30}))?([A-Za-z]*|[eE][+-]?\d{1,2})$/
    .exec(String(value));
  if (found === null) return undefined;
  const [, sign, whole = "", fraction = "", suffix = ""] = found;
  if (whole + fraction === "") return undefined;
  const scale = scaleOf(suffix);
  if (scale === undefined) return undefined;
  const digits = BigInt(whole + fraction) * scale.times * UNIT;
  const amount = roundedUp(digits, 10n ** BigInt(fraction.length) * scale.over);
  return sign === "-" ? -amount : amount;
}

/** Formats an amount in billionths: cores with `m`, and memory in `Mi` or `Gi`. */
export function formatQuantity(amount: bigint, resource: string): string {
  if (/memory|storage|hugepages/.test(resource)) {
    for (const [suffix, bits] of [["Gi", 30n], ["Mi", 20n]] as const) {
      if (amount !== 0n && amount % (UNIT << bits) === 0n) {
        return `${amount / (UNIT << bits)}${suffix}`;
      }
    }
    const mebi = UNIT << 20n;
    return amount % UNIT === 0n && amount < mebi
      ? `${amount / UNIT}`
      : `${Number(amount * 10n / mebi) / 10}Mi`;
  }
  if (amount % UNIT === 0n) return `${amount / UNIT}`;
  return `${roundedUp(amount, UNIT / 1000n)}m`;
}

/** Converts mebibytes to an amount in billionths of a byte. */
export function mebibytes(count: bigint): bigint {
  return count * (UNIT << 20n);
}

function scaleOf(suffix: string): { times: bigint; over: bigint } | undefined {
  const power = BINARY.indexOf(suffix);
  if (power >= 0) return { times: 1n << BigInt(10 * (power + 1)), over: 1n };
  const exponent = /^[eE][+-]?\d/.test(suffix) ? Number(suffix.slice(1)) : DECIMAL.get(suffix);
  if (exponent === undefined) return undefined;
  const scale = 10n ** BigInt(Math.abs(exponent));
  return exponent < 0 ? { times: 1n, over: scale } : { times: scale, over: 1n };
}

function roundedUp(amount: bigint, by: bigint): bigint {
  return (amount + by - 1n) / by;
}

/** A size as Spark reads it, in MiB: `2g`, `512m`, or a number of mebibytes. Spark refuses `2Gi` and `1.5g`. */
export function sparkMebibytes(text: string | undefined, unit = "m"): bigint | undefined {
  const found = /^(\d+)(?:([kmgtp])b?|(b))?$/i.exec(text?.trim() ?? "");
  if (found === null) return undefined;
  const shift = { b: -20, k: -10, m: 0, g: 10, t: 20, p: 30 }[
    (found[2] ?? found[3] ?? unit).toLowerCase()
  ] ?? 0;
  return shift < 0 ? BigInt(found[1]!) >> BigInt(-shift) : BigInt(found[1]!) << BigInt(shift);
}

/** Parses an amount as the API server reads it: null is 0. Undefined for an invalid amount. */
export function amountOf(value: unknown): bigint | undefined {
  return value === null ? 0n : parseQuantity(value);
}
