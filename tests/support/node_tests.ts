import { missingNode } from "../cluster/node/programs.ts";

const missing = await missingNode();

/** True if a real node can start here. */
export const NODE_CAN_START: boolean = missing === undefined;

/**
 * Declares a test that needs a real node. If there can be none, for example without root, the test
 * fails in CI and is ignored elsewhere, with the reason in its name.
 */
export function nodeTest(name: string, run: (t: Deno.TestContext) => Promise<void>): void {
  Deno.test({
    name: missing === undefined ? name : `${name} (${missing})`,
    ignore: missing !== undefined && Deno.env.get("CI") !== "true",
    async fn(t) {
      if (missing !== undefined) throw new Error(missing);
      await run(t);
    },
  });
}

/**
 * Runs steps of a test at the same time, because on a node they mostly wait. Each step needs its own
 * days, namespaces or objects.
 */
export async function stepsSideBySide(
  t: Deno.TestContext,
  steps: readonly (readonly [name: string, run: (t: Deno.TestContext) => Promise<void>])[],
): Promise<void> {
  // Such steps cannot have sanitizers; the test has them.
  const without = { sanitizeOps: false, sanitizeResources: false, sanitizeExit: false };
  await Promise.all(steps.map(([name, fn]) => t.step({ name, fn, ...without })));
}
