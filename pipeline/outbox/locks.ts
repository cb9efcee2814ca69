import { OUTBOX_TABLE } from "../contract/events.ts";
import { Failure } from "../errors.ts";
import type { TextRow } from "./client.ts";

/** The sessions that have or want the table for themselves alone, so that nobody may read it. */
export const EXCLUSIVE_LOCKS = `
  SELECT pid, coalesce(usename, 'unknown') AS user,
         coalesce(', ' || nullif(application_name, ''), '') AS application,
         coalesce(', ' || state, '') AS state
  FROM pg_locks JOIN pg_stat_activity USING (pid)
  WHERE relation = to_regclass('${OUTBOX_TABLE}') AND mode = 'AccessExclusiveLock'
    AND pid <> pg_backend_pid()
  ORDER BY granted DESC, pid LIMIT 5`;

/**
 * A lock that was not free in time.
 *
 * @param holders what {@linkcode EXCLUSIVE_LOCKS} gave
 * @param cause the server's answer
 */
export function lockTimeout(what: string, holders: readonly TextRow[], cause: Failure): Failure {
  const problem = `${what}: a lock was not free within 30 s`;
  if (holders.length === 0) {
    return new Failure(
      "unreachable",
      `${problem}. A migration, VACUUM FULL or TRUNCATE of ${OUTBOX_TABLE} may have held it. Run again.`,
      { cause },
    );
  }
  const list = holders.map(({ pid, user, application, state }) =>
    `pid ${pid} (${user}${application}${state})`
  );
  const [{ pid }] = holders as [TextRow];
  return new Failure(
    "unreachable",
    `${problem}: ${list.join(", ")} has or wants ${OUTBOX_TABLE} exclusively, as a migration or ` +
      `VACUUM FULL does. Let it finish, or end it: SELECT pg_terminate_backend(${pid}); then run ` +
      "again.",
    { cause },
  );
}
