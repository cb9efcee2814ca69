import { missingControlPlane } from "../cluster/binary.ts";
import { keep, type Kept } from "../cluster/kept.ts";

// One control plane for the whole suite. The first test file that imports this module starts it,
// the other files find it, and it exits with the process that runs all of them. Tests change its
// objects, so the files take turns: each holds a lock until its last test has ended.

const missing = await missingControlPlane();

let kept: Kept | undefined;
let turn: Deno.FsFile | undefined;
Deno.test.beforeAll(async () => {
  if (missing !== undefined) return;
  const found = await keep(`suite-${Deno.pid}`, { whileProcess: Deno.pid });
  turn = await Deno.open(`${found.folder}/turn`, { write: true, create: true });
  await turn.lock(true);
  kept = found;
});
Deno.test.afterAll(() => turn?.close());

/** Returns the suite's control plane. */
export function controlPlane(): Kept {
  if (kept === undefined) throw new Error("The control plane runs only while tests do.");
  return kept;
}

/**
 * Declares a test that needs a control plane. If its binary is missing, the test fails in CI and is
 * ignored elsewhere, with the reason in its name.
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
