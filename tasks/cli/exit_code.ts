import type { Result } from "../../checks/finding.ts";
import type { FailureKind } from "../../pipeline/errors.ts";

// The exit codes of failures, of reports, and of commands that the operator stops.

/**
 * The exit code if the operator stops a command: with Ctrl-C, or with no as the answer to its
 * question. It is not 1, because no check failed, and not 0, because a script must not continue.
 */
export const STOPPED = 130;

/** The exit code of each kind of failure. 0 is success. */
export const EXIT_CODES: Readonly<Record<FailureKind, number>> = {
  data: 1,
  configuration: 2,
  unreachable: 3,
};

/** The end of a `--help`. */
export const EXIT_CODES_HELP = `
Exit codes: 0 success; 1 a check failed or the data is wrong; 2 wrong usage or configuration;
3 unknown, because something could not be reached; 130 interrupted, or the answer was no.
`;

const MEANINGS: Readonly<Record<number, string>> = {
  0: "success",
  1: "a check failed or the data is wrong",
  2: "the usage or the configuration is wrong",
  3: "unknown, because something could not be reached or judged",
  [STOPPED]: "interrupted, or the answer was no",
};

/** Returns an exit code with its meaning. */
export function explainedExit(code: number): { readonly code: number; readonly means: string } {
  return { code, means: MEANINGS[code] ?? "unexpected" };
}

/** Returns the worst of several exit codes. A known failure (2, then 1) is worse than unknown (3). */
export function worstExitCode(codes: readonly number[]): number {
  return [2, 1, 3].find((code) => codes.includes(code)) ?? 0;
}

/**
 * Returns the exit code for the results of checks:
 *
 * - 1 if a check failed, or warned and `strict` is set
 * - 3 if a check is an error or was skipped, unless the operator requested the skip
 * - 3 if no check judged anything
 * - 0 otherwise
 */
export function exitCode(
  results: readonly Result[],
  { strict = false }: { readonly strict?: boolean } = {},
): 0 | 1 | 3 {
  const bad = ({ verdict }: Result) => verdict === "fail" || strict && verdict === "warn";
  if (results.some(bad)) return 1;
  const unknown = ({ verdict, requested }: Result) =>
    verdict === "error" || verdict === "skip" && requested !== true;
  const judged = results.some(({ verdict }) => verdict !== "skip" && verdict !== "not-applicable");
  return !judged || results.some(unknown) ? 3 : 0;
}
