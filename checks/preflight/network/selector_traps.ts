import type { Finding } from "../../finding.ts";
import { explained } from "../change.ts";
import { policyId } from "../../network_policy/explain.ts";
import type { Peer, Policy, Rule } from "../../network_policy/model.ts";
import { type Network, objectOf, place } from "./job_network.ts";
import { OUTSIDE_PEER, patchPolicy } from "./policy_fix.ts";
import { isNamedForOutside } from "./policy_purpose.ts";

/**
 * Warns about policies of the manifests' other namespaces that are named for addresses outside the
 * cluster, and whose rules select only pods: `namespaceSelector: {}` selects every pod, and no
 * address outside the cluster. The jobs do not depend on these policies.
 */
export function otherSelectorTraps(network: Network): Finding[] {
  const others = network.cluster.policies.filter(({ namespace }) =>
    namespace !== network.project.jobs.namespace
  );
  return others.flatMap((policy) => trapOf(network, policy) ?? []);
}

function trapOf(network: Network, policy: Policy): Finding | undefined {
  const { name, namespace, rules: { egress } } = policy;
  const object = objectOf(network, "NetworkPolicy", name, namespace);
  if (object?.file === undefined || !isNamedForOutside(object, name)) return undefined;
  if (egress.some(isForAddresses)) return undefined;
  const traps = egress.filter(hasPublicPort).flatMap(({ peers }) => peers.filter(isEveryPod));
  if (traps.length === 0) return undefined;
  const field = `${traps[0]!.path}.namespaceSelector`;
  const steps = traps.map(({ path }) => ({ op: "replace", path, value: OUTSIDE_PEER } as const));
  return {
    severity: "warn",
    object: policyId(policy),
    field,
    ...place(object, field),
    problem: "namespaceSelector: {} selects every pod in the cluster and no address outside it, " +
      "but the policy is named for a destination outside",
    why:
      "pods of this namespace cannot reach the destination through this policy; the jobs run in " +
      `namespace ${network.project.jobs.namespace}`,
    ...explained("If the destination is outside the cluster: ", patchPolicy(policy, ...steps)),
  };
}

function isForAddresses({ peers }: Rule): boolean {
  return peers.length === 0 || peers.some(({ type }) => type === "block");
}

/** Returns whether a rule allows TCP 443, the port of stores and services outside the cluster. */
function hasPublicPort({ ports }: Rule): boolean {
  return ports.some(({ protocol, port }) => protocol === "TCP" && port === 443);
}

function isEveryPod(peer: Peer): boolean {
  return peer.type === "pods" && peer.namespaces?.requirements.length === 0 &&
    (peer.pods === undefined || peer.pods.requirements.length === 0);
}
