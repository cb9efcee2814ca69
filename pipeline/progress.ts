/** Something that a run found or did, as a sentence and as data. */
export interface Step {
  /** The stable name of the step, such as `fence`. */
  readonly step: string;
  /** The sentence for people. */
  readonly says: string;
  /** The data for programs; field names are stable. */
  readonly data: Readonly<Record<string, string | number | boolean | null | readonly string[]>>;
  /** True if the step is a warning. The run continues. */
  readonly warning?: boolean;
}

/** The progress of a run. */
export interface Progress {
  /** Rows until now. */
  readonly rows: number;
  /** Rows in total. */
  readonly of: number;
  /** Parts stored so far. */
  readonly parts: number;
}

/**
 * When a part was made: rows were read and encoded in turn, and the part was stored while the next one
 * was made. Silver has only `put`. Times are milliseconds since 1970.
 */
export interface Work {
  /** What was done: `copy` waits for rows, `encode` makes pages of them, and `put` stores the part. */
  readonly kind: "copy" | "encode" | "put";
  /** When it began. */
  readonly began: number;
  /** When it ended. */
  readonly ended: number;
  /** The milliseconds that it took in between. The rest was other work. */
  readonly busy: number;
}

/** Receives the steps and the progress of a run. */
export interface Observer {
  /** A step is done. */
  step(step: Step): void;
  /** The run has progressed. */
  progress(progress: Progress): void;
  /** Work on a part has ended. An observer without it does not measure. */
  work?(work: Work): void;
}

/**
 * The time in milliseconds since 1970, with fractions. Threads share it.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { preciseTime } from "./progress.ts";
 * assert(Math.abs(preciseTime() - Date.now()) < 60_000);
 * ```
 */
export function preciseTime(): number {
  return performance.timeOrigin + performance.now();
}

/**
 * Formats a count with its noun: `1 row`, `2 rows`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { plural } from "./progress.ts";
 * assertEquals([plural(1, "row"), plural(2000, "row")], ["1 row", "2,000 rows"]);
 * ```
 */
export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/**
 * Formats a count: `12` or `2,000`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { formatCount } from "./progress.ts";
 * assertEquals(formatCount(2000), "2,000");
 * ```
 */
export function formatCount(count: number): string {
  // The first call of toLocaleString would load the data of the locale, which takes 10 to 25 ms.
  return String(count).replace(/(?<=\d)(?=(?:\d{3})+$)/g, ",");
}

/** The number of events or rows that a message lists; it only counts the rest. */
export const NAMED = 5;
