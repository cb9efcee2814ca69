import { formatAddress } from "../../checks/network_policy/address.ts";
import type { Decision } from "../../checks/network_policy/evaluate.ts";
import {
  explainDecision,
  formatPeer,
  formatPolicyPort,
  missesOf,
} from "../../checks/network_policy/explain.ts";
import type { PortSet } from "../../checks/network_policy/open_ports.ts";
import { type Endpoint, podId, type Policy, PROTOCOLS } from "../../checks/network_policy/model.ts";
import { type Answer, ANSWER_CODES, commonAnswer } from "./answer.ts";
import type { Host } from "./ends.ts";

/** Renders the answer to a question as a JSON document. */
export function flowDocument(answer: Answer, exitCode: number) {
  const { question, cluster, flow, verdict, notes } = answer;
  const side = (decision: Decision) => ({
    allowed: decision.allowed,
    reason: decision.reason,
    says: explainDecision(flow, decision),
    policies: decision.policies.map(policy),
    rules: decision.rules.map((allowing) => ({
      policy: policy(allowing.policy),
      path: allowing.rule.path,
      peer: allowing.peer === undefined
        ? null
        : { path: allowing.peer.path, says: formatPeer(allowing.peer) },
      port: allowing.port === undefined
        ? null
        : { path: allowing.port.path, says: formatPolicyPort(allowing.port) },
    })),
    misses: decision.allowed ? [] : missesOf(cluster, flow, decision).map((miss) => ({
      policy: policy(miss.policy),
      path: miss.rule.path,
      why: miss.why,
    })),
  });
  return {
    command: "reach",
    exitCode,
    answer: answer.answer,
    from: endDocument(question.from),
    to: endDocument(question.to),
    protocol: question.protocol,
    port: question.port,
    egress: side(verdict.egress),
    ingress: side(verdict.ingress),
    notes,
  };
}

/** Renders an end of a connection. */
export function endDocument(each: Endpoint | Host) {
  if (each.type === "host") return { host: each.host };
  if (each.type === "outside") return { address: formatAddress(each.address) };
  const { namespace, kind, name, part } = each;
  const workload = { workload: podId(each), namespace, kind, name };
  return part === undefined ? workload : { ...workload, part };
}

function policy({ namespace, name, where }: Policy) {
  return { namespace, name, ...(where === undefined ? {} : { where }) };
}

/** Renders a set of ports. */
export function portList(ports: PortSet) {
  return PROTOCOLS.flatMap((protocol) =>
    ports[protocol].map(({ from, to }) => ({ protocol, from, to }))
  );
}

/** Renders the answers for the pods of a workload that policies distinguish. */
export function partsDocument(answers: readonly Answer[], exitCode: number) {
  return {
    command: "reach",
    exitCode,
    answer: commonAnswer(answers),
    parts: answers.map((answer) => flowDocument(answer, ANSWER_CODES[answer.answer])),
  };
}
