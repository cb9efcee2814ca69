import { assertEquals } from "../../../support/assert.ts";
import { assertOnlyBefore, judgeReady, READY, REFUSED } from "../../healthy/platform.ts";

Deno.test("database-login passes, and reports the user and the database", async () => {
  const results = await judgeReady(READY);
  const { verdict, examined } = results.find(({ id }) => id === "database-login")!;
  assertEquals([verdict, examined], ["pass", "robson@db:5432/rbsdb, Postgres 18.4"]);
});

Deno.test("database-login fails if the server refuses, and dependent checks are skipped", async () => {
  const { others } = await assertOnlyBefore("database-login", { ...READY, database: REFUSED }, [{
    severity: "fail",
    object: REFUSED.name,
    problem: REFUSED.failure.summary,
    fix: REFUSED.failure.remedy,
  }]);
  assertEquals(others, { "table-name": "skip", "lake-source": "skip", "late-writers": "skip" });
});
