import type { Order } from "../days/order.ts";
import type { DayResult } from "../days/table.ts";
import type { Content } from "./content.ts";

/** Returns what an HTML report shows of a command that works through days. */
export function runContent(
  { command }: Pick<Order, "command">,
  results: readonly DayResult[],
): Omit<Content, "made"> {
  return {
    command,
    checks: results.flatMap(({ date, exitCode, measured }) =>
      measured?.checks === undefined
        ? []
        : [{ command: "postflight", date, results: measured.checks.results, exitCode }]
    ),
    runs: results.flatMap(({ date, bronze, silver, exitCode, measured }) => {
      const { steps = [], samples = [], seconds = {}, failure } = measured ?? {};
      if (command === "postflight") return [];
      return [{ day: date, bronze, silver, exitCode, failure, steps, samples, seconds }];
    }),
  };
}
