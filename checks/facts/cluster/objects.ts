import type { Failure } from "../../../pipeline/errors.ts";
import {
  ApiError,
  type Cluster,
  type Kind,
  type KubeObject,
} from "../../../pipeline/cluster/cluster.ts";
import { JOBS_NAMESPACE, ROBSON_NAMESPACE } from "../../../pipeline/contract/platform.ts";
import { decodeBase64, type Fields, isFields, listOf } from "../../kubernetes/fields.ts";
import type { ManifestObject } from "../../kubernetes/objects.ts";

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

/** What is in a cluster, as far as it decides about a run. */
export interface ObjectsReading extends Reading {
  /** The pods that take room on nodes; undefined where the user may not read them all. */
  readonly placed?: readonly ManifestObject[];
}

/**
 * Reads what decides about a run, and what the manifests have, all at the same time.
 *
 * @param declared the objects of the manifests, in the namespaces that they would be in
 */
export async function readObjects(
  cluster: Cluster,
  declared: readonly ManifestObject[],
  signal: AbortSignal | undefined,
): Promise<ObjectsReading> {
  const kind = (each: Kind, namespace?: string) => readKind(cluster, each, namespace, signal);
  const others = declared.filter((object) => object.name !== "" && !isListed(object));
  const { namespace, name, kinds } = API_SERVER;
  const [pods, ...rest] = await Promise.all([
    readPods(cluster, signal),
    ...GLOBAL.map((each) => kind(each)),
    ...Object.entries(IN_NAMESPACE).flatMap(([namespace, all]) =>
      all.map((each) => kind(each, namespace))
    ),
    ...kinds.map((each) => readOne(cluster, each, { name, namespace }, signal)),
    ...FOREIGN.map((each) => readForeign(cluster, each, signal)),
    ...others.map((object) => readOne(cluster, object, object, signal)),
  ]);
  const { placed } = pods;
  return { ...joined([pods, ...rest]), ...(placed === undefined ? {} : { placed }) };
}

/** All pods in one list; where that is too much to ask, those of each namespace that matters. */
async function readPods(
  cluster: Cluster,
  signal: AbortSignal | undefined,
): Promise<ObjectsReading> {
  try {
    const all = (await cluster.list(POD, undefined, { signal })).map((each) => observed(each));
    const objects = all.filter(({ namespace }) => PEERS.includes(namespace ?? ""));
    return { objects, unread: [], placed: placedPods(all) };
  } catch (error) {
    if (!isForbidden(error)) throw error;
    return joined(
      await Promise.all(PEERS.map((namespace) => readKind(cluster, POD, namespace, signal))),
    );
  }
}

/** Policies of others, where the server knows their kind. */
async function readForeign(
  cluster: Cluster,
  kind: Kind,
  signal: AbortSignal | undefined,
): Promise<Reading> {
  const isNamespaced = await cluster.isNamespaced(kind, { signal });
  if (isNamespaced === undefined) return { objects: [], unread: [] };
  const namespaces = isNamespaced ? PEERS : [undefined];
  const { objects, unread } = joined(
    await Promise.all(namespaces.map((each) => readKind(cluster, kind, each, signal))),
  );
  const group = kind.apiVersion.split("/")[0];
  return {
    objects,
    unread: unread.map((each) => ({ ...each, kind: `${each.kind}.${group}` })),
  };
}

/**
 * The pods that take room on a node, with what says how much, and who made them. A cluster has many,
 * and what else is in them is nobody's business here.
 */
export function placedPods(pods: readonly ManifestObject[]): ManifestObject[] {
  return pods.filter(takesRoom).map((pod) => ({ ...pod, value: cutDown(pod.value) }));
}

/** Whether a pod is scheduled and has not terminated. */
export function takesRoom({ value: { spec, status } }: ManifestObject): boolean {
  const node = isFields(spec) ? spec.nodeName : undefined;
  const phase = isFields(status) ? status.phase : undefined;
  return typeof node === "string" && node !== "" && phase !== "Succeeded" && phase !== "Failed";
}

function cutDown({ apiVersion, kind, metadata, spec }: Fields): Fields {
  const { name, namespace, uid, ownerReferences } = isFields(metadata) ? metadata : {};
  const { nodeName, overhead, resources, initContainers, containers } = isFields(spec) ? spec : {};
  return {
    ...{ apiVersion, kind, metadata: { name, namespace, uid, ownerReferences } },
    spec: {
      ...{ nodeName, overhead, resources },
      initContainers: listOf(initContainers).map(asked),
      containers: listOf(containers).map(asked),
    },
  };
}

function asked({ name, restartPolicy, resources }: Fields): Fields {
  return { name, restartPolicy, resources };
}

/**
 * An object of the API server's as checks read it: without the server's notes on who set which field,
 * and with a Secret's values in `stringData` as they are, since how they are encoded is the server's
 * business.
 *
 * @param declared the object of the manifests that it comes from; findings then name its file
 */
export function observed(object: KubeObject, declared?: ManifestObject): ManifestObject {
  const { apiVersion, kind, metadata } = object;
  const { managedFields: _, ...plain } = metadata;
  return {
    file: declared?.file,
    document: declared?.document ?? 0,
    line: declared?.line ?? 0,
    lines: declared?.lines ?? new Map(),
    ...{ apiVersion, kind, name: metadata.name, namespace: metadata.namespace },
    value: decoded({ ...object, metadata: plain }),
  };
}

function decoded(value: Fields): Fields {
  const { data, ...rest } = value;
  if (value.kind !== "Secret" || !isFields(data)) return value;
  const texts = Object.entries(data).map(([key, text]) => [key, decodeBase64(String(text)) ?? ""]);
  return { ...rest, stringData: Object.fromEntries(texts) };
}

/** Objects that may not be read. */
export interface Unread {
  /** Their kind; one that is not of Kubernetes itself with its group, as in `X.example.com`. */
  readonly kind: string;
  /** Their namespace, where they have one. */
  readonly namespace?: string;
  /** The API server's refusal. */
  readonly failure: Failure;
}

/** What could be read, and what not. */
export interface Reading {
  /** What is there. */
  readonly objects: readonly ManifestObject[];
  /** What may not be read. */
  readonly unread: readonly Unread[];
}

/** Reads all objects of a kind, in a namespace or in all of them. */
export function readKind(
  cluster: Cluster,
  kind: Kind,
  namespace: string | undefined,
  signal: AbortSignal | undefined,
): Promise<Reading> {
  return allowed(kind.kind, namespace, () => cluster.list(kind, namespace, { signal }));
}

/** Reads one object, which need not be there. */
export function readOne(
  cluster: Cluster,
  kind: Kind,
  { name, namespace }: { readonly name: string; readonly namespace: string | undefined },
  signal: AbortSignal | undefined,
): Promise<Reading> {
  return allowed(kind.kind, namespace, async () => {
    const found = await cluster.get(kind, name, namespace, { signal });
    return found === undefined ? [] : [found];
  });
}

/** Readings as one. */
export function joined(readings: readonly Reading[]): Reading {
  return {
    objects: readings.flatMap(({ objects }) => objects),
    unread: readings.flatMap(({ unread }) => unread),
  };
}

/** Whether the user has no right to something. Anything else that goes wrong ends the gathering. */
export function isForbidden(error: unknown): error is ApiError {
  return error instanceof ApiError && error.status === 403;
}

async function allowed(
  kind: string,
  namespace: string | undefined,
  read: () => Promise<readonly KubeObject[]>,
): Promise<Reading> {
  try {
    return { objects: (await read()).filter(isNamed).map((each) => observed(each)), unread: [] };
  } catch (error) {
    // Of a kind that the server does not know there are none.
    if (error instanceof ApiError && error.status === 404) return { objects: [], unread: [] };
    if (!isForbidden(error)) throw error;
    const place = namespace === undefined ? {} : { namespace };
    return { objects: [], unread: [{ kind, ...place, failure: error }] };
  }
}

/** What an extension serves is whatever its author made it. */
function isNamed({ metadata }: Partial<KubeObject>): boolean {
  return typeof metadata?.name === "string";
}
