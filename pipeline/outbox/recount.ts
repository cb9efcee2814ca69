import { OUTBOX_TABLE } from "../contract/events.ts";
import type { Window } from "../contract/window.ts";
import type { Connection } from "./connection.ts";
import { within } from "./fit.ts";

/** What the outbox has of a window now. */
export interface Recount {
  /** How many rows fall into it. */
  readonly rows: number;
  /** How many different event_ids these rows have. */
  readonly events: number;
}

/**
 * Counts a window, whatever state it is in: no fence, no snapshot, one statement.
 *
 * @throws {Failure} as {@linkcode Connection.query}
 */
export async function recount(connection: Connection, window: Window): Promise<Recount> {
  const [row] = await connection.query(`
    SELECT count(*) AS rows, count(DISTINCT event_id) AS events
    FROM ${OUTBOX_TABLE} WHERE ${within(window)}`);
  return { rows: Number(row!.rows), events: Number(row!.events) };
}
