import type { Finding, Result } from "../finding.ts";
import { type Report, REPORT_VERSION } from "./report.ts";

/** Renders a report as indented JSON with a fixed order of keys. Ends with a newline. */
export function renderJson(report: Report): string {
  return `${JSON.stringify(document(report), null, 2)}\n`;
}

/** Renders a report as JSON on one line, for logs. Ends with a newline. */
export function renderJsonLine(report: Report): string {
  return `${JSON.stringify(document(report))}\n`;
}

// The order of keys is the order in these functions, not in the results. JSON omits undefined values,
// and the report omits the seconds, so equal results give equal reports.

function document({ command, date, results, exitCode }: Report) {
  return { version: REPORT_VERSION, command, date, exitCode, results: results.map(resultOf) };
}

function resultOf(result: Result) {
  const { id, section, title, verdict, examined, unchecked, reason, requested, unread } = result;
  return {
    id,
    section,
    title,
    verdict,
    examined,
    unchecked,
    reason,
    requested,
    unread,
    notJudged: result.notJudged?.map(({ object, reason }) => ({ object, reason })),
    findings: result.findings.map(finding),
  };
}

function finding({ severity, object, objectRef, field, file, line, problem, why, fix }: Finding) {
  return { severity, object, objectRef, field, file, line, problem, why, fix };
}
