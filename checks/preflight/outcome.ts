import type { ManifestsFact } from "../facts/manifests.ts";
import type { Finding, Outcome } from "../finding.ts";

/** What a check's judgement of a tree is worth. */
export interface Judged {
  /** What was looked at. */
  readonly examined: string;
  /** What is wrong with it. */
  readonly findings: readonly Finding[];
}

/** Why a check does not judge what may stand in a file that nobody could read. */
const BROKEN = "a file could not be read, and what is missing may be in it: see manifests-readable";

/** A judgement as a check's outcome; `nothing` says what there was not to judge. */
export function outcomeOf(
  { problems }: ManifestsFact,
  judged: Judged | undefined,
  nothing: string,
): Outcome {
  return judged ?? (problems.length > 0 ? { skip: BROKEN } : { nothing });
}

/** The same for a check that misses objects: where files are broken, they may be in these. */
export function outcomeOfWhole(
  fact: ManifestsFact,
  judged: Judged | undefined,
  nothing: string,
): Outcome {
  const isInDoubt = fact.problems.length > 0 && judged !== undefined && judged.findings.length > 0;
  return isInDoubt ? { skip: BROKEN } : outcomeOf(fact, judged, nothing);
}
