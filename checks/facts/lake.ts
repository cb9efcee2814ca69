import type { Kept } from "../../pipeline/lake/conformance.ts";

/** The store's answer, where it lets nobody do what a run does. */
export interface LakeRefused {
  /** Tells the two answers apart. */
  readonly opened: false;
  /** For people: the bucket and the store, or the directory. */
  readonly name: string;
  /** Why it did not come to a single stored object. */
  readonly problem: string;
  /** What to do about it. */
  readonly fix: string;
}

/** What the lake's store did when it was tried. */
export interface LakeOpened {
  /** Tells the two answers apart. */
  readonly opened: true;
  /** For people: the bucket and the store, or the directory. */
  readonly name: string;
  /** The promises that publishing relies on, and what became of each. */
  readonly promises: readonly Kept[];
}

/** What a run finds when it turns to the lake. */
export type LakeFact = LakeRefused | LakeOpened;
