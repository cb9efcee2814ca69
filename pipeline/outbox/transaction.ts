// Every statement of ours runs between these, and nothing we set outlives them: behind a pooler, the
// session is somebody else's before and after. That goes for our name too, which pgbouncer would leave
// on the session if we logged in with it.

// The statements read for as long as they must, whatever limits the role has, and write values in the
// one form that we expect, whatever the database's habits are. Row-level security may not hide rows.
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

/** What a transaction depends on. */
export interface TransactionOptions {
  /** Whether all of its statements see the same state, or each the state at its beginning. */
  readonly isolation: "READ COMMITTED" | "REPEATABLE READ";
  /** The server's major version. */
  readonly version: number;
  /** How long to wait for a lock, in milliseconds. */
  readonly lockTimeout: number;
}

/** Begins a transaction that can change nothing. */
export function begin({ isolation, version, lockTimeout }: TransactionOptions): string {
  // The role's limits go for these statements too, until they are lifted.
  const since17 = version >= 17 ? "SET LOCAL transaction_timeout = 0;" : "";
  return `BEGIN ISOLATION LEVEL ${isolation} READ ONLY NOT DEFERRABLE; ${since17} ${SETTINGS};
  SET LOCAL lock_timeout = ${lockTimeout}`;
}

/** Ends a transaction. */
export const COMMIT = "COMMIT";

/** Ends a transaction that failed. Harmless where there is none. */
export const ROLLBACK = "ROLLBACK";
