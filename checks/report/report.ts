import type { Result } from "../finding.ts";

/** All that a report shows. It holds no times, so that equal results give equal reports. */
export interface Report {
  /** The command that ran the checks, such as `postflight`. */
  readonly command: string;
  /** The day that was looked at, where there is one. */
  readonly date?: string;
  /** One per check, in their order. */
  readonly results: readonly Result[];
  /** What the command exits with. */
  readonly exitCode: number;
}
