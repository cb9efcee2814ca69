import type { Kind } from "../../../pipeline/cluster/cluster.ts";
import { JOBS_NAMESPACE, ROBSON_NAMESPACE } from "../../../pipeline/contract/cluster.ts";
import type { ManifestObject } from "../manifests.ts";

// What of a cluster is read, whatever the manifests have.

const core = (kind: string): Kind => ({ apiVersion: "v1", kind });
const rbac = (kind: string): Kind => ({ apiVersion: "rbac.authorization.k8s.io/v1", kind });
const batch = (kind: string): Kind => ({ apiVersion: "batch/v1", kind });
const SLICE: Kind = { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice" };

/** What is running, and where. */
export const POD: Kind = core("Pod");

/** What belongs to no namespace. */
export const GLOBAL: readonly Kind[] = [
  ...["Namespace", "Node"].map(core),
  ...["ClusterRole", "ClusterRoleBinding"].map(rbac),
];

/** The namespaces whose pods are known: of the jobs, and of those that they talk to. */
export const PEERS: readonly string[] = [JOBS_NAMESPACE, ROBSON_NAMESPACE, "kube-system"];

const OF_PEERS: readonly Kind[] = [
  core("Service"),
  { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy" },
];

/** What is read in each namespace, besides pods. */
export const IN_NAMESPACE: Readonly<Record<string, readonly Kind[]>> = {
  [JOBS_NAMESPACE]: [
    ...OF_PEERS,
    ...["ConfigMap", "Secret", "ServiceAccount", "ResourceQuota", "LimitRange"].map(core),
    ...["Job", "CronJob"].map(batch),
    ...["Role", "RoleBinding"].map(rbac),
  ],
  // A Service of Postgres may have no selector, and addresses instead.
  [ROBSON_NAMESPACE]: [...OF_PEERS, SLICE],
  "kube-system": OF_PEERS,
};

/** The API server as pods see it. What is behind its Service has the Service's name. */
export const API_SERVER = {
  ...{ namespace: "default", name: "kubernetes" },
  kinds: [core("Service"), SLICE],
} as const;

/** Policies of others, which decide too: that they are there is all that is known of them. */
export const FOREIGN: readonly Kind[] = [
  ...["AdminNetworkPolicy", "BaselineAdminNetworkPolicy"].map((kind) => (
    { apiVersion: "policy.networking.k8s.io/v1alpha1", kind }
  )),
  { apiVersion: "policy.networking.k8s.io/v1alpha2", kind: "ClusterNetworkPolicy" },
  ...["CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy"].map((kind) => (
    { apiVersion: "cilium.io/v2", kind }
  )),
  ...["NetworkPolicy", "GlobalNetworkPolicy"].map((kind) => (
    { apiVersion: "crd.projectcalico.org/v1", kind }
  )),
];

/** Whether an object is in one of the lists that are read anyway. */
export function isListed({ apiVersion, kind, namespace }: ManifestObject): boolean {
  const kinds = namespace === undefined
    ? GLOBAL
    : [...IN_NAMESPACE[namespace] ?? [], ...(PEERS.includes(namespace) ? [POD] : [])];
  return kinds.some((each) => each.apiVersion === apiVersion && each.kind === kind);
}
