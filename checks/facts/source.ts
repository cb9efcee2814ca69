import type { DatabaseConfig } from "../../pipeline/config.ts";
import { type Day, windowOf } from "../../pipeline/contract/window.ts";
import { connect } from "../../pipeline/outbox/connection.ts";
import { recount } from "../../pipeline/outbox/recount.ts";

/** What the outbox has of a day. */
export interface SourceFact {
  /** Which day. */
  readonly day: Day;
  /** For people: the user, the server and the database. */
  readonly name: string;
  /** How many rows fall on it. */
  readonly rows: number;
  /** How many different event_ids these rows have. */
  readonly events: number;
}

/**
 * Counts a day of the outbox, in one short session that can change nothing.
 *
 * @param signal ends the session when it aborts
 * @param silence milliseconds that the server may send nothing
 * @throws {Failure} the database is out of reach, or refuses
 */
export async function gatherSource(
  config: DatabaseConfig,
  day: Day,
  signal?: AbortSignal,
  silence?: number,
): Promise<SourceFact> {
  const connection = await connect(config, { signal, silence });
  try {
    return { day, name: connection.name, ...await recount(connection, windowOf(day)) };
  } finally {
    await connection.close();
  }
}
