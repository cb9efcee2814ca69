import { EXECUTION_CONTRACT } from "../../../pipeline/contract/fingerprint.ts";
import { plural } from "../../../pipeline/progress.ts";
import { type Check, check } from "../../check.ts";
import type { Finding } from "../../finding.ts";
import type { BronzeFact } from "../../facts/bronze.ts";
import type { SilverFact } from "../../facts/silver.ts";
import { silverCommand } from "../remedy.ts";
import { isCurrent, whyNoMarker } from "../../skip_reasons.ts";

/** Silver is published from the current bronze, and has the state of that bronze. */
export const silverCurrent: Check<"bronze" | "silver"> = check({
  id: "silver-current",
  title: "silver was made from the current bronze",
  phase: "after",
  needs: ["bronze", "silver"],
  run({ bronze, silver }) {
    const examined = silver.markerKey;
    if (silver.markerProblem !== undefined) {
      return { examined, findings: [unusable(silver, silver.markerProblem)] };
    }
    const skip = whyNoMarker(bronze);
    if (skip !== undefined) return { skip };
    if (silver.marker === undefined) return { examined, findings: [missingMarker(silver)] };
    const { commit } = silver.marker;
    const { state } = bronze.marker!.commit;
    const findings: Finding[] = [];
    if (commit.contract !== EXECUTION_CONTRACT) findings.push(foreign(silver, commit.contract));
    if (!isCurrent(bronze, silver)) findings.push(stale(silver, bronze));
    else if (commit.state !== state) findings.push(otherState(silver, commit.state, state));
    const says = `${examined}: ${commit.state}, ${plural(commit.rows, "execution")}`;
    return { examined: says, findings };
  },
});

function unusable(silver: SilverFact, problem: string): Finding {
  return {
    severity: "fail",
    object: silver.markerKey,
    problem: `the commit marker cannot be used: ${problem}`,
    why: "readers find the day's files through the marker",
    fix: silverCommand(silver),
  };
}

function missingMarker(silver: SilverFact): Finding {
  return {
    severity: "fail",
    object: silver.markerKey,
    problem: "there is no commit marker",
    why: "bronze was published, but silver was not made from it",
    fix: silverCommand(silver),
  };
}

function foreign(silver: SilverFact, contract: string): Finding {
  return {
    severity: "fail",
    object: silver.markerKey,
    field: "contract",
    problem: `the day was published under a different contract: ${contract}, not ` +
      EXECUTION_CONTRACT,
    why: "its columns differ from those that current readers expect",
    fix: silverCommand(silver),
  };
}

function stale(silver: SilverFact, bronze: BronzeFact): Finding {
  // A run replaces a sealed silver only if amendments lead from silver's bronze to the current
  // bronze.
  const follows = bronze.past.has(silver.marker!.commit.bronze.sha256);
  return {
    severity: "fail",
    object: silver.markerKey,
    field: "bronze.sha256",
    problem: `silver was made from a different state of ${bronze.markerKey}`,
    why: "bronze was published again later, so silver may lack the newest events",
    fix: follows ? `deno task silver --date ${silver.day}` : silverCommand(silver),
  };
}

function otherState(silver: SilverFact, actual: string, expected: string): Finding {
  return {
    severity: "fail",
    object: silver.markerKey,
    field: "state",
    problem: `silver is ${actual}, but the bronze that it was made from is ${expected}`,
    why: "the state shows whether the day can still change, and must be the same in both layers",
    fix: silverCommand(silver),
  };
}
