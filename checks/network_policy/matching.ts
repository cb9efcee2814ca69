import { selects } from "../kubernetes/selectors.ts";
import { holds } from "./address.ts";
import {
  type Cluster,
  type Direction,
  type Endpoint,
  namespaceOf,
  type Peer,
  type Pod,
  type Policy,
  type PolicyPort,
  type Protocol,
  type Rule,
} from "./model.ts";

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
 * import { policyId } from "./explain.ts";
 * import { isolating } from "./matching.ts";
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
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseAddress } from "./address.ts";
 * import { readCluster } from "./read_cluster.ts";
 * import { selectsEndpoint } from "./matching.ts";
 *
 * const policy = {
 *   apiVersion: "networking.k8s.io/v1",
 *   kind: "NetworkPolicy",
 *   metadata: { name: "to-private" },
 *   spec: { podSelector: {}, egress: [{ to: [{ ipBlock: { cidr: "10.0.0.0/8" } }] }] },
 * };
 * const { cluster } = readCluster([{ value: policy }]);
 * const [toPrivate] = cluster.policies;
 * const [peer] = toPrivate!.rules.egress[0]!.peers;
 * const selected = ["10.1.2.3", "192.0.2.1"].map((text) =>
 *   selectsEndpoint(cluster, toPrivate!, peer!, { type: "outside", address: parseAddress(text)! })
 * );
 * assertEquals(selected, [true, false]);
 * ```
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
 * import { formatPeer } from "./explain.ts";
 * import { matchingPeers } from "./matching.ts";
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
 * import { formatPolicyPort } from "./explain.ts";
 * import { matchingPorts } from "./matching.ts";
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
