import type { Outcome } from "./finding.ts";
import type { BronzeFact } from "./facts/bronze.ts";
import type { ClusterFact } from "./facts/cluster.ts";
import type { DatabaseFact } from "./facts/database.ts";
import type { ImageFact } from "./facts/image.ts";
import type { LakeFact } from "./facts/lake.ts";
import type { ManifestsFact } from "./facts/manifests.ts";
import type { SilverFact } from "./facts/silver.ts";
import type { SourceFact } from "./facts/source.ts";

/** Everything that checks read. Each fact is gathered once, and only if a check needs it. */
export interface Facts {
  /** What the manifests say, and the scripts beside them. */
  readonly manifests: ManifestsFact;
  /** What is in the cluster. */
  readonly cluster: ClusterFact;
  /** The day in the outbox. */
  readonly source: SourceFact;
  /** The day in bronze. */
  readonly bronze: BronzeFact;
  /** The day in silver. */
  readonly silver: SilverFact;
  /** What the database says of itself, before a run. */
  readonly database: DatabaseFact;
  /** What the lake's store does, before a run. */
  readonly lake: LakeFact;
  /** What is inside the images that jobs run. */
  readonly image: ImageFact;
}

/** A fact's name. */
export type FactName = keyof Facts;

/** A named condition. It is data and one pure function: it never changes or asks anything. */
export interface Check<N extends FactName = FactName, W extends FactName = never> {
  /** Stable, in kebab case; `runbook/<id>.md` explains it. */
  readonly id: string;
  /** What holds where it passes, in a few words. */
  readonly title: string;
  /** Whether it is asked before a run, after one, or both. */
  readonly phase: "before" | "after" | "both";
  /** The facts that {@linkcode Check.run} gets. Without one of them it does not run. */
  readonly needs: readonly N[];
  /**
   * The facts that it judges too where they are there: `undefined` means that one is not. It runs as
   * long as it has one fact at all. What it could not judge then keeps it from passing, unless the
   * operator left the fact out.
   */
  readonly wants?: readonly W[];
  /**
   * Judges. Where it throws, the verdict is `error`.
   *
   * @param share computes what several checks derive from the same facts, such as the jobs, only once
   */
  readonly run: (facts: Pick<Facts, N> & Partial<Pick<Facts, W>>, share?: Share) => Outcome;
}

/** Returns what was computed before in the same run under a name, or computes it. */
export type Share = <T>(name: string, compute: () => T) => T;

/** Computes each time: for a check that runs by itself. */
export function computeAgain<T>(_name: string, compute: () => T): T {
  return compute();
}

/** A check, whatever facts it reads. */
export type AnyCheck = Check<FactName, FactName>;

/** Declares a check; `needs` and `wants` decide which facts `run` sees. */
export function check<const N extends FactName, const W extends FactName = never>(
  declared: Check<N, W>,
): Check<N, W> {
  return declared;
}
