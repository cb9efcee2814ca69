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

/** A verdict other than a pass for a day, by its labels. */
export type FailedVerdict = Readonly<Record<"command" | "day" | "check" | "verdict", string>>;

/** Reads the verdicts `fail` and `error` for days from the text of {@linkcode checkMetrics}. */
export function failedVerdicts(text: string): readonly FailedVerdict[] {
  const line = new RegExp(
    'deep_storage_check_verdict\\{command="([a-z]+)",day="([0-9-]+)",check="([a-z-]+)",' +
      'verdict="(fail|error)"\\} 1$',
  );
  return text.split("\n").flatMap((each) => {
    const [, command, day, check, verdict] = line.exec(each) ?? [];
    return verdict === undefined ? [] : [{ command: command!, day: day!, check: check!, verdict }];
  });
}

/**
 * The metrics of checks.
 *
 * @param earlier failed verdicts of an earlier run. They are still true for the days that this run did not
 *   check
 */
export function checkMetrics(
  command: string,
  runs: readonly CheckRun[],
  earlier: readonly FailedVerdict[] = [],
): Metric[] {
  const kept = earlier.filter((each) =>
    each.command === command && !runs.some(({ day }) => day === each.day)
  );
  const each = <T>(of: (run: CheckRun, labels: Readonly<Record<string, string>>) => T[]): T[] =>
    runs.flatMap((run) => of(run, { command, ...(run.day === undefined ? {} : { day: run.day }) }));
  return [
    gauge(
      "check_verdict",
      "The verdict of a check: 1 for its current verdict.",
      [
        ...kept.map((labels) => series(1, labels)),
        ...each(({ results }, labels) =>
          results.map(({ id, verdict }) => series(1, { ...labels, check: id, verdict }))
        ),
      ],
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
