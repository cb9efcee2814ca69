import { ApiError, type Cluster, type Kind } from "../../pipeline/cluster/cluster.ts";
import { JOBS_NAMESPACE, ROBSON_NAMESPACE } from "../../pipeline/contract/cluster.ts";
import { observed } from "./cluster/observed.ts";
import { type Trial, tryOut } from "./cluster/trial.ts";
import type { ManifestObject } from "./manifests.ts";
import { isRefusal, type Refusal, refusal } from "./refusal.ts";

export type { Trial } from "./cluster/trial.ts";

/** Objects that may not be read. */
export interface Unread {
  /** Their kind. */
  readonly kind: string;
  /** Their namespace, where they have one. */
  readonly namespace?: string;
  /** Why, in the API server's words. */
  readonly problem: string;
}

/** What is in a cluster. */
export interface ClusterOpened {
  /** Tells it from a refusal. */
  readonly opened: true;
  /** For people: the context and the server. */
  readonly name: string;
  /** The server's version, such as `v1.34.2`. */
  readonly version: string;
  /** Where objects are that name no namespace. */
  readonly namespace: string;
  /**
   * The objects that decide about a run, and those of the manifests. Values of Secrets stand in
   * `stringData` as they are: never print one.
   */
  readonly objects: readonly ManifestObject[];
  /** What may not be read. */
  readonly unread: readonly Unread[];
  /** What became of each object of the manifests when it was tried. */
  readonly trials: readonly Trial[];
}

/** What a run finds when it turns to the cluster. */
export type ClusterFact = ClusterOpened | Refusal;

const core = (kind: string): Kind => ({ apiVersion: "v1", kind });
const rbac = (kind: string): Kind => ({ apiVersion: "rbac.authorization.k8s.io/v1", kind });
const batch = (kind: string): Kind => ({ apiVersion: "batch/v1", kind });
const POLICY: Kind = { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy" };

/** What belongs to no namespace. */
const GLOBAL = [
  ...["Namespace", "Node"].map(core),
  ...["ClusterRole", "ClusterRoleBinding"].map(rbac),
];

/** What is read of the jobs' namespace. */
const OF_JOBS = [
  ...["ConfigMap", "Secret", "ServiceAccount", "ResourceQuota", "LimitRange"].map(core),
  ...["Job", "CronJob"].map(batch),
  ...["Role", "RoleBinding"].map(rbac),
];

/** What is read of each namespace that jobs talk to, and of their own. */
const OF_PEERS = [core("Pod"), core("Service"), POLICY];
const PEERS = [JOBS_NAMESPACE, ROBSON_NAMESPACE, "kube-system"];

/** Policies of others, which decide too: that they are there is all that is known of them. */
const FOREIGN: readonly Kind[] = [
  ...["AdminNetworkPolicy", "BaselineAdminNetworkPolicy"].map((kind) => (
    { apiVersion: "policy.networking.k8s.io/v1alpha1", kind }
  )),
  ...["CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy"].map((kind) => (
    { apiVersion: "cilium.io/v2", kind }
  )),
  ...["NetworkPolicy", "GlobalNetworkPolicy"].map((kind) => (
    { apiVersion: "crd.projectcalico.org/v1", kind }
  )),
];

/**
 * Reads what decides about a run, all at the same time, and tries the manifests on the API server
 * without storing anything. What the user may not read, or try, is part of the fact.
 *
 * @param open opens the cluster, which is closed again
 * @param manifests the objects that would be applied
 * @throws {Failure} the cluster is out of reach
 */
export async function gatherCluster(
  open: () => Promise<Cluster>,
  manifests: readonly ManifestObject[],
  signal?: AbortSignal,
): Promise<ClusterFact> {
  let cluster: Cluster;
  try {
    cluster = await open();
  } catch (error) {
    if (isRefusal(error)) return refusal("the kubeconfig", error);
    throw error;
  }
  const name = `${cluster.context} at ${cluster.server}`;
  try {
    return await read(cluster, name, manifests, signal);
  } catch (error) {
    if (isRefusal(error)) return refusal(name, error);
    throw error;
  } finally {
    cluster.close();
  }
}

async function read(
  cluster: Cluster,
  name: string,
  manifests: readonly ManifestObject[],
  signal: AbortSignal | undefined,
): Promise<ClusterOpened> {
  const unread: Unread[] = [];
  const list = async (kind: Kind, namespace?: string): Promise<ManifestObject[]> => {
    try {
      return (await cluster.list(kind, namespace, { signal })).map((each) => observed(each));
    } catch (error) {
      unread.push({ kind: kind.kind, ...inside(namespace), problem: forbidden(error) });
      return [];
    }
  };
  const one = async (object: ManifestObject): Promise<ManifestObject[]> => {
    const { name, namespace } = object;
    try {
      const found = await cluster.get(object, name, namespace, { signal });
      return found === undefined ? [] : [observed(found)];
    } catch (error) {
      unread.push({ kind: object.kind, ...inside(namespace), problem: forbidden(error) });
      return [];
    }
  };
  const placed = await Promise.all(manifests.map((object) => inNamespace(cluster, object, signal)));
  const [version, trials, lists, others] = await Promise.all([
    cluster.version({ signal }),
    Promise.all(placed.map((object) => tryOut(cluster, object, signal))),
    Promise.all([
      ...GLOBAL.map((kind) => list(kind)),
      ...OF_JOBS.map((kind) => list(kind, JOBS_NAMESPACE)),
      ...PEERS.flatMap((namespace) => OF_PEERS.map((kind) => list(kind, namespace))),
      ...FOREIGN.map(async (kind) => {
        const isNamespaced = await cluster.isNamespaced(kind, { signal });
        if (isNamespaced === undefined) return [];
        return await list(kind, isNamespaced ? JOBS_NAMESPACE : undefined);
      }),
    ]),
    Promise.all(placed.filter((object) => !isListed(object)).map(one)),
  ]);
  const objects = [...lists.flat(), ...others.flat()];
  return {
    ...{ opened: true, name, version, namespace: cluster.namespace },
    ...{ objects, unread, trials },
  };
}

function inside(namespace: string | undefined): { namespace?: string } {
  return namespace === undefined ? {} : { namespace };
}

/** Only for want of a right is something unread; anything else ends the gathering. */
function forbidden(error: unknown): string {
  if (error instanceof ApiError && error.status === 403) return error.message;
  throw error;
}

/** An object as the API server would take it: without a namespace it goes to the user's. */
async function inNamespace(
  cluster: Cluster,
  object: ManifestObject,
  signal: AbortSignal | undefined,
): Promise<ManifestObject> {
  if (object.namespace !== undefined) return object;
  const isNamespaced = await cluster.isNamespaced(object, { signal });
  return isNamespaced ? { ...object, namespace: cluster.namespace } : object;
}

function isListed({ apiVersion, kind, namespace }: ManifestObject): boolean {
  const has = (kinds: readonly Kind[]) =>
    kinds.some((each) => each.apiVersion === apiVersion && each.kind === kind);
  if (namespace === undefined) return has(GLOBAL);
  return namespace === JOBS_NAMESPACE && has(OF_JOBS) || PEERS.includes(namespace) && has(OF_PEERS);
}
