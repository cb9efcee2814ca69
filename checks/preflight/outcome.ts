import type { ManifestsFact } from "../facts/manifests.ts";
import type { Finding, NotJudged, Outcome } from "../finding.ts";
import { type SparkJob, unknownJobs } from "../spark/spark_job.ts";

/** What a check examined, and what not. */
export interface Examined {
  /** The objects that were examined. */
  readonly examined: string;
  /** What was not examined, each with the reason, as in `not checked without a cluster: …`. */
  readonly unchecked?: readonly string[];
}

/** The result for the manifests and their code. */
export interface Judged extends Examined {
  /** The violations. */
  readonly findings: readonly Finding[];
  /** What could not be judged. */
  readonly notJudged?: readonly NotJudged[];
}

/** The field of a result for what was not examined; no field without anything. */
export function leavingOut(...unchecked: readonly string[]): Pick<Examined, "unchecked"> {
  return unchecked.length === 0 ? {} : { unchecked };
}

/** The reason why a check skips if a file cannot be read. */
const BROKEN = "a file that cannot be read can contain the missing object (see manifests-readable)";

/** The objects that were read, and the files that could not be read. */
export type Read = Pick<ManifestsFact, "objects" | "problems">;

/** The outcome of a judgement. Without one, `absent` is the reason, as in `there is no job`. */
export function outcomeOf(read: Read, judged: Judged | undefined, absent: string): Outcome {
  return judged ?? absence(read, absent);
}

/**
 * The outcome of a check that found nothing to judge: not applicable. The outcome is a skip if a
 * file cannot be read, and an error if there are no objects.
 */
export function absence({ objects, problems }: Read, absent: string): Outcome {
  if (problems.length > 0) return { skip: BROKEN };
  return objects.length === 0 ? { unknown: absent } : { notApplicable: absent };
}

/** Like {@linkcode outcomeOf}, for a check of missing objects: broken files can contain them. */
export function outcomeOfWhole(read: Read, judged: Judged | undefined, absent: string): Outcome {
  const isInDoubt = read.problems.length > 0 && judged !== undefined && judged.findings.length > 0;
  return isInDoubt ? { skip: BROKEN } : outcomeOf(read, judged, absent);
}

/** An outcome that depends on how jobs run Spark: unknown if the manifests do not define that. */
export function unlessUnknown(jobs: readonly SparkJob[], outcome: Outcome): Outcome {
  const unknown = unknownJobs(jobs);
  return unknown === undefined || hasFailure(outcome) ? outcome : { unknown };
}

/** Returns whether an outcome has a failure. A failure counts even if other facts are unknown. */
export function hasFailure(outcome: Outcome): boolean {
  return "findings" in outcome && outcome.findings.some(({ severity }) => severity === "fail");
}
