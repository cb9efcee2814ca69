import type { Day } from "../../pipeline/contract/window.ts";
import type { SilverCommit } from "../../pipeline/lake/marker.ts";
import type { AnyLakeDay, LakeDay } from "../facts/lake_day.ts";

// The commands that repair a day. No command loses a row: a sealed bronze only grows, and silver is
// derived from bronze.

/** Publishes bronze and silver of an open or unpublished day, and checks them. */
export function runCommand(day: Day): string {
  return `deno task run --date ${day}`;
}

/** Adds late events to a published day, keeps all events of bronze, and makes silver again. */
export function amendCommand(day: Day): string {
  return `deno task amend --date ${day}`;
}

/** Removes abandoned parts of a day. */
export function cleanCommand(day: Day): string {
  return `deno task clean --date ${day}`;
}

/** Makes silver again from bronze. Only an amendment replaces a sealed silver. */
export function silverCommand(
  { day, marker, markerProblem }: Pick<
    LakeDay<SilverCommit>,
    "day" | "marker" | "markerProblem"
  >,
): string {
  const replaces = marker?.commit.state === "sealed" || markerProblem !== undefined;
  return replaces ? amendCommand(day) : `deno task silver --date ${day}`;
}

/** Explains how to restore an object that no command can create again. */
export function restore(key: string): string {
  return `Restore ${key} from a backup, or in a bucket with versioning from an earlier version.`;
}

/** Repairs an object of a lake day that changed after it was published. */
export function repair(fact: AnyLakeDay, key: string): string {
  if (fact.layer === "silver") return silverCommand(fact);
  // A run copies an open day again, but only adds to a sealed or amended day.
  const { state, amended } = fact.marker?.commit ?? {};
  return state === "sealed" || amended !== undefined ? restore(key) : runCommand(fact.day);
}
