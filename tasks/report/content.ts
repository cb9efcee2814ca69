import type { Report } from "../../checks/report/report.ts";

/** What an HTML report shows, as plain data. Each part is absent if its command has none. */
export interface Content {
  /** The command of the report, such as `preflight`. */
  readonly command: string;
  /** The time of the report in UTC, such as `2025-12-29 04:00:10`. */
  readonly made: string;
  /** The reports of the checks, one per day for the checks after a run. */
  readonly checks?: readonly Report[];
}

/** What an HTML report needs from files, as plain data. */
export interface Template {
  /** The style sheet. */
  readonly style: string;
  /** The scripts: the libraries first. */
  readonly scripts: readonly string[];
  /** The pages of the runbook in Markdown, with the names of the platform, by name. */
  readonly pages: Readonly<Record<string, string>>;
}
