import type { Holder } from "../../../pipeline/outbox/fence.ts";
import { identifier } from "../../../pipeline/outbox/sql.ts";
import { type Check, check } from "../../check.ts";
import type { Finding } from "../../finding.ts";
import type { DatabaseOpened } from "../../facts/database.ts";
import { naming } from "../../list_names.ts";
import { whyNoDatabase, whyNoTable } from "../../skip_reasons.ts";

/**
 * Nothing in the database would prevent a run from sealing today's window. A transaction that has been
 * open for longer than the grace period for slow writers is a failure. A younger transaction is only a
 * warning, because most transactions end by themselves.
 */
export const lateWriters: Check<"database"> = check({
  id: "late-writers",
  title: "no transaction prevents a day from being sealed",
  phase: "before",
  needs: ["database"],
  run({ database }) {
    if (!database.opened) return { skip: whyNoDatabase };
    if (database.refused !== undefined) return { skip: whyNoTable(database) };
    const { holders, name, today } = database;
    const unreadable = holders.filter(({ kind }) => kind === "unreadable");
    const findings = holders.flatMap((holder) => judge(holder, database));
    if (unreadable.length > 0) findings.push(hiddenSessionsFinding(unreadable, database));
    return {
      examined: `sessions, prepared transactions and subscriptions of ${name}, on ${today}`,
      findings,
    };
  },
});

function judge(holder: Holder, { name, today, graceSeconds }: DatabaseOpened): Finding[] {
  const { kind, reason, seconds = 0 } = holder;
  const overdue = seconds > graceSeconds;
  const common = { object: name, problem: reason };
  switch (kind) {
    case "transaction":
      return [{
        ...common,
        severity: overdue ? "fail" : "warn",
        field: `pid ${holder.pid}`,
        why:
          `the transaction could still commit rows of ${today} or of an earlier day; while it is open, no ` +
          "day since it began is sealed",
        fix: `Let it commit, or end it: SELECT pg_terminate_backend(${holder.pid});`,
      }];
    case "untracked":
      return [{
        ...common,
        severity: overdue ? "fail" : "warn",
        field: `pid ${holder.pid}`,
        why:
          "the session may have an open transaction that could still commit rows, so it counts as one",
        fix:
          "Turn track_activities on again where it was turned off (ALTER SYSTEM, ALTER DATABASE " +
          `or ALTER ROLE), then end the session: SELECT pg_terminate_backend(${holder.pid});`,
      }];
    case "subscription":
      return [{
        ...common,
        severity: "warn",
        field: `subscription ${holder.subscription}`,
        why: "a run publishes the day and leaves it open until then",
        fix: "Run bronze again after that, or set DJANGO_DB_HOST to the publisher, which the " +
          "backend writes to.",
      }];
    case "prepared":
      return [{
        ...common,
        severity: overdue ? "fail" : "warn",
        field: `gid ${holder.gid}`,
        why:
          "the prepared transaction survives every restart and may commit rows of any day, so no day is sealed",
        fix: `Ask its owner, then: COMMIT PREPARED ${literal(holder.gid)}; or ` +
          `ROLLBACK PREPARED ${literal(holder.gid)};`,
      }];
    case "standby":
      return [{
        ...common,
        severity: "fail",
        why: "a run would copy the day, but could never seal it",
        fix: "Set DJANGO_DB_HOST and DJANGO_DB_PORT to the primary.",
      }];
    case "unreadable":
      return []; // one finding covers all sessions of this kind
  }
}

/** The finding for sessions whose queries the user may not see. Each counts as an open transaction. */
function hiddenSessionsFinding(
  sessions: readonly Holder[],
  { name, user }: DatabaseOpened,
): Finding {
  const list = naming(sessions.map((each) => `pid ${each.pid} of ${each.user ?? "unknown"}`));
  return {
    severity: "fail",
    object: name,
    field: "pg_stat_activity",
    problem: `${user} may not see the queries of these sessions: ${list}`,
    why: "any of these sessions could be writing, so no day is sealed while they are open",
    fix: `Let a superuser run: GRANT pg_read_all_stats TO ${identifier(user)};`,
  };
}

function literal(text = ""): string {
  return `'${text.replaceAll("'", "''")}'`;
}
