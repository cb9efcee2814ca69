import { reportFailure } from "../cli/failure.ts";
import { inSpan } from "../cli/tracing.ts";
import { writeMetrics } from "../metrics/metrics_file.ts";
import { dayCommandMetrics } from "../metrics/run_metrics.ts";
import { worstExitCode } from "../cli/exit_code.ts";
import type { Order } from "./order.ts";
import type { DayResult } from "./table.ts";

/** Does a step of a day, and records how long it took, also if it fails. */
export async function measureStep<T>(
  step: string,
  result: DayResult,
  work: () => Promise<T>,
): Promise<T> {
  const began = performance.now();
  result.measured ??= { seconds: {} };
  try {
    return await inSpan(`deep_storage.${step}`, { "deep_storage.day": result.date }, work);
  } finally {
    result.measured.seconds[step] = (performance.now() - began) / 1000;
  }
}

/**
 * Works on days, and writes the metrics of the run into the file of `--metrics-file`, if there is one,
 * also if the work fails.
 *
 * @param work gets the list to which it adds the result of each day. Returns the exit code, or throws
 * @returns the exit code
 */
export async function withMetricsFile(
  { command, metricsFile, reporter }: Pick<Order, "command" | "metricsFile" | "reporter">,
  work: (results: DayResult[]) => Promise<number>,
): Promise<number> {
  const results: DayResult[] = [];
  if (metricsFile === undefined) return await work(results);
  const began = Date.now();
  let exitCode: number;
  try {
    exitCode = await work(results);
  } catch (error) {
    exitCode = reportFailure(error, reporter);
  }
  try {
    const ended = { command, exitCode, began, ended: Date.now() };
    await writeMetrics(metricsFile, dayCommandMetrics(ended, results));
    return exitCode;
  } catch (error) {
    return worstExitCode([exitCode, reportFailure(error, reporter)]);
  }
}
