import type { Day } from "../../pipeline/contract/window.ts";
import type { WorkerReports } from "../cli/html_report.ts";
import { print } from "../cli/terminal.ts";
import { runContent } from "../report/run_content.ts";
import { renderDaysJunit } from "./junit.ts";
import type { Order } from "./order.ts";
import type { DayResult } from "./table.ts";

/**
 * Prints the JUnit report, if standard output gets it, and returns the reports for files.
 *
 * @param days the days of the command; the results are those of the first days
 */
export function reportDays(
  order: Pick<Order, "command" | "dryRun" | "several" | "output" | "transcript" | "sends">,
  results: readonly DayResult[],
  days: readonly Day[],
): WorkerReports {
  const { output, transcript, sends } = order;
  const junit = output === "junit" || transcript.junit !== undefined
    ? renderDaysJunit(order, results, days)
    : "";
  if (output === "junit") print(junit.trimEnd());
  const lines = Object.entries(transcript).map(([format, lines]) =>
    [format, format === "junit" ? junit : lines.map((line) => `${line}\n`).join("")] as const
  );
  const files = Object.fromEntries(lines);
  return { files, ...(sends && { html: runContent(order, results) }) };
}

/** Adds a line to the reports for files: as JSON to those of JSON, and as text to the others. */
export function record(
  { transcript }: Pick<Order, "transcript">,
  { text, json }: { readonly text?: string; readonly json?: string },
): void {
  for (const [format, lines] of Object.entries(transcript)) {
    const line = format === "json" ? json : format === "junit" ? undefined : text;
    if (line !== undefined) lines.push(line);
  }
}

/** Returns an order that adds each failure to the reports for files. */
export function recordFailures<O extends Pick<Order, "transcript" | "reporter">>(order: O): O {
  const { reporter } = order;
  const onFailure = (text: string, json: string) => {
    reporter.onFailure?.(text, json);
    record(order, { text, json });
  };
  return { ...order, reporter: { ...reporter, onFailure } };
}
