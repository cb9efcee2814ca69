import type { Decision } from "../../checks/network_policy/evaluate.ts";
import {
  explainDecision,
  formatEndpoint,
  formatPeer,
  formatPolicyPort,
  missesOf,
  policyId,
} from "../../checks/network_policy/explain.ts";
import { EVERY, isSame, type PortSet } from "../../checks/network_policy/open_ports.ts";
import { type Policy, PROTOCOLS } from "../../checks/network_policy/model.ts";
import { paint } from "../cli/terminal.ts";
import { type Answer, commonAnswer, hasChoice } from "./answer.ts";

const WORDS = {
  allowed: ["ALLOWED", "green"],
  denied: ["DENIED", "red"],
  depends: ["CANNOT TELL", "yellow"],
} as const;

/** Renders the answer to one question as text. */
export function renderFlow(answer: Answer, colour: boolean): string {
  const { question: { from, to, protocol, port }, cluster, flow, verdict, notes } = answer;
  const [word, style] = WORDS[answer.answer];
  const shown = to.type === "host" ? to.host : formatEndpoint(to);
  const lines = [
    `${paint(word, style, colour)}  ${formatEndpoint(from)} -> ${shown}, ${protocol} ${port}`,
  ];
  for (const decision of [verdict.egress, verdict.ingress]) {
    const says = decision.allowed ? "allows" : "denies";
    lines.push(`  ${decision.direction.padEnd(7)}  ${says}: ${explainDecision(flow, decision)}`);
    if (hasChoice(decision)) { for (const line of allowingLines(decision)) lines.push(line); }
    if (decision.allowed) continue;
    const misses = missesOf(cluster, flow, decision);
    for (const policy of decision.policies) {
      lines.push(`    ${formatPolicy(policy)}`);
      const own = misses.filter((miss) => miss.policy === policy);
      if (own.length === 0) lines.push(`      spec.${decision.direction}: has no rules`);
      for (const { rule, why, only } of own) {
        const near = only === undefined ? "" : `  (only the ${only} differs)`;
        lines.push(`      ${rule.path}${near}`);
        for (const each of why) lines.push(`        ${each}`);
      }
    }
  }
  return [...lines, ...notes.map(formatNote)].join("\n");
}

function formatNote(note: string): string {
  return `  note     ${note}`;
}

/** Renders the answers for the pods of a workload that policies distinguish. */
export function renderParts(answers: readonly Answer[], colour: boolean): string {
  const [word, style] = WORDS[commonAnswer(answers)];
  const says = commonAnswer(answers) === "depends"
    ? "the answer depends on the pod"
    : "the answer is the same for all pods";
  // The notes of all answers follow once.
  const isShared = (note: string) => answers.every(({ notes }) => notes.includes(note));
  const parts = answers.map((answer) =>
    renderFlow({ ...answer, notes: answer.notes.filter((note) => !isShared(note)) }, colour)
  );
  const shared = (answers[0]?.notes ?? []).filter(isShared).map(formatNote);
  return [`${paint(word, style, colour)}  ${says}:`, ...parts, ...shared].join("\n");
}

function allowingLines({ rules }: Decision): string[] {
  return rules.flatMap(({ policy, rule, peer, port }) => [
    `    ${formatPolicy(policy)}`,
    `      ${peer?.path ?? rule.path}: ${
      peer === undefined ? "all addresses and pods" : formatPeer(peer)
    }`,
    `      ${port?.path ?? `${rule.path}.ports`}: ${
      port === undefined ? "absent, so every port" : formatPolicyPort(port)
    }`,
  ]);
}

function formatPolicy(policy: Policy): string {
  return `${policyId(policy)}${policy.where === undefined ? "" : `  (${policy.where})`}`;
}

/** Formats a set of ports for people. */
export function formatPorts(ports: PortSet): string {
  if (isSame(ports, EVERY)) return "every port";
  return PROTOCOLS.filter((protocol) => ports[protocol].length > 0).map((protocol) => {
    const ranges = ports[protocol].map(({ from, to }) => from === to ? `${from}` : `${from}-${to}`);
    return `${protocol} ${ranges[0] === "1-65535" ? "every port" : ranges.join(",")}`;
  }).join("; ");
}
