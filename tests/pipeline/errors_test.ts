import { refusal } from "../../checks/facts/refusal.ts";
import { refusedLogin } from "../../checks/login_refused.ts";
import { Failure } from "../../pipeline/errors.ts";
import { assertEquals } from "../support/assert.ts";

const PARTS = {
  kind: "configuration",
  task: "use the kubeconfig /home/a. Mr. Smith/config",
  problem: "the file is not YAML. Mr Smith: the line is 3. Nothing was changed",
  remedy: "Correct it. Then run again.",
} as const;

Deno.test("Failure: builds its message from its parts in one form", () => {
  const cause = new Error("x");
  const failure = new Failure({ ...PARTS, cause });
  assertEquals(failure.message, `Cannot ${PARTS.task}: ${PARTS.problem}. ${PARTS.remedy}`);
  assertEquals([failure.name, failure.kind, failure.cause], ["Failure", "configuration", cause]);
  assertEquals(new Failure(PARTS) instanceof Error, true);
});

Deno.test("refusedLogin: keeps a problem of several sentences whole in a finding", () => {
  const outcome = refusedLogin(
    refusal("the kubeconfig", new Failure(PARTS)),
    "every check reads it",
  );
  assertEquals(outcome, {
    examined: "the kubeconfig",
    findings: [{
      severity: "fail",
      object: "the kubeconfig",
      problem: `Cannot ${PARTS.task}: ${PARTS.problem}`,
      why: "every check reads it",
      fix: PARTS.remedy,
    }],
  });
});
