import type { ColumnType, Value } from "./column.ts";
import { formatMicros } from "./window.ts";

/**
 * Formats a value as exact text: decimals with all digits, times in ISO 8601, null as `null`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { formatValue } from "./value_text.ts";
 * assertEquals(formatValue(873981n, "DECIMAL(10,4)"), "87.3981");
 * assertEquals(formatValue(null, "STRING"), "null");
 * ```
 */
export function formatValue(value: Value, type: ColumnType): string {
  if (value === null) return "null";
  if (type === "TIMESTAMP(MICROS,UTC)") return formatMicros(value as bigint);
  if (type === "DECIMAL(10,4)") return formatDecimal(unscaledOf(value), 4);
  if (type === "DECIMAL(20,8)") return formatDecimal(unscaledOf(value), 8);
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : String(value);
}

/** The unscaled integer of a decimal, for both forms in {@linkcode ColumnType}. */
export function unscaledOf(decimal: Value): bigint {
  if (!(decimal instanceof Uint8Array)) return BigInt(decimal as bigint);
  const hex = Array.from(decimal, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return BigInt.asIntN(8 * decimal.length, BigInt(`0x${hex}`));
}

function formatDecimal(unscaled: bigint, scale: number): string {
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, "0");
  return `${unscaled < 0n ? "-" : ""}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/**
 * Formats a value as one line of unambiguous text. The text is that of {@linkcode formatValue}. A
 * string that is ambiguous, or that would disturb a terminal, is quoted as in JSON.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { printValue } from "./value_text.ts";
 * assertEquals(printValue("BTCUSDC", "STRING"), "BTCUSDC");
 * assertEquals(printValue("null", "STRING"), '"null"');
 * ```
 */
export function printValue(value: Value, type: ColumnType): string {
  const text = formatValue(value, type);
  return value !== null && type === "STRING" && isUnclear(text) ? quote(text) : text;
}

/**
 * Parses a value in the form of {@linkcode printValue}, or in an equivalent form: a decimal with
 * more or fewer zeros, an instant with another offset.
 *
 * @returns a function that tests whether a value equals the parsed one
 * @throws {Error} the text is not a value of the type; the message has an example
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parsePrinted } from "./value_text.ts";
 * assertEquals(parsePrinted("87.398100", "DECIMAL(10,4)")(873981n), true);
 * assertEquals(parsePrinted("null", "STRING")("null"), false);
 * ```
 */
export function parsePrinted(text: string, type: ColumnType): (value: Value) => boolean {
  if (text === "null") return (value) => value === null;
  const parsed = PARSERS[type](text);
  return (value) => value !== null && comparable(value, type) === parsed;
}

// Line and paragraph separators, control characters, and characters that change the direction of
// text.
const DISTURBING = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u;

function isUnclear(text: string): boolean {
  return text === "" || text === "null" || text.startsWith('"') || text !== text.trim() ||
    DISTURBING.test(text);
}

function quote(text: string): string {
  const hex = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(text).replace(new RegExp(DISTURBING, "gu"), hex);
}

/** Converts a value to a form for comparisons. Equal values have equal forms. */
function comparable(value: Value, type: ColumnType): string | bigint {
  if (type === "STRING") return formatValue(value, type);
  return type.startsWith("DECIMAL") ? unscaledOf(value) : BigInt(value as bigint | number);
}

/**
 * Parses text into the form of {@linkcode comparable}. The result for invalid text is undefined,
 * which equals no value.
 */
const PARSERS: Readonly<Record<ColumnType, (text: string) => string | bigint | undefined>> = {
  "STRING": text,
  "INT32": integer,
  "INT64": integer,
  "TIMESTAMP(MICROS,UTC)": instant,
  "DECIMAL(20,8)": (text) => decimal(text, 8),
  "DECIMAL(10,4)": (text) => decimal(text, 4),
};

function text(text: string): string {
  if (!text.startsWith('"')) return text;
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "string") return parsed;
  } catch {
    // The error is thrown below.
  }
  throw new Error('a text that begins with a quote must be a JSON string, such as "\\"quoted\\""');
}

function integer(text: string): bigint {
  if (/^-?\d{1,30}$/.test(text)) return BigInt(text);
  throw new Error("the value must be a whole number, such as 42, or null");
}

function instant(text: string): bigint | undefined {
  try {
    const nanos = Temporal.Instant.from(text).epochNanoseconds;
    return nanos % 1000n === 0n ? nanos / 1000n : undefined;
  } catch {
    throw new Error(
      "the value must be an ISO 8601 instant, such as " +
        "2025-12-28T14:03:11.204518Z, or null",
    );
  }
}

function decimal(text: string, scale: number): bigint | undefined {
  const [, sign, whole, fraction = ""] = /^(-?)(\d{1,40})(?:\.(\d{1,40}))?$/.exec(text) ?? [];
  if (whole === undefined) throw new Error("the value must be a decimal, such as 87398.1, or null");
  if (/[^0]/.test(fraction.slice(scale))) return undefined;
  return BigInt(`${sign}${whole}${fraction.slice(0, scale).padEnd(scale, "0")}`);
}
