import { createHash } from "node:crypto";
import type { Column } from "../../pipeline/contract/column.ts";
import type { Day } from "../../pipeline/contract/window.ts";
import { Failure } from "../../pipeline/errors.ts";
import { isPart } from "../../pipeline/contract/keys.ts";
import type { Lake, ObjectEntry } from "../../pipeline/lake/lake.ts";
import type { BronzeCommit, Part, SilverCommit, StoredMarker } from "../../pipeline/lake/marker.ts";
import {
  type FileColumn,
  type FileGroup,
  openPart,
  type PartReader,
} from "../../pipeline/lake/parquet_reader.ts";

/** One day of bronze or silver as it lies in the lake. */
export interface LakeDay<C extends BronzeCommit | SilverCommit> {
  /** Which of the two it is. */
  readonly layer: C["layer"];
  /** Which day. */
  readonly day: Day;
  /** Where the commit marker lies, or would. */
  readonly markerKey: string;
  /** The commit marker; undefined where there is none, or none that can be used. */
  readonly marker?: { readonly commit: C; readonly sha256: string };
  /** Why the marker that is there cannot be used. */
  readonly markerProblem?: string;
  /** The day's part files, whether the marker names them or not. */
  readonly listed: readonly ObjectEntry[];
  /** When they were listed, in milliseconds since 1970. */
  readonly listedAt: number;
  /** The parts that the marker names, in its order. */
  readonly parts: readonly PartFact[];
}

/** A day of either layer. */
export type AnyLakeDay = LakeDay<BronzeCommit> | LakeDay<SilverCommit>;

/** Where a layer's day lies, and what is collected from its rows. */
export interface LakeDaySource<C> {
  /** Which day. */
  readonly day: Day;
  /** Where the commit marker lies. */
  readonly markerKey: string;
  /** Reads the commit marker. */
  readonly read: () => Promise<StoredMarker<C> | undefined>;
  /** How the keys of the day's objects begin, perhaps among others'. */
  readonly prefix: string;
  /** Whether a key that begins so is of the day. */
  readonly ofDay: (key: string) => boolean;
  /** The columns that the collector takes. */
  readonly columns: readonly Column[];
}

/**
 * How often a day is read that is published again meanwhile: such a run removes the parts that are being
 * read. No day is published again for ever.
 */
export const ATTEMPTS = 3;

/**
 * Reads a layer's marker, listing and parts, with one part in memory at a time.
 *
 * @param begin begins a collection, once more where the day is published again meanwhile
 * @throws {Failure} the lake is out of reach or refuses
 */
export async function gatherLakeDay<C extends BronzeCommit | SilverCommit, T>(
  lake: Lake,
  layer: C["layer"],
  source: LakeDaySource<C>,
  begin: () => { readonly collect: Collect; readonly finish: () => T },
): Promise<LakeDay<C> & T> {
  for (let attempt = 1;; attempt++) {
    const { day, markerKey } = source;
    const { marker, problem } = await readStored(source.read);
    const { collect, finish } = begin();
    const parts: PartFact[] = [];
    for (const part of marker?.commit.parts ?? []) {
      parts.push(await gatherPart(lake, part, source.columns, collect));
    }
    const listed = (await lake.list(source.prefix))
      .filter(({ key }) => isPart(key) && source.ofDay(key));
    const listedAt = Date.now();
    // Parts are listed after the marker was read: those of a newer state would look like orphans.
    const now = await readStored(source.read);
    if (now.marker?.sha256 !== marker?.sha256 && attempt < ATTEMPTS) continue;
    return {
      ...{ layer, day, markerKey, listed, listedAt, parts },
      ...(marker && { marker: { commit: marker.commit, sha256: marker.sha256 } }),
      ...(problem !== undefined && { markerProblem: problem }),
      ...finish(),
    };
  }
}

/**
 * Reads a marker. One that is there and cannot be used is a problem, and no failure.
 *
 * @throws {Failure} the lake is out of reach or refuses
 */
export async function readStored<C>(
  read: () => Promise<StoredMarker<C> | undefined>,
): Promise<{ marker?: StoredMarker<C>; problem?: string }> {
  try {
    const marker = await read();
    return marker === undefined ? {} : { marker };
  } catch (error) {
    if (!(error instanceof Failure && error.kind === "data")) throw error;
    // The cause is the bare problem; the message around it is the pipeline's, with its own remedy.
    return { problem: error.cause instanceof Error ? error.cause.message : error.message };
  }
}

/** A part that a marker names, and what lies in the lake under its key. */
export interface PartFact {
  /** What the marker says of it. */
  readonly part: Part;
  /** The object under that key; undefined where there is none. */
  readonly stored?: {
    readonly bytes: number;
    /** Whether its sha256 is the one that the marker says. */
    readonly same: boolean;
  };
  /** Its footer, where it has one that can be read. */
  readonly footer?: { readonly rows: number; readonly columns: readonly FileColumn[] };
  /** Why its footer or its rows cannot be read, though the object is there. */
  readonly problem?: string;
  /**
   * Whether all of its rows were read, as what the marker names and in the contract's types. Where
   * this is false, what was collected from the rows says nothing.
   */
  readonly collected: boolean;
}

/** Takes in the rows of a part, the columns that were asked for in their order. */
export type Collect = (group: FileGroup, part: Part) => void;

/**
 * Reads a part and gives its rows to a collector. A part that is damaged is a fact, not an error.
 *
 * @param columns the columns that are collected
 * @throws {Failure} the lake is out of reach or refuses
 */
export async function gatherPart(
  lake: Lake,
  part: Part,
  columns: readonly Column[],
  collect: Collect,
): Promise<PartFact> {
  const object = await lake.get(part.key);
  if (object === undefined) return { part, collected: false };
  const sha256 = createHash("sha256").update(object.bytes).digest("hex");
  const stored = { bytes: object.bytes.length, same: sha256 === part.sha256 };
  let reader: PartReader;
  try {
    reader = openPart(object.bytes);
  } catch (error) {
    return { part, stored, problem: `no Parquet file: ${reason(error)}`, collected: false };
  }
  const fact = { part, stored, footer: { rows: reader.rows, columns: reader.columns } };
  const typed = columns.every((column) => readable(column, reader.columns));
  if (!typed || !asPublished(fact)) return { ...fact, collected: false };
  try {
    for await (const group of reader.groups(columns.map(({ name }) => name))) {
      confirmValues(columns, group);
      collect(group, part);
    }
  } catch (error) {
    return { ...fact, problem: reason(error), collected: false };
  }
  return { ...fact, collected: true };
}

/** Whether a part has the size and the sha256 that the marker names. */
export function asPublished({ part, stored }: Pick<PartFact, "part" | "stored">): boolean {
  return stored !== undefined && stored.same && stored.bytes === part.bytes;
}

/** A column without a type holds nulls only, which is no other than a column of nulls with one. */
function readable({ name, type, nullable }: Column, columns: readonly FileColumn[]): boolean {
  const found = columns.find((column) => column.name === name);
  return found?.type === type || nullable && found?.type === "VOID";
}

/** Spark marks every column as nullable, so its files need a look for the nulls that may not be. */
function confirmValues(columns: readonly Column[], { columns: values }: FileGroup): void {
  columns.forEach(({ name, nullable }, i) => {
    if (!nullable && values[i]!.includes(null)) throw new Error(`a null in column ${name}`);
  });
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
