import { EVENT_CONTRACT } from "../../../pipeline/contract/fingerprint.ts";
import { plural } from "../../../pipeline/progress.ts";
import { type Check, check } from "../../check.ts";
import type { Finding } from "../../finding.ts";
import type { BronzeFact } from "../../facts/bronze.ts";
import { restore, runCommand } from "../remedy.ts";

/** The day has a readable commit marker of the current contract. */
export const bronzeCommitted: Check<"bronze"> = check({
  id: "bronze-committed",
  title: "the day's bronze has a commit marker",
  phase: "after",
  needs: ["bronze"],
  run({ bronze }) {
    const { marker, markerKey, parts } = bronze;
    if (marker === undefined) return { examined: markerKey, findings: [unpublished(bronze)] };
    const { state, rows, contract } = marker.commit;
    const examined = `${markerKey}: ${state}, ${plural(rows, "event")} in ${
      plural(parts.length, "part")
    }`;
    return { examined, findings: contract === EVENT_CONTRACT ? [] : [foreign(bronze, contract)] };
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
