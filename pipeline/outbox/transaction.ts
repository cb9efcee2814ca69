// Every statement of ours runs between these, and nothing we set outlives them: behind a pooler, the
// session is somebody else's before and after. That goes for our name too, which pgbouncer would leave
// on the session if we logged in with it.

// The statements read for as long as they must, whatever limits the role has, and write values in the
// one form that we expect, whatever the database's habits are. Row-level security may not hide rows.
const SETTINGS = `
  SET LOCAL statement_timeout = 0;
  SET LOCAL idle_in_transaction_session_timeout = 0;
  SET LOCAL lock_timeout = '30s';
  SET LOCAL application_name = 'deep-storage-toolkit';
  SET LOCAL row_security = off;
  SET LOCAL client_encoding = 'UTF8';
  SET LOCAL timezone = 'UTC';
  SET LOCAL datestyle = 'ISO, MDY';
  SET LOCAL intervalstyle = 'postgres';
  SET LOCAL bytea_output = 'hex';
  SET LOCAL extra_float_digits = 1`;

/**
 * Begins a transaction that can change nothing.
 *
 * @param version the server's major version
 */
export function begin(isolation: "READ COMMITTED" | "REPEATABLE READ", version: number): string {
  // The first statement that has a limit is this one, so the limits on time go first.
  const since17 = version >= 17 ? "SET LOCAL transaction_timeout = 0;" : "";
  return `BEGIN ISOLATION LEVEL ${isolation} READ ONLY NOT DEFERRABLE; ${since17} ${SETTINGS}`;
}

/** Ends a transaction. */
export const COMMIT = "COMMIT";

/** Ends a transaction that failed. Harmless where there is none. */
export const ROLLBACK = "ROLLBACK";
