import { type Column } from "./contract/column.ts";
import { EXECUTION_COLUMNS } from "./contract/tables.ts";
import { compareBytes, definitionLevels, dictionaryIndexes } from "./lake/page_encoding.ts";
import type { Extremes, Page } from "./lake/page_file.ts";
import { NULLABLE, type Operations } from "./operations.ts";
import {
  type CodedCells,
  copyBytes,
  type FixedCells,
  LONG,
  type TextCells,
} from "./typed_columns.ts";

/** The number of rows of a row group; the last row group of a client can have fewer. */
export const GROUP_ROWS = 10_000;

/** The pages of one row group of silver, while it is filled. */
export interface ExecutionPages {
  /** The number of rows until now, at most {@linkcode GROUP_ROWS}. */
  readonly rows: number;
  /** Appends operations as rows. The caller can then remove the operations. */
  append(operations: Operations, members: Uint32Array): void;
  /** Returns a page per column of silver, and begins the next row group. */
  finish(): Page[];
}

/** Begins the pages of a row group. */
export function createExecutionPages(): ExecutionPages {
  const columns = EXECUTION_COLUMNS.map(pageColumn);
  let rows = 0;
  return {
    get rows() {
      return rows;
    },
    append(operations, members) {
      for (const column of columns) column.append(operations, members, rows);
      rows += members.length;
    },
    finish() {
      const pages = columns.map((column) => column.finish(rows));
      rows = 0;
      return pages;
    },
  };
}

/** One column of a row group, while it is filled. */
interface PageColumn {
  /** Appends a value per member, or a null. `row` is the row of the first member. */
  append(operations: Operations, members: Uint32Array, row: number): void;
  finish(rows: number): Page;
}

function pageColumn({ name, nullable }: Column): PageColumn {
  const bit = 1 << NULLABLE.indexOf(name);
  const bits = new Uint8Array((GROUP_ROWS + 7) >> 3);
  let nulls = 0;
  let values: PageValues | undefined;

  /** Notes which members have a value, and returns these. */
  function withValue(present: Uint16Array, members: Uint32Array, row: number): Uint32Array {
    if (!nullable) return members;
    const kept = new Uint32Array(members.length);
    let used = 0;
    for (let i = 0; i < members.length; i++) {
      if ((present[members[i]!]! & bit) === 0) continue;
      bits[(row + i) >> 3]! |= 1 << ((row + i) & 7);
      kept[used++] = members[i]!;
    }
    nulls += members.length - used;
    return kept.subarray(0, used);
  }

  return {
    append({ cells, present }, members, row) {
      const own = cells[name]!;
      const some = withValue(present, members, row);
      switch (own.kind) {
        case "fixed":
          return (values ??= fixedValues(own.width)).append(own, some);
        case "text":
          return (values ??= textValues()).append(own, some);
        case "coded":
          return (values ??= codedValues()).append(own, some);
      }
    },
    finish(rows) {
      const levels = nullable ? definitionLevels(bits, rows, nulls) : new Uint8Array(0);
      const page = { rows, nulls, levels, ...values!.finish() };
      bits.fill(0);
      nulls = 0;
      return page;
    },
  };
}

/** The values of a page, without nulls. */
interface PageValues {
  append(cells: FixedCells | TextCells | CodedCells, members: Uint32Array): void;
  finish(): Pick<Page, "values" | "dictionary" | "extremes">;
}

function fixedValues(width: number): PageValues {
  const view = new DataView(new ArrayBuffer(width * GROUP_ROWS));
  let at = 0;
  return {
    append(cells, members) {
      const { view: from } = cells as FixedCells;
      for (let i = 0; i < members.length; i++, at += width) {
        copyBytes(from, members[i]! * width, view, at, width);
      }
    },
    finish() {
      const values = new Uint8Array(view.buffer.slice(0, at));
      at = 0;
      // Unsigned bytes would sort negative decimals wrongly, so only integers get extremes.
      return width === 8 ? { values, extremes: extremesOf(values) } : { values };
    },
  };
}

function extremesOf(values: Uint8Array<ArrayBuffer>): Extremes {
  const halves = new Int32Array(values.buffer);
  if (halves.length === 0) return {};
  const isLess = (a: number, b: number) =>
    halves[a + 1]! < halves[b + 1]! ||
    halves[a + 1] === halves[b + 1] && halves[a]! >>> 0 < halves[b]! >>> 0;
  let min = 0;
  let max = 0;
  for (let i = 2; i < halves.length; i += 2) {
    if (isLess(i, min)) min = i;
    if (isLess(max, i)) max = i;
  }
  const value = (at: number) => BigInt(halves[at + 1]!) << 32n | BigInt(halves[at]! >>> 0);
  return { min: value(min), max: value(max) };
}

function textValues(): PageValues {
  let bytes = new Uint8Array(40 * GROUP_ROWS);
  let view = new DataView(bytes.buffer);
  let at = 0;
  /** Makes room for more bytes. */
  function reserve(more: number): void {
    if (at + more <= bytes.length) return;
    const larger = new Uint8Array(Math.max(2 * bytes.length, at + more));
    larger.set(bytes.subarray(0, at));
    bytes = larger;
    view = new DataView(bytes.buffer);
  }
  return {
    append(cells, members) {
      const { view: from, width, lengths, long } = cells as TextCells;
      for (let i = 0; i < members.length; i++) {
        const member = members[i]!;
        const apart = lengths[member] === LONG ? long.get(member)! : undefined;
        const length = apart?.length ?? lengths[member]!;
        reserve(4 + length);
        view.setUint32(at, length, true);
        if (apart === undefined) copyBytes(from, member * width, view, at + 4, length);
        else bytes.set(apart, at + 4);
        at += 4 + length;
      }
    },
    finish() {
      const values = bytes.slice(0, at);
      at = 0;
      return { values };
    },
  };
}

function codedValues(): PageValues {
  const codes = new Uint32Array(GROUP_ROWS);
  let count = 0;
  let texts: readonly Uint8Array[] = [];
  return {
    append(cells, members) {
      const own = cells as CodedCells;
      texts = own.texts.texts;
      for (let i = 0; i < members.length; i++) codes[count++] = own.codes[members[i]!]!;
    },
    finish() {
      const used = codes.subarray(0, count);
      count = 0;
      return dictionaryPage(used, texts);
    },
  };
}

/** A dictionary with the texts that occur, in their order, and the index of each value. */
function dictionaryPage(codes: Uint32Array, texts: readonly Uint8Array[]) {
  if (codes.length === 0) return { values: new Uint8Array(0), extremes: {} };
  const entryOf = new Map<number, number>();
  const indexes = new Uint16Array(codes.length);
  for (let i = 0; i < codes.length; i++) {
    let entry = entryOf.get(codes[i]!);
    if (entry === undefined) entryOf.set(codes[i]!, entry = entryOf.size);
    indexes[i] = entry;
  }
  const entries = [...entryOf.keys()].map((code) => texts[code]!);
  const values = new Uint8Array(entries.reduce((sum, { length }) => sum + 4 + length, 0));
  const view = new DataView(values.buffer);
  let at = 0;
  for (const text of entries) {
    view.setUint32(at, text.length, true);
    values.set(text, at + 4);
    at += 4 + text.length;
  }
  const sorted = entries.toSorted(compareBytes);
  return {
    values: dictionaryIndexes(indexes, codes.length, entries.length),
    dictionary: { entries: entries.length, values },
    extremes: { min: sorted[0]!, max: sorted.at(-1)! },
  };
}
