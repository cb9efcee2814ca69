import { EVENT_COLUMNS } from "../contract/tables.ts";
import type { Window } from "../contract/window.ts";
import { Failure } from "../errors.ts";
import type { Connection } from "./connection.ts";
import type { CopyBlock } from "./copy_tap.ts";
import { sqlInstant, within } from "./sql.ts";
import { unfit } from "./column_limits.ts";
import type { OutboxSchema } from "./schema.ts";

/** Selects the columns of the contract. */
function selectFrom({ table }: Connection): string {
  return `SELECT ${EVENT_COLUMNS.map(({ name }) => name).join(", ")} FROM ${table}`;
}

/** A snapshot that other sessions can read while its transaction is open. */
export interface SharedSnapshot {
  /** The name that Postgres gave to the snapshot. */
  readonly id: string;
  /** The server and the transactions that the snapshot sees. */
  readonly state: string;
}

const STATE = "pg_postmaster_start_time()::text || ' ' || txid_current_snapshot()::text";

/**
 * Begins a snapshot and shares it.
 *
 * @returns the reason if the server does not permit to share it; the snapshot is then open all the same
 */
export async function beginSharedSnapshot(
  connection: Connection,
): Promise<SharedSnapshot | Failure> {
  connection.beginSnapshot();
  try {
    const [row] = await connection.query(`SELECT pg_export_snapshot() AS id, ${STATE} AS state`);
    return { id: row!.id!, state: row!.state! };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    connection.beginSnapshot(); // the error has ended the transaction
    return error;
  }
}

/**
 * Begins a transaction that reads a shared snapshot, and locks the tables of the window, so that the
 * session does not wait for a migration later.
 *
 * @throws {Failure} the session cannot read the snapshot
 */
export async function joinSnapshot(
  connection: Connection,
  window: Window,
  snapshot: SharedSnapshot,
): Promise<void> {
  connection.beginSnapshot(snapshot.id);
  const [row] = await connection.query(`SELECT ${STATE} AS state`);
  if (row!.state !== snapshot.state) {
    throw new Failure({
      kind: "configuration",
      task: `read the same snapshot in a second session with ${connection.name}`,
      problem: "the address leads to several servers",
      remedy: "Use the address of one server.",
    });
  }
  await connection.query(`SELECT 1 FROM ${connection.table} WHERE ${within(window)} LIMIT 1`);
}

/** A range of event_seq. */
export interface SeqRange {
  /** The first event_seq. */
  readonly from: bigint;
  /** The event_seq after the range; absent if the range has all the rest, with events without one. */
  readonly to?: bigint;
}

/**
 * Returns the event_seq after the first `rows` events of a range, which includes its end; undefined if
 * the range has no more events.
 */
export async function nextRangeStart(
  connection: Connection,
  window: Window,
  { from, to }: Required<SeqRange>,
  rows: number,
): Promise<bigint | undefined> {
  // With both limits, Postgres can read the index of event_seq, and only the part of this window.
  const [row] = await connection.query(`
    SELECT event_seq FROM ${connection.table}
    WHERE ${within(window)} AND event_seq >= ${from} AND event_seq <= ${to}
    ORDER BY event_seq OFFSET ${rows} LIMIT 1`);
  return row === undefined ? undefined : BigInt(row.event_seq!);
}

/**
 * Copies of the events of a range, as {@linkcode copyEvents}. event_seq must be unique, and all events
 * must fit the contract.
 */
export function copyRange(
  connection: Connection,
  window: Window,
  { from, to }: SeqRange,
): AsyncIterable<CopyBlock>[] {
  const select = `${selectFrom(connection)} WHERE ${within(window)}`;
  const statements = to === undefined
    ? [
      `${select} AND event_seq >= ${from} ORDER BY event_seq`,
      `${select} AND event_seq IS NULL ORDER BY event_id`,
    ]
    : [`${select} AND event_seq >= ${from} AND event_seq < ${to} ORDER BY event_seq`];
  return statements.map((statement) => connection.copy(statement));
}

/** Counts the rows of a window, including rows that do not fit the contract. */
export async function countRows(connection: Connection, window: Window): Promise<number> {
  const [row] = await connection.query(
    `SELECT count(*) AS rows FROM ${connection.table} WHERE ${within(window)}`,
  );
  return Number(row!.rows);
}

/** Returns the nearest days with events, for the message about an empty window. */
export async function neighbours(connection: Connection, window: Window): Promise<string[]> {
  const [row] = await connection.query(`
    SELECT (SELECT to_char(max(occurred_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD')
            FROM ${connection.table} WHERE occurred_at < ${sqlInstant(window.start)}) AS before,
           (SELECT to_char(min(occurred_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD')
            FROM ${connection.table} WHERE occurred_at >= ${sqlInstant(window.end)}) AS after`);
  return [row!.before, row!.after].filter((day) => day != null);
}

/** Selects event_id and event_seq of all events of a window that have an identity, in bronze's order. */
export function identitiesQuery({ table }: Connection, window: Window): string {
  return `SELECT event_id, event_seq FROM ${table} ` +
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
  const select = `${selectFrom(connection)} WHERE ${within(window)}${
    fit ? ` AND NOT ${unfit(schema)}` : ""
  }`;
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
      `SELECT event_id FROM ${connection.table} WHERE ${within(window)} AND event_id IN (${list})`,
    );
    for (const { event_id } of there) missing.delete(event_id!);
  }
  return missing;
}

function uuid(text: string): string {
  if (!/^[0-9a-f-]{36}$/.test(text)) throw new Error(`${JSON.stringify(text)} is not a UUID`);
  return `'${text}'`;
}
