/** A valid calendar day, `YYYY-MM-DD`. Only {@linkcode parseDay} creates one. */
export type Day = string & { readonly __brand: "Day" };

/** One UTC day, half-open: `[start, end)`. */
export interface Window {
  /** The day of the window. */
  readonly day: Day;
  /** The first instant of the day, in microseconds since 1970-01-01T00:00:00Z. */
  readonly start: bigint;
  /** The first instant of the next day, in the same unit. */
  readonly end: bigint;
}

/** Days from one to another, both included. An absent day means no bound. */
export interface DayRange {
  /** The first day. */
  readonly from?: Day | undefined;
  /** The last day. */
  readonly to?: Day | undefined;
}

const MICROS_PER_DAY = 86_400_000_000n;

/**
 * Reads a day in the one spelling that paths and markers use.
 *
 * @returns undefined if the text is not `YYYY-MM-DD` or the day does not exist
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseDay } from "./window.ts";
 * assertEquals(parseDay("2025-12-28"), "2025-12-28");
 * assertEquals(parseDay("2025-02-30"), undefined);
 * ```
 */
export function parseDay(text: string): Day | undefined {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text) || text.startsWith("0000")) return undefined;
  try {
    return Temporal.PlainDate.from(text, { overflow: "reject" }).toString() as Day;
  } catch {
    return undefined;
  }
}

/**
 * The window of a day.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseDay, windowOf } from "./window.ts";
 * const { start, end } = windowOf(parseDay("1970-01-02")!);
 * assertEquals([start, end], [86_400_000_000n, 172_800_000_000n]);
 * ```
 */
export function windowOf(day: Day): Window {
  const midnight = Temporal.PlainDate.from(day).toZonedDateTime("UTC");
  const start = BigInt(midnight.epochMilliseconds) * 1000n;
  return { day, start, end: start + MICROS_PER_DAY };
}

/**
 * The day that an instant falls on, in UTC.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { dayOf } from "./window.ts";
 * assertEquals(dayOf(86_400_000_000n), "1970-01-02");
 * assertEquals(dayOf(-1n), "1969-12-31");
 * ```
 */
export function dayOf(micros: bigint): Day {
  return formatMicros(micros).slice(0, 10) as Day;
}

/**
 * All days from the first to the last, both included; empty if the first comes after the last.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { daysBetween, parseDay } from "./window.ts";
 * const days = daysBetween(parseDay("2025-12-31")!, parseDay("2026-01-01")!);
 * assertEquals([...days], ["2025-12-31", "2026-01-01"]);
 * ```
 */
export function* daysBetween(first: Day, last: Day): Generator<Day> {
  for (let day = first; day <= last; day = dayAfter(day)) {
    yield day;
    if (day === last) return; // the calendar's last day has none after it
  }
}

/**
 * Whether a day has begun.
 *
 * @param millis the time, in milliseconds since 1970; by default, now by this machine's clock
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { hasBegun, parseDay } from "./window.ts";
 * const newYear = Date.UTC(2026, 0, 1);
 * assertEquals(hasBegun(parseDay("2026-01-01")!, newYear), true);
 * assertEquals(hasBegun(parseDay("2026-01-01")!, newYear - 1), false);
 * ```
 */
export function hasBegun(day: Day, millis: number = Date.now()): boolean {
  return day <= dayOf(BigInt(millis) * 1000n);
}

/**
 * Returns advice to publish a day, or to choose another one if the day has not begun: a run would
 * refuse it.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { adviceToPublish, parseDay } from "./window.ts";
 * assertEquals(adviceToPublish(parseDay("2025-12-28")!, "Run bronze."), "Run bronze.");
 * ```
 */
export function adviceToPublish(day: Day, advice: string): string {
  return hasBegun(day) ? advice : `${day} has not begun in UTC. Give an earlier day.`;
}

/** Returns whether a day is in a range. */
export function isWithin(day: Day, { from, to }: DayRange): boolean {
  return (from === undefined || day >= from) && (to === undefined || day <= to);
}

/**
 * An instant in microseconds since 1970 as ISO 8601 in UTC, for people.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { formatMicros } from "./window.ts";
 * assertEquals(formatMicros(1_500_000n), "1970-01-01T00:00:01.5Z");
 * ```
 */
export function formatMicros(micros: bigint): string {
  return Temporal.Instant.fromEpochNanoseconds(micros * 1000n).toString();
}

/**
 * An instant in milliseconds since 1970 as ISO 8601 in UTC, to the second.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { formatMillis } from "./window.ts";
 * assertEquals(formatMillis(1_500), "1970-01-01T00:00:01Z");
 * ```
 */
export function formatMillis(millis: number): string {
  return new Date(millis).toISOString().replace(/\.\d+/, "");
}

function dayAfter(day: Day): Day {
  return Temporal.PlainDate.from(day).add({ days: 1 }).toString() as Day;
}
