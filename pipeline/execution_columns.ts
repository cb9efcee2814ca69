import {
  type ColumnPages,
  createColumnFold,
  type EventTargets,
  type FoldedChunk,
  type FoldedColumn,
  pagesOf,
  type RowGroupPlan,
  type Rule,
} from "./column_fold.ts";
import type { ColumnType } from "./contract/column.ts";
import { EVENT_COLUMNS, EXECUTION_COLUMNS } from "./contract/tables.ts";
import { type PageRest, plainTexts } from "./execution_pages.ts";
import type { CompressedPage } from "./lake/page_file.ts";
import type { StoredPage } from "./lake/parquet_pages.ts";
import { type SortedOperations, STATUSES, TIMES } from "./operations.ts";
import type { PartialPart } from "./kept_columns.ts";
import { type PageCodec, THIS_THREAD, ThreadFailure } from "./page_thread.ts";
import { readAhead } from "./parallel.ts";
import type { EventParts, Events, Location } from "./replay_order.ts";
import { codedCells, codeOf, type FixedCells } from "./typed_columns.ts";

// Silver is made one column of bronze after the other, so that only few columns of a range of
// operations are in memory. Meanwhile, a second thread decompresses the next columns, and compresses
// the columns before.

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
export interface Source extends FoldedColumn {
  /** The names. */
  readonly makes: readonly string[];
}

/** The columns of bronze that silver's other columns come from. */
const SOURCES: readonly Source[] = sources();

/** The names of these columns. */
export const SOURCE_NAMES: readonly string[] = SOURCES.map(({ name }) => name);

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
  // The last columns are narrow, so that the second thread ends soon after this one. It has little to
  // do with texts that repeat, so each of these is before a wide column that it has much to do with.
  const { coded = [], others = [] } = Object.groupBy(
    sources.sort((a, b) => bytesOf(b) - bytesOf(a)),
    ({ kind }) => kind === "coded" ? "coded" : "others",
  );
  return others.flatMap((column, i) => [...coded.slice(i, i + 1), column]);
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
  /** The columns of bronze, if {@linkcode beginReading} was called before. */
  readonly reading: ColumnReading | undefined;
  /** True if no other range follows. */
  readonly isLast: boolean;
}

/** Columns of bronze that are read ahead. */
export interface ColumnReading {
  /** The columns that are made at once. */
  readonly passes: readonly Source[][];
  /** The number of parts. */
  readonly partCount: number;
  /** The parts of each pass. */
  readonly chunks: AsyncGenerator<ReadChunks>;
  /** Frees the memory of columns that were made. */
  finish(columns: readonly Source[]): void;
  /** Ends the reading, and frees the memory of the parts. */
  close(): Promise<void>;
}

/** The pages of all columns of silver by name. */
export type ExecutionColumns = ReadonlyMap<string, ExecutionPages>;

/** The pages of one column of silver. */
export interface ExecutionPages {
  /** One page per finished row group. */
  readonly pages: readonly CompressedPage[];
  /** The rows of the row group that is not finished. */
  readonly rest: PageRest | undefined;
}

/** The size of the columns that are made at once if this saves reads of parts, in bytes. */
const BYTES_AT_ONCE = 60 << 20;
/** The number of parts whose pages are decompressed ahead, if the parts are in memory. */
const PARTS_AHEAD = 8;
/** The same for a larger day, of which only columns are in memory. */
const PARTS_OF_LARGE_DAY = 2;
/** The size of pages that are decompressed ahead, in bytes. */
const BYTES_AHEAD = 24 << 20;

/**
 * Makes the columns of silver for a range of operations.
 *
 * @param codec decompresses and compresses pages; after its failure, this thread does that
 * @throws {Failure} data: a part is missing or damaged
 */
export async function makeColumns(
  events: Events,
  plan: ColumnsPlan,
  codec: PageCodec,
): Promise<ExecutionColumns> {
  const made = new Map<string, ExecutionPages>();
  const { groups, operations: { count }, isLast } = plan;
  try {
    const reading = plan.reading ?? beginReading(events, groups, count, isLast, codec);
    await makeMissing(made, plan, reading, codec);
  } catch (error) {
    if (!(error instanceof ThreadFailure)) throw error;
    const missing = SOURCES.filter(({ makes }) => makes.some((name) => !made.has(name)));
    const reading = beginReading(events, groups, count, isLast, THIS_THREAD, missing);
    await makeMissing(made, plan, reading, THIS_THREAD);
  }
  return made;
}

/**
 * Begins to read columns of bronze.
 *
 * @param groups the row groups to read
 * @param count the number of operations
 * @param isLast true if the columns are read for the last time
 * @param codec decompresses the pages
 */
export function beginReading(
  events: Events,
  groups: readonly LocatedTargets[],
  count: number,
  isLast: boolean,
  codec: PageCodec,
  columns: readonly Source[] = SOURCES,
): ColumnReading {
  const passes = passesOf(columns, events, count);
  const parts = partsOf(groups);
  const opened = events.parts(isLast);
  const isInMemory = (own: readonly Source[]) => own.every(({ name }) => events.hasInMemory(name));
  const inMemory = new Set(passes.filter(isInMemory));
  const chunks = readAhead(
    passes.flatMap((columns) => parts.map((part) => ({ columns, part }))),
    ({ columns, part }) => readChunks(opened, columns, part, codec),
    {
      count: codec === THIS_THREAD ? 1 : events.isInMemory ? PARTS_AHEAD : PARTS_OF_LARGE_DAY,
      size: BYTES_AHEAD,
      // Only one part is read ahead if it is not in memory.
      sizeOf: (each) => inMemory.has(each.columns) ? sizeOf(each) : BYTES_AHEAD,
    },
  );
  const close = async () => {
    await chunks.return(undefined);
    opened.close();
  };
  const finish = (columns: readonly Source[]) => opened.finish(columns.map(({ name }) => name));
  return { passes, partCount: parts.length, chunks, finish, close };
}

/** Makes the columns that were not made before. */
async function makeMissing(
  made: Map<string, ExecutionPages>,
  plan: ColumnsPlan,
  { passes, partCount, chunks, finish, close }: ColumnReading,
  codec: PageCodec,
): Promise<void> {
  const { operations, groups, rests } = plan;
  const inProgress: Promise<void>[] = [];
  /** Keeps columns when their pages are compressed. */
  const keep = (names: readonly string[], columns: readonly ColumnPages[]) => {
    const kept = Promise.all(names.map(async (name, i) => {
      const { pages, rest } = columns[i]!;
      made.set(name, { pages: await pages, rest });
    })).then(() => {});
    kept.catch(() => {}); // reported below
    inProgress.push(kept);
    return kept;
  };
  try {
    if (OWN.some((name) => !made.has(name))) {
      const free = () => operations.free();
      keep(OWN, await ownColumns(plan, codec)).then(free, () => {});
    }
    for (const columns of passes) {
      const folds = columns.map((column) => createColumnFold(column, operations.count, groups));
      for (let i = 0; i < partCount; i++) {
        const { part, chunks: own } = (await chunks.next()).value!;
        try {
          folds.forEach((fold, i) => fold.fold(own[i]!));
        } catch (error) {
          throw part.malformed((error as Error).message);
        }
      }
      finish(columns);
      for (const [i, { makes }] of columns.entries()) {
        const own = makes.map((name) => rests.get(name));
        keep(makes, await folds[i]!.finish(plan, own, codec));
      }
    }
    await Promise.all(inProgress);
  } finally {
    // After a failure, nothing may still use the operations when the work is repeated.
    await Promise.allSettled(inProgress);
    await close();
  }
}

/**
 * The columns that are made at once: one, or several if each of them would read the parts again.
 * Those that are in memory come first, because their memory is freed then.
 *
 * @param count the number of operations
 */
function passesOf(columns: readonly Source[], events: Events, count: number): Source[][] {
  const { kept = [], others = [] } = Object.groupBy(
    columns,
    ({ name }) => events.hasInMemory(name) ? "kept" : "others",
  );
  const passes = kept.map((column) => [column]);
  let bytes = Infinity;
  for (const column of others) {
    const own = count * bytesOf(column);
    bytes += own;
    if (bytes > BYTES_AT_ONCE) {
      passes.push([]);
      bytes = own;
    }
    passes.at(-1)!.push(column);
  }
  return passes;
}

/** A row group with events of the range. */
interface NumberedTargets extends LocatedTargets {
  /** The index of the row group's events. */
  readonly index: number;
}

/** The row groups of one part, the last one first. */
type PartGroups = [NumberedTargets, ...NumberedTargets[]];

/** The row groups with events of the range, part by part from the last one. */
function partsOf(groups: readonly LocatedTargets[]): PartGroups[] {
  const numbered = groups.map((group, index) => ({ ...group, index }))
    .filter(({ targets }) => targets.some((target) => target >= 0));
  const parts = Map.groupBy(
    numbered,
    ({ location: { sequence, part } }) => `${sequence} ${part}`,
  );
  return [...parts.values()]
    .map((own) => own.sort((a, b) => b.location.group - a.location.group) as PartGroups)
    .sort(([{ location: a }], [{ location: b }]) => a.sequence - b.sequence || b.part - a.part);
}

/** About the number of bytes of the decompressed columns of a part. */
function sizeOf(
  { columns, part }: { readonly columns: readonly Source[]; readonly part: PartGroups },
): number {
  const width = columns.reduce((sum, { kind, width }) => sum + (kind === "coded" ? 2 : width), 0);
  return width * part.reduce((sum, { targets }) => sum + targets.length, 0);
}

/** Columns of one part. */
export interface ReadChunks {
  /** The part. */
  readonly part: PartialPart;
  /** The row groups of each column. */
  readonly chunks: readonly FoldedChunk[][];
}

/** A page whose levels stay usable when the part is freed. */
function withOwnLevels({ levels, ...page }: StoredPage): StoredPage {
  return { ...page, levels: levels && new Uint8Array(levels) };
}

/** Reads and decompresses columns of a part, which is then freed unless all parts stay in memory. */
async function readChunks(
  parts: EventParts,
  columns: readonly Source[],
  groups: PartGroups,
  codec: PageCodec,
): Promise<ReadChunks> {
  const names = columns.map(({ name }) => name);
  const part = await parts.open(groups[0].location, names);
  const found: Omit<FoldedChunk, "contents">[][] = columns.map(() => []);
  for (const { index, location } of groups) {
    for (const [i, column] of part.pages(location.group, names).entries()) {
      found[i]!.push({ group: index, ...column, pages: column.pages.map(withOwnLevels) });
    }
  }
  const all = found.flatMap((own) => own.flatMap((chunk) => chunk.pages));
  try {
    const decompressed = await codec.decompress(all);
    // The content of a page that is not compressed is in the part itself, so it is copied.
    const own = decompressed.map((content, i) =>
      content.buffer === all[i]!.body.buffer ? new Uint8Array(content) : content
    );
    parts.release(groups[0].location);
    const contents = own.values();
    const chunks = found.map((own) =>
      own.map((chunk) => ({ ...chunk, contents: chunk.pages.map(() => contents.next().value!) }))
    );
    return { part, chunks };
  } catch (error) {
    if (error instanceof ThreadFailure) throw error;
    throw part.malformed((error as Error).message);
  }
}

/** The columns of silver that come from the operations themselves. */
function ownColumns(
  { operations, rests, ...plan }: ColumnsPlan,
  codec: PageCodec,
): Promise<ColumnPages[]> {
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
  return Promise.all(OWN.map((name) => {
    const column = { cells: cells[name], present: undefined };
    return pagesOf(column, false, plan, rests.get(name), codec);
  }));
}

/** The pages of the row groups that are finished, in the order of silver's columns. */
export function rowGroupsOf(columns: ExecutionColumns): CompressedPage[][] {
  const pages = EXECUTION_COLUMNS.map(({ name }) => columns.get(name)!.pages);
  return pages[0]!.map((_, i) => pages.map((own) => own[i]!));
}
