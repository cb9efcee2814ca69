import { type Difference, explainDifference } from "./compare.ts";
import {
  isAcknowledged,
  publishAmendment,
  unacknowledgedDifferences,
} from "./publish_amendment.ts";
import {
  beginWindow,
  type BronzeDifferences,
  compareBronze,
  surveyWindow,
  type WindowOptions,
} from "./bronze_window.ts";
import { adviceToPublish, type Day, windowOf } from "./contract/window.ts";
import { Failure } from "./errors.ts";
import { whileMarkerStands } from "./lake/commit.ts";
import type { BronzeCommit } from "./lake/marker.ts";
import { recordRecognized } from "./lake/source_record.ts";
import { connect } from "./outbox/connection.ts";
import { NAMED, type Observer, plural } from "./progress.ts";
import { describeUnfit, renderQuarantine } from "./quarantine.ts";
import { runSilver } from "./silver.ts";

/** Options of an amendment. */
export interface AmendOptions extends WindowOptions {
  /** The day to amend. It was published before. */
  readonly day: Day;
  /**
   * True to keep bronze's values that differ from the outbox. Otherwise, such a difference is an
   * error.
   */
  readonly keepAltered?: boolean;
  /** Asks for confirmation. Called only if bronze would change. */
  readonly agree: (plan: AmendmentPlan) => Promise<boolean>;
  /** Receives the steps of silver. The default is the observer of bronze. */
  readonly silverObserver?: Observer;
}

/** The changes that an amendment would make, as numbers of events. */
export interface AmendmentPlan {
  /** The day to amend. */
  readonly day: Day;
  /** Number of late events to add. */
  readonly late: number;
  /** Number of events that are no longer in the outbox and stay in bronze. */
  readonly lost: number;
  /** Events with different values in the outbox. Bronze keeps its own values. */
  readonly altered: number;
  /** Number of events that do not fit the Parquet types and stay in the quarantine. */
  readonly quarantined: number;
  /**
   * Number of quarantined events that are no longer in the outbox. Afterwards only the history
   * lists them.
   */
  readonly gone: number;
}

/** The result of an amendment. */
export type AmendOutcome = "amended" | "unchanged" | "declined";

/**
 * Adds late events to a published day, and rebuilds silver. Amendments never remove events from
 * bronze: late events become additional parts, events that the outbox lost stay, and bronze keeps
 * its own values if they differ. A copy of the replaced marker is kept under a history key. The run
 * can be killed at any point and repeated.
 *
 * @throws {Failure} data: the day was never published, or values differ and `keepAltered` was not given
 */
export async function runAmend(options: AmendOptions): Promise<AmendOutcome> {
  const outcome = await amendBronze(options);
  if (outcome === "declined") return outcome;
  const { lake, day, dryRun = false, observer, silverObserver = observer } = options;
  // A dry run has not stored the bronze that silver would be made from.
  if (dryRun && outcome === "amended") return outcome;
  await runSilver({ lake, day, dryRun, observer: silverObserver, follow: true });
  return outcome;
}

async function amendBronze(options: AmendOptions): Promise<AmendOutcome> {
  const { database, day, lake, keepAltered = false, dryRun = false, agree, observer } = options;
  const connection = await connect(database, options.patience);
  try {
    const run = await beginWindow(connection, windowOf(day), options);
    const { previous } = run;
    if (previous === undefined) throw neverPublished(day);
    const survey = await surveyWindow(run);
    const found = await whileMarkerStands(
      run.publication,
      () => compareBronze(run, lake, survey, previous.commit),
    );
    reportDifferences(found, connection.table, observer);
    // Without differences, the recorded differences are resolved, and the amendment has no reason
    // to refuse.
    const refuses = unacknowledgedDifferences(found, previous.commit).altered &&
      found.altered.size > 0;
    if (refuses && !keepAltered) throw eventsAltered(day, found);
    if (isAcknowledged(found, previous.commit) && sameQuarantine(day, found, previous.commit)) {
      observer.step({
        step: "amendment",
        says: "no new events, so bronze is unchanged",
        data: { events: 0, parts: 0 },
      });
      if (!dryRun) await recordRecognized(lake, run.source);
      return "unchanged";
    }
    // The snapshot stays open during the confirmation, so that the run publishes exactly what it
    // showed.
    if (!dryRun && !await agree(planOf(day, found))) return "declined";
    await publishAmendment(run, previous, survey, found);
    return "amended";
  } finally {
    await connection.close();
  }
}

function planOf(day: Day, { late, lost, altered, unfit, gone }: BronzeDifferences): AmendmentPlan {
  const [lateCount, lostCount, alteredCount] = [late.size, lost.size, altered.size];
  return {
    day,
    late: lateCount,
    lost: lostCount,
    altered: alteredCount,
    quarantined: unfit.length,
    gone: gone.length,
  };
}

function sameQuarantine(
  day: Day,
  { unfit }: BronzeDifferences,
  { quarantine }: BronzeCommit,
): boolean {
  return renderQuarantine({ day, events: unfit })?.link.sha256 === quarantine?.sha256;
}

/** The most event_ids in a step. */
const MOST_IDS = 1_000;

function reportDifferences(found: BronzeDifferences, table: string, observer: Observer): void {
  const { late, lost, altered, unfit, gone, named } = found;
  const report = (
    step: string,
    what: string,
    ids: ReadonlySet<string> | readonly string[],
    texts: readonly string[],
  ) => {
    const all = [...ids];
    const events = all.length;
    if (events === 0) return;
    const more = events > texts.length ? `; and ${events - texts.length} more` : "";
    const says = `${plural(events, "event")} ${what}: ${texts.join("; ")}${more}`;
    observer.step({ step, says, data: { events, event_ids: all.slice(0, MOST_IDS) } });
  };
  const idsOf = (differences: readonly Difference[]) => differences.map(({ id }) => id);
  const unfitIds = (events: BronzeDifferences["unfit"]) =>
    events.map(({ event_id }) => event_id ?? "null");
  const described = (events: BronzeDifferences["unfit"]) =>
    events.slice(0, NAMED).map(describeUnfit);
  report("late", "came late", late, idsOf(named.late));
  report("lost", `no longer in ${table}, kept in bronze`, lost, idsOf(named.lost));
  report(
    "altered",
    "with different values in the outbox",
    altered,
    named.altered.map(explainDifference),
  );
  report("quarantine", "for the quarantine", unfitIds(unfit), described(unfit));
  report(
    "gone",
    `in quarantine, no longer in ${table}`,
    unfitIds(gone),
    described(gone),
  );
}

function neverPublished(day: Day): Failure {
  return new Failure({
    kind: "data",
    task: `amend ${day}`,
    problem: "bronze has no commit marker for this day, so the day was never published",
    remedy: adviceToPublish(day, `Publish it: deno task run --date ${day}`),
  });
}

function eventsAltered(day: Day, { altered, named }: BronzeDifferences): Failure {
  const more = altered.size - named.altered.length;
  return new Failure({
    kind: "data",
    task: `amend ${day}`,
    problem: `${plural(altered.size, "event")} in bronze ${altered.size === 1 ? "has" : "have"} ` +
      "different values in the outbox: " +
      `${named.altered.map(explainDifference).join("; ")}${
        more > 0 ? `; and ${more} more` : ""
      }. ` +
      "Nothing was changed",
    remedy: "If the outbox is wrong, correct it there and run again. To keep the values in " +
      `bronze and record the difference: deno task amend --date ${day} --keep-altered`,
  });
}
