import { parseDay } from "../../../pipeline/contract/window.ts";
import type { Finding, Place } from "../../finding.ts";
import { isFilledValue } from "../../kubernetes/filled_values.ts";
import type { VariableValue } from "../../kubernetes/workloads.ts";

/** Returns whether a value is one that JOB_DATE can have. */
export function isDay(value: string): boolean {
  return value === "today" || value === "yesterday" || parseDay(value) !== undefined;
}

/** The finding of a value that JOB_DATE cannot have, as in `JOB_DATE is "2025", which`. */
export function wrongDay(place: Place, subject: string): Finding {
  return {
    severity: "fail",
    ...place,
    problem: `${subject} is not a date`,
    why: "the job stops, or works on the wrong day",
    fix: 'Remove JOB_DATE: the job then runs for today in UTC. Or set a day: value: "2025-12-28"',
  };
}

/**
 * Judges a day that comes from a Secret, or from a key of a ConfigMap with another name. The value of a
 * Secret is not printed.
 *
 * @param isReported whether the finding of a ConfigMap already tells of a value
 */
export function referencedDay(
  place: Place,
  day: VariableValue | undefined,
  isReported: (value: string) => boolean,
): Finding[] {
  const { value, isSecret } = day ?? {};
  if (value === undefined || isFilledValue(value) || isDay(value)) return [];
  if (isSecret === true) return [wrongDay(place, "the value of JOB_DATE in the Secret")];
  return isReported(value) ? [] : [wrongDay(place, `JOB_DATE is ${JSON.stringify(value)}, which`)];
}
