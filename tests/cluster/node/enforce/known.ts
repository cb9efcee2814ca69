import { isolating } from "../../../../checks/network_policy/matching.ts";
import type { Cluster } from "../../../../checks/network_policy/model.ts";
import type { Disagreement } from "./play.ts";

// The differences of kube-router that docs/real-node.md describes.

/**
 * Returns true if kube-router opens a port for a name that the destination does not declare. In an
 * egress rule without `to`, it looks up a named port in the pods of the policy's own namespace
 * (https://github.com/cloudnativelabs/kube-router/pull/1037).
 */
export function isKnown(cluster: Cluster, { flow, allowed, outcome }: Disagreement): boolean {
  const source = typeof flow.from === "number" ? cluster.pods[flow.from] : undefined;
  if (allowed || outcome !== "open" || source === undefined) return false;
  const declared = cluster.pods
    .filter(({ namespace }) => namespace === source.namespace)
    .flatMap(({ ports }) => ports)
    .filter(({ protocol, port }) => protocol === flow.protocol && port === flow.port);
  return isolating(cluster, source, "egress").some(({ rules }) =>
    rules.egress.some(({ peers, ports }) =>
      peers.length === 0 &&
      ports.some(({ protocol, port }) =>
        protocol === flow.protocol && declared.some(({ name }) => name === port)
      )
    )
  );
}
