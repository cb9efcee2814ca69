import { missingParts } from "./world.ts";

const missing = await missingParts();

/** Whether all real parts of a platform can be started here. */
export const hasAllParts: boolean = missing.length === 0;

/** A test that needs all parts: without one a failure in CI, and ignored elsewhere, saying why. */
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
