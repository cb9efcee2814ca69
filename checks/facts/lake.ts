import type { LakeConfig } from "../../pipeline/config.ts";
import { type Kept, tryPromises } from "../../pipeline/lake/conformance.ts";
import { openLake } from "../../pipeline/lake/open.ts";
import { inScratch, type Scratch } from "../../pipeline/lake/scratch.ts";
import { isRefusal, type Refusal, refusal } from "./refusal.ts";

/** What the lake's store did when it was tried. */
export interface LakeOpened {
  /** Tells it from a refusal. */
  readonly opened: true;
  /** For people: the bucket and the store, or the directory. */
  readonly name: string;
  /** The promises that publishing and reading rely on, and what became of each. */
  readonly promises: readonly Kept[];
}

/** What a run finds when it turns to the lake. */
export type LakeFact = LakeOpened | Refusal;

/**
 * Tries the lake's store in a scratch folder that is removed again. That is the one thing a check's
 * fact stores anywhere: what a store does with a condition is only known from asking it to.
 *
 * A store that refuses to list, store, read or remove is a fact.
 *
 * @param signal stops the trial when it aborts; the folder is removed all the same
 * @throws {Failure} the lake is out of reach
 */
export async function gatherLake(config: LakeConfig, signal?: AbortSignal): Promise<LakeFact> {
  const name = nameOf(config);
  try {
    return await inScratch(config, signal, async (scratch) => {
      await useAsARunDoes(scratch);
      return { opened: true, name, promises: await tryPromises(scratch) };
    });
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return refusal(name, error);
  }
}

/** All that a run needs to be allowed, once each and unconditionally. */
async function useAsARunDoes({ lake, prefix, at }: Scratch): Promise<void> {
  await lake.put(at("login"), new TextEncoder().encode("May we?"));
  await lake.list(prefix);
  await lake.get(at("login"));
  await lake.remove(at("login"));
}

function nameOf(config: LakeConfig): string {
  const lake = openLake(config);
  lake.close();
  return lake.name;
}
