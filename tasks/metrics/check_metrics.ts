import type { Result } from "../../checks/finding.ts";
import type { Day } from "../../pipeline/contract/window.ts";
import { gauge, type Metric, series } from "./metric.ts";

/** The results of checks that ran together. */
export interface CheckRun {
  /** The day that was checked, if any. */
  readonly day?: Day | undefined;
  readonly results: readonly Result[];
  /** When the last check ended, in milliseconds since 1970. */
  readonly ended: number;
}

/** The metrics of checks. */
export function checkMetrics(command: string, runs: readonly CheckRun[]): Metric[] {
  const each = <T>(of: (run: CheckRun, labels: Readonly<Record<string, string>>) => T[]): T[] =>
    runs.flatMap((run) => of(run, { command, ...(run.day === undefined ? {} : { day: run.day }) }));
  return [
    gauge(
      "check_verdict",
      "The verdict of a check: 1 for its current verdict.",
      each(({ results }, labels) =>
        results.map(({ id, verdict }) => series(1, { ...labels, check: id, verdict }))
      ),
    ),
    gauge(
      "check_findings",
      "Findings of a check, failures and warnings.",
      each(({ results }, labels) =>
        results.map(({ id, findings }) => series(findings.length, { ...labels, check: id }))
      ),
    ),
    gauge(
      "check_end_timestamp_seconds",
      "When the checks ended, in seconds since 1970.",
      each(({ ended }, labels) => [series(ended / 1000, labels)]),
    ),
  ];
}
