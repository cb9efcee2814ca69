import { bronzeMarkerKey, bronzePrefix } from "../../pipeline/contract/keys.ts";
import { EVENT_COLUMNS, EXECUTION_STATUS } from "../../pipeline/contract/tables.ts";
import type { Day } from "../../pipeline/contract/window.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { pastMarkers } from "../../pipeline/lake/history.ts";
import { type BronzeCommit, readMarker } from "../../pipeline/lake/marker.ts";
import type { Chunk } from "../../pipeline/lake/parquet_pages.ts";
import { type Quarantine, readQuarantine } from "../../pipeline/quarantine.ts";
import { type ChunkGroup, gatherLakeDay, type LakeDay } from "./lake_day.ts";
import {
  addText,
  countTexts,
  int32List,
  int64List,
  type ListedText,
  numberKeys,
  readInt64,
  readInt64Words,
  readTexts,
  type TextList,
  textList,
} from "./typed_rows.ts";

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
  /** The event's UUID as the fact keeps it, if the fact was gathered. */
  readonly text?: ListedText;
}

/** The fields of an event that decide its place in a replay. */
export type ReplayKey = Pick<LastEvent, "event_seq" | "occurred_at" | "event_id">;

/** The last execution event of each operation, by operation_id. A `Map` has the same methods. */
export interface LastEvents {
  /** The number of operations. */
  readonly size: number;
  /** Returns whether the operation has an execution event. */
  has(operation: bigint): boolean;
  /** Returns the last event of the operation. */
  get(operation: bigint): LastEvent | undefined;
  /** The operations. */
  keys(): Iterable<bigint>;
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
  readonly lastEvents: LastEvents;
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

function begin(expected: number) {
  const ids = textList(expected);
  const eventTypes = new Map<string, number>();
  const last = lastEventList(ids, expected);
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
    for (let i = 0; i < rows; i++) {
      const id = addText(ids, idColumn, i);
      const event_type = typeOf(i);
      eventTypes.set(event_type, (eventTypes.get(event_type) ?? 0) + 1);
      if (!EXECUTION_STATUS.has(event_type)) continue;
      const event_seq = seqs.places[i]! < 0 ? null : readInt64(seqs, i);
      const place = last.place(operations, i);
      if (last.isLater(place, event_seq, readInt64(times, i), id)) {
        last.set(place, {
          event_seq,
          occurred_at: readInt64(times, i),
          id,
          event_type,
          client_id: readInt64(clients, i),
        });
      }
    }
  }
  function finish(): Collected {
    const { different, repeated } = countTexts(ids, REPEATED);
    return { events: different, repeated, eventTypes, lastEvents: last.events };
  }
  return { collect, finish };
}

/** An event with the place of its event_id in a list. */
type NumberedEvent = Omit<LastEvent, "event_id" | "text"> & { readonly id: number };

const EXECUTION_TYPES = [...EXECUTION_STATUS.keys()];

/** The usual number of events of an operation. */
const EVENTS_PER_OPERATION = 3;

/** Keeps the last event of each operation, in about 50 bytes. */
function lastEventList(ids: TextList, expected: number) {
  const operations = numberKeys(2, expected / EVENTS_PER_OPERATION);
  const words = new Uint32Array(2);
  const seqs = int64List();
  const sequenced = int32List();
  const times = int64List();
  const numbers = int32List();
  const types = int32List();
  const clients = int64List();

  let length = 0;

  function set(operation: number, event: NumberedEvent): void {
    length = Math.max(length, operation + 1);
    sequenced.set(operation, event.event_seq === null ? 0 : 1);
    seqs.set(operation, event.event_seq ?? 0n);
    times.set(operation, event.occurred_at);
    numbers.set(operation, event.id);
    types.set(operation, EXECUTION_TYPES.indexOf(event.event_type));
    clients.set(operation, event.client_id);
  }

  // Most pairs differ in their event_seq, so the texts are seldom needed.
  const replayKey = () => ({
    event_seq: null as bigint | null,
    occurred_at: 0n,
    id: 0,
    get event_id() {
      return ids.text(this.id);
    },
  });
  const [candidate, kept] = [replayKey(), replayKey()];

  /** An event whose values are read only where one is needed. */
  class KeptEvent implements LastEvent, ListedText {
    constructor(readonly operation: number) {}

    get event_seq(): bigint | null {
      return sequenced.get(this.operation) === 0 ? null : seqs.get(this.operation);
    }

    get occurred_at(): bigint {
      return times.get(this.operation);
    }

    get event_id(): string {
      return ids.text(this.id);
    }

    get event_type(): string {
      return EXECUTION_TYPES[types.get(this.operation)]!;
    }

    get client_id(): bigint {
      return clients.get(this.operation);
    }

    get text(): ListedText {
      return this;
    }

    get ids(): TextList {
      return ids;
    }

    get id(): number {
      return numbers.get(this.operation);
    }
  }

  const integers = new BigInt64Array(1);
  const halves = new Uint32Array(integers.buffer);
  function find(operation: bigint): number | undefined {
    integers[0] = operation;
    return operations.find(halves);
  }

  const events: LastEvents = {
    get size() {
      return operations.size;
    },
    has: (operation) => find(operation) !== undefined,
    get(operation) {
      const number = find(operation);
      return number === undefined ? undefined : new KeptEvent(number);
    },
    *keys() {
      for (let number = 0; number < operations.size; number++) {
        const [low, high] = operations.key(number);
        yield BigInt.asIntN(64, BigInt(high!) << 32n | BigInt(low!));
      }
    },
  };
  return {
    events,
    set,
    /** Returns the number of the operation in a row. */
    place(chunk: Chunk, row: number): number {
      readInt64Words(chunk, row, words);
      return operations.add(words);
    },
    /** Returns whether an event comes after the one that is kept for the operation, if any. */
    isLater(
      operation: number,
      event_seq: bigint | null,
      occurred_at: bigint,
      id: number,
    ): boolean {
      if (operation === length) return true;
      candidate.event_seq = event_seq;
      candidate.occurred_at = occurred_at;
      candidate.id = id;
      kept.event_seq = sequenced.get(operation) === 0 ? null : seqs.get(operation);
      kept.occurred_at = times.get(operation);
      kept.id = numbers.get(operation);
      return follows(candidate, kept);
    },
  };
}

/**
 * Returns whether event `a` comes after event `b` in replay order: by event_seq (null first), then
 * occurred_at, then event_id. The code that makes silver ranks events by their position in bronze.
 * This function compares the keys instead, so the two do not share a mistake.
 */
export function follows(a: ReplayKey, b: ReplayKey): boolean {
  if (a.event_seq !== b.event_seq) {
    if (a.event_seq === null || b.event_seq === null) return b.event_seq === null;
    return a.event_seq > b.event_seq;
  }
  if (a.occurred_at !== b.occurred_at) return a.occurred_at > b.occurred_at;
  return a.event_id > b.event_id;
}
