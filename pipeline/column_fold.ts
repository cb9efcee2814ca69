import type { ColumnType } from "./contract/column.ts";
import { createExecutionPage, type PageRest } from "./execution_pages.ts";
import type { CompressedPage } from "./lake/page_file.ts";
import {
  type Chunk,
  type ChunkLayout,
  findValues,
  freeChunk,
  type StoredPage,
} from "./lake/parquet_pages.ts";
import type { PageCodec } from "./page_thread.ts";
import { type Cells, cellsOf, freeCells, type Picks, takeValues } from "./typed_columns.ts";

// One column of bronze at a time becomes one or more columns of silver.

// The target of an event is one number: the place of its operation in silver in the lower bits, then
// the kind of time that the event sets, then whether the event is the last one of its operation. It
// is -1 for an event without effect.

/** The bits of a target that have the place of the operation. */
export const PLACE_BITS = 27;
/** The value of the time bits of an event that sets no time. */
export const NO_TIME = 3;
/** The bit of a target that is set for the last event of an operation. */
export const LAST_BIT: number = 1 << (PLACE_BITS + 2);

/**
 * Which events set a column: the last event of each operation; the last event with a value; or the
 * last event that sets the time with this number.
 */
export type Rule = "last" | "value" | number;

/** A column of bronze, and the columns of silver that come from it. */
export interface FoldedColumn {
  /** The name in bronze. */
  readonly name: string;
  /** The type according to the contract. */
  readonly type: ColumnType;
  /** Whether bronze may have nulls. */
  readonly nullable: boolean;
  /** How the values are held in memory. */
  readonly kind: Cells["kind"];
  /** The number of bytes of a value, or of the largest room of a text. */
  readonly width: number;
  /** The rule of each column of silver. */
  readonly rules: readonly Rule[];
}

/** The events of one row group, as the replay found them. */
export interface EventTargets {
  /** The first row. */
  readonly from: number;
  /** The row after the last one. */
  readonly to: number;
  /** The target of each row, beginning with the first one. */
  readonly targets: Int32Array;
  /**
   * The place in the replay of each row, from 1. Undefined if the rows come after all rows with
   * ranks, and after all rows of the groups that are folded later.
   */
  readonly ranks: Uint32Array | undefined;
}

/** One column of a row group of bronze. */
export interface FoldedChunk {
  /** The index of the row group's events. */
  readonly group: number;
  /** How the pages are read. */
  readonly layout: ChunkLayout;
  /** The type according to the file. */
  readonly type: string;
  /** The pages. */
  readonly pages: readonly StoredPage[];
  /** The decompressed body of each page. Their memory is freed. */
  readonly contents: readonly Uint8Array[];
}

/** The row groups of silver to make from the operations of a range. */
export interface RowGroupPlan {
  /** The place behind the last operation of each row group. */
  readonly ends: readonly number[];
  /** True if the last row group is not full, so that the next range continues it. */
  readonly isOpen: boolean;
}

/** One column of silver, whose pages are being compressed. */
export interface ColumnPages {
  /** One page per finished row group. */
  readonly pages: Promise<CompressedPage[]>;
  /** The rows of the row group that is not finished. */
  readonly rest: PageRest | undefined;
}

/** A column of bronze that is folded into the operations of a range. */
export interface ColumnFold {
  /**
   * Folds row groups. Row groups without ranks are folded from the last one to the first one.
   *
   * @throws {Error} a page is damaged, or the column does not have the type of the contract
   */
  fold(chunks: readonly FoldedChunk[]): void;
  /**
   * Returns the columns of silver, and frees the memory.
   *
   * @param rests the rows of each column that the range before did not finish
   */
  finish(
    plan: RowGroupPlan,
    rests: readonly (PageRest | undefined)[],
    codec: PageCodec,
  ): Promise<ColumnPages[]>;
}

/** The latest rank: that of events without a rank. */
const NEWEST = 0xffff_ffff;

/**
 * Begins to fold a column.
 *
 * @param count the number of operations
 * @param groups the events of each row group
 */
export function createColumnFold(
  { name, type, nullable, kind, width, rules }: FoldedColumn,
  count: number,
  groups: readonly EventTargets[],
): ColumnFold {
  const begin = (room: number) =>
    rules.map((rule) => ({
      rule,
      cells: cellsOf(kind, room, count),
      /** The rank of the event that each value is from; 0 for an operation without a value. */
      present: rule === "last" ? undefined : new Uint32Array(count),
    }));
  let columns: ReturnType<typeof begin> | undefined;
  let picks: Picks = { count: 0, rows: new Int32Array(0), targets: new Int32Array(0) };
  return {
    fold(chunks) {
      for (const { group, layout, type: found, pages, contents } of chunks) {
        const chunk = findValues(pages, contents, layout);
        if (found !== type && chunk.nulls < chunk.rows) {
          throw new Error(`its column ${name} has type ${found} instead of ${type}`);
        }
        if (!nullable && chunk.nulls > 0) throw new Error(`its column ${name} has nulls`);
        if (picks.rows.length < chunk.rows) {
          const [rows, targets] = [new Int32Array(chunk.rows), new Int32Array(chunk.rows)];
          picks = { count: 0, rows, targets };
        }
        columns ??= begin(kind === "text" ? roomFor(chunk, width) : width);
        for (const { rule, cells, present } of columns) {
          pickRows(picks, rule, chunk, groups[group]!, present);
          takeValues(cells, chunk, picks);
        }
        freeChunk(chunk, pages);
      }
    },
    async finish(plan, rests, codec) {
      const made: ColumnPages[] = [];
      for (const [i, { rule, cells, present }] of (columns ?? begin(width)).entries()) {
        made.push(await pagesOf({ cells, present }, rule !== "last", plan, rests[i], codec));
        freeCells(cells);
        (present?.buffer as ArrayBuffer | undefined)?.transfer(0);
      }
      return made;
    },
  };
}

/** Room in which almost all texts of a chunk fit, in bytes. The other texts take more memory. */
function roomFor({ rows, places, view }: Chunk, most: number): number {
  const numbers = new Uint32Array(most + 1);
  let texts = 0;
  for (let row = 0; row < rows; row++) {
    if (places[row]! < 0) continue;
    numbers[Math.min(view.getUint32(places[row]! - 4, true), most)]!++;
    texts++;
  }
  let room = most;
  for (let longer = numbers[most]!; room > 1 && longer <= texts / 100; room--) {
    longer += numbers[room - 1]!;
  }
  return room;
}

/** Makes the pages of a column of silver. The column is not used after that. */
export async function pagesOf(
  column: { readonly cells: Cells; readonly present: Uint32Array | undefined },
  nullable: boolean,
  { ends, isOpen }: RowGroupPlan,
  rest: PageRest | undefined,
  codec: PageCodec,
): Promise<ColumnPages> {
  const page = createExecutionPage(column.cells, nullable, rest, ends.at(-1) ?? 0);
  const compressor = codec.compressor();
  for (const [i, end] of ends.entries()) {
    page.append(column, ends[i - 1] ?? 0, end);
    if (!isOpen || i + 1 < ends.length) await compressor.add(page.finish());
  }
  const pages = compressor.finish();
  pages.catch(() => {}); // reported where the pages are awaited
  return { pages, rest: isOpen ? page.rest() : undefined };
}

/** Picks the rows whose values are newer than those that a column has. */
function pickRows(
  picks: Picks,
  rule: Rule,
  { places }: Chunk,
  { from, to, targets, ranks }: EventTargets,
  present: Uint32Array | undefined,
): void {
  const { rows, targets: picked } = picks;
  const mask = (1 << PLACE_BITS) - 1;
  let count = 0;
  if (present === undefined) {
    for (let row = from; row < to; row++) {
      const target = targets[row - from]!;
      if (target < 0 || (target & LAST_BIT) === 0) continue;
      rows[count] = row;
      picked[count++] = target & mask;
    }
    picks.count = count;
    return;
  }
  const time = typeof rule === "number" ? rule : -1;
  for (let row = to - 1; row >= from; row--) {
    const target = targets[row - from]!;
    if (target < 0 || places[row]! < 0) continue;
    if (time >= 0 && (target >>> PLACE_BITS & NO_TIME) !== time) continue;
    const place = target & mask;
    const rank = ranks === undefined ? NEWEST : ranks[row - from]!;
    if (present[place]! >= rank) continue;
    present[place] = rank;
    rows[count] = row;
    picked[count++] = place;
  }
  picks.count = count;
}
