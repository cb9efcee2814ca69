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

/** Who keeps a window from being sealed, or what. */
export interface Holder {
  /**
   * - `standby`: the server itself, which cannot see who writes on its primary
   * - `transaction`: a session whose transaction began before the window could close
   * - `unreadable`: a session that this user may not look into, which so counts as open
   * - `prepared`: a transaction that was prepared, and waits for its second phase
   */
  readonly kind: "standby" | "transaction" | "unreadable" | "prepared";
  /** For people: who it is, and since when. */
  readonly reason: string;
  /** The role of the session or transaction, where it is known. */
  readonly user?: string;
  /** The session's process on the server. */
  readonly pid?: number;
  /** The name of a prepared transaction. */
  readonly gid?: string;
  /** How long it has been open, in seconds, where that is known. */
  readonly seconds?: number;
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
  const reasons = (await readHolders(connection, bound)).map(({ reason }) => reason);
  return { now, sealable: reasons.length === 0, reasons };
}

/**
 * Asks who has been at work since before an instant, and may still commit.
 *
 * @param bound microseconds since 1970; what began later is left out
 */
export async function readHolders(connection: Connection, bound: bigint): Promise<Holder[]> {
  return (await connection.query(holders(bound))).map((row) => ({
    kind: row.kind as Holder["kind"],
    reason: row.reason!,
    ...(row.user == null ? {} : { user: row.user }),
    ...(row.pid == null ? {} : { pid: Number(row.pid) }),
    ...(row.gid == null ? {} : { gid: row.gid }),
    ...(row.seconds == null ? {} : { seconds: Number(row.seconds) }),
  }));
}

function holders(bound: bigint): string {
  const age = (since: string) => `extract(epoch FROM clock_timestamp() - ${since})::bigint`;
  // Autovacuum workers and WAL senders write no rows; a parallel worker's leader is listed itself.
  return `
    SELECT 'standby' AS kind,
           'this server is a standby: it cannot see who writes on the primary' AS reason,
           NULL::text AS user, NULL::int AS pid, NULL::text AS gid, NULL::bigint AS seconds
    WHERE pg_is_in_recovery()
    UNION ALL
    SELECT 'transaction',
           format('transaction of %s (pid %s%s, %s for %s) began at %s, before the window could close',
                  coalesce(usename, 'unknown'), pid,
                  coalesce(', ' || nullif(application_name, ''), ''),
                  state, date_trunc('second', clock_timestamp() - coalesce(state_change, xact_start)),
                  to_char(xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')),
           usename, pid, NULL, ${age("xact_start")}
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
      AND backend_type NOT IN ('autovacuum worker', 'walsender', 'parallel worker')
      AND xact_start < ${sqlInstant(bound)}
    UNION ALL
    SELECT 'unreadable',
           format('session of %s (pid %s) cannot be looked into; GRANT pg_read_all_stats TO %I',
                  coalesce(usename, 'unknown'), pid, current_user),
           usename, pid, NULL, NULL
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
      AND query = '<insufficient privilege>' AND state IS NULL
    UNION ALL
    SELECT 'prepared',
           format('prepared transaction %s of %s waits since %s', gid, owner,
                  to_char(prepared AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')),
           owner, NULL, gid, ${age("prepared")}
    FROM pg_prepared_xacts WHERE database = current_database()`;
}
