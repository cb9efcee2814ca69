import type { Day } from "../../pipeline/contract/window.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { Observer } from "../../pipeline/progress.ts";
import { worstExitCode } from "../cli/exit_code.ts";
import { reportFailure } from "../cli/failure.ts";
import { printLine } from "../cli/json_line.ts";
import { printing } from "../cli/observer.ts";
import { colourWanted, paint, print } from "../cli/terminal.ts";
import { inSpan, tracedIfOn } from "../cli/tracing.ts";
import { measureStep } from "./measured.ts";
import type { Order } from "./order.ts";
import { recordSteps } from "./recorded_steps.ts";
import { type DayResult, renderDays } from "./table.ts";
import { repeatFlags } from "../cli/next_command.ts";

// What every engine does for each day: work, and report the result.

/** A day to process. With `--pending`, also the reason. */
export interface DayToDo {
  readonly day: Day;
  readonly reason?: string;
}

/** Processes one day and records the result. Returns the exit code, or throws. */
export type DayWork = (day: Day, result: DayResult) => Promise<number>;

/**
 * Works on days, oldest first, up to the first that fails, or all of them with `--keep-going`. A
 * wrong configuration ends the run at once, because every other day would fail in the same way.
 *
 * @param results receives the result of each day
 * @returns the worst exit code
 */
export async function eachDay(
  days: readonly DayToDo[],
  order: Pick<Order, "command" | "dryRun" | "keepGoing" | "several" | "output" | "reporter">,
  work: DayWork,
  results: DayResult[] = [],
): Promise<number> {
  const { command, dryRun, keepGoing, several, output, reporter } = order;
  for (const { day, reason } of days) {
    if (several && output !== "json") {
      print(`\n${paint(heading(day, results.length + 1, days.length, reason), "bold")}`);
    }
    const result: DayResult = { date: day, exitCode: 0 };
    results.push(result);
    try {
      const attributes = { "deep_storage.command": command, "deep_storage.day": day };
      result.exitCode = await inSpan("deep_storage.day", attributes, () => work(day, result));
    } catch (error) {
      result.exitCode = reportFailure(error, reporter, day);
      result.measured ??= { seconds: {} };
      result.measured.failure = error instanceof Failure
        ? repeatFlags(error.message)
        : "an unexpected error";
    }
    if (result.exitCode === 2 || (result.exitCode !== 0 && !keepGoing)) break;
  }
  const exitCode = worstExitCode(results.map((result) => result.exitCode));
  if (!several) return exitCode;
  const notBegun = days.length - results.length;
  if (output === "json") {
    const days = results.map(({ exitCode, measured: _, ...rest }) => ({ ...rest, exitCode }));
    printLine(command, "days", { days, notBegun, exitCode });
  } else if (results.length > 0) {
    print("");
    const summary = { days: days.length, dryRun, exitCode, colour: colourWanted() };
    for (const line of renderDays(command, results, summary)) print(line);
  }
  return exitCode;
}

function heading(day: Day, number: number, of: number, reason?: string): string {
  return `${day}  ${number} of ${of}${reason === undefined ? "" : `: ${reason}`}`;
}

/** A layer of the lake. */
export type LayerName = "bronze" | "silver";

/** Prints the steps of a command. */
export function observerOf({ output }: Pick<Order, "output">, step: string, date?: Day): Observer {
  return printing(step, output === "json" ? "json" : "text", date);
}

/** Records the result of a layer: its last reported state, or `failed`. */
export async function recordResult(
  layer: LayerName,
  day: Day,
  order: Pick<Order, "command" | "output" | "sends">,
  result: DayResult,
  run: (observer: Observer) => Promise<void>,
): Promise<void> {
  const printed = observerOf(order, layer, day);
  result.measured ??= { seconds: {} };
  const observer = order.sends ? recordSteps(layer, result.measured, printed) : printed;
  result[layer] = "failed";
  let state: string | undefined;
  const work = async () => {
    const traced = await tracedIfOn(observer, layer, day);
    await run({
      progress: (progress) => traced.progress(progress),
      step(step) {
        traced.step(step);
        if (typeof step.data.state === "string") state = step.data.state;
        if (step.step === "fence" && step.warning) result.measured!.stays = step.says;
        if (step.step === "verified") state = `${state}, unchanged`;
        const isOwn = layer === "bronze" || order.command === "silver";
        if (isOwn && typeof step.data.rows === "number") result.rows = step.data.rows;
      },
    });
  };
  await measureStep(layer, result, work);
  result[layer] = state ?? "-";
}

/** Checks a day, and records the result. Returns the exit code. */
export async function checkDay(day: Day, order: Order, result: DayResult): Promise<number> {
  const { database, lake, output, timeout, strict, verbose, silence, several, command } = order;
  const amongLines = output === "json" && (several || command === "run");
  result.postflight = "error";
  const { checkAfter } = await import("./check_after.ts");
  const report = await measureStep("postflight", result, () =>
    checkAfter({
      database: database!,
      lake,
      day,
      timeout,
      strict,
      verbose,
      silence,
      output: amongLines ? "json-line" : output,
    }));
  result.measured!.checks = { results: report.results, ended: Date.now() };
  const count = (verdict: string) =>
    report.results.filter((each) => each.verdict === verdict).length;
  const worst = ["fail", "error", "warn"].find((verdict) => count(verdict) > 0) ?? "pass";
  result.postflight = `${count(worst)} ${worst}`;
  return report.exitCode;
}
