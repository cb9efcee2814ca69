import {
  isSameDatabase,
  isSameSource,
  isSameTable,
  type Source,
} from "../pipeline/contract/source.ts";
import type { BronzeFact } from "./facts/bronze.ts";
import type { DatabaseOpened } from "./facts/database.ts";
import type { AnyLakeDay } from "./facts/lake_day.ts";
import type { SilverFact } from "./facts/silver.ts";

// The reasons why a check skips. Each reason names the check that fails, so that a report shows one
// fault once, with its fix.

/** Returns why the files of a day in a layer are not known; undefined if they are. */
export function whyNoMarker({ layer, marker, markerProblem }: AnyLakeDay): string | undefined {
  if (marker !== undefined) return undefined;
  const check = layer === "bronze" ? "bronze-committed" : "silver-current";
  return markerProblem === undefined
    ? `${layer} has no commit marker (see ${check})`
    : `${layer}'s commit marker cannot be used (see ${check})`;
}

/** Returns why the columns of a layer's files are not known; undefined if they are. */
export function whyNoFooter(fact: AnyLakeDay): string | undefined {
  const noMarker = whyNoMarker(fact);
  if (noMarker !== undefined) return noMarker;
  const part = fact.parts.find(({ footer }) => footer === undefined);
  return part && `${part.part.key} could not be read (see ${fact.layer}-parts)`;
}

/** Returns why not all rows of a layer are known; undefined if they are. */
export function whyNotCollected(fact: AnyLakeDay): string | undefined {
  const noMarker = whyNoMarker(fact);
  if (noMarker !== undefined) return noMarker;
  const part = fact.parts.find(({ collected }) => !collected);
  if (part === undefined) return undefined;
  const damaged = part.footer === undefined || part.problem !== undefined || !part.stored?.same;
  const check = damaged ? `${fact.layer}-parts` : "parquet-schema";
  return `${part.part.key} could not be read (see ${check})`;
}

/** The reason why the events in the outbox are not known. */
export const whyNoSurvey = "a run cannot copy the outbox (see row-counts)";

/**
 * Returns why the events of the outbox prove nothing about bronze; undefined if both are from the
 * same table of the same database, as far as the sources are known.
 */
export function whyOtherSource(
  { marker, sources = [] }: BronzeFact,
  read: Source | undefined,
): string | undefined {
  const ofDay = marker?.commit.source;
  const last = sources.at(-1) ?? ofDay;
  if (read !== undefined && last !== undefined) {
    if (!isSameTable(last, read)) {
      return "the lake was copied from another table than the outbox (see lake-source)";
    }
    if (!isSameDatabase(last, read)) {
      return "the lake was copied from another database than the outbox (see lake-source)";
    }
  }
  const isKnown = ofDay === undefined || sources.length === 0 ||
    sources.some((each) => isSameSource(each, ofDay));
  return isKnown
    ? undefined
    : "bronze was copied from another source than the lake (see lake-source)";
}

/** The reason why the outbox was not compared with the bronze that the other checks examine. */
export const whyNotCompared =
  "bronze was published again while it was being read. Run postflight again";

/** Returns why silver's rows cannot be compared with bronze's events; undefined if they can. */
export function whyNotComparable(bronze: BronzeFact, silver: SilverFact): string | undefined {
  const stale = () =>
    isCurrent(bronze, silver)
      ? undefined
      : "silver was made from a different bronze (see silver-current)";
  return whyNotCollected(bronze) ?? whyNoMarker(silver) ?? stale() ?? whyNotCollected(silver);
}

/** Returns whether silver was made from the current bronze. */
export function isCurrent(bronze: BronzeFact, silver: SilverFact): boolean {
  return silver.marker?.commit.bronze.sha256 === bronze.marker?.sha256;
}

/** The reason why the database was not examined, although it responded. */
export const whyNoDatabase = "no access to the database (see database-login)";

/** The reason why the lake was not examined, although it responded. */
export const whyNoLake = "no access to the lake (see lake-login)";

/** The reason why the cluster was not examined, although it responded. */
export const whyNoCluster = "no access to the cluster (see cluster-login)";

/** Returns why a database that was read has no outbox for the pipeline. */
export function whyNoTable({ refused, outbox }: DatabaseOpened): string {
  return refused === undefined
    ? `the database has no table ${outbox} (see table-name)`
    : `the role may not look for ${outbox} (see table-name)`;
}
