import type { Value } from "../../pipeline/contract/column.ts";
import { bronzeMarkerKey, silverMarkerKey } from "../../pipeline/contract/keys.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import {
  type BronzeCommit,
  type Part,
  readMarker,
  type SilverCommit,
} from "../../pipeline/lake/marker.ts";
import { openPart } from "../../pipeline/lake/parquet_reader.ts";
import { difference } from "../../pipeline/lake/parts.ts";
import { DAY } from "./outbox.ts";

/** A layer as somebody sees it who follows its marker. */
export interface View<C, R> {
  readonly commit: C;
  /** Digest of the marker's bytes. */
  readonly sha256: string;
  readonly rows: ReadonlyMap<string, R>;
}

/** Bronze: the version that each event has in it. */
export type BronzeView = View<BronzeCommit, number>;
/** Silver: the last event of each operation. */
export type SilverView = View<SilverCommit, string>;

/** A promise of the protocol that does not hold. */
export class Broken extends Error {
  /** What a stack trace calls it. */
  override readonly name = "Broken";
}

const MARKERS = { bronze: bronzeMarkerKey(DAY), silver: silverMarkerKey(DAY) };
/** How often a day may be published while one reader reads it, before the reader is suspicious. */
const MOST_CHANGES = 100;

/** Looks at bronze. See {@linkcode look}. */
export function lookAtBronze(lake: Lake): Promise<BronzeView | undefined> {
  return look(lake, "bronze", ["event_id", "retry_count"], (id, version) => [
    String(id),
    Number(version),
  ]);
}

/** Looks at silver. See {@linkcode look}. */
export function lookAtSilver(lake: Lake): Promise<SilverView | undefined> {
  return look(lake, "silver", ["operation_id", "execution_id"], (operation, id) => [
    String(operation),
    String(id),
  ]);
}

/**
 * Follows a marker to every part that it names. A part that is gone or differs is excused only by
 * another marker: the reader then begins again with that one.
 *
 * @throws {Broken} the marker names what is not there
 */
async function look<L extends "bronze" | "silver", R>(
  lake: Lake,
  layer: L,
  columns: readonly [string, string],
  entry: (key: Value, value: Value) => [string, R],
): Promise<View<L extends "bronze" ? BronzeCommit : SilverCommit, R> | undefined> {
  const read = () => readMarker(lake, layer, MARKERS[layer], DAY);
  let marker = await read();
  for (let change = 0; change < MOST_CHANGES; change++) {
    if (marker === undefined) return undefined;
    const { commit, sha256 } = marker;
    const pairs: [Value, Value][] = [];
    const problem = await readAll(lake, commit.parts, columns, pairs);
    if (problem === undefined) {
      const rows = new Map(pairs.map(([key, value]) => entry(key, value)));
      if (rows.size !== commit.rows) {
        throw new Broken(`${layer} names ${commit.rows} rows, and ${rows.size} are different ones`);
      }
      return { commit, sha256, rows };
    }
    const now = await read();
    if (now?.sha256 === sha256) {
      throw new Broken(`the marker of ${layer} names what is not there: ${problem}`);
    }
    if (now === undefined) throw new Broken(`the marker of ${layer} is gone`);
    marker = now;
  }
  throw new Broken(`${layer} changed ${MOST_CHANGES} times while it was read`);
}

/** Parts that were read before, by their digest. */
const known = new Map<string, readonly [Value[], Value[]]>();
/** Parts that are kept; all are small. */
const MOST_KNOWN = 5_000;

async function readAll(
  lake: Lake,
  parts: readonly Part[],
  columns: readonly [string, string],
  pairs: [Value, Value][],
): Promise<string | undefined> {
  for (const part of parts) {
    const stored = await lake.get(part.key);
    if (stored === undefined) return `${part.key} is gone`;
    const problem = difference(part, stored.bytes);
    if (problem !== undefined) return `${part.key}: ${problem}`;
    const [keys, values] = await columnsOf(part.sha256, stored.bytes, columns);
    keys.forEach((key, i) => pairs.push([key, values[i]!]));
  }
}

async function columnsOf(
  sha256: string,
  body: Uint8Array<ArrayBuffer>,
  names: readonly [string, string],
): Promise<readonly [Value[], Value[]]> {
  const before = known.get(sha256);
  if (before !== undefined) return before;
  const read: [Value[], Value[]] = [[], []];
  for await (const { columns } of openPart(body).groups(names)) {
    read[0].push(...columns[0]!);
    read[1].push(...columns[1]!);
  }
  if (known.size >= MOST_KNOWN) known.clear();
  known.set(sha256, read);
  return read;
}
