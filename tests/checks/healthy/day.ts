import { POSTFLIGHT } from "../../../checks/postflight/catalog.ts";
import type { Facts } from "../../../checks/check.ts";
import type { Finding, Result, Verdict } from "../../../checks/finding.ts";
import type { BronzeFact } from "../../../checks/facts/bronze.ts";
import type { LastEvent } from "../../../checks/facts/last_events.ts";
import type { PartFact } from "../../../checks/facts/lake_day.ts";
import type { SilverFact, SilverRow } from "../../../checks/facts/silver.ts";
import { runChecks } from "../../../checks/runner.ts";
import type { Column } from "../../../pipeline/contract/column.ts";
import {
  bronzeMarkerKey,
  bronzePrefix,
  silverMarkerKey,
  silverPrefix,
} from "../../../pipeline/contract/keys.ts";
import { EVENT_CONTRACT, EXECUTION_CONTRACT } from "../../../pipeline/contract/fingerprint.ts";
import { EVENT_COLUMNS, EXECUTION_COLUMNS } from "../../../pipeline/contract/tables.ts";
import type { Source } from "../../../pipeline/contract/source.ts";
import { parseDay } from "../../../pipeline/contract/window.ts";
import type { BronzeDifferences } from "../../../pipeline/bronze_window.ts";
import type { Compared, SourceFact } from "../../../checks/facts/outbox_day.ts";
import type { ObjectEntry } from "../../../pipeline/lake/lake.ts";
import type { BronzeCommit, SilverCommit } from "../../../pipeline/lake/marker.ts";
import { assertEquals } from "../../support/assert.ts";

// A day without faults. Each test adds one fault.

/** The facts about a day, which the checks after a run read. */
export type DayFacts = Pick<Facts, "source" | "bronze" | "silver">;

export const DAY = parseDay("2025-12-28")!;

/** When the day's folders were listed, in milliseconds since 1970. */
export const LISTED_AT = 1_000 * 24 * 60 * 60 * 1000;

/** An entry of a listing, for an object that was stored the given number of hours ago. */
export function listedObject(key: string, hours = 48): ObjectEntry {
  return { key, bytes: 1000, modified: LISTED_AT - hours * 60 * 60 * 1000 };
}

const BRONZE_SHA256 = "b".repeat(64);

/** A part as it should be: there, unchanged, and of the contract's columns. */
export function soundPart(key: string, rows: number, columns: readonly Column[]): PartFact {
  const bytes = rows * 1000;
  return {
    part: { key, rows, bytes, sha256: "a".repeat(64) },
    stored: { bytes, same: true },
    footer: {
      rows,
      columns: columns.map(({ name, type, nullable }) => ({ name, type, nullable })),
    },
    collected: true,
  };
}

function lastEvent(seq: bigint, event_type: string, client_id: bigint): LastEvent {
  const event_id = `00000000-0000-4000-8000-${String(seq).padStart(12, "0")}`;
  return { event_seq: seq, occurred_at: seq, event_id, event_type, client_id };
}

const bronzeParts = [
  soundPart(`${bronzePrefix(DAY)}part-00000-b0.parquet`, 4, EVENT_COLUMNS),
  soundPart(`${bronzePrefix(DAY)}part-00001-b1.parquet`, 3, EVENT_COLUMNS),
];

/** The table of the outbox. */
export const TABLE: Source = {
  database: "rbsdb",
  system: "7301",
  schema: "public",
  table: "stop_events",
};

const bronzeCommit: BronzeCommit = {
  layer: "bronze",
  day: DAY,
  state: "sealed",
  rows: 7,
  minSeq: 1n,
  maxSeq: 7n,
  contract: EVENT_CONTRACT,
  source: TABLE,
  parts: bronzeParts.map(({ part }) => part),
};

export const BRONZE: BronzeFact = {
  layer: "bronze",
  day: DAY,
  markerKey: bronzeMarkerKey(DAY),
  marker: { commit: bronzeCommit, sha256: BRONZE_SHA256 },
  listed: bronzeParts.map(({ part }) => listedObject(part.key)),
  listedAt: LISTED_AT,
  parts: bronzeParts,
  quarantine: [],
  sources: [TABLE],
  isOver: false,
  past: new Set(),
  events: 7,
  repeated: [],
  eventTypes: new Map([["STOP_TRIGGERED", 3], ["EXECUTED", 2], ["FAILED", 1], ["STALE_PRICE", 1]]),
  lastEvents: new Map([
    [11n, lastEvent(4n, "EXECUTED", 1n)],
    [12n, lastEvent(6n, "FAILED", 1n)],
    [13n, lastEvent(7n, "EXECUTED", 2n)],
  ]),
};

const silverParts = [
  soundPart(`${silverPrefix(1n, DAY)}part-00000-s1.parquet`, 2, EXECUTION_COLUMNS),
  soundPart(`${silverPrefix(2n, DAY)}part-00000-s2.parquet`, 1, EXECUTION_COLUMNS),
];

const silverCommit: SilverCommit = {
  layer: "silver",
  day: DAY,
  state: "sealed",
  rows: 3,
  contract: EXECUTION_CONTRACT,
  bronze: { key: BRONZE.markerKey, sha256: BRONZE_SHA256 },
  parts: silverParts.map(({ part }) => part),
};

function row(part: number, operation_id: bigint, status: string): SilverRow {
  const { event_id, client_id } = BRONZE.lastEvents.get(operation_id)!;
  const { key } = silverParts[part]!.part;
  return { part: key, operation_id, client_id, status, execution_id: event_id, filled: true };
}

export const SILVER: SilverFact = {
  layer: "silver",
  day: DAY,
  markerKey: silverMarkerKey(DAY),
  marker: { commit: silverCommit, sha256: "5".repeat(64) },
  listed: silverParts.map(({ part }) => listedObject(part.key)),
  listedAt: LISTED_AT,
  parts: silverParts,
  rows: [
    row(0, 11n, "EXECUTED"),
    { ...row(0, 12n, "FAILED"), filled: false },
    row(1, 13n, "EXECUTED"),
  ],
  compared: { sha256: BRONZE_SHA256, wrong: [] },
};

/** A comparison of the healthy bronze in which that much differs. */
export function compared(changes: Partial<BronzeDifferences> = {}): Compared {
  const differences: BronzeDifferences = {
    late: new Set(),
    lost: new Set(),
    altered: new Set(),
    named: { late: [], lost: [], altered: [] },
    unfit: [],
    newlyUnfit: [],
    gone: [],
    ...changes,
  };
  return { sha256: BRONZE_SHA256, differences };
}

/** An outbox with the events of bronze. */
export const SOURCE: SourceFact = {
  day: DAY,
  name: "reader@db:5432/rbsdb",
  source: TABLE,
  survey: { rows: 7, unfit: [], strays: [], strayCount: 0 },
  compared: compared(),
};

/** Three operations of two clients, in seven events, on a day that is sealed. */
export const HEALTHY: DayFacts = {
  source: SOURCE,
  bronze: BRONZE,
  silver: SILVER,
};

/** The healthy facts with some facts' parts replaced. */
export function facts(
  changes: {
    readonly source?: Partial<Facts["source"]>;
    readonly bronze?: Partial<BronzeFact>;
    readonly silver?: Partial<SilverFact>;
  },
): DayFacts {
  return {
    source: { ...HEALTHY.source, ...changes.source },
    bronze: { ...BRONZE, ...changes.bronze },
    silver: { ...SILVER, ...changes.silver },
  };
}

/** A layer without its marker, and without the facts that depend on the marker. */
export function unpublished<F extends BronzeFact | SilverFact>(
  { marker: _, ...fact }: F,
): Omit<F, "marker"> {
  return { ...fact, parts: [], listed: [] };
}

/** The marker of a layer with another commit. */
export function recommit<C extends BronzeCommit | SilverCommit>(
  { marker }: { readonly marker?: { readonly commit: C; readonly sha256: string } },
  changes: Partial<C>,
): { marker: { commit: C; sha256: string } } {
  return { marker: { ...marker!, commit: { ...marker!.commit, ...changes } } };
}

/** A layer's parts, with the first one changed. */
export function withFirst(parts: readonly PartFact[], changes: Partial<PartFact>): PartFact[] {
  return parts.map((part, i) => i === 0 ? { ...part, ...changes } : part);
}

/** A layer's parts, with the first one's footer having other columns. */
export function withColumns(
  parts: readonly PartFact[],
  change: (columns: { name: string; type: string; nullable: boolean }[]) => void,
): PartFact[] {
  const columns = parts[0]!.footer!.columns.map((column) => ({ ...column }));
  change(columns);
  return withFirst(parts, { footer: { ...parts[0]!.footer!, columns } });
}

/** Runs the whole catalog over facts. */
export function judge(given: DayFacts): Promise<Result[]> {
  return runChecks(POSTFLIGHT, {
    source: () => Promise.resolve(given.source),
    bronze: () => Promise.resolve(given.bronze),
    silver: () => Promise.resolve(given.silver),
  }, { timeoutMs: 120_000 });
}

/**
 * Runs the whole catalog over facts, and asserts that one check has these findings and no other
 * check has any, see {@linkcode onlyFindingsOf}.
 */
export async function assertOnly(
  id: string,
  given: DayFacts,
  expected: readonly Partial<Finding>[],
): Promise<Told> {
  return onlyFindingsOf(id, await judge(given), expected);
}

/** The result of one check, and the verdicts of other checks except passes and skips. */
export interface Told {
  readonly findings: readonly Finding[];
  readonly others: Record<string, Verdict>;
}

/**
 * Asserts that one check has findings with these properties, and that no other check has
 * findings.
 */
export function onlyFindingsOf(
  id: string,
  results: readonly Result[],
  expected: readonly Partial<Finding>[],
): Told {
  const told = results.filter(({ findings }) => findings.length > 0);
  assertEquals(told.map((result) => result.id), [id]);
  const { findings } = told[0]!;
  const picked = findings.map((finding, i) => {
    const names = Object.keys(expected[i] ?? {}) as (keyof Finding)[];
    return Object.fromEntries(names.map((name) => [name, finding[name]]));
  });
  assertEquals(picked, expected as Record<string, unknown>[]);
  const others = results.filter(({ verdict, requested, ...result }) =>
    result.id !== id && verdict !== "pass" && !requested
  );
  return { findings, others: Object.fromEntries(others.map(({ id, verdict }) => [id, verdict])) };
}

/** The result of one check of the catalog. */
export async function resultOf(id: string, given: DayFacts): Promise<Result> {
  return (await judge(given)).find((result) => result.id === id)!;
}
