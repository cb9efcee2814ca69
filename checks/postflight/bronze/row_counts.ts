import { type Difference, explainDifference } from "../../../pipeline/compare.ts";
import { unacknowledgedDifferences } from "../../../pipeline/publish_amendment.ts";
import { EVENT_CONTRACT } from "../../../pipeline/contract/fingerprint.ts";
import type { BronzeCommit } from "../../../pipeline/lake/marker.ts";
import { plural } from "../../../pipeline/progress.ts";
import { quarantinedIds } from "../../../pipeline/quarantine.ts";
import { type Check, check } from "../../check.ts";
import type { Finding, Outcome } from "../../finding.ts";
import type { BronzeFact } from "../../facts/bronze.ts";
import type { Compared, SourceFact } from "../../facts/outbox_day.ts";
import { naming } from "../../list_names.ts";
import { rowCountFindings } from "../parts.ts";
import { amendCommand, repair, runCommand } from "../remedy.ts";
import {
  whyNoMarker,
  whyNotCollected,
  whyNotCompared,
  whyOtherSource,
} from "../../skip_reasons.ts";

/** Bronze has the same events as the outbox, with the same values, each exactly once. */
export const rowCounts: Check<"source" | "bronze"> = check({
  id: "row-counts",
  title: "bronze has every event of the outbox exactly once",
  phase: "after",
  needs: ["source", "bronze"],
  run({ source, bronze }) {
    const { marker } = bronze;
    if (marker === undefined) return { skip: whyNoMarker(bronze)! };
    const other = whyOtherSource(bronze, source.source);
    if (other !== undefined) return { skip: other };
    const { commit } = marker;
    const compared = source.compared?.sha256 === marker.sha256 ? source.compared : undefined;
    const unread = whyNotCollected(bronze);
    const twice = unread === undefined ? repeated(bronze) : [];
    const findings = [
      ...rowCountFindings(bronze, OTHER_FILE, repair(bronze, bronze.markerKey)),
      ...twice,
      // If bronze has repeated events, skip the comparison: they would look like events that the
      // outbox lost.
      ...(compared === undefined || twice.length > 0 ? [] : different(compared, bronze, commit)),
      ...(source.survey === undefined ? refused(source) : []),
    ];
    if (compared !== undefined) return { examined: examined(compared, commit), findings };
    if (findings.length > 0) return { examined: plural(commit.rows, "event"), findings };
    return notCompared(source, bronze, commit, unread);
  },
});

/** Returns the outcome if bronze was not compared and has no other finding. */
function notCompared(
  source: SourceFact,
  bronze: BronzeFact,
  commit: BronzeCommit,
  unread: string | undefined,
): Outcome {
  if (unread !== undefined) return { skip: unread };
  if (commit.contract !== EVENT_CONTRACT) {
    return { skip: "bronze was published under a different contract (see bronze-committed)" };
  }
  if (bronze.quarantineProblem !== undefined) {
    return { skip: "bronze's quarantine cannot be used (see quarantine)" };
  }
  const findings = refused(source);
  if (findings.length > 0) return { examined: plural(commit.rows, "event"), findings };
  return { unknown: whyNotCompared };
}

/** Returns a finding if the outbox could not be compared, or no finding if it was compared. */
function refused({ refusal }: SourceFact): Finding[] {
  if (refusal === undefined) return [];
  const { name: object, failure: { summary: problem, remedy: fix } } = refusal;
  const why = "without the comparison, missing events are not detected";
  return [{ severity: "fail", object, problem, why, fix }];
}

function examined({ differences }: Compared, { day, rows, amended }: BronzeCommit): string {
  const { late, unfit } = differences;
  if (rows + late.size + unfit.length === 0) {
    return `no events on ${day}, neither in the outbox nor in bronze`;
  }
  const { lost, altered } = amended ?? { lost: NONE, altered: NONE };
  return [
    `${plural(rows, "event")}, each compared with the outbox`,
    ...(lost.events > 0
      ? [`bronze keeps ${plural(lost.events, "event")} that the outbox lost`]
      : []),
    ...(altered.events > 0
      ? [`bronze keeps the values of ${plural(altered.events, "event")} that the outbox altered`]
      : []),
  ].join("; ");
}

const NONE = { events: 0 };

const OTHER_FILE =
  "the marker does not match this file, so the marker's other counts are not reliable";

/**
 * Returns findings about differences between bronze and the outbox that no amendment acknowledged.
 */
function different(
  { differences }: Compared,
  bronze: BronzeFact,
  commit: BronzeCommit,
): Finding[] {
  const { late, lost, altered, named } = differences;
  const { day, amended } = commit;
  const open = unacknowledgedDifferences(differences, commit);
  const sealed = commit.state === "sealed";
  // A run copies an open day again, with altered values. After an amendment a run only adds events.
  const recopied = !sealed && amended === undefined && !open.lost;
  const amends = sealed || open.lost || open.altered && !recopied;
  const common = {
    object: bronze.markerKey,
    field: "event_id",
    fix: amends ? amendCommand(day) : runCommand(day),
  };
  // The quarantine check reports quarantined events that were corrected.
  const came = late.difference(quarantinedIds({ events: bronze.quarantine ?? [] }));
  return [
    ...(came.size > 0 ? [{ ...common, ...since(came, sealed) }] : []),
    ...(open.lost ? [{ ...common, ...gone(lost, amended?.lost.events ?? 0) }] : []),
    ...(open.altered
      ? [{ ...common, ...changed(altered, named.altered, amended?.altered.events ?? 0, recopied) }]
      : []),
  ];
}

type FindingText = Pick<Finding, "severity" | "problem" | "why">;

function since(came: ReadonlySet<string>, sealed: boolean): FindingText {
  const [count, ids] = [plural(came.size, "event"), naming([...came])];
  const added = `${count} ${came.size === 1 ? "was" : "were"} added`;
  if (!sealed) {
    return {
      severity: "warn",
      problem: `${added} since the last run: ${ids}`,
      why: "the day is still open, so new events are expected",
    };
  }
  return {
    severity: "fail",
    problem: `${added} after the day was sealed: ${ids}`,
    why: "readers do not see these events until an amendment adds them",
  };
}

function gone(lost: ReadonlySet<string>, recorded: number): FindingText {
  if (lost.size === 0) return restored("events", recorded);
  return {
    severity: "fail",
    problem: `the outbox no longer has ${plural(lost.size, "event")} of bronze: ` +
      naming([...lost]) + beyond(recorded),
    why:
      "the events were removed from the outbox, or this is a different database; bronze keeps the events",
  };
}

function changed(
  altered: ReadonlySet<string>,
  named: readonly Difference[],
  recorded: number,
  recopied: boolean,
): FindingText {
  if (altered.size === 0) return restored("values", recorded);
  return {
    severity: recopied ? "warn" : "fail",
    problem: `the outbox has other values in ${plural(altered.size, "event")} of bronze: ` +
      listed(named, altered.size) + beyond(recorded),
    why: recopied
      ? "the day is still open, so the next run copies the new values"
      : "bronze keeps its values until an operator decides which values are correct",
  };
}

function listed(named: readonly Difference[], total: number): string {
  const more = total - named.length;
  return named.map(explainDifference).join("; ") + (more > 0 ? `; and ${more} more` : "");
}

function beyond(recorded: number): string {
  return recorded > 0 ? `; the last amendment recorded ${recorded}` : "";
}

/** Reports that the outbox matches bronze again, although the marker still records a difference. */
function restored(what: "events" | "values", recorded: number): FindingText {
  return {
    severity: "fail",
    problem: `the outbox has the ${what} of bronze again, and the marker records ` +
      `${plural(recorded, "event")} as ${what === "events" ? "lost" : "altered"}`,
    why: "runs and checks expect the differences that the marker records",
  };
}

function repeated(bronze: BronzeFact): Finding[] {
  const { parts, events, markerKey } = bronze;
  const rows = parts.reduce((sum, { footer }) => sum + (footer?.rows ?? 0), 0);
  if (events === rows) return [];
  const list = bronze.repeated.length === 0
    ? ""
    : `; there more than once: ${bronze.repeated.join(", ")}`;
  return [{
    severity: "fail",
    object: markerKey,
    field: "event_id",
    problem: `its ${plural(rows, "row")} have ${events.toLocaleString("en-US")} different ` +
      `event_ids${list}`,
    why: "readers of bronze count these events more than once",
    fix: repair(bronze, markerKey),
  }];
}
