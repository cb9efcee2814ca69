import type { FailureKind } from "../../pipeline/errors.ts";

// The exit codes of commands. checks/runner.ts decides whether check results are 0, 1 or 3.

/** The exit code of each kind of failure. 0 is success, and 130 is an interruption with Ctrl-C. */
export const EXIT_CODES: Readonly<Record<FailureKind, number>> = {
  data: 1,
  configuration: 2,
  unreachable: 3,
};

/** The end of a `--help`. */
export const EXIT_CODES_HELP = `
Exit codes: 0 success; 1 a check failed or the data is wrong; 2 wrong usage or configuration;
3 unknown, because something could not be reached.
`;

/** Returns the worst of several exit codes. A known failure (2, then 1) is worse than unknown (3). */
export function worstExitCode(codes: readonly number[]): number {
  return [2, 1, 3].find((code) => codes.includes(code)) ?? 0;
}
