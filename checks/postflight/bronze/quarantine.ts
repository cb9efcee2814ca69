import { OUTBOX_TABLE } from "../../../pipeline/contract/tables.ts";
import type { Day } from "../../../pipeline/contract/window.ts";
import type { UnfitEvent } from "../../../pipeline/outbox/survey.ts";
import { plural } from "../../../pipeline/progress.ts";
import { describeUnfit } from "../../../pipeline/quarantine.ts";
import { type Check, check } from "../../check.ts";
import type { Finding } from "../../finding.ts";
import type { BronzeFact } from "../../facts/bronze.ts";
import { outboxIn, type SourceFact } from "../../facts/outbox_day.ts";
import { naming } from "../../list_names.ts";
import { amendCommand, restore, runCommand } from "../remedy.ts";
import { whyNoMarker, whyNoSurvey, whyOtherSource } from "../../skip_reasons.ts";

/**
 * No event of the day is in quarantine. Events with values that Parquet parts cannot contain stay
 * in quarantine until they are corrected in the outbox.
 */
export const quarantine: Check<"bronze", "source"> = check({
  id: "quarantine",
  title: "no event is in quarantine",
  phase: "after",
  needs: ["bronze"],
  wants: ["source"],
  run({ source, bronze }) {
    const { marker, markerKey } = bronze;
    const link = marker?.commit.quarantine;
    const examined = link === undefined
      ? `${markerKey} names no event in quarantine`
      : `${plural(link.events, "event")} in ${link.key}`;
    const other = whyOtherSource(bronze, source?.source);
    const damaged = unusable(bronze);
    if (other !== undefined && damaged.length === 0) return { skip: other };
    if (other !== undefined) return { examined, findings: damaged };
    const findings = [
      ...(source?.survey === undefined ? [] : strays(source, outboxOf(bronze))),
      ...damaged,
      ...(marker === undefined ? [] : waiting(bronze, source)),
    ];
    if (findings.length > 0) return { examined, findings };
    const skip = whyNoMarker(bronze) ??
      (source !== undefined && source.survey === undefined ? whyNoSurvey : undefined);
    return skip === undefined ? { examined, findings } : { skip };
  },
});

function outboxOf({ outbox = OUTBOX_TABLE }: BronzeFact): string {
  return outbox;
}

function strays({ name, survey }: SourceFact, table: string): Finding[] {
  const { strays, strayCount } = survey!;
  if (strayCount === 0) return [];
  return [{
    severity: "fail",
    object: outboxIn(table, name),
    field: "occurred_at",
    problem: `${plural(strayCount, "event")} on no day, because occurred_at is null or infinite: ` +
      naming(strays, strayCount),
    why: "no run copies them, because a run copies one day",
    fix: "Correct them in the outbox, each as in: " +
      `UPDATE ${table} SET occurred_at = '<time>' WHERE ${identity(strays[0]!)}; ` +
      "Then run the days that they fall on.",
  }];
}

function unusable({ marker, quarantineProblem }: BronzeFact): Finding[] {
  const link = marker?.commit.quarantine;
  if (quarantineProblem === undefined || link === undefined) return [];
  return [{
    severity: "fail",
    object: link.key,
    problem: quarantineProblem,
    why: "only this file has the full text of the events that are missing in the parts",
    fix: restore(link.key),
  }];
}

/** Returns the findings for quarantined events, grouped by the required action. */
function waiting(bronze: BronzeFact, source: SourceFact | undefined): Finding[] {
  const { day, marker, markerKey, quarantine = [] } = bronze;
  const compared = source?.compared?.sha256 === marker!.sha256 ? source.compared : undefined;
  const object = marker!.commit.quarantine?.key ?? markerKey;
  const table = outboxOf(bronze);
  const command = marker!.commit.state === "sealed" ? amendCommand(day) : runCommand(day);
  if (compared === undefined) return unfit(quarantine, object, table, command);
  const { differences } = compared;
  const still = new Set(differences.unfit.map(({ event_id }) => event_id));
  const others = quarantine.filter(({ event_id }) => !still.has(event_id));
  const late = (event: UnfitEvent) =>
    event.event_id !== null && differences.late.has(event.event_id);
  return [
    ...unfit(differences.unfit, object, table, command),
    ...corrected(others.filter(late), object, command),
    ...gone(others.filter((event) => !late(event)), object, day, command),
  ];
}

function unfit(
  events: readonly UnfitEvent[],
  object: string,
  table: string,
  command: string,
): Finding[] {
  const [first] = events;
  const column = first?.problems[0]?.column ?? "<column>";
  return eventsFinding(events, object, {
    problem: "that the contract cannot hold",
    why: "no part has them, so readers of bronze and silver do not see them",
    fix: "Correct them in the outbox, each as in: " +
      `UPDATE ${table} SET ${column} = <value> WHERE ${identity(first?.event_id ?? null)}; ` +
      `Then run: ${command}`,
  });
}

function corrected(events: readonly UnfitEvent[], object: string, command: string): Finding[] {
  return eventsFinding(events, object, {
    problem: "that the outbox has corrected",
    why: "no part has them yet",
    fix: command,
  });
}

function gone(
  events: readonly UnfitEvent[],
  object: string,
  day: Day,
  command: string,
): Finding[] {
  return eventsFinding(events, object, {
    problem: "that the outbox no longer has on this day",
    why: "no part has them, and no run can add them",
    fix: "Find out what removed them. Insert them again, corrected, from their full text: " +
      `deno task show quarantine --date ${day} Then run: ${command}`,
  });
}

/** Returns a finding that names the events, or no finding if there are no events. */
function eventsFinding(
  events: readonly UnfitEvent[],
  object: string,
  { problem, why, fix }: Record<"problem" | "why" | "fix", string>,
): Finding[] {
  if (events.length === 0) return [];
  const list = naming(events.map(describeUnfit));
  return [{
    severity: "fail",
    object,
    problem: `${plural(events.length, "event")} ${problem}: ${list}`,
    why,
    fix,
  }];
}

/** Returns the SQL condition for an event. An event_id is a UUID, so no escaping is required. */
function identity(eventId: string | null): string {
  return eventId !== null && /^[0-9a-f-]{36}$/.test(eventId)
    ? `event_id = '${eventId}'`
    : "event_id IS NULL";
}
