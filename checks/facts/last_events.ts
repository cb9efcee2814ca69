import { EXECUTION_STATUS } from "../../pipeline/contract/tables.ts";
import type { Chunk } from "../../pipeline/lake/parquet_pages.ts";
import {
  int32List,
  int64List,
  type ListedText,
  numberKeys,
  readInt64Words,
  type TextList,
  uint8List,
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
  /** The number of the event's operation, from 0, if the fact was gathered. */
  readonly operation?: number;
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

/** An execution event with the place of its event_id in a list. */
export type NumberedEvent =
  & Omit<LastEvent, "event_id" | "text" | "operation">
  & { readonly id: number };

/** The types of the events of an execution. */
export const EXECUTION_TYPES: readonly string[] = [...EXECUTION_STATUS.keys()];

/** The usual number of events of an operation. */
export const EVENTS_PER_OPERATION = 3;

/** The execution events that were read, and the last one of each operation. */
export interface EventLog {
  /** The last events. */
  readonly events: LastEvents;
  /** Returns the number of the operation in a row. A new operation gets the next number. */
  add(operations: Chunk, row: number): number;
  /** Returns the number of the operation in a row; -1 if it has no execution event. */
  numberOf(operations: Chunk, row: number): number;
  /** Returns the last event of the operation with a number. */
  lastOf(operation: number): LastEvent;
  /** Adds an event. Returns whether the event is the last one of its operation until now. */
  note(operation: number, event: NumberedEvent): boolean;
  /** Returns whether an event comes after another one in replay order, by their ids. */
  follows(id: number, other: number): boolean;
  /** Returns the time of an event by its id. */
  timeOf(id: number): bigint;
}

/**
 * Begins without events. The log needs about 17 bytes for an event, and 40 for an operation.
 *
 * @param ids the event_ids
 * @param expected the expected number of events
 */
export function createEventLog(ids: TextList, expected: number): EventLog {
  const expectedOperations = expected / EVENTS_PER_OPERATION;
  const operations = numberKeys(2, expectedOperations);
  const words = new Uint32Array(2);
  // By event.
  const seqs = int64List(expected);
  const sequenced = uint8List(expected);
  const times = int64List(expected);
  // By operation.
  const numbers = int32List(expectedOperations);
  const types = uint8List(expectedOperations);
  const clients = int64List(expectedOperations);
  let length = 0;

  const seqOf = (id: number) => sequenced.get(id) === 0 ? null : seqs.get(id);

  // Most pairs differ in their event_seq, so the texts are seldom needed.
  const replayKey = () => ({
    id: 0,
    get event_seq() {
      return seqOf(this.id);
    },
    get occurred_at() {
      return times.get(this.id);
    },
    get event_id() {
      return ids.text(this.id);
    },
  });
  const [candidate, kept] = [replayKey(), replayKey()];
  function isLater(id: number, other: number): boolean {
    candidate.id = id;
    kept.id = other;
    return follows(candidate, kept);
  }

  /** An event whose values are read only where one is needed. */
  class KeptEvent implements LastEvent, ListedText {
    constructor(readonly operation: number) {}

    get event_seq(): bigint | null {
      return seqOf(this.id);
    }

    get occurred_at(): bigint {
      return times.get(this.id);
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
    add(chunk, row) {
      readInt64Words(chunk, row, words);
      return operations.add(words);
    },
    numberOf(chunk, row) {
      readInt64Words(chunk, row, words);
      return operations.find(words) ?? -1;
    },
    lastOf: (operation) => new KeptEvent(operation),
    note(operation, { id, event_seq, occurred_at, event_type, client_id }) {
      sequenced.set(id, event_seq === null ? 0 : 1);
      seqs.set(id, event_seq ?? 0n);
      times.set(id, occurred_at);
      if (operation < length && !isLater(id, numbers.get(operation))) return false;
      length = Math.max(length, operation + 1);
      numbers.set(operation, id);
      types.set(operation, EXECUTION_TYPES.indexOf(event_type));
      clients.set(operation, client_id);
      return true;
    },
    follows: isLater,
    timeOf: (id) => times.get(id),
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
