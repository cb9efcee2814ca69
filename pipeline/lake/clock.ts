import { Failure } from "../errors.ts";
import type { Lake } from "./lake.ts";
import { newScratchFolder } from "./scratch_folder.ts";

/**
 * Asks a store for its clock, which no request tells: by a scratch object, which is removed again.
 *
 * @returns milliseconds since 1970
 * @throws {Failure} unreachable: the store does not list what it has just stored; else as the lake
 */
export async function storeClock(lake: Lake): Promise<number> {
  const key = `${newScratchFolder()}clock`;
  await lake.put(key, new TextEncoder().encode("clock\n"));
  try {
    const entry = (await lake.list(key)).find((each) => each.key === key);
    if (entry !== undefined) return entry.modified;
  } finally {
    await lake.remove(key);
  }
  throw new Failure({
    kind: "unreachable",
    task: `tell the clock of ${lake.name}`,
    problem: `it does not list ${key}, which it had just stored`,
    remedy: "Check the store with deno task preflight --facts lake, then run again.",
  });
}
