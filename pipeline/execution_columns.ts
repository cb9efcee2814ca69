import { setImmediate } from "node:timers";
import {
  type ColumnPages,
  createColumnFold,
  type EventTargets,
  type FoldedColumn,
  pagesOf,
  type RowGroupPlan,
  type Rule,
} from "./column_fold.ts";
import { type ColumnThread, ThreadFailure, type ThreadFold } from "./column_thread.ts";
import type { ColumnType } from "./contract/column.ts";
import { EVENT_COLUMNS, EXECUTION_COLUMNS } from "./contract/tables.ts";
import { type PageRest, plainTexts } from "./execution_pages.ts";
import type { CompressedPage } from "./lake/page_file.ts";
import { type SortedOperations, STATUSES, TIMES } from "./operations.ts";
import type { EventPages, Events, Location } from "./replay_order.ts";
import { codedCells, codeOf, type FixedCells } from "./typed_columns.ts";

// Silver is made one column of bronze after the other, so that only few columns of a range of
// operations are in memory, and a second thread can make some of them.

/** Room for a text, in bytes: an id has 36. */
const ROOM = 36;
/** Silver's texts of which there are few. */
const REPEATING = new Set(["symbol", "side", "source"]);
/** The widths of the types that are not texts, in bytes. */
const WIDTHS: Readonly<Record<Exclude<ColumnType, "STRING">, number>> = {
  "INT32": 4,
  "INT64": 8,
  "TIMESTAMP(MICROS,UTC)": 8,
  "DECIMAL(20,8)": 9,
  "DECIMAL(10,4)": 8,
};
/** Silver's columns that come from the operations themselves. */
const OWN = ["operation_id", "client_id", "status"] as const;

/** A column of bronze, and the names of the columns of silver that come from it. */
interface Source extends FoldedColumn {
  readonly makes: readonly string[];
}

/** The columns of bronze that silver's other columns come from. */
const SOURCES: readonly Source[] = sources();

function sources(): Source[] {
  const made: [string, string, Rule][] = [];
  for (const { name, nullable } of EXECUTION_COLUMNS) {
    if (OWN.some((own) => own === name)) continue;
    const time = TIMES.indexOf(name);
    if (time >= 0) made.push(["occurred_at", name, time]);
    else if (name === "execution_id") made.push(["event_id", name, "last"]);
    else made.push([name, name, nullable ? "value" : "last"]);
  }
  const bySource = Map.groupBy(made, ([source]) => source);
  const sources = [...bySource].map(([source, outputs]): Source => {
    const { type, nullable } = EVENT_COLUMNS.find(({ name }) => name === source)!;
    const kind = type !== "STRING" ? "fixed" : REPEATING.has(source) ? "coded" : "text";
    return {
      name: source,
      type,
      nullable,
      kind,
      width: type === "STRING" ? ROOM : WIDTHS[type],
      makes: outputs.map(([, name]) => name),
      rules: outputs.map(([, , rule]) => rule),
    };
  });
  // The columns that take longest come first, so that two threads end at about the same time.
  return sources.sort((a, b) => bytesOf(b) - bytesOf(a));
}

/** The number of bytes that a column takes in memory, by operation. */
function bytesOf({ kind, width, rules }: FoldedColumn): number {
  return rules.reduce<number>(
    (sum, rule) => sum + (kind === "coded" ? 4 : width) + (rule === "last" ? 0 : 4),
    0,
  );
}

/** The events of one row group, and where the row group is. */
export interface LocatedTargets extends EventTargets {
  /** The row group. */
  readonly location: Location;
}

/** The operations of a range, and what their columns are made from. */
export interface ColumnsPlan extends RowGroupPlan {
  /** The operations. Their memory is freed. */
  readonly operations: SortedOperations;
  /** The events. */
  readonly groups: readonly LocatedTargets[];
  /** The rows of each column that the range before did not finish, by name. */
  readonly rests: ReadonlyMap<string, PageRest | undefined>;
}

/** The pages of all columns of silver by name. */
export type ExecutionColumns = Map<string, ColumnPages>;

/** The size of the columns that a thread holds at once if this saves reads of parts, in bytes. */
const BYTES_AT_ONCE = 30 << 20;

/**
 * Makes the columns of silver for a range of operations.
 *
 * @param thread makes some of the columns; without it, this thread makes all of them
 * @throws {Failure} data: a part is missing or damaged
 */
export async function makeColumns(
  events: Events,
  plan: ColumnsPlan,
  thread: ColumnThread | undefined,
): Promise<ExecutionColumns> {
  const { operations, groups, rests } = plan;
  const { count } = operations;
  const made: ExecutionColumns = new Map();
  const queue = [...SOURCES];
  const failures: unknown[] = [];
  /**
   * Takes one column, or several if each of them would read the parts again.
   *
   * @param isWide true for the widest column that is left, false for the narrowest one. Only one
   *   thread has wide columns if the parts are not in memory
   */
  const take = (isWide: boolean): Source[] => {
    const next = () => (isWide ? queue.shift() : queue.pop())!;
    const taken = [next()];
    if (events.isInMemory) return taken;
    const bytes = (columns: Source[]) =>
      columns.reduce((sum, column) => sum + count * bytesOf(column), 0);
    while (
      queue.length > 0 &&
      bytes([...taken, isWide ? queue[0]! : queue.at(-1)!]) <= BYTES_AT_ONCE
    ) {
      taken.push(next());
    }
    return taken;
  };
  /**
   * Makes columns.
   *
   * @param onGiven called when the thread that makes them needs nothing more
   */
  async function make(
    columns: readonly Source[],
    begin: (column: Source) => Fold,
    onGiven: () => void,
  ): Promise<void> {
    const pages = events.pages();
    try {
      const folds = columns.map(begin);
      const waits = begin === here || !events.isInMemory;
      const folded = await foldAll(columns, folds, groups, pages, waits);
      const finished = columns.map(({ makes }, i) =>
        folds[i]!.finish(plan, makes.map((name) => rests.get(name)))
      );
      onGiven();
      const [own] = await Promise.all([Promise.all(finished), ...folded]);
      columns.forEach(({ makes }, i) => makes.forEach((name, n) => made.set(name, own[i]![n]!)));
    } finally {
      pages.close();
    }
  }
  /**
   * Makes columns until none is left.
   *
   * @param atOnce a thread gets its next columns while it has fewer than this number
   */
  async function work(
    isWide: boolean,
    begin: (column: Source) => Fold,
    atOnce: number,
  ): Promise<void> {
    const inProgress = new Set<Promise<void>>();
    let hasFailed = false;
    while (queue.length > 0 && failures.length === 0 && !hasFailed) {
      // One column at a time is taken from the last ones, so that both threads end together.
      if (inProgress.size >= Math.min(atOnce, Math.max(1, queue.length - 1))) {
        await Promise.race(inProgress);
        continue;
      }
      const columns = take(isWide);
      const given = Promise.withResolvers<void>();
      const making = make(columns, begin, given.resolve)
        .catch((error) => {
          hasFailed = true;
          if (error instanceof ThreadFailure) queue.unshift(...columns);
          else failures.push(error);
        })
        .finally(() => {
          given.resolve();
          inProgress.delete(making);
        });
      inProgress.add(making);
      await given.promise;
    }
    await Promise.all(inProgress);
  }
  const here = (column: Source) =>
    foldHere(createColumnFold(column, count, groups), thread !== undefined);
  const isOver = Promise.withResolvers<void>();
  const { isInMemory } = events;
  async function workInThread(own: ColumnThread): Promise<void> {
    own.setRange(count, groups);
    await Promise.race([own.ready, isOver.promise]);
    if (!own.isReady) return;
    // A second column is in progress, so that the thread is busy while this thread makes a page.
    await work(!isInMemory, (column) => own.begin(column), isInMemory ? 2 : 1);
  }
  async function workHere(): Promise<void> {
    await nextTurn(); // the other thread has its first columns now
    for (const [name, pages] of ownColumns(plan)) made.set(name, pages);
    operations.free();
    await work(isInMemory, here, 1);
    isOver.resolve();
  }
  await Promise.all([...(thread === undefined ? [] : [workInThread(thread)]), workHere()]);
  await work(true, here, 1); // the columns of a thread that failed
  if (failures.length > 0) throw failures[0];
  return made;
}

/** Lets other work of this thread go on. Messages of the other thread can still have to wait. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Receives the messages that have arrived. Takes one or two milliseconds. */
function receiveMessages(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** A column that is folded in either thread. */
type Fold = Pick<ThreadFold, "fold" | "finish">;

/** @param hasOther whether another thread needs this one */
function foldHere(fold: ReturnType<typeof createColumnFold>, hasOther: boolean): Fold {
  return {
    async fold(chunks) {
      fold.fold(chunks);
      await nextTurn(); // lets the other thread get work
    },
    async finish(plan, rests) {
      const made = fold.finish(plan, rests);
      if (hasOther) await receiveMessages();
      return made;
    },
  };
}

/**
 * Folds columns, part by part from the last one.
 *
 * @param waits false to give a thread all parts at once, so that it does not wait for this thread
 * @returns the folds in progress
 */
async function foldAll(
  columns: readonly FoldedColumn[],
  folds: readonly Fold[],
  groups: readonly LocatedTargets[],
  pages: EventPages,
  waits: boolean,
): Promise<Promise<void>[]> {
  const inProgress: Promise<void>[] = [];
  const names = columns.map(({ name }) => name);
  const numbered = groups.map(({ location, targets }, group) => ({ group, location, targets }))
    .filter(({ targets }) => targets.some((target) => target >= 0));
  const parts = Map.groupBy(
    numbered,
    ({ location: { sequence, part } }) => `${sequence} ${part}`,
  );
  const order = [...parts.values()].sort(([a], [b]) =>
    a!.location.sequence - b!.location.sequence || b!.location.part - a!.location.part
  );
  for (const own of order) {
    own.sort((a, b) => b.location.group - a.location.group);
    const found = [];
    for (const { group, location } of own) {
      const columns = await pages.read(location, names);
      found.push(columns.map((column) => ({ group, ...column })));
    }
    for (const [i, fold] of folds.entries()) {
      try {
        const folded = fold.fold(found.map((columns) => columns[i]!));
        folded.catch(() => {}); // reported where it is awaited
        if (waits) await folded;
        else inProgress.push(folded);
      } catch (error) {
        if (error instanceof ThreadFailure) throw error;
        throw await pages.malformed(own[0]!.location, (error as Error).message);
      }
    }
  }
  return inProgress;
}

/** The columns of silver that come from the operations themselves. */
function ownColumns({ operations, rests, ...plan }: ColumnsPlan): ExecutionColumns {
  const { operationIds, clientIds, statuses } = operations;
  const ids = ({ buffer }: Int32Array<ArrayBuffer>): FixedCells => {
    return { kind: "fixed", width: 8, view: new DataView(buffer) };
  };
  const status = { ...codedCells(0), codes: statuses };
  for (const text of STATUSES) {
    const bytes = plainTexts([new TextEncoder().encode(text)]);
    codeOf({ bytes, view: new DataView(bytes.buffer) }, 4, status.texts);
  }
  const cells = { operation_id: ids(operationIds), client_id: ids(clientIds), status };
  return new Map(OWN.map((name) => {
    const column = { cells: cells[name], present: undefined };
    return [name, pagesOf(column, false, plan, rests.get(name))];
  }));
}

/** The pages of the row groups that are finished, in the order of silver's columns. */
export function rowGroupsOf(columns: ExecutionColumns): CompressedPage[][] {
  const pages = EXECUTION_COLUMNS.map(({ name }) => columns.get(name)!.pages);
  return pages[0]!.map((_, i) => pages.map((own) => own[i]!));
}
