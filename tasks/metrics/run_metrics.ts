import type { Day } from "../../pipeline/contract/window.ts";
import type { DayResult } from "../days/table.ts";
import { checkMetrics, type CheckRun } from "./check_metrics.ts";
import { gauge, type Metric, series } from "./metric.ts";
import { DAYS_WITH_METRICS } from "./status_metrics.ts";

/** A command that has ended. */
export interface Ended {
  readonly command: string;
  readonly exitCode: number;
  /** When the command began and ended, in milliseconds since 1970. */
  readonly began: number;
  readonly ended: number;
}

/** The metrics that every command has. */
export function commandMetrics({ command, exitCode, began, ended }: Ended): Metric[] {
  return [
    gauge("run_exit_code", "The exit code of the last run of the command.", [
      series(exitCode, { command }),
    ]),
    gauge("run_end_timestamp_seconds", "When the last run of the command ended.", [
      series(ended / 1000, { command }),
    ]),
    gauge("run_duration_seconds", "How long the last run of the command took.", [
      series((ended - began) / 1000, { command }),
    ]),
  ];
}

/** The metrics of a command that works on days. */
export function dayCommandMetrics(ended: Ended, results: readonly DayResult[]): Metric[] {
  const { command } = ended;
  const newest = results.slice(-DAYS_WITH_METRICS);
  const failed = results.filter(({ exitCode }) => exitCode !== 0).length;
  return [
    ...commandMetrics(ended),
    gauge("run_windows", "Days of the last run of the command, by result.", [
      series(results.length - failed, { command, result: "success" }),
      series(failed, { command, result: "failure" }),
    ]),
    gauge(
      "run_step_duration_seconds",
      "How long a step took for a day in the last run of the command.",
      newest.flatMap(({ date, measured }) =>
        Object.entries(measured?.seconds ?? {}).map(([step, seconds]) =>
          series(seconds, { command, day: date, step })
        )
      ),
    ),
    ...checkMetrics(command, newest.flatMap(checksOf)),
  ];
}

function checksOf({ date, measured }: DayResult): CheckRun[] {
  if (measured?.checks === undefined) return [];
  return [{ day: date as Day, ...measured.checks }];
}
