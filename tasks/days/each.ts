import type { Day } from "../../pipeline/contract/window.ts";
import { tellFailure, worstOf } from "../cli/failure.ts";
import { colourWanted, paint, print } from "../cli/terminal.ts";
import type { Order } from "./order.ts";
import { type DayResult, renderDays } from "./table.ts";

/** A day that is to be worked on, and why, where that is not plain. */
export interface DayToDo {
  readonly day: Day;
  readonly reason?: string;
}

/** Works on one day, and notes how it goes. It returns the exit code, or throws. */
export type DayWork = (day: Day, result: DayResult) => Promise<number>;

/**
 * Works on days, oldest first, up to the first that fails, or all of them with `--keep-going`. A wrong
 * configuration ends it at once: no other day would go better.
 *
 * @returns the worst exit code
 */
export async function eachDay(
  days: readonly DayToDo[],
  order: Order,
  work: DayWork,
): Promise<number> {
  const { command, keepGoing, several, output, teller } = order;
  const results: DayResult[] = [];
  for (const { day, reason } of days) {
    if (several && output !== "json") {
      print(`\n${paint(heading(day, results.length + 1, days.length, reason), "bold")}`);
    }
    const result: DayResult = { date: day, exitCode: 0 };
    results.push(result);
    try {
      result.exitCode = await work(day, result);
    } catch (error) {
      result.exitCode = tellFailure(error, teller, day);
    }
    if (result.exitCode === 2 || (result.exitCode !== 0 && !keepGoing)) break;
  }
  const exitCode = worstOf(results.map((result) => result.exitCode));
  if (!several) return exitCode;
  const notBegun = days.length - results.length;
  if (output === "json") {
    const days = results.map(({ exitCode, ...rest }) => ({ ...rest, exitCode }));
    print(JSON.stringify({ command, step: "days", days, notBegun, exitCode }));
  } else if (results.length > 0) {
    print("");
    const summary = { days: days.length, exitCode, colour: colourWanted() };
    for (const line of renderDays(command, results, summary)) print(line);
  }
  return exitCode;
}

function heading(day: Day, number: number, of: number, reason?: string): string {
  return `${day}  ${number} of ${of}${reason === undefined ? "" : `: ${reason}`}`;
}
