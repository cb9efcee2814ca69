import { missingParts } from "./world.ts";

const missing = await missingParts();

/** True if all real parts of a platform can be started here. */
export const hasAllParts: boolean = missing.length === 0;

/**
 * Declares a test that needs all parts. If one is missing, the test fails in CI and is ignored
 * elsewhere, with the reason in its name.
 */
export function partsTest(name: string, run: () => Promise<void>): void {
  Deno.test({
    name: hasAllParts ? name : `${name} (${missing.join("; ")})`,
    ignore: !hasAllParts && Deno.env.get("CI") !== "true",
    async fn() {
      if (!hasAllParts) throw new Error(missing.join("; "));
      await run();
    },
  });
}
