import type { AnyCheck } from "../../checks/check.ts";
import { startCommands } from "../../checks/report/github.ts";
import { renderJson, renderJsonLine } from "../../checks/report/json.ts";
import { renderJunit } from "../../checks/report/junit.ts";
import { renderMarkdown } from "../../checks/report/markdown.ts";
import { fixesInFiles, type Report } from "../../checks/report/report.ts";
import { startText } from "../../checks/report/text.ts";
import type { Result } from "../../checks/finding.ts";
import { type Gatherers, runChecks } from "../../checks/runner.ts";
import { isQuiet } from "./common_flags.ts";
import { exitCode } from "./exit_code.ts";
import { repeatFlags, withFlags } from "./next_command.ts";
import type { Format } from "./report_outputs.ts";
import { clearStatus, colourWanted, print, showStatus } from "./terminal.ts";
import { traceChecks } from "./tracing.ts";

/** An output format. `json-line` is for a report among other lines of JSON, and `none` prints nothing. */
export type ReportFormat = Format | "json-line" | "none";

/** Receives a report in a format, for example into a file. */
export interface ReportSink {
  readonly format: ReportFormat;
  write(report: string): Promise<void>;
}

/** Options for running and reporting checks. */
export interface CheckingOptions {
  /** The format of standard output. */
  readonly output: ReportFormat;
  /** The files that also receive the report. */
  readonly files?: readonly ReportSink[];
  /** Seconds to gather each fact. */
  readonly timeout: number;
  /** Seconds to read images, which takes longer the first time; `timeout` by default. */
  readonly imageTimeout?: number;
  /** Whether fixes change the manifests instead of a cluster, which was not asked for. */
  readonly fixesFiles?: boolean;
  /** Whether warnings count as failures. */
  readonly strict?: boolean;
  /** Whether the text has a line for each check, also for one that was skipped on request. */
  readonly verbose?: boolean;
  /** The checks to skip, by id, with the reason. */
  readonly skip?: ReadonlyMap<string, string>;
  /** Stops the checks when it aborts. Nothing is printed afterwards. */
  readonly signal?: AbortSignal;
}

/** The checks of a command, and their inputs. */
export interface Subject {
  readonly command: string;
  /** The day to check, if any. */
  readonly date?: string;
  /** The status line while the checks run. */
  readonly status: string;
  readonly checks: readonly AnyCheck[];
  readonly gatherers: Gatherers;
}

/**
 * Runs checks, prints the report, and writes it into files.
 *
 * @throws {Failure} configuration: a file cannot be written
 */
export async function runAndReport(
  { command, date, status, checks, gatherers }: Subject,
  {
    output,
    files = [],
    timeout,
    imageTimeout = timeout,
    fixesFiles = false,
    strict = false,
    verbose = false,
    skip = new Map(),
    signal,
  }: CheckingOptions,
): Promise<Report> {
  const idWidth = Math.max(...checks.map(({ id }) => id.length));
  const stream = startStream(output, {
    colour: colourWanted(),
    idWidth,
    verbose,
    quiet: isQuiet(),
  });
  const printed = (result: Result) => withFlags(fixesFiles ? fixesInFiles(result) : result);
  showStatus(status);
  const began = performance.now();
  const judged = await runChecks(checks, gatherers, {
    timeoutMs: timeout * 1000,
    longerMs: { image: imageTimeout * 1000 },
    skip,
    ...(signal === undefined ? {} : { signal }),
    onResult(result) {
      if (signal?.aborted) return;
      const lines = stream.result(printed(result));
      if (lines !== "") print(lines.trimEnd());
      showStatus(status);
    },
  });
  clearStatus();
  const results = judged.map(printed);
  await traceChecks(command, date, results, began);
  const code = exitCode(results, { strict });
  const report = { command, ...(date === undefined ? {} : { date }), results, exitCode: code };
  if (signal?.aborted) return report;
  if (output !== "none") print(stream.end(report).trimEnd());
  for (const { format, write } of files) {
    const written = startStream(format, { idWidth, verbose });
    await write(results.map(written.result).join("") + written.end(report));
  }
  return report;
}

/** Renders a report in one format, result by result. */
interface Stream {
  result(result: Result): string;
  end(report: Report): string;
}

function startStream(
  format: ReportFormat,
  layout: NonNullable<Parameters<typeof startText>[0]>,
): Stream {
  const atEnd = (end: (report: Report) => string): Stream => ({ result: () => "", end });
  switch (format) {
    case "text":
      return startTextReport(layout);
    case "github":
      return startCommands();
    case "json":
      return atEnd(renderJson);
    case "json-line":
      return atEnd(renderJsonLine);
    case "junit":
      return atEnd(renderJunit);
    case "none":
      return atEnd(() => "");
    case "markdown":
      return atEnd(renderMarkdown);
  }
}

/** Text has commands that are not in the results. */
function startTextReport(layout: Parameters<typeof startText>[0]): Stream {
  const text = startText(layout);
  return {
    result: (result) => repeatFlags(text.result(result)),
    end: (report) => repeatFlags(text.end(report)),
  };
}
