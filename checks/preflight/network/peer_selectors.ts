import type { Labels } from "../../kubernetes/metadata.ts";
import type { Peer, PodPeer, Policy } from "../../network_policy/model.ts";
import { type Selector, selects } from "../../kubernetes/selectors.ts";
import type { Network } from "./job_network.ts";

/**
 * Whether a peer means pods of practically every namespace: it has an empty `namespaceSelector`, or
 * one that only says what a namespace is not.
 */
export function isEveryNamespace(peer: Peer): peer is PodPeer & { namespaces: Selector } {
  return peer.type === "pods" && peer.namespaces !== undefined &&
    peer.namespaces.requirements.every(({ operator }) =>
      operator === "NotIn" || operator === "DoesNotExist"
    );
}

/** Whether a peer means every pod, and not only some, of the namespaces that it means. */
export function isEveryPod({ pods }: PodPeer): boolean {
  return pods === undefined || pods.requirements.length === 0;
}

/** The `namespaceSelector: {}` trap: every pod of the cluster, and no address outside of it. */
export function isTrap(peer: Peer): boolean {
  return peer.type === "pods" && peer.namespaces?.requirements.length === 0 && isEveryPod(peer);
}

/** Whether a selector of namespaces selects none that there is. */
export function selectsNobody({ cluster }: Network, { namespaces }: PodPeer): boolean {
  if (namespaces === undefined) return false;
  return ![...cluster.namespaces.values()].some(({ labels }) => selects(namespaces, labels));
}

/** Everybody that the rules of a policy name. */
export function peersOf({ rules }: Policy): Peer[] {
  return [...rules.ingress, ...rules.egress].flatMap(({ peers }) => peers);
}

/** Labels that fulfil a selector, as far as labels can: for a pod that nobody declared. */
export function labelsFor({ requirements }: Selector): Labels {
  const labels = new Map<string, string>();
  for (const { key, operator, values } of requirements) {
    if (operator === "In") labels.set(key, values[0]!);
    if (operator === "Exists" && !labels.has(key)) labels.set(key, "");
  }
  return labels;
}
