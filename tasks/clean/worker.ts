import { type Day, formatMillis } from "../../pipeline/contract/window.ts";
import { STOPPED } from "../cli/exit_code.ts";
import { type LakeOrder, serveOnLake } from "../cli/lake_worker.ts";
import { type OUTPUTS, printing } from "../cli/observer.ts";
import { askToContinue } from "../cli/prompt.ts";
import { findLeftovers, type Leftovers, removeLeftovers } from "../../pipeline/clean.ts";
import { storeClock } from "../../pipeline/lake/lifetimes.ts";
import type { Lake, ObjectEntry } from "../../pipeline/lake/lake.ts";
import { type Observer, plural } from "../../pipeline/progress.ts";

/** The job of the worker. */
export interface CleanOrder extends LakeOrder {
  readonly day: Day;
  /** Only show what would be removed. */
  readonly dryRun: boolean;
  /** Whether the operator has agreed already. */
  readonly yes: boolean;
  readonly output: (typeof OUTPUTS)[number];
}

// This is a worker. Its permissions are limited to the lake. Ctrl-C ends it with its parent.

serveOnLake(async ({ day, dryRun, yes, output }: CleanOrder, lake) => {
  const never = new AbortController().signal;
  const agree = (question: string) => yes ? Promise.resolve(true) : askToContinue(question, never);
  return await clean({ lake, day, dryRun, observer: printing("clean", output), agree });
});

/** The options of clean. */
export interface Cleaning {
  readonly lake: Lake;
  readonly day: Day;
  /** Only show what would be removed. */
  readonly dryRun: boolean;
  readonly observer: Observer;
  /** Asks whether to go on. */
  readonly agree: (question: string) => Promise<boolean>;
}

/**
 * Shows the leftovers of interrupted runs of a day, asks, and removes them.
 *
 * @returns the exit code: 0, or 130 if the answer was no
 * @throws {Failure} a marker cannot be used, the lake is out of reach, or another run published the day
 */
export async function clean(
  { lake, day, dryRun, observer, agree }: Cleaning,
): Promise<number> {
  // To read the store's clock needs a write. A dry run writes nothing, so it uses the local clock.
  let now = Date.now();
  const clock = async () => now = dryRun ? now : await storeClock(lake);
  const leftovers = await findLeftovers(lake, day, clock);
  reportLeftovers(leftovers, now, observer);
  const { abandoned } = leftovers;
  const what = `${plural(abandoned.length, "object")}, ${plural(bytesOf(abandoned), "byte")}`;
  if (abandoned.length === 0) {
    reportRemoved(observer, day, "nothing to remove", []);
    return 0;
  }
  if (dryRun) {
    reportRemoved(
      observer,
      day,
      `nothing was removed; without --dry-run, clean would remove ${what}`,
      [],
    );
    return 0;
  }
  if (!(await agree(`Remove ${what} from ${lake.name}?`))) {
    reportRemoved(observer, day, "nothing was removed", []);
    return STOPPED;
  }
  const removed = await removeLeftovers(lake, leftovers);
  const says = `removed ${plural(removed.length, "object")}, ${plural(bytesOf(removed), "byte")}`;
  reportRemoved(observer, day, says, removed);
  return 0;
}

function reportLeftovers(
  { day, abandoned, young, unmarked }: Leftovers,
  now: number,
  observer: Observer,
): void {
  for (const { layer, parts } of unmarked) {
    observer.step({
      step: "left",
      says: `${plural(parts, "part")} of ${layer}: ${day} has no commit marker, so ` +
        `the parts of the day are unknown. Publish the day first: deno task run --date ${day}`,
      data: { layer, parts, reason: "no commit marker" },
      warning: true,
    });
  }
  for (const { entry, until } of young) {
    observer.step({
      step: "left",
      says: `${describe(entry, now)}: a run may be in progress until ${formatMillis(until)}`,
      data: { ...dataOf(entry), until: formatMillis(until), reason: "a run may be in progress" },
    });
  }
  for (const entry of abandoned) {
    observer.step({ step: "leftover", says: describe(entry, now), data: dataOf(entry) });
  }
}

function reportRemoved(
  observer: Observer,
  day: Day,
  says: string,
  removed: readonly ObjectEntry[],
): void {
  const keys = removed.map(({ key }) => key);
  observer.step({
    step: "clean",
    says,
    data: { date: day, removed: keys, bytes: bytesOf(removed) },
  });
}

function describe({ key, bytes, modified }: ObjectEntry, now: number): string {
  return `${key}, ${plural(bytes, "byte")}, ${plural(hoursFrom(modified, now), "hour")} old`;
}

function dataOf({ key, bytes, modified }: ObjectEntry) {
  return { key, bytes, stored: formatMillis(modified) };
}

function hoursFrom(earlier: number, later: number): number {
  return Math.max(0, Math.floor((later - earlier) / 3_600_000));
}

function bytesOf(entries: readonly ObjectEntry[]): number {
  return entries.reduce((sum, { bytes }) => sum + bytes, 0);
}
