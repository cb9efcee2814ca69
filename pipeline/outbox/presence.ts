import { OUTBOX_TABLE } from "../contract/events.ts";
import type { Window } from "../contract/window.ts";
import type { Connection } from "./connection.ts";
import { within } from "./fit.ts";

/** How many identities one statement asks for. */
const BATCH = 1000;

/**
 * The events that a window of the outbox has no longer, by identity.
 *
 * @param eventIds UUIDs
 */
export async function missingEvents(
  connection: Connection,
  window: Window,
  eventIds: readonly string[],
): Promise<Set<string>> {
  const missing = new Set(eventIds);
  for (let from = 0; from < eventIds.length; from += BATCH) {
    const list = eventIds.slice(from, from + BATCH).map(uuid).join(", ");
    const there = await connection.query(
      `SELECT event_id FROM ${OUTBOX_TABLE} WHERE ${within(window)} AND event_id IN (${list})`,
    );
    for (const { event_id } of there) missing.delete(event_id!);
  }
  return missing;
}

function uuid(text: string): string {
  if (!/^[0-9a-f-]{36}$/.test(text)) throw new Error(`${JSON.stringify(text)} is not a UUID`);
  return `'${text}'`;
}
