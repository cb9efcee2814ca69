import { assert, assertEquals } from "../../support/assert.ts";
import { nodeTest } from "../../support/node_tests.ts";
import { runTask } from "../../support/task.ts";

// One failure of `deno task drill --real`. It ends without a retry, so it takes the least time.

const FAILURE = "escaped-password";

nodeTest("drill --real: proves a failure from the finding to the fix", async () => {
  const args = ["--real", "--only", FAILURE, "--output", "json"];
  const { code, stdout, stderr } = await runTask("drill", args);
  assertEquals(stderr, "");
  const { drills } = JSON.parse(stdout);
  assertEquals(
    // deno-lint-ignore no-explicit-any
    drills.map(({ id, isFound, cameTrue, fixWorked, others, error }: any) => (
      { id, isFound, cameTrue, fixWorked, others, error }
    )),
    [
      {
        id: FAILURE,
        isFound: true,
        cameTrue: true,
        fixWorked: true,
        others: [],
        error: undefined,
      },
    ],
    stdout,
  );
  assertEquals(code, 0);
  assert(!stdout.includes("right!"), "the output has the password");
});
