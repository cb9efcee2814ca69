import { plural } from "../../pipeline/progress.ts";
import type { Finding, Outcome } from "../finding.ts";
import type { AnyLayer } from "../facts/layer.ts";
import { whyNoFooter } from "../skip_reasons.ts";

/** The layers whose footers a check looks at. */
export type Layers = readonly AnyLayer[];

/** `3 parts`, those whose footers were read. */
export function countFooters(layers: Layers): string {
  const parts = layers.flatMap(({ parts }) => parts);
  return plural(parts.filter(({ footer }) => footer !== undefined).length, "part");
}

/**
 * The outcome of a check of footers: a footer that is wrong is a finding, whatever the others are; one
 * that could not be read keeps the check from passing.
 */
export function judgeFooters(
  layers: Layers,
  findings: readonly Finding[],
  examined: string,
): Outcome {
  if (findings.length > 0) return { examined, findings };
  const skip = layers.map(whyNoFooter).find((reason) => reason !== undefined);
  if (skip !== undefined) return { skip };
  if (layers.every(({ parts }) => parts.length === 0)) {
    const [first] = layers;
    return { examined: `the markers name no part: no events on ${first!.day}`, findings: [] };
  }
  return { examined, findings };
}
