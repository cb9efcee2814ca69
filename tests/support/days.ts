import { runAmend } from "../../pipeline/amend.ts";
import { runBronze } from "../../pipeline/bronze.ts";
import { bronzeMarkerKey, silverMarkerKey } from "../../pipeline/contract/keys.ts";
import { type Day, parseDay } from "../../pipeline/contract/window.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import {
  type BronzeCommit,
  readMarker,
  type SilverCommit,
  type StoredMarker,
} from "../../pipeline/lake/marker.ts";
import { readPart } from "../../pipeline/lake/parts.ts";
import type { Step } from "../../pipeline/progress.ts";
import { runSilver } from "../../pipeline/silver.ts";
import { recorder } from "./lakes.ts";
import type { Outbox } from "./postgres.ts";

/** The day that these helpers act on. */
export const DAY = parseDay("2025-12-28")!;
/** A grace period that never passes, so that the day stays open. */
export const CENTURY = 100n * 366n * 86_400_000_000n;

/**
 * Runs bronze for {@linkcode DAY} and returns its steps. With the default grace of 0, the day is
 * sealed.
 */
export async function bronze(db: Outbox, lake: Lake, grace = 0n): Promise<Step[]> {
  const observer = recorder();
  await runBronze({ database: db.config, lake, day: DAY, grace, observer });
  return observer.steps;
}

/** Runs silver for {@linkcode DAY} and returns its steps. */
export async function silver(lake: Lake): Promise<Step[]> {
  const observer = recorder();
  await runSilver({ lake, day: DAY, observer });
  return observer.steps;
}

/** Options of an amendment in a test. */
export interface AmendChoices {
  readonly keepAltered?: boolean;
  readonly agrees?: boolean;
  readonly grace?: bigint;
}

/** Amends {@linkcode DAY} and returns its steps and its result. */
export async function amend(
  db: Outbox,
  lake: Lake,
  { keepAltered = false, agrees = true, grace = 0n }: AmendChoices = {},
): Promise<{ steps: Step[]; outcome: string }> {
  const observer = recorder();
  const agree = () => Promise.resolve(agrees);
  const common = { database: db.config, lake, day: DAY, grace, observer };
  const outcome = await runAmend({ ...common, keepAltered, agree });
  return { steps: observer.steps, outcome };
}

/**
 * Returns the statement that adds an event of {@linkcode DAY}, at 18:00 unless `columns` sets
 * another time.
 */
export function event(number: number, columns: Record<string, string> = {}): string {
  const values: Record<string, string> = {
    event_id: `'${eventId(number)}'`,
    event_seq: String(number),
    occurred_at: `'${DAY}T18:00:00Z'`,
    operation_id: String(number),
    client_id: "1",
    symbol: "'BTCUSDC'",
    event_type: "'EXECUTED'",
    source: "'cron'",
    ...columns,
  };
  return `INSERT INTO stop_events (${Object.keys(values).join(", ")})
          VALUES (${Object.values(values).join(", ")})`;
}

/** Returns the ID that {@linkcode event} gives an event. */
export function eventId(number: number): string {
  return `00000000-0000-0000-0000-${String(number).padStart(12, "0")}`;
}

/** Reads a layer's marker of a day. */
export async function markerOf<L extends "bronze" | "silver">(
  lake: Lake,
  layer: L,
  day: Day = DAY,
): Promise<StoredMarker<L extends "bronze" ? BronzeCommit : SilverCommit>> {
  const key = layer === "bronze" ? bronzeMarkerKey(day) : silverMarkerKey(day);
  return (await readMarker(lake, layer, key, day))!;
}

/**
 * Returns the values of a column as a reader sees them: verifies every part that the marker names,
 * then reads it.
 */
export async function visible(
  lake: Lake,
  layer: "bronze" | "silver",
  column = layer === "bronze" ? "event_id" : "execution_id",
  day: Day = DAY,
): Promise<unknown[]> {
  const values: unknown[] = [];
  const { commit } = await markerOf(lake, layer, day);
  for (const part of commit.parts) {
    for await (const group of (await readPart(lake, part)).groups([column])) {
      values.push(...group.columns[0]!);
    }
  }
  return values;
}
