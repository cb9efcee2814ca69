import type { Result, Verdict } from "../../../checks/finding.ts";
import { exitCode, worstExitCode } from "../../../tasks/cli/exit_code.ts";
import { assertEquals } from "../../support/assert.ts";

Deno.test("exitCode is 1 for a failure, else 3 for an unknown, else 0", () => {
  const code = (verdicts: readonly Verdict[], strict = false) =>
    exitCode(
      verdicts.map((verdict): Result => ({ id: verdict, title: "", verdict, findings: [] })),
      { strict },
    );
  assertEquals(code(["pass"]), 0);
  assertEquals(code(["pass", "warn"]), 0);
  assertEquals(code(["pass", "warn"], true), 1);
  assertEquals(code(["pass", "fail", "error", "skip"]), 1);
  assertEquals(code(["pass", "error"]), 3);
  assertEquals(code(["pass", "skip"]), 3);
  assertEquals(code(["warn", "error"], true), 1);
  assertEquals(code([]), 3);
});

Deno.test("exitCode ignores checks that are not applicable, and is 3 if no check judged anything", () => {
  const result = (verdict: Result["verdict"]): Result => (
    { id: verdict, title: "", verdict, findings: [] }
  );
  const absent = result("not-applicable");
  assertEquals(exitCode([result("pass"), absent]), 0);
  assertEquals(exitCode([result("pass"), absent], { strict: true }), 0);
  assertEquals(exitCode([result("fail"), absent]), 1);
  assertEquals(exitCode([absent]), 3);
  assertEquals(exitCode([absent, { ...result("skip"), requested: true }]), 3);
});

Deno.test("worstExitCode prefers wrong usage to wrong data, and wrong data to an unknown result", () => {
  assertEquals(worstExitCode([]), 0);
  assertEquals(worstExitCode([0, 0]), 0);
  assertEquals(worstExitCode([0, 3]), 3);
  assertEquals(worstExitCode([3, 1, 0]), 1);
  assertEquals(worstExitCode([1, 3, 2]), 2);
});
