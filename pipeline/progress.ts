/** Something that a run found or did, as a sentence and as data. */
export interface Step {
  /** A stable word, such as `fence`. */
  readonly step: string;
  /** A sentence for people. */
  readonly says: string;
  /** What programs read; the names are stable. */
  readonly data: Readonly<Record<string, string | number | boolean | null | readonly string[]>>;
  /** Whether the step is a warning. The run continues. */
  readonly warning?: boolean;
}

/** The progress of a run. */
export interface Progress {
  /** Rows so far. */
  readonly rows: number;
  /** Rows in all. */
  readonly of: number;
  /** Parts stored so far. */
  readonly parts: number;
}

/** Receives the steps and the progress of a run. */
export interface Observer {
  /** A step is done. */
  step(step: Step): void;
  /** The run has progressed. */
  progress(progress: Progress): void;
}

/**
 * `1 row`, `2 rows`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { plural } from "./progress.ts";
 * assertEquals([plural(1, "row"), plural(2000, "row")], ["1 row", "2,000 rows"]);
 * ```
 */
export function plural(count: number, noun: string): string {
  return `${count.toLocaleString("en-US")} ${noun}${count === 1 ? "" : "s"}`;
}

/** Number of events or rows that a message names; it only counts the rest. */
export const NAMED = 5;
