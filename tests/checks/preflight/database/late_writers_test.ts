import type { Holder } from "../../../../pipeline/outbox/fence.ts";
import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import { assertOnlyBefore, judgeReady, READY, withHolders } from "../../healthy/platform.ts";

const ID = "late-writers";
const object = "robson@db:5432/rbsdb";

const TRANSACTION: Holder = {
  kind: "transaction",
  user: "robson",
  pid: 4711,
  seconds: 60,
  reason: "transaction of robson (pid 4711, idle in transaction for 00:01:00) began at …",
};
const PREPARED: Holder = {
  kind: "prepared",
  user: "robson",
  gid: "it's",
  seconds: 60,
  reason: "prepared transaction it's of robson waits since …",
};

Deno.test("late-writers passes without open transactions", async () => {
  const { verdict, examined } = (await judgeReady(READY)).find(({ id }) => id === ID)!;
  assertEquals([verdict, examined], [
    "pass",
    "sessions, prepared transactions and subscriptions of robson@db:5432/rbsdb, on 2025-12-28",
  ]);
});

const UNTRACKED: Holder = {
  kind: "untracked",
  user: "robson",
  pid: 4712,
  seconds: 60,
  reason: "session of robson (pid 4712) does not report what it is doing …",
};

for (const [seconds, severity] of [[900, "warn"], [901, "fail"]] as const) {
  Deno.test(`late-writers: a transaction of ${seconds} s is a ${severity}, with the statement that ends it`, async () => {
    const given = withHolders({ ...TRANSACTION, seconds });
    const { findings } = await assertOnlyBefore(ID, given, [
      { severity, object, field: "pid 4711", problem: TRANSACTION.reason },
    ]);
    assertStringIncludes(findings[0]!.fix, "SELECT pg_terminate_backend(4711);");
  });

  Deno.test(`late-writers: a session that does not report for ${seconds} s is a ${severity}`, async () => {
    const given = withHolders({ ...UNTRACKED, seconds });
    const { findings } = await assertOnlyBefore(ID, given, [
      { severity, object, field: "pid 4712", problem: UNTRACKED.reason },
    ]);
    assertStringIncludes(findings[0]!.fix, "Turn track_activities on again");
    assertStringIncludes(findings[0]!.fix, "SELECT pg_terminate_backend(4712);");
  });

  Deno.test(`late-writers: a prepared transaction of ${seconds} s is a ${severity}`, async () => {
    const given = withHolders({ ...PREPARED, seconds });
    const { findings } = await assertOnlyBefore(ID, given, [
      { severity, object, field: "gid it's", problem: PREPARED.reason },
    ]);
    assertStringIncludes(findings[0]!.fix, "ROLLBACK PREPARED 'it''s';");
  });
}

Deno.test("late-writers fails for sessions that cannot be inspected, with one grant for all", async () => {
  const session = (pid: number): Holder => ({ kind: "unreadable", reason: "…", user: "app", pid });
  await assertOnlyBefore(ID, withHolders(session(1), session(2)), [{
    severity: "fail",
    object,
    field: "pg_stat_activity",
    problem: "robson may not see the queries of these sessions: pid 1 of app, pid 2 of app",
    fix: 'Let a superuser run: GRANT pg_read_all_stats TO "robson";',
  }]);
});

Deno.test("late-writers fails on a standby", async () => {
  const reason = "this server is a standby: it cannot see who writes on the primary";
  await assertOnlyBefore(ID, withHolders({ kind: "standby", reason }), [
    { severity: "fail", object, problem: reason },
  ]);
});

Deno.test("late-writers warns of a subscription, by its name", async () => {
  const reason = "subscription my feed writes to stop_events, …";
  await assertOnlyBefore(
    ID,
    withHolders({ kind: "subscription", subscription: "my feed", reason }),
    [{ severity: "warn", object, field: "subscription my feed", problem: reason }],
  );
});
