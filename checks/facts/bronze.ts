import { bronzeMarkerKey, bronzePrefix } from "../../pipeline/contract/keys.ts";
import { EVENT_COLUMNS, EXECUTION_STATUS } from "../../pipeline/contract/tables.ts";
import type { Day } from "../../pipeline/contract/window.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { pastMarkers } from "../../pipeline/lake/history.ts";
import { type BronzeCommit, readMarker } from "../../pipeline/lake/marker.ts";
import type { FileGroup } from "../../pipeline/lake/parquet_reader.ts";
import { type Quarantine, readQuarantine } from "../../pipeline/quarantine.ts";
import { gatherLakeDay, type LakeDay } from "./lake_day.ts";

/** The last execution event of an operation, in replay order. */
export interface LastEvent {
  /** The event's sequence number in the outbox, or null. */
  readonly event_seq: bigint | null;
  /** The time of the event, in microseconds since 1970. */
  readonly occurred_at: bigint;
  /** The event's UUID. */
  readonly event_id: string;
  /** The event's type, one of the execution types. */
  readonly event_type: string;
  /** The client of the operation. */
  readonly client_id: bigint;
}

/**
 * One day of bronze. Fields that are computed from rows are complete only if every part was
 * collected.
 */
export interface BronzeFact extends LakeDay<BronzeCommit> {
  /** The number of different event_ids in the rows. */
  readonly events: number;
  /** Examples of event_ids that occur more than once, at most five. */
  readonly repeated: readonly string[];
  /** The number of rows per event type. */
  readonly eventTypes: ReadonlyMap<string, number>;
  /** The last execution event of each operation, by operation_id. */
  readonly lastEvents: ReadonlyMap<bigint, LastEvent>;
  /**
   * The events in the quarantine that the marker links to; undefined if the quarantine cannot be
   * read.
   */
  readonly quarantine?: Quarantine["events"];
  /** The reason why the quarantine cannot be read. */
  readonly quarantineProblem?: string;
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
 * @throws {Failure} the lake is unreachable or refuses a request; damaged objects are part of the
 *   fact
 */
export async function gatherBronze(lake: Lake, day: Day): Promise<BronzeFact> {
  const markerKey = bronzeMarkerKey(day);
  const read = () => readMarker(lake, "bronze", markerKey, day);
  const list = () => lake.list(bronzePrefix(day));
  const source = { day, markerKey, read, list, columns: COLUMNS };
  const fact = await gatherLakeDay<BronzeCommit, Collected>(lake, "bronze", source, begin);
  const past = new Set<string>();
  if (fact.marker === undefined) return { ...fact, past };
  const { commit } = fact.marker;
  // The history and the quarantine are never removed, so they can be read after the parts.
  await orProblem(async () => {
    for await (const sha256 of pastMarkers(lake, day, commit)) past.add(sha256);
  });
  const quarantine = await orProblem(() => readQuarantine(lake, day, commit.quarantine));
  return typeof quarantine === "string"
    ? { ...fact, past, quarantineProblem: quarantine }
    : { ...fact, past, quarantine: quarantine.events };
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

type Collected = Pick<BronzeFact, "events" | "repeated" | "eventTypes" | "lastEvents">;

function begin() {
  const ids = new Set<string>();
  const repeated = new Set<string>();
  const eventTypes = new Map<string, number>();
  const lastEvents = new Map<bigint, LastEvent>();
  function collect({ rows, columns }: FileGroup): void {
    const [idColumn, seqs, times, operations, clients, types] = columns as [
      string[],
      (bigint | null)[],
      bigint[],
      bigint[],
      bigint[],
      string[],
    ];
    for (let i = 0; i < rows; i++) {
      const [event_id, event_type] = [idColumn[i]!, types[i]!];
      if (!ids.has(event_id)) ids.add(event_id);
      else if (repeated.size < REPEATED) repeated.add(event_id);
      eventTypes.set(event_type, (eventTypes.get(event_type) ?? 0) + 1);
      if (!EXECUTION_STATUS.has(event_type)) continue;
      const operation = operations[i]!;
      const event: LastEvent = {
        event_seq: seqs[i]!,
        occurred_at: times[i]!,
        event_id,
        event_type,
        client_id: clients[i]!,
      };
      const last = lastEvents.get(operation);
      if (last === undefined || follows(event, last)) lastEvents.set(operation, event);
    }
  }
  function finish(): Collected {
    return { events: ids.size, repeated: [...repeated], eventTypes, lastEvents };
  }
  return { collect, finish };
}

/**
 * Returns whether event `a` comes after event `b` in replay order: by event_seq (null first), then
 * occurred_at, then event_id. The code that makes silver ranks events by their position in bronze.
 * This function compares the keys instead, so the two do not share a mistake.
 */
export function follows(a: LastEvent, b: LastEvent): boolean {
  if (a.event_seq !== b.event_seq) {
    if (a.event_seq === null || b.event_seq === null) return b.event_seq === null;
    return a.event_seq > b.event_seq;
  }
  if (a.occurred_at !== b.occurred_at) return a.occurred_at > b.occurred_at;
  return a.event_id > b.event_id;
}
