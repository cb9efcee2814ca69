import { formatRange } from "../../checks/network_policy/address.ts";
import { type Decision, evaluate, type Verdict } from "../../checks/network_policy/evaluate.ts";
import { judgeHost } from "../../checks/network_policy/open_ports.ts";
import type { Cluster, Endpoint, Flow } from "../../checks/network_policy/model.ts";
import type { Host, Question } from "./ends.ts";
import type { Reading } from "./reading.ts";

/** The answer to a question about one connection. */
export interface Answer {
  /** The question. */
  readonly question: Question;
  /** The evaluated cluster. */
  readonly cluster: Cluster;
  /** The evaluated connection. For a host name, the destination is an example address. */
  readonly flow: Flow;
  /** The decisions of both ends about this connection. */
  readonly verdict: Verdict;
  /** The answer; `depends` if only some addresses are open and the address of the host is unknown. */
  readonly answer: "allowed" | "denied" | "depends";
  /** The limits of the answer, as sentences for people. */
  readonly notes: readonly string[];
}

/** The exit codes: 0 allowed, 1 denied, 3 unknown. */
export const ANSWER_CODES = { allowed: 0, denied: 1, depends: 3 } as const;

/** An example of a public address, for a host whose address is unknown. */
const ANY = { family: 4, value: 0x01000000n } as const;

/** Returns the answer that holds for all pods of a workload, or `depends` if the answers differ. */
export function commonAnswer(answers: readonly Answer[]): Answer["answer"] {
  const [first, ...others] = answers.map(({ answer }) => answer);
  return first !== undefined && others.every((answer) => answer === first) ? first : "depends";
}

/** Answers a question about one connection. */
export function answerOf(reading: Reading, question: Question): Answer {
  const { from, to, protocol, port } = question;
  const cluster = question.cluster ?? reading.cluster;
  if (to.type !== "host") {
    const flow: Flow = { from, to, protocol, port };
    const verdict = evaluate(cluster, flow);
    const answer = verdict.allowed ? "allowed" : "denied";
    return {
      question,
      cluster,
      flow,
      verdict,
      answer,
      notes: [...question.notes, ...reading.notes, ...notesAboutReplicas(flow)],
    };
  }
  return answerAboutHost(reading, question, to);
}

function answerAboutHost({ cluster, notes }: Reading, question: Question, { host }: Host): Answer {
  const { from, protocol, port } = question;
  if (from.type !== "pod") throw new Error("a host name requires a workload as source");
  const { answer, open } = judgeHost(cluster, from, protocol, port);
  const example = open.find(({ family, first, last }) =>
    family === 4 && first <= 0x01000000n && 0x01000000n <= last
  );
  const first = open.find(({ family }) => family === 6) ?? open[0];
  const address = example !== undefined || first === undefined
    ? ANY
    : { family: first.family, value: middleOf(first) };
  const to: Endpoint = { type: "outside", address, host };
  const flow: Flow = { from, to, protocol, port };
  const about = `${host} is not resolved; the answer applies to any public address`;
  const some = `only ${open.map(formatRange).join(", ")} are open on ${protocol} ${port}; ` +
    `repeat the command with an address of ${host}`;
  const more = answer === "depends" ? [some] : [];
  const verdict = evaluate(cluster, flow);
  const all = [...question.notes, about, ...more, ...notes];
  return { question, cluster, flow, verdict, answer, notes: all };
}

/** Returns an example address of a range, but not one of the reserved first addresses of ::/0. */
function middleOf({ first, last }: { first: bigint; last: bigint }): bigint {
  const someHost = 0x2000n << 112n;
  return first <= someHost && someHost <= last ? someHost : first;
}

function notesAboutReplicas({ from, to }: Flow): string[] {
  return from === to && from.type === "pod" && from.several
    ? ["both ends are the same workload; the answer applies to two different pods of the workload"]
    : [];
}

/** Returns whether a decision depends on policies. */
export function hasChoice({ reason }: Decision): boolean {
  return reason !== "outside" && reason !== "itself";
}
