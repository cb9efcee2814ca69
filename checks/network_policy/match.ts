import { holds } from "./address.ts";
import {
  type Cluster,
  type Direction,
  type Endpoint,
  namespaceOf,
  type Pod,
  type Protocol,
} from "./model.ts";
import type { Peer, Policy, PolicyPort, Rule } from "./policy.ts";
import { selects } from "../kubernetes/selector.ts";

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
