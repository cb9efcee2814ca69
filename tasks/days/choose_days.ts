import { clockDecides, daysOf } from "../../pipeline/config.ts";
import { type Day, dayOf, hasBegun } from "../../pipeline/contract/window.ts";
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
  const observer = observerOf(order, "run");
  // The search can wait for a lock of the table, and the log of a pod must not be empty then.
  observer.step({ step: "search", says: "looking for days that are not sealed", data: {} });
  const { findPending } = await import("../../pipeline/pending.ts");
  const pending = await withConnection(order, async (connection) => {
    return await findPending(await lake(), connection, days.pending, await todayOf(connection));
  });
  observer.step({
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
  // where it is read. postflight cannot: a day that has not begun looks like one that was never run.
  const { command, several } = order;
  const reads = several && (command === "bronze" || command === "run");
  if (!clockDecides(days)) {
    const list = daysOf(days, days.to as Day);
    const isFuture = command === "postflight" && !hasBegun(list.at(-1)!);
    if (!reads && !isFuture) return list;
  }
  const today = await withConnection(order, todayOf);
  const list = daysOf(days, today);
  const last = list.at(-1)!;
  if (last > today && (several || command === "postflight")) {
    throw new Failure({
      kind: "configuration",
      task: several ? `use the days until ${last}` : `check ${last}`,
      problem: `by the database's clock it is ${today} in UTC`,
      remedy: several ? "Give an earlier --to." : "Give an earlier day.",
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
