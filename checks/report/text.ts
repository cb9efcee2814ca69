import type { Finding, Result, Verdict } from "../finding.ts";
import { piecesOf } from "./fix_pieces.ts";
import {
  conditionOf,
  createDigest,
  examinedInPart,
  examinedOf,
  fixOnce,
  type PrintedFixes,
  reasonOf,
  type Report,
} from "./report.ts";

/** The layout of the text. */
export interface TextOptions {
  /** True to colour the verdicts with terminal escapes. */
  readonly colour?: boolean;
  /** The width of the id column in characters: the length of the longest id in the report. */
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

/** The length of the longest id of the checks after a run. */
const ID_WIDTH = 16;

/** Renders a report while the checks run. */
export interface TextReport {
  /** Renders the next result, with the heading of its section if the section begins with it. */
  result(result: Result): string;
  /** Renders the lines after the last result. */
  end(report: Omit<Report, "exitCode">): string;
}

/**
 * Starts a text report. A check that was skipped on request is only counted, and equal reasons are
 * printed once.
 *
 * @param options.verbose true to print all results
 * @param options.quiet true to leave out the checks that passed or that do not apply
 */
export function startText(
  { verbose = false, quiet = false, ...layout }: TextOptions & {
    readonly verbose?: boolean;
    readonly quiet?: boolean;
  } = {},
): TextReport {
  const digest = createDigest();
  const printed: PrintedFixes = new Map();
  let section: string | undefined;
  return {
    result(result) {
      if (!digest.take(result) && !verbose) return "";
      if (quiet && (result.verdict === "pass" || result.verdict === "not-applicable")) return "";
      const heading = result.section === section ? "" : renderHeading(
        result.section ?? "other",
        section !== undefined,
        layout,
      );
      section = result.section;
      return heading + renderResult(result, layout, printed);
    },
    end(report) {
      const lines = verbose ? [] : digest.lines().map((line) => `${printable(line)}\n`);
      return [
        section === undefined ? "" : "\n",
        ...lines,
        renderSummary(report, layout),
      ].join("");
    },
  };
}

function renderHeading(title: string, follows: boolean, { colour = false }: TextOptions): string {
  const line = colour ? `\x1b[1m${title}\x1b[0m` : title;
  return `${follows ? "\n" : ""}${line}\n${"-".repeat(title.length)}\n`;
}

const INDENT = " ".repeat(9);

/**
 * Renders one line for a check, and below it the findings: object, problem, consequence and fix.
 * Ends with a newline.
 *
 * @param printed receives the fixes; a change of the cluster that it has is not printed again
 */
export function renderResult(
  result: Result,
  { colour = false, idWidth = ID_WIDTH }: TextOptions = {},
  printed: PrintedFixes = new Map(),
): string {
  const { id, verdict, findings, notJudged = [] } = result;
  const word = (WORDS[verdict] ?? verdict.toUpperCase()).padEnd(5);
  const shown = colour ? `\x1b[${COLOURS[verdict]}m${word}\x1b[0m` : word;
  const lines = [`${shown}  ${id.padEnd(idWidth)}  ${messageOf(result)}`];
  // The first line of a pass has it.
  const inPart = verdict === "pass" ? undefined : examinedInPart(result);
  if (inPart !== undefined) lines.push(`${INDENT}${printable(inPart)}`);
  for (const { object, reason } of notJudged) {
    lines.push(`${INDENT}${printable(`not judged: ${object} (${reason})`)}`);
  }
  for (const finding of findings) lines.push(...renderFinding(finding, id, printed));
  if (findings.length > 0) lines.push(`${INDENT}runbook: deno task explain ${id}`);
  return lines.map((line) => `${line}\n`).join("");
}

/** Renders the last line: the number of checks, and of each verdict. Ends with a newline. */
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

/** For a pass: what was examined. For a warning or a failure: the condition. Else: the reason. */
function messageOf(result: Result): string {
  const { verdict, title, reason, requested } = result;
  if (verdict === "pass") return printable(examinedOf(result) ?? title);
  if (verdict === "warn" || verdict === "fail") return conditionOf(result);
  return printable(requested ? `as requested: ${reason}` : reasonOf(result) || title);
}

function renderFinding(
  finding: Finding,
  id: string,
  printed: PrintedFixes,
): string[] {
  const { severity, object, field, file, line, problem, why } = finding;
  const place = file === undefined ? "" : `  (${file}${line === undefined ? "" : `:${line}`})`;
  const within = field === undefined ? "" : `  ${field}`;
  const lines = [
    `${INDENT}${printable(`${object}${within}${place}`)}`,
    `${INDENT}  ${severity === "warn" ? "warning" : "problem"}  ${printable(problem)}`,
  ];
  if (why !== undefined) lines.push(`${INDENT}  why      ${printable(why)}`);
  const [first = "", ...more] = fixLines(fixOnce(finding, id, printed));
  return [
    ...lines,
    `${INDENT}  fix      ${first}`,
    ...more.map((line) => `${INDENT}           ${line}`),
  ];
}

/** The lines of a fix: words, and each command on a line of its own, so that it can be copied. */
function fixLines(fix: string): string[] {
  return piecesOf(fix).flatMap(({ kind, text }) =>
    kind === "command"
      ? text.split("\n")
      // A change of the manifests follows words after a blank line.
      : text.replace(/^[.;,]?\s*/, "").split("\n\n").map((line) => line.trimEnd())
  ).filter((line) => line !== "").map(printable);
}

/**
 * Replaces the characters that end a line or control a terminal. Keys and values from outside can
 * contain them.
 */
export function printable(text: string): string {
  return text.toWellFormed().replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, "\uFFFD");
}
