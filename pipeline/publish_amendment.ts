import {
  type BronzeDifferences,
  encodeEvents,
  stillComplete,
  warnOfUnknownTypes,
  type WindowRun,
} from "./bronze_window.ts";
import { bronzePrefix, historyKey } from "./contract/keys.ts";
import { EVENT_CONTRACT } from "./contract/fingerprint.ts";
import { Failure } from "./errors.ts";
import { publishWindow } from "./lake/commit.ts";
import {
  acknowledge,
  type Amended,
  type BronzeCommit,
  type Part,
  type StoredMarker,
} from "./lake/marker.ts";
import { lineageOf, nameParts, storeParts } from "./lake/parts.ts";
import type { Survey } from "./outbox/survey.ts";
import { NAMED, plural } from "./progress.ts";
import { storeQuarantine } from "./quarantine.ts";

// An amendment adds late events to a published window and never removes any: late events become
// additional parts, and a copy of the replaced marker is kept under a history key.

/** The kinds of differences that the marker of a window does not acknowledge yet. */
export interface Unacknowledged {
  /** Late events. */
  readonly late: boolean;
  /** Events that the outbox lost and that no amendment has acknowledged. */
  readonly lost: boolean;
  /** Events with different values in the outbox that no amendment has acknowledged. */
  readonly altered: boolean;
  /** Late events that do not fit the Parquet types. */
  readonly unfit: boolean;
  /** Quarantined events that the outbox lost. */
  readonly gone: boolean;
}

/**
 * Returns the differences that a window's marker does not acknowledge yet.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { unacknowledgedDifferences } from "./publish_amendment.ts";
 * import { EVENT_CONTRACT } from "./contract/fingerprint.ts";
 * import { parseDay } from "./contract/window.ts";
 * const none = new Set<string>();
 * const differences = {
 *   late: new Set(["018f"]),
 *   lost: none,
 *   altered: none,
 *   named: { late: [], lost: [], altered: [] },
 *   newlyUnfit: [],
 *   unfit: [],
 *   gone: [],
 * };
 * const bronze = {
 *   layer: "bronze",
 *   day: parseDay("2025-12-28")!,
 *   state: "sealed",
 *   rows: 0,
 *   contract: EVENT_CONTRACT,
 *   parts: [],
 *   minSeq: null,
 *   maxSeq: null,
 * } as const;
 * const { late, lost } = unacknowledgedDifferences(differences, bronze);
 * assertEquals([late, lost], [true, false]);
 * ```
 */
export function unacknowledgedDifferences(
  { late, lost, altered, newlyUnfit, gone }: BronzeDifferences,
  { amended }: BronzeCommit,
): Unacknowledged {
  const differs = (ids: ReadonlySet<string>, known: Amended["lost"] | undefined) =>
    known === undefined
      ? ids.size > 0
      : known.events !== ids.size || known.sha256 !== acknowledge(ids).sha256;
  return {
    late: late.size > 0,
    lost: differs(lost, amended?.lost),
    altered: differs(altered, amended?.altered),
    unfit: newlyUnfit.length > 0,
    gone: gone.length > 0,
  };
}

/**
 * Returns whether the window equals the outbox, apart from the differences that the marker records.
 */
export function isAcknowledged(differences: BronzeDifferences, commit: BronzeCommit): boolean {
  return !Object.values(unacknowledgedDifferences(differences, commit)).includes(true);
}

/**
 * Publishes a window again with its late events, in the snapshot that it was compared in.
 *
 * @param differences the result of the comparison in this snapshot
 * @throws {Failure} as publishing does
 */
export async function publishAmendment(
  run: WindowRun,
  previous: StoredMarker<BronzeCommit>,
  survey: Survey,
  differences: BronzeDifferences,
): Promise<void> {
  const { connection, window, fence, observer, publication } = run;
  const { lake, dryRun } = publication;
  const before = previous.commit;
  const version = (before.amended?.version ?? 0) + 1;
  const added = await storeLate(run, survey, differences, version);
  const quarantine = await storeQuarantine(lake, window.day, differences.unfit, dryRun);
  await connection.endSnapshot();

  const counted = survey.rows + survey.unfit.length;
  const sealed = before.state === "sealed" ||
    fence.sealable && await stillComplete(run, counted);
  const parts = [...before.parts, ...added];
  const quarantined = quarantine === undefined ? {} : { quarantine };
  const commit: BronzeCommit = {
    layer: "bronze",
    day: window.day,
    state: sealed ? "sealed" : "open",
    rows: before.rows + added.reduce((sum, { rows }) => sum + rows, 0),
    minSeq: minimum(before.minSeq, survey.minSeq),
    maxSeq: maximum(before.maxSeq, survey.maxSeq),
    contract: EVENT_CONTRACT,
    source: run.source.current,
    ...quarantined,
    amended: {
      version,
      previous: await keepPrevious(run, previous, version - 1),
      lost: acknowledge(differences.lost),
      altered: acknowledge(differences.altered),
    },
    parts,
  };
  if (added.length > 0) {
    observer.step({
      step: "amendment",
      says: `number ${version}: ${plural(differences.late.size, "late event")} in ` +
        plural(added.length, "additional part"),
      data: { version, events: differences.late.size, parts: added.length },
    });
  }
  await publishWindow(commit, publication);
}

/** Stores the late events as additional parts. */
async function storeLate(
  run: WindowRun,
  survey: Survey,
  { late }: BronzeDifferences,
  version: number,
): Promise<Part[]> {
  if (late.size === 0) return [];
  const { window, observer, publication } = run;
  const encoded = encodeEvents(run, survey, late);
  const lineage = lineageOf(publication, version);
  const named = nameParts(encoded.files, bronzePrefix(window.day), lineage);
  const parts = await storeParts(publication.lake, named, {
    stores: !publication.dryRun,
    onPart: encoded.part,
    onWork: encoded.work,
  });
  warnOfUnknownTypes(encoded.eventTypes, observer);
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  if (rows !== late.size) throw new Error(`${late.size} events came late, and ${rows} were copied`);
  return parts;
}

/** Stores a copy of the marker that will be replaced. A retry stores the same bytes. */
async function keepPrevious(
  { window, publication: { lake, dryRun } }: WindowRun,
  { bytes, sha256 }: StoredMarker<BronzeCommit>,
  version: number,
): Promise<Amended["previous"]> {
  const key = historyKey(window.day, version, sha256);
  if (!dryRun) await lake.put(key, bytes);
  return { key, sha256 };
}

function minimum(a: bigint | null, b: bigint | null): bigint | null {
  return a === null || b === null ? a ?? b : a < b ? a : b;
}

function maximum(a: bigint | null, b: bigint | null): bigint | null {
  return a === null || b === null ? a ?? b : a > b ? a : b;
}

/** The failure for a published day that differs from the outbox, with the next step. */
export function dayDiffers(
  { late, lost, altered, newlyUnfit, gone, named }: BronzeDifferences,
  { day, state }: BronzeCommit,
): Failure {
  const count = late.size + lost.size + altered.size + newlyUnfit.length + gone.length;
  const texts = [...named.late, ...named.lost, ...named.altered].map(({ text }) => text);
  for (const { event_id } of newlyUnfit.slice(0, NAMED)) {
    texts.push(`event ${event_id} came late and does not fit the contract`);
  }
  for (const { event_id } of gone.slice(0, NAMED)) {
    texts.push(`event ${event_id} is in quarantine but not in the outbox`);
  }
  const more = count - texts.length;
  const difference = count === 0
    ? "its marker records events as lost or altered, but the outbox and bronze agree on them again"
    : `it differs from the outbox in ${plural(count, "row")}: ${texts.join("; ")}` +
      (more > 0 ? `; and ${more} more` : "");
  return new Failure({
    kind: "data",
    task: `confirm bronze of ${day}, which is ${state}`,
    problem: `${difference}. Nothing was changed`,
    remedy: `To add the late events and keep the events of bronze: deno task amend --date ${day}`,
  });
}
