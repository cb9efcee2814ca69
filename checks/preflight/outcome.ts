import type { ManifestsFact } from "../facts/manifests.ts";
import type { Finding, Outcome } from "../finding.ts";
import { type SparkJob, unknownJobs } from "../spark/spark_job.ts";

/** A judgement of the manifests and the code beside them. */
export interface Judged {
  /** What was looked at. */
  readonly examined: string;
  /** What is wrong with it. */
  readonly findings: readonly Finding[];
}

/** Why a check does not judge what may be in a file that could not be read. */
const BROKEN = "a file could not be read, and what is missing may be in it: see manifests-readable";

/** What was read, as far as it decides why something is not there. */
export type Read = Pick<ManifestsFact, "objects" | "problems">;

/** A judgement as a check's outcome; `absent` says what is not there where there is no judgement. */
export function outcomeOf(read: Read, judged: Judged | undefined, absent: string): Outcome {
  return judged ?? absence(read, absent);
}

/**
 * The outcome of a check that found nothing to judge: not applicable, unless a file that could not be
 * read may hold what is missing, or there is no object at all.
 */
export function absence({ objects, problems }: Read, absent: string): Outcome {
  if (problems.length > 0) return { skip: BROKEN };
  return objects.length === 0 ? { unknown: absent } : { notApplicable: absent };
}

/** The same for a check that misses objects: where files are broken, they may be in these. */
export function outcomeOfWhole(read: Read, judged: Judged | undefined, absent: string): Outcome {
  const isInDoubt = read.problems.length > 0 && judged !== undefined && judged.findings.length > 0;
  return isInDoubt ? { skip: BROKEN } : outcomeOf(read, judged, absent);
}

/** An outcome that rests on how jobs run Spark: unknown where the manifests do not say that. */
export function unlessUnknown(jobs: readonly SparkJob[], outcome: Outcome): Outcome {
  const unknown = unknownJobs(jobs);
  return unknown === undefined || hasFailure(outcome) ? outcome : { unknown };
}

/** Whether an outcome is a failure, which stays one whatever else is not known. */
export function hasFailure(outcome: Outcome): boolean {
  return "findings" in outcome && outcome.findings.some(({ severity }) => severity === "fail");
}
