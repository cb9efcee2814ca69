import { plural } from "../../pipeline/progress.ts";
import type { Finding, Outcome } from "../finding.ts";
import type { AnyLayer } from "../facts/layer.ts";
import type { PartFact } from "../facts/part.ts";
import { repair } from "./remedy.ts";
import { whyNoMarker } from "../skip_reasons.ts";

/**
 * Compares every part that a marker names with what lies in the lake.
 *
 * @param empty what it means that the marker names no part
 */
export function judgeParts(fact: AnyLayer, empty: string): Outcome {
  const skip = whyNoMarker(fact);
  if (skip !== undefined) return { skip };
  if (fact.parts.length === 0) return { examined: empty, findings: [] };
  const findings = fact.parts.flatMap((part) => damage(fact, part) ?? []);
  const bytes = fact.parts.reduce((sum, { part }) => sum + part.bytes, 0);
  return { examined: `${plural(fact.parts.length, "part")}, ${plural(bytes, "byte")}`, findings };
}

function damage(fact: AnyLayer, found: PartFact): Finding | undefined {
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
