import type { Finding, Result } from "../finding.ts";
import { plural } from "../../pipeline/progress.ts";
import {
  createDigest,
  examinedInPart,
  fixOnce,
  type PrintedFixes,
  reasonOf,
  type Report,
} from "./report.ts";
import { renderSummary } from "./text.ts";

type Command = "error" | "warning" | "notice";

/** The properties of a workflow command. A finding without a file has no place. */
interface Properties {
  readonly file?: string | undefined;
  readonly line?: number | undefined;
  readonly title: string;
}

/** Renders a report as commands of a GitHub Actions workflow, while the checks run. */
export interface CommandReport {
  /** Renders a result. Every line ends with a newline. */
  result(result: Result): string;
  /** Renders the notices about several checks, and lines for the log. */
  end(report: Omit<Report, "exitCode">): string;
}

/**
 * Starts a report of commands. The workflow shows them on the run, and a finding with a file on its
 * line. A pass has no command of its own, nor has a check that does not apply.
 */
export function startCommands(): CommandReport {
  const digest = createDigest();
  const printed: PrintedFixes = new Map();
  return {
    result: (result) => digest.take(result) ? renderCommands(result, printed) : "",
    end: (report) =>
      renderNotices(report.results) + [...digest.lines(), renderSummary(report)].join("\n"),
  };
}

function renderCommands(result: Result, printed: PrintedFixes): string {
  const { id, title, verdict, findings } = result;
  const reason = reasonOf(result);
  const inPart = [examinedInPart(result)].filter((line) => line !== undefined);
  const lines = findings.map((finding) => annotate(id, finding, inPart, printed));
  if (verdict === "error") lines.push(command("error", { title: `${id}: not decided` }, reason));
  if (verdict === "skip") {
    lines.push(command("warning", { title: `${id}: skipped` }, `${reason}\nnot checked: ${title}`));
  }
  return lines.map((line) => `${line}\n`).join("");
}

/**
 * Renders a notice about all checks that passed in part, and one about all checks that do not apply,
 * because GitHub shows only ten notices of a step. Without such a check, there is no notice.
 */
function renderNotices(results: readonly Result[]): string {
  const idle = results.filter(({ verdict }) => verdict === "not-applicable");
  const reasons = [...Map.groupBy(idle, reasonOf)].map(([reason, group]) =>
    `${group.map(({ id }) => id).join(", ")}: ${reason}`
  );
  const passed = results.filter(({ verdict }) => verdict === "pass").flatMap((result) => {
    const inPart = examinedInPart(result);
    return inPart === undefined ? [] : [`${result.id}: ${inPart}`];
  });
  return noticeOf(plural(passed.length, "check"), "passed in part", passed) +
    noticeOf(
      plural(idle.length, "check"),
      idle.length === 1 ? "does not apply" : "do not apply",
      reasons,
    );
}

function noticeOf(checks: string, state: string, lines: readonly string[]): string {
  if (lines.length === 0) return "";
  return `${command("notice", { title: `${checks} ${state}` }, lines.join("\n"))}\n`;
}

function annotate(
  id: string,
  finding: Finding,
  inPart: readonly string[],
  printed: PrintedFixes,
): string {
  const { severity, object, field, file, line, problem, why } = finding;
  const place = field === undefined ? object : `${object} ${field}`;
  const message = [`${place}: ${problem}`, ...(why === undefined ? [] : [`why: ${why}`])];
  const fix = fixOnce(finding, id, printed);
  return command(
    severity === "fail" ? "error" : "warning",
    { file, line, title: id },
    [...message, `fix: ${fix}`, ...inPart, `details: deno task explain ${id}`].join("\n"),
  );
}

function command(word: Command, { file, line, title }: Properties, message: string): string {
  const properties = [
    ...(file === undefined ? [] : [`file=${escapeProperty(file)}`]),
    ...(file === undefined || line === undefined ? [] : [`line=${line}`]),
    `title=${escapeProperty(title)}`,
  ];
  return `::${word} ${properties.join(",")}::${escape(message)}`;
}

/** Escapes line breaks: a line break ends a command, and the rest can be read as another command. */
function escape(text: string): string {
  return text
    .toWellFormed()
    .replace(/(?![\r\n])[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, "\uFFFD")
    .replaceAll("%", "%25")
    .replaceAll("\r", "%0D")
    .replaceAll("\n", "%0A");
}

function escapeProperty(text: string): string {
  return escape(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}
