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

/** The event that comes last in the order of a replay. */
export interface LastEvent {
  /** The outbox's own number of it. */
  readonly event_seq: bigint | null;
  /** Microseconds since 1970. */
  readonly occurred_at: bigint;
  /** Its UUID. */
  readonly event_id: string;
  /** One of the execution types. */
  readonly event_type: string;
  /** Whose operation it is. */
  readonly client_id: bigint;
}

/** What bronze has of a day. What comes from the rows is whole only if all parts were collected. */
export interface BronzeFact extends LakeDay<BronzeCommit> {
  /** How many different event_ids the rows have. */
  readonly events: number;
  /** Some event_ids that occur more than once, at most five. */
  readonly repeated: readonly string[];
  /** Rows per event type. */
  readonly eventTypes: ReadonlyMap<string, number>;
  /** The last execution event of every operation that has one. */
  readonly lastEvents: ReadonlyMap<bigint, LastEvent>;
  /** The events that the marker says are in quarantine; undefined where they cannot be read. */
  readonly quarantine?: Quarantine["events"];
  /** Why they cannot be read. */
  readonly quarantineProblem?: string;
  /** Hexadecimal digests of the markers that amendments replaced, as far as the history tells. */
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

/** How many event_ids are kept as examples of those that repeat. */
const REPEATED = 5;

/**
 * Reads a day of bronze: its marker, what is listed, and every part and quarantine that the marker names.
 *
 * @throws {Failure} the lake is out of reach or refuses; what is damaged is part of the fact
 */
export async function gatherBronze(lake: Lake, day: Day): Promise<BronzeFact> {
  const markerKey = bronzeMarkerKey(day);
  const read = () => readMarker(lake, "bronze", markerKey, day);
  const prefix = bronzePrefix(day);
  const source = { day, markerKey, read, prefix, ofDay: () => true, columns: COLUMNS };
  const fact = await gatherLakeDay<BronzeCommit, Collected>(lake, "bronze", source, begin);
  const past = new Set<string>();
  if (fact.marker === undefined) return { ...fact, past };
  const { commit } = fact.marker;
  // What the history and the quarantine hold is never removed, so that it can be read later than the rest.
  await orProblem(async () => {
    for await (const sha256 of pastMarkers(lake, day, commit)) past.add(sha256);
  });
  const quarantine = await orProblem(() => readQuarantine(lake, day, commit.quarantine));
  return typeof quarantine === "string"
    ? { ...fact, past, quarantineProblem: quarantine }
    : { ...fact, past, quarantine: quarantine.events };
}

/** What a reading returns, or what is wrong with the data that it reads. */
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
 * Whether an event comes after another one in the order of a replay: by event_seq, those without one
 * first, then occurred_at, then event_id. Silver's own code ranks events by their place in bronze;
 * this compares their keys, so that neither repeats a mistake of the other.
 */
export function follows(a: LastEvent, b: LastEvent): boolean {
  if (a.event_seq !== b.event_seq) {
    if (a.event_seq === null || b.event_seq === null) return b.event_seq === null;
    return a.event_seq > b.event_seq;
  }
  if (a.occurred_at !== b.occurred_at) return a.occurred_at > b.occurred_at;
  return a.event_id > b.event_id;
}
