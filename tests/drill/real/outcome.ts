import type { RunEnd } from "../../../checks/preflight/run_end.ts";
import type { Finding } from "../../../checks/finding.ts";
import type { Report } from "../../../checks/report/report.ts";
import type { RealFailure } from "./failure.ts";

/** What a finding says about the end of a run. */
export interface PredictedEnd {
  readonly end: RunEnd;
  readonly exitCode: number;
  readonly symptom: string;
}

/** How a real run ended. */
export interface RealEnd {
  /** How the Job ended, or `unknown`. */
  readonly end: RunEnd | "success" | "unknown";
  readonly exitCode: number;
  /** The last message of the run. */
  readonly message: string;
  readonly seconds: number;
}

/** The state of a Job and its drivers, as the cluster reports it. */
export interface JobEnd {
  readonly isComplete: boolean;
  readonly isFailed: boolean;
  /** The number of drivers that failed. */
  readonly failed: number;
}

/** Returns how a Job ended. */
export function endOf({ isComplete, isFailed, failed }: JobEnd): RealEnd["end"] {
  if (isComplete) return "success";
  if (!isFailed) return failed === 0 ? "after a wait" : "unknown";
  return failed === 1 ? "at once" : failed > 1 ? "after retries" : "unknown";
}

/** What a drill on a real node showed. */
export interface RealOutcome {
  readonly failure: RealFailure;
  /** The findings of the check that must find the fault. */
  readonly findings: readonly Finding[];
  /** Checks that failed and were not expected to. */
  readonly others: readonly string[];
  readonly predicted: PredictedEnd | undefined;
  readonly happened: RealEnd;
  /** The command that was executed, or the advice that was followed. */
  readonly fix: string;
  /** Checks that did not pass after the fix. */
  readonly left: readonly string[];
  readonly after: RealEnd | undefined;
  /** Why the drill could not be finished. */
  readonly error?: string;
}

/** Returns the findings of the check that must find a fault, and the other checks that failed. */
export function findingsOf(
  { foundBy, alsoFoundBy = [] }: RealFailure,
  { results }: Report,
): Pick<RealOutcome, "findings" | "others"> {
  const findings = results.find(({ id }) => id === foundBy)?.findings ?? [];
  return {
    findings: findings.filter(({ severity }) => severity === "fail"),
    others: unwell({ results }).filter((id) => id !== foundBy && !alsoFoundBy.includes(id)),
  };
}

/** Returns the checks that failed or could not decide. */
export function unwell({ results }: Pick<Report, "results">): string[] {
  return results.filter(({ verdict }) => verdict === "fail" || verdict === "error")
    .map(({ id }) => id);
}

/** Returns the end that findings predict: all that say something must say the same. */
export function predictionOf(findings: readonly Finding[]): PredictedEnd | undefined {
  const [first, ...rest] = findings.flatMap(({ why = "" }) => predictedEnd(why) ?? []);
  return rest.some((each) => JSON.stringify(each) !== JSON.stringify(first)) ? undefined : first;
}

/** The sentences of `runEnds`, by their first words. */
const ENDS: Readonly<Record<string, RunEnd>> = {
  "ends at once": "at once",
  "tries again, and ends": "after retries",
  "waits for a minute, and ends": "after a wait",
};

/** Reads what `runEnds` says in a text; undefined if it says nothing there. */
function predictedEnd(text: string): PredictedEnd | undefined {
  const sentence = new RegExp(` (${Object.keys(ENDS).join("|")}) with exit code (\\d+): "([^"]+)"`);
  const [, end, exitCode, symptom] = sentence.exec(text) ?? [];
  return end === undefined
    ? undefined
    : { end: ENDS[end]!, exitCode: Number(exitCode), symptom: symptom! };
}

/** Returns whether a run ended as predicted. */
export function cameTrue({ predicted, happened }: RealOutcome): boolean {
  return predicted !== undefined && predicted.end === happened.end &&
    predicted.exitCode === happened.exitCode && happened.message.includes(predicted.symptom);
}

/** Returns whether the printed fix made preflight pass, and the Job succeed. */
export function fixWorked({ left, after }: RealOutcome): boolean {
  return left.length === 0 && after?.end === "success" && after.exitCode === 0;
}

/** Returns whether the fault was found by its check only, the prediction came true, and the fix worked. */
export function isProven(outcome: RealOutcome): boolean {
  return outcome.error === undefined && outcome.findings.length > 0 &&
    outcome.others.length === 0 && cameTrue(outcome) && fixWorked(outcome);
}
