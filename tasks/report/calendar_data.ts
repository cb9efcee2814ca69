import { formatMillis, windowOf } from "../../pipeline/contract/window.ts";
import type { LakeDay } from "../../pipeline/days.ts";
import type { BronzeCommit, SilverCommit } from "../../pipeline/lake/marker.ts";
import { plural } from "../../pipeline/progress.ts";
import { type DayStatus, type LayerStatus, nextStep } from "../status/judge.ts";
import { NO_LOGIN, type Status } from "../status/reading.ts";
import type { CalendarData, CellState, DayData, LayerData } from "./content.ts";
import { piecesOf } from "../../checks/report/fix_pieces.ts";
import { repeatFlags } from "../cli/next_command.ts";

/** Writes the state of the lake by day for a calendar. */
export function calendarData({ days, lakeDays, outbox, recordFailure }: Status): CalendarData {
  const inLake = new Map(lakeDays.map((day) => [day.day, day]));
  return {
    days: days.map((day) => dayData(day, inLake.get(day.day))),
    outbox: outbox.state === "asked"
      ? `The counts are compared with ${outbox.name}; ${plural(outbox.strays, "event")} of the ` +
        "outbox fall on no day."
      : outbox.state === "failed"
      ? `The outbox was not read: ${repeatFlags(outbox.failure.message)}`
      : `The outbox was not read, so late events are unknown: ${repeatFlags(NO_LOGIN)}`,
    isCompared: outbox.state === "asked",
    ...(recordFailure !== undefined && { obstacle: repeatFlags(recordFailure.message) }),
  };
}

function dayData(status: DayStatus, lakeDay: LakeDay | undefined): DayData {
  const { day, bronze, silver, isOver, quarantined, notes } = status;
  const next = nextStep(status);
  const commit = lakeDay?.bronze.state === "published" ? lakeDay.bronze.commit : undefined;
  return {
    day,
    bronze: layerData(bronze, commit, { isOver, quarantined }),
    silver: layerData(
      silver,
      lakeDay?.silver.state === "published" ? lakeDay.silver.commit : undefined,
      { isOver, quarantined: 0 },
    ),
    late: lateEvents(status, commit),
    ...(bronze.stored !== undefined && { lag: hoursAfter(day, bronze.stored) }),
    notes,
    ...(next !== undefined && { next: piecesOf(next) }),
  };
}

/** The events that amendments added, and those of the outbox that a sealed day does not have. */
function lateEvents({ bronze, outbox }: DayStatus, commit: BronzeCommit | undefined): number {
  const added = commit?.parts.filter(({ amendment }) => amendment !== undefined) ?? [];
  const missing = bronze.state === "sealed" ? Math.max(0, outbox?.difference ?? 0) : 0;
  return missing + added.reduce((sum, { rows }) => sum + rows, 0);
}

/** Hours from the end of a day to a time in milliseconds since 1970. */
function hoursAfter(day: DayStatus["day"], time: number): number {
  return Math.round((time - Number(windowOf(day).end / 1000n)) / 36_000) / 100;
}

function layerData(
  { state, rows, bytes, stored }: LayerStatus,
  commit: BronzeCommit | SilverCommit | undefined,
  day: { readonly isOver: boolean; readonly quarantined: number },
): LayerData {
  return {
    state: cellState(state, rows, day),
    ...(rows !== undefined && { rows }),
    ...(bytes !== undefined && { bytes }),
    ...(stored !== undefined && { published: formatMillis(stored) }),
    parts: commit?.parts.map((part) => [part.key, part.rows, part.bytes] as const) ?? [],
  };
}

/** The state of a cell: the worst of what is known about the layer. */
function cellState(
  state: LayerStatus["state"],
  rows: number | undefined,
  { isOver, quarantined }: { readonly isOver: boolean; readonly quarantined: number },
): CellState {
  if (state === "unreadable" || state === "unusable") return "unusable";
  if (state === "missing") return isOver ? "missing" : "waiting";
  if (state === "stale") return "stale";
  if (quarantined > 0) return "quarantined";
  return state === "sealed" && rows === 0 ? "empty" : state;
}
