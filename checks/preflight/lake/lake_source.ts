import { SOURCE_KEY } from "../../../pipeline/contract/keys.ts";
import { formatSource } from "../../../pipeline/contract/source.ts";
import { type Check, check } from "../../check.ts";
import type { Recorded } from "../../facts/lake.ts";
import type { Outcome } from "../../finding.ts";
import { otherSourceFindings } from "../../other_source.ts";
import { whyNoDatabase, whyNoLake, whyNoTable } from "../../skip_reasons.ts";

/** A run accepts the outbox as the table that the lake was copied from. */
export const lakeSource: Check<"lake", "database"> = check({
  id: "lake-source",
  title: "the outbox is the table that the lake was copied from",
  phase: "before",
  needs: ["lake"],
  wants: ["database"],
  run({ lake, database }) {
    if (!lake.opened) return { skip: whyNoLake };
    const { recorded } = lake;
    if (!("source" in recorded)) return outcomeWithout(recorded, lake.name);
    const { key, source } = recorded;
    if (database === undefined) {
      return { notApplicable: `${key} names ${formatSource(source)}, and the outbox was not read` };
    }
    if (!database.opened) return { skip: whyNoDatabase };
    if (database.source === undefined) {
      return { skip: whyNoTable(database) };
    }
    const place = key === SOURCE_KEY
      ? { object: SOURCE_KEY, field: "sources" }
      : { object: key, field: "source" };
    return {
      examined: `${key}: ${formatSource(source)}`,
      findings: otherSourceFindings(source, database.source, "a run would read", place),
    };
  },
});

/** The outcome for a lake that names no source. */
function outcomeWithout(recorded: Exclude<Recorded, { source: unknown }>, name: string): Outcome {
  if ("failure" in recorded) {
    const { summary, remedy } = recorded.failure;
    return {
      examined: name,
      findings: [{
        severity: "fail",
        object: name,
        problem: summary,
        why: "a run cannot confirm that it reads the table that the lake was copied from",
        fix: remedy,
      }],
    };
  }
  if (recorded.newest === undefined) {
    return {
      examined: `${name} has no events yet: the first run records its source`,
      findings: [],
    };
  }
  return {
    notApplicable: `the lake has no ${SOURCE_KEY}, and bronze of ${recorded.newest} names no ` +
      "table: a run first looks for events of that day in the outbox",
  };
}
