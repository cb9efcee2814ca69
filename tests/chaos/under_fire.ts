import type { Lake } from "../../pipeline/lake/lake.ts";
import type { Outcome, RunKind } from "./runs.ts";
import type { Pretence } from "./s3_proxy.ts";
import { Broken } from "./view.ts";

/** The circumstances under which a run ended. */
export interface Circumstances {
  readonly kind: RunKind;
  /** True if any fault affected the run. */
  readonly faulty: boolean;
  /** True if the store returned a false response. */
  readonly storeLies: boolean;
  /** True if bronze was published when the run began. */
  readonly bronzeBefore: boolean;
}

/** Matches messages about a difference between the outbox and bronze. */
const DIFFER = /differs? from|no longer|different values/;
/** Matches messages about missing bronze. */
const NO_BRONZE = /Run bronze first|never published/;
/** Matches messages about a concurrent run. */
const CONCURRENT = /another run|no longer exists|was published again/i;

/**
 * Checks that a run's outcome fits its circumstances while other runs were active.
 *
 * @throws {Broken} the run must not end like this
 */
export function judgeUnderFire({ end, message }: Outcome, met: Circumstances): void {
  if (isRight(end, message, met)) return;
  const what = met.storeLies ? " though the store lied" : met.faulty ? " after faults" : "";
  throw new Broken(`a ${met.kind} run ended ${end}${what}: ${message}`);
}

function isRight(
  end: Outcome["end"],
  message: string,
  { faulty, storeLies, bronzeBefore }: Circumstances,
): boolean {
  switch (end) {
    case "ok":
      return true;
    case "unreachable":
      return faulty || CONCURRENT.test(message);
    case "configuration":
      return storeLies;
    case "data":
      // A damaged response looks like a damaged object.
      return storeLies || (NO_BRONZE.test(message) ? !bronzeBefore : DIFFER.test(message));
    case "error":
      return false;
  }
}

/**
 * Checks a successful run against the markers that the store only pretended to accept. A marker
 * never returns to an earlier state, so an unchanged marker was never replaced.
 *
 * @throws {Broken} the run did not notice that it published nothing
 */
export async function judgePretences(
  lake: Pick<Lake, "get">,
  pretences: readonly Pretence[],
): Promise<void> {
  for (const { key, replaces } of pretences) {
    if (!isMarker(key) || (await lake.get(key))?.etag !== replaces) continue;
    throw new Broken(`a run ended ok, but the store never took its marker ${key}`);
  }
}

/** Returns true if a key is that of a commit marker, in the format of either engine. */
export function isMarker(key: string): boolean {
  return /\/_commit\.json$|\/_commits\//.test(key);
}
