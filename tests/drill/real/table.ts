import { paint } from "../../../tasks/cli/terminal.ts";
import {
  cameTrue,
  fixWorked,
  isProven,
  type PredictedEnd,
  type RealEnd,
  type RealOutcome,
} from "./outcome.ts";

/** Formats a drill as it ends: its row, and below it what was injected, predicted and done. */
export function renderRealOutcome(outcome: RealOutcome, colour: boolean): string {
  const { failure, findings, others, happened, fix, left, error } = outcome;
  const good = isProven(outcome);
  return [
    `${paint(good ? "PROVEN" : "WRONG ", good ? "green" : "red", colour)}  ${failure.id}`,
    detail("injected", failure.injected),
    detail("found by", findings.length === 0 ? "no finding" : failure.foundBy),
    ...others.map((id) => detail("also", id)),
    detail("predicted", predictedText(outcome.predicted)),
    detail("happened", `${endText(happened)}, ${happened.seconds} s`),
    detail("message", shortened(happened.message)),
    detail("fix", shortened(fix)),
    ...(left.length === 0 ? [] : [detail("left", left.join(", "))]),
    detail("after", afterText(outcome)),
    ...(error === undefined ? [] : [detail("error", error)]),
  ].join("\n");
}

/** Formats the summary line. */
export function renderRealSummary(outcomes: readonly RealOutcome[]): string {
  const proven = outcomes.filter(isProven).length;
  return `drill --real: ${proven} of ${outcomes.length}: found, ended as predicted, and fixed as ` +
    "printed";
}

const HEAD = ["failure", "found by", "predicted", "happened", "fix worked"];

/** Formats all drills as a table in Markdown, as it is in docs/drills.md. */
export function renderRealTable(outcomes: readonly RealOutcome[]): string {
  const rows = outcomes.map((outcome) => {
    const { failure, findings, predicted, happened } = outcome;
    return [
      failure.injected,
      findings.length === 0 ? "no check" : `\`${failure.foundBy}\``,
      predictedText(predicted),
      `${endText(happened)}, ${happened.seconds} s${cameTrue(outcome) ? "" : " (wrong)"}`,
      afterText(outcome),
    ].map((text) => text.replaceAll("|", "\\|"));
  });
  const widths = HEAD.map((title, i) =>
    Math.max(...[title, ...rows.map((row) => row[i]!)].map((text) => text.length))
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((text, i) => text.padEnd(widths[i]!)).join(" | ")} |`;
  return [line(HEAD), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

/** Formats all drills as one JSON document. */
export function renderRealJson(outcomes: readonly RealOutcome[]): string {
  const drills = outcomes.map((outcome) => {
    const { failure: { id, injected, foundBy }, others, predicted, happened, fix, left, after } =
      outcome;
    return {
      ...{ id, injected, foundBy },
      ...{ isFound: outcome.findings.length > 0, others, predicted, happened },
      ...{ cameTrue: cameTrue(outcome), fix, left, after, fixWorked: fixWorked(outcome) },
      error: outcome.error,
    };
  });
  const exitCode = exitCodeOfReal(outcomes);
  return JSON.stringify({ command: "drill --real", exitCode, drills }, null, 2);
}

/** Returns the exit code: 0 if each drill is proven. */
export function exitCodeOfReal(outcomes: readonly RealOutcome[]): 0 | 1 {
  return outcomes.every(isProven) ? 0 : 1;
}

function predictedText(predicted: PredictedEnd | undefined): string {
  if (predicted === undefined) return "nothing";
  const { end, exitCode, symptom } = predicted;
  return `${end}, exit code ${exitCode}: ${symptom}`;
}

function endText({ end, exitCode }: RealEnd): string {
  return `${end}, exit code ${exitCode}`;
}

function afterText(outcome: RealOutcome): string {
  const { after, left } = outcome;
  if (fixWorked(outcome)) return `yes, success in ${after!.seconds} s`;
  return left.length > 0
    ? `no: ${left.join(", ")}`
    : after === undefined
    ? "no"
    : `no: ${endText(after)}`;
}

/** Width of a text in the report. The JSON document has the whole text. */
const WIDTH = 200;

function shortened(text: string): string {
  const line = text.trim().replaceAll(/\s*\n\s*/g, " | ");
  return line.length > WIDTH ? `${line.slice(0, WIDTH - 1)}…` : line;
}

function detail(name: string, text: string): string {
  return `        ${name.padEnd(9)}  ${text}`;
}
