import { assertEquals } from "../../support/assert.ts";

/**
 * Compares a text byte by byte with a file under `tests/golden/`. With `UPDATE_GOLDEN=1`, writes
 * the file instead.
 */
export async function assertGolden(name: string, actual: string): Promise<void> {
  const file = new URL(`../../golden/${name}`, import.meta.url);
  if (Deno.env.get("UPDATE_GOLDEN") === "1") await Deno.writeTextFile(file, actual);
  assertEquals(actual, await Deno.readTextFile(file));
}
