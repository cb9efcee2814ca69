import type { ColumnType, Value } from "./column.ts";
import { formatMicros } from "./window.ts";

/** A value in words, exactly: decimals with all their digits, times in ISO 8601, null as `null`. */
export function formatValue(value: Value, type: ColumnType): string {
  if (value === null) return "null";
  if (type === "TIMESTAMP(MICROS,UTC)") return formatMicros(value as bigint);
  if (type === "DECIMAL(10,4)") return formatDecimal(unscaledOf(value), 4);
  if (type === "DECIMAL(20,8)") return formatDecimal(unscaledOf(value), 8);
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : String(value);
}

/** The unscaled integer of a decimal, in whichever of its two forms: see {@linkcode ColumnType}. */
export function unscaledOf(decimal: Value): bigint {
  if (!(decimal instanceof Uint8Array)) return BigInt(decimal as bigint);
  const hex = Array.from(decimal, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return BigInt.asIntN(8 * decimal.length, BigInt(`0x${hex}`));
}

function formatDecimal(unscaled: bigint, scale: number): string {
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, "0");
  return `${unscaled < 0n ? "-" : ""}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
