import { plural } from "../pipeline/progress.ts";
import { type Check, check, type Finding } from "./check.ts";
import type { AnyLayer } from "./facts/layer.ts";
import { naming } from "./naming.ts";
import { whyNoMarker } from "./unread.ts";

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
    if (skip !== undefined) return { skip };
    return listed === 0
      ? { nothing: `no part lies in the folders of ${bronze.day}` }
      : { examined, findings };
  },
});

function orphans({ marker, listed, day }: AnyLayer): Finding[] {
  if (marker === undefined) return [];
  const named = new Set(marker.commit.parts.map(({ key }) => key));
  const [first, ...others] = listed.filter((key) => !named.has(key));
  if (first === undefined) return [];
  const more = others.length === 0 ? "" : `, nor ${naming(others)}`;
  return [{
    severity: "fail",
    object: first,
    problem: `no commit marker names it${more}`,
    why: "a reader of the folder rather than the marker counts its rows as well",
    fix: `deno task clean --date ${day}`,
  }];
}
