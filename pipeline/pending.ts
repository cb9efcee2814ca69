import { dayBy, type DaysAsked, daysOf } from "./config.ts";
import type { Day } from "./contract/window.ts";
import { absentDay, isSettled, type LakeDay, readDays } from "./days.ts";
import type { Lake } from "./lake/lake.ts";
import type { Connection } from "./outbox/connection.ts";
import { firstDay } from "./outbox/day_counts.ts";

/** A day that is over and not finished. */
export interface PendingDay {
  /** The day. */
  readonly day: Day;
  /** The missing item, such as `no bronze`. */
  readonly reason: string;
}

/**
 * Finds the days that are over and not sealed in both layers, oldest first. The search begins with
 * the first day that is in the outbox or the lake. Days without events are included, because they
 * are sealed too.
 *
 * @param bounds the range of days to search
 * @param today by the database's clock, in UTC; it is not over
 * @throws {Failure} configuration: the days are too many; else as the lake and the connection
 */
export async function findPending(
  lake: Lake,
  connection: Connection,
  bounds: Partial<DaysAsked>,
  today: Day,
): Promise<PendingDay[]> {
  const yesterday = dayBy("yesterday", today);
  const asked = bounds.to === undefined ? yesterday : dayBy(bounds.to, today);
  const to = asked < yesterday ? asked : yesterday;
  const from = bounds.from && dayBy(bounds.from, today);
  const known = await readDays(lake, { from, to });
  const first = from ?? earliest(await firstDay(connection), known[0]?.day);
  if (first === undefined || first > to) return [];
  return pendingDays(known, daysOf({ from: first, to }, today));
}

/**
 * The days that are over and not finished.
 *
 * @param known the state of the days in the lake; the lake has no objects of a missing day
 */
export function pendingDays(known: readonly LakeDay[], days: readonly Day[]): PendingDay[] {
  const byDay = new Map(known.map((each) => [each.day, each]));
  return days.map((day) => byDay.get(day) ?? absentDay(day))
    .filter((day) => !isSettled(day))
    .map((day) => ({ day: day.day, reason: reasonOf(day) }));
}

function reasonOf({ bronze, silver }: LakeDay): string {
  if (bronze.state === "missing") return "no bronze";
  if (bronze.state !== "published") return `bronze's marker is ${bronze.state}`;
  if (bronze.commit.state === "open") return "bronze is open";
  if (silver.state === "missing") return "no silver";
  if (silver.state !== "published") return `silver's marker is ${silver.state}`;
  return silver.commit.bronze.sha256 === bronze.sha256
    ? "silver is open"
    : "silver was made from an older bronze";
}

function earliest(a: Day | undefined, b: Day | undefined): Day | undefined {
  return a === undefined || b !== undefined && b < a ? b : a;
}
