import { LAST_BIT, NO_TIME, PLACE_BITS } from "./column_fold.ts";
import { EVENT_TIMES, EXECUTION_STATUS } from "./contract/tables.ts";
import type { Chunk } from "./lake/parquet_pages.ts";
import { codesOf, sortIndexes, textTable } from "./typed_columns.ts";

/** Rows of one row group of bronze. */
export interface EventGroup {
  /** The first row. */
  readonly from: number;
  /** The row after the last one. */
  readonly to: number;
  /** The columns of the row group by name. */
  readonly columns: Readonly<Record<string, Chunk>>;
  /**
   * The place in the replay of each row, from 1. Undefined if the rows come after all rows of the
   * groups before, in their order.
   */
  readonly ranks: Uint32Array | undefined;
}

/** A client and an operation. Executions are sorted by client, then by operation. */
export interface Key {
  /** The client's id. */
  readonly client: bigint;
  /** The operation's id. */
  readonly operation: bigint;
}

/** The keys after one key, up to and including another; undefined is no bound. */
export interface KeyRange {
  /** The key before the first one. */
  readonly after?: Key | undefined;
  /** The last key. */
  readonly upTo?: Key | undefined;
}

/** The operations of a range of keys. */
export interface Operations {
  /** The largest number of operations. */
  readonly capacity: number;
  /** The largest rank until now. Events without ranks get the numbers after it. */
  readonly newest: number;
  /**
   * Adds the operations that have an execution event with a key in the range.
   *
   * @returns false if there are too many of them
   */
  collect(group: EventGroup): boolean;
  /**
   * Finds the operations of events. Events that are not of an execution type have no effect.
   * Without bounds, new operations are added; with a bound, only events of operations that
   * {@linkcode collect} has added are used.
   *
   * @param targets receives the target of each row, with the index of the operation
   * @returns false if there are too many operations
   */
  find(group: EventGroup, targets: Int32Array): boolean;
  /** Adds the clients of all execution events. */
  addClients(group: EventGroup, clients: Set<bigint>): void;
  /** The keys that divide the operations into ranges of about the same size. */
  borders(ranges: number): Key[];
  /** The operations whose last event has a key in the range. No event can be found after that. */
  sort(): SortedOperations;
  /** Frees the memory at once, instead of at some later garbage collection. */
  free(): void;
}

/** Operations in the order of silver. The arrays have the place of an operation as their index. */
export interface SortedOperations {
  /** The number of operations. */
  readonly count: number;
  /** The ids of the operations, in lower and upper halves. */
  readonly operationIds: Int32Array<ArrayBuffer>;
  /** The ids of the clients, in lower and upper halves. */
  readonly clientIds: Int32Array<ArrayBuffer>;
  /** The number of each status in {@linkcode STATUSES}. */
  readonly statuses: Uint32Array;
  /**
   * Makes the targets final: replaces the indexes of the operations by their places, and marks the
   * last event of each operation.
   *
   * @param targets the targets of a group, from {@linkcode Operations.find}
   * @param ranks the ranks of the group; its first rank if they are consecutive
   */
  place(targets: Int32Array, ranks: Uint32Array | number): void;
  /** Frees the memory of the arrays at once. */
  free(): void;
}

/** The columns of bronze that the operations are found with. */
export const KEY_COLUMNS = ["event_type", "client_id", "operation_id"] as const;

/** The largest number of operations in memory, whatever the limit of a run. */
export const MOST_PLACES: number = 1 << PLACE_BITS;

/** All values of the column `status`. */
export const STATUSES: readonly string[] = [...new Set(EXECUTION_STATUS.values())];

/** The columns of silver that {@linkcode EVENT_TIMES} names. A time's number is its index. */
export const TIMES: readonly string[] = [...EVENT_TIMES.values()];

/**
 * Begins to find operations. The arrays take up to 40 bytes per operation.
 *
 * @param capacity the largest number of operations, at least 2
 */
export function createOperations(capacity: number, range: KeyRange): Operations {
  const operationIds = new Int32Array(2 * capacity);
  const clientIds = new Int32Array(2 * capacity);
  const slots = new Uint32Array(2 << (32 - Math.clz32(capacity - 1)));
  const mask = slots.length - 1;
  /** The rank of the last event of each operation. */
  const last = new Uint32Array(capacity);
  /** The number of the status that the last event sets, from 1. */
  const statuses = new Uint8Array(capacity);
  const types = textTable();
  /** By the number of an event type: the number of its status from 1; 0 if it has none. */
  const statusOfType: number[] = [];
  /** The bits of the targets of the type's events. */
  const bitsOfType: number[] = [];
  const bounds: Bounds = { after: boundOf(range.after), upTo: boundOf(range.upTo) };
  let count = 0;
  let newest = 0;

  /** The operation of an id, which is added if it is new; -1 if it is not added. */
  function find(low: number, high: number, adds: boolean): number {
    let slot = hash(low, high) & mask;
    for (;; slot = slot + 1 & mask) {
      const found = slots[slot]!;
      if (found === 0) break;
      const at = 2 * (found - 1);
      if (operationIds[at] === low && operationIds[at + 1] === high) return found - 1;
    }
    if (!adds || count === capacity) return -1;
    operationIds[2 * count] = low;
    operationIds[2 * count + 1] = high;
    slots[slot] = count + 1;
    return count++;
  }

  /** The number of the type of each row. */
  function typesOf({ columns, from, to }: EventGroup): Uint32Array {
    const codes = codesOf(columns.event_type!, types, from, to);
    for (let code = statusOfType.length; code < types.texts.length; code++) {
      const type = UTF8.decode(types.texts[code]!);
      const status = EXECUTION_STATUS.get(type);
      const time = EVENT_TIMES.get(type);
      statusOfType.push(status === undefined ? 0 : STATUSES.indexOf(status) + 1);
      bitsOfType.push((time === undefined ? NO_TIME : TIMES.indexOf(time)) << PLACE_BITS);
    }
    return codes;
  }

  /** The operations whose last event has a key in the range, sorted by key. */
  function order(): Uint32Array<ArrayBuffer> {
    const all = indexes(count);
    const { after, upTo } = bounds;
    const own = after === undefined && upTo === undefined ? all : all.filter((i) =>
      isWithin(
        bounds,
        clientIds[2 * i + 1]!,
        clientIds[2 * i]!,
        operationIds[2 * i + 1]!,
        operationIds[2 * i]!,
      )
    );
    const sorted = sortIndexes(own, [operationIds, clientIds]);
    freeArrays([all, own]);
    return sorted;
  }

  return {
    capacity,
    get newest() {
      return newest;
    },
    collect(group) {
      const { from, to, columns } = group;
      const codes = typesOf(group);
      const { operation_id, client_id } = columns as { operation_id: Chunk; client_id: Chunk };
      for (let row = from; row < to; row++) {
        if (statusOfType[codes[row]!] === 0) continue;
        const [operation, client] = [operation_id.places[row]!, client_id.places[row]!];
        const low = operation_id.view.getInt32(operation, true);
        const high = operation_id.view.getInt32(operation + 4, true);
        const clientLow = client_id.view.getInt32(client, true);
        const clientHigh = client_id.view.getInt32(client + 4, true);
        if (!isWithin(bounds, clientHigh, clientLow, high, low)) continue;
        const before = count;
        const target = find(low, high, true);
        if (target < 0) return false;
        if (count === before) continue;
        clientIds[2 * target] = clientLow;
        clientIds[2 * target + 1] = clientHigh;
      }
      return true;
    },
    find(group, targets) {
      const { from, to, columns, ranks } = group;
      const codes = typesOf(group);
      const adds = range.after === undefined && range.upTo === undefined;
      const { operation_id, client_id } = columns as { operation_id: Chunk; client_id: Chunk };
      const { view, places } = operation_id;
      const first = newest + 1 - from;
      for (let row = from; row < to; row++) {
        const status = statusOfType[codes[row]!]!;
        const rank = ranks === undefined ? first + row : ranks[row]!;
        if (rank > newest) newest = rank;
        if (status === 0) {
          targets[row - from] = -1;
          continue;
        }
        const place = places[row]!;
        const target = find(view.getInt32(place, true), view.getInt32(place + 4, true), adds);
        if (target < 0) {
          if (adds) return false;
          targets[row - from] = -1;
          continue;
        }
        targets[row - from] = target | bitsOfType[codes[row]!]!;
        if (rank < last[target]!) continue;
        last[target] = rank;
        statuses[target] = status;
        const client = client_id.places[row]!;
        clientIds[2 * target] = client_id.view.getInt32(client, true);
        clientIds[2 * target + 1] = client_id.view.getInt32(client + 4, true);
      }
      return true;
    },
    addClients(group, clients) {
      const codes = typesOf(group);
      const { view, places } = group.columns.client_id!;
      for (let row = group.from; row < group.to; row++) {
        if (statusOfType[codes[row]!] !== 0) clients.add(view.getBigInt64(places[row]!, true));
      }
    },
    borders(ranges) {
      const sorted = sortIndexes(indexes(count), [operationIds, clientIds]);
      return Array.from({ length: ranges - 1 }, (_, i): Key => {
        const at = 2 * sorted[Math.floor(count * (i + 1) / ranges) - 1]!;
        return {
          client: BigInt(clientIds[at + 1]!) << 32n | BigInt(clientIds[at]! >>> 0),
          operation: BigInt(operationIds[at + 1]!) << 32n | BigInt(operationIds[at]! >>> 0),
        };
      });
    },
    sort() {
      freeArrays([slots]);
      const sorted = order();
      const placeOf = new Int32Array(count).fill(-1);
      sorted.forEach((index, place) => placeOf[index] = place);
      const own = {
        count: sorted.length,
        operationIds: new Int32Array(2 * sorted.length),
        clientIds: new Int32Array(2 * sorted.length),
        statuses: new Uint32Array(sorted.length),
      };
      for (let place = 0; place < sorted.length; place++) {
        const index = sorted[place]!;
        own.operationIds[2 * place] = operationIds[2 * index]!;
        own.operationIds[2 * place + 1] = operationIds[2 * index + 1]!;
        own.clientIds[2 * place] = clientIds[2 * index]!;
        own.clientIds[2 * place + 1] = clientIds[2 * index + 1]!;
        own.statuses[place] = statuses[index]! - 1;
      }
      freeArrays([sorted]);
      return {
        ...own,
        free: () => freeArrays([own.operationIds, own.clientIds, own.statuses, placeOf]),
        place(targets, ranks) {
          const mask = MOST_PLACES - 1;
          for (let i = 0; i < targets.length; i++) {
            const target = targets[i]!;
            if (target < 0) continue;
            const index = target & mask;
            const rank = typeof ranks === "number" ? ranks + i : ranks[i]!;
            const bits = target & ~mask | (last[index] === rank ? LAST_BIT : 0);
            targets[i] = placeOf[index]! < 0 ? -1 : placeOf[index]! | bits;
          }
        },
      };
    },
    free: () => freeArrays([operationIds, clientIds, slots, last, statuses]),
  };
}

function freeArrays(arrays: readonly ArrayBufferView<ArrayBuffer>[]): void {
  for (const { buffer } of arrays) if (!buffer.detached) buffer.transfer(0);
}

// A byte order mark is a character like any other.
const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

function indexes(count: number): Uint32Array<ArrayBuffer> {
  const all = new Uint32Array(count);
  for (let i = 0; i < count; i++) all[i] = i;
  return all;
}

/** A key in signed upper and unsigned lower halves: the client, then the operation. */
type Bound = readonly [number, number, number, number] | undefined;

/** The bounds of a range. */
interface Bounds {
  readonly after: Bound;
  readonly upTo: Bound;
}

function boundOf(key: Key | undefined): Bound {
  if (key === undefined) return undefined;
  const halves = (id: bigint) => [Number(id >> 32n), Number(id & 0xffff_ffffn)] as const;
  return [...halves(key.client), ...halves(key.operation)];
}

function isWithin(
  { after, upTo }: Bounds,
  clientHigh: number,
  clientLow: number,
  high: number,
  low: number,
): boolean {
  return (after === undefined || compareKey(clientHigh, clientLow, high, low, after) > 0) &&
    (upTo === undefined || compareKey(clientHigh, clientLow, high, low, upTo) <= 0);
}

function compareKey(
  clientHigh: number,
  clientLow: number,
  high: number,
  low: number,
  bound: NonNullable<Bound>,
): number {
  return clientHigh - bound[0] || (clientLow >>> 0) - bound[1] || high - bound[2] ||
    (low >>> 0) - bound[3];
}

/** Sixteen ids that follow each other have adjacent slots, because they are often used together. */
function hash(low: number, high: number): number {
  const mixed = Math.imul(low >>> 4 ^ Math.imul(high, 0x85eb_ca6b), 0x9e37_79b1);
  return (mixed ^ mixed >>> 15) << 4 | low & 15;
}
