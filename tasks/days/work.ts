import { clockDecides, daysOf } from "../../pipeline/config.ts";
import { type Day, dayOf } from "../../pipeline/contract/window.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { openLake } from "../../pipeline/lake/open.ts";
import { connect, type Connection } from "../../pipeline/outbox/connection.ts";
import { databaseClock } from "../../pipeline/outbox/fence.ts";
import { findPending } from "../../pipeline/pending.ts";
import { plural } from "../../pipeline/progress.ts";
import { serve, tellPermissions } from "../cli/confined.ts";
import { tellFailure } from "../cli/failure.ts";
import { waiting } from "../cli/observer.ts";
import { observerOf, workOn } from "./day.ts";
import { type DayToDo, eachDay } from "./each.ts";
import { needsOf, type Order } from "./order.ts";

// What bronze, silver, postflight and run do. It runs in a worker that may reach the database and the
// lake, and nothing else.

serve(async (order: Order) => {
  const wait = waiting(observerOf(order, order.command));
  const lake = openLake(order.lake, undefined, wait);
  try {
    const exitCode = await eachDay(await daysToDo(order, lake), order, workOn(order, lake));
    if (order.verbose) await tellPermissions(needsOf(order), observerOf(order, order.command));
    return exitCode;
  } catch (error) {
    return tellFailure(error, order.teller);
  } finally {
    lake.close();
  }
});

async function daysToDo(order: Order, lake: Lake): Promise<readonly DayToDo[]> {
  const { days } = order;
  if (!("pending" in days)) return (await daysAskedFor(order, days)).map((day) => ({ day }));
  const pending = await withConnection(order, async (connection) => {
    return await findPending(lake, connection, days.pending, await todayOf(connection));
  });
  observerOf(order, "run").step({
    step: "pending",
    says: pending.length === 0
      ? "nothing: every day that is over is sealed"
      : `${plural(pending.length, "day")}, the first one is ${pending[0]!.day}`,
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
  return dayOf(await databaseClock(connection));
}

async function withConnection<T>(
  { database, silence }: Order,
  use: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await connect(database!, { silence });
  try {
    return await use(connection);
  } finally {
    await connection.close();
  }
}
