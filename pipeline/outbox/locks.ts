import { OUTBOX_TABLE } from "../contract/events.ts";
import { Failure } from "../errors.ts";
import type { TextRow } from "./client.ts";

/** The sessions that have or want the table for themselves alone, so that no other session can read it. */
export const EXCLUSIVE_LOCKS = `
  SELECT pid, coalesce(usename, 'unknown') AS user,
         coalesce(', ' || nullif(application_name, ''), '') AS application,
         coalesce(', ' || state, '') AS state
  FROM pg_locks JOIN pg_stat_activity USING (pid)
  WHERE relation = to_regclass('${OUTBOX_TABLE}') AND mode = 'AccessExclusiveLock'
    AND pid <> pg_backend_pid()
  ORDER BY granted DESC, pid LIMIT 5`;

/** A lock that was not free in time. */
export interface LockNotFree {
  /** What could not be done. */
  readonly what: string;
  /** How long we waited, in milliseconds. */
  readonly lockTimeout: number;
  /** What {@linkcode EXCLUSIVE_LOCKS} gave. */
  readonly holders: readonly TextRow[];
  /** The server's answer. */
  readonly cause: Failure;
}

/** Tells of a lock that was not free in time, and who has it as far as that is known. */
export function lockNotFree({ what, lockTimeout, holders, cause }: LockNotFree): Failure {
  const problem = `${what}: a lock was not free within ${lockTimeout / 1000} s`;
  const like = "a migration, VACUUM FULL or TRUNCATE does";
  const [first] = holders;
  if (first === undefined) {
    const message =
      `${problem}. Somebody may have had ${OUTBOX_TABLE} exclusively, as ${like}. Run ` +
      "again.";
    return new Failure("unreachable", message, { cause });
  }
  const list = holders.map(({ pid, user, application, state }) =>
    `pid ${pid} (${user}${application}${state})`
  );
  return new Failure(
    "unreachable",
    `${problem}: ${OUTBOX_TABLE} is, or is about to be, exclusively for ${list.join(", ")}, as ` +
      `${like}. Let it finish, or end it: SELECT pg_terminate_backend(${first.pid}); then run again.`,
    { cause },
  );
}
