import type { Finding, Result } from "../finding.ts";
import { examinedInPart, reasonOf } from "./report.ts";

type Command = "error" | "warning" | "notice";

/** The properties of a workflow command. A finding without a file has no place. */
interface Properties {
  readonly file?: string | undefined;
  readonly line?: number | undefined;
  readonly title: string;
}

/**
 * Renders a result as commands of a GitHub Actions workflow. The workflow shows them on the run, and a
 * finding with a file on its line. A pass has no command, nor has a check that does not apply. Every line
 * ends with a newline.
 */
export function renderCommands(result: Result): string {
  const { id, title, verdict, requested, findings } = result;
  const reason = reasonOf(result);
  const inPart = [examinedInPart(result)].filter((line) => line !== undefined);
  const lines = findings.map((finding) => annotate(id, finding, inPart));
  if (verdict === "error") lines.push(command("error", { title: `${id}: not decided` }, reason));
  if (verdict === "skip") {
    const word = requested ? "notice" : "warning";
    lines.push(command(word, { title: `${id}: skipped` }, `${reason}\nnot checked: ${title}`));
  }
  return lines.map((line) => `${line}\n`).join("");
}

/**
 * Renders one notice about all checks that do not apply, with the reasons, because GitHub shows only ten
 * notices of a step. Empty without such a check; else it ends with a newline.
 */
export function renderNotApplicable(results: readonly Result[]): string {
  const idle = results.filter(({ verdict }) => verdict === "not-applicable");
  if (idle.length === 0) return "";
  const lines = [...Map.groupBy(idle, reasonOf)].map(([reason, group]) =>
    `${group.map(({ id }) => id).join(", ")}: ${reason}`
  );
  const title = idle.length === 1 ? "1 check does not apply" : `${idle.length} checks do not apply`;
  return `${command("notice", { title }, lines.join("\n"))}\n`;
}

function annotate(id: string, finding: Finding, inPart: readonly string[]): string {
  const { severity, object, field, file, line, problem, why, fix } = finding;
  const place = field === undefined ? object : `${object} ${field}`;
  const message = [`${place}: ${problem}`, ...(why === undefined ? [] : [`why: ${why}`])];
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
