import type { BronzeFact } from "./facts/bronze.ts";
import type { ClusterFact } from "./facts/cluster.ts";
import type { DatabaseFact } from "./facts/database.ts";
import type { ImageFact } from "./facts/image.ts";
import type { LakeFact } from "./facts/lake.ts";
import type { ManifestsFact } from "./facts/manifests.ts";
import type { SilverFact } from "./facts/silver.ts";
import type { SourceFact } from "./facts/source.ts";

/**
 * What a check says in the end:
 *
 * - `pass`: it holds
 * - `warn`: it holds, and somebody should look at it
 * - `fail`: it does not hold
 * - `skip`: it was not judged, for a reason that another check or the operator answers for
 * - `error`: nobody can tell, since a fact could not be gathered or there was nothing to look at
 */
export type Verdict = "pass" | "warn" | "fail" | "skip" | "error";

/** One violation. */
export interface Finding {
  /** Whether it fails the check, or only wants to be looked at. */
  readonly severity: "fail" | "warn";
  /** The object or row that decides, such as the key of an object in the lake. */
  readonly object: string;
  /** The place within it, such as a column. */
  readonly field?: string;
  /** The file that it comes from, relative to the working directory, where there is one. */
  readonly file?: string;
  /** The line within that file, from 1 on. */
  readonly line?: number;
  /** What is wrong with it, with the values. */
  readonly problem: string;
  /** Why that matters. */
  readonly why?: string;
  /** The smallest remedy, as a command where one exists. */
  readonly fix: string;
}

/**
 * What a check found:
 *
 * - with `examined`, it judged; without findings, the condition holds for all that `examined` names
 * - with `skip`, it could not judge, and another check fails for the same reason
 * - with `nothing`, there was nothing to judge. Nobody knows then, and unknown is not pass
 * - with `unknown`, it may not look at what it would have to judge
 */
export type Outcome =
  | { readonly examined: string; readonly findings: readonly Finding[] }
  | { readonly skip: string }
  | { readonly nothing: string }
  | { readonly unknown: string };

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
  /** Judges. Where it throws, the verdict is `error`. */
  readonly run: (facts: Pick<Facts, N> & Partial<Pick<Facts, W>>) => Outcome;
}

/** A check, whatever facts it reads. */
export type AnyCheck = Check<FactName, FactName>;

/** Declares a check; `needs` and `wants` decide which facts `run` sees. */
export function check<const N extends FactName, const W extends FactName = never>(
  declared: Check<N, W>,
): Check<N, W> {
  return declared;
}

/** A check's verdict and what it rests on, as plain data. */
export interface Result {
  /** The check's. */
  readonly id: string;
  /** The check's. */
  readonly title: string;
  /** What the check says in the end. */
  readonly verdict: Verdict;
  /** What was looked at. Only with pass, warn and fail. */
  readonly examined?: string;
  /** Why there is no judgement, or only half of one. Only with skip and error. */
  readonly reason?: string;
  /** Whether the operator asked for the skip. */
  readonly asked?: true;
  /** The violations. Beside a half judgement that is no more than a skip there can be warnings. */
  readonly findings: readonly Finding[];
}
