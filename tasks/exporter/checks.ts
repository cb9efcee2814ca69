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
 * Runs postflight for the newest day that is sealed in both layers, and again for each day whose
 * checks failed or could not judge, until they pass. A day is checked when it has a new marker, after the check
 * interval, and if a check could not judge. The days are chosen as often as the lake is read.
 *
 * @returns undefined if the exporter checks no day
 */
export function sealedDayChecks(
  { database, lake, interval, checkInterval, checkTimeout }: ExporterOrder,
  status: Reading<Status>,
  onFailure: (error: unknown) => void,
): Reading<readonly CheckRun[]> | undefined {
  if (checkInterval === undefined || database === undefined) return undefined;
  const task = "run postflight for the newest sealed day";
  let last: readonly DayCheck[] = [];
  return new Reading({
    task,
    read: async (signal) => {
      const { value } = await status.ask(checkTimeout * 1000);
      if (value === undefined) throw unknownDay(task);
      const checked: DayCheck[] = [];
      for (const status of daysToCheck(value.days, last)) {
        const { day } = status;
        const version = versionOf(status);
        const before = last.find((check) => check.version === version);
        if (before !== undefined && isCurrent(before.run, checkInterval * 1000)) {
          checked.push(before);
          continue;
        }
        const results = await runChecks(POSTFLIGHT, gatherersAfter({ database, lake, day }), {
          timeoutMs: checkTimeout * 1000,
          signal,
        });
        checked.push({ version, run: { day, results, ended: Date.now() } });
      }
      last = checked;
      return checked.map(({ run }) => run);
    },
    interval: interval * 1000,
    // The facts of a day are gathered at the same time, and each has its time limit.
    timeout: 2 * checkTimeout * (1 + MOST_FAILED_DAYS) * 1000,
    onFailure,
  });
}

/** The checks of a day with certain markers. */
interface DayCheck {
  readonly version: string;
  readonly run: CheckRun;
}

/** The newest days with failed checks that are checked again. */
const MOST_FAILED_DAYS = 5;

/** Returns the newest settled day, and the days whose checks failed or could not judge. */
function daysToCheck(days: readonly DayStatus[], last: readonly DayCheck[]): readonly DayStatus[] {
  const newest = days.findLast(({ isSettled }) => isSettled);
  const unproven = new Set(last.filter(({ run }) => !isProven(run)).map(({ run }) => run.day));
  const again = days.filter((each) => each !== newest && unproven.has(each.day));
  return [...again.slice(-MOST_FAILED_DAYS), ...(newest === undefined ? [] : [newest])];
}

/** Returns whether no check failed, and each could judge. */
function isProven({ results }: CheckRun): boolean {
  return results.every(({ verdict }) => verdict !== "fail" && verdict !== "error");
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
