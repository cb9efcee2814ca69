import { entryOf, type Fields, fieldsIn } from "../kubernetes/fields.ts";
import { groupOf } from "../kubernetes/workloads.ts";

/** The kinds of policies of other APIs, by API group. */
export const FOREIGN_KINDS: Readonly<Record<string, readonly string[]>> = {
  "policy.networking.k8s.io": [
    "AdminNetworkPolicy",
    "BaselineAdminNetworkPolicy",
    "ClusterNetworkPolicy",
  ],
  "cilium.io": ["CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy"],
  "crd.projectcalico.org": ["NetworkPolicy", "GlobalNetworkPolicy"],
  "projectcalico.org": ["NetworkPolicy", "GlobalNetworkPolicy"],
  "crd.antrea.io": ["NetworkPolicy", "ClusterNetworkPolicy"],
  "k8s.ovn.org": ["EgressFirewall"],
  "network.openshift.io": ["EgressNetworkPolicy"],
  "networking.k8s.aws": ["ApplicationNetworkPolicy", "ClusterNetworkPolicy"],
  "networking.gke.io": ["FQDNNetworkPolicy"],
  "security.istio.io": ["AuthorizationPolicy"],
  "networking.istio.io": ["Sidecar"],
  "policy.linkerd.io": ["AuthorizationPolicy", "Server", "EgressNetwork"],
  "kuma.io": ["MeshTrafficPermission"],
  "consul.hashicorp.com": ["ServiceIntentions"],
};

/** Names of policies that a group of the table, or a group that is not in it, can have. */
const NAMES = new Set(
  Object.values(FOREIGN_KINDS).flat().filter((kind) => /Policy$|Firewall$/.test(kind)),
);

/**
 * Returns whether an object is a policy of another API, which also decides about connections, such as
 * a `CiliumNetworkPolicy`, or a `Sidecar` of Istio that allows only registered addresses.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { isForeignPolicy } from "./foreign_policies.ts";
 *
 * const foreign = { apiVersion: "cilium.io/v2", kind: "CiliumNetworkPolicy" };
 * assertEquals(isForeignPolicy(foreign), true);
 * assertEquals(isForeignPolicy({ apiVersion: "v1", kind: "Pod" }), false);
 * ```
 */
export function isForeignPolicy({ apiVersion, kind, spec }: Fields): boolean {
  const group = groupOf(apiVersion);
  const name = String(kind);
  if (group === "networking.istio.io" && name === "Sidecar") {
    return fieldsIn(fieldsIn(spec).outboundTrafficPolicy).mode === "REGISTRY_ONLY";
  }
  if (entryOf(FOREIGN_KINDS, group)?.includes(name)) return true;
  return group !== "networking.k8s.io" && NAMES.has(name);
}

/**
 * Returns whether an object is a policy of Calico that only shows what it would do.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { isStagedPolicy } from "./foreign_policies.ts";
 *
 * const staged = { apiVersion: "projectcalico.org/v3", kind: "StagedNetworkPolicy" };
 * assertEquals(isStagedPolicy(staged), true);
 * ```
 */
export function isStagedPolicy({ apiVersion, kind }: Fields): boolean {
  return /(^|\.)projectcalico\.org$/.test(groupOf(apiVersion)) &&
    /^Staged\w*Policy$/.test(String(kind));
}

/**
 * Returns whether a policy of another API may apply to pods of any namespace: its kind belongs to no
 * namespace, or it is a policy of a whole mesh.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { mayApplyEverywhere } from "./foreign_policies.ts";
 *
 * const policy = { apiVersion: "cilium.io/v2", metadata: { namespace: "shop" } };
 * assertEquals(mayApplyEverywhere({ ...policy, kind: "CiliumNetworkPolicy" }), false);
 * assertEquals(mayApplyEverywhere({ ...policy, kind: "CiliumClusterwideNetworkPolicy" }), true);
 * ```
 */
export function mayApplyEverywhere({ apiVersion, kind, metadata }: Fields): boolean {
  const group = groupOf(apiVersion);
  const { namespace } = fieldsIn(metadata);
  const isOfMesh = group === "kuma.io" || group === "consul.hashicorp.com" ||
    group.endsWith(".istio.io") && namespace === "istio-system";
  return isClusterWide(kind) || namespace === undefined || isOfMesh;
}

/** Returns whether policies of a kind belong to no namespace. */
export function isClusterWide(kind: unknown): boolean {
  return /^(Global|\w*Cluster|\w*Admin)\w*NetworkPolicy$/.test(String(kind));
}
