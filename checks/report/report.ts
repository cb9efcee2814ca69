import type { Result } from "../finding.ts";

/** The content of a report. It contains no times, so equal results give equal reports. */
export interface Report {
  /** The command that ran the checks, such as `postflight`. */
  readonly command: string;
  /** The day that was checked, such as `2025-12-28`; absent for preflight. */
  readonly date?: string;
  /** One result per check, in the order of the checks. */
  readonly results: readonly Result[];
  /** The exit code of the command. */
  readonly exitCode: number;
}
