import type { Day } from "../../pipeline/contract/window.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { openLake } from "../../pipeline/lake/open.ts";
import { reportPermissions, serve } from "../cli/confined.ts";
import { reportFailure } from "../cli/failure.ts";
import { repeatFlags } from "../cli/next_command.ts";
import { waiting } from "../cli/observer.ts";
import { daysToDo } from "./choose_days.ts";
import { needsOf } from "./command.ts";
import { checkDay, type DayWork, eachDay, observerOf, recordResult } from "./each_day.ts";
import { withMetricsFile } from "./measured.ts";
import type { Order } from "./order.ts";
import { recordFailures, reportDays } from "./reports.ts";
import type { DayResult } from "./table.ts";

// What bronze, silver, postflight and run do. It runs in a worker that may reach the database and the
// lake, and nothing else. A command loads only the code that it needs.

serve(async (given: Order, send) => {
  const order = recordFailures(given);
  const wait = waiting(observerOf(order, order.command));
  const lake = await openLake(order.lake, undefined, wait);
  try {
    const exitCode = await withMetricsFile(order, async (results) => {
      const days = await daysToDo(order, () => lake);
      const exitCode = await eachDay(days, order, dayWorkOf(order, lake), results);
      send(reportDays(order, results, days.map(({ day }) => day)));
      return exitCode;
    });
    if (order.verbose) await reportPermissions(needsOf(order), observerOf(order, order.command));
    return exitCode;
  } catch (error) {
    return reportFailure(error, order.reporter);
  } finally {
    lake.close();
  }
});

/** Returns the function that processes one day. */
export function dayWorkOf(order: Order, lake: Lake): DayWork {
  const steps: Record<Order["command"], DayWork> = {
    bronze: (day, result) => makeBronze(day, order, lake, result),
    silver: (day, result) => makeSilver(day, order, lake, result),
    postflight: (day, result) => checkDay(day, order, result),
    run: order.dryRun ? (day, result) => tryAll(day, order, lake, result) : async (day, result) => {
      await makeBronze(day, order, lake, result);
      await makeSilver(day, order, lake, result);
      const exitCode = await checkDay(day, order, result);
      repeatWhyOpen(day, order, result);
      return exitCode;
    },
  };
  return steps[order.command];
}

async function makeBronze(day: Day, order: Order, lake: Lake, result: DayResult): Promise<number> {
  const { database, grace, dryRun, silence, earlierSource } = order;
  const { runBronze } = await import("../../pipeline/bronze.ts");
  await recordResult("bronze", day, order, result, async (observer) => {
    const patience = { silence, onWait: waiting(observer) };
    const options = { lake, day, grace, dryRun, earlierSource, observer, patience };
    await runBronze({ database: database!, ...options });
  });
  return 0;
}

async function makeSilver(day: Day, order: Order, lake: Lake, result: DayResult): Promise<number> {
  const { runSilver } = await import("../../pipeline/silver.ts");
  await recordResult("silver", day, order, result, async (observer) => {
    await runSilver({ lake, day, dryRun: order.dryRun, observer });
  });
  return 0;
}

/** Repeats at the end of a day why it stays open although it is over. Lines of JSON have it once. */
function repeatWhyOpen(day: Day, order: Order, { measured }: DayResult): void {
  if (measured?.stays === undefined || order.output === "json") return;
  const says = `${measured.stays}; see ${repeatFlags("deno task explain late-writers")}`;
  const step = { step: "open", says, data: {}, warning: true };
  observerOf(order, "run", day).step(step);
}

/** Tries bronze, and silver only if bronze is unchanged: otherwise its input does not exist yet. */
async function tryAll(day: Day, order: Order, lake: Lake, result: DayResult): Promise<number> {
  await makeBronze(day, order, lake, result);
  if (result.bronze === "sealed, unchanged") return await makeSilver(day, order, lake, result);
  observerOf(order, "silver", day).step({
    step: "dry-run",
    says: "nothing was stored; a run would build silver from the new bronze",
    data: {},
  });
  return 0;
}
