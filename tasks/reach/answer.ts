import { formatRange } from "../../checks/network_policy/address.ts";
import { type Decision, evaluate, type Verdict } from "../../checks/network_policy/evaluate.ts";
import { judgeHost, matrixOf } from "../../checks/network_policy/open_ports.ts";
import type { Endpoint, Flow } from "../../checks/network_policy/model.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { Flags } from "../cli/flags.ts";
import { colourWanted, print } from "../cli/terminal.ts";
import type { Host, Question } from "./ends.ts";
import { flowDocument, matrixDocument } from "./json.ts";
import type { Reading } from "./reading.ts";
import { renderFlow, renderMatrix } from "./text.ts";

/** The answer to a question about one connection. */
export interface Answer {
  /** The question. */
  readonly question: Question;
  /** The connection that was judged; for a host's name, to an address that stands for the others. */
  readonly flow: Flow;
  /** What both ends say to that connection. */
  readonly verdict: Verdict;
  /** The answer; nobody can tell where only some addresses are open and the host's are unknown. */
  readonly answer: "allowed" | "denied" | "depends";
  /** What the reader should know. */
  readonly notes: readonly string[];
}

/** Exit codes: 0 allowed, 1 not allowed, 3 could not tell. */
export const ANSWER_CODES = { allowed: 0, denied: 1, depends: 3 } as const;

/** A public address; which one does not matter where the host's name stands for all of them. */
const ANY: Endpoint = { type: "outside", address: { family: 4, value: 0x01000000n } };

/** Judges one connection, prints the answer, and returns the exit code. */
export function explainFlow(
  reading: Reading,
  question: Question,
  output: "text" | "json",
): number {
  const answer = answerOf(reading, question);
  const code = ANSWER_CODES[answer.answer];
  print(
    output === "json"
      ? JSON.stringify(flowDocument(reading, answer, code), null, 2)
      : renderFlow(reading, answer, colourWanted()).trimEnd(),
  );
  return code;
}

/** Prints every allowed connection. */
export function printMatrix(reading: Reading, output: "text" | "json", flags: Flags): number {
  const given = ["from", "to", "port", "protocol"].find((name) => flags.value(name) !== undefined);
  if (given !== undefined) {
    throw new Failure({
      kind: "configuration",
      task: `use --${given} together with --matrix`,
      problem: "--matrix lists every connection",
      remedy: "Leave out one of them.",
    });
  }
  const matrix = matrixOf(reading.cluster);
  print(
    output === "json"
      ? JSON.stringify(matrixDocument(reading, matrix), null, 2)
      : renderMatrix(reading, matrix).trimEnd(),
  );
  return 0;
}

function answerOf(reading: Reading, question: Question): Answer {
  const { from, to, protocol, port } = question;
  if (to.type !== "host") {
    const flow: Flow = { from, to, protocol, port };
    const verdict = evaluate(reading.cluster, flow);
    const answer = verdict.allowed ? "allowed" : "denied";
    return { question, flow, verdict, answer, notes: [...reading.notes, ...aboutSelf(flow)] };
  }
  return aboutHost(reading, question, to);
}

function aboutHost({ cluster, notes }: Reading, question: Question, { host }: Host): Answer {
  const { from, protocol, port } = question;
  if (from.type !== "pod") throw new Error("a host was asked for from outside");
  const { answer, open } = judgeHost(cluster, from, protocol, port);
  const example = open.find(({ family, first, last }) =>
    family === 4 && first <= 0x01000000n && 0x01000000n <= last
  );
  const first = open.find(({ family }) => family === 6) ?? open[0];
  const to: Endpoint = example !== undefined || first === undefined
    ? ANY
    : { type: "outside", address: { family: first.family, value: middleOf(first) } };
  const flow: Flow = { from, to, protocol, port };
  const about = `${host} is not resolved: the answer is about any public address outside`;
  const some = `open on ${protocol} ${port} are only ${open.map(formatRange).join(", ")}; ` +
    `ask again with an address of ${host}`;
  const more = answer === "depends" ? [some] : [];
  const verdict = evaluate(cluster, flow);
  return { question, flow, verdict, answer, notes: [about, ...more, ...notes] };
}

/** The first address of ::/0 is no host's. */
function middleOf({ first, last }: { first: bigint; last: bigint }): bigint {
  const someHost = 0x2000n << 112n;
  return first <= someHost && someHost <= last ? someHost : first;
}

function aboutSelf({ from, to }: Flow): string[] {
  return from === to && from.type === "pod" && from.several
    ? ["both ends are the same workload: the answer is about two different pods of it"]
    : [];
}

/** Whether a decision is worth explaining: it is not where it never had a choice. */
export function hasChoice({ reason }: Decision): boolean {
  return reason !== "outside" && reason !== "itself";
}
