import type { ColumnType } from "./contract/column.ts";
import { EVENT_TIMES, EXECUTION_COLUMNS, EXECUTION_STATUS } from "./contract/tables.ts";
import type { Chunk } from "./lake/parquet_pages.ts";
import {
  type Cells,
  codedCells,
  codesOf,
  fixedCells,
  sortIndexes,
  takeValues,
  textCells,
  textTable,
} from "./typed_columns.ts";

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

/** The states of the operations of a range of keys. */
export interface Operations {
  /** The largest number of operations. */
  readonly capacity: number;
  /** The number of operations until now. */
  readonly count: number;
  /** The values of each column of silver, by operation. */
  readonly cells: Readonly<Record<string, Cells>>;
  /** For each operation, one bit per nullable column of silver: 1 if it has a value. */
  readonly present: Uint16Array;
  /** Forgets all operations, and begins with another range. */
  reset(range: KeyRange): void;
  /**
   * Adds the operations that have an execution event with a key in the range, without their values.
   * Reads only {@linkcode KEY_COLUMNS}.
   *
   * @returns false if there are too many of them
   */
  collect(group: EventGroup): boolean;
  /**
   * Adds events to the state of their operations. Events that are not of an execution type have no
   * effect. Without bounds, new operations are added; with a bound, only events of operations that
   * {@linkcode collect} has added are used.
   *
   * @returns false if there are too many operations
   */
  fold(group: EventGroup): boolean;
  /** Adds the clients of all execution events. Reads only {@linkcode KEY_COLUMNS}. */
  addClients(group: EventGroup, clients: Set<bigint>): void;
  /** The keys that divide the operations into ranges of about the same size. */
  borders(ranges: number): Key[];
  /** The operations whose last event has a key in the range, sorted by key. */
  sorted(): Uint32Array;
}

/** The columns that {@linkcode Operations.collect} reads. */
export const KEY_COLUMNS = ["event_type", "client_id", "operation_id"] as const;

/** Silver's columns that come from an operation's last event, with the column of the event. */
const FROM_LAST: Readonly<Record<string, string>> = {
  execution_id: "event_id",
  client_id: "client_id",
  symbol: "symbol",
  source: "source",
};

/** Silver's nullable columns. A bit of {@linkcode Operations.present} belongs to each of them. */
export const NULLABLE: readonly string[] = EXECUTION_COLUMNS
  .filter(({ nullable }) => nullable).map(({ name }) => name);

const TIMES = [...EVENT_TIMES.values()];
/** Silver's columns that hold the last value that is not null. */
const CARRIED = NULLABLE.filter((name) => !TIMES.some((time) => time === name));

/** The columns that {@linkcode Operations.fold} reads. */
export const REPLAYED = [
  ...new Set([...KEY_COLUMNS, "occurred_at", ...Object.values(FROM_LAST), ...CARRIED]),
];

/** Room for a text, in bytes: an id has 36. */
const ROOM = 36;
/** Silver's texts of which there are few. */
const REPEATING = new Set(["symbol", "side", "source", "status"]);
/** The widths of the types that are not texts, in bytes. */
const WIDTHS: Readonly<Record<Exclude<ColumnType, "STRING">, number>> = {
  "INT32": 4,
  "INT64": 8,
  "TIMESTAMP(MICROS,UTC)": 8,
  "DECIMAL(20,8)": 9,
  "DECIMAL(10,4)": 8,
};
const STATUSES = [...new Set(EXECUTION_STATUS.values())];

/**
 * Begins the states of operations. The arrays take up to 230 bytes per operation.
 *
 * @param capacity the largest number of operations, at least 2
 */
export function createOperations(capacity: number): Operations {
  const cells = Object.fromEntries(EXECUTION_COLUMNS.map(({ name, type }): [string, Cells] => [
    name,
    REPEATING.has(name)
      ? codedCells(capacity)
      : type === "STRING"
      ? textCells(ROOM, capacity)
      : fixedCells(WIDTHS[type], capacity),
  ]));
  const [operationIds, clientIds] = [halvesOf(cells.operation_id!), halvesOf(cells.client_id!)];
  const statusCodes = (cells.status as ReturnType<typeof codedCells>).codes;
  for (const status of STATUSES) {
    (cells.status as ReturnType<typeof codedCells>).texts.texts.push(
      new TextEncoder().encode(status),
    );
  }
  const slots = new Uint32Array(2 << (32 - Math.clz32(capacity - 1)));
  const mask = slots.length - 1;
  const present = new Uint16Array(capacity);
  /** The rank of the last event of each operation. */
  const last = new Uint32Array(capacity);
  /** The rank of the event that each value is from. Only used where events come out of order. */
  const ranksOf = new Map(NULLABLE.map((name) => [name, new Uint32Array(capacity)]));
  const types = textTable();
  /** By the number of an event type: the number of its status from 1; 0 if it has none. */
  const statusOfType: number[] = [];
  const timeOfType: number[] = [];
  let areRanked = false;
  let count = 0;
  let range: KeyRange = {};
  let bounds = { after: NO_BOUND, upTo: NO_BOUND };
  let scratch = scratchFor(0);
  /** The largest rank until now. */
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
      timeOfType.push(time === undefined ? -1 : TIMES.indexOf(time));
    }
    return codes;
  }

  /** Keeps only the rows that are newer than the values of a column, and notes their ranks. */
  function newer(
    name: string,
    { places }: Chunk,
    targets: Int32Array,
    { from, to, ranks }: EventGroup,
  ): Int32Array {
    if (ranks === undefined) return targets;
    areRanked = true;
    const seen = ranksOf.get(name)!;
    const kept = scratch.kept;
    for (let row = from; row < to; row++) {
      const target = targets[row]!;
      const isNewer = target >= 0 && places[row]! >= 0 && ranks[row]! >= seen[target]!;
      kept[row] = isNewer ? target : -1;
      if (isNewer) seen[target] = ranks[row]!;
    }
    return kept;
  }

  function carry(name: string, chunk: Chunk, all: Int32Array, group: EventGroup): void {
    const targets = newer(name, chunk, all, group);
    const { places } = chunk;
    const bit = 1 << NULLABLE.indexOf(name);
    for (let row = group.from; row < group.to; row++) {
      if (targets[row]! >= 0 && places[row]! >= 0) present[targets[row]!]! |= bit;
    }
    takeValues(cells[name]!, chunk, targets, group.from, group.to);
  }

  return {
    capacity,
    get count() {
      return count;
    },
    cells,
    present,
    reset(next) {
      slots.fill(0);
      present.fill(0, 0, count);
      last.fill(0, 0, count);
      // Arrays that were not used are not touched, so they take no memory.
      if (areRanked) { for (const ranks of ranksOf.values()) ranks.fill(0, 0, count); }
      for (const each of Object.values(cells)) {
        if (each.kind === "text") {
          each.lengths.fill(0, 0, count);
          each.long.clear();
        }
      }
      areRanked = false;
      count = newest = 0;
      range = next;
      bounds = { after: boundOf(next.after), upTo: boundOf(next.upTo) };
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
    fold(group) {
      const { from, to, columns, ranks } = group;
      const codes = typesOf(group);
      const adds = range.after === undefined && range.upTo === undefined;
      const { view, places } = columns.operation_id!;
      if (scratch.targets.length < to) scratch = scratchFor(to);
      const { targets, chosen } = scratch;
      const first = newest + 1 - from;
      for (let row = from; row < to; row++) {
        targets[row] = -1;
        if (statusOfType[codes[row]!] === 0) continue;
        const place = places[row]!;
        const target = find(view.getInt32(place, true), view.getInt32(place + 4, true), adds);
        if (target < 0) {
          if (adds) return false;
          continue;
        }
        targets[row] = target;
        const rank = ranks === undefined ? first + row : ranks[row]!;
        if (rank > last[target]!) last[target] = rank;
      }
      // Only the last event of each operation sets the columns that all events have.
      let largest = newest;
      for (let row = from; row < to; row++) {
        const target = targets[row]!;
        const rank = ranks === undefined ? first + row : ranks[row]!;
        if (rank > largest) largest = rank;
        chosen[row] = -1;
        if (target < 0 || last[target] !== rank) continue;
        chosen[row] = target;
        statusCodes[target] = statusOfType[codes[row]!]! - 1;
      }
      newest = largest;
      for (const [name, column] of Object.entries(FROM_LAST)) {
        takeValues(cells[name]!, columns[column]!, chosen, from, to);
      }
      for (const name of CARRIED) carry(name, columns[name]!, targets, group);
      TIMES.forEach((name, time) => {
        for (let row = from; row < to; row++) {
          chosen[row] = timeOfType[codes[row]!] === time ? targets[row]! : -1;
        }
        carry(name, columns.occurred_at!, chosen, group);
      });
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
      const order = sortIndexes(indexes(count), [operationIds, clientIds]);
      return Array.from({ length: ranges - 1 }, (_, i): Key => {
        const at = 2 * order[Math.floor(count * (i + 1) / ranges) - 1]!;
        return {
          client: BigInt(clientIds[at + 1]!) << 32n | BigInt(clientIds[at]! >>> 0),
          operation: BigInt(operationIds[at + 1]!) << 32n | BigInt(operationIds[at]! >>> 0),
        };
      });
    },
    sorted() {
      const { after, upTo } = bounds;
      const all = indexes(count);
      const own = after === undefined && upTo === undefined ? all : all.filter((i) =>
        isWithin(
          bounds,
          clientIds[2 * i + 1]!,
          clientIds[2 * i]!,
          operationIds[2 * i + 1]!,
          operationIds[2 * i]!,
        )
      );
      return sortIndexes(own, [operationIds, clientIds]);
    },
  };
}

/** Operations by row, for the row group at hand. They are used again for the next row group. */
function scratchFor(rows: number) {
  const array = () => new Int32Array(rows);
  return { targets: array(), chosen: array(), kept: array() };
}

// A byte order mark is a character like any other.
const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** The lower and the upper half of each 64-bit value. */
function halvesOf(cells: Cells): Int32Array {
  return new Int32Array((cells as ReturnType<typeof fixedCells>).view.buffer);
}

function indexes(count: number): Uint32Array {
  const all = new Uint32Array(count);
  for (let i = 0; i < count; i++) all[i] = i;
  return all;
}

/** A key in signed upper and unsigned lower halves: the client, then the operation. */
type Bound = readonly [number, number, number, number] | undefined;

const NO_BOUND: Bound = undefined;

function boundOf(key: Key | undefined): Bound {
  if (key === undefined) return undefined;
  const halves = (id: bigint) => [Number(id >> 32n), Number(id & 0xffff_ffffn)] as const;
  return [...halves(key.client), ...halves(key.operation)];
}

function isWithin(
  { after, upTo }: { readonly after: Bound; readonly upTo: Bound },
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

function hash(low: number, high: number): number {
  const mixed = Math.imul(low ^ Math.imul(high, 0x85eb_ca6b), 0x9e37_79b1);
  return mixed ^ mixed >>> 15;
}
