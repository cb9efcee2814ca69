import { ABANDONED_AFTER } from "../../pipeline/lake/lifetimes.ts";
import type { ObjectEntry } from "../../pipeline/lake/lake.ts";
import { plural } from "../../pipeline/progress.ts";
import { type Check, check } from "../check.ts";
import type { AnyLakeDay, PartFact } from "../facts/lake_day.ts";
import type { Finding, Outcome } from "../finding.ts";
import { naming } from "../list_names.ts";
import { whyNoMarker } from "../skip_reasons.ts";
import { cleanCommand, repair } from "./remedy.ts";

/**
 * Compares every part that a marker names with what lies in the lake.
 *
 * @param empty what it means that the marker names no part
 */
export function judgeParts(fact: AnyLakeDay, empty: string): Outcome {
  const skip = whyNoMarker(fact);
  if (skip !== undefined) return { skip };
  if (fact.parts.length === 0) return { examined: empty, findings: [] };
  const findings = fact.parts.flatMap((part) => damage(fact, part) ?? []);
  const bytes = fact.parts.reduce((sum, { part }) => sum + part.bytes, 0);
  return { examined: `${plural(fact.parts.length, "part")}, ${plural(bytes, "byte")}`, findings };
}

function damage(fact: AnyLakeDay, found: PartFact): Finding | undefined {
  const { part, stored, problem } = found;
  const common = { severity: "fail", object: part.key } as const;
  const fix = repair(fact, part.key);
  if (stored === undefined) {
    const why = "a reader that follows the marker stops here";
    return { ...common, problem: "the commit marker names it, and it is not there", why, fix };
  }
  const why = "the object was changed after it was published, so its rows cannot be relied on";
  if (stored.bytes !== part.bytes) {
    const sizes = `it has ${plural(stored.bytes, "byte")}, and the commit marker says ${
      part.bytes.toLocaleString("en-US")
    }`;
    return { ...common, field: "bytes", problem: sizes, why, fix };
  }
  if (!stored.same) {
    const other = `its sha256 is not the one that the commit marker says (${part.sha256})`;
    return { ...common, field: "sha256", problem: other, why, fix };
  }
  if (problem === undefined) return undefined;
  const published = "it was published like this: the content is the one that the marker names";
  return { ...common, problem: `it cannot be read: ${problem}`, why: published, fix };
}

/** Every part that the bronze marker names lies there, and is the one that was published. */
export const bronzeParts: Check<"bronze"> = check({
  id: "bronze-parts",
  title: "every part of bronze is there, byte for byte",
  phase: "after",
  needs: ["bronze"],
  run: ({ bronze }) =>
    judgeParts(bronze, `${bronze.markerKey} names no part: no events on ${bronze.day}`),
});

/** Every part that the silver marker names lies there, and is the one that was published. */
export const silverParts: Check<"silver"> = check({
  id: "silver-parts",
  title: "every part of silver is there, byte for byte",
  phase: "after",
  needs: ["silver"],
  run: ({ silver }) =>
    judgeParts(silver, `${silver.markerKey} names no part: no executions on ${silver.day}`),
});

/** No part file lies in the day's folders that no marker names. */
export const orphanParts: Check<"bronze" | "silver"> = check({
  id: "orphan-parts",
  title: "no part lies there that no marker names",
  phase: "after",
  needs: ["bronze", "silver"],
  run({ bronze, silver }) {
    const layers = [bronze, silver];
    const listed = layers.reduce((sum, { listed }) => sum + listed.length, 0);
    const examined = `${plural(listed, "part")} in the day's folders`;
    const findings = layers.flatMap(orphans);
    if (findings.length > 0) return { examined, findings };
    const skip = layers.map(whyNoMarker).find((reason) => reason !== undefined);
    return skip === undefined ? { examined, findings } : { skip };
  },
});

/** At most two findings: what was abandoned, and what a run at work may still publish. */
function orphans({ day, marker, listed, listedAt }: AnyLakeDay): Finding[] {
  if (marker === undefined) return [];
  const named = new Set(marker.commit.parts.map(({ key }) => key));
  const unnamed = listed.filter(({ key }) => !named.has(key));
  const isOld = ({ modified }: ObjectEntry) => listedAt - modified > ABANDONED_AFTER;
  const clean = cleanCommand(day);
  return [
    ...finding(unnamed.filter(isOld), {
      severity: "fail",
      why:
        "no run is at work for that long; a reader of the folder, instead of the marker, counts " +
        "their rows as well",
      fix: clean,
    }),
    ...finding(unnamed.filter((entry) => !isOld(entry)), {
      severity: "warn",
      why: "a run may be at work and about to publish it; readers of the marker do not see it",
      fix: `Let the runs of that day end. What is still there after a day: ${clean}`,
    }),
  ];
}

function finding(
  entries: readonly ObjectEntry[],
  rest: Pick<Finding, "severity" | "why" | "fix">,
): Finding[] {
  const [first, ...others] = entries.map(({ key }) => key);
  if (first === undefined) return [];
  const more = others.length === 0 ? "" : `, nor ${naming(others)}`;
  return [{ object: first, problem: `no commit marker names it${more}`, ...rest }];
}
