import { assertEquals } from "../../../support/assert.ts";
import { assertOnlyBefore, judgeReady, READY, REFUSED } from "../../healthy/platform.ts";

Deno.test("lake-login passes with the lake's name", async () => {
  const results = await judgeReady(READY);
  const { verdict, examined } = results.find(({ id }) => id === "lake-login")!;
  assertEquals([verdict, examined], ["pass", "s3://rbs at https://store"]);
});

Deno.test("lake-login fails if the store refuses, and dependent checks are skipped", async () => {
  const { others } = await assertOnlyBefore("lake-login", { ...READY, lake: REFUSED }, [{
    severity: "fail",
    object: REFUSED.name,
    problem: REFUSED.failure.summary,
    fix: REFUSED.failure.remedy,
  }]);
  assertEquals(others, { "lake-conformance": "skip", "lake-source": "skip" });
});
