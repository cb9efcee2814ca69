import type { DatabaseConfig } from "../../pipeline/config.ts";
import { type Day, parseDay } from "../../pipeline/contract/window.ts";
import { CREATE_OUTBOX } from "../../tasks/demo/events.ts";
import { session, type TextClient } from "../support/pg_session.ts";

/** The day of all events in this suite. */
export const DAY: Day = parseDay("2025-12-28")!;

/** An event as the suite writes it. The other columns of its row follow from these values. */
export interface Event {
  readonly id: string;
  readonly seq: number;
  readonly operation: number;
  readonly client: number;
  /** Version of the event, counted from 0; stored as `retry_count` in the table. */
  readonly version: number;
}

/**
 * Creates the event with this number. Five consecutive numbers are two operations of two clients.
 */
export function eventOf(number: number, version = 0): Event {
  const hex = number.toString(16).padStart(12, "0");
  return {
    id: `00000000-0000-4000-8000-${hex}`,
    seq: number,
    operation: Math.floor(number / 5) * 2 + (number % 5 < 3 ? 0 : 1),
    client: number % 5 < 3 ? 1 : 2,
    version,
  };
}

/** Returns a statement that inserts events. */
export function insertSql(events: readonly Event[]): string {
  const rows = events.map(({ id, seq, operation, client, version }) =>
    `('${id}', ${seq}, '${DAY}T12:00:00Z'::timestamptz + ${seq} * interval '1 ms', ${operation}, ` +
    `${client}, 'BTCUSDC', 'EXECUTED', 'cron', ${version})`
  );
  return `INSERT INTO stop_events (event_id, event_seq, occurred_at, operation_id, client_id,
    symbol, event_type, source, retry_count) VALUES ${rows.join(", ")}`;
}

/** Returns a statement that deletes events. */
export function deleteSql(ids: readonly string[]): string {
  return `DELETE FROM stop_events WHERE event_id IN (${ids.map((id) => `'${id}'`).join(", ")})`;
}

/** Returns a statement that changes the version of an event. */
export function updateSql({ id, version }: Event): string {
  return `UPDATE stop_events SET retry_count = ${version} WHERE event_id = '${id}'`;
}

/** A database with an outbox. Dropped on disposal. */
export interface OutboxDatabase extends AsyncDisposable {
  readonly config: DatabaseConfig;
  /** The session of the database owner. */
  readonly owner: TextClient;
  /** Opens another session. It is closed with the database. */
  connect(): Promise<TextClient>;
}

/** Creates a database with an empty outbox on a running server. */
export async function createOutbox(server: DatabaseConfig): Promise<OutboxDatabase> {
  const name = `chaos_${crypto.randomUUID().replaceAll("-", "")}`;
  const config = { ...server, name };
  await asServerOwner(server, `CREATE DATABASE ${name}`);
  const owner = await session(config);
  await owner.query(CREATE_OUTBOX);
  const sessions = [owner];
  return {
    config,
    owner,
    async connect() {
      const client = await session(config);
      sessions.push(client);
      return client;
    },
    async [Symbol.asyncDispose]() {
      await asServerOwner(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      await Promise.all(sessions.map((client) => client.end()));
    },
  };
}

async function asServerOwner(server: DatabaseConfig, sql: string): Promise<void> {
  const client = await session(server);
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
