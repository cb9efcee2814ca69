import {
  dayDiffers,
  isAcknowledged,
  publishAmendment,
  unacknowledgedDifferences,
} from "./publish_amendment.ts";
import {
  beginWindow,
  compareBronze,
  encodeEvents,
  stillComplete,
  warnOfUnknownTypes,
  type WindowOptions,
  type WindowRun,
  workOnWindow,
} from "./bronze_window.ts";
import { encodeRanges } from "./bronze_ranges.ts";
import { bronzePrefix } from "./contract/keys.ts";
import { EVENT_CONTRACT } from "./contract/fingerprint.ts";
import { type Day, dayOf, windowOf } from "./contract/window.ts";
import { Failure } from "./errors.ts";
import { publishWindow, removeBesideSealed, whileMarkerStands } from "./lake/commit.ts";
import type { BronzeCommit, StoredMarker } from "./lake/marker.ts";
import { lineageOf, nameParts, storeParts } from "./lake/parts.ts";
import { recordRecognized } from "./lake/source_record.ts";
import { confirmNothingLost, lostEvents } from "./missing_events.ts";
import { connect } from "./outbox/connection.ts";
import { databaseClock } from "./outbox/fence.ts";
import type { SharedSnapshot } from "./outbox/window_rows.ts";
import type { Survey } from "./outbox/survey.ts";
import { NAMED, plural } from "./progress.ts";
import { storeQuarantine } from "./quarantine.ts";

/** The options of a bronze run. */
export interface BronzeOptions extends WindowOptions {
  /** The day. The default is today by the database's clock, in UTC. */
  readonly day?: Day | undefined;
}

/**
 * Copies one day of the outbox into bronze in this order: fence, snapshot, parts, marker. A reader
 * of the marker therefore sees either the old or the new state of the window. A run can be killed
 * at any point and repeated.
 *
 * A sealed window is only compared with the outbox and never written to. A day without events is
 * published like any other day.
 *
 * @returns the day that was copied
 * @throws {Failure} nothing was published
 *
 * @example
 * ```ts ignore It needs a Postgres server.
 * import { runBronze } from "./bronze.ts";
 * import { databaseConfig, lakeConfig, sealGrace } from "./config.ts";
 * import { openLake } from "./lake/open.ts";
 * const lake = await openLake(lakeConfig());
 * const observer = { step: ({ says }: { says: string }) => console.log(says), progress() {} };
 * const day = await runBronze({ database: databaseConfig(), lake, grace: sealGrace(), observer });
 * console.log(`${day} is in bronze`);
 * ```
 */
export async function runBronze(options: BronzeOptions): Promise<Day> {
  const connection = await connect(options.database, options.patience);
  try {
    const day = options.day ?? dayOf(await databaseClock(connection));
    const run = await beginWindow(connection, windowOf(day), options);
    await workOnWindow(
      run,
      (survey, shared) =>
        whileMarkerStands(run.publication, () => bringWindow(run, survey, shared)),
    );
    return day;
  } finally {
    await connection.close();
  }
}

/** Publishes, refreshes or verifies the window, depending on the state of bronze. */
async function bringWindow(
  run: WindowRun,
  survey: Survey,
  shared?: SharedSnapshot | Failure,
): Promise<void> {
  const { previous } = run;
  if (previous === undefined) await publishFirst(run, survey, shared);
  else if (previous.commit.state === "sealed") await verifyWindow(run, survey, previous);
  else if (previous.commit.amended !== undefined) await growWindow(run, survey, previous);
  else await refreshWindow(run, survey, previous, shared);
}

/** Copies a window that has no marker, unless it was published before and would lose events. */
async function publishFirst(
  run: WindowRun,
  survey: Survey,
  shared?: SharedSnapshot | Failure,
): Promise<void> {
  await confirmNothingLost(run);
  await copyWindow(run, survey, shared);
}

/**
 * Copies all events of a window.
 *
 * @param shared the snapshot, or the reason why workers cannot read it; absent if none may copy
 */
async function copyWindow(
  run: WindowRun,
  survey: Survey,
  shared?: SharedSnapshot | Failure,
): Promise<void> {
  const { connection, window, fence, observer, publication } = run;
  const { lake, dryRun } = publication;
  const isLarge = survey.minSeq !== null && survey.rows > run.ranges.rows;
  const encoded = shared !== undefined && isLarge
    ? encodeRanges(run, survey, shared)
    : encodeEvents(run, survey);
  const named = nameParts(encoded.files, bronzePrefix(window.day), lineageOf(publication));
  const parts = await storeParts(lake, named, {
    stores: !dryRun,
    onPart: encoded.part,
    onWork: encoded.work,
  });
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  if (rows !== survey.rows) {
    throw new Error(`the snapshot has ${survey.rows} rows, and ${rows} were copied`);
  }
  const quarantine = await storeQuarantine(lake, window.day, survey.unfit, dryRun);
  await connection.endSnapshot();
  warnOfUnknownTypes(encoded.eventTypes, observer);

  const counted = rows + survey.unfit.length;
  const sealed = fence.sealable && await stillComplete(run, counted);
  const commit: BronzeCommit = {
    layer: "bronze",
    day: window.day,
    state: sealed ? "sealed" : "open",
    rows,
    minSeq: survey.minSeq,
    maxSeq: survey.maxSeq,
    contract: EVENT_CONTRACT,
    source: run.source.current,
    ...(quarantine === undefined ? {} : { quarantine }),
    parts,
  };
  connection.close(); // nothing more is read. runBronze waits for the end of the session
  await publishWindow(commit, publication);
}

/** Copies an open window again, unless the outbox has lost events that bronze has. */
async function refreshWindow(
  run: WindowRun,
  survey: Survey,
  { commit }: StoredMarker<BronzeCommit>,
  shared?: SharedSnapshot | Failure,
): Promise<void> {
  const lost = await lostEvents(run, run.publication.lake, survey, commit);
  if (lost.size > 0) throw lostSince(commit, lost, run.connection.table);
  await copyWindow(run, survey, shared);
}

/** Compares a sealed window with the outbox. */
async function verifyWindow(
  run: WindowRun,
  survey: Survey,
  { commit }: StoredMarker<BronzeCommit>,
): Promise<void> {
  const { publication, observer } = run;
  const found = await compareBronze(run, publication.lake, survey, commit);
  if (!isAcknowledged(found, commit)) throw dayDiffers(found, commit);
  confirmNumbers(commit, survey);
  const kept = found.lost.size + found.altered.size;
  observer.step({
    step: "verified",
    says: `${publication.lake.url(publication.key)}, already sealed; the outbox has the same ` +
      plural(commit.rows, "row") +
      (kept > 0 ? `, except ${kept} that an amendment acknowledged` : "") +
      "; nothing was written",
    data: { key: publication.key, state: "sealed", rows: commit.rows, parts: commit.parts.length },
  });
  await removeBesideSealed(commit, publication);
  if (!publication.dryRun) await recordRecognized(publication.lake, run.source);
}

/**
 * Confirms that the counts in a marker are those of the outbox. Call this after a comparison that
 * found equal rows. The marker of an amended day is not compared.
 *
 * @throws {Failure} data: a count differs
 */
function confirmNumbers(
  { day, rows, minSeq, maxSeq, amended }: BronzeCommit,
  survey: Survey,
): void {
  if (amended !== undefined) return;
  if (rows === survey.rows && minSeq === survey.minSeq && maxSeq === survey.maxSeq) return;
  throw new Failure({
    kind: "data",
    task: `confirm bronze of ${day}`,
    problem:
      `its commit marker records ${plural(rows, "event")}, event_seq ${minSeq} to ${maxSeq}, ` +
      `but its parts have ${survey.rows}, event_seq ${survey.minSeq} to ${survey.maxSeq}`,
    remedy: "Find out who changed the marker, and restore it from a backup.",
  });
}

/** Adds new events to an open window that was amended before. */
async function growWindow(
  run: WindowRun,
  survey: Survey,
  previous: StoredMarker<BronzeCommit>,
): Promise<void> {
  const { connection, fence, publication } = run;
  const { commit } = previous;
  const found = await compareBronze(run, publication.lake, survey, commit);
  const { late, lost, altered, unfit, gone } = unacknowledgedDifferences(found, commit);
  if (lost || altered || gone) throw dayDiffers(found, commit);
  if (late || unfit) return await publishAmendment(run, previous, survey, found);
  await connection.endSnapshot();
  const counted = survey.rows + survey.unfit.length;
  const sealed = fence.sealable && await stillComplete(run, counted);
  const { current } = run.source;
  const state = sealed ? "sealed" : "open";
  await publishWindow({ ...commit, source: current, state }, publication);
}

function lostSince({ day }: BronzeCommit, lost: ReadonlySet<string>, table: string): Failure {
  const named = [...lost].slice(0, NAMED).join(", ");
  const more = lost.size > NAMED ? ` and ${lost.size - NAMED} more` : "";
  return new Failure({
    kind: "data",
    task: `export ${day}`,
    problem: `bronze has ${plural(lost.size, "event")} that ${table} no longer has: ` +
      `${named}${more}. Nothing was changed, so bronze keeps them`,
    remedy: "Find out who removed them, or check DJANGO_DB_NAME and OUTBOX_TABLE. To keep " +
      `them and add the new events: deno task amend --date ${day}`,
  });
}
