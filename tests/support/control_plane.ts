import { missingControlPlane } from "../cluster/binary.ts";
import { keep, type Kept } from "../cluster/kept.ts";

// One control plane for the whole suite: the first file that imports this starts it, the others find
// it, and it ends with the process that runs them all.

const missing = await missingControlPlane();

let kept: Kept | undefined;
Deno.test.beforeAll(async () => {
  if (missing === undefined) kept = await keep(`suite-${Deno.pid}`, Deno.pid);
});

/** The suite's control plane. */
export function controlPlane(): Kept {
  if (kept === undefined) throw new Error("The control plane runs only while tests do.");
  return kept;
}

/**
 * A test that needs a control plane: without its binary a failure in CI, and ignored elsewhere, with
 * what is missing in its name.
 */
export function clusterTest(name: string, run: (t: Deno.TestContext) => Promise<void>): void {
  Deno.test({
    name: missing === undefined ? name : `${name} (${missing})`,
    ignore: missing !== undefined && Deno.env.get("CI") !== "true",
    async fn(t) {
      if (missing !== undefined) throw new Error(missing);
      await run(t);
    },
  });
}
