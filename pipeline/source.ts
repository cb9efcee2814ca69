import { BRONZE_PREFIX, bronzeMarkerKey, dayInKey } from "./contract/keys.ts";
import { formatSource, isSameDatabase, isSameTable, type Source } from "./contract/source.ts";
import { type Day, parseDay, windowOf } from "./contract/window.ts";
import { Failure } from "./errors.ts";
import type { Lake } from "./lake/lake.ts";
import { type BronzeCommit, readMarker } from "./lake/marker.ts";
import { readSources, type RunSource } from "./lake/source_record.ts";
import type { Connection } from "./outbox/connection.ts";
import { readSource } from "./outbox/source.ts";
import { within } from "./outbox/sql.ts";
import type { Observer } from "./progress.ts";
import { shellQuote } from "./shell.ts";

/** What {@linkcode confirmSource} judges. */
export interface SourceQuestion {
  /** The outbox, which fits the contract. */
  readonly connection: Connection;
  /** The day that the run copies. */
  readonly day: Day;
  /** Bronze of the day; undefined if the day has no marker. */
  readonly commit: BronzeCommit | undefined;
  /** The lake that contains bronze. */
  readonly lake: Lake;
  /**
   * A source of the lake that is the outbox under an earlier name, or before a move, as
   * {@linkcode formatSource} writes it.
   */
  readonly earlierSource: string | undefined;
  /** Receives a warning if the database has moved. */
  readonly observer: Observer;
}

/**
 * Confirms that a run reads the table that the lake was copied from. The name of the table and of
 * its schema must be the same. The database may have another name or another server if it has the
 * newest events of bronze: a database that was moved has them, and another database does not.
 *
 * @throws {Failure} configuration: the table or the database is another one; nothing was changed
 */
export async function confirmSource(
  { connection, day, commit, lake, earlierSource, observer }: SourceQuestion,
): Promise<RunSource> {
  const current = await readSource(connection);
  const stored = await readSources(lake);
  // A lake of an earlier version has no record. Its newest marker can have a source: the record may
  // have been lost.
  const newest = stored === undefined ? await newestCommit(lake) : undefined;
  const recorded = stored?.sources ?? (newest?.source === undefined ? [] : [newest.source]);
  const last = recorded.at(-1);
  const isAccepted = (source: Source) => earlierSource === formatSource(source);

  if (last !== undefined && !isSameTable(last, current) && !isAccepted(last)) {
    throw otherTable(day, "the lake", last, current);
  }
  const ofDay = commit?.source;
  const isKnown = ofDay === undefined ||
    [...recorded, current].some((each) => isSameTable(each, ofDay));
  if (!isKnown && !isAccepted(ofDay)) throw otherTable(day, `bronze of ${day}`, ofDay, current);
  const isMoved = last !== undefined && !isSameDatabase(last, current);
  if (isMoved && !isAccepted(last)) {
    const events = await newestEvents(connection, newest ?? await newestCommit(lake));
    if (events.missing) throw otherDatabase(day, last, current, events.text);
    observer.step({
      step: "source",
      says: `the lake was copied from ${formatSource(last)}, and this is ` +
        `${
          formatSource(current)
        }. It has ${events.text}, so it counts as the same database after ` +
        "a move",
      data: { earlier: formatSource(last), source: formatSource(current) },
      warning: true,
    });
  }
  if (last === undefined && newest !== undefined) {
    const events = await newestEvents(connection, newest);
    if (events.missing) warnOfFirstSource(current, events.text, observer);
  }
  const isRecorded = stored !== undefined && isKnown && !isMoved && isSameTable(last!, current);
  if (isRecorded) return { current, stored };
  const text = formatSource(current);
  const before = [...recorded, ...(isKnown ? [] : [ofDay])];
  const next = [...before.filter((each) => formatSource(each) !== text), current];
  return { current, stored, next };
}

/** The most days to search for the newest marker with events. */
const MOST_DAYS = 31;

/**
 * Reads the newest bronze with events. A marker that cannot be used is left out, because it is not
 * the marker of the day that the run works on.
 */
async function newestCommit(lake: Lake): Promise<BronzeCommit | undefined> {
  const folders = await lake.folders(BRONZE_PREFIX);
  const days = folders.map((folder) => parseDay(dayInKey(folder) ?? ""))
    .filter((day) => day !== undefined).sort().reverse();
  for (const day of days.slice(0, MOST_DAYS)) {
    const commit = await commitOf(lake, day);
    if (commit !== undefined && commit.rows > 0) return commit;
  }
  return undefined;
}

async function commitOf(lake: Lake, day: Day): Promise<BronzeCommit | undefined> {
  try {
    return (await readMarker(lake, "bronze", bronzeMarkerKey(day), day))?.commit;
  } catch (error) {
    if (error instanceof Failure && error.kind === "data") return undefined;
    throw error;
  }
}

/** Looks for the first and the last event of a day in the outbox, by their event_seq. */
async function newestEvents(
  connection: Connection,
  commit: BronzeCommit | undefined,
): Promise<{ readonly missing: boolean; readonly text: string }> {
  if (commit === undefined) return { missing: false, text: "every event of bronze: there is none" };
  const { day, minSeq, maxSeq } = commit;
  if (minSeq === null) {
    return { missing: true, text: `an event of ${day} with an event_seq, because bronze has none` };
  }
  const ends = [...new Set([minSeq, maxSeq!])];
  const [row] = await connection.query(
    `SELECT count(DISTINCT event_seq) AS found FROM ${connection.table} ` +
      `WHERE event_seq IN (${ends.join(", ")}) AND ${within(windowOf(day))}`,
  );
  const text = `event_seq ${ends.join(" and ")} of ${day}, the newest day with events in bronze`;
  return { missing: row!.found !== String(ends.length), text };
}

function warnOfFirstSource(current: Source, events: string, observer: Observer): void {
  observer.step({
    step: "source",
    says: "the lake does not record yet which table it was copied from, and " +
      `${formatSource(current)} does not have ${events}. If this is not the table that the lake ` +
      "was copied from, check DJANGO_DB_HOST, DJANGO_DB_NAME and OUTBOX_TABLE",
    data: { source: formatSource(current) },
    warning: true,
  });
}

function otherTable(day: Day, what: string, recorded: Source, current: Source): Failure {
  return new Failure({
    kind: "configuration",
    task: `export ${day}`,
    problem: `${what} was copied from ${formatSource(recorded)}, and this run would read ` +
      `${formatSource(current)}. Nothing was changed`,
    remedy: "Set OUTBOX_TABLE, or database.table in the project file, to the table that the lake " +
      `was copied from. ${accepting("this is the same table under another name", recorded)}`,
  });
}

function otherDatabase(day: Day, recorded: Source, current: Source, events: string): Failure {
  return new Failure({
    kind: "configuration",
    task: `export ${day}`,
    problem: `the lake was copied from ${formatSource(recorded)}, and this run would read ` +
      `${formatSource(current)}, which does not have ${events}. Nothing was changed`,
    remedy: "Check DJANGO_DB_HOST and DJANGO_DB_NAME. " +
      accepting("this is the database of the backend", recorded),
  });
}

function accepting(condition: string, recorded: Source): string {
  return `If ${condition}, run the command once with --earlier-source ` +
    `${shellQuote(formatSource(recorded))}; see runbook/lake-source.md`;
}
