import { ABANDONED_AFTER } from "../../pipeline/lake/ages.ts";
import type { ObjectEntry } from "../../pipeline/lake/lake.ts";
import { plural } from "../../pipeline/progress.ts";
import { type Check, check } from "../check.ts";
import type { Finding } from "../finding.ts";
import type { AnyLayer } from "../facts/layer.ts";
import { naming } from "../list_names.ts";
import { cleanCommand } from "./remedy.ts";
import { whyNoMarker } from "../skip_reasons.ts";

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
function orphans({ day, marker, listed, listedAt }: AnyLayer): Finding[] {
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
