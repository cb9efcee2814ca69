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
 * The largest number of operations in memory. With this number, a replay takes about 150 MB.
 */
const MOST_OPERATIONS = 800_000;

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
 * @param events the number of events, which no number of operations exceeds
 * @param most the largest number of operations in memory
 */
export async function replayEvents(
  scan: EventScan,
  events: number,
  most: number = MOST_OPERATIONS,
): Promise<Replay> {
  const operations = createOperations(Math.max(Math.min(events, most), FEWEST_OPERATIONS));
  const clients = new Set<bigint>();
  if (await replay(scan, {}, operations)) {
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
  const middle = operations.middle();
  for await (const group of scan(KEY_COLUMNS)) operations.addClients(group, clients);
  return { clients, ranges: () => halves(scan, {}, middle, operations) };
}

/** Replays a range that has too many operations as two ranges. */
async function* halves(
  scan: EventScan,
  range: KeyRange,
  middle: Key,
  operations: Operations,
): AsyncGenerator<ReplayedRange> {
  for (const half of [{ ...range, upTo: middle }, { ...range, after: middle }]) {
    if (await replay(scan, half, operations)) {
      yield { operations, order: operations.sorted(), isLast: half.upTo === undefined };
    } else yield* halves(scan, half, operations.middle(), operations);
  }
}

/**
 * Replays the events of a range of keys. An operation whose client changes has several keys.
 * Therefore, a first scan finds the operations with any key in the range, and a second scan replays
 * all their events.
 *
 * @returns false if the range has too many operations
 */
async function replay(
  scan: EventScan,
  range: KeyRange,
  operations: Operations,
): Promise<boolean> {
  operations.reset(range);
  if (range.after !== undefined || range.upTo !== undefined) {
    for await (const group of scan(KEY_COLUMNS)) if (!operations.collect(group)) return false;
  }
  for await (const group of scan(REPLAYED)) if (!operations.fold(group)) return false;
  return true;
}
