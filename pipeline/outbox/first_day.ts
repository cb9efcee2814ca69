import { OUTBOX_TABLE } from "../contract/events.ts";
import { type Day, parseDay } from "../contract/window.ts";
import type { Connection } from "./connection.ts";

/**
 * The day of the outbox's first event, of those that fall on a day at all.
 *
 * @returns undefined where there is none
 */
export async function firstDay(connection: Connection): Promise<Day | undefined> {
  const [row] = await connection.query(`
    SELECT to_char(min(occurred_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day
    FROM ${OUTBOX_TABLE} WHERE occurred_at >= timestamptz '0001-01-01T00:00:00Z'
      AND occurred_at < timestamptz '9999-12-31T00:00:00Z'`);
  return row?.day == null ? undefined : parseDay(row.day);
}
