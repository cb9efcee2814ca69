import type { Finding, Result } from "../finding.ts";
import type { Report } from "./report.ts";

/** A report as an indented JSON document, its keys always in the same order. Ends with a newline. */
export function renderJson(report: Report): string {
  return `${JSON.stringify(document(report), null, 2)}\n`;
}

/** The same document on one line, for logs. Ends with a newline. */
export function renderJsonLine(report: Report): string {
  return `${JSON.stringify(document(report))}\n`;
}

// Keys keep the order in which they are written here, whatever the order in the results. JSON leaves
// out what is undefined.

function document({ command, date, results, exitCode }: Report) {
  return { command, date, exitCode, results: results.map(result) };
}

function result({ id, title, verdict, examined, reason, asked, findings }: Result) {
  return { id, title, verdict, examined, reason, asked, findings: findings.map(finding) };
}

function finding({ severity, object, objectRef, field, file, line, problem, why, fix }: Finding) {
  return { severity, object, objectRef, field, file, line, problem, why, fix };
}
