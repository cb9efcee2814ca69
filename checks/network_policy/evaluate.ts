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
 * The reason for a decision:
 *
 * - `outside`: this end is an outside address, where no policy applies
 * - `itself`: a pod can always reach itself
 * - `host-network`: the pod uses its node's network, where no policy applies
 * - `no-policy`: no policy isolates the pod in this direction, so all connections are allowed
 * - `rule`: policies isolate the pod, and at least one rule allows the connection
 * - `no-rule`: policies isolate the pod, and no rule allows the connection
 */
export type Reason = "outside" | "itself" | "host-network" | "no-policy" | "rule" | "no-rule";

/** A rule that allows a connection. */
export interface Allowing {
  /** The policy of the rule. */
  readonly policy: Policy;
  /** The rule. */
  readonly rule: Rule;
  /** The peer that selects the other end; undefined if the rule has no peers. */
  readonly peer: Peer | undefined;
  /** The port that includes the destination's port; undefined if the rule has no ports. */
  readonly port: PolicyPort | undefined;
}

/** The decision of one end of a connection. */
export interface Decision {
  /** The end that decides: `egress` for the source, `ingress` for the destination. */
  readonly direction: Direction;
  /** True if this end allows the connection. */
  readonly allowed: boolean;
  /** The reason for the decision. */
  readonly reason: Reason;
  /** The policies that isolate this end in this direction. */
  readonly policies: readonly Policy[];
  /** The rules of these policies that allow the connection, in order. */
  readonly rules: readonly Allowing[];
}

/** The decisions of both ends. A connection needs the permission of both. */
export interface Verdict {
  /** True if both ends allow the connection. */
  readonly allowed: boolean;
  /** The decision of the source. */
  readonly egress: Decision;
  /** The decision of the destination. */
  readonly ingress: Decision;
}

/**
 * Evaluates a connection under all policies of a cluster.
 *
 * If both ends are the same workload, they are two different pods of the workload, such as two
 * replicas. A bare Pod has no replicas and can always reach itself.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readCluster } from "./read_cluster.ts";
 * import { evaluate } from "./evaluate.ts";
 *
 * const pod = (name: string) => ({
 *   apiVersion: "v1",
 *   kind: "Pod",
 *   metadata: { name, namespace: "jobs", labels: { app: name } },
 *   spec: { containers: [] },
 * });
 * const policy = {
 *   apiVersion: "networking.k8s.io/v1",
 *   kind: "NetworkPolicy",
 *   metadata: { name: "to-db", namespace: "jobs" },
 *   spec: {
 *     podSelector: { matchLabels: { app: "job" } },
 *     policyTypes: ["Egress"],
 *     egress: [{ to: [{ podSelector: { matchLabels: { app: "db" } } }], ports: [{ port: 5432 }] }],
 *   },
 * };
 * const { cluster } = readCluster([pod("job"), pod("db"), policy].map((value) => ({ value })));
 * const [job, db] = cluster.pods;
 * const flow = { from: job!, to: db!, protocol: "TCP" } as const;
 * assertEquals(evaluate(cluster, { ...flow, port: 5432 }).allowed, true);
 * assertEquals(evaluate(cluster, { ...flow, port: 22 }).egress.reason, "no-rule");
 * ```
 */
export function evaluate(cluster: Cluster, flow: Flow): Verdict {
  const egress = decide(cluster, flow, "egress");
  const ingress = decide(cluster, flow, "ingress");
  return { allowed: egress.allowed && ingress.allowed, egress, ingress };
}

/**
 * Evaluates one end of a connection.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readCluster } from "./read_cluster.ts";
 * import { decide } from "./evaluate.ts";
 *
 * const pod = (name: string) => ({
 *   apiVersion: "v1",
 *   kind: "Pod",
 *   metadata: { name, labels: { app: name } },
 *   spec: { containers: [] },
 * });
 * const policy = {
 *   apiVersion: "networking.k8s.io/v1",
 *   kind: "NetworkPolicy",
 *   metadata: { name: "to-db" },
 *   spec: {
 *     podSelector: { matchLabels: { app: "job" } },
 *     policyTypes: ["Egress"],
 *     egress: [{ to: [{ podSelector: { matchLabels: { app: "db" } } }], ports: [{ port: 5432 }] }],
 *   },
 * };
 * const { cluster } = readCluster([pod("job"), pod("db"), policy].map((value) => ({ value })));
 * const [job, db] = cluster.pods;
 * const flow = { from: job!, to: db!, protocol: "TCP", port: 22 } as const;
 * assertEquals(decide(cluster, flow, "egress").reason, "no-rule");
 * assertEquals(decide(cluster, flow, "ingress").reason, "no-policy");
 * ```
 */
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

/**
 * The two ends of a connection: first the end that decides in a direction, then the other end.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseAddress } from "./address.ts";
 * import { ends } from "./evaluate.ts";
 * import type { Endpoint } from "./model.ts";
 *
 * const outside = (text: string): Endpoint => (
 *   { type: "outside", address: parseAddress(text)! }
 * );
 * const [from, to] = [outside("192.0.2.1"), outside("192.0.2.2")];
 * assertEquals(ends({ from, to, protocol: "TCP", port: 443 }, "egress"), [from, to]);
 * assertEquals(ends({ from, to, protocol: "TCP", port: 443 }, "ingress"), [to, from]);
 * ```
 */
export function ends({ from, to }: Flow, direction: Direction): [Endpoint, Endpoint] {
  return direction === "egress" ? [from, to] : [to, from];
}

/**
 * Returns whether two ends are the same single pod.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readCluster } from "./read_cluster.ts";
 * import { isItself } from "./evaluate.ts";
 *
 * const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "a" }, spec: { containers: [] } };
 * const [bare] = readCluster([{ value: pod }]).cluster.pods;
 * assertEquals(isItself(bare!, bare!), true);
 * ```
 */
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
  const peers = matchingPeers(cluster, policy, rule, other);
  if (peers?.length === 0) return [];
  const ports = matchingPorts(rule, to, protocol, port);
  if (ports?.length === 0) return [];
  return [{ policy, rule, peer: peers?.[0], port: ports?.[0] }];
}

/** A contiguous range of ports, both ends included. */
export interface PortRange {
  /** The lowest port. */
  readonly from: number;
  /** The highest port. */
  readonly to: number;
}

/** Every port. */
export const EVERY_PORT: PortRange = { from: 1, to: 65535 };

/**
 * The policies that isolate a pod in a direction: those in the pod's namespace that select the pod. No
 * policy isolates a pod on its node's network, because most network plugins cannot distinguish its
 * traffic from other traffic of the node.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readCluster } from "./read_cluster.ts";
 * import { isolating, policyId } from "./evaluate.ts";
 *
 * const pod = (name: string) => ({
 *   apiVersion: "v1",
 *   kind: "Pod",
 *   metadata: { name, labels: { app: name } },
 *   spec: { containers: [] },
 * });
 * const policy = {
 *   apiVersion: "networking.k8s.io/v1",
 *   kind: "NetworkPolicy",
 *   metadata: { name: "to-db" },
 *   spec: {
 *     podSelector: { matchLabels: { app: "job" } },
 *     policyTypes: ["Egress"],
 *     egress: [{ to: [{ podSelector: { matchLabels: { app: "db" } } }], ports: [{ port: 5432 }] }],
 *   },
 * };
 * const { cluster } = readCluster([pod("job"), pod("db"), policy].map((value) => ({ value })));
 * assertEquals(isolating(cluster, cluster.pods[0]!, "egress").map(policyId), [
 *   "NetworkPolicy default/to-db",
 * ]);
 * assertEquals(isolating(cluster, cluster.pods[0]!, "ingress"), []);
 * ```
 */
export function isolating(cluster: Cluster, pod: Pod, direction: Direction): Policy[] {
  if (pod.hostNetwork) return [];
  return cluster.policies.filter((policy) =>
    policy.namespace === pod.namespace && policy.directions.includes(direction) &&
    selects(policy.pods, pod.labels)
  );
}

/**
 * Returns whether a peer of a policy selects an end of a connection.
 *
 * An `ipBlock` selects outside addresses, and pods with a known address in the block, as the
 * conformance tests of Kubernetes expect. A pod in a manifest has no address yet, so no block selects
 * it. Without a `namespaceSelector`, a peer selects pods of the policy's own namespace only. Selectors
 * never select a pod on its node's network.
 */
export function selectsEndpoint(
  cluster: Cluster,
  policy: Policy,
  peer: Peer,
  end: Endpoint,
): boolean {
  if (peer.type === "block") {
    const addresses = end.type === "outside" ? [end.address] : end.addresses;
    return addresses.some((address) =>
      holds(peer.range, address) && !peer.except.some((range) => holds(range, address))
    );
  }
  if (end.type === "outside" || end.hostNetwork) return false;
  const inNamespace = peer.namespaces === undefined
    ? end.namespace === policy.namespace
    : selects(peer.namespaces, namespaceOf(cluster, end.namespace).labels);
  return inNamespace && (peer.pods === undefined || selects(peer.pods, end.labels));
}

/**
 * The peers of a rule that select an end of a connection; undefined if the rule has no peers.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readCluster } from "./read_cluster.ts";
 * import { formatPeer, matchingPeers } from "./evaluate.ts";
 *
 * const pod = (name: string) => ({
 *   apiVersion: "v1",
 *   kind: "Pod",
 *   metadata: { name, labels: { app: name } },
 *   spec: { containers: [] },
 * });
 * const policy = {
 *   apiVersion: "networking.k8s.io/v1",
 *   kind: "NetworkPolicy",
 *   metadata: { name: "to-db" },
 *   spec: {
 *     podSelector: { matchLabels: { app: "job" } },
 *     policyTypes: ["Egress"],
 *     egress: [{ to: [{ podSelector: { matchLabels: { app: "db" } } }], ports: [{ port: 5432 }] }],
 *   },
 * };
 * const { cluster } = readCluster([pod("job"), pod("db"), policy].map((value) => ({ value })));
 * const [toDb] = cluster.policies;
 * const [rule] = toDb!.rules.egress;
 * assertEquals(matchingPeers(cluster, toDb!, rule!, cluster.pods[1]!)?.map(formatPeer), [
 *   "pods with app=db in the policy's namespace",
 * ]);
 * assertEquals(matchingPeers(cluster, toDb!, rule!, cluster.pods[0]!), []);
 * ```
 */
export function matchingPeers(
  cluster: Cluster,
  policy: Policy,
  rule: Rule,
  end: Endpoint,
): readonly Peer[] | undefined {
  if (rule.peers.length === 0) return undefined;
  return rule.peers.filter((peer) => selectsEndpoint(cluster, policy, peer, end));
}

/**
 * The port numbers that a port of a rule allows. A name resolves to the numbers that the destination's
 * containers declare under that name and protocol. A name that is not declared allows no port, and
 * outside addresses declare no names.
 */
export function portNumbers(port: PolicyPort, destination: Endpoint): readonly PortRange[] {
  if (port.port === undefined) return [EVERY_PORT];
  if (typeof port.port === "number") {
    return [{ from: port.port, to: port.endPort ?? port.port }];
  }
  if (destination.type === "outside") return [];
  return destination.ports
    .filter(({ name, protocol }) => name === port.port && protocol === port.protocol)
    .map(({ port: number }) => ({ from: number, to: number }));
}

/**
 * The ports of a rule that include the port of a connection; undefined if the rule has no ports.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readCluster } from "./read_cluster.ts";
 * import { formatPolicyPort, matchingPorts } from "./evaluate.ts";
 *
 * const pod = (name: string) => ({
 *   apiVersion: "v1",
 *   kind: "Pod",
 *   metadata: { name, labels: { app: name } },
 *   spec: { containers: [] },
 * });
 * const policy = {
 *   apiVersion: "networking.k8s.io/v1",
 *   kind: "NetworkPolicy",
 *   metadata: { name: "to-db" },
 *   spec: {
 *     podSelector: { matchLabels: { app: "job" } },
 *     policyTypes: ["Egress"],
 *     egress: [{ to: [{ podSelector: { matchLabels: { app: "db" } } }], ports: [{ port: 5432 }] }],
 *   },
 * };
 * const { cluster } = readCluster([pod("job"), pod("db"), policy].map((value) => ({ value })));
 * const [rule] = cluster.policies[0]!.rules.egress;
 * assertEquals(matchingPorts(rule!, cluster.pods[1]!, "TCP", 5432)?.map(formatPolicyPort), [
 *   "TCP 5432",
 * ]);
 * assertEquals(matchingPorts(rule!, cluster.pods[1]!, "UDP", 5432), []);
 * ```
 */
export function matchingPorts(
  rule: Rule,
  destination: Endpoint,
  protocol: Protocol,
  port: number,
): readonly PolicyPort[] | undefined {
  if (rule.ports.length === 0) return undefined;
  return rule.ports.filter((each) =>
    each.protocol === protocol &&
    portNumbers(each, destination).some(({ from, to }) => from <= port && port <= to)
  );
}

/** A rule that does not allow a connection, and why. */
export interface Miss {
  /** The policy. */
  readonly policy: Policy;
  /** The rule. */
  readonly rule: Rule;
  /** The mismatches, each with the path of the field. */
  readonly why: readonly string[];
}

/**
 * An end of a connection for people: `namespace/Kind/name`, or an address.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseAddress } from "./address.ts";
 * import { formatEndpoint } from "./evaluate.ts";
 *
 * assertEquals(formatEndpoint({ type: "outside", address: parseAddress("192.0.2.1")! }), "192.0.2.1");
 * ```
 */
export function formatEndpoint(end: Endpoint): string {
  return end.type === "pod" ? podId(end) : formatAddress(end.address);
}

/**
 * A policy for people: `NetworkPolicy namespace/name`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { policyId } from "./evaluate.ts";
 * import { readPolicy } from "./read_policy.ts";
 *
 * const policy = readPolicy(
 *   {
 *     apiVersion: "networking.k8s.io/v1",
 *     kind: "NetworkPolicy",
 *     metadata: { name: "to-robson", namespace: "jobs" },
 *     spec: {
 *       podSelector: {},
 *       egress: [{
 *         to: [{ namespaceSelector: { matchLabels: { name: "robson" } } }],
 *         ports: [{ protocol: "UDP", port: 8000, endPort: 8010 }],
 *       }],
 *     },
 *   },
 *   undefined,
 *   () => {},
 * );
 * assertEquals(policyId(policy), "NetworkPolicy jobs/to-robson");
 * ```
 */
export function policyId({ namespace, name }: Policy): string {
  return `NetworkPolicy ${namespace}/${name}`;
}

/**
 * Explains in one sentence why one end allows or denies a connection.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readCluster } from "./read_cluster.ts";
 * import { decide, explainDecision } from "./evaluate.ts";
 *
 * const pod = (name: string) => ({
 *   apiVersion: "v1",
 *   kind: "Pod",
 *   metadata: { name, labels: { app: name } },
 *   spec: { containers: [] },
 * });
 * const policy = {
 *   apiVersion: "networking.k8s.io/v1",
 *   kind: "NetworkPolicy",
 *   metadata: { name: "to-db" },
 *   spec: {
 *     podSelector: { matchLabels: { app: "job" } },
 *     policyTypes: ["Egress"],
 *     egress: [{ to: [{ podSelector: { matchLabels: { app: "db" } } }], ports: [{ port: 5432 }] }],
 *   },
 * };
 * const { cluster } = readCluster([pod("job"), pod("db"), policy].map((value) => ({ value })));
 * const [job, db] = cluster.pods;
 * const flow = { from: job!, to: db!, protocol: "TCP", port: 22 } as const;
 * assertEquals(
 *   explainDecision(flow, decide(cluster, flow, "ingress")),
 *   "no policy isolates default/Pod/db for ingress",
 * );
 * ```
 */
export function explainDecision(flow: Flow, decision: Decision): string {
  const { direction, reason, policies, rules } = decision;
  const self = formatEndpoint(ends(flow, direction)[0]);
  switch (reason) {
    case "outside":
      return `${self} is outside the cluster, where no policy applies`;
    case "itself":
      return "a pod can always reach itself";
    case "host-network":
      return `${self} uses its node's network, where no policy applies`;
    case "no-policy":
      return `no policy isolates ${self} for ${direction}`;
    case "rule":
      return `${isolatedBy(self, direction, policies)}, and ${count(rules.length, "rule")} ` +
        `allow${rules.length === 1 ? "s" : ""} this connection`;
    case "no-rule":
      return `${isolatedBy(self, direction, policies)}, and no rule allows this connection`;
  }
}

/**
 * Describes a peer: `pods with app=db in namespaces with name=robson`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { formatPeer } from "./evaluate.ts";
 * import { readPolicy } from "./read_policy.ts";
 *
 * const policy = readPolicy(
 *   {
 *     apiVersion: "networking.k8s.io/v1",
 *     kind: "NetworkPolicy",
 *     metadata: { name: "to-robson", namespace: "jobs" },
 *     spec: {
 *       podSelector: {},
 *       egress: [{
 *         to: [{ namespaceSelector: { matchLabels: { name: "robson" } } }],
 *         ports: [{ protocol: "UDP", port: 8000, endPort: 8010 }],
 *       }],
 *     },
 *   },
 *   undefined,
 *   () => {},
 * );
 * const [peer] = policy.rules.egress[0]!.peers;
 * assertEquals(formatPeer(peer!), "all pods in namespaces with name=robson");
 * ```
 */
export function formatPeer(peer: Peer): string {
  if (peer.type === "block") {
    const except = peer.except.length === 0
      ? ""
      : ` with ${count(peer.except.length, "exception")}`;
    return `addresses in ${peer.cidr}${except}`;
  }
  const pods = peer.pods === undefined || peer.pods.requirements.length === 0
    ? "all pods"
    : `pods with ${formatSelector(peer.pods)}`;
  if (peer.namespaces === undefined) return `${pods} in the policy's namespace`;
  return peer.namespaces.requirements.length === 0
    ? `${pods} in all namespaces`
    : `${pods} in namespaces with ${formatSelector(peer.namespaces)}`;
}

/**
 * Describes a port of a policy: `TCP 443`, `UDP 8000-8010`, `TCP https`, `TCP, every port`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { formatPolicyPort } from "./evaluate.ts";
 * import { readPolicy } from "./read_policy.ts";
 *
 * const policy = readPolicy(
 *   {
 *     apiVersion: "networking.k8s.io/v1",
 *     kind: "NetworkPolicy",
 *     metadata: { name: "to-robson", namespace: "jobs" },
 *     spec: {
 *       podSelector: {},
 *       egress: [{
 *         to: [{ namespaceSelector: { matchLabels: { name: "robson" } } }],
 *         ports: [{ protocol: "UDP", port: 8000, endPort: 8010 }],
 *       }],
 *     },
 *   },
 *   undefined,
 *   () => {},
 * );
 * const [port] = policy.rules.egress[0]!.ports;
 * assertEquals(formatPolicyPort(port!), "UDP 8000-8010");
 * ```
 */
export function formatPolicyPort({ protocol, port, endPort }: PolicyPort): string {
  if (port === undefined) return `${protocol}, every port`;
  return `${protocol} ${port}${endPort === undefined ? "" : `-${endPort}`}`;
}

/**
 * The rules of the policies that isolate one end of a denied connection, and why each does not match.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readCluster } from "./read_cluster.ts";
 * import { decide, missesOf } from "./evaluate.ts";
 *
 * const pod = (name: string) => ({
 *   apiVersion: "v1",
 *   kind: "Pod",
 *   metadata: { name, labels: { app: name } },
 *   spec: { containers: [] },
 * });
 * const policy = {
 *   apiVersion: "networking.k8s.io/v1",
 *   kind: "NetworkPolicy",
 *   metadata: { name: "to-db" },
 *   spec: {
 *     podSelector: { matchLabels: { app: "job" } },
 *     policyTypes: ["Egress"],
 *     egress: [{ to: [{ podSelector: { matchLabels: { app: "db" } } }], ports: [{ port: 5432 }] }],
 *   },
 * };
 * const { cluster } = readCluster([pod("job"), pod("db"), policy].map((value) => ({ value })));
 * const [job, db] = cluster.pods;
 * const flow = { from: job!, to: db!, protocol: "TCP", port: 22 } as const;
 * const [miss] = missesOf(cluster, flow, decide(cluster, flow, "egress"));
 * assertEquals([miss!.rule.path, miss!.why.length], ["spec.egress[0]", 1]);
 * ```
 */
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

/**
 * Explains why a peer does not select an end of a connection, with the deciding label or block.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { readCluster } from "./read_cluster.ts";
 * import { whyNot } from "./evaluate.ts";
 *
 * const pod = (name: string) => ({
 *   apiVersion: "v1",
 *   kind: "Pod",
 *   metadata: { name, labels: { app: name } },
 *   spec: { containers: [] },
 * });
 * const policy = {
 *   apiVersion: "networking.k8s.io/v1",
 *   kind: "NetworkPolicy",
 *   metadata: { name: "to-db" },
 *   spec: {
 *     podSelector: { matchLabels: { app: "job" } },
 *     policyTypes: ["Egress"],
 *     egress: [{ to: [{ podSelector: { matchLabels: { app: "db" } } }], ports: [{ port: 5432 }] }],
 *   },
 * };
 * const { cluster } = readCluster([pod("job"), pod("db"), policy].map((value) => ({ value })));
 * const [toDb] = cluster.policies;
 * const [peer] = toDb!.rules.egress[0]!.peers;
 * assert(whyNot(cluster, toDb!, peer!, cluster.pods[0]!).includes("app"));
 * ```
 */
export function whyNot(cluster: Cluster, policy: Policy, peer: Peer, end: Endpoint): string {
  const shown = formatEndpoint(end);
  if (peer.type === "block") {
    if (end.type === "outside") return `${shown} is not among the ${formatPeer(peer)}`;
    return end.addresses.length === 0
      ? `ipBlock selects addresses outside the cluster, and ${shown} is a pod`
      : `${end.addresses.map(formatAddress).join(" and ")} of ${shown} is not among ` +
        `the ${formatPeer(peer)}`;
  }
  if (end.type === "outside") {
    const selectors = peer.namespaces?.requirements.length === 0
      ? "selectors, including an empty namespaceSelector,"
      : "selectors";
    return `${selectors} select only pods, and ${shown} is outside the cluster`;
  }
  if (end.hostNetwork) return `${shown} uses its node's network, where no selector matches it`;
  if (peer.namespaces === undefined) {
    if (end.namespace !== policy.namespace) {
      return `without a namespaceSelector the peer selects only pods in namespace ${policy.namespace}`;
    }
  } else {
    const { labels } = namespaceOf(cluster, end.namespace);
    if (!selects(peer.namespaces, labels)) {
      const missing = unmet(peer.namespaces, labels).map(formatRequirement).join(" and ");
      return `namespace ${end.namespace} does not match ${missing}`;
    }
  }
  const missing = peer.pods === undefined ? [] : unmet(peer.pods, end.labels);
  return `${shown} does not match ${missing.map(formatRequirement).join(" and ")}`;
}

function missingPeer(cluster: Cluster, policy: Policy, rule: Rule, other: Endpoint): string[] {
  if (rule.peers.length === 0) return [];
  if (rule.peers.some((peer) => selectsEndpoint(cluster, policy, peer, other))) return [];
  return rule.peers.map((peer) => `${peer.path}: ${whyNot(cluster, policy, peer, other)}`);
}

function missingPort(rule: Rule, { to, protocol, port }: Flow): string[] {
  if (matchingPorts(rule, to, protocol, port)?.length !== 0) return [];
  const listed = rule.ports.map((each) => {
    const named = typeof each.port === "string";
    const source = to.type === "outside"
      ? ", a name that only pods can declare"
      : `, as ${podId(to)} declares the name`;
    return `${formatPolicyPort(each)}${named ? source : ""}`;
  });
  return [`${rule.path}.ports: allows only ${listed.join("; ")}, not ${protocol} ${port}`];
}

function isolatedBy(self: string, direction: Direction, policies: readonly Policy[]): string {
  return `${count(policies.length, "policy", "policies")} isolate${
    policies.length === 1 ? "s" : ""
  } ${self} for ${direction}`;
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

/**
 * Returns whether the `namespaceSelector` of a peer selects no namespace of the cluster.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readCluster } from "./read_cluster.ts";
 * import { selectsNoNamespace } from "./evaluate.ts";
 * import type { PodPeer } from "./model.ts";
 * import { readPolicy } from "./read_policy.ts";
 *
 * const policy = readPolicy(
 *   {
 *     apiVersion: "networking.k8s.io/v1",
 *     kind: "NetworkPolicy",
 *     metadata: { name: "to-robson", namespace: "jobs" },
 *     spec: {
 *       podSelector: {},
 *       egress: [{
 *         to: [{ namespaceSelector: { matchLabels: { name: "robson" } } }],
 *         ports: [{ protocol: "UDP", port: 8000, endPort: 8010 }],
 *       }],
 *     },
 *   },
 *   undefined,
 *   () => {},
 * );
 * const [peer] = policy.rules.egress[0]!.peers;
 * const namespace = (labels: Record<string, string>) =>
 *   readCluster([{ value: { apiVersion: "v1", kind: "Namespace", metadata: { name: "robson", labels } } }])
 *     .cluster;
 * assertEquals(selectsNoNamespace(namespace({}), peer as PodPeer), true);
 * assertEquals(selectsNoNamespace(namespace({ name: "robson" }), peer as PodPeer), false);
 * ```
 */
export function selectsNoNamespace(
  { namespaces: known }: Cluster,
  { namespaces }: PodPeer,
): boolean {
  if (namespaces === undefined) return false;
  return ![...known.values()].some(({ labels }) => selects(namespaces, labels));
}
