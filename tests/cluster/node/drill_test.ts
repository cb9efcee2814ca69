import { assert, assertEquals } from "../../support/assert.ts";
import { nodeTest } from "../../support/node_tests.ts";
import { runTask } from "../../support/task.ts";

// Two failures of `deno task drill --real`. Both end without a retry, so they take the least time.

const FAILURES = ["escaped-password", "wrong-password"];

nodeTest("drill --real: proves failures from the finding to the fix", async () => {
  const args = ["--real", "--only", FAILURES.join(","), "--output", "json"];
  const { code, stdout, stderr } = await runTask("drill", args);
  assertEquals(stderr, "");
  const { drills } = JSON.parse(stdout);
  assertEquals(
    // deno-lint-ignore no-explicit-any
    drills.map(({ id, isFound, cameTrue, fixWorked, others, error }: any) => (
      { id, isFound, cameTrue, fixWorked, others, error }
    )),
    FAILURES.map((id) => (
      { id, isFound: true, cameTrue: true, fixWorked: true, others: [], error: undefined }
    )),
    stdout,
  );
  assertEquals(code, 0);
  assert(!stdout.includes("right!"), "the output has the password");
});
