import type { Order } from "../days/order.ts";
import type { DayResult } from "../days/table.ts";
import { explainedExit, worstExitCode } from "../cli/exit_code.ts";
import type { NewContent } from "../cli/html_report.ts";

/** Returns what an HTML report shows of a command that works through days. */
export function runContent(
  { command }: Pick<Order, "command">,
  results: readonly DayResult[],
): NewContent {
  return {
    command,
    exit: explainedExit(worstExitCode(results.map(({ exitCode }) => exitCode))),
    checks: results.flatMap(({ date, exitCode, measured }) =>
      measured?.checks === undefined
        ? []
        : [{ command: "postflight", date, results: measured.checks.results, exitCode }]
    ),
    runs: results.flatMap(({ date, bronze, silver, exitCode, measured }) => {
      const { steps = [], samples = [], work = [], seconds = {}, failure } = measured ?? {};
      if (command === "postflight") return [];
      return [{ day: date, bronze, silver, exitCode, failure, steps, samples, work, seconds }];
    }),
  };
}
