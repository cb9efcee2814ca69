import type { Day } from "../../pipeline/contract/window.ts";
import type { SilverCommit } from "../../pipeline/lake/marker.ts";
import type { AnyLakeDay, LakeDay } from "../facts/lake_day.ts";

// The commands that bring a day in order. None of them can lose a row: bronze only ever grows once it is
// sealed, and silver is made from it.

/** Publishes a day that is open, or was never published, in both layers, and checks it. */
export function runCommand(day: Day): string {
  return `deno task run --date ${day}`;
}

/** Takes into a published day what came late, keeps what it has, and makes its silver again. */
export function amendCommand(day: Day): string {
  return `deno task amend --date ${day}`;
}

/** Removes, once it is old enough, what belongs to no day. */
export function cleanCommand(day: Day): string {
  return `deno task clean --date ${day}`;
}

/** Makes silver again from bronze, whatever became of it. A run alone never replaces a sealed silver. */
export function silverCommand(
  { day, marker, markerProblem }: Pick<
    LakeDay<SilverCommit>,
    "day" | "marker" | "markerProblem"
  >,
): string {
  const replaces = marker?.commit.state === "sealed" || markerProblem !== undefined;
  return replaces ? amendCommand(day) : `deno task silver --date ${day}`;
}

/** Brings an object back that nothing can make again. */
export function restore(key: string): string {
  return `Restore ${key} from a backup, or in a bucket with versioning from an earlier version.`;
}

/** Brings an object of a layer in order that was published, and is not as it was. */
export function repair(fact: AnyLakeDay, key: string): string {
  if (fact.layer === "silver") return silverCommand(fact);
  // A run copies an open day again, but adds only to one that is sealed or was amended.
  const { state, amended } = fact.marker?.commit ?? {};
  return state === "sealed" || amended !== undefined ? restore(key) : runCommand(fact.day);
}
