import { Failure } from "../errors.ts";
import type { Lake } from "./lake.ts";
import { CONTRACT } from "../contract/contract_file.ts";

const HOUR = 60 * 60 * 1000;

/**
 * Milliseconds after which a run must not publish. This is far longer than any run takes. A process
 * that was suspended and resumes much later must not publish parts that may have been cleaned up.
 */
export const LONGEST_RUN: number = CONTRACT.ages.longestRunHours * HOUR;

/**
 * The start of a run by two clocks: the wall clock can be set back, and the monotonic clock stops
 * while the machine sleeps.
 */
export interface RunStart {
  /** Milliseconds since 1970. */
  readonly wall: number;
  /** Milliseconds on the monotonic clock of this process. */
  readonly monotonic: number;
}

/** A run that begins now. */
export function startRun(): RunStart {
  return { wall: Date.now(), monotonic: performance.now() };
}

/**
 * Returns whether a run is too old to publish, see {@linkcode LONGEST_RUN}.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { isTooOld, startRun } from "./lifetimes.ts";
 * assertEquals(isTooOld(startRun()), false);
 * assertEquals(isTooOld({ wall: 0, monotonic: 0 }), true);
 * ```
 */
export function isTooOld({ wall, monotonic }: RunStart): boolean {
  return Math.max(Date.now() - wall, performance.now() - monotonic) >= LONGEST_RUN;
}

/**
 * Milliseconds after which a part that no marker lists belongs to no active run. The value is well
 * above {@linkcode LONGEST_RUN}, so a part that is removed can no longer be published.
 */
export const ABANDONED_AFTER: number = CONTRACT.ages.abandonedAfterHours * HOUR;

/**
 * Reads the clock of a store from the time of a scratch object, which is removed again.
 *
 * @returns milliseconds since 1970
 * @throws {Failure} unreachable: the store does not list what it has just stored; else as the lake
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { storeClock } from "./lifetimes.ts";
 * import { openDirectory } from "./directory.ts";
 * const path = await Deno.makeTempDir();
 * const lake = openDirectory({ kind: "directory", path });
 * const clock = await storeClock(lake);
 * assertEquals(Math.abs(clock - Date.now()) < 60_000, true);
 * lake.close();
 * await Deno.remove(path, { recursive: true });
 * ```
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
    task: `read the clock of ${lake.name}`,
    problem: `it does not list ${key}, which was just stored`,
    remedy: "Check the store with deno task preflight --facts lake, then run again.",
  });
}

/** The folder of objects that are stored only to test the store. Spark ignores this folder. */
export const SCRATCH_PREFIX = "_preflight/";

/** Milliseconds after which a scratch folder is considered abandoned. */
const SCRATCH_ABANDONED_AFTER = 60 * 60 * 1000;

/**
 * The prefix of a scratch folder that no other process uses, ending with `/`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { isAbandonedScratch, newScratchFolder } from "./lifetimes.ts";
 * assertEquals(isAbandonedScratch(`${newScratchFolder()}probe`), false);
 * assertEquals(isAbandonedScratch("_preflight/1700000000000-a/probe"), true);
 * ```
 */
export function newScratchFolder(): string {
  return `${SCRATCH_PREFIX}${Date.now()}-${crypto.randomUUID()}/`;
}

/** Returns whether a key is in a scratch folder that a killed process left over an hour ago. */
export function isAbandonedScratch(key: string): boolean {
  const [, began] = /^(\d{13})-/.exec(key.slice(SCRATCH_PREFIX.length)) ?? [];
  return key.startsWith(SCRATCH_PREFIX) && began !== undefined &&
    Date.now() - Number(began) > SCRATCH_ABANDONED_AFTER;
}
