/** How a run with a fault ends: at once, after retries of its Job, or after a wait for a pod. */
export type RunEnd = "at once" | "after retries" | "after a wait";

const SENTENCES: Readonly<Record<RunEnd, string>> = {
  "at once": "ends at once with exit code 2",
  "after retries": "tries again, and ends with exit code 3",
  "after a wait": "waits for a minute, and ends with exit code 2",
};

/**
 * Says how a run ends, for the consequence of a finding. `deno task drill --real` compares the
 * sentence with real runs.
 *
 * @param symptom words of the message that the run ends with
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { runEnds } from "./run_end.ts";
 * assertEquals(
 *   runEnds("at once", "password authentication failed"),
 *   'a run ends at once with exit code 2: "password authentication failed"',
 * );
 * ```
 */
export function runEnds(end: RunEnd, symptom: string, run = "a run"): string {
  return `${run} ${SENTENCES[end]}: "${symptom}"`;
}
