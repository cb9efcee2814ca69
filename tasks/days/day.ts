import { runBronze } from "../../pipeline/bronze.ts";
import type { Day } from "../../pipeline/contract/window.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import type { Observer } from "../../pipeline/progress.ts";
import { runSilver } from "../../pipeline/silver.ts";
import { checkAfter } from "../cli/checking.ts";
import { printing, waiting } from "../cli/observer.ts";
import type { DayWork } from "./each.ts";
import type { Order } from "./order.ts";
import type { DayResult } from "./table.ts";

/** A layer of the lake. */
type LayerName = "bronze" | "silver";

/** What the command does with one day. */
export function workOn(order: Order, lake: Lake): DayWork {
  const steps: Record<Order["command"], DayWork> = {
    bronze: (day, result) => makeBronze(day, order, lake, result),
    silver: (day, result) => makeSilver(day, order, lake, result),
    postflight: (day, result) => check(day, order, result),
    run: order.dryRun ? (day, result) => tryAll(day, order, lake, result) : async (day, result) => {
      await makeBronze(day, order, lake, result);
      await makeSilver(day, order, lake, result);
      return await check(day, order, result);
    },
  };
  return steps[order.command];
}

/** Prints what a step of the command does. */
export function observerOf({ output }: Order, step: string, date?: Day): Observer {
  return printing(step, output === "json" ? "json" : "text", date);
}

async function makeBronze(day: Day, order: Order, lake: Lake, result: DayResult): Promise<number> {
  const { database, grace, dryRun, silence } = order;
  await noting("bronze", day, order, result, async (observer) => {
    const patience = { silence, onWait: waiting(observer) };
    await runBronze({ database: database!, lake, day, grace, dryRun, observer, patience });
  });
  return 0;
}

async function makeSilver(day: Day, order: Order, lake: Lake, result: DayResult): Promise<number> {
  await noting("silver", day, order, result, async (observer) => {
    await runSilver({ lake, day, dryRun: order.dryRun, observer });
  });
  return 0;
}

/** What silver would be can be told only where bronze stays as it is. */
async function tryAll(day: Day, order: Order, lake: Lake, result: DayResult): Promise<number> {
  await makeBronze(day, order, lake, result);
  if (result.bronze === "sealed as it was") return await makeSilver(day, order, lake, result);
  observerOf(order, "silver", day).step({
    step: "dry-run",
    says: "nothing was stored; a run would make silver from the bronze that it then has",
    data: {},
  });
  return 0;
}

/** Notes what becomes of a layer: the last state that the run tells of, or that it failed. */
async function noting(
  layer: LayerName,
  day: Day,
  order: Order,
  result: DayResult,
  run: (observer: Observer) => Promise<void>,
): Promise<void> {
  const observer = observerOf(order, layer, day);
  result[layer] = "failed";
  let state: string | undefined;
  await run({
    progress: (progress) => observer.progress(progress),
    step(step) {
      observer.step(step);
      if (typeof step.data.state === "string") state = step.data.state;
      if (step.step === "verified") state = `${state} as it was`;
      const isOwn = layer === "bronze" || order.command === "silver";
      if (isOwn && typeof step.data.rows === "number") result.rows = step.data.rows;
    },
  });
  result[layer] = state ?? "-";
}

async function check(day: Day, order: Order, result: DayResult): Promise<number> {
  const { database, lake, output, timeout, strict, silence, several, command } = order;
  const amongLines = output === "json" && (several || command === "run");
  result.postflight = "error";
  const report = await checkAfter({
    ...{ database: database!, lake, day, timeout, strict, silence },
    output: amongLines ? "json-line" : output,
  });
  const count = (verdict: string) =>
    report.results.filter((each) => each.verdict === verdict).length;
  const worst = ["fail", "error", "warn"].find((verdict) => count(verdict) > 0) ?? "pass";
  result.postflight = `${count(worst)} ${worst}`;
  return report.exitCode;
}
