import type { Finding, Result, Verdict } from "../finding.ts";
import type { Report } from "./report.ts";

/** How text is dressed up. */
export interface TextOptions {
  /** Whether to colour the verdicts, as terminals can show it. */
  readonly colour?: boolean;
  /** How wide the column of the ids is: as wide as the longest id that the report will show. */
  readonly idWidth?: number;
}

const COLOURS: Readonly<Record<Verdict, number>> = {
  pass: 32,
  warn: 33,
  fail: 31,
  skip: 36,
  error: 35,
  "not-applicable": 90,
};

/** The word for a verdict in the first column, which is five characters wide. */
const WORDS: Readonly<Partial<Record<Verdict, string>>> = { "not-applicable": "N/A" };

const VERDICTS = Object.keys(COLOURS) as Verdict[];

/** As wide as the longest id of the checks after a run. */
const ID_WIDTH = 16;
const INDENT = " ".repeat(9);

/**
 * One line for a check, and below it its findings, each with the deciding object, what is wrong, why
 * it matters and the fix. Ends with a newline.
 */
export function renderResult(
  result: Result,
  { colour = false, idWidth = ID_WIDTH }: TextOptions = {},
): string {
  const { id, verdict, findings } = result;
  const word = (WORDS[verdict] ?? verdict.toUpperCase()).padEnd(5);
  const shown = colour ? `\x1b[${COLOURS[verdict]}m${word}\x1b[0m` : word;
  const lines = [`${shown}  ${id.padEnd(idWidth)}  ${says(result)}`];
  for (const finding of findings) lines.push(...renderFinding(finding));
  if (findings.length > 0) lines.push(`${INDENT}runbook/${id}.md`);
  return lines.map((line) => `${line}\n`).join("");
}

/** The last line: how many checks there were, and how many of each verdict. Ends with a newline. */
export function renderSummary(
  { command, date, results }: Omit<Report, "exitCode">,
  { colour = false }: TextOptions = {},
): string {
  const counts = VERDICTS.flatMap((verdict) => {
    const count = results.filter((result) => result.verdict === verdict).length;
    if (count === 0 && verdict === "not-applicable") return [];
    const text = `${count} ${verdict.replace("-", " ")}`;
    return colour && count > 0 ? `\x1b[${COLOURS[verdict]}m${text}\x1b[0m` : text;
  });
  const subject = date === undefined ? command : `${command} ${date}`;
  const checks = results.length === 1 ? "1 check" : `${results.length} checks`;
  return `${subject}: ${checks}: ${counts.join(", ")}\n`;
}

/** Passed: what was looked at. Not passed: what should hold. Not judged: why. */
function says({ verdict, title, examined, reason, asked }: Result): string {
  if (verdict === "pass") return printable(examined ?? title);
  if (verdict === "warn" || verdict === "fail") return title;
  return printable(asked ? `as asked: ${reason}` : reason ?? title);
}

function renderFinding({ object, field, file, line, problem, why, fix }: Finding): string[] {
  const place = file === undefined ? "" : `  (${file}${line === undefined ? "" : `:${line}`})`;
  const within = field === undefined ? "" : `  ${field}`;
  const lines = [
    `${INDENT}${printable(`${object}${within}${place}`)}`,
    `${INDENT}  problem  ${printable(problem)}`,
  ];
  if (why !== undefined) lines.push(`${INDENT}  why      ${printable(why)}`);
  return [...lines, `${INDENT}  fix      ${printable(fix)}`];
}

/**
 * A text without what would end a line or command a terminal, for keys and values that come from
 * outside.
 */
export function printable(text: string): string {
  return text.toWellFormed().replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, "\uFFFD");
}
