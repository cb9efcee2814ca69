import { formatRequirement, formatSelector, selects, unmet } from "../kubernetes/selectors.ts";
import { formatAddress, holds } from "./address.ts";
import {
  type Cluster,
  type Direction,
  type Endpoint,
  type Flow,
  namespaceOf,
  type Peer,
  type Pod,
  podId,
  type PodPeer,
  type Policy,
  type PolicyPort,
  type Protocol,
  type Rule,
} from "./model.ts";

/**
 * What decided:
 *
 * - `outside`: this end is no pod, so no policy is asked
 * - `itself`: a pod always reaches itself
 * - `host-network`: the pod shares its node's network, where no policy applies
 * - `no-policy`: no policy isolates the pod in this direction, so everything is allowed
 * - `rule`: the pod is isolated, and at least one rule allows it
 * - `no-rule`: the pod is isolated, and no rule of any of these policies allows it
 */
export type Reason = "outside" | "itself" | "host-network" | "no-policy" | "rule" | "no-rule";

/** A rule that allows a connection. */
export interface Allowing {
  /** The policy that has the rule. */
  readonly policy: Policy;
  /** The rule. */
  readonly rule: Rule;
  /** Its peer that means the other end; undefined where the rule means everybody. */
  readonly peer: Peer | undefined;
  /** Its port that means the destination's; undefined where the rule means every port. */
  readonly port: PolicyPort | undefined;
}

/** What one end of a connection says to it. */
export interface Decision {
  /** Which end: egress is the source's, ingress is the destination's. */
  readonly direction: Direction;
  /** Whether this end allows it. */
  readonly allowed: boolean;
  /** What decided. */
  readonly reason: Reason;
  /** The policies that isolate this end in this direction. */
  readonly policies: readonly Policy[];
  /** The rules of these policies that allow it, in their order. */
  readonly rules: readonly Allowing[];
}

/** What both ends say to a connection. It needs both. */
export interface Verdict {
  /** Whether both ends allow it. */
  readonly allowed: boolean;
  /** What the source says. */
  readonly egress: Decision;
  /** What the destination says. */
  readonly ingress: Decision;
}

/**
 * Judges a connection under all policies of a cluster.
 *
 * Where both ends are the same workload, they are two different pods of it, such as two replicas. A
 * bare Pod has no other, and reaches itself.
 */
export function evaluate(cluster: Cluster, flow: Flow): Verdict {
  const egress = decide(cluster, flow, "egress");
  const ingress = decide(cluster, flow, "ingress");
  return { allowed: egress.allowed && ingress.allowed, egress, ingress };
}

/** Judges one end of a connection. */
export function decide(cluster: Cluster, flow: Flow, direction: Direction): Decision {
  const [self, other] = ends(flow, direction);
  const open = (reason: Reason): Decision => (
    { direction, allowed: true, reason, policies: [], rules: [] }
  );
  if (self.type === "outside") return open("outside");
  if (isItself(self, other)) return open("itself");
  if (self.hostNetwork) return open("host-network");
  const policies = isolating(cluster, self, direction);
  if (policies.length === 0) return open("no-policy");
  const rules = policies.flatMap((policy) =>
    policy.rules[direction].flatMap((rule) => allowing(cluster, flow, policy, rule, other))
  );
  const allowed = rules.length > 0;
  return { direction, allowed, reason: allowed ? "rule" : "no-rule", policies, rules };
}

/** The end that a direction is about, and the other one. */
export function ends({ from, to }: Flow, direction: Direction): [Endpoint, Endpoint] {
  return direction === "egress" ? [from, to] : [to, from];
}

/** Whether two ends are one and the same pod. */
export function isItself(one: Pod, other: Endpoint): boolean {
  return one === other && !one.several;
}

function allowing(
  cluster: Cluster,
  { to, protocol, port }: Flow,
  policy: Policy,
  rule: Rule,
  other: Endpoint,
): Allowing[] {
  const peers = meaningPeers(cluster, policy, rule, other);
  if (peers?.length === 0) return [];
  const ports = meaningPorts(rule, to, protocol, port);
  if (ports?.length === 0) return [];
  return [{ policy, rule, peer: peers?.[0], port: ports?.[0] }];
}

/** Ports without a gap, both ends included. */
export interface PortRange {
  /** The lowest port. */
  readonly from: number;
  /** The highest port. */
  readonly to: number;
}

/** Every port. */
export const EVERY_PORT: PortRange = { from: 1, to: 65535 };

/**
 * The policies that isolate a pod in a direction: those of its namespace that select it. A pod on its
 * node's network is isolated by none, since what it sends is its node's, which most network plugins
 * cannot tell from any other traffic of the node.
 */
export function isolating(cluster: Cluster, pod: Pod, direction: Direction): Policy[] {
  if (pod.hostNetwork) return [];
  return cluster.policies.filter((policy) =>
    policy.namespace === pod.namespace && policy.directions.includes(direction) &&
    selects(policy.pods, pod.labels)
  );
}

/**
 * Whether a peer of a policy means somebody.
 *
 * A block means outside addresses, and a pod whose address is known and lies in it: network plugins
 * see addresses, and the conformance tests of Kubernetes expect it. A pod of a manifest has no address
 * yet, and no block means it. Selectors never mean a pod on its node's network.
 */
export function means(cluster: Cluster, policy: Policy, peer: Peer, who: Endpoint): boolean {
  if (peer.type === "block") {
    const addresses = who.type === "outside" ? [who.address] : who.addresses;
    return addresses.some((address) =>
      holds(peer.range, address) && !peer.except.some((range) => holds(range, address))
    );
  }
  if (who.type === "outside" || who.hostNetwork) return false;
  const inNamespace = peer.namespaces === undefined
    ? who.namespace === policy.namespace
    : selects(peer.namespaces, namespaceOf(cluster, who.namespace).labels);
  return inNamespace && (peer.pods === undefined || selects(peer.pods, who.labels));
}

/** The peers of a rule that mean somebody; undefined where the rule means everybody. */
export function meaningPeers(
  cluster: Cluster,
  policy: Policy,
  rule: Rule,
  who: Endpoint,
): readonly Peer[] | undefined {
  if (rule.peers.length === 0) return undefined;
  return rule.peers.filter((peer) => means(cluster, policy, peer, who));
}

/**
 * The numbers that a port of a rule stands for, of its protocol. A name means what the destination's
 * containers declare by it; where they do not, or for an address, which has no names, it means none.
 */
export function numbers(port: PolicyPort, destination: Endpoint): readonly PortRange[] {
  if (port.port === undefined) return [EVERY_PORT];
  if (typeof port.port === "number") {
    return [{ from: port.port, to: port.endPort ?? port.port }];
  }
  if (destination.type === "outside") return [];
  return destination.ports
    .filter(({ name, protocol }) => name === port.port && protocol === port.protocol)
    .map(({ port: number }) => ({ from: number, to: number }));
}

/** The ports of a rule that a connection matches; undefined where the rule means every port. */
export function meaningPorts(
  rule: Rule,
  destination: Endpoint,
  protocol: Protocol,
  port: number,
): readonly PolicyPort[] | undefined {
  if (rule.ports.length === 0) return undefined;
  return rule.ports.filter((each) =>
    each.protocol === protocol &&
    numbers(each, destination).some(({ from, to }) => from <= port && port <= to)
  );
}

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

/** Whether a selector of namespaces selects none that there is. */
export function selectsNoNamespace(
  { namespaces: known }: Cluster,
  { namespaces }: PodPeer,
): boolean {
  if (namespaces === undefined) return false;
  return ![...known.values()].some(({ labels }) => selects(namespaces, labels));
}
