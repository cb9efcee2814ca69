import { JOBS_NAMESPACE } from "../../../pipeline/contract/cluster.ts";
import {
  decide,
  ends,
  formatPeer,
  formatPolicyPort,
  meaningPeers,
  meaningPorts,
  whyNot,
} from "../../network_policy/evaluate.ts";
import type { Direction, Flow, Peer, Policy, Rule } from "../../network_policy/model.ts";
import { readPolicy } from "../../network_policy/read_policy.ts";
import { formatSelector, selects } from "../../kubernetes/selectors.ts";
import { type Network, objectOf } from "./job_network.ts";
import { isTrap } from "./peer_selectors.ts";

/**
 * What keeps one end of a connection from allowing it, and would allow it if one field were another:
 *
 * - `trap`: a rule for the port that means every pod of the cluster, where an address is asked for
 * - `peer`: a rule for the port that means somebody else
 * - `port`: a rule for the other end that means another port
 * - `pods`: a rule for all of it, of a policy that does not select the pod
 * - `types`: a rule for all of it, in a direction that the policy does not have
 * - `missing`: no rule comes close
 */
export interface Blame {
  /** Which of these. */
  readonly kind: "trap" | "peer" | "port" | "pods" | "types" | "missing";
  /** Which end: egress is the source's, ingress is the destination's. */
  readonly direction: Direction;
  /** The namespace of this end. */
  readonly namespace: string;
  /** The policy; undefined where the rule is missing. */
  readonly policy?: Policy;
  /** The rule. */
  readonly rule?: Rule;
  /** The peer, where it is about one. */
  readonly peer?: Peer;
  /** The field that decides. */
  readonly path: string;
  /** What is wrong with it. */
  readonly problem: string;
}

/** Which rules could have been meant for a connection at all. */
export type Meant = (rule: Rule) => boolean;

/** Finds what keeps a connection from being allowed, first at its source; undefined if nothing does. */
export function blameFor(
  network: Network,
  flow: Flow,
  meant: Meant = () => true,
): Blame | undefined {
  for (const direction of ["egress", "ingress"] as const) {
    const decision = decide(network.cluster, flow, direction);
    if (!decision.allowed) return find(network, flow, direction, decision.policies, meant);
  }
  return undefined;
}

function find(
  network: Network,
  flow: Flow,
  direction: Direction,
  policies: readonly Policy[],
  meant: Meant,
): Blame {
  const found = [
    ...policies.flatMap((policy) => nearRules(network, flow, direction, policy, meant)),
    ...nearPolicies(network, flow, direction, policies),
  ];
  for (const kind of ["trap", "peer", "port", "pods", "types"] as const) {
    const blame = found.find((each) => each.kind === kind);
    if (blame !== undefined) return blame;
  }
  const count = policies.length;
  const problem =
    `${count === 1 ? "the policy that isolates" : `none of the ${count} policies that isolate`} ` +
    `it has ${count === 1 ? "no" : "a"} rule for ${direction} on ${flow.protocol} ${flow.port}`;
  const namespace = policies[0]?.namespace ?? JOBS_NAMESPACE;
  return { kind: "missing", direction, namespace, path: "", problem };
}

/** Rules that fail by their peers alone, or by their ports alone. */
function nearRules(
  network: Network,
  flow: Flow,
  direction: Direction,
  policy: Policy,
  meant: Meant,
): Blame[] {
  const [, other] = ends(flow, direction);
  return policy.rules[direction].filter(meant).flatMap((rule): Blame[] => {
    const fitting = meaningPeers(network.cluster, policy, rule, other)?.length !== 0;
    const onPort = meaningPorts(rule, flow.to, flow.protocol, flow.port)?.length !== 0;
    const common = { direction, namespace: policy.namespace, policy, rule };
    if (!fitting && onPort) {
      const trap = other.type === "outside" ? rule.peers.find(isTrap) : undefined;
      if (trap !== undefined) {
        const problem = "namespaceSelector: {} means every pod of the cluster and no address " +
          "outside of it";
        return [{ ...common, kind: "trap", peer: trap, path: selectorPath(trap), problem }];
      }
      const peer = rule.peers[0]!;
      const problem = rule.peers.map((each) =>
        `it means ${formatPeer(each)}, and ${whyNot(network.cluster, policy, each, other)}`
      ).join("; ");
      return [{ ...common, kind: "peer", peer, path: peer.path, problem }];
    }
    if (fitting && !onPort && rule.peers.length > 0) {
      const listed = rule.ports.map(formatPolicyPort).join(", ");
      const problem = `it allows ${listed} only, not ${flow.protocol} ${flow.port}`;
      return [{ ...common, kind: "port", path: `${rule.path}.ports`, problem }];
    }
    return [];
  });
}

/** Policies that have the rule, and do not apply to the pod or in this direction. */
function nearPolicies(
  network: Network,
  flow: Flow,
  direction: Direction,
  isolating: readonly Policy[],
): Blame[] {
  const [self, other] = ends(flow, direction);
  if (self.type === "outside") return [];
  const candidates = network.cluster.policies.filter((policy) =>
    policy.namespace === self.namespace && !isolating.includes(policy)
  );
  return candidates.flatMap((declared): Blame[] => {
    const policy = inBothDirections(network, declared);
    const rule = policy.rules[direction].find((each) =>
      meaningPeers(network.cluster, policy, each, other)?.length !== 0 &&
      meaningPorts(each, flow.to, flow.protocol, flow.port)?.length !== 0
    );
    if (rule === undefined) return [];
    const common = { direction, namespace: self.namespace, policy: declared, rule };
    if (!selects(declared.pods, self.labels)) {
      const problem = `it is for pods with ${formatSelector(declared.pods)} only`;
      return [{ ...common, kind: "pods", path: "spec.podSelector", problem }];
    }
    const type = direction === "egress" ? "Egress" : "Ingress";
    const problem = `it leaves out ${type}, so the policy's rules for it say nothing`;
    return [{ ...common, kind: "types", path: "spec.policyTypes", problem }];
  });
}

/** A direction that a policy does not have has no rules, whatever is written there: here it has. */
function inBothDirections(network: Network, policy: Policy): Policy {
  const value = objectOf(network, "NetworkPolicy", policy.name, policy.namespace)?.value;
  const spec = typeof value?.spec === "object" ? value.spec : {};
  const both = { ...value, spec: { ...spec, policyTypes: ["Ingress", "Egress"] } };
  return value === undefined ? policy : readPolicy(both, policy.where, () => {});
}

function selectorPath(peer: Peer): string {
  return peer.type === "pods" ? peer.namespaces?.path ?? peer.path : peer.path;
}
