import { POSTFLIGHT } from "../../checks/postflight/catalog.ts";
import { runChecks } from "../../checks/runner.ts";
import { Failure } from "../../pipeline/errors.ts";
import { gatherersAfter } from "../days/check_after.ts";
import type { CheckRun } from "../metrics/check_metrics.ts";
import type { DayStatus } from "../status/judge.ts";
import type { Status } from "../status/reading.ts";
import { Reading } from "./reading.ts";
import type { ExporterOrder } from "./order.ts";

/**
 * Runs postflight for the newest day that is sealed in both layers: when the day has a new marker, and
 * again after the check interval, or if a check could not judge. A day is looked for as often as the state of the lake is read.
 *
 * @returns undefined if the exporter checks no day
 */
export function newestDayChecks(
  { database, lake, grace, interval, checkInterval, checkTimeout }: ExporterOrder,
  status: Reading<Status>,
  onFailure: (error: unknown) => void,
): Reading<readonly CheckRun[]> | undefined {
  if (checkInterval === undefined || database === undefined) return undefined;
  const task = "run postflight for the newest sealed day";
  let last: { readonly version: string; readonly run: CheckRun } | undefined;
  return new Reading({
    task,
    read: async (signal) => {
      const { value } = await status.ask(checkTimeout * 1000);
      if (value === undefined) throw unknownDay(task);
      const newest = value.days.findLast(({ isSettled }) => isSettled);
      if (newest === undefined) return [];
      const version = versionOf(newest);
      if (last?.version === version && isCurrent(last.run, checkInterval * 1000)) return [last.run];
      const { day } = newest;
      const gatherers = gatherersAfter({ database, lake, day, grace });
      const results = await runChecks(POSTFLIGHT, gatherers, {
        timeoutMs: checkTimeout * 1000,
        signal,
      });
      const run = { day, results, ended: Date.now() };
      last = { version, run };
      return [run];
    },
    interval: interval * 1000,
    // The facts are gathered at the same time, and each has its time limit.
    timeout: 2 * checkTimeout * 1000,
    onFailure,
  });
}

/** Returns whether results are recent, and every check could judge. */
function isCurrent({ results, ended }: CheckRun, interval: number): boolean {
  return Date.now() - ended < interval && results.every(({ verdict }) => verdict !== "error");
}

/** Identifies the markers of a day. */
function versionOf({ day, bronze, silver }: DayStatus): string {
  return `${day} ${bronze.stored} ${silver.stored}`;
}

function unknownDay(task: string): Failure {
  return new Failure({
    kind: "unreachable",
    task,
    problem: "the state of the lake could not be read",
    remedy: "Read the message about the lake.",
  });
}
