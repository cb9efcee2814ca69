import type { AnyCheck } from "../../checks/check.ts";
import { AFTER } from "../../checks/catalog.ts";
import { gatherBronze } from "../../checks/facts/bronze.ts";
import { gatherSilver } from "../../checks/facts/silver.ts";
import { gatherSource } from "../../checks/facts/source.ts";
import { renderCommands } from "../../checks/report/github.ts";
import { renderJson, renderJsonLine } from "../../checks/report/json.ts";
import { renderJunit } from "../../checks/report/junit.ts";
import { renderResult, renderSummary } from "../../checks/report/text.ts";
import type { Report } from "../../checks/report/report.ts";
import { type Gatherers, runChecks } from "../../checks/runner.ts";
import { exitCode } from "./exit_code.ts";
import type { DatabaseConfig, LakeConfig } from "../../pipeline/config.ts";
import type { Day } from "../../pipeline/contract/window.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { openLake } from "../../pipeline/lake/open.ts";
import { clearStatus, colourWanted, print, showStatus } from "./terminal.ts";

/** How checks can be reported. */
export const FORMATS = ["text", "json", "junit", "github"] as const;

/** One of them; `json-line` is for a report among other lines of JSON. */
export type ReportFormat = (typeof FORMATS)[number] | "json-line";

/** How checks are run and reported. */
export interface CheckingOptions {
  readonly output: ReportFormat;
  /** How long each fact may take to gather, in seconds. */
  readonly timeout: number;
  /** How long an image may take that is read for the first time, in seconds; else as all facts. */
  readonly imageTimeout?: number;
  /** Whether warnings fail. */
  readonly strict?: boolean;
  /** Checks that the operator does not want, by id, with the reason. */
  readonly skip?: ReadonlyMap<string, string>;
  /** Ends it all when it aborts; nothing is printed from then on. */
  readonly signal?: AbortSignal;
}

/** What is checked, by which command. */
export interface Subject {
  readonly command: string;
  /** The day that is looked at, where there is one. */
  readonly date?: string;
  /** What the command says while it waits. */
  readonly status: string;
  readonly checks: readonly AnyCheck[];
  readonly gatherers: Gatherers;
}

/** Runs checks, and prints their report. */
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

/** What the checks after a run look at, and how they are reported. */
export interface AfterOptions extends CheckingOptions {
  readonly database: DatabaseConfig;
  readonly lake: LakeConfig;
  readonly day: Day;
  /** How long the database may send nothing while it is waited for, in milliseconds. */
  readonly silence?: number | undefined;
}

/** Runs the checks after a run, and prints their report. */
export function checkAfter(
  { database, lake, day, silence, ...options }: AfterOptions,
): Promise<Report> {
  const gatherers: Gatherers = {
    source: (signal) =>
      withLake(lake, signal, (opened) => gatherSource(database, opened, day, signal, silence)),
    bronze: (signal) => withLake(lake, signal, (opened) => gatherBronze(opened, day)),
    silver: (signal) => withLake(lake, signal, (opened) => gatherSilver(opened, day)),
  };
  const status = `reading what ${day} has in the outbox and in the lake …`;
  const subject = { command: "postflight", date: day, status, checks: AFTER, gatherers };
  return runAndReport(subject, options);
}

async function withLake<T>(
  config: LakeConfig,
  signal: AbortSignal,
  use: (lake: Lake) => Promise<T>,
): Promise<T> {
  const lake = openLake(config, signal);
  try {
    return await use(lake);
  } finally {
    lake.close();
  }
}
