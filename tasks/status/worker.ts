import type { DatabaseConfig } from "../../pipeline/config.ts";
import type { DayRange } from "../../pipeline/contract/window.ts";
import { Failure } from "../../pipeline/errors.ts";
import { plural } from "../../pipeline/progress.ts";
import { EXIT_CODES, explainedExit, worstExitCode } from "../cli/exit_code.ts";
import type { WorkerReports } from "../cli/html_report.ts";
import { type LakeOrder, serveOnLake } from "../cli/lake_worker.ts";
import type { OUTPUTS } from "../cli/observer.ts";
import { colourWanted, lineWidth, print, showStatus } from "../cli/terminal.ts";
import { type MetricsFile, writeMetrics } from "../metrics/metrics_file.ts";
import { commandMetrics } from "../metrics/run_metrics.ts";
import { statusMetrics } from "../metrics/status_metrics.ts";
import { type DayStatus, needsAmendment } from "./judge.ts";
import { readStatus, type Status } from "./reading.ts";
import { renderJsonDay, renderJsonTotal, renderStatus } from "./text.ts";

/** The job of the worker. */
export interface StatusOrder extends LakeOrder {
  /** The days; all days if the range has no bounds. */
  readonly range: DayRange;
  /** Undefined without the credentials of a database. */
  readonly database: DatabaseConfig | undefined;
  /** The grace period for slow writers after the end of a day, in microseconds. */
  readonly grace: bigint;
  /** Whether a day that is over and not sealed is a failure. */
  readonly check: boolean;
  readonly output: (typeof OUTPUTS)[number];
  /** The file that receives the metrics. */
  readonly metricsFile: MetricsFile | undefined;
  /** The formats of the reports for files. */
  readonly inFiles: readonly StatusOrder["output"][];
  /** Whether an HTML report gets the state of the days. */
  readonly sends: boolean;
}

/** The number of days between two updates of the status line. */
const SHOWN_DAYS = 50;

// This is a worker. Its permissions are limited to the database and to reading the lake.

serveOnLake(async (order: StatusOrder, lake, send) => {
  const { database, range, grace, check, output, metricsFile } = order;
  showStatus("status  listing the lake");
  const onDay = (read: number, of: number) => {
    if (read % SHOWN_DAYS !== 0) return;
    showStatus(`status  ${read.toLocaleString("en-US")} of ${plural(of, "day")} read`);
  };
  const began = Date.now();
  const writeFile = async (exitCode: number, status?: Status) => {
    if (metricsFile === undefined) return;
    const ended = { command: "status", exitCode, began, ended: Date.now() };
    await writeMetrics(metricsFile, [...commandMetrics(ended), ...statusMetrics(status)]);
  };
  const status = await readStatus({ lake, database, range, grace, onDay }).catch(async (error) => {
    const kind = error instanceof Failure ? error.kind : "unreachable";
    await writeFile(EXIT_CODES[kind]);
    throw error;
  });
  const exitCode = exitCodeOf(status, check);
  const render = (format: StatusOrder["output"], colour: boolean, width?: number) =>
    format === "text"
      ? renderStatus(status, colour, width)
      : [...status.days.map(renderJsonDay), renderJsonTotal(status, exitCode)].join("\n");
  const files = order.inFiles.map((format) => [format, `${render(format, false)}\n`]);
  const reports: WorkerReports = { files: Object.fromEntries(files) };
  if (order.sends) {
    const { calendarData } = await import("../report/calendar_data.ts");
    const exit = explainedExit(exitCode);
    send({ ...reports, html: { command: "status", exit, calendar: calendarData(status) } });
  } else send(reports);
  print(render(output, colourWanted(), lineWidth()));
  await writeFile(exitCode, status);
  return exitCode;
});

/**
 * The exit code of what could not be read or used. With `--check`, also 1 for a day that is over and not
 * sealed, or from another source, or in need of an amendment.
 */
function exitCodeOf({ days, outbox, recordFailure }: Status, check: boolean): number {
  const isBad = (day: DayStatus) =>
    day.isOver && !day.isSettled || day.otherSource !== undefined || needsAmendment(day);
  const layers = days.flatMap(({ bronze, silver }) => [bronze, silver]);
  return worstExitCode([
    ...(recordFailure === undefined ? [] : [EXIT_CODES.data]),
    ...(check && days.some(isBad) ? [EXIT_CODES.data] : []),
    ...(layers.some(({ state }) => state === "unreadable") ? [EXIT_CODES.unreachable] : []),
    ...(outbox.state !== "failed"
      ? []
      : outbox.failure.kind === "configuration"
      ? [EXIT_CODES.configuration]
      : [EXIT_CODES.unreachable]),
  ]);
}
