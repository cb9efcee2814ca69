import { evaluate } from "../../../../checks/network_policy/evaluate.ts";
import type { Cluster, Flow, Policy } from "../../../../checks/network_policy/model.ts";
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
