import { EVENT_COLUMNS, OUTBOX_TABLE } from "../contract/tables.ts";
import type { Window } from "../contract/window.ts";
import type { Connection } from "./connection.ts";
import type { CopyBlock } from "./copy_tap.ts";
import { sqlInstant, within } from "./sql.ts";
import { unfit } from "./column_limits.ts";
import type { OutboxSchema } from "./schema.ts";

/** Begins a transaction in which every read sees the same state. Ends with {@linkcode endSnapshot}. */
export async function beginSnapshot(connection: Connection): Promise<void> {
  await connection.beginSnapshot();
}

/** Ends the transaction. */
export async function endSnapshot(connection: Connection): Promise<void> {
  await connection.endSnapshot();
}

/** Counts the rows of a window, including rows that do not fit the contract. */
export async function countRows(connection: Connection, window: Window): Promise<number> {
  const [row] = await connection.query(
    `SELECT count(*) AS rows FROM ${OUTBOX_TABLE} WHERE ${within(window)}`,
  );
  return Number(row!.rows);
}

/** Returns the nearest days with events, for the message about an empty window. */
export async function neighbours(connection: Connection, window: Window): Promise<string[]> {
  const [row] = await connection.query(`
    SELECT (SELECT to_char(max(occurred_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD')
            FROM ${OUTBOX_TABLE} WHERE occurred_at < ${sqlInstant(window.start)}) AS before,
           (SELECT to_char(min(occurred_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD')
            FROM ${OUTBOX_TABLE} WHERE occurred_at >= ${sqlInstant(window.end)}) AS after`);
  return [row!.before, row!.after].filter((day) => day != null);
}

/** Selects event_id and event_seq of all events of a window that have an identity, in bronze's order. */
export function identitiesQuery(window: Window): string {
  return `SELECT event_id, event_seq FROM ${OUTBOX_TABLE} ` +
    `WHERE ${within(window)} AND event_id IS NOT NULL ORDER BY event_seq NULLS LAST, event_id`;
}

/**
 * Copies of the events of a window. One after the other, they have bronze's order. A copy starts when
 * it is read.
 *
 * @param fit true to leave out events that do not fit the contract
 */
export function copyEvents(
  connection: Connection,
  window: Window,
  schema: OutboxSchema,
  fit: boolean,
): AsyncIterable<CopyBlock>[] {
  const names = EVENT_COLUMNS.map(({ name }) => name).join(", ");
  const where = `${within(window)}${fit ? ` AND NOT ${unfit(schema)}` : ""}`;
  const select = `SELECT ${names} FROM ${OUTBOX_TABLE} WHERE ${where}`;
  // A unique event_seq is the whole order of the events that have one. Its index has this order, so
  // Postgres need not sort them.
  const statements = schema.unique.has("event_seq")
    ? [
      `${select} AND event_seq IS NOT NULL ORDER BY event_seq`,
      `${select} AND event_seq IS NULL ORDER BY event_id`,
    ]
    : [`${select} ORDER BY event_seq NULLS LAST, event_id`];
  return statements.map((statement) => connection.copy(statement));
}

/** Number of identities in one statement. */
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
