import { clockDecides, daysOf } from "../../pipeline/config.ts";
import { type Day, dayOf } from "../../pipeline/contract/window.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import type { Connection } from "../../pipeline/outbox/connection.ts";
import { plural } from "../../pipeline/progress.ts";
import type { Order } from "./order.ts";
import { type DayToDo, observerOf } from "./each_day.ts";

/** What decides which days a command works on. */
type Choice = Pick<
  Order,
  "command" | "days" | "several" | "output" | "database" | "silence" | "transcript"
>;

/**
 * Returns the days to work on.
 *
 * @param lake opens the lake, which only `--pending` reads
 */
export async function daysToDo(
  order: Choice,
  lake: () => Promise<Lake> | Lake,
): Promise<readonly DayToDo[]> {
  const { days } = order;
  if (!("pending" in days)) return (await daysAskedFor(order, days)).map((day) => ({ day }));
  const { findPending } = await import("../../pipeline/pending.ts");
  const pending = await withConnection(order, async (connection) => {
    return await findPending(await lake(), connection, days.pending, await todayOf(connection));
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
  order: Choice,
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
  { database, silence }: Choice,
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
