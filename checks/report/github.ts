import type { Finding, Result } from "../finding.ts";

type Command = "error" | "warning" | "notice";

/** What a command of a workflow may say of a place; without a file there is none. */
interface Properties {
  readonly file?: string | undefined;
  readonly line?: number | undefined;
  readonly title: string;
}

/**
 * What a check has to say as commands of a GitHub Actions workflow, which shows them on the run and,
 * where a finding has a file, on its line. A check that passed says nothing. Every line ends with a
 * newline.
 */
export function renderCommands(result: Result): string {
  const { id, title, verdict, reason = "", asked, findings } = result;
  const lines = findings.map((finding) => annotate(id, finding));
  if (verdict === "error") lines.push(command("error", { title: `${id}: could not tell` }, reason));
  if (verdict === "skip") {
    const word = asked ? "notice" : "warning";
    lines.push(command(word, { title: `${id}: skipped` }, `${reason}\nnot judged: ${title}`));
  }
  if (verdict === "not-applicable") {
    lines.push(
      command("notice", { title: `${id}: not applicable` }, `${reason}\nnot judged: ${title}`),
    );
  }
  return lines.map((line) => `${line}\n`).join("");
}

function annotate(id: string, finding: Finding): string {
  const { severity, object, field, file, line, problem, why, fix } = finding;
  const place = field === undefined ? object : `${object} ${field}`;
  const says = [`${place}: ${problem}`, ...(why === undefined ? [] : [`why: ${why}`])];
  return command(
    severity === "fail" ? "error" : "warning",
    { file, line, title: id },
    [...says, `fix: ${fix}`, `see runbook/${id}.md`].join("\n"),
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

/** A line break would end the command, and what follows could be read as another one. */
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
