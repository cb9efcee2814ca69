import { SOURCE_KEY } from "../../../pipeline/contract/keys.ts";
import {
  formatSource,
  isSameSource,
  isSameTable,
  type Source,
  tableOf,
} from "../../../pipeline/contract/source.ts";
import { shell } from "../../../pipeline/shell.ts";
import { type Check, check } from "../../check.ts";
import type { BronzeFact } from "../../facts/bronze.ts";
import type { Finding } from "../../finding.ts";
import { MIXED, otherSourceFindings } from "../../other_source.ts";
import { whyNoMarker } from "../../skip_reasons.ts";
import { restore } from "../remedy.ts";

/** The day, the lake and the configuration name the same table. */
export const lakeSource: Check<"bronze", "source"> = check({
  id: "lake-source",
  title: "the day was copied from the table of the outbox",
  phase: "after",
  needs: ["bronze"],
  wants: ["source"],
  run({ bronze, source }) {
    const { marker, markerKey, sources = [], sourcesProblem } = bronze;
    const ofDay = marker?.commit.source;
    const read = source?.source;
    const last = sources.at(-1);
    const isMissing = last === undefined && sourcesProblem === undefined;
    if (ofDay !== undefined && isMissing && read === undefined) return { skip: NOTHING_TO_COMPARE };
    const findings = [
      ...(sourcesProblem === undefined ? [] : [unusable(sourcesProblem)]),
      ...(ofDay === undefined ? [] : dayFindings(bronze, ofDay, read)),
      ...(last === undefined || read === undefined
        ? []
        : otherSourceFindings(last, read, "postflight reads")),
    ];
    if (ofDay !== undefined) {
      if (isMissing && findings.length === 0) findings.push(missing(ofDay));
      return { examined: `${markerKey}: ${formatSource(ofDay)}`, findings };
    }
    if (findings.length > 0) {
      return { examined: last === undefined ? SOURCE_KEY : formatSource(last), findings };
    }
    const skip = whyNoMarker(bronze);
    return skip === undefined ? { notApplicable: UNNAMED } : { skip };
  },
});

const UNNAMED = "an earlier version published the day, so its marker names no table";

const NOTHING_TO_COMPARE = `the lake has no ${SOURCE_KEY}, and the outbox was not read`;

function unusable(problem: string): Finding {
  return {
    severity: "fail",
    object: SOURCE_KEY,
    problem,
    why: "a run cannot confirm that it reads the table that the lake was copied from",
    fix: restore(SOURCE_KEY),
  };
}

function missing(ofDay: Source): Finding {
  return {
    severity: "warn",
    object: SOURCE_KEY,
    problem: `it is missing, although bronze was copied from ${formatSource(ofDay)}`,
    why: "a run then takes the source from the newest marker of bronze",
    fix: "Restore it from a backup. The next run that publishes a day writes it, too.",
  };
}

/** Without a record of the lake, the day must be from the source that postflight reads. */
function dayFindings(
  { day, markerKey, sources = [] }: BronzeFact,
  ofDay: Source,
  read: Source | undefined,
): Finding[] {
  const allowed = sources.length > 0 || read === undefined ? sources : [read];
  if (allowed.length === 0) return [];
  if (allowed.some((each) => isSameSource(each, ofDay))) return [];
  // The names of the databases only matter if the tables have the same name.
  const write = allowed.some((each) => isSameTable(each, ofDay)) ? formatSource : tableOf;
  return [{
    severity: "fail",
    object: markerKey,
    field: "source",
    problem: `bronze was copied from ${write(ofDay)}, and ` +
      (sources.length > 0
        ? `the lake from ${sources.map(write).join(", ")}`
        : `postflight reads ${write(allowed[0]!)}`),
    why: MIXED,
    fix: "If this is the same table under an earlier name, or before a move: " +
      shell`deno task bronze --date ${day} --earlier-source ${formatSource(ofDay)}`,
  }];
}
