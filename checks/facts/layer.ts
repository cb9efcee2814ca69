import type { Column } from "../../pipeline/contract/column.ts";
import type { Day } from "../../pipeline/contract/window.ts";
import { Failure } from "../../pipeline/errors.ts";
import { isPart } from "../../pipeline/lake/commit.ts";
import type { Lake, ObjectEntry } from "../../pipeline/lake/lake.ts";
import type { BronzeCommit, SilverCommit, StoredMarker } from "../../pipeline/lake/marker.ts";
import { type Collect, gatherPart, type PartFact } from "./part.ts";

/** One day of bronze or silver as it lies in the lake. */
export interface LayerFact<C extends BronzeCommit | SilverCommit> {
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
export type AnyLayer = LayerFact<BronzeCommit> | LayerFact<SilverCommit>;

/** Where a layer's day lies, and what is collected from its rows. */
export interface LayerSource<C> {
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
export async function gatherLayer<C extends BronzeCommit | SilverCommit, T>(
  lake: Lake,
  layer: C["layer"],
  source: LayerSource<C>,
  begin: () => { readonly collect: Collect; readonly finish: () => T },
): Promise<LayerFact<C> & T> {
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
