import { Failure } from "../errors.ts";
import type { TextRow } from "./client.ts";
import { oidOf } from "./sql.ts";

/** Selects the sessions that hold or request an exclusive lock on the outbox. */
export function exclusiveLocks(table: string): string {
  return `
  SELECT pid, coalesce(usename, 'unknown') AS user,
         coalesce(', ' || nullif(application_name, ''), '') AS application,
         coalesce(', ' || state, '') AS state
  FROM pg_locks JOIN pg_stat_activity USING (pid)
  WHERE relation = ${oidOf(table)} AND mode = 'AccessExclusiveLock'
    AND pid <> pg_backend_pid()
  ORDER BY granted DESC, pid LIMIT 5`;
}

/** A lock that was not free in time. */
export interface LockNotFree {
  /** The operation that failed: `read from robson@db:5432/rbsdb`. */
  readonly task: string;
  /** The table of the outbox. */
  readonly table: string;
  /** Milliseconds that the connection waited. */
  readonly lockTimeout: number;
  /** The rows of {@linkcode exclusiveLocks}. */
  readonly holders: readonly TextRow[];
  /** The error of the server. */
  readonly cause: Failure;
}

/**
 * Creates the failure for a lock that was not free in time, with the known sessions that hold it.
 */
export function lockNotFree({ task, table, lockTimeout, holders, cause }: LockNotFree): Failure {
  const problem = `a lock was not free within ${lockTimeout / 1000} s`;
  const like = "a migration, VACUUM FULL or TRUNCATE does";
  const [first] = holders;
  if (first === undefined) {
    return new Failure({
      kind: "unreachable",
      task,
      problem:
        `${problem}. Another session may have held an exclusive lock on ${table}, as ${like}`,
      remedy: "Run again.",
      cause,
    });
  }
  const list = holders.map(({ pid, user, application, state }) =>
    `pid ${pid} (${user}${application}${state})`
  );
  return new Failure({
    kind: "unreachable",
    task,
    problem: `${problem}: an exclusive lock on ${table} is held or requested by ` +
      `${list.join(", ")}, as ${like}`,
    remedy: `Let it finish, or end it: SELECT pg_terminate_backend(${first.pid}); then run again.`,
    cause,
  });
}
