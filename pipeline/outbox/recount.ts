import { OUTBOX_TABLE } from "../contract/events.ts";
import type { Window } from "../contract/window.ts";
import { type Connection, sqlInstant } from "./connection.ts";

/** What the outbox has of a window now. */
export interface Recount {
  /** Events of the window. */
  /** How many rows fall into it. */
  readonly rows: number;
  /** How many different event_ids these rows have. */
  readonly events: number;
}

/**
 * Counts a window anew, whatever state it is in: no fence, no snapshot, one statement.
 *
 * @throws {Failure} as {@linkcode Connection.query}
 */
export async function recount(connection: Connection, { start, end }: Window): Promise<Recount> {
  const [row] = await connection.query(`
    SELECT count(*) AS rows, count(DISTINCT event_id) AS events
    FROM ${OUTBOX_TABLE}
    WHERE occurred_at >= ${sqlInstant(start)} AND occurred_at < ${sqlInstant(end)}`);
  return { rows: Number(row!.rows), events: Number(row!.events) };
}
