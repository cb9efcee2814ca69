import type { Finding, Result } from "../finding.ts";
import { piecesOf } from "./fix_pieces.ts";

/** The content of a report. */
export interface Report {
  /** The command that ran the checks, such as `postflight`. */
  readonly command: string;
  /** The day that was checked, such as `2025-12-28`; absent for preflight. */
  readonly date?: string;
  /** One result per check, in the order of the checks. */
  readonly results: readonly Result[];
  /** The exit code of the command. */
  readonly exitCode: number;
}

/** The version of the JSON report, which `docs/report.schema.json` describes. */
export const REPORT_VERSION = 1;

/** Returns what a check examined, and what it did not; undefined if it examined nothing. */
export function examinedOf({ examined, unchecked = [] }: Result): string | undefined {
  return examined && [examined, ...unchecked].join("; ");
}

/** Returns why a check did not judge everything, and what it examined nevertheless. */
export function reasonOf(result: Result): string {
  const { reason } = result;
  if (reason === undefined) return "";
  const examined = examinedOf(result);
  return examined === undefined ? reason : `partially checked (${examined}): ${reason}`;
}

/** Returns the condition of a check that warned or failed. A failure says that it does not hold. */
export function conditionOf({ verdict, title }: Result): string {
  return verdict === "fail" ? `not true: ${title}` : title;
}

/**
 * Returns what a check with a decision examined, if that was not everything. A skip and an error have
 * it in the reason.
 */
export function examinedInPart(result: Result): string | undefined {
  const { reason, unchecked = [] } = result;
  return reason !== undefined || unchecked.length === 0
    ? undefined
    : `examined: ${examinedOf(result)}`;
}

/** The fixes that a report printed, with the check of each. */
export type PrintedFixes = Map<string, string>;

/**
 * Returns the fix of a finding for a report from top to bottom. A change of the cluster or of a file is
 * printed once: the second one could be refused, or change more.
 */
export function fixOnce({ fix, fixInFiles }: Finding, id: string, printed: PrintedFixes): string {
  const before = printed.get(fix);
  if (before !== undefined) return `the same as ${before === id ? "" : `for ${before} `}above`;
  const isChange = fixInFiles !== undefined ||
    piecesOf(fix).some(({ kind, text }) => kind === "command" && /\bkubectl |\n/.test(text));
  if (isChange) printed.set(fix, id);
  return fix;
}

/** Returns a result whose fixes change files instead of the cluster. */
export function fixesInFiles({ findings, ...result }: Result): Result {
  return {
    ...result,
    findings: findings.map((each) => ({ ...each, fix: each.fixInFiles ?? each.fix })),
  };
}

/** Divides results into those that a report prints one by one, and those that it only counts. */
export interface Digest {
  /** Takes the next result, and returns whether the report prints it. */
  take(result: Result): boolean;
  /** Returns the lines about the results that were only counted, without a final newline. */
  lines(): string[];
}

/**
 * Starts a digest. A check that the operator skipped is only counted. Results without a verdict that
 * have the same reason are printed once, and the others are counted.
 */
export function createDigest(): Digest {
  let requested = 0;
  /** The requests of the operator. */
  const requests = new Set<string>();
  const repeated = new Map<string, { readonly first: string; readonly others: string[] }>();
  return {
    take(result) {
      const { id, verdict, reason = "" } = result;
      for (const each of result.unread ?? []) requests.add(each);
      if (result.requested) {
        requested++;
        if (result.unread === undefined) requests.add(reason);
        return false;
      }
      if (verdict !== "skip" && verdict !== "error") return true;
      const earlier = repeated.get(reason);
      if (earlier === undefined) repeated.set(reason, { first: id, others: [] });
      // The findings of a partially checked result are never left out.
      if (earlier === undefined || result.findings.length > 0) return true;
      earlier.others.push(id);
      return false;
    },
    lines() {
      const lines: string[] = [];
      for (const { first, others } of repeated.values()) {
        if (others.length === 0) continue;
        const checks = others.length === 1 ? "1 more check is" : `${others.length} more checks are`;
        lines.push(`${checks} undecided for the same reason as ${first}: ${others.join(", ")}`);
      }
      if (requests.size > 0) {
        const checks = requested === 1 ? "1 check" : `${requested} checks`;
        lines.push(`${checks} skipped as requested: ${[...requests].join("; ")}`);
      }
      return lines;
    },
  };
}
