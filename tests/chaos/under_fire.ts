import type { Lake } from "../../pipeline/lake/lake.ts";
import type { Outcome, RunKind } from "./runs.ts";
import type { Pretence } from "./s3_proxy.ts";
import { Broken } from "./view.ts";

/** What a run met whose end is to be judged. */
export interface Circumstances {
  readonly kind: RunKind;
  /** Whether any fault befell it. */
  readonly faulty: boolean;
  /** Whether one of them was a store's saying what is not so. */
  readonly storeLies: boolean;
  /** Whether bronze was published when it began. */
  readonly bronzeBefore: boolean;
}

/** What a run says that found the outbox and bronze to differ. */
const DIFFER = /differs? from|no longer|other values/;
/** What a run says that there is no bronze for. */
const NO_BRONZE = /Run bronze first|never published/;
/** What a run says that another one got in the way of. */
const CONCURRENT = /another run|is not there any more|was published again/i;

/**
 * Holds how a run ended against what it met while others were at work.
 *
 * @throws {Broken} it may not end so
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
      // A damaged answer looks like a damaged object.
      return storeLies || (NO_BRONZE.test(message) ? !bronzeBefore : DIFFER.test(message));
    case "error":
      return false;
  }
}

/**
 * Holds a run that ended well against the markers that the store only pretended to take from it. A
 * marker never comes back, so one that stands now as it stood before was never replaced in between.
 *
 * @throws {Broken} the run did not notice that it published nothing
 */
export async function judgePretences(
  lake: Pick<Lake, "get">,
  pretences: readonly Pretence[],
): Promise<void> {
  for (const { key, replaces } of pretences) {
    if (!isMarker(key) || (await lake.get(key))?.etag !== replaces) continue;
    throw new Broken(`a run ended ok, and the store never took its marker ${key}`);
  }
}

/** Whether a key is a commit marker's, as either engine names one. */
export function isMarker(key: string): boolean {
  return /\/_commit\.json$|\/_commits\//.test(key);
}
