import { formatMicros, type Window } from "../contract/window.ts";
import { type Connection, sqlInstant } from "./connection.ts";

/**
 * Whether a window can still grow.
 *
 * `occurred_at` is stamped before the commit, so a transaction that began in time can add a row to a
 * day that is over. Only when the day and a grace are over, and no transaction that began before then
 * is open any more, can no writer add to it.
 */
export interface Fence {
  /** The database's clock, in microseconds since 1970. */
  readonly now: bigint;
  /** Whether no writer can add to the window any more. */
  readonly sealable: boolean;
  /** Why the window stays open, one sentence each; empty where it is sealable. */
  readonly reasons: readonly string[];
}

/** The database's clock, in microseconds since 1970. */
export async function databaseClock(connection: Connection): Promise<bigint> {
  const [row] = await connection.query(
    "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now",
  );
  return BigInt(row!.now!);
}

/**
 * Asks who could still add to a window. Sessions that this user may not look into count as open, and
 * so does every prepared transaction, for the server does not say when it began.
 *
 * @param grace microseconds that a writer may take after the end of the window
 */
export async function readFence(
  connection: Connection,
  window: Window,
  grace: bigint,
): Promise<Fence> {
  const now = await databaseClock(connection);
  const bound = window.end + grace;
  if (now < bound) {
    const when = now < window.end ? "is not over" : "is over, the grace for slow writers is not";
    const reason = `${window.day} ${when}; it can be sealed from ${formatMicros(bound)} on`;
    return { now, sealable: false, reasons: [reason] };
  }
  const reasons = (await connection.query(holders(bound))).map((row) => row.reason!);
  return { now, sealable: reasons.length === 0, reasons };
}

function holders(bound: bigint): string {
  // Autovacuum workers and WAL senders write no rows; a parallel worker's leader is listed itself.
  return `
    SELECT 'this server is a standby: it cannot see who writes on the primary' AS reason
    WHERE pg_is_in_recovery()
    UNION ALL
    SELECT format('transaction of %s (pid %s%s, %s for %s) began at %s, before the window could close',
                  coalesce(usename, 'unknown'), pid,
                  coalesce(', ' || nullif(application_name, ''), ''),
                  state, date_trunc('second', clock_timestamp() - coalesce(state_change, xact_start)),
                  to_char(xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
      AND backend_type NOT IN ('autovacuum worker', 'walsender', 'parallel worker')
      AND xact_start < ${sqlInstant(bound)}
    UNION ALL
    SELECT format('session of %s (pid %s) cannot be looked into; GRANT pg_read_all_stats TO %I',
                  coalesce(usename, 'unknown'), pid, current_user)
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
      AND query = '<insufficient privilege>' AND state IS NULL
    UNION ALL
    SELECT format('prepared transaction %s of %s waits since %s', gid, owner,
                  to_char(prepared AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
    FROM pg_prepared_xacts WHERE database = current_database()`;
}
