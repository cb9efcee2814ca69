import { assertEquals } from "../../../support/assert.ts";
import { assertOnlyBefore, judgeReady, READY, REFUSED } from "../../healthy/platform.ts";

Deno.test("database-login passes with who logged in where", async () => {
  const results = await judgeReady(READY);
  const { verdict, examined } = results.find(({ id }) => id === "database-login")!;
  assertEquals([verdict, examined], ["pass", "robson@db:5432/rbsdb, Postgres 18.4"]);
});

Deno.test("database-login fails where the server refuses, and what lies behind it is only skipped", async () => {
  const { others } = await assertOnlyBefore("database-login", { ...READY, database: REFUSED }, [{
    severity: "fail",
    object: REFUSED.name,
    problem: REFUSED.failure.summary,
    fix: REFUSED.failure.remedy,
  }]);
  assertEquals(others, { "table-name": "skip", "late-writers": "skip" });
});
