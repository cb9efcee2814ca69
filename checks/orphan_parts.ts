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

/** At most two findings: what a run would clean up, and what it would not find. */
function orphans(fact: AnyLayer): Finding[] {
  if (fact.marker === undefined) return [];
  const { parts } = fact.marker.commit;
  const named = new Set(parts.map(({ key }) => key));
  // A run looks for leftovers where the day has parts.
  const folders = new Set([...named].map(folder));
  const keys = fact.listed.filter((key) => !named.has(key));
  const clean = keys.filter((key) => folders.has(folder(key)));
  const stray = keys.filter((key) => !folders.has(folder(key)));
  return [
    ...finding(clean, `deno task ${fact.layer} --date ${fact.day}`),
    ...finding(stray, `Remove what is named here; a run of ${fact.layer} does not look there.`),
  ];
}

function finding(keys: readonly string[], fix: string): Finding[] {
  if (keys.length === 0) return [];
  const others = keys.slice(1);
  const more = others.length === 0 ? "" : `, nor ${naming(others)}`;
  return [{
    severity: "fail",
    object: keys[0]!,
    problem: `no commit marker names it${more}`,
    why: "whoever reads the folder rather than the marker counts its rows as well",
    fix,
  }];
}

function folder(key: string): string {
  return key.slice(0, key.lastIndexOf("/") + 1);
}
