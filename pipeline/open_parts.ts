import { EVENT_COLUMNS } from "./contract/tables.ts";
import type { Lake } from "./lake/lake.ts";
import type { Part } from "./lake/marker.ts";
import {
  type Chunk,
  decompress,
  findValues,
  freeChunk,
  type StoredPage,
} from "./lake/parquet_pages.ts";
import type { PartReader, StoredColumn, StoredGroup } from "./lake/parquet_reader.ts";
import { malformed, readPart } from "./lake/parts.ts";
import { type PageCodec, ThreadFailure } from "./page_thread.ts";

// Parts of bronze in memory, for a replay.

/** The parts of one sequence. */
export interface Parts {
  /** The index of the sequence. */
  readonly sequence: number;
  /** The number of parts. */
  readonly count: number;
  /** The number of parts that stay usable. */
  readonly most: number;
  /** The size of a part. */
  bytes(index: number): number;
  /** Opens a part. Only the last {@linkcode most} parts that were opened stay usable. */
  open(index: number): Promise<OpenPart>;
  /** Frees the memory of a part. Opening it again reads it again. */
  release(index: number): void;
  /** Frees the memory of all parts. */
  close(): void;
}

/** Columns of one row group. */
export interface ReadGroup {
  /** The number of rows. */
  readonly rows: number;
  /** The columns by name. */
  readonly columns: Readonly<Record<string, Chunk>>;
  /** Frees the memory of the columns. */
  free(): void;
}

/** The pages of one column of a row group, and its type. */
export interface TypedColumn extends StoredColumn {
  /** The type according to the file. */
  readonly type: string;
}

/** A part in memory. */
export interface OpenPart {
  /** The number of row groups. */
  readonly groupCount: number;
  /** Frees the memory of the part. */
  close(): void;
  /** Reads columns of one row group. */
  read(group: number, names: readonly string[]): ReadGroup;
  /** Decompresses columns of all row groups from one on. The groups can be taken once. */
  readFrom(group: number, names: readonly string[]): Promise<Iterable<ReadGroup>>;
  /** Finds the pages of columns of one row group; none if it has no rows. */
  pages(group: number, names: readonly string[]): TypedColumn[];
  /** The failure of a part whose content is not that of bronze. */
  malformed(problem: string): Error;
}

/**
 * The parts of one sequence. Each part is fetched and verified when it is opened.
 *
 * @param most the number of parts that stay usable
 * @param codec decompresses the pages of {@linkcode OpenPart.readFrom}
 */
export function partsOf(
  lake: Lake,
  parts: readonly Part[],
  sequence: number,
  most: number,
  codec: PageCodec,
): Parts {
  let kept: { readonly index: number; readonly part: Promise<OpenPart> }[] = [];
  const close = (each: typeof kept[number]) =>
    void each.part.then((part) => part.close(), () => {});
  return {
    sequence,
    count: parts.length,
    most,
    bytes: (index) => parts[index]!.bytes,
    open(index) {
      let found = kept.find((each) => each.index === index);
      kept = kept.filter((each) => each !== found);
      while (kept.length >= most) close(kept.shift()!);
      found ??= { index, part: openPart(lake, parts[index]!, codec) };
      kept.push(found);
      return found.part;
    },
    release(index) {
      const found = kept.filter((each) => each.index === index);
      kept = kept.filter((each) => each.index !== index);
      found.forEach(close);
    },
    close: () => kept.splice(0).forEach(close),
  };
}

async function openPart(lake: Lake, part: Part, codec: PageCodec): Promise<OpenPart> {
  const reader = await readPart(lake, part);
  const fail = (problem: string) => malformed(lake, part, problem);
  const guard = <T>(read: () => T): T => {
    try {
      return read();
    } catch (error) {
      throw fail((error as Error).message);
    }
  };
  const types = new Map(reader.columns.map(({ name, type }) => [name, type]));
  return {
    groupCount: reader.groupRows.length,
    close: () => reader.free(),
    malformed: fail,
    read: (group, names) =>
      guard(() => {
        const stored = reader.pages(group, names);
        return readColumns(reader, names, stored, pagesIn(stored).values().map(decompress));
      }),
    async readFrom(first, names) {
      const groups = guard(() =>
        reader.groupRows.slice(first).map((_, i) => reader.pages(first + i, names))
      );
      const pages = groups.flatMap(pagesIn);
      const decompressed = await codec.decompress(pages).catch((error) => {
        if (!(error instanceof ThreadFailure)) throw fail(error.message);
        return guard(() => pages.map(decompress));
      });
      const contents = decompressed.values();
      return groups.values().map((group) =>
        guard(() => readColumns(reader, names, group, contents))
      );
    },
    pages: (group, names) =>
      guard(() =>
        reader.pages(group, names).columns.map((column, i) => ({
          ...column,
          type: types.get(names[i]!)!,
        }))
      ),
  };
}

/** All pages of a row group, in the order of its columns. */
function pagesIn({ columns }: StoredGroup): StoredPage[] {
  return columns.flatMap(({ pages }) => pages);
}

/** @param contents the decompressed bodies of the pages, from those of the row group on */
function readColumns(
  reader: PartReader,
  names: readonly string[],
  { rows, columns }: StoredGroup,
  contents: Iterator<Uint8Array>,
): ReadGroup {
  const chunks = columns.map(({ layout, pages }, i): [string, Chunk] => {
    const name = names[i]!;
    const { type, nullable } = EVENT_COLUMNS.find((column) => column.name === name)!;
    const found = reader.columns.find((column) => column.name === name)?.type;
    const chunk = findValues(pages, pages.map(() => contents.next().value!), layout);
    if (found !== type && chunk.nulls < rows) {
      throw new Error(`its column ${name} has type ${found} instead of ${type}`);
    }
    if (!nullable && chunk.nulls > 0) throw new Error(`its column ${name} has nulls`);
    return [name, chunk];
  });
  const free = () => chunks.forEach(([, chunk], i) => freeChunk(chunk, columns[i]!.pages));
  return { rows, columns: Object.fromEntries(chunks), free };
}
