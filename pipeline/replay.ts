import type { RowGroupPlan } from "./column_fold.ts";
import { EXECUTION_COLUMNS } from "./contract/tables.ts";
import {
  beginReading,
  type ColumnReading,
  type LocatedTargets,
  makeColumns,
  rowGroupsOf,
} from "./execution_columns.ts";
import { GROUP_ROWS, type PageRest } from "./execution_pages.ts";
import type { CompressedPage } from "./lake/page_file.ts";
import {
  createOperations,
  type Key,
  KEY_COLUMNS,
  type KeyRange,
  MOST_PLACES,
  type SortedOperations,
} from "./operations.ts";
import { type PageCodec, THIS_THREAD } from "./page_thread.ts";
import type { Events } from "./replay_order.ts";

/**
 * The largest number of operations in memory. With this number, they and their columns take about
 * 200 MB.
 */
const MOST_OPERATIONS = 1_500_000;

/** The smallest number of operations in memory, so that a range of keys can be halved. */
const FEWEST_OPERATIONS = 2;

/** One row group of silver. */
export interface ExecutionGroup {
  /** The client of all rows. */
  readonly client: bigint;
  /** The number of rows. */
  readonly rows: number;
  /** The pages, in the order of silver's columns. */
  readonly pages: readonly CompressedPage[];
}

/** The operations of a range of keys. */
export interface ReplayedRange {
  /** The number of operations. */
  readonly operations: number;
  /** The row groups that end in this range. */
  readonly groups: readonly ExecutionGroup[];
  /** True if no other range follows. */
  readonly isLast: boolean;
}

/** A replayed day. */
export interface Replay {
  /** The largest number of operations in memory. */
  readonly capacity: number;
  /** The clients of the day's executions. With several ranges, also their previous clients. */
  readonly clients: ReadonlySet<bigint>;
  /** Returns the operations in the order of silver, in one or more ranges. May be called once. */
  ranges(): AsyncGenerator<ReplayedRange>;
}

/** Options of {@linkcode replayEvents}. */
export interface ReplayOptions {
  /** The largest number of operations in memory. */
  readonly most?: number | undefined;
  /** Decompresses and compresses pages. */
  readonly codec?: PageCodec | undefined;
}

/**
 * Replays events into the states of their operations. A first scan finds the operations; then each
 * column is made. A day with more operations than fit into memory is replayed range by range. Every
 * range reads the events again. The ranges do not change the result.
 *
 * @param rows the number of events; the number of operations is never larger
 */
export async function replayEvents(
  events: Events,
  rows: number,
  { most = MOST_OPERATIONS, codec = THIS_THREAD }: ReplayOptions = {},
): Promise<Replay> {
  const capacity = Math.max(Math.min(rows, most, MOST_PLACES), FEWEST_OPERATIONS);
  const index: Index = { events, rows, capacity, targets: new Int32Array(rows), codec };
  const clients = new Set<bigint>();
  const whole = await findOperations(index, {});
  if (!Array.isArray(whole)) {
    for (const { client } of clientRuns(whole.operations)) clients.add(client);
    return { capacity, clients, ranges: () => withColumns([whole], events, codec) };
  }
  const operations = createOperations(FEWEST_OPERATIONS, {});
  for await (const group of events.scan(KEY_COLUMNS)) operations.addClients(group, clients);
  const ranges = () => withColumns(foundRanges(index, {}, whole), events, codec);
  return { capacity, clients, ranges };
}

/** How the operations of a day are found, and the memory for the targets of its events. */
interface Index {
  readonly events: Events;
  readonly rows: number;
  readonly capacity: number;
  readonly targets: Int32Array;
  readonly codec: PageCodec;
}

/** The operations of a range, and their events. */
interface FoundRange {
  readonly operations: SortedOperations;
  readonly groups: readonly LocatedTargets[];
  readonly reading: ColumnReading | undefined;
  readonly isLast: boolean;
}

/** Finds the operations of a range in several ranges, which end at the borders and at its end. */
async function* foundRanges(
  index: Index,
  { after, upTo }: KeyRange,
  borders: readonly Key[],
): AsyncGenerator<FoundRange> {
  for (let i = 0; i <= borders.length; i++) {
    const range = { after: borders[i - 1] ?? after, upTo: borders[i] ?? upTo };
    const found = await findOperations(index, range);
    if (Array.isArray(found)) yield* foundRanges(index, range, found);
    else yield found;
  }
}

/**
 * Finds the operations of a range of keys, and their events. An operation whose client changes has
 * several keys. Therefore, a first scan finds the operations with any key in the range, and a second
 * scan finds all their events.
 *
 * @returns the keys that divide the range into smaller ones, if it has too many operations
 */
async function findOperations(
  { events, rows, capacity, targets, codec }: Index,
  range: KeyRange,
): Promise<FoundRange | Key[]> {
  const operations = createOperations(capacity, range);
  // Later events have about as many new operations as earlier ones. Some room is left.
  const divide = (seen: number) =>
    operations.borders(Math.min(Math.ceil(1 + rows / seen), capacity));
  try {
    if (range.after !== undefined || range.upTo !== undefined) {
      let seen = 0;
      for await (const group of events.scan(KEY_COLUMNS)) {
        seen += group.to - group.from;
        if (!operations.collect(group)) return divide(seen);
      }
    }
    const found: { readonly group: LocatedTargets; readonly first: number }[] = [];
    let seen = 0;
    for await (const { from, to, location, ...group } of events.scan(KEY_COLUMNS)) {
      const own = targets.subarray(seen, seen += to - from);
      const first = operations.newest + 1;
      if (!operations.find({ from, to, ...group }, own)) return divide(seen);
      const ranks = group.ranks?.slice(from, to);
      found.push({ first, group: { from, to, targets: own, ranks, location } });
    }
    const groups = found.map(({ group }) => group);
    // A second thread has work while this one sorts. Parts that are not in memory need room first.
    const isLast = range.upTo === undefined;
    const reading = events.isInMemory
      ? beginReading(events, groups, capacity, isLast, codec)
      : undefined;
    await Promise.resolve(); // the requests are sent now
    const sorted = operations.sort();
    for (const { first, group } of found) sorted.place(group.targets, group.ranks ?? first);
    return { operations: sorted, groups, reading, isLast };
  } finally {
    operations.free();
  }
}

/** Makes the row groups of ranges. */
async function* withColumns(
  ranges: Iterable<FoundRange> | AsyncIterable<FoundRange>,
  events: Events,
  codec: PageCodec,
): AsyncGenerator<ReplayedRange> {
  let rests = new Map<string, PageRest | undefined>();
  let open: OpenGroup | undefined;
  for await (const { operations, groups, reading, isLast } of ranges) {
    const plan = planGroups(operations, open, isLast);
    open = plan.open;
    const { count } = operations;
    if (plan.ends.length === 0) {
      await reading?.close();
      yield { operations: count, groups: [], isLast };
      continue;
    }
    const columns = await makeColumns(
      events,
      { ...plan, operations, groups, rests, reading, isLast },
      codec,
    );
    if (isLast) events.close();
    rests = new Map(EXECUTION_COLUMNS.map(({ name }) => [name, columns.get(name)!.rest]));
    const finished = rowGroupsOf(columns)
      .map((pages, i) => ({ ...plan.members[i]!, pages }));
    yield { operations: count, groups: finished, isLast };
  }
}

/** A row group that is not full yet. */
interface OpenGroup {
  readonly client: bigint;
  readonly rows: number;
}

/** The row groups of a range. */
interface GroupsPlan extends RowGroupPlan {
  /** The client and the number of rows of each row group. */
  readonly members: readonly OpenGroup[];
  /** The last row group, if the next range continues it. */
  readonly open: OpenGroup | undefined;
}

/** Divides operations into row groups of one client each. */
function planGroups(
  operations: SortedOperations,
  before: OpenGroup | undefined,
  isLast: boolean,
): GroupsPlan {
  const members: OpenGroup[] = [];
  const ends: number[] = [];
  let { client, rows } = before ?? { client: 0n, rows: 0 };
  const end = (place: number) => {
    members.push({ client, rows });
    ends.push(place);
    rows = 0;
  };
  for (const run of clientRuns(operations)) {
    if (rows > 0 && run.client !== client) end(run.from);
    client = run.client;
    for (let from = run.from; from < run.to;) {
      const some = Math.min(run.to - from, GROUP_ROWS - rows);
      from += some;
      rows += some;
      if (rows === GROUP_ROWS) end(from);
    }
  }
  const isOpen = rows > 0 && !isLast;
  if (rows > 0) end(operations.count);
  return { members, ends, isOpen, open: isOpen ? members.at(-1) : undefined };
}

/** The places of the operations of each client. */
function* clientRuns(
  { count, clientIds }: SortedOperations,
): Generator<{ readonly client: bigint; readonly from: number; readonly to: number }> {
  const clients = new BigInt64Array(clientIds.buffer);
  for (let from = 0; from < count;) {
    const client = clients[from]!;
    let to = from + 1;
    while (to < count && clients[to] === client) to++;
    yield { client, from, to };
    from = to;
  }
}
