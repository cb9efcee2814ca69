import { formatMicros, type Window } from "../contract/window.ts";
import type { TextRow } from "./client.ts";
import { NAMED } from "../progress.ts";
import type { Connection } from "./connection.ts";
import { relatives, sqlInstant } from "./sql.ts";

/**
 * Additional time that a window stays open if a logical-replication subscription writes to the
 * outbox, in microseconds. The subscriber cannot see the writers on the publisher or the
 * replication lag.
 */
export const SUBSCRIPTION_GRACE = 86_400_000_000n;

/**
 * Describes whether a window can still grow.
 *
 * `occurred_at` is set before the commit, so a transaction that began in time can add a row to a
 * day that is over. A day is complete only after its end and a grace period, when no transaction
 * that began before that time is still open.
 */
export interface Fence {
  /** The time of the database, in microseconds since 1970. */
  readonly now: bigint;
  /** True if no writer can add to the window any more. */
  readonly sealable: boolean;
  /** The reasons why the window stays open, one sentence each; empty if it is sealable. */
  readonly reasons: readonly string[];
  /** The statement that lets this user inspect every session, if there is one that it may not inspect. */
  readonly grant?: string;
}

/** A session, transaction or server state that prevents sealing a window. */
export interface Holder {
  /**
   * - `standby`: the server itself, which cannot see who writes on its primary
   * - `transaction`: a session whose transaction began before the window could close
   * - `untracked`: a session that does not report what it is doing, which so counts as open
   * - `unreadable`: a session that this user may not look into, which so counts as open
   * - `prepared`: a transaction that was prepared, and waits for its second phase
   * - `subscription`: a subscription that writes to the outbox what is committed elsewhere
   */
  readonly kind:
    | "standby"
    | "transaction"
    | "untracked"
    | "unreadable"
    | "prepared"
    | "subscription";
  /** A sentence for people that identifies the holder and its start time. */
  readonly reason: string;
  /** For `unreadable`, the statement that lets this user inspect sessions. */
  readonly grant?: string;
  /** The role of the session or transaction, if known. */
  readonly user?: string;
  /** The process ID of the session on the server. */
  readonly pid?: number;
  /** The name of a prepared transaction. */
  readonly gid?: string;
  /** The name of a subscription. */
  readonly subscription?: string;
  /** How long it has been open, in seconds, if known. */
  readonly seconds?: number;
}

const CLOCK = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now";

/** Returns the time of the database, in microseconds since 1970. */
export async function databaseClock(connection: Connection): Promise<bigint> {
  return timeOf(await connection.query(CLOCK));
}

function timeOf([row]: readonly TextRow[]): bigint {
  return BigInt(row!.now!);
}

/**
 * Reads the sessions that could still add to a window. An unknown state counts as open. This
 * applies to sessions that this user cannot inspect or that do not report their state. It also
 * applies to every prepared transaction, because the server does not store when the transaction
 * began.
 *
 * @param grace microseconds that a writer may take after the end of the window
 */
export async function readFence(
  connection: Connection,
  window: Window,
  grace: bigint,
): Promise<Fence> {
  const bound = window.end + grace;
  // The clock of this machine only decides whether one message asks both.
  const questions = BigInt(Date.now()) * 1000n < bound ? [] : holders(bound, connection.table);
  const [clock, ...answers] = await connection.queries([CLOCK, ...questions]);
  const now = timeOf(clock!);
  if (now < bound) {
    const when = now < window.end
      ? "is not over"
      : "is over, but the grace period for slow writers is not";
    const reason = `${window.day} ${when}; it can be sealed from ${formatMicros(bound)} on`;
    return { now, sealable: false, reasons: [reason] };
  }
  const found = questions.length > 0 ? holdersOf(answers) : await readHolders(connection, bound);
  const reasons = reasonsOf(found);
  const grant = found.find((each) => each.grant !== undefined)?.grant;
  return { now, sealable: reasons.length === 0, reasons, ...(grant !== undefined && { grant }) };
}

/** Returns a sentence for each holder. One sentence covers all sessions that cannot be inspected. */
function reasonsOf(holders: readonly Holder[]): string[] {
  const hidden = holders.filter(({ kind }) => kind === "unreadable");
  const [first] = hidden;
  if (first === undefined || hidden.length === 1) return holders.map(({ reason }) => reason);
  const named = hidden.slice(0, NAMED).map(({ user, pid }) => `pid ${pid} of ${user ?? "unknown"}`);
  const more = hidden.length > NAMED ? ` and ${hidden.length - NAMED} more` : "";
  return [
    ...holders.filter(({ kind }) => kind !== "unreadable").map(({ reason }) => reason),
    `${hidden.length} sessions (${named.join(", ")}${more}) cannot be inspected; ${first.grant}`,
  ];
}

/**
 * Reads the transactions that began before an instant and may still commit.
 *
 * @param bound microseconds since 1970; later transactions are left out
 */
export async function readHolders(connection: Connection, bound: bigint): Promise<Holder[]> {
  return holdersOf(await connection.queries(holders(bound, connection.table)));
}

/** @param answers the rows of {@linkcode holders} */
function holdersOf(answers: readonly TextRow[][]): Holder[] {
  return answers.flat().map((row) => ({
    kind: row.kind as Holder["kind"],
    reason: row.reason!,
    ...(row.grant == null ? {} : { grant: row.grant }),
    ...(row.user == null ? {} : { user: row.user }),
    ...(row.pid == null ? {} : { pid: Number(row.pid) }),
    ...(row.gid == null ? {} : { gid: row.gid }),
    ...(row.subscription == null ? {} : { subscription: row.subscription }),
    ...(row.seconds == null ? {} : { seconds: Number(row.seconds) }),
  }));
}

/** Processes that write no rows. A parallel worker's leader is listed itself. */
const NO_WRITERS = `(backend_type IN ('autovacuum worker', 'parallel worker')
  OR backend_type = 'walsender' AND (xact_start IS NULL OR query ILIKE 'START_REPLICATION%'))`;

// With track_activities off, the server reports neither the state nor the transaction. If it is
// turned on during a transaction, the server reports the state, but not the start of the
// transaction. A session that is just beginning or ending a transaction looks the same, but has no
// transaction id, and only for a moment.
const UNTRACKED = `(xact_start IS NULL AND CASE state
  WHEN 'disabled' THEN true
  WHEN 'idle' THEN false
  WHEN 'active' THEN backend_xid IS NOT NULL
                     OR state_change < clock_timestamp() - interval '1 second'
  ELSE backend_xid IS NOT NULL OR state LIKE 'idle in transaction%'
       OR current_setting('track_activities') = 'off' END)`;

/**
 * Selects the holders. The sessions come before the prepared transactions, because a transaction
 * leaves its session when it is prepared. One statement for all would take Postgres twice as long.
 */
function holders(bound: bigint, table: string): string[] {
  const age = (since: string) => `extract(epoch FROM clock_timestamp() - ${since})::bigint`;
  const time = (instant: string) =>
    `to_char(${instant} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`;
  const sealableFrom = bound + SUBSCRIPTION_GRACE;
  const who =
    "coalesce(usename, 'unknown'), pid, coalesce(', ' || nullif(application_name, ''), '')";
  const grant = "format('GRANT pg_read_all_stats TO %I', current_user)";
  const standby = `
    SELECT 'standby' AS kind,
           'this server is a standby: it cannot see who writes on the primary' AS reason
    WHERE pg_is_in_recovery()`;
  const sessions = `
    SELECT kind, usename AS user, pid, CASE kind WHEN 'unreadable' THEN ${grant} END AS "grant",
           CASE kind
             WHEN 'transaction' THEN ${age("xact_start")}
             WHEN 'untracked' THEN ${age("backend_start")} END AS seconds,
           CASE kind
             WHEN 'transaction' THEN format(
               'transaction of %s (pid %s%s, %s for %s) began at %s, before the window could close',
               ${who},
               state, date_trunc('second', clock_timestamp() - coalesce(state_change, xact_start)),
               ${time("xact_start")})
             WHEN 'untracked' THEN format(
               'session of %s (pid %s%s) does not report what it is doing (track_activities = off), '
               'and began at %s, before the window could close', ${who}, ${time("backend_start")})
             ELSE format(
               'session of %s (pid %s) cannot be inspected; %s',
               coalesce(usename, 'unknown'), pid, ${grant}) END AS reason
    FROM (SELECT *, CASE
            WHEN NOT ${NO_WRITERS} AND xact_start < ${sqlInstant(bound)} THEN 'transaction'
            WHEN NOT ${NO_WRITERS} AND ${UNTRACKED} AND backend_start < ${sqlInstant(bound)}
              THEN 'untracked'
            WHEN query = '<insufficient privilege>' AND state IS NULL THEN 'unreadable' END AS kind
          FROM pg_stat_activity
          WHERE datname = current_database() AND pid <> pg_backend_pid()) AS others
    WHERE kind IS NOT NULL`;
  const prepared = `
    SELECT 'prepared' AS kind, owner AS user, gid, ${age("prepared")} AS seconds,
           format('prepared transaction %s of %s has waited since %s', gid, owner, ${
    time("prepared")
  }) AS reason
    FROM pg_prepared_xacts WHERE database = current_database()`;
  const subscriptions = `
    SELECT DISTINCT 'subscription' AS kind, subname::text AS subscription,
           format('subscription %s writes to %s, and late commits of its publisher cannot be seen '
                  'here; the window can be sealed from %s on',
                  subname, srrelid::regclass, '${formatMicros(sealableFrom)}') AS reason
    FROM pg_subscription_rel JOIN pg_stat_subscription ON subid = srsubid
    WHERE srrelid IN (${relatives(table)}) AND clock_timestamp() < ${sqlInstant(sealableFrom)}`;
  return [standby, sessions, prepared, subscriptions];
}
