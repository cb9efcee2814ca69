import { formatAddress } from "./address.ts";
import { type Decision, ends } from "./evaluate.ts";
import { meaningPorts, means } from "./match.ts";
import {
  type Cluster,
  type Direction,
  type Endpoint,
  type Flow,
  namespaceOf,
  podId,
} from "./model.ts";
import type { Peer, Policy, PolicyPort, Rule } from "./policy.ts";
import { formatRequirement, formatSelector, selects, unmet } from "../kubernetes/selector.ts";

/** A rule of a policy that isolates one end of a connection, and why it does not allow it. */
export interface Miss {
  /** The policy. */
  readonly policy: Policy;
  /** The rule. */
  readonly rule: Rule;
  /** What does not fit, with field paths. */
  readonly why: readonly string[];
}

/** How an end of a connection is told. */
export function formatEndpoint(end: Endpoint): string {
  return end.type === "pod" ? podId(end) : formatAddress(end.address);
}

/** How a policy is told: `NetworkPolicy namespace/name`. */
export function policyId({ namespace, name }: Policy): string {
  return `NetworkPolicy ${namespace}/${name}`;
}

/** In one sentence, why one end of a connection allows it or not. */
export function explainDecision(flow: Flow, decision: Decision): string {
  const { direction, reason, policies, rules } = decision;
  const self = formatEndpoint(ends(flow, direction)[0]);
  switch (reason) {
    case "outside":
      return `${self} is outside of the cluster, where no policy applies`;
    case "itself":
      return "a pod always reaches itself";
    case "host-network":
      return `${self} shares its node's network, where no policy applies`;
    case "no-policy":
      return `no policy isolates the ${direction} of ${self}`;
    case "rule":
      return `${isolatedBy(self, direction, policies)}, and ${count(rules.length, "rule")} of ` +
        `${policies.length === 1 ? "it allows" : "these allows"} this`;
    case "no-rule":
      return `${isolatedBy(self, direction, policies)}, and no rule of ` +
        `${policies.length === 1 ? "it" : "these"} allows this`;
  }
}

/** Who a peer of a policy means, in words. */
export function formatPeer(peer: Peer): string {
  if (peer.type === "block") {
    const except = peer.except.length === 0
      ? ""
      : `, with ${count(peer.except.length, "exception")}`;
    return `the addresses of ${peer.cidr}${except}`;
  }
  const pods = peer.pods === undefined || peer.pods.requirements.length === 0
    ? "every pod"
    : `pods with ${formatSelector(peer.pods)}`;
  if (peer.namespaces === undefined) return `${pods} of the policy's own namespace`;
  return peer.namespaces.requirements.length === 0
    ? `${pods} of every namespace`
    : `${pods} of namespaces with ${formatSelector(peer.namespaces)}`;
}

/** Which ports a port of a policy means: `TCP 443`, `UDP 8000-8010`, `TCP https`, `TCP, every port`. */
export function formatPolicyPort({ protocol, port, endPort }: PolicyPort): string {
  if (port === undefined) return `${protocol}, every port`;
  return `${protocol} ${port}${endPort === undefined ? "" : `-${endPort}`}`;
}

/** Every rule of the policies that isolate one end of a denied connection, and why it does not fit. */
export function missesOf(cluster: Cluster, flow: Flow, decision: Decision): Miss[] {
  const { direction, policies } = decision;
  const [, other] = ends(flow, direction);
  return policies.flatMap((policy) =>
    policy.rules[direction].map((rule): Miss => ({
      policy,
      rule,
      why: [...missingPeer(cluster, policy, rule, other), ...missingPort(rule, flow)],
    }))
  );
}

/** Why a peer does not mean somebody, in words that name the deciding label or block. */
export function whyNot(cluster: Cluster, policy: Policy, peer: Peer, who: Endpoint): string {
  const shown = formatEndpoint(who);
  if (peer.type === "block") {
    if (who.type === "outside") return `${shown} is not among ${formatPeer(peer)}`;
    return who.addresses.length === 0
      ? `a block of addresses is for the outside, and ${shown} is in the cluster`
      : `${who.addresses.map(formatAddress).join(" and ")} of ${shown} is not among ` +
        formatPeer(peer);
  }
  if (who.type === "outside") {
    return `selectors only ever mean pods of the cluster${
      peer.namespaces?.requirements.length === 0 ? ", also the empty namespaceSelector" : ""
    }, and ${shown} is outside`;
  }
  if (who.hostNetwork) return `${shown} shares its node's network, where no selector sees it`;
  if (peer.namespaces === undefined) {
    if (who.namespace !== policy.namespace) {
      return `without a namespaceSelector it means pods of ${policy.namespace} only`;
    }
  } else {
    const { labels } = namespaceOf(cluster, who.namespace);
    if (!selects(peer.namespaces, labels)) {
      const missing = unmet(peer.namespaces, labels).map(formatRequirement).join(" and ");
      return `namespace ${who.namespace} does not fulfil ${missing}`;
    }
  }
  const missing = peer.pods === undefined ? [] : unmet(peer.pods, who.labels);
  return `${shown} does not fulfil ${missing.map(formatRequirement).join(" and ")}`;
}

function missingPeer(cluster: Cluster, policy: Policy, rule: Rule, other: Endpoint): string[] {
  if (rule.peers.length === 0) return [];
  if (rule.peers.some((peer) => means(cluster, policy, peer, other))) return [];
  return rule.peers.map((peer) => `${peer.path}: ${whyNot(cluster, policy, peer, other)}`);
}

function missingPort(rule: Rule, { to, protocol, port }: Flow): string[] {
  if (meaningPorts(rule, to, protocol, port)?.length !== 0) return [];
  const listed = rule.ports.map((each) => {
    const named = typeof each.port === "string";
    const nobody = to.type === "outside"
      ? ", a name that only pods have"
      : `, as ${podId(to)} declares it`;
    return `${formatPolicyPort(each)}${named ? nobody : ""}`;
  });
  return [`${rule.path}.ports: only ${listed.join("; ")}; not ${protocol} ${port}`];
}

function isolatedBy(self: string, direction: Direction, policies: readonly Policy[]): string {
  return `${count(policies.length, "policy", "policies")} isolate${
    policies.length === 1 ? "s" : ""
  } the ${direction} of ${self}`;
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
