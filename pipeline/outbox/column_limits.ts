import type { EventColumn } from "../contract/column.ts";
import { EVENT_COLUMNS } from "../contract/tables.ts";
import type { OutboxSchema } from "./schema.ts";

// Conditions for the rows of a window and for the rows that fit the Parquet types. All queries
// about a window share these conditions, so that they select the same rows.

/** SQL condition for rows that do not fit the contract. It is never null. */
export function unfit(schema: OutboxSchema): string {
  return `((${misfits(schema).map(({ test }) => test).join(" OR ")}) IS TRUE)`;
}

/** For each column of the contract, the SQL condition for values that Parquet cannot hold. */
export function misfits({ wider }: OutboxSchema): { column: EventColumn; test: string }[] {
  return EVENT_COLUMNS.flatMap((column) => {
    const { name, nullable } = column;
    const decimal = digits(column);
    if (decimal === undefined) return nullable ? [] : [{ column, test: `${name} IS NULL` }];
    // NaN sorts above every number, so it counts as too large.
    const test = wider.has(name)
      ? `abs(${name}) >= 1e${decimal.before} OR ${name} <> trunc(${name}, ${decimal.after})`
      : `${name} = 'NaN'`;
    return [{ column, test: `(${test})` }];
  });
}

/**
 * The problem of a value that does not fit its column.
 *
 * @param text the value, as Postgres's own text
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { EVENT_COLUMNS } from "../contract/tables.ts";
 * import { explainMisfit } from "./column_limits.ts";
 * const price = EVENT_COLUMNS.find(({ type }) => type.startsWith("DECIMAL"))!;
 * assertEquals(explainMisfit(price, "NaN"), "is NaN");
 * ```
 */
export function explainMisfit(column: EventColumn, text: string | null): string {
  if (text === null) return "is null";
  if (text === "NaN") return "is NaN";
  if (text.endsWith("Infinity")) return "is infinite";
  const { before, after } = digits(column) ?? { before: 0, after: 0 };
  const whole = text.replace(/^-?0*/, "").replace(/\..*/, "");
  return whole.length > before
    ? `has more than ${before} digits before the point`
    : `has more than ${after} decimals`;
}

/** Number of digits of a decimal column before and after the point. */
function digits({ type }: EventColumn): { before: number; after: number } | undefined {
  const [, precision, scale] = /^DECIMAL\((\d+),(\d+)\)$/.exec(type) ?? [];
  if (precision === undefined) return undefined;
  return { before: Number(precision) - Number(scale), after: Number(scale) };
}
