import {
  formatRequirement,
  formatSelector,
  selects,
  unmetRequirements,
} from "../kubernetes/selectors.ts";
import { formatAddress, formatRange, holds } from "./address.ts";
import { type Decision, ends } from "./evaluate.ts";
import { matchingPorts, selectsEndpoint } from "./matching.ts";
import {
  type BlockPeer,
  type Cluster,
  type Direction,
  type Endpoint,
  type Flow,
  NAME_LABEL,
  namespaceOf,
  type Outside,
  type Peer,
  podId,
  type Policy,
  type PolicyPort,
  type Rule,
} from "./model.ts";

/**
 * Explains in one sentence why one end allows or denies a connection.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readCluster } from "./read_cluster.ts";
 * import { decide } from "./evaluate.ts";
 * import { explainDecision } from "./explain.ts";
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
  const [end] = ends(flow, direction);
  const self = formatEndpoint(end);
  switch (reason) {
    case "outside":
      return `${self} ${placeOf(end)}, where no policy applies`;
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

/** A rule that does not allow a connection, and why. */
export interface Miss {
  /** The policy. */
  readonly policy: Policy;
  /** The rule. */
  readonly rule: Rule;
  /** The mismatches, each with the path of the field. */
  readonly why: readonly string[];
  /** The part of the rule that differs, if the other one matches. */
  readonly only?: "peer" | "port";
}

/**
 * The rules of the policies that isolate one end of a denied connection, and why each does not match.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readCluster } from "./read_cluster.ts";
 * import { decide } from "./evaluate.ts";
 * import { missesOf } from "./explain.ts";
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
    policy.rules[direction].map((rule): Miss => {
      const peers = missingPeer(cluster, policy, rule, other);
      const ports = missingPort(rule, flow);
      const only = ports.length === 0 ? "peer" : peers.length === 0 ? "port" : undefined;
      return { policy, rule, why: [...peers, ...ports], ...(only !== undefined && { only }) };
    })
  );
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

/** Explains why a block does not contain an address. */
function whyOutside({ range }: BlockPeer, { address }: Outside): string {
  return range.family === address.family ? "" : `: the block has no IPv${address.family} address`;
}

/**
 * Explains that an end of a connection is in an exception of a block; undefined if it is not, and
 * if the name of a host stands for the address.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseAddress, parseCidr } from "./address.ts";
 * import { whyExcepted } from "./explain.ts";
 *
 * const peer = {
 *   type: "block",
 *   path: "spec.egress[0].to[0]",
 *   cidr: "0.0.0.0/0",
 *   range: parseCidr("0.0.0.0/0")!,
 *   except: [parseCidr("10.0.0.0/8")!],
 * } as const;
 * assertEquals(
 *   whyExcepted(peer, { type: "outside", address: parseAddress("10.9.0.7")! }),
 *   "the rule allows 0.0.0.0/0 except 10.0.0.0/8, and 10.9.0.7 is in that exception",
 * );
 * ```
 */
export function whyExcepted(peer: Peer, end: Endpoint): string | undefined {
  if (peer.type !== "block" || end.type !== "outside" || end.host !== undefined) return undefined;
  const excepted = peer.except.find((each) => holds(each, end.address));
  if (excepted === undefined) return undefined;
  const one = peer.except.length === 1 ? "that exception" : formatRange(excepted);
  return `the rule allows ${peer.cidr} except ${peer.except.map(formatRange).join(", ")}, and ` +
    `${formatEndpoint(end)} is in ${one}`;
}

/**
 * Explains why a peer does not select an end of a connection, with the deciding label or block.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { readCluster } from "./read_cluster.ts";
 * import { whyNot } from "./explain.ts";
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
    if (end.type === "outside") {
      return whyExcepted(peer, end) ??
        `${shown} is not among the ${formatPeer(peer)}${whyOutside(peer, end)}`;
    }
    return end.addresses.length === 0
      ? `ipBlock selects addresses outside the cluster, and ${shown} is inside it`
      : `${end.addresses.map(formatAddress).join(" and ")} of ${shown} is not among ` +
        `the ${formatPeer(peer)}`;
  }
  if (end.type === "outside") {
    const selectors = peer.namespaces?.requirements.length === 0
      ? "selectors, including an empty namespaceSelector,"
      : "selectors";
    return `${selectors} select only pods, and ${shown} ${placeOf(end)}`;
  }
  if (end.hostNetwork) return `${shown} uses its node's network, where no selector matches it`;
  if (peer.namespaces === undefined) {
    if (end.namespace !== policy.namespace) {
      return `without a namespaceSelector the peer selects only pods in namespace ${policy.namespace}`;
    }
  } else {
    const { labels } = namespaceOf(cluster, end.namespace);
    if (!selects(peer.namespaces, labels)) {
      const unmet = unmetRequirements(peer.namespaces, labels);
      const missing = unmet.map(formatRequirement).join(" and ");
      const declared = cluster.namespaces.get(end.namespace);
      const isUnknown = (declared === undefined || declared.isAssumed === true) &&
        unmet.every(({ key }) => key !== NAME_LABEL);
      return isUnknown
        ? `whether namespace ${end.namespace} matches ${missing} is not known, because the ` +
          "manifests do not declare the namespace; it counts as one without the label"
        : `namespace ${end.namespace} does not match ${missing}`;
    }
  }
  const missing = peer.pods === undefined ? [] : unmetRequirements(peer.pods, end.labels);
  return `${shown} does not match ${missing.map(formatRequirement).join(" and ")}`;
}

/** Says where an address is. A private address may be that of a pod or a Service. */
function placeOf(end: Endpoint): string {
  return end.type === "outside" && end.isUncertain
    ? "is assumed to be outside the cluster"
    : "is outside the cluster";
}

/**
 * An end of a connection for people: `namespace/Kind/name`, a host name, or an address.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseAddress } from "./address.ts";
 * import { formatEndpoint } from "./explain.ts";
 *
 * assertEquals(formatEndpoint({ type: "outside", address: parseAddress("192.0.2.1")! }), "192.0.2.1");
 * ```
 */
export function formatEndpoint(end: Endpoint): string {
  return end.type === "pod" ? podId(end) : end.host ?? formatAddress(end.address);
}

/**
 * A policy for people: `NetworkPolicy namespace/name`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { policyId } from "./explain.ts";
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
 * Describes a peer: `pods with app=db in namespaces with name=robson`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { formatPeer } from "./explain.ts";
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
 * import { formatPolicyPort } from "./explain.ts";
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

function isolatedBy(self: string, direction: Direction, policies: readonly Policy[]): string {
  return `${count(policies.length, "policy", "policies")} isolate${
    policies.length === 1 ? "s" : ""
  } ${self} for ${direction}`;
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
