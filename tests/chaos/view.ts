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

/** A layer as seen by a reader that follows its marker. */
export interface View<C, R> {
  readonly commit: C;
  /** SHA-256 of the marker's bytes. */
  readonly sha256: string;
  readonly rows: ReadonlyMap<string, R>;
}

/** Bronze: the version of each event, by event ID. */
export type BronzeView = View<BronzeCommit, number>;
/** Silver: the last event of each operation. */
export type SilverView = View<SilverCommit, string>;

/** Thrown when a promise of the protocol is broken. */
export class Broken extends Error {
  /** Error name in stack traces. */
  override readonly name = "Broken";
}

const MARKERS = { bronze: bronzeMarkerKey(DAY), silver: silverMarkerKey(DAY) };
/** Most times that a day may be published during one read. More is an error. */
const MOST_CHANGES = 100;

/** Reads bronze. See {@linkcode look}. */
export function lookAtBronze(lake: Lake): Promise<BronzeView | undefined> {
  return look(lake, "bronze", ["event_id", "retry_count"], (id, version) => [
    String(id),
    Number(version),
  ]);
}

/** Reads silver. See {@linkcode look}. */
export function lookAtSilver(lake: Lake): Promise<SilverView | undefined> {
  return look(lake, "silver", ["operation_id", "execution_id"], (operation, id) => [
    String(operation),
    String(id),
  ]);
}

/**
 * Reads every part that a marker names. A missing or different part is excused only if the marker
 * has changed; the reader then starts again with the new marker.
 *
 * @throws {Broken} the marker names a part that does not exist
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
        throw new Broken(`${layer} names ${commit.rows} rows, but has ${rows.size} distinct ones`);
      }
      return { commit, sha256, rows };
    }
    const now = await read();
    if (now?.sha256 === sha256) {
      throw new Broken(`the marker of ${layer} names a missing or damaged part: ${problem}`);
    }
    if (now === undefined) throw new Broken(`the marker of ${layer} is gone`);
    marker = now;
  }
  throw new Broken(`${layer} changed ${MOST_CHANGES} times during one read`);
}

/** Parts that were read before, by their digest. */
const known = new Map<string, readonly [Value[], Value[]]>();
/** Most parts to keep; all are small. */
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
