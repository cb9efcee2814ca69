import type { Finding, Result } from "../finding.ts";
import { examinedInPart, fixOnce, type PrintedFixes, reasonOf, type Report } from "./report.ts";
import { renderSummary } from "./text.ts";

/** The most rows of the table. GitHub shows at most 1 MiB of a summary. */
const MOST_ROWS = 200;

/** The most characters of a cell. */
const LONGEST_CELL = 2_000;

/**
 * Renders a report as Markdown: the counts, and a table with a row for each finding and for each check
 * that could not judge. It is the summary of a workflow run. Ends with a newline.
 */
export function renderMarkdown(report: Omit<Report, "exitCode">): string {
  const printed: PrintedFixes = new Map();
  const rows = [
    ...report.results.flatMap((result) => findingsOf(result, "fail", printed)),
    ...report.results.flatMap(undecided),
    ...report.results.flatMap((result) => findingsOf(result, "warn", printed)),
  ];
  const lines = [escape(renderSummary(report).trimEnd())];
  if (rows.length > 0) {
    lines.push("", "| | check | place | problem | fix |", "| --- | --- | --- | --- | --- |");
    for (const row of rows.slice(0, MOST_ROWS)) lines.push(`| ${row.map(cell).join(" | ")} |`);
    const more = rows.length - MOST_ROWS;
    if (more > 0) lines.push("", `${more} more rows are in the other reports.`);
  }
  for (const result of report.results) {
    const inPart = examinedInPart(result);
    if (inPart !== undefined) lines.push("", escape(`${result.id} ${inPart}`));
  }
  const idle = report.results.filter(({ verdict }) => verdict === "not-applicable");
  if (idle.length > 0) {
    lines.push("", escape(`Not applicable: ${idle.map(({ id }) => id).join(", ")}`));
  }
  if (rows.length > 0) lines.push("", "Details of a check: deno task explain CHECK");
  return lines.map((line) => `${line}\n`).join("");
}

type Row = readonly [verdict: string, check: string, place: string, problem: string, fix: string];

function findingsOf(
  { id, findings }: Result,
  wanted: Finding["severity"],
  printed: PrintedFixes,
): Row[] {
  return findings.filter(({ severity }) => severity === wanted).map((finding) => {
    const { severity, object, field, file, line, problem, why } = finding;
    const named = field === undefined ? object : `${object} ${field}`;
    const place = file === undefined ? [] : [`${file}${line === undefined ? "" : `:${line}`}`];
    return [
      severity.toUpperCase(),
      id,
      [...place, named].join("\n"),
      why === undefined ? problem : `${problem}\nwhy: ${why}`,
      fixOnce(finding, id, printed),
    ];
  });
}

/** The row of a check that could not judge, unless the operator requested the skip. */
function undecided(result: Result): Row[] {
  const { id, verdict, requested, title } = result;
  const isUndecided = verdict === "error" || (verdict === "skip" && requested !== true);
  return isUndecided
    ? [[verdict.toUpperCase(), id, "", `${reasonOf(result)}\nnot checked: ${title}`, ""]]
    : [];
}

function cell(text: string): string {
  const shown = text.length > LONGEST_CELL ? `${text.slice(0, LONGEST_CELL)}…` : text;
  const lines = shown.split(/\r\n|\r|\n/).map(escape);
  // Markdown would leave out the spaces at the beginning of a line of YAML.
  return lines.map((line) => line.replace(/^ +/, (s) => "&nbsp;".repeat(s.length))).join("<br>");
}

/** Writes the characters that Markdown or HTML would read as markup as entities. */
function escape(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, "\uFFFD")
    .replace(/[&<>\\`*_[\]|~#@$]/g, (character) => `&#${character.charCodeAt(0)};`);
}
