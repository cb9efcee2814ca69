import { createHash } from "node:crypto";
import type { Column, Value } from "../../pipeline/contract/column.ts";
import {
  compareBytes,
  definitionLevels,
  dictionaryIndexes,
} from "../../pipeline/lake/page_encoding.ts";
import { createPageFile, type Extremes, type Page } from "../../pipeline/lake/page_file.ts";
import { nameParts, type NewPart, type PartBody, TARGET_BYTES } from "../../pipeline/lake/parts.ts";

/** A group of rows, column by column, in the order of the contract. */
export interface RowGroup {
  /** The number of rows. */
  readonly rows: number;
  /** The values of each column, one per row. */
  readonly columns: readonly ArrayLike<Value>[];
}

/** A finished Parquet file, still in memory. */
export interface PartFile {
  /** The number of rows. */
  readonly rows: number;
  /** The file's bytes. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** Hexadecimal digest of the body. Equal rows give equal digests. */
  readonly sha256: string;
}

/** A Parquet file that is being written. */
export interface PartWriter {
  /** The number of rows written until now. */
  readonly rows: number;
  /** The number of bytes written until now, without the footer. */
  readonly bytes: number;
  /** Appends rows as a row group. */
  write(group: RowGroup): void;
  /** Ends the file and returns it. */
  finish(): PartFile;
}

/** Begins a Parquet file in memory that is written from values instead of pages. */
export function createPart(columns: readonly Column[]): PartWriter {
  const file = createPageFile(columns);
  return {
    get rows() {
      return file.rows;
    },
    get bytes() {
      return file.bytes;
    },
    write({ rows, columns: values }) {
      file.write(rows, columns.map((column, i) => pageOf(column, Array.from(values[i]!))));
    },
    finish() {
      const { rows } = file;
      const body = file.finish();
      return { rows, body, sha256: createHash("sha256").update(body).digest("hex") };
    },
  };
}

/**
 * Divides row groups into parts of a bounded size.
 *
 * @param prefix the folder that the parts are named into, ending with `/`
 */
export function cutParts(
  groups: Iterable<RowGroup>,
  columns: readonly Column[],
  prefix: string,
): AsyncGenerator<NewPart> {
  async function* files(): AsyncGenerator<PartBody> {
    let open = createPart(columns);
    for (const group of groups) {
      open.write(group);
      if (open.bytes < TARGET_BYTES) continue;
      yield open.finish();
      open = createPart(columns);
    }
    if (open.rows > 0) yield open.finish();
  }
  return nameParts(files(), prefix);
}

/** The largest number of texts in a dictionary. */
const MOST_ENTRIES = 4096;

/** Encodes the values of a column, which may be null. */
function pageOf({ type, nullable }: Column, values: readonly (Value | undefined)[]): Page {
  const bits = new Uint8Array((values.length + 7) >> 3);
  const present = values.filter((value, i) => {
    if (value == null) return false;
    bits[i >> 3]! |= 1 << (i & 7);
    return true;
  }) as NonNullable<Value>[];
  const rows = values.length;
  const nulls = rows - present.length;
  const page = {
    rows,
    nulls,
    levels: nullable ? definitionLevels(bits, rows, nulls) : new Uint8Array(0),
  };
  switch (type) {
    case "STRING":
      return { ...page, ...textPage(present.map(bytesOf)) };
    case "DECIMAL(20,8)":
      return { ...page, values: joined(present.map(bytesOf)) };
    case "INT32":
      return {
        ...page,
        values: new Uint8Array(Int32Array.from(present as number[]).buffer),
        extremes: extremesOf(present as number[], (a, b) => a - b),
      };
    default:
      return {
        ...page,
        values: new Uint8Array(BigInt64Array.from(present as bigint[]).buffer),
        extremes: extremesOf(present as bigint[], (a, b) => a < b ? -1 : a > b ? 1 : 0),
      };
  }
}

/** Texts have a dictionary if at least half of them repeat another text. */
function textPage(texts: readonly Uint8Array[]): Pick<Page, "values" | "dictionary" | "extremes"> {
  const entries = new Map<string, Uint8Array>();
  const keys = texts.map((text) => {
    const key = text.toBase64();
    entries.set(key, text);
    return key;
  });
  const { size } = entries;
  if (size === 0 || size > MOST_ENTRIES || 2 * size > texts.length) {
    return { values: plainTexts(texts) };
  }
  const places = new Map([...entries.keys()].map((key, i) => [key, i]));
  const different = [...entries.values()];
  return {
    values: dictionaryIndexes(
      Uint16Array.from(keys, (key) => places.get(key)!),
      texts.length,
      size,
    ),
    dictionary: { entries: size, values: plainTexts(different) },
    extremes: extremesOf(different, compareBytes),
  };
}

/** Texts as in a page: the length of each in four bytes, and its bytes. */
function plainTexts(texts: readonly Uint8Array[]): Uint8Array {
  return joined(texts.flatMap((text) => [
    new Uint8Array(Uint32Array.of(text.length).buffer),
    text,
  ]));
}

function extremesOf<T extends number | bigint | Uint8Array>(
  values: readonly T[],
  compare: (a: T, b: T) => number,
): Extremes {
  const [first, ...others] = values;
  if (first === undefined) return {};
  const min = others.reduce((least, value) => compare(value, least) < 0 ? value : least, first);
  const max = others.reduce((most, value) => compare(value, most) > 0 ? value : most, first);
  return { min, max };
}

function bytesOf(value: NonNullable<Value>): Uint8Array {
  return value instanceof Uint8Array ? value : new TextEncoder().encode(String(value));
}

function joined(arrays: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(arrays.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const array of arrays) {
    all.set(array, at);
    at += array.length;
  }
  return all;
}
