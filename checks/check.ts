import type { Outcome } from "./finding.ts";
import type { BronzeFact } from "./facts/bronze.ts";
import type { ClusterFact } from "./facts/cluster.ts";
import type { DatabaseFact } from "./facts/database.ts";
import type { ImageFact } from "./facts/image.ts";
import type { LakeFact } from "./facts/lake.ts";
import type { ManifestsFact } from "./facts/manifests.ts";
import type { SilverFact } from "./facts/silver.ts";
import type { SourceFact } from "./facts/outbox_day.ts";

/** The facts that checks read. Each fact is gathered once, and only if a check needs it. */
export interface Facts {
  /** The objects in the manifests, and the scripts next to them. */
  readonly manifests: ManifestsFact;
  /** The objects in the cluster. */
  readonly cluster: ClusterFact;
  /** The events of the day in the outbox. */
  readonly source: SourceFact;
  /** The files of the day in bronze. */
  readonly bronze: BronzeFact;
  /** The files of the day in silver. */
  readonly silver: SilverFact;
  /** The settings and tables of the database, before a run. */
  readonly database: DatabaseFact;
  /** The behaviour of the lake's object store, before a run. */
  readonly lake: LakeFact;
  /** The contents of the images that jobs run. */
  readonly image: ImageFact;
}

/** The name of a fact, such as `manifests`. */
export type FactName = keyof Facts;

/** A condition with a name. A check is data and one pure function: it does no I/O. */
export interface Check<N extends FactName = FactName, W extends FactName = never> {
  /** The stable id in kebab case. `runbook/<id>.md` explains the check. */
  readonly id: string;
  /** The condition in a few words, as in `jobs run on the analytics pool`. */
  readonly title: string;
  /** The part of the report that the check belongs to, as in `network`. The catalog sets it. */
  readonly section?: string;
  /** When the check runs: before a run of the pipeline, after a run, or both. */
  readonly phase: "before" | "after" | "both";
  /** The facts that the check requires. If one is missing, the check does not run. */
  readonly needs: readonly N[];
  /**
   * The optional facts; a missing one is `undefined`. The check runs if it has at least one fact. If
   * an optional fact is missing, the check cannot pass, unless the operator excluded the fact.
   */
  readonly wants?: readonly W[];
  /**
   * Returns the outcome for the facts. If the function throws, the verdict is `error`.
   *
   * @param share computes a value once that several checks derive from the same facts, such as the jobs
   */
  readonly run: (facts: Pick<Facts, N> & Partial<Pick<Facts, W>>, share?: Share) => Outcome;
}

/** Returns the value that the same run already computed under a name, or computes the value. */
export type Share = <T>(name: string, compute: () => T) => T;

/** A {@linkcode Share} without memory, for a check that runs alone. */
export function computeAgain<T>(_name: string, compute: () => T): T {
  return compute();
}

/** A check with any facts. */
export type AnyCheck = Check<FactName, FactName>;

/** Declares a check. The types of `needs` and `wants` decide which facts `run` receives. */
export function check<const N extends FactName, const W extends FactName = never>(
  declared: Check<N, W>,
): Check<N, W> {
  return declared;
}

/** Assigns checks to a section of the report. */
export function section(title: string, checks: readonly AnyCheck[]): readonly AnyCheck[] {
  return checks.map((each) => ({ ...each, section: title }));
}
