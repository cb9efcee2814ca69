import { clockDecides, daysOf } from "../../pipeline/config.ts";
import { type Day, dayOf } from "../../pipeline/contract/window.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { openLake } from "../../pipeline/lake/open.ts";
import type { Connection } from "../../pipeline/outbox/connection.ts";
import { type Observer, plural } from "../../pipeline/progress.ts";
import { reportPermissions, serve } from "../cli/confined.ts";
import { worstExitCode } from "../cli/exit_code.ts";
import { reportFailure } from "../cli/failure.ts";
import { printing, waiting } from "../cli/observer.ts";
import { needsOf, type Order } from "./command.ts";
import { colourWanted, paint, print } from "../cli/terminal.ts";
import { type DayResult, renderDays } from "./table.ts";

// What bronze, silver, postflight and run do. It runs in a worker that may reach the database and the
// lake, and nothing else. A command loads only the code that it needs.

serve(async (order: Order) => {
  const wait = waiting(observerOf(order, order.command));
  const lake = await openLake(order.lake, undefined, wait);
  try {
    const exitCode = await eachDay(await daysToDo(order, lake), order, dayWorkOf(order, lake));
    if (order.verbose) await reportPermissions(needsOf(order), observerOf(order, order.command));
    return exitCode;
  } catch (error) {
    return reportFailure(error, order.reporter);
  } finally {
    lake.close();
  }
});

async function daysToDo(order: Order, lake: Lake): Promise<readonly DayToDo[]> {
  const { days } = order;
  if (!("pending" in days)) return (await daysAskedFor(order, days)).map((day) => ({ day }));
  const { findPending } = await import("../../pipeline/pending.ts");
  const pending = await withConnection(order, async (connection) => {
    return await findPending(lake, connection, days.pending, await todayOf(connection));
  });
  observerOf(order, "run").step({
    step: "pending",
    says: pending.length === 0
      ? "nothing pending: every past day is sealed"
      : `${plural(pending.length, "day")}, beginning with ${pending[0]!.day}`,
    data: { days: pending.map(({ day }) => day) },
  });
  return pending;
}

async function daysAskedFor(
  order: Order,
  days: Exclude<Order["days"], { readonly pending: unknown }>,
): Promise<Day[]> {
  // Several days are held against the clock before the first one is written; a single one is judged
  // where it is read.
  const reads = order.several && (order.command === "bronze" || order.command === "run");
  if (!reads && !clockDecides(days)) return daysOf(days, days.to as Day);
  const today = await withConnection(order, todayOf);
  const list = daysOf(days, today);
  const last = list.at(-1)!;
  if (order.several && last > today) {
    throw new Failure({
      kind: "configuration",
      task: `use the days until ${last}`,
      problem: `by the database's clock it is ${today} in UTC`,
      remedy: "Give an earlier --to.",
    });
  }
  return list;
}

async function todayOf(connection: Connection): Promise<Day> {
  const { databaseClock } = await import("../../pipeline/outbox/fence.ts");
  return dayOf(await databaseClock(connection));
}

async function withConnection<T>(
  { database, silence }: Order,
  use: (connection: Connection) => Promise<T>,
): Promise<T> {
  const { connect } = await import("../../pipeline/outbox/connection.ts");
  const connection = await connect(database!, { silence });
  try {
    return await use(connection);
  } finally {
    await connection.close();
  }
}

/** A day to process. With `--pending`, also the reason. */
export interface DayToDo {
  readonly day: Day;
  readonly reason?: string;
}

/** Processes one day and records the result. Returns the exit code, or throws. */
export type DayWork = (day: Day, result: DayResult) => Promise<number>;

/**
 * Works on days, oldest first, up to the first that fails, or all of them with `--keep-going`. A
 * wrong configuration ends the run at once, because every other day would fail in the same way.
 *
 * @returns the worst exit code
 */
export async function eachDay(
  days: readonly DayToDo[],
  order: Order,
  work: DayWork,
): Promise<number> {
  const { command, keepGoing, several, output, reporter } = order;
  const results: DayResult[] = [];
  for (const { day, reason } of days) {
    if (several && output !== "json") {
      print(`\n${paint(heading(day, results.length + 1, days.length, reason), "bold")}`);
    }
    const result: DayResult = { date: day, exitCode: 0 };
    results.push(result);
    try {
      result.exitCode = await work(day, result);
    } catch (error) {
      result.exitCode = reportFailure(error, reporter, day);
    }
    if (result.exitCode === 2 || (result.exitCode !== 0 && !keepGoing)) break;
  }
  const exitCode = worstExitCode(results.map((result) => result.exitCode));
  if (!several) return exitCode;
  const notBegun = days.length - results.length;
  if (output === "json") {
    const days = results.map(({ exitCode, ...rest }) => ({ ...rest, exitCode }));
    print(JSON.stringify({ command, step: "days", days, notBegun, exitCode }));
  } else if (results.length > 0) {
    print("");
    const summary = { days: days.length, exitCode, colour: colourWanted() };
    for (const line of renderDays(command, results, summary)) print(line);
  }
  return exitCode;
}

function heading(day: Day, number: number, of: number, reason?: string): string {
  return `${day}  ${number} of ${of}${reason === undefined ? "" : `: ${reason}`}`;
}

/** A layer of the lake. */
type LayerName = "bronze" | "silver";

/** Returns the function that processes one day. */
export function dayWorkOf(order: Order, lake: Lake): DayWork {
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

/** Prints the steps of a command. */
export function observerOf({ output }: Order, step: string, date?: Day): Observer {
  return printing(step, output === "json" ? "json" : "text", date);
}

async function makeBronze(day: Day, order: Order, lake: Lake, result: DayResult): Promise<number> {
  const { database, grace, dryRun, silence } = order;
  const { runBronze } = await import("../../pipeline/bronze.ts");
  await recordResult("bronze", day, order, result, async (observer) => {
    const patience = { silence, onWait: waiting(observer) };
    await runBronze({ database: database!, lake, day, grace, dryRun, observer, patience });
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

/** Records the result of a layer: its last reported state, or `failed`. */
async function recordResult(
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
      if (step.step === "verified") state = `${state}, unchanged`;
      const isOwn = layer === "bronze" || order.command === "silver";
      if (isOwn && typeof step.data.rows === "number") result.rows = step.data.rows;
    },
  });
  result[layer] = state ?? "-";
}

async function check(day: Day, order: Order, result: DayResult): Promise<number> {
  const { database, lake, output, timeout, strict, verbose, silence, several, command } = order;
  const amongLines = output === "json" && (several || command === "run");
  result.postflight = "error";
  const { checkAfter } = await import("./check_after.ts");
  const report = await checkAfter({
    database: database!,
    lake,
    day,
    timeout,
    strict,
    verbose,
    silence,
    output: amongLines ? "json-line" : output,
  });
  const count = (verdict: string) =>
    report.results.filter((each) => each.verdict === verdict).length;
  const worst = ["fail", "error", "warn"].find((verdict) => count(verdict) > 0) ?? "pass";
  result.postflight = `${count(worst)} ${worst}`;
  return report.exitCode;
}
