import type { BronzeFact } from "./facts/bronze.ts";
import type { AnyLakeDay } from "./facts/lake_day.ts";
import type { SilverFact } from "./facts/silver.ts";

// Why a check cannot judge. Each reason names the check that fails for it, so that one fault is told
// once and with its fix, and everything behind it is only skipped.

/** Why it is not known what a layer's day consists of. */
export function whyNoMarker({ layer, marker, markerProblem }: AnyLakeDay): string | undefined {
  if (marker !== undefined) return undefined;
  const teller = layer === "bronze" ? "bronze-committed" : "silver-current";
  return markerProblem === undefined
    ? `${layer} has no commit marker (see ${teller})`
    : `${layer}'s commit marker cannot be used (see ${teller})`;
}

/** Why the columns of a layer's files are not known. */
export function whyNoFooter(fact: AnyLakeDay): string | undefined {
  const noMarker = whyNoMarker(fact);
  if (noMarker !== undefined) return noMarker;
  const part = fact.parts.find(({ footer }) => footer === undefined);
  return part && `${part.part.key} could not be read (see ${fact.layer}-parts)`;
}

/** Why the rows of a layer are not known, or not all of them. */
export function whyNotCollected(fact: AnyLakeDay): string | undefined {
  const noMarker = whyNoMarker(fact);
  if (noMarker !== undefined) return noMarker;
  const part = fact.parts.find(({ collected }) => !collected);
  if (part === undefined) return undefined;
  const damaged = part.footer === undefined || part.problem !== undefined || !part.stored?.same;
  const teller = damaged ? `${fact.layer}-parts` : "parquet-schema";
  return `${part.part.key} could not be read (see ${teller})`;
}

/** Why nothing is known of the outbox's events. */
export const whyNoSurvey = "the outbox is not what a run can copy (see row-counts)";

/** Why the outbox was not compared with the bronze that the other checks look at. */
export const whyNotCompared =
  "bronze was published again while it was being read. Run postflight again";

/** Why silver's rows cannot be held against bronze's events. */
export function whyNotComparable(bronze: BronzeFact, silver: SilverFact): string | undefined {
  const stale = () =>
    isCurrent(bronze, silver)
      ? undefined
      : "silver was made from another bronze (see silver-current)";
  return whyNotCollected(bronze) ?? whyNoMarker(silver) ?? stale() ?? whyNotCollected(silver);
}

/** Whether silver was made from the current bronze. */
export function isCurrent(bronze: BronzeFact, silver: SilverFact): boolean {
  return silver.marker?.commit.bronze.sha256 === bronze.marker?.sha256;
}

/** Why nothing is known of the database, though it answered. */
export const whyNoDatabase = "the database lets nobody in (see database-login)";

/** Why nothing is known of the lake, though it answered. */
export const whyNoLake = "the lake lets nobody in (see lake-login)";

/** Why nothing is known of the cluster, though it answered. */
export const whyNoCluster = "the cluster lets nobody in (see cluster-login)";
