import { formatMicros, type Window } from "../contract/window.ts";

/**
 * Quotes an identifier for SQL.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { identifier } from "./sql.ts";
 * assertEquals(identifier('a"b'), '"a""b"');
 * ```
 */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * Quotes a text for SQL.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { literal } from "./sql.ts";
 * assertEquals(literal("it's"), "'it''s'");
 * assertEquals(literal("a\\b"), "E'a\\\\b'");
 * ```
 */
export function literal(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes("\\") ? `E${quoted.replaceAll("\\", "\\\\")}` : quoted;
}

/** SQL expression for the OID of a table; null if there is no such table. */
export function oidOf(table: string): string {
  return `to_regclass(${literal(table)})`;
}

/** SQL expression for an instant in microseconds since 1970. */
export function sqlInstant(micros: bigint): string {
  return `timestamptz '${formatMicros(micros)}'`;
}

// The outbox may be a partitioned table, a partition, or a table that others inherit from.

/** Selects the `oid` of the outbox and of its partitions and children, at any depth. */
export function descendants(table: string): string {
  return `
  WITH RECURSIVE below AS (
    SELECT ${oidOf(table)}::oid AS oid
    UNION SELECT inhrelid FROM pg_inherits JOIN below ON inhparent = below.oid)
  SELECT oid FROM below`;
}

/**
 * Selects the outbox, its partitions, children and parents. A row written to any of these tables
 * may be in the outbox.
 */
export function relatives(table: string): string {
  return `
  WITH RECURSIVE above AS (
    SELECT ${oidOf(table)}::oid AS oid
    UNION SELECT inhparent FROM pg_inherits JOIN above ON inhrelid = above.oid)
  SELECT oid FROM above UNION (${descendants(table)})`;
}

/**
 * SQL condition for the rows of a window.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseDay, windowOf } from "../contract/window.ts";
 * import { within } from "./sql.ts";
 * assertEquals(
 *   within(windowOf(parseDay("2025-12-28")!)),
 *   "occurred_at >= timestamptz '2025-12-28T00:00:00Z' AND " +
 *     "occurred_at < timestamptz '2025-12-29T00:00:00Z'",
 * );
 * ```
 */
export function within({ start, end }: Window): string {
  return `occurred_at >= ${sqlInstant(start)} AND occurred_at < ${sqlInstant(end)}`;
}

/** SQL condition for rows without a day: `occurred_at` is null or outside the years 1 to 9999. */
export const onNoDay: string =
  "(occurred_at IS NULL OR occurred_at < timestamptz '0001-01-01T00:00:00Z' OR " +
  "occurred_at >= timestamptz '10000-01-01T00:00:00Z')";

// Every statement runs in a transaction with these settings. No setting outlives the transaction,
// because a pooler shares the session with other clients. This includes application_name, which
// pgbouncer would keep on the session after a login with it.

// The settings lift the time limits of the role, and fix the text format of values independently of
// the database's settings. Row-level security must not hide rows.
const SETTINGS = `
  SET LOCAL statement_timeout = 0;
  SET LOCAL idle_in_transaction_session_timeout = 0;
  SET LOCAL application_name = 'deep-storage-toolkit';
  SET LOCAL row_security = off;
  SET LOCAL client_encoding = 'UTF8';
  SET LOCAL timezone = 'UTC';
  SET LOCAL datestyle = 'ISO, MDY';
  SET LOCAL intervalstyle = 'postgres';
  SET LOCAL bytea_output = 'hex';
  SET LOCAL extra_float_digits = 1`;

/** The options of a transaction. */
export interface TransactionOptions {
  /** The isolation level: with `REPEATABLE READ`, all statements see the same state. */
  readonly isolation: "READ COMMITTED" | "REPEATABLE READ";
  /** The server's major version. */
  readonly version: number;
  /** How long to wait for a lock, in milliseconds. */
  readonly lockTimeout: number;
  /** The name of a snapshot that another transaction exported; the default is a new snapshot. */
  readonly exported?: string | undefined;
}

/** Begins a transaction that can change nothing. */
export function begin(
  { isolation, version, lockTimeout, exported }: TransactionOptions,
): string {
  // The limits of the role apply to these statements too, until they are lifted.
  const since17 = version >= 17 ? "SET LOCAL transaction_timeout = 0;" : "";
  return `BEGIN ISOLATION LEVEL ${isolation} READ ONLY NOT DEFERRABLE; ${since17} ${SETTINGS};
  SET LOCAL lock_timeout = ${lockTimeout}${exported === undefined ? "" : importing(exported)}`;
}

function importing(snapshot: string): string {
  if (!/^[0-9A-F-]+$/i.test(snapshot)) throw new Error(`${snapshot} is not the name of a snapshot`);
  return `; SET TRANSACTION SNAPSHOT '${snapshot}'`;
}

/** Ends a transaction. */
export const COMMIT = "COMMIT";

/** Ends a failed transaction. Has no effect if there is none. */
export const ROLLBACK = "ROLLBACK";
