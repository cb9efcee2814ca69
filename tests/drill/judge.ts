import type { Verdict } from "../../checks/finding.ts";
import type { Report } from "../../checks/report/report.ts";
import type { Drill } from "./drills.ts";

/** A check that has something to say. */
export interface Said {
  readonly check: string;
  readonly when: "before" | "after";
  readonly verdict: Verdict;
  /** Its first finding, or why it could not tell. */
  readonly problem: string;
  /** How many findings it has besides. */
  readonly more: number;
}

/** What the commands said while a fault was there. */
export interface Outcome {
  readonly drill: Drill;
  /** What the check said that had to; undefined where it said nothing. */
  readonly caught: Said | undefined;
  /** What others said. */
  readonly others: readonly Said[];
}

/** Whether the fault was caught by its check, and by no other. */
export function isCaught({ caught, others }: Outcome): boolean {
  return caught !== undefined && others.length === 0;
}

/** What the command ends with: 0 where each fault was caught, and health gave nothing to say. */
export function exitCodeOf(outcomes: readonly Outcome[], health: readonly Said[]): 0 | 1 {
  return health.length === 0 && outcomes.every(isCaught) ? 0 : 1;
}

/** Holds what was said against what a drill expects. */
export function judge(drill: Drill, said: readonly Said[]): Outcome {
  const isIt = ({ check, when, verdict }: Said) =>
    check === drill.caughtBy && when === drill.when && (verdict === "fail" || verdict === "warn");
  return { drill, caught: said.find(isIt), others: said.filter((each) => !isIt(each)) };
}

/**
 * The checks that found something, or could not tell. One that skips because another has failed says
 * nothing; where nothing failed, a skip is a check that could not tell.
 */
export function saidIn({ results }: Report, when: Said["when"]): Said[] {
  const hasFailed = results.some(({ verdict }) => verdict === "fail" || verdict === "warn");
  return results
    .filter(({ verdict, asked }) =>
      verdict !== "pass" && !(verdict === "skip" && (asked || hasFailed))
    )
    .map(({ id, verdict, reason, findings: [first, ...rest] }) => ({
      ...{ check: id, when, verdict, more: rest.length },
      problem: first?.problem ?? reason ?? "",
    }));
}
