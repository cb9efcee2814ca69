import type { Column } from "../../pipeline/contract/column.ts";
import { bronzeMarkerKey, bronzePrefix } from "../../pipeline/contract/keys.ts";
import { EVENT_COLUMNS, EXECUTION_STATUS } from "../../pipeline/contract/tables.ts";
import type { Source } from "../../pipeline/contract/source.ts";
import { type Day, windowOf } from "../../pipeline/contract/window.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { pastMarkers } from "../../pipeline/lake/history.ts";
import { type BronzeCommit, readMarker } from "../../pipeline/lake/marker.ts";
import type { Chunk } from "../../pipeline/lake/parquet_pages.ts";
import { readSources } from "../../pipeline/lake/source_record.ts";
import { type Quarantine, readQuarantine } from "../../pipeline/quarantine.ts";
import { type ChunkGroup, type Collection, gatherLakeDay, type LakeDay } from "./lake_day.ts";
import {
  createEventLog,
  type EventLog,
  EVENTS_PER_OPERATION,
  type LastEvents,
} from "./last_events.ts";
import {
  createLatestValues,
  type LatestValues,
  type RowEvents,
  SOURCE_COLUMNS,
  timeSetBy,
} from "./latest_values.ts";
import { addText, countTexts, readInt64, readTexts, textList } from "./typed_rows.ts";

/** The operations of bronze by number, and their latest values. */
export interface Operations extends Pick<EventLog, "numberOf" | "lastOf"> {
  /** The latest values by number. */
  readonly values: LatestValues;
}

/**
 * One day of bronze. Fields that are computed from rows are complete only if every part was
 * collected.
 */
export interface BronzeFact extends LakeDay<BronzeCommit> {
  /** The table of the outbox, as SQL writes its name; absent for `stop_events`. */
  readonly outbox?: string;
  /** The number of different event_ids in the rows. */
  readonly events: number;
  /** Examples of event_ids that occur more than once, at most five. */
  readonly repeated: readonly string[];
  /** The number of rows per event type. */
  readonly eventTypes: ReadonlyMap<string, number>;
  /** The last execution event of each operation, by operation_id. */
  readonly lastEvents: LastEvents;
  /** The latest values of the operations, until they are compared with silver. */
  readonly operations?: Operations;
  /**
   * The events in the quarantine that the marker links to; undefined if the quarantine cannot be
   * read.
   */
  readonly quarantine?: Quarantine["events"];
  /** The reason why the quarantine cannot be read. */
  readonly quarantineProblem?: string;
  /** The sources that the lake records, oldest first; absent if it has no record. */
  readonly sources?: readonly Source[];
  /** The reason why the record of the sources cannot be used. */
  readonly sourcesProblem?: string;
  /** Whether the day and its grace period were over when the day was listed. */
  readonly isOver: boolean;
  /** The sha256 digests, in hexadecimal, of the markers in the history that amendments replaced. */
  readonly past: ReadonlySet<string>;
}

const NAMES = [
  "event_id",
  "event_seq",
  "occurred_at",
  "operation_id",
  "client_id",
  "event_type",
];
const COLUMNS = NAMES.map((name) => EVENT_COLUMNS.find((column) => column.name === name)!);

/** The number of repeated event_ids to keep as examples. */
const REPEATED = 5;

/**
 * Reads a day of bronze: the marker, the list of part files, every part that the marker lists, and
 * the quarantine.
 *
 * @param outbox the table of the outbox, for fixes; absent for `stop_events`
 * @param grace the grace period for slow writers after the end of the day, in microseconds
 * @throws {Failure} the lake is unreachable or refuses a request; damaged objects are part of the
 *   fact
 */
export async function gatherBronze(
  lake: Lake,
  day: Day,
  outbox?: string,
  grace = 0n,
): Promise<BronzeFact> {
  const markerKey = bronzeMarkerKey(day);
  const read = () => readMarker(lake, "bronze", markerKey, day);
  const list = () => lake.list(bronzePrefix(day));
  const source = { day, markerKey, read, list, columns: COLUMNS, apart: SOURCE_COLUMNS };
  const fact = await gatherLakeDay<BronzeCommit, Collected>(lake, "bronze", source, begin);
  const past = new Set<string>();
  const record = await orProblem(() => readSources(lake));
  const sources = typeof record === "string"
    ? { sourcesProblem: record }
    : record && { sources: record.sources };
  const isOver = BigInt(fact.listedAt) * 1000n >= windowOf(day).end + grace;
  const named = outbox === undefined ? {} : { outbox };
  const known = { ...fact, ...named, ...sources, isOver, past };
  if (fact.marker === undefined) return known;
  const { commit } = fact.marker;
  // The history and the quarantine are never removed, so they can be read after the parts.
  await orProblem(async () => {
    for await (const sha256 of pastMarkers(lake, day, commit)) past.add(sha256);
  });
  const quarantine = await orProblem(() => readQuarantine(lake, day, commit.quarantine));
  return typeof quarantine === "string"
    ? { ...known, quarantineProblem: quarantine }
    : { ...known, quarantine: quarantine.events };
}

/** Returns the result of a read, or the message of a failure of kind `data`. */
async function orProblem<T>(read: () => Promise<T>): Promise<T | string> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof Failure && error.kind === "data") return error.message;
    throw error;
  }
}

type Collected =
  & Pick<BronzeFact, "events" | "repeated" | "eventTypes" | "lastEvents">
  & Required<Pick<BronzeFact, "operations">>;

function begin(expected: number): Collection<Collected> {
  const ids = textList(expected);
  const eventTypes = new Map<string, number>();
  const log = createEventLog(ids, expected);
  const values = createLatestValues(expected / EVENTS_PER_OPERATION, log);
  let group: RowEvents = eventsOf(0);
  function collect({ rows, columns }: ChunkGroup): void {
    if (rows === 0) return;
    const [idColumn, seqs, times, operations, clients, types] = columns as [
      Chunk,
      Chunk,
      Chunk,
      Chunk,
      Chunk,
      Chunk,
    ];
    const typeOf = readTexts(types);
    group = eventsOf(rows, ids.length, group);
    let count = 0;
    for (let i = 0; i < rows; i++) {
      const id = addText(ids, idColumn, i);
      const event_type = typeOf(i);
      eventTypes.set(event_type, (eventTypes.get(event_type) ?? 0) + 1);
      if (!EXECUTION_STATUS.has(event_type)) continue;
      const operation = log.add(operations, i);
      const isNewest = log.note(operation, {
        event_seq: seqs.places[i]! < 0 ? null : readInt64(seqs, i),
        occurred_at: readInt64(times, i),
        id,
        event_type,
        client_id: readInt64(clients, i),
      });
      group.rows[count] = i;
      group.operations[count] = operation;
      group.newest[count] = isNewest ? 1 : 0;
      group.times[count++] = timeSetBy(event_type);
    }
    group = { ...group, count };
    values.reserve(log.events.size);
    values.takeTimes(group);
  }
  function collectApart({ name }: Column, chunk: Chunk): void {
    values.take(name, chunk, group);
  }
  function finish(): Collected {
    const { different, repeated } = countTexts(ids, REPEATED);
    const operations = { numberOf: log.numberOf, lastOf: log.lastOf, values };
    return { events: different, repeated, eventTypes, lastEvents: log.events, operations };
  }
  return { collect, collectApart, finish };
}

/** Returns arrays for the events of a row group, the same as before if they are long enough. */
function eventsOf(rows: number, first = 0, before?: RowEvents): RowEvents {
  if (before !== undefined && before.rows.length >= rows) return { ...before, first, count: 0 };
  return {
    first,
    count: 0,
    rows: new Int32Array(rows),
    operations: new Int32Array(rows),
    newest: new Uint8Array(rows),
    times: new Int8Array(rows),
  };
}
