import { EVENT_CONTRACT } from "../../../pipeline/contract/fingerprint.ts";
import { plural } from "../../../pipeline/progress.ts";
import { type Check, check } from "../../check.ts";
import type { Finding } from "../../finding.ts";
import type { BronzeFact } from "../../facts/bronze.ts";
import { restore, runCommand } from "../remedy.ts";

/**
 * The day has a readable commit marker of the current contract. A day that is over and still open is
 * a warning, because a later event can be missing.
 */
export const bronzeCommitted: Check<"bronze"> = check({
  id: "bronze-committed",
  title: "the day's bronze has a commit marker",
  phase: "after",
  needs: ["bronze"],
  run({ bronze }) {
    const { marker, markerKey, parts } = bronze;
    if (marker === undefined) return { examined: markerKey, findings: [unpublished(bronze)] };
    const { state, rows, contract } = marker.commit;
    const isOpen = state === "open" && bronze.isOver;
    const examined = `${markerKey}: ${state}, ${plural(rows, "event")} in ${
      plural(parts.length, "part")
    }`;
    if (contract !== EVENT_CONTRACT) return { examined, findings: [foreign(bronze, contract)] };
    return { examined, findings: isOpen ? [unsealed(bronze)] : [] };
  },
});

function unpublished(bronze: BronzeFact): Finding {
  const { markerKey, markerProblem, listed } = bronze;
  const common = {
    severity: "fail",
    object: markerKey,
    why: "readers find the day's files through the marker, so they do not see the day",
  } as const;
  if (markerProblem !== undefined) {
    return {
      ...common,
      problem: `the commit marker cannot be used: ${markerProblem}`,
      fix: restore(markerKey),
    };
  }
  const files = listed.length === 0 ? "" : `, and ${plural(listed.length, "part")} in its folder`;
  return { ...common, problem: `there is no commit marker${files}`, fix: runCommand(bronze.day) };
}

function unsealed({ markerKey, day }: BronzeFact): Finding {
  return {
    severity: "warn",
    object: markerKey,
    field: "state",
    problem: `${day} is over, and its bronze is still open`,
    why: "an event that was committed after the last run is not in bronze; only a sealed day is " +
      "complete",
    fix: `${runCommand(day)}. If the day stays open: deno task explain late-writers`,
  };
}

function foreign(bronze: BronzeFact, contract: string): Finding {
  return {
    severity: "fail",
    object: bronze.markerKey,
    field: "contract",
    problem: `the day was published under a different contract: ${contract}, not ${EVENT_CONTRACT}`,
    why: "its columns differ from those that silver and current readers expect",
    fix: bronze.marker?.commit.state === "open"
      ? runCommand(bronze.day)
      : "For this day, use the version of the toolkit that published it.",
  };
}
