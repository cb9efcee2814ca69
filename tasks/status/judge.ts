import { EVENT_CONTRACT, EXECUTION_CONTRACT } from "../../pipeline/contract/fingerprint.ts";
import { formatSource, isSameSource, type Source } from "../../pipeline/contract/source.ts";
import { type Day, formatMicros, windowOf } from "../../pipeline/contract/window.ts";
import { isSettled, type LakeDay, type LayerDay } from "../../pipeline/days.ts";
import { ABANDONED_AFTER } from "../../pipeline/lake/lifetimes.ts";
import type { BronzeCommit, SilverCommit } from "../../pipeline/lake/marker.ts";
import type { Fence } from "../../pipeline/outbox/fence.ts";
import { plural } from "../../pipeline/progress.ts";
import { repeatFlags } from "../cli/next_command.ts";

/** The state of one layer of a day. */
export interface LayerStatus {
  /**
   * - `sealed`, `open`: as its marker says
   * - `stale`: silver was made from an older version of bronze
   * - `missing`: it has no marker
   * - `unusable`: its marker cannot be used
   * - `unreadable`: its marker could not be read
   */
  readonly state: "sealed" | "open" | "stale" | "missing" | "unusable" | "unreadable";
  /** Rows that its marker names. */
  readonly rows?: number;
  /** Bytes of the parts that its marker names. */
  readonly bytes?: number;
  /** Number of parts that its marker names. */
  readonly parts?: number;
  /** The time when its marker was stored, in milliseconds since 1970. */
  readonly stored?: number;
}

/** The state of a day. */
export interface DayStatus {
  /** The day. */
  readonly day: Day;
  /** Whether the day and its grace period are over. */
  readonly isOver: boolean;
  /** Whether both layers are sealed, and silver was made from the current bronze. */
  readonly isSettled: boolean;
  readonly bronze: LayerStatus;
  readonly silver: LayerStatus;
  /** Number of events in quarantine. */
  readonly quarantined: number;
  /** The amendments of the day, if any. */
  readonly amended?: {
    /** Number of amendments. */
    readonly version: number;
    /** Number of events that the outbox lost. */
    readonly lost: number;
    /** Number of events with different values in the outbox. */
    readonly altered: number;
  };
  /** The events of the outbox, if it was read. */
  readonly outbox?: {
    readonly events: number;
    /** Events in the outbox minus events in bronze; undefined if bronze has no valid marker. */
    readonly difference?: number;
  };
  /** The source of the day, if it is not a source of the lake. */
  readonly otherSource?: string;
  /** Short notes for the operator. */
  readonly notes: readonly string[];
  /** The statement that a superuser must run before the next command can seal the day. */
  readonly grant?: string;
  /** The command to run next, if the day needs one. */
  readonly next?: string;
}

/** The input of {@linkcode judgeDay}. */
export interface DayFacts {
  /** The state of the day in the lake. */
  readonly lake: LakeDay;
  /** Number of events in the outbox for that day, if it was read. */
  readonly events?: number | undefined;
  /** Why the day cannot be sealed although it is over, if the database was read. */
  readonly held?: Pick<Fence, "reasons" | "grant"> | undefined;
  /** The sources of the lake, oldest first; none if they are not known. */
  readonly sources?: readonly Source[];
  /** The clock, in microseconds since 1970. */
  readonly now: bigint;
  /** The grace period for slow writers after the end of a day, in microseconds. */
  readonly grace: bigint;
}

/** Judges one day. */
export function judgeDay(
  { lake, events, held, sources = [], now, grace }: DayFacts,
): DayStatus {
  const { day, bronze, silver } = lake;
  const closes = windowOf(day).end + grace;
  const isOver = now >= closes;
  const stale = bronze.state === "published" && silver.state === "published" &&
    silver.commit.bronze.sha256 !== bronze.sha256;
  const commit = bronze.state === "published" ? bronze.commit : undefined;
  const quarantined = commit?.quarantine?.events ?? 0;
  const amended = commit?.amended && {
    version: commit.amended.version,
    lost: commit.amended.lost.events,
    altered: commit.amended.altered.events,
  };
  const otherSource = otherThan(sources, commit?.source);
  // The events of another table prove nothing about the day.
  const difference = commit && events !== undefined && otherSource === undefined
    ? events - (commit.rows + quarantined - (amended?.lost ?? 0))
    : undefined;
  const abandoned = lake.unnamed.filter(({ modified }) =>
    Number(now / 1000n) - modified > ABANDONED_AFTER
  );
  const status = {
    day,
    isOver,
    isSettled: isSettled(lake),
    bronze: layerStatus(bronze),
    silver: stale ? { ...layerStatus(silver), state: "stale" as const } : layerStatus(silver),
    quarantined,
    ...(amended && { amended }),
    ...(otherSource !== undefined && { otherSource }),
    ...(events !== undefined && {
      outbox: { events, ...(difference !== undefined && { difference }) },
    }),
  };
  const reasons = held?.reasons ?? [];
  const notes = [
    ...problems(bronze, silver),
    ...foreign(bronze, silver),
    ...(otherSource === undefined ? [] : [`copied from another source: ${otherSource}`]),
    ...(isOver ? reasons : [`open until ${formatMicros(closes)}`]),
    ...(commit === undefined ? [] : aboutBronze(commit)),
    ...(stale ? ["silver is from an older bronze"] : []),
    ...(abandoned.length === 0 ? [] : [`${plural(abandoned.length, "part")} in no marker`]),
  ];
  const verb = nextVerb(status, abandoned.length);
  // A run leaves a day that is held open again. With the grant, the fence sees all sessions.
  const isHeld = verb === "run" && reasons.length > 0;
  const grant = isHeld ? held?.grant : undefined;
  const first = isHeld && grant === undefined ? HOLDERS : undefined;
  const command = verb && repeatFlags(first ?? `deno task ${verb} --date ${day}`);
  return {
    ...status,
    notes,
    ...(grant !== undefined && { grant }),
    ...(command !== undefined && { next: command }),
  };
}

/** The next command in words: a superuser runs the grant first. */
export function nextStep({ grant, next }: Pick<DayStatus, "grant" | "next">): string | undefined {
  return next === undefined || grant === undefined
    ? next
    : `Let a superuser run: ${grant}; then: ${next}`;
}

/** Prints how to find and end the transactions that hold a day open, and then runs the day. */
const HOLDERS = "deno task explain late-writers";

/** The source of a day, if the lake does not have it. */
function otherThan(sources: readonly Source[], ofDay: Source | undefined): string | undefined {
  if (ofDay === undefined || sources.length === 0) return undefined;
  return sources.some((each) => isSameSource(each, ofDay)) ? undefined : formatSource(ofDay);
}

function layerStatus(layer: LayerDay<BronzeCommit | SilverCommit>): LayerStatus {
  if (layer.state === "missing") return { state: "missing" };
  if (layer.state !== "published") return { state: layer.state, stored: layer.stored };
  const { state, rows, parts } = layer.commit;
  const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
  return { state, rows, bytes, parts: parts.length, stored: layer.stored };
}

function problems(
  bronze: LayerDay<BronzeCommit>,
  silver: LayerDay<SilverCommit>,
): string[] {
  return Object.entries({ bronze, silver }).flatMap(([name, layer]) =>
    "problem" in layer ? [`${name}: ${layer.problem}`] : []
  );
}

function foreign(bronze: LayerDay<BronzeCommit>, silver: LayerDay<SilverCommit>): string[] {
  const contracts = [[bronze, EVENT_CONTRACT], [silver, EXECUTION_CONTRACT]] as const;
  return contracts.flatMap(([layer, contract]) =>
    layer.state === "published" && layer.commit.contract !== contract
      ? [`${layer.commit.layer} has another contract`]
      : []
  );
}

function aboutBronze({ rows, quarantine, amended }: BronzeCommit): string[] {
  return [
    ...(rows === 0 ? ["no events"] : []),
    ...(quarantine === undefined ? [] : [`${plural(quarantine.events, "event")} in quarantine`]),
    ...(amended === undefined ? [] : [`amended ${times(amended.version)}`]),
    ...(amended?.lost.events ? [`keeps ${plural(amended.lost.events, "lost event")}`] : []),
    ...(amended?.altered.events
      ? [`keeps ${plural(amended.altered.events, "altered event")}`]
      : []),
  ];
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}

/** Whether the outbox has late events, or no longer has events of bronze. */
export function needsAmendment(
  { bronze, outbox }: { readonly bronze: LayerStatus; readonly outbox?: DayStatus["outbox"] },
): boolean {
  const difference = outbox?.difference ?? 0;
  return difference < 0 || difference > 0 && bronze.state === "sealed";
}

/** The command to run first. A problem of bronze comes before a problem of silver. */
function nextVerb(
  { bronze, silver, outbox, isOver, isSettled, quarantined, otherSource }: Omit<
    DayStatus,
    "notes" | "grant" | "next"
  >,
  abandoned: number,
): string | undefined {
  const states = [bronze.state, silver.state];
  if (states.includes("unreadable")) return undefined;
  if (states.includes("unusable") || otherSource !== undefined) return "postflight";
  if (needsAmendment({ bronze, outbox })) return "amend";
  if (!isOver) return undefined;
  if (!isSettled) return "run";
  if (quarantined > 0) return "postflight";
  return abandoned > 0 ? "clean" : undefined;
}
