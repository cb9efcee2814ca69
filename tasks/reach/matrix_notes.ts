import { selects } from "../../checks/kubernetes/selectors.ts";
import { formatPeer, formatPolicyPort, policyId } from "../../checks/network_policy/explain.ts";
import { selectsEndpoint } from "../../checks/network_policy/matching.ts";
import type { Peer, Pod, Policy, Rule } from "../../checks/network_policy/model.ts";
import type { Reading } from "./reading.ts";

/** The maximum number of rules to list in a note. */
const MAX_LISTED = 10;

/**
 * The limits of the matrix, as sentences for people. The matrix has only declared workloads, so a
 * note names the rules that allow connections with pods that no manifest declares.
 */
export function matrixNotes(reading: Reading): string[] {
  const found = undeclaredPeers(reading);
  if (found.length === 0) return [...reading.notes];
  const rules = [...new Set(found.map(({ rule }) => rule))];
  const listed = rules.slice(0, MAX_LISTED).map((rule) => {
    const own = found.filter((each) => each.rule === rule);
    const ports = rule.ports.length === 0
      ? "every port"
      : rule.ports.map(formatPolicyPort).join(", ");
    const peers = own.map(({ peer }) => formatPeer(peer)).join(" or ");
    return `${policyId(own[0]!.policy)} ${rule.path} (${peers}; ${ports})`;
  });
  const more = rules.length - listed.length;
  const says = rules.length === 1 ? "1 rule allows peers" : `${rules.length} rules allow peers`;
  const list = [...listed, ...(more > 0 ? [`${more} more`] : [])].join("; ");
  return [...reading.notes, `${says} that no manifest declares: ${list}`];
}

/** The peers that select no declared pod, in rules that apply to a declared pod. */
function undeclaredPeers({ cluster }: Reading): { policy: Policy; rule: Rule; peer: Peer }[] {
  return cluster.policies.flatMap((policy) =>
    (["egress", "ingress"] as const).flatMap((direction) =>
      policy.rules[direction].flatMap((rule) =>
        rule.peers.filter((peer) =>
          peer.type === "pods" &&
          !cluster.pods.some((pod) => selectsEndpoint(cluster, policy, peer, pod)) &&
          cluster.pods.some((pod) => isIsolatedBy(policy, pod))
        ).map((peer) => ({ policy, rule, peer }))
      )
    )
  );
}

function isIsolatedBy({ namespace, pods }: Policy, pod: Pod): boolean {
  return pod.namespace === namespace && !pod.hostNetwork && selects(pods, pod.labels);
}
