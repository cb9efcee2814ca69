import { formatRequirement, unmetRequirements } from "../../kubernetes/selectors.ts";
import {
  type AddressRange,
  formatRange,
  parseCidr,
  privatePart,
  rangesOf,
} from "../../network_policy/address.ts";
import { ends } from "../../network_policy/evaluate.ts";
import { formatEndpoint, policyId } from "../../network_policy/explain.ts";
import { isolating, matchingPorts } from "../../network_policy/matching.ts";
import {
  type BlockPeer,
  type Direction,
  type Endpoint,
  type Flow,
  namespaceOf,
  type PodPeer,
} from "../../network_policy/model.ts";
import type { Network } from "./job_network.ts";
import { isUnknownLabel } from "./namespace_match.ts";

/**
 * Explains why the denial of a connection is not certain: a rule for the port may select the other
 * end by a label or an address that the manifests do not contain. Undefined if the denial is
 * certain.
 */
export function whyUncertain(
  network: Network,
  flow: Flow,
  direction: Direction,
): string | undefined {
  const [self, other] = ends(flow, direction);
  if (self.type !== "pod") return undefined;
  for (const policy of isolating(network.cluster, self, direction)) {
    for (const rule of policy.rules[direction]) {
      if (matchingPorts(rule, flow.to, flow.protocol, flow.port)?.length === 0) continue;
      for (const peer of rule.peers) {
        const doubt = peer.type === "pods"
          ? doubtAboutLabels(network, peer, other)
          : doubtAboutAddress(network, peer, other);
        if (doubt !== undefined) return `${policyId(policy)} ${peer.path}: ${doubt}`;
      }
    }
  }
  return undefined;
}

function doubtAboutLabels(network: Network, peer: PodPeer, end: Endpoint): string | undefined {
  if (end.type !== "pod" || end.hostNetwork || peer.namespaces === undefined) return undefined;
  const unmetByPod = peer.pods === undefined ? [] : unmetRequirements(peer.pods, end.labels);
  if (unmetByPod.some(({ key }) => !end.hasMoreLabels || end.labels.has(key))) return undefined;
  const { labels } = namespaceOf(network.cluster, end.namespace);
  const unmet = unmetRequirements(peer.namespaces, labels);
  if (!unmet.every(({ key }) => isUnknownLabel(network, end.namespace, key))) return undefined;
  if (unmetByPod.length > 0) {
    return `whether the pods of ${end.namespace} have the label ${
      unmetByPod.map(formatRequirement).join(" and ")
    } is not known; if they have it, add it to the project file`;
  }
  if (unmet.length === 0) return undefined;
  return `whether namespace ${end.namespace} matches ${
    unmet.map(formatRequirement).join(" and ")
  } is not known, because the manifests do not declare the namespace`;
}

/** The link-local addresses, which no pod has. A DNS cache on the node can have one. */
const LINK_LOCAL: readonly AddressRange[] = [parseCidr("169.254.0.0/16")!, parseCidr("fe80::/10")!];

function doubtAboutAddress(network: Network, peer: BlockPeer, end: Endpoint): string | undefined {
  if (end.type !== "pod" || end.addresses.length > 0) return undefined;
  const inside = privatePart(rangesOf(peer));
  const possible = inside.filter(({ family, first, last }) =>
    !LINK_LOCAL.some((each) => each.family === family && each.first <= first && last <= each.last)
  );
  // The address of a new pod is not known in advance, so a single address cannot be meant for pods.
  const isBlock = possible.some(({ first, last }) => first < last);
  if (possible.length === 0 || network.isLive && !isBlock) return undefined;
  return `whether an address of ${formatEndpoint(end)} is in ${formatRange(possible[0]!)} is not ` +
    "known";
}
