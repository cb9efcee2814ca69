import { BRONZE_PREFIX, bronzeMarkerKey, dayInKey } from "./contract/keys.ts";
import {
  formatSource,
  isSameDatabase,
  isSameSource,
  isSameTable,
  type Source,
  tableOf,
} from "./contract/source.ts";
import { type Day, parseDay, windowOf } from "./contract/window.ts";
import { Failure } from "./errors.ts";
import type { Lake } from "./lake/lake.ts";
import { type BronzeCommit, readMarker } from "./lake/marker.ts";
import { openPart } from "./lake/parquet_reader.ts";
import { readSources, type RunSource } from "./lake/source_record.ts";
import type { Connection } from "./outbox/connection.ts";
import { readSource, tableExists } from "./outbox/source.ts";
import { within } from "./outbox/sql.ts";
import { missingEvents } from "./outbox/window_rows.ts";
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
  /** Receives a step if the source has another name, and a warning if it cannot be confirmed. */
  readonly observer: Observer;
}

/** The value of `--earlier-source` for a lake that does not record its source. */
export const UNKNOWN_SOURCE = "unknown";

/**
 * Confirms that a run reads the table that the lake was copied from. The database, the schema and
 * the table must be the same. Another name needs `earlierSource` and evidence: the table has the
 * last events of bronze, and the earlier table no longer exists beside it.
 *
 * @throws {Failure} configuration: the table or the database is another one; nothing was changed
 */
export async function confirmSource(
  { connection, day, commit, lake, earlierSource, observer }: SourceQuestion,
): Promise<RunSource> {
  const read = await readSource(connection);
  const stored = await readSources(lake);
  // A lake of an earlier version has no record. Its newest marker can have a source: the record may
  // have been lost.
  const newest = stored === undefined ? await newestCommit(lake) : undefined;
  const recorded = stored?.sources ?? (newest?.source === undefined ? [] : [newest.source]);
  const last = recorded.at(-1);
  const ofDay = commit?.source;
  const isNamed = (source: Source) => earlierSource === formatSource(source);
  const candidates = ofDay === undefined ? recorded : [...recorded, ofDay];
  if (
    earlierSource !== undefined && earlierSource !== UNKNOWN_SOURCE && !candidates.some(isNamed)
  ) {
    throw noSuchSource(day, earlierSource, candidates);
  }

  if (last === undefined) {
    const isAccepted = earlierSource === UNKNOWN_SOURCE;
    if (newest !== undefined && !isAccepted) await confirmFirst(connection, newest, read, observer);
  }
  const isSame = last !== undefined && isSameSource(last, read);
  const current = isSame ? withSystem(read, last) : read;
  if (last !== undefined && !isSame) {
    if (!isNamed(last)) throw otherSource(day, "the lake", last, current);
    const evidence = newest ?? await newestCommit(lake);
    await confirmSameOutbox(connection, lake, { day, earlier: last, current, evidence });
    reportSameOutbox(last, current, observer);
  }
  const isKnown = ofDay === undefined ||
    [...recorded, current].some((each) => isSameSource(each, ofDay));
  if (!isKnown) {
    if (!isNamed(ofDay)) throw otherSource(day, `bronze of ${day}`, ofDay, current);
    await confirmSameOutbox(connection, lake, { day, earlier: ofDay, current, evidence: commit });
    reportSameOutbox(ofDay, current, observer);
  }

  const text = formatSource(current);
  if (stored !== undefined && isKnown && isSame && text === formatSource(last)) {
    return { current, stored };
  }
  const earlier = [...recorded, ...(isKnown ? [] : [ofDay])];
  // A source whose identifier of the server was not known is replaced.
  const kept = earlier.filter((each) => !(isSame && each === last) && formatSource(each) !== text);
  return { current, stored, next: [...kept, current] };
}

/** The source that a run reads, with the identifier of the server that an earlier run could read. */
function withSystem(read: Source, { system }: Source): Source {
  return read.system !== undefined || system === undefined ? read : { ...read, system };
}

/**
 * Reads the newest bronze with events. In a lake without a record, its marker can name the source.
 *
 * @returns undefined if no day of bronze has events
 * @throws {Failure} data: there may be one, but its marker cannot be used
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { openLake } from "./lake/open.ts";
 * import { newestCommit } from "./source.ts";
 * const path = await Deno.makeTempDir();
 * const lake = await openLake({ kind: "directory", path });
 * assertEquals(await newestCommit(lake), undefined);
 * lake.close();
 * await Deno.remove(path, { recursive: true });
 * ```
 */
export async function newestCommit(lake: Lake): Promise<BronzeCommit | undefined> {
  const folders = await lake.folders(BRONZE_PREFIX);
  const days = folders.map((folder) => parseDay(dayInKey(folder) ?? ""))
    .filter((day) => day !== undefined).sort().reverse();
  let unusable: Failure | undefined;
  for (const day of days) {
    try {
      const commit = (await readMarker(lake, "bronze", bronzeMarkerKey(day), day))?.commit;
      if (commit !== undefined && commit.rows > 0) return commit;
    } catch (error) {
      if (!(error instanceof Failure) || error.kind !== "data") throw error;
      unusable ??= error;
    }
  }
  if (unusable !== undefined) throw unusable;
  return undefined;
}

/**
 * Confirms that a lake without a record was copied from the table of this run, by the first and the
 * last event_seq of its newest day with events.
 *
 * @throws {Failure} configuration: an event is not in the table
 */
async function confirmFirst(
  connection: Connection,
  { day, minSeq, maxSeq }: BronzeCommit,
  current: Source,
  observer: Observer,
): Promise<void> {
  if (minSeq === null) return warnOfFirstSource(current, day, observer);
  const ends = [...new Set([minSeq, maxSeq!])];
  const [row] = await connection.query(
    `SELECT count(DISTINCT event_seq) AS found FROM ${connection.table} ` +
      `WHERE event_seq IN (${ends.join(", ")}) AND ${within(windowOf(day))}`,
  );
  if (row!.found === String(ends.length)) return;
  throw new Failure({
    kind: "configuration",
    task: `export from ${formatSource(current)}`,
    problem: "the lake does not record which table it was copied from, and this table does not " +
      `have event_seq ${ends.join(" and ")} of ${day}, the newest day with events in bronze. ` +
      "Nothing was changed",
    remedy:
      "Check DJANGO_DB_HOST, DJANGO_DB_NAME and OUTBOX_TABLE. If this is the outbox, and it " +
      `no longer has these events, run the command once with --earlier-source ${UNKNOWN_SOURCE}`,
  });
}

function warnOfFirstSource(current: Source, day: Day, observer: Observer): void {
  observer.step({
    step: "source",
    says: "the lake does not record yet which table it was copied from, and bronze of " +
      `${day} has no event_seq to compare. If ${formatSource(current)} is not that table, check ` +
      "DJANGO_DB_HOST, DJANGO_DB_NAME and OUTBOX_TABLE",
    data: { source: formatSource(current) },
    warning: true,
  });
}

/** What {@linkcode confirmSameOutbox} compares. */
interface Renaming {
  /** The day that the run copies. */
  readonly day: Day;
  /** The source under its earlier name. */
  readonly earlier: Source;
  /** The source that the run reads. */
  readonly current: Source;
  /** Bronze with the events to look for; undefined if bronze has no events. */
  readonly evidence: BronzeCommit | undefined;
}

/**
 * Confirms that a table is the outbox under another name, or after a move of its database.
 *
 * @throws {Failure} configuration: the earlier table still exists, or the last events of bronze are
 *   not in the table
 * @throws {Failure} data: a part of bronze is missing or damaged
 */
async function confirmSameOutbox(
  connection: Connection,
  lake: Lake,
  { day, earlier, current, evidence }: Renaming,
): Promise<void> {
  const notTheSame = (problem: string) =>
    new Failure({
      kind: "configuration",
      task: `export ${day} from ${formatSource(current)}`,
      problem: `${problem}. Nothing was changed`,
      remedy: "Set DJANGO_DB_HOST, DJANGO_DB_NAME and OUTBOX_TABLE to the table that the backend " +
        "writes",
    });
  if (!isSameTable(earlier, current) && isSameDatabase(earlier, current)) {
    if (await tableExists(connection, earlier)) {
      throw notTheSame(`${tableOf(earlier)} still exists, so it was not renamed`);
    }
  }
  if (evidence === undefined) return;
  const ids = await lastEvents(lake, evidence);
  const missing = await missingEvents(connection, windowOf(evidence.day), ids);
  if (missing.size === 0) return;
  const [first] = missing;
  throw notTheSame(
    `it does not have ${missing.size} of the last ${ids.length} events of bronze of ` +
      `${evidence.day}, such as event_id ${first}`,
  );
}

/** Number of events to look for. */
const EVIDENCE = 1000;

/** Returns the identities of the last events of a day in bronze. */
async function lastEvents(lake: Lake, { day, parts }: BronzeCommit): Promise<string[]> {
  const { key } = parts.at(-1)!;
  try {
    const stored = await lake.get(key);
    if (stored === undefined) throw new Error("it is missing");
    const ids: string[] = [];
    for await (const { columns } of openPart(stored.bytes).groups(["event_id"])) {
      ids.push(...(columns[0] as string[]).slice(-EVIDENCE));
    }
    return ids.slice(-EVIDENCE);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure({
      kind: "data",
      task: `read ${lake.url(key)}, to compare the last events of ${day} with the outbox`,
      problem: (error as Error).message,
      remedy: `Compare the day with the outbox: deno task postflight --date ${day}`,
      cause: error,
    });
  }
}

function reportSameOutbox(earlier: Source, current: Source, observer: Observer): void {
  const [from, to] = [formatSource(earlier), formatSource(current)];
  observer.step({
    step: "source",
    says: `${to} has the last events of bronze, so it is the outbox that was ${from} before`,
    data: { earlier: from, source: to },
  });
}

function noSuchSource(day: Day, given: string, sources: readonly Source[]): Failure {
  const names = sources.map(formatSource);
  return new Failure({
    kind: "configuration",
    task: `export ${day}`,
    problem: `--earlier-source ${given} is not a source of the lake` +
      (names.length === 0 ? "" : `, which has ${names.join(", ")}`) + ". Nothing was changed",
    remedy: "Leave out --earlier-source. If it is needed, a refusal prints its value.",
  });
}

function otherSource(day: Day, what: string, recorded: Source, current: Source): Failure {
  const isTable = !isSameTable(recorded, current);
  const remedy = isTable
    ? "Set OUTBOX_TABLE, or database.table in the project file, to the table that the lake was " +
      `copied from. ${accepting("this is the same table under another name", recorded)}`
    : "Check DJANGO_DB_HOST and DJANGO_DB_NAME. " +
      accepting("the database was moved or renamed", recorded);
  return new Failure({
    kind: "configuration",
    task: `export ${day}`,
    problem: `${what} was copied from ${formatSource(recorded)}, and this run would read ` +
      `${formatSource(current)}. Nothing was changed`,
    remedy,
  });
}

function accepting(condition: string, recorded: Source): string {
  return `If ${condition}, run the command once with --earlier-source ` +
    `${shellQuote(formatSource(recorded))}`;
}
