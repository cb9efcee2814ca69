import { type Day, type DayRange, parseDay, windowOf } from "../contract/window.ts";
import type { Connection } from "./connection.ts";
import { onNoDay, sqlInstant } from "./sql.ts";

/** Number of events of the outbox per day. */
export interface DayCounts {
  /** The number of events per day, for days with events. */
  readonly days: ReadonlyMap<Day, number>;
  /**
   * Events without a day: their `occurred_at` is null, infinite, or outside the years 1 to 9999.
   * They are counted only if the range has no bounds.
   */
  readonly strays: number;
}

/**
 * Counts the outbox by day, in one statement. Counts every row, even if the row does not fit the
 * contract.
 *
 * @throws {Failure} as {@linkcode Connection.query}
 */
export async function countByDay(
  connection: Connection,
  { from, to }: DayRange = {},
): Promise<DayCounts> {
  const bounds = [
    ...(from === undefined ? [] : [`occurred_at >= ${sqlInstant(windowOf(from).start)}`]),
    ...(to === undefined ? [] : [`occurred_at < ${sqlInstant(windowOf(to).end)}`]),
  ];
  const rows = await connection.query(`
    SELECT to_char(day, 'YYYY-MM-DD') AS day, count
    FROM (SELECT CASE WHEN NOT ${onNoDay} THEN (occurred_at AT TIME ZONE 'UTC')::date END AS day,
                 count(*) AS count
          FROM ${connection.table} ${bounds.length > 0 ? `WHERE ${bounds.join(" AND ")}` : ""}
          GROUP BY 1) AS days
    ORDER BY day`);
  const days = new Map<Day, number>();
  let strays = 0;
  for (const { day, count } of rows) {
    if (day != null) days.set(day as Day, Number(count));
    else if (bounds.length === 0) strays = Number(count);
  }
  return { days, strays };
}

/**
 * The day of the outbox's first event, of those that fall on a day at all.
 *
 * @returns undefined if no event falls on a day
 */
export async function firstDay(connection: Connection): Promise<Day | undefined> {
  const [row] = await connection.query(`
    SELECT to_char(min(occurred_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day
    FROM ${connection.table} WHERE occurred_at >= timestamptz '0001-01-01T00:00:00Z'
      AND occurred_at < timestamptz '9999-12-31T00:00:00Z'`);
  return row?.day == null ? undefined : parseDay(row.day);
}
