import type { Day } from "../../pipeline/contract/window.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { Observer } from "../../pipeline/progress.ts";
import { worstExitCode } from "../cli/exit_code.ts";
import { reportFailure } from "../cli/failure.ts";
import { renderLine } from "../cli/json_line.ts";
import { printing, renderJsonStep, renderStep } from "../cli/observer.ts";
import { colourWanted, paint, print } from "../cli/terminal.ts";
import { inSpan, traceSteps } from "../cli/tracing.ts";
import { measureStep } from "./measured.ts";
import type { ReportSink } from "../cli/checking.ts";
import type { DayFormat, Order } from "./order.ts";
import { recordSteps } from "./recorded_steps.ts";
import { record } from "./reports.ts";
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
  order: Pick<
    Order,
    "command" | "dryRun" | "keepGoing" | "several" | "output" | "reporter" | "transcript"
  >,
  work: DayWork,
  results: DayResult[] = [],
): Promise<number> {
  const { command, dryRun, keepGoing, several, reporter } = order;
  for (const { day, reason } of days) {
    if (several) {
      const text = heading(day, results.length + 1, days.length, reason);
      say(order, { text: (colour) => [`\n${paint(text, "bold", colour)}`] });
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
  const listed = results.map(({ exitCode, measured: _, ...rest }) => ({ ...rest, exitCode }));
  say(order, {
    json: renderLine(command, "days", { days: listed, notBegun, exitCode }),
    text: (colour) => {
      const summary = { days: days.length, dryRun, exitCode, colour };
      return results.length === 0 ? [] : ["", ...renderDays(command, results, summary)];
    },
  });
  return exitCode;
}

/** Prints lines in the format of standard output, and adds them to the reports for files. */
function say(
  order: Pick<Order, "output" | "transcript">,
  lines: { readonly json?: string; readonly text: (colour: boolean) => readonly string[] },
): void {
  const { json, text } = lines;
  if (order.output === "json") {
    if (json !== undefined) print(json);
  } else if (order.output !== "junit") text(colourWanted()).forEach((line) => print(line));
  if (json !== undefined) record(order, { json });
  for (const line of text(false)) record(order, { text: line });
}

function heading(day: Day, number: number, of: number, reason?: string): string {
  return `${day}  ${number} of ${of}${reason === undefined ? "" : `: ${reason}`}`;
}

/** A layer of the lake. */
export type LayerName = "bronze" | "silver";

/** Prints the steps of a command, and adds them to the reports for files. */
export function observerOf(
  order: Pick<Order, "output" | "transcript">,
  command: string,
  date?: Day,
): Observer {
  const { output } = order;
  const printed = printing(command, output === "json" ? "json" : "text", date);
  return {
    progress: (progress) => printed.progress(progress),
    step(step) {
      if (output !== "junit") printed.step(step);
      const text = renderStep(command, step, false);
      record(order, { text, json: renderJsonStep(command, step, date) });
    },
  };
}

/** Records the result of a layer: its last reported state, or `failed`. */
export async function recordResult(
  layer: LayerName,
  day: Day,
  order: Pick<Order, "command" | "output" | "sends" | "transcript">,
  result: DayResult,
  run: (observer: Observer) => Promise<void>,
): Promise<void> {
  const printed = observerOf(order, layer, day);
  result.measured ??= { seconds: {} };
  const observer = order.sends ? recordSteps(layer, result.measured, printed) : printed;
  result[layer] = "failed";
  const lines: string[] = [];
  result.measured.lines = { ...result.measured.lines, [layer]: lines };
  let state: string | undefined;
  const work = () =>
    traceSteps(observer, layer, day, async (traced) => {
      await run({
        progress: (progress) => traced.progress(progress),
        work: (work) => traced.work?.(work),
        step(step) {
          traced.step(step);
          lines.push(renderStep(layer, step, false));
          if (typeof step.data.state === "string") state = step.data.state;
          if (step.step === "fence" && step.warning) result.measured!.stays = step.says;
          if (step.step === "verified") state = `${state}, unchanged`;
          const isOwn = layer === "bronze" || order.command === "silver";
          if (isOwn && typeof step.data.rows === "number") result.rows = step.data.rows;
        },
      });
    });
  await measureStep(layer, result, work);
  result[layer] = state ?? "-";
}

/** Checks a day, and records the result. Returns the exit code. */
export async function checkDay(day: Day, order: Order, result: DayResult): Promise<number> {
  const { database, lake, grace, output, timeout, strict, verbose, silence, several, command } =
    order;
  const amongLines = several || command === "run";
  result.postflight = "error";
  const { checkAfter } = await import("./check_after.ts");
  const report = await measureStep("postflight", result, () =>
    checkAfter({
      database: database!,
      lake,
      day,
      grace,
      timeout,
      strict,
      verbose,
      silence,
      output: output === "junit" ? "none" : amongLines && output === "json" ? "json-line" : output,
      files: checksIntoReports(order, amongLines),
    }));
  result.measured!.checks = { results: report.results, ended: Date.now() };
  const count = (verdict: string) =>
    report.results.filter((each) => each.verdict === verdict).length;
  const worst = ["fail", "error", "warn"].find((verdict) => count(verdict) > 0) ?? "pass";
  result.postflight = `${count(worst)} ${worst}`;
  return report.exitCode;
}

/**
 * Returns the reports for files, as files that checks write.
 *
 * @param amongLines whether the JSON is a line among others
 */
export function checksIntoReports(
  { transcript }: Pick<Order, "transcript">,
  amongLines: boolean,
): ReportSink[] {
  const formats = Object.keys(transcript) as DayFormat[];
  return formats.filter((format) => format !== "junit").map((format) => ({
    format: format === "json" && amongLines ? "json-line" : format,
    write: (report) => Promise.resolve(void transcript[format]!.push(report.trimEnd())),
  }));
}
