import { ABANDONED_AFTER } from "../../pipeline/lake/lifetimes.ts";
import type { ObjectEntry } from "../../pipeline/lake/lake.ts";
import { plural } from "../../pipeline/progress.ts";
import { type Check, check } from "../check.ts";
import { type AnyLakeDay, asPublished, type PartFact } from "../facts/lake_day.ts";
import type { SilverRow } from "../facts/silver.ts";
import type { Finding, Outcome } from "../finding.ts";
import { naming } from "../list_names.ts";
import { whyNoMarker } from "../skip_reasons.ts";
import { cleanCommand, repair } from "./remedy.ts";

/**
 * Compares each part in a marker with the object in the lake.
 *
 * @param empty the text for `examined` if the marker names no part
 */
export function judgeParts(fact: AnyLakeDay, empty: string): Outcome {
  const skip = whyNoMarker(fact);
  if (skip !== undefined) return { skip };
  if (fact.parts.length === 0) return { examined: empty, findings: [] };
  const findings = fact.parts.flatMap((part) => damage(fact, part) ?? []);
  const bytes = fact.parts.reduce((sum, { part }) => sum + part.bytes, 0);
  return { examined: `${plural(fact.parts.length, "part")}, ${plural(bytes, "byte")}`, findings };
}

/**
 * The object that rows of a day are attributed to: their part if all are in the same part, or else
 * the marker of the day.
 */
export function objectOfRows(
  rows: readonly { readonly part: string }[],
  { markerKey }: Pick<AnyLakeDay, "markerKey">,
): string {
  const [first] = rows;
  return first !== undefined && rows.every(({ part }) => part === first.part)
    ? first.part
    : markerKey;
}

/** Names the operation of a row, with its client if the rows are in several parts. */
export function nameOperation(
  { operation_id, client_id }: Pick<SilverRow, "operation_id" | "client_id">,
  isOnePart: boolean,
): string {
  return `operation ${operation_id}${isOnePart ? "" : ` of client ${client_id}`}`;
}

/**
 * Attributes a fault of several parts: to the part if there is one, or else to the marker of the
 * day, with the names of the parts.
 */
export function placeOfParts(
  keys: readonly string[],
  { markerKey }: Pick<AnyLakeDay, "markerKey">,
): { readonly object: string; readonly where: string } {
  return keys.length === 1
    ? { object: keys[0]!, where: "" }
    : { object: markerKey, where: `, in ${plural(keys.length, "part")}: ${naming(keys)}` };
}

function damage(fact: AnyLakeDay, found: PartFact): Finding | undefined {
  const { part, stored, problem } = found;
  const common = { severity: "fail", object: part.key } as const;
  const fix = repair(fact, part.key);
  if (stored === undefined) {
    const why = "a reader that follows the marker fails at this part";
    return {
      ...common,
      problem: "the commit marker names this part, but the part does not exist",
      why,
      fix,
    };
  }
  const why = "the object changed after it was published, so its rows are not reliable";
  if (stored.bytes !== part.bytes) {
    const sizes = `it has ${plural(stored.bytes, "byte")}, but the commit marker says ${
      part.bytes.toLocaleString("en-US")
    }`;
    return { ...common, field: "bytes", problem: sizes, why, fix };
  }
  if (!stored.same) {
    const other = `its sha256 differs from the one in the commit marker (${part.sha256})`;
    return { ...common, field: "sha256", problem: other, why, fix };
  }
  if (problem === undefined) return undefined;
  const published = "the part was published like this: its sha256 is the one in the marker";
  return { ...common, problem: `it cannot be read: ${problem}`, why: published, fix };
}

/** Finds parts with a different number of rows in the footer than in the commit marker. */
export function rowCountFindings({ parts }: AnyLakeDay, why: string, fix: string): Finding[] {
  return parts.filter(asPublished).flatMap(({ part, footer }): Finding[] => {
    if (footer === undefined || footer.rows === part.rows) return [];
    return [{
      severity: "fail",
      object: part.key,
      field: "rows",
      problem: `its footer says ${plural(footer.rows, "row")}, but the commit marker says ` +
        part.rows.toLocaleString("en-US"),
      why,
      fix,
    }];
  });
}

/** Every part that the bronze marker lists exists and is unchanged. */
export const bronzeParts: Check<"bronze"> = check({
  id: "bronze-parts",
  title: "every part of bronze is there, byte for byte",
  phase: "after",
  needs: ["bronze"],
  run: ({ bronze }) =>
    judgeParts(bronze, `${bronze.markerKey} names no part: no events on ${bronze.day}`),
});

/** Every part that the silver marker lists exists and is unchanged. */
export const silverParts: Check<"silver"> = check({
  id: "silver-parts",
  title: "every part of silver is there, byte for byte",
  phase: "after",
  needs: ["silver"],
  run: ({ silver }) =>
    judgeParts(silver, `${silver.markerKey} names no part: no executions on ${silver.day}`),
});

/** The day's folders contain no part file that the marker does not list. */
export const orphanParts: Check<"bronze" | "silver"> = check({
  id: "orphan-parts",
  title: "no unreferenced files",
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

/**
 * Returns at most two findings: for abandoned parts, and for parts that a run may still publish.
 */
function orphans({ day, marker, markerKey, listed, listedAt }: AnyLakeDay): Finding[] {
  if (marker === undefined) return [];
  const named = new Set(marker.commit.parts.map(({ key }) => key));
  const unnamed = listed.filter(({ key }) => !named.has(key));
  const isOld = ({ modified }: ObjectEntry) => listedAt - modified > ABANDONED_AFTER;
  const clean = cleanCommand(day);
  return [
    ...finding(unnamed.filter(isOld), markerKey, {
      severity: "fail",
      why: "no run takes that long; readers that list the folder instead of the marker count " +
        "the rows of these parts",
      fix: clean,
    }),
    ...finding(unnamed.filter((entry) => !isOld(entry)), markerKey, {
      severity: "warn",
      why: "a run may still publish the part; until then readers do not see it",
      fix:
        `Wait until all runs of that day have finished. To remove parts that remain after a day: ${clean}`,
    }),
  ];
}

function finding(
  entries: readonly ObjectEntry[],
  markerKey: string,
  rest: Pick<Finding, "severity" | "why" | "fix">,
): Finding[] {
  const keys = entries.map(({ key }) => key);
  if (keys.length === 0) return [];
  if (keys.length === 1) {
    return [{ object: keys[0]!, problem: "no commit marker names it", ...rest }];
  }
  const problem = `no commit marker names these ${plural(keys.length, "part")}: ${naming(keys)}`;
  return [{ object: markerKey, problem, ...rest }];
}
