import { createHash } from "node:crypto";
import type { Column } from "../../pipeline/contract/column.ts";
import type { Day } from "../../pipeline/contract/window.ts";
import { Failure } from "../../pipeline/errors.ts";
import { givingWay } from "../../pipeline/give_way.ts";
import { isPart } from "../../pipeline/contract/keys.ts";
import {
  type Lake,
  type ObjectEntry,
  REQUESTS_IN_FLIGHT,
  type StoredObject,
} from "../../pipeline/lake/lake.ts";
import { readAhead } from "../../pipeline/parallel.ts";
import type { BronzeCommit, Part, SilverCommit, StoredMarker } from "../../pipeline/lake/marker.ts";
import {
  type Chunk,
  decompress,
  findValues,
  freeChunk,
} from "../../pipeline/lake/parquet_pages.ts";
import {
  type FileColumn,
  openPart,
  type PartReader,
  type StoredColumn,
} from "../../pipeline/lake/parquet_reader.ts";

/** One day of bronze or silver in the lake. */
export interface LakeDay<C extends BronzeCommit | SilverCommit> {
  /** The layer: `bronze` or `silver`. */
  readonly layer: C["layer"];
  /** The day, as in `2025-12-28`. */
  readonly day: Day;
  /** The key of the commit marker, which may not exist. */
  readonly markerKey: string;
  /** The commit marker; undefined if it is missing or invalid. */
  readonly marker?: { readonly commit: C; readonly sha256: string };
  /** The reason why the commit marker is invalid. */
  readonly markerProblem?: string;
  /** All part files in the day's folders, including those that the marker does not list. */
  readonly listed: readonly ObjectEntry[];
  /** The time of the listing, in milliseconds since 1970. */
  readonly listedAt: number;
  /** The parts that the marker lists, in the order of the marker. */
  readonly parts: readonly PartFact[];
}

/** A day of either layer. */
export type AnyLakeDay = LakeDay<BronzeCommit> | LakeDay<SilverCommit>;

/** The location of one day of a layer, and the columns to collect. */
export interface LakeDaySource<C> {
  /** The day, as in `2025-12-28`. */
  readonly day: Day;
  /** The key of the commit marker. */
  readonly markerKey: string;
  /** Reads the commit marker. */
  readonly read: () => Promise<StoredMarker<C> | undefined>;
  /** Lists the objects of the day. */
  readonly list: () => Promise<readonly ObjectEntry[]>;
  /** The columns to collect together, in order. */
  readonly columns: readonly Column[];
  /** The columns to collect one by one after the others, which takes less memory. */
  readonly apart: readonly Column[];
}

/**
 * The number of attempts to read a day. A run that publishes the day again removes parts while they
 * are being read.
 */
export const ATTEMPTS = 3;

/**
 * Reads the marker, the listing and the parts of a day. While one part is handled, the next ones are
 * read: several small parts, or one large part.
 *
 * @param begin starts a collection of about as many rows as the marker says; called again for each
 *   attempt
 * @throws {Failure} the lake is unreachable or refuses a request
 */
export async function gatherLakeDay<C extends BronzeCommit | SilverCommit, T>(
  lake: Lake,
  layer: C["layer"],
  source: LakeDaySource<C>,
  begin: (rows: number) => Collection<T>,
): Promise<LakeDay<C> & T> {
  const giveWay = givingWay();
  for (let attempt = 1;; attempt++) {
    const { day, markerKey } = source;
    const { marker, problem } = await readStored(source.read);
    const collection = begin(marker?.commit.rows ?? 0);
    const parts: PartFact[] = [];
    for await (const [part, object] of readObjects(lake, marker?.commit.parts ?? [])) {
      parts.push(await gatherPart(part, object, source, collection, giveWay));
    }
    const listed = (await source.list()).filter(({ key }) => isPart(key));
    const listedAt = Date.now();
    // The listing is newer than the marker, so parts of a newer marker would look like orphans. If
    // the marker changed, read again.
    const now = await readStored(source.read);
    if (now.marker?.sha256 !== marker?.sha256 && attempt < ATTEMPTS) continue;
    return {
      layer,
      day,
      markerKey,
      listed,
      listedAt,
      parts,
      ...(marker && { marker: { commit: marker.commit, sha256: marker.sha256 } }),
      ...(problem !== undefined && { markerProblem: problem }),
      ...collection.finish(),
    };
  }
}

/**
 * Reads a marker. An invalid marker is returned as a problem, not thrown.
 *
 * @throws {Failure} the lake is unreachable or refuses a request
 */
export async function readStored<C>(
  read: () => Promise<StoredMarker<C> | undefined>,
): Promise<{ marker?: StoredMarker<C>; problem?: string }> {
  try {
    const marker = await read();
    return marker === undefined ? {} : { marker };
  } catch (error) {
    if (!(error instanceof Failure && error.kind === "data")) throw error;
    // The cause has only the problem. The message also has the remedy of the pipeline.
    return { problem: error.cause instanceof Error ? error.cause.message : error.message };
  }
}

/** The total size of the parts that are read ahead, in bytes. */
const BYTES_AHEAD = 4 << 20;

/** Reads the objects with the keys of parts; undefined for a part that does not exist. */
function readObjects(
  lake: Lake,
  parts: readonly Part[],
): AsyncGenerator<[Part, StoredObject | undefined]> {
  return readAhead(parts, async (part) => [part, await lake.get(part.key)], {
    count: REQUESTS_IN_FLIGHT,
    size: BYTES_AHEAD,
    countsCurrent: true,
    sizeOf: ({ bytes }) => bytes,
  });
}

/** A part that a marker lists, and the object in the lake with the part's key. */
export interface PartFact {
  /** The part as named in the marker. */
  readonly part: Part;
  /** The object with the part's key; undefined if it does not exist. */
  readonly stored?: {
    readonly bytes: number;
    /** True if the object's sha256 equals the one in the marker. */
    readonly same: boolean;
  };
  /** The footer of the Parquet file, if it can be read. */
  readonly footer?: { readonly rows: number; readonly columns: readonly FileColumn[] };
  /** The reason why the footer or the rows of an existing object cannot be read. */
  readonly problem?: string;
  /**
   * True if the object matches the entry of the marker, and all rows were collected with the
   * types of the contract. If false, the collected values are incomplete.
   */
  readonly collected: boolean;
}

/** The values of one row group, in the order of the requested columns. */
export interface ChunkGroup {
  /** The number of rows. */
  readonly rows: number;
  /** The place of each value; no column if there are no rows. */
  readonly columns: readonly Chunk[];
}

/** Receives the rows of the parts of a day. */
export interface Collection<T> {
  /** Receives the columns of a row group that are collected together. */
  collect(group: ChunkGroup, part: Part): void;
  /** Receives another column of the same row group. */
  collectApart(column: Column, chunk: Chunk, part: Part): void;
  /** Returns what was collected. */
  finish(): T;
}

/**
 * Decodes a part and passes the rows to a collector. A damaged part is part of the fact, not an
 * error.
 *
 * @param object the object with the part's key; undefined if it does not exist
 * @param giveWay pauses for the comparison with the outbox, because Postgres waits for it
 */
async function gatherPart(
  part: Part,
  object: StoredObject | undefined,
  { columns, apart }: Pick<LakeDaySource<never>, "columns" | "apart">,
  collection: Collection<unknown>,
  giveWay: () => Promise<void>,
): Promise<PartFact> {
  if (object === undefined) return { part, collected: false };
  const sha256 = createHash("sha256").update(object.bytes).digest("hex");
  const stored = { bytes: object.bytes.length, same: sha256 === part.sha256 };
  let reader: PartReader;
  try {
    reader = openPart(object.bytes, object.free);
  } catch (error) {
    return {
      part,
      stored,
      problem: `it is not a Parquet file: ${reason(error)}`,
      collected: false,
    };
  }
  const fact = { part, stored, footer: { rows: reader.rows, columns: reader.columns } };
  const typed = [...columns, ...apart].every((column) => readable(column, reader.columns));
  if (!typed || !asPublished(fact)) return { ...fact, collected: false };
  try {
    for (let i = 0; i < reader.groupRows.length; i++) {
      const { rows, columns: stored } = reader.pages(i, columns.map(({ name }) => name));
      const chunks: Chunk[] = [];
      for (const column of stored) {
        await giveWay();
        chunks.push(chunkOf(column));
      }
      columns.forEach((column, c) => confirmValues(column, chunks[c]));
      collection.collect({ rows, columns: chunks }, part);
      chunks.forEach((chunk, c) => freeChunk(chunk, stored[c]!.pages));
      const others = reader.pages(i, apart.map(({ name }) => name)).columns;
      for (const [c, other] of others.entries()) {
        await giveWay();
        const [column, chunk] = [apart[c]!, chunkOf(other)];
        confirmValues(column, chunk);
        collection.collectApart(column, chunk, part);
        freeChunk(chunk, other.pages);
      }
    }
    reader.free();
  } catch (error) {
    return { ...fact, problem: reason(error), collected: false };
  }
  return { ...fact, collected: true };
}

/** Returns whether a part has the size and the sha256 in the marker. */
export function asPublished({ part, stored }: Pick<PartFact, "part" | "stored">): boolean {
  return stored !== undefined && stored.same && stored.bytes === part.bytes;
}

/**
 * Returns whether a column can be read as the contract's type. A VOID column contains only nulls,
 * so it can be read as any nullable type.
 */
function readable({ name, type, nullable }: Column, columns: readonly FileColumn[]): boolean {
  const found = columns.find((column) => column.name === name);
  return found?.type === type || nullable && found?.type === "VOID";
}

function chunkOf({ layout, pages }: StoredColumn): Chunk {
  return findValues(pages, pages.map(decompress), layout);
}

/**
 * Throws if a required column contains a null. Spark marks every column as nullable, so the schema
 * does not show this.
 */
function confirmValues({ name, nullable }: Column, chunk: Chunk | undefined): void {
  if (!nullable && (chunk?.nulls ?? 0) > 0) throw new Error(`column ${name} contains a null`);
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
