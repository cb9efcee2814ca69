import {
  createOperations,
  type Key,
  KEY_COLUMNS,
  type KeyRange,
  type Operations,
  REPLAYED,
} from "./operations.ts";
import type { EventScan } from "./replay_order.ts";
import type { FixedCells } from "./typed_columns.ts";

/**
 * The largest number of operations in memory. With this number, they take about 75 MB.
 */
const MOST_OPERATIONS = 300_000;

/** The smallest number of operations in memory, so that a range of keys can be halved. */
const FEWEST_OPERATIONS = 2;

/** The operations of a range of keys. */
export interface ReplayedRange {
  /** The states of the operations. The next range uses the same object again. */
  readonly operations: Operations;
  /** The operations of this range, sorted by client and then by operation. */
  readonly order: Uint32Array;
  /** True if no other range follows. */
  readonly isLast: boolean;
}

/** A replayed day. */
export interface Replay {
  /** The clients of the day's executions. With several ranges, also their previous clients. */
  readonly clients: ReadonlySet<bigint>;
  /** Returns the operations in the order of silver, in one or more ranges. May be called once. */
  ranges(): AsyncGenerator<ReplayedRange>;
}

/**
 * Replays events into the states of their operations. A day with more operations than fit into
 * memory is replayed range by range. Every range reads the events again. The ranges do not change
 * the result.
 *
 * @param events the number of events; the number of operations is never larger
 * @param most the largest number of operations in memory
 */
export async function replayEvents(
  scan: EventScan,
  events: number,
  most: number = MOST_OPERATIONS,
): Promise<Replay> {
  const operations = createOperations(Math.max(Math.min(events, most), FEWEST_OPERATIONS));
  const clients = new Set<bigint>();
  const count = await replay(scan, {}, operations, events);
  if (count === 1) {
    const order = operations.sorted();
    const ids = operations.cells.client_id as FixedCells;
    for (const index of order) clients.add(ids.view.getBigInt64(8 * index, true));
    return {
      clients,
      async *ranges() {
        yield { operations, order, isLast: true };
      },
    };
  }
  const borders = operations.borders(count);
  for await (const group of scan(KEY_COLUMNS)) operations.addClients(group, clients);
  return { clients, ranges: () => replayRanges(scan, {}, borders, operations, events) };
}

/** Replays a range in several ranges, which end at the borders and at the end of the range. */
async function* replayRanges(
  scan: EventScan,
  { after, upTo }: KeyRange,
  borders: readonly Key[],
  operations: Operations,
  events: number,
): AsyncGenerator<ReplayedRange> {
  for (let i = 0; i <= borders.length; i++) {
    const range = { after: borders[i - 1] ?? after, upTo: borders[i] ?? upTo };
    const count = await replay(scan, range, operations, events);
    if (count === 1) {
      yield { operations, order: operations.sorted(), isLast: range.upTo === undefined };
    } else yield* replayRanges(scan, range, operations.borders(count), operations, events);
  }
}

/**
 * Replays the events of a range of keys. An operation whose client changes has several keys.
 * Therefore, a first scan finds the operations with any key in the range, and a second scan replays
 * all their events.
 *
 * @returns 1; or, if the range has too many operations, the number of ranges to divide it into
 */
async function replay(
  scan: EventScan,
  range: KeyRange,
  operations: Operations,
  events: number,
): Promise<number> {
  operations.reset(range);
  const isBounded = range.after !== undefined || range.upTo !== undefined;
  let seen = 0;
  for await (const group of scan(isBounded ? KEY_COLUMNS : REPLAYED)) {
    seen += group.to - group.from;
    if (isBounded ? operations.collect(group) : operations.fold(group)) continue;
    // Later events have about as many new operations as earlier ones. Some room is left.
    return Math.min(Math.ceil(1 + events / seen), operations.capacity);
  }
  if (isBounded) { for await (const group of scan(REPLAYED)) operations.fold(group); }
  return 1;
}
