import { openApi } from "../../cluster/api.ts";
import { bringTo } from "../../cluster/state.ts";
import { assert, assertEquals, assertMatch } from "../../support/assert.ts";
import { clusterTest, controlPlane } from "../../support/control_plane.ts";
import { atTerminal, startOnTerminal } from "../../support/terminal.ts";
import { directoryOf, IN_JOBS, NAMESPACE, objectsIn, QUOTA } from "./setup.ts";

// Runs `deno task apply` at a terminal, where it asks before it applies.

const terminalTest = atTerminal(clusterTest);

// deno-lint-ignore no-control-regex
const COLOUR = /\x1b\[3\dm/;

for (
  const [answer, code, applied] of [
    ["y\r", 0, true],
    ["yes\r", 0, true],
    ["n\r", 130, false],
    ["\r", 130, false],
    ["yo\r", 130, false],
    ["\x04", 130, false],
    ["\x03", 130, false],
  ] as const
) {
  terminalTest(
    `deno task apply: at a terminal it asks, and ${JSON.stringify(answer)} means ${
      applied ? "yes" : "no"
    }`,
    async () => {
      await bringTo(controlPlane(), objectsIn(NAMESPACE));
      await using directory = await directoryOf(NAMESPACE, QUOTA);
      const args = ["--kubeconfig", controlPlane().kubeconfig, "--manifests", directory.path];
      const task = startOnTerminal("apply", args);
      await task.until(
        `Apply 1 change to ${controlPlane().admin.name} at ${controlPlane().admin.server}? [y/N]`,
      );
      await task.type(answer);
      assertEquals(await task.outcome, { code, restored: true });
      assertEquals(task.shown().includes("Nothing was applied."), !applied, task.shown());
      assertMatch(task.shown(), COLOUR);
      using api = openApi(controlPlane().admin);
      assertEquals((await api.get(`${IN_JOBS}/resourcequotas`)).items.length, applied ? 1 : 0);
    },
  );
}

terminalTest("apply: prints no colour with NO_COLOR", async () => {
  await bringTo(controlPlane(), objectsIn(NAMESPACE));
  await using directory = await directoryOf(NAMESPACE, QUOTA);
  const args = ["--kubeconfig", controlPlane().kubeconfig, "--manifests", directory.path, "--yes"];
  const task = startOnTerminal("apply", args, { NO_COLOR: "1" });
  assertEquals(await task.outcome, { code: 0, restored: true });
  assert(!COLOUR.test(task.shown()), task.shown());
});
