import type { LakeConfig } from "../config.ts";
import { inParallel } from "../parallel.ts";
import { type Lake, REQUESTS_IN_FLIGHT } from "./lake.ts";
import { openLake } from "./open.ts";
import type { S3Probe } from "./s3.ts";
import { isAbandonedScratch, newScratchFolder, SCRATCH_PREFIX } from "./lifetimes.ts";

/**
 * The time limit for removing a scratch folder after the work ended or was aborted, in
 * milliseconds.
 */
const CLEANUP_TIMEOUT_MS = 5_000;
/** The time that an abandoned put may still be in progress, in milliseconds. */
const PENDING_PUT_MS = 200;

/** A folder of a lake that is removed when the work in it is over. */
export interface Scratch {
  /** The lake. */
  readonly lake: Lake;
  /** Further operations of a bucket; undefined for a directory. */
  readonly probe: S3Probe | undefined;
  /** The prefix of the folder, ending with `/`. */
  readonly prefix: string;
  /** Returns the key of a name in the folder. The object is removed at the end. */
  at(name: string): string;
}

/**
 * Runs work in a scratch folder and then removes the folder, even if the work fails or is aborted,
 * provided that the lake is still reachable. Folders of killed processes are removed after an hour.
 *
 * @param signal aborts the work, not the removal
 * @throws {Failure} the error of the work, or of listing or cleaning the lake
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { inScratch } from "./scratch.ts";
 * const path = await Deno.makeTempDir();
 * const found = await inScratch({ kind: "directory", path }, undefined, async ({ lake, at }) => {
 *   await lake.put(at("probe"), new Uint8Array([1]));
 *   return (await lake.get(at("probe")))?.bytes;
 * });
 * assertEquals(found, new Uint8Array([1]));
 * await Deno.remove(path, { recursive: true });
 * ```
 */
export async function inScratch<T>(
  config: LakeConfig,
  signal: AbortSignal | undefined,
  work: (scratch: Scratch) => Promise<T>,
): Promise<T> {
  const lake = await openLake(config, signal);
  const probe = await openProbe(config, signal);
  const prefix = newScratchFolder();
  const keys = new Set<string>();
  const at = (name: string) => {
    keys.add(prefix + name);
    return prefix + name;
  };
  let result: T;
  try {
    await sweep(lake);
    result = await work({ lake, probe, prefix, at });
  } catch (error) {
    await cleanAfterFailure(config, keys, signal);
    throw error;
  } finally {
    lake.close();
    probe?.close();
  }
  await clean(config, keys);
  return result;
}

async function openProbe(config: LakeConfig, signal?: AbortSignal): Promise<S3Probe | undefined> {
  if (config.kind === "directory") return undefined;
  const { openS3Probe } = await import("./s3.ts");
  return openS3Probe(config, signal);
}

/** Cleans up and never rejects, so that the original error is thrown. */
async function cleanAfterFailure(
  config: LakeConfig,
  keys: ReadonlySet<string>,
  signal: AbortSignal | undefined,
): Promise<void> {
  await clean(config, keys).catch(() => {});
  if (!signal?.aborted) return;
  // A put that was given up on while it was under way may reach the store after its removal did.
  await new Promise((resolve) => setTimeout(resolve, PENDING_PUT_MS));
  await clean(config, keys).catch(() => {});
}

async function clean(config: LakeConfig, keys: ReadonlySet<string>): Promise<void> {
  const lake = await openLake(config, AbortSignal.timeout(CLEANUP_TIMEOUT_MS));
  try {
    await inParallel([...keys], (key) => lake.remove(key), REQUESTS_IN_FLIGHT);
  } finally {
    lake.close();
  }
}

async function sweep(lake: Lake): Promise<void> {
  const abandoned = (await lake.list(SCRATCH_PREFIX)).map(({ key }) => key).filter(
    isAbandonedScratch,
  );
  await inParallel(abandoned, (key) => lake.remove(key), REQUESTS_IN_FLIGHT);
}
