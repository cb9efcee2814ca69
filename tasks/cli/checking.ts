import type { AnyCheck } from "../../checks/check.ts";
import { renderCommands } from "../../checks/report/github.ts";
import { renderJson, renderJsonLine } from "../../checks/report/json.ts";
import { renderJunit } from "../../checks/report/junit.ts";
import { renderResult, renderSummary } from "../../checks/report/text.ts";
import type { Report } from "../../checks/report/report.ts";
import { type Gatherers, runChecks } from "../../checks/runner.ts";
import { exitCode } from "./exit_code.ts";
import { clearStatus, colourWanted, print, showStatus } from "./terminal.ts";

/** The output formats of a report. */
export const FORMATS = ["text", "json", "junit", "github"] as const;

/** An output format. `json-line` is for a report among other lines of JSON. */
export type ReportFormat = (typeof FORMATS)[number] | "json-line";

/** Options for running and reporting checks. */
export interface CheckingOptions {
  readonly output: ReportFormat;
  /** Seconds to gather each fact. */
  readonly timeout: number;
  /** Seconds to read images, which takes longer the first time; `timeout` by default. */
  readonly imageTimeout?: number;
  /** Whether warnings count as failures. */
  readonly strict?: boolean;
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

/** Runs checks and prints the report. */
export async function runAndReport(
  { command, date, status, checks, gatherers }: Subject,
  { output, timeout, imageTimeout = timeout, strict = false, skip = new Map(), signal }:
    CheckingOptions,
): Promise<Report> {
  const text = { colour: colourWanted(), idWidth: Math.max(...checks.map(({ id }) => id.length)) };
  showStatus(status);
  const results = await runChecks(checks, gatherers, {
    timeoutMs: timeout * 1000,
    longerMs: { image: imageTimeout * 1000 },
    skip,
    ...(signal === undefined ? {} : { signal }),
    onResult(result) {
      if (signal?.aborted) return;
      if (output === "text") print(renderResult(result, text).trimEnd());
      else if (output === "github") printIfAny(renderCommands(result));
      showStatus(status);
    },
  });
  clearStatus();
  const code = exitCode(results, { strict });
  const report = { command, ...(date === undefined ? {} : { date }), results, exitCode: code };
  if (signal?.aborted) return report;
  const rendered = {
    text: () => renderSummary(report, text),
    github: () => renderSummary(report),
    json: () => renderJson(report),
    "json-line": () => renderJsonLine(report),
    junit: () => renderJunit(report),
  };
  print(rendered[output]().trimEnd());
  return report;
}

function printIfAny(lines: string): void {
  if (lines !== "") print(lines.trimEnd());
}
