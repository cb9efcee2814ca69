import { createHash } from "node:crypto";
import {
  bronzeMarkerKey,
  bronzePrefix,
  historyKey,
  quarantineKey,
  silverMarkerKey,
  silverPrefix,
} from "../../pipeline/contract/keys.ts";
import { EVENT_CONTRACT, EXECUTION_CONTRACT } from "../../pipeline/contract/fingerprint.ts";
import type { Day } from "../../pipeline/contract/window.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import {
  type BronzeCommit,
  type Part,
  renderMarker,
  type SilverCommit,
} from "../../pipeline/lake/marker.ts";

// Days as described by their markers, without a database or Parquet files. For code that reads
// markers but no parts.

/** Returns the SHA-256 of a text or of bytes. */
export function digestOf(text: string | Uint8Array): string {
  return createHash("sha256").update(text).digest("hex");
}

/** Returns a part that is never read. */
export function partIn(folder: string, rows: number, name = "00000"): Part {
  const sha256 = digestOf(folder + name);
  return { key: `${folder}part-${name}-${sha256.slice(0, 32)}.parquet`, rows, bytes: 1000, sha256 };
}

/**
 * Returns the bronze marker of a day with this many events, in one part, or in none for 0 events.
 */
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

/**
 * Returns the silver marker of a day, made from a bronze marker, with this many executions of one
 * client.
 */
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

/** Returns the fields that this many amendments add to a marker. */
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

/** Returns the fields that this many quarantined events add to a marker. */
export function quarantineOf(day: Day, events: number) {
  const sha256 = digestOf(`${day} ${events}`);
  return { key: quarantineKey(day, sha256), events, bytes: 1000, sha256 };
}

/** Stores a marker, and an object under each key that the marker names. */
export async function store(lake: Lake, commit: BronzeCommit | SilverCommit): Promise<void> {
  const { layer, day, parts } = commit;
  for (const { key, bytes } of parts) await lake.put(key, new Uint8Array(bytes));
  const key = layer === "bronze" ? bronzeMarkerKey(day) : silverMarkerKey(day);
  await lake.put(key, renderMarker(commit));
}

/** Stores both layers of a day: the given number of events, and half as many executions. */
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
