import { ends, evaluate } from "../../../../checks/network_policy/evaluate.ts";
import {
  isolating,
  portNumbers,
  selectsEndpoint,
} from "../../../../checks/network_policy/matching.ts";
import type {
  Cluster,
  Direction,
  Endpoint,
  Flow,
  Policy,
} from "../../../../checks/network_policy/model.ts";
import { type Disagreement, flowOf } from "./play.ts";

// The differences of kube-router that docs/real-node.md describes.

/**
 * Returns true if kube-router opens a connection that the checks deny.
 *
 * kube-router writes the rules of a policy for both directions into one chain. A pod that the policy
 * isolates in both directions passes the chain for both. So if the policy selects both pods, a rule
 * for one direction also admits the connection in the other direction
 * (https://github.com/cloudnativelabs/kube-router/blob/v2.1.0/pkg/controllers/netpol/pod.go).
 *
 * Each end that denies the connection must have such a policy. A connection that the checks allow is
 * never a known difference.
 */
export function isKnown(cluster: Cluster, { flow, allowed, outcome }: Disagreement): boolean {
  if (allowed || outcome !== "open") return false;
  const connection = flowOf(cluster, flow);
  const { egress, ingress } = evaluate(cluster, connection);
  const admitting = [
    ...[...egress.rules, ...ingress.rules].map(({ policy }) => policy),
    ...egress.policies.filter((policy) => opensName(cluster, policy, connection)),
    ...[egress, ingress].flatMap(({ direction, policies }) =>
      policies.filter((policy) => opensEveryPort(cluster, policy, direction, connection))
    ),
  ];
  return [egress, ingress].every((end) =>
    end.allowed || end.policies.some((policy) => admitting.includes(policy))
  );
}

/**
 * Returns true if kube-router opens a port for a name that the destination does not declare. In an
 * egress rule without `to`, it looks up a named port in the pods of the policy's own namespace
 * (https://github.com/cloudnativelabs/kube-router/pull/1037).
 */
function opensName(cluster: Cluster, policy: Policy, { protocol, port }: Flow): boolean {
  const names = cluster.pods
    .filter(({ namespace }) => namespace === policy.namespace)
    .flatMap(({ ports }) => ports)
    .filter((declared) => declared.protocol === protocol && declared.port === port)
    .map(({ name }) => name);
  return policy.rules.egress.some(({ peers, ports }) =>
    peers.length === 0 &&
    ports.some((each) =>
      each.protocol === protocol && typeof each.port === "string" && names.includes(each.port)
    )
  );
}

/**
 * Returns true if kube-router opens every port between the pods of a rule. If all ports of a rule with
 * selectors are names that no possible destination declares, it treats the rule as one without ports
 * (https://github.com/cloudnativelabs/kube-router/pull/679).
 */
function opensEveryPort(
  cluster: Cluster,
  policy: Policy,
  direction: Direction,
  connection: Flow,
): boolean {
  const [, other] = ends(connection, direction);
  return policy.rules[direction].some(({ peers, ports }) => {
    const isPeer = (end: Endpoint) =>
      peers.some((peer) => peer.type === "pods" && selectsEndpoint(cluster, policy, peer, end));
    const destinations = cluster.pods.filter((pod) =>
      direction === "egress" ? isPeer(pod) : isolating(cluster, pod, "ingress").includes(policy)
    );
    return isPeer(other) && ports.length > 0 &&
      ports.every((port) =>
        typeof port.port === "string" &&
        destinations.every((pod) => portNumbers(port, pod).length === 0)
      );
  });
}
