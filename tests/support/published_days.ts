import { createHash } from "node:crypto";
import {
  bronzeMarkerKey,
  bronzePrefix,
  historyKey,
  quarantineKey,
  silverMarkerKey,
  silverPrefix,
} from "../../pipeline/contract/keys.ts";
import { EVENT_CONTRACT, EXECUTION_CONTRACT } from "../../pipeline/contract/tables.ts";
import type { Day } from "../../pipeline/contract/window.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import {
  type BronzeCommit,
  type Part,
  renderMarker,
  type SilverCommit,
} from "../../pipeline/lake/marker.ts";

// Days as their markers describe them, without a database and without Parquet: for whatever reads
// markers and no parts.

/** Digits that look like the sha256 of a text. */
export function digestOf(text: string | Uint8Array): string {
  return createHash("sha256").update(text).digest("hex");
}

/** A part of a day that nothing reads. */
export function partIn(folder: string, rows: number, name = "00000"): Part {
  const sha256 = digestOf(folder + name);
  return { key: `${folder}part-${name}-${sha256.slice(0, 32)}.parquet`, rows, bytes: 1000, sha256 };
}

/** Bronze of a day with so many events, in one part; in none where there are none. */
export function bronzeCommit(day: Day, events: number, more: Partial<BronzeCommit> = {}) {
  const parts = events === 0 ? [] : [partIn(bronzePrefix(day), events)];
  const [minSeq, maxSeq] = events === 0 ? [null, null] : [1n, BigInt(events)];
  const commit: BronzeCommit = {
    layer: "bronze",
    day,
    state: "sealed",
    rows: events,
    minSeq,
    maxSeq,
    contract: EVENT_CONTRACT,
    parts,
    ...more,
  };
  return commit;
}

/** Silver of a day, made from a bronze marker, with so many executions of one client. */
export function silverCommit(bronze: BronzeCommit, executions: number): SilverCommit {
  const { day, state } = bronze;
  const parts = executions === 0 ? [] : [partIn(silverPrefix(1n, day), executions)];
  const source = { key: bronzeMarkerKey(day), sha256: digestOf(renderMarker(bronze)) };
  return {
    layer: "silver",
    day,
    state,
    rows: executions,
    bronze: source,
    contract: EXECUTION_CONTRACT,
    parts,
  };
}

/** What the marker of an amended day says, after so many amendments. */
export function amendedBy(day: Day, version: number, lost = 0, altered = 0) {
  const sha256 = digestOf(`${day} ${version - 1}`);
  const acknowledged = (events: number) => ({ events, sha256: digestOf(String(events)) });
  return {
    version,
    previous: { key: historyKey(day, version - 1, sha256), sha256 },
    lost: acknowledged(lost),
    altered: acknowledged(altered),
  };
}

/** What a marker says of so many events in quarantine. */
export function quarantineOf(day: Day, events: number) {
  const sha256 = digestOf(`${day} ${events}`);
  return { key: quarantineKey(day, sha256), events, bytes: 1000, sha256 };
}

/** Stores a marker, and something under each key that it names. */
export async function store(lake: Lake, commit: BronzeCommit | SilverCommit): Promise<void> {
  const { layer, day, parts } = commit;
  for (const { key, bytes } of parts) await lake.put(key, new Uint8Array(bytes));
  const key = layer === "bronze" ? bronzeMarkerKey(day) : silverMarkerKey(day);
  await lake.put(key, renderMarker(commit));
}

/** Stores both layers of a day: the events that are given, and half as many executions. */
export async function publish(
  lake: Lake,
  day: Day,
  events: number,
  more: Partial<BronzeCommit> = {},
): Promise<BronzeCommit> {
  const bronze = bronzeCommit(day, events, more);
  await store(lake, bronze);
  await store(lake, silverCommit(bronze, Math.floor(events / 2)));
  return bronze;
}
