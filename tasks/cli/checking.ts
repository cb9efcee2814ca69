import { AFTER } from "../../checks/catalog.ts";
import { gatherBronze } from "../../checks/facts/bronze.ts";
import { gatherSilver } from "../../checks/facts/silver.ts";
import { gatherSource } from "../../checks/facts/source.ts";
import { renderJson, renderJsonLine } from "../../checks/report/json.ts";
import { renderJunit } from "../../checks/report/junit.ts";
import { renderResult, renderSummary } from "../../checks/report/text.ts";
import { exitCode, type Gatherers, runChecks } from "../../checks/runner.ts";
import type { DatabaseConfig, LakeConfig } from "../../pipeline/config.ts";
import type { Day } from "../../pipeline/contract/window.ts";
import { type Lake, openLake } from "../../pipeline/lake/lake.ts";
import { clearStatus, colourWanted, print, showStatus } from "./terminal.ts";

/** How checks can be reported; `json-line` is for a report among other lines of JSON. */
export type ReportFormat = "text" | "json" | "json-line" | "junit";

/** What the checks after a run look at, and how they are reported. */
export interface AfterOptions {
  readonly database: DatabaseConfig;
  readonly lake: LakeConfig;
  readonly day: Day;
  readonly output: ReportFormat;
  /** How long each fact may take to gather, in seconds. */
  readonly timeout: number;
  /** Whether warnings fail. */
  readonly strict?: boolean;
}

/** Runs the checks after a run, prints their report, and returns the exit code. */
export async function checkAfter(options: AfterOptions): Promise<number> {
  const { database, lake, day, output, timeout, strict = false } = options;
  const gatherers: Gatherers = {
    source: (signal) => gatherSource(database, day, signal),
    bronze: (signal) => withLake(lake, signal, (opened) => gatherBronze(opened, day)),
    silver: (signal) => withLake(lake, signal, (opened) => gatherSilver(opened, day)),
  };
  const colour = colourWanted();
  showStatus(`reading what ${day} has in the outbox and in the lake …`);
  const results = await runChecks(AFTER, gatherers, {
    timeoutMs: timeout * 1000,
    onResult(result) {
      if (output === "text") print(renderResult(result, { colour }).trimEnd());
    },
  });
  clearStatus();
  const code = exitCode(results, { strict });
  const report = { command: "postflight", date: day, results, exitCode: code };
  const rendered = {
    text: () => renderSummary(report, { colour }),
    json: () => renderJson(report),
    "json-line": () => renderJsonLine(report),
    junit: () => renderJunit(report),
  };
  print(rendered[output]().trimEnd());
  return code;
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
