import type { Verdict } from "../../checks/finding.ts";
import type { Report } from "../../checks/report/report.ts";
import type { Drill } from "./drills.ts";

/** A check with a finding or an error. */
export interface NotedCheck {
  readonly check: string;
  readonly when: "before" | "after";
  readonly verdict: Verdict;
  /** The first finding, or the reason of the error. */
  readonly problem: string;
  /** Number of further findings. */
  readonly more: number;
}

/** The results of the commands while a fault was present. */
export interface Outcome {
  readonly drill: Drill;
  /** The result of the check that must catch the fault; undefined if that check found nothing. */
  readonly caught: NotedCheck | undefined;
  /** The results of other checks. */
  readonly others: readonly NotedCheck[];
}

/** Returns true if exactly the expected check caught the fault. */
export function isCaught({ caught, others }: Outcome): boolean {
  return caught !== undefined && others.length === 0;
}

/** Returns the exit code: 0 if each fault was caught and the healthy platform had no finding. */
export function exitCodeOf(outcomes: readonly Outcome[], health: readonly NotedCheck[]): 0 | 1 {
  return health.length === 0 && outcomes.every(isCaught) ? 0 : 1;
}

/** Compares the results with what a drill expects. */
export function judge(drill: Drill, said: readonly NotedCheck[]): Outcome {
  const isIt = ({ check, when, verdict }: NotedCheck) =>
    check === drill.caughtBy && when === drill.when && (verdict === "fail" || verdict === "warn");
  return { drill, caught: said.find(isIt), others: said.filter((each) => !isIt(each)) };
}

/**
 * Returns the checks with a finding or an error. A skip because another check failed does not
 * count. If no check failed, a skip counts as an error.
 */
export function notedIn({ results }: Report, when: NotedCheck["when"]): NotedCheck[] {
  const hasFailed = results.some(({ verdict }) => verdict === "fail" || verdict === "warn");
  return results
    .filter(({ verdict, requested }) =>
      verdict !== "pass" && !(verdict === "skip" && (requested || hasFailed))
    )
    .map(({ id, verdict, reason, findings: [first, ...rest] }) => ({
      check: id,
      when,
      verdict,
      more: rest.length,
      problem: first?.problem ?? reason ?? "",
    }));
}
