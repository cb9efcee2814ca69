import { compareBytes, definitionLevels, dictionaryIndexes } from "./lake/page_encoding.ts";
import type { Extremes, Page } from "./lake/page_file.ts";
import {
  type CodedCells,
  codeOf,
  copyBytes,
  type FixedCells,
  LONG,
  type TextCells,
} from "./typed_columns.ts";

/** The number of rows of a row group; the last row group of a client can have fewer. */
export const GROUP_ROWS = 20_000;

/** The values of a column of silver, in the order of silver. */
export interface ExecutionColumn {
  /** The values. */
  readonly cells: FixedCells | TextCells | CodedCells;
  /** 0 for each operation without a value; undefined for a column without nulls. */
  readonly present: Uint32Array | undefined;
}

/** The rows of a page that is not full yet. They are continued with the next range of operations. */
export interface PageRest {
  /** The number of rows. */
  readonly rows: number;
  /** The number of nulls. */
  readonly nulls: number;
  /** One bit per row, the lowest bit of a byte first; 1 if the row has a value. */
  readonly bits: Uint8Array;
  /** The values that are not null, PLAIN. */
  readonly plain: Uint8Array;
}

/** The page of one column of a row group, while it is filled. */
export interface ExecutionPage {
  /** Appends the operations from one index to another. */
  append(column: ExecutionColumn, from: number, to: number): void;
  /** Returns the page, and begins the next one. Appending then overwrites the values of the page. */
  finish(): Page;
  /** Returns the rows until now. */
  rest(): PageRest;
}

/**
 * Begins the page of a column of silver, with the rows that another page did not finish.
 *
 * @param count the number of operations that follow
 */
export function createExecutionPage(
  cells: ExecutionColumn["cells"],
  nullable: boolean,
  rest: PageRest | undefined,
  count: number,
): ExecutionPage {
  const most = Math.min(GROUP_ROWS, (rest?.rows ?? 0) + count);
  const bits = new Uint8Array((GROUP_ROWS + 7) >> 3);
  let { rows, nulls } = rest ?? { rows: 0, nulls: 0 };
  if (rest !== undefined) bits.set(rest.bits);
  const plain = rest?.plain ?? new Uint8Array(0);
  const values = cells.kind === "fixed"
    ? fixedValues(cells.width, plain)
    : cells.kind === "text"
    ? textValues(plain)
    : codedValues(cells, plain);
  const members = new Uint32Array(most);
  return {
    append({ present }, from, to) {
      let count = 0;
      for (let i = from; i < to; i++, rows++) {
        if (present !== undefined && present[i] === 0) continue;
        bits[rows >> 3]! |= 1 << (rows & 7);
        members[count++] = i;
      }
      nulls += to - from - count;
      values.append(members, count);
    },
    finish() {
      const levels = nullable ? definitionLevels(bits, rows, nulls) : new Uint8Array(0);
      const page = { rows, nulls, levels, ...values.finish() };
      bits.fill(0);
      rows = nulls = 0;
      return page;
    },
    rest: () => ({ rows, nulls, bits: bits.slice(), plain: values.plain() }),
  };

  /** Values of one width. Those before are in `plain`. */
  function fixedValues(width: number, plain: Uint8Array): PageValues {
    const out = new Uint8Array(width * most);
    const view = new DataView(out.buffer);
    out.set(plain);
    let at = plain.length;
    return {
      append(members, count) {
        const { view: from } = cells as FixedCells;
        if (isRun(members, count)) {
          const first = from.byteOffset + members[0]! * width;
          out.set(new Uint8Array(from.buffer, first, count * width), at);
          at += count * width;
          return;
        }
        for (let i = 0; i < count; i++, at += width) {
          copyBytes(from, members[i]! * width, view, at, width);
        }
      },
      plain: () => out.slice(0, at),
      finish() {
        const own = out.subarray(0, at);
        at = 0;
        // Unsigned bytes would sort negative decimals wrongly, so only integers get extremes.
        return width === 8 ? { values: own, extremes: extremesOf(own) } : { values: own };
      },
    };
  }

  function textValues(plain: Uint8Array): PageValues {
    let out = new Uint8Array(Math.max(40 * most, plain.length));
    let view = new DataView(out.buffer);
    out.set(plain);
    let at = plain.length;
    /** Makes room for more bytes. */
    function reserve(more: number): void {
      if (at + more <= out.length) return;
      const larger = new Uint8Array(Math.max(2 * out.length, at + more));
      larger.set(out.subarray(0, at));
      out = larger;
      view = new DataView(out.buffer);
    }
    return {
      append(members, count) {
        const { view: from, width, lengths, long } = cells as TextCells;
        for (let i = 0; i < count; i++) {
          const member = members[i]!;
          const apart = lengths[member] === LONG ? long.get(member)! : undefined;
          const length = apart?.length ?? lengths[member]!;
          reserve(4 + length);
          view.setUint32(at, length, true);
          if (apart === undefined) copyBytes(from, member * width, view, at + 4, length);
          else out.set(apart, at + 4);
          at += 4 + length;
        }
      },
      plain: () => out.slice(0, at),
      finish() {
        const values = out.subarray(0, at);
        at = 0;
        return { values };
      },
    };
  }

  function codedValues({ codes: own, texts }: CodedCells, plain: Uint8Array): PageValues {
    const codes = new Uint32Array(most);
    let used = 0;
    const view = new DataView(plain.buffer, plain.byteOffset, plain.byteLength);
    for (let at = 0; at < plain.length; at += 4 + view.getUint32(at, true)) {
      codes[used++] = codeOf({ bytes: plain, view }, at + 4, texts);
    }
    return {
      append(members, count) {
        for (let i = 0; i < count; i++) codes[used++] = own[members[i]!]!;
      },
      plain: () => plainTexts(Array.from(codes.subarray(0, used), (code) => texts.texts[code]!)),
      finish() {
        const page = dictionaryPage(codes.subarray(0, used), texts.texts);
        used = 0;
        return page;
      },
    };
  }
}

/** The values of a page, without nulls. */
interface PageValues {
  append(members: Uint32Array, count: number): void;
  /** The values until now, PLAIN. */
  plain(): Uint8Array;
  finish(): Pick<Page, "values" | "dictionary" | "extremes">;
}

/** Whether members follow each other without a gap. */
function isRun(members: Uint32Array, count: number): boolean {
  return count > 0 && members[count - 1]! - members[0]! === count - 1;
}

function extremesOf({ buffer, byteOffset, length }: Uint8Array): Extremes {
  if (length === 0) return {};
  const values = new BigInt64Array(buffer, byteOffset, length / 8);
  const places = findExtremes(new Int32Array(buffer, byteOffset, length / 4), new Int32Array(2));
  return { min: values[places[0]!]!, max: values[places[1]!]! };
}

/**
 * Finds the places of the smallest and of the largest integer. This is only a loop: V8 compiles a
 * function again if other code follows a loop that takes long.
 *
 * @param halves the lower and the upper half of each integer
 */
function findExtremes(halves: Int32Array, places: Int32Array): Int32Array {
  let minLow = halves[0]! >>> 0, minHigh = halves[1]!, maxLow = minLow, maxHigh = minHigh;
  for (let i = 2; i < halves.length; i += 2) {
    const low = halves[i]! >>> 0;
    const high = halves[i + 1]!;
    if (high < minHigh || high === minHigh && low < minLow) {
      minHigh = high;
      minLow = low;
      places[0] = i >> 1;
    } else if (high > maxHigh || high === maxHigh && low > maxLow) {
      maxHigh = high;
      maxLow = low;
      places[1] = i >> 1;
    }
  }
  return places;
}

/** A dictionary with the texts that occur, in their order, and the index of each value. */
function dictionaryPage(
  codes: Uint32Array,
  texts: readonly Uint8Array[],
): ReturnType<PageValues["finish"]> {
  if (codes.length === 0) return { values: new Uint8Array(0), extremes: {} };
  const indexes = new Uint16Array(codes.length);
  const entries = numberCodes(codes, texts.length, indexes).map((code) => texts[code]!);
  const sorted = entries.toSorted(compareBytes);
  return {
    values: dictionaryIndexes(indexes, codes.length, entries.length),
    dictionary: { entries: entries.length, values: plainTexts(entries) },
    extremes: { min: sorted[0]!, max: sorted.at(-1)! },
  };
}

/**
 * Numbers the codes that occur, in their order.
 *
 * @param indexes receives the number of each code
 * @returns the codes that occur
 */
function numberCodes(codes: Uint32Array, count: number, indexes: Uint16Array): number[] {
  const numbers = new Int32Array(count).fill(-1);
  const found: number[] = [];
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i]!;
    if (numbers[code]! < 0) numbers[code] = found.push(code) - 1;
    indexes[i] = numbers[code]!;
  }
  return found;
}

/** Texts one behind the other, each after its length. */
export function plainTexts(texts: readonly Uint8Array[]): Uint8Array {
  const plain = new Uint8Array(texts.reduce((sum, { length }) => sum + 4 + length, 0));
  const view = new DataView(plain.buffer);
  let at = 0;
  for (const text of texts) {
    view.setUint32(at, text.length, true);
    plain.set(text, at + 4);
    at += 4 + text.length;
  }
  return plain;
}
