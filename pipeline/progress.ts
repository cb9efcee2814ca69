/** Something that a run found or did: a word, a sentence for people, and the same as data. */
export interface Step {
  /** A stable word, such as `fence`. */
  readonly step: string;
  /** A sentence for people. */
  readonly says: string;
  /** What programs read; the names are stable. */
  readonly data: Readonly<Record<string, string | number | boolean | null | readonly string[]>>;
  /** Whether the operator should look at it, though the run goes on. */
  readonly warning?: boolean;
}

/** How far a run is. */
export interface Progress {
  /** Rows so far. */
  readonly rows: number;
  /** Rows in all. */
  readonly of: number;
  /** Parts stored so far. */
  readonly parts: number;
}

/** Hears what a run does while it does it. */
export interface Observer {
  /** A step is done. */
  step(step: Step): void;
  /** A run got on. */
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

/** How many events or rows a message names before it only counts them. */
export const NAMED = 5;
