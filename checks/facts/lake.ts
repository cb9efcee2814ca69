import type { LakeConfig } from "../../pipeline/config.ts";
import { bronzeMarkerKey, SOURCE_KEY } from "../../pipeline/contract/keys.ts";
import type { Source } from "../../pipeline/contract/source.ts";
import type { Day } from "../../pipeline/contract/window.ts";
import { Failure } from "../../pipeline/errors.ts";
import { confirmDirectory } from "../../pipeline/lake/directory_errors.ts";
import { type Kept, tryPromises } from "../../pipeline/lake/conformance.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { openLake } from "../../pipeline/lake/open.ts";
import { allInOrder } from "../../pipeline/parallel.ts";
import { inScratch, type Scratch } from "../../pipeline/lake/scratch.ts";
import { readSources } from "../../pipeline/lake/source_record.ts";
import { newestCommit } from "../../pipeline/source.ts";
import { isRefusal, type Refusal, refusal } from "./refusal.ts";

/** The behaviour of the lake's store in a test. */
export interface LakeOpened {
  /** Distinguishes this fact from a refusal. */
  readonly opened: true;
  /** The bucket and the store, or the directory, for messages. */
  readonly name: string;
  /** The guarantees that publishing and reading rely on, each with the result of its test. */
  readonly promises: readonly Kept[];
  /** The source that a run compares with its own. */
  readonly recorded: Recorded;
}

/**
 * The source of a lake: the last one of its record, or the one of its newest marker of bronze, or
 * the reason why a run could not read either.
 */
export type Recorded =
  | { readonly key: string; readonly source: Source }
  | { readonly newest: Day | undefined }
  | { readonly failure: Failure };

/** The behaviour of the lake, or the reason that it could not be used. */
export type LakeFact = LakeOpened | Refusal;

/**
 * Tests the lake's store in a scratch folder, and removes the folder. No other fact writes
 * anything. This one must: only a conditional write shows whether the store honours conditions.
 *
 * If the store refuses to list, write, read or remove objects, the refusal is the fact.
 *
 * @param signal cancels the test when it aborts; the folder is still removed
 * @throws {Failure} the lake is unreachable
 */
export async function gatherLake(config: LakeConfig, signal?: AbortSignal): Promise<LakeFact> {
  const name = await nameOf(config);
  try {
    await confirmDirectory(config);
    return await inScratch(config, signal, async (scratch) => {
      const [, promises] = await allInOrder(tryRunRequests(scratch), tryPromises(scratch));
      const recorded = await readRecorded(scratch.lake);
      return { opened: true, name, promises, recorded };
    });
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return refusal(name, error);
  }
}

/** Makes one request of each kind that a run makes, without conditions. */
async function tryRunRequests({ lake, prefix, at }: Scratch): Promise<void> {
  await lake.put(at("login"), new TextEncoder().encode("May we?"));
  await lake.list(prefix);
  await lake.get(at("login"));
  await lake.remove(at("login"));
}

/** Reads the source of the lake as a run does. */
async function readRecorded(lake: Lake): Promise<Recorded> {
  try {
    const last = (await readSources(lake))?.sources.at(-1);
    if (last !== undefined) return { key: SOURCE_KEY, source: last };
    const newest = await newestCommit(lake);
    return newest?.source === undefined
      ? { newest: newest?.day }
      : { key: bronzeMarkerKey(newest.day), source: newest.source };
  } catch (error) {
    if (error instanceof Failure && error.kind === "data") return { failure: error };
    throw error;
  }
}

async function nameOf(config: LakeConfig): Promise<string> {
  const lake = await openLake(config);
  lake.close();
  return lake.name;
}
