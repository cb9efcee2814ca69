import type { Unread } from "../../kubernetes/server_answers.ts";
import {
  ApiError,
  type Cluster,
  type Kind,
  type KubeObject,
} from "../../../pipeline/cluster/cluster.ts";
import { DEFAULT_PROJECT, type Project } from "../../../pipeline/contract/project.ts";
import { decodeBase64, type Fields, isFields, listOf } from "../../kubernetes/fields.ts";
import { groupOf } from "../../kubernetes/workloads.ts";
import { FOREIGN_KINDS } from "../../network_policy/foreign_policies.ts";
import type { ManifestObject } from "../../kubernetes/objects.ts";

// The objects that are read from a cluster, in addition to those of the manifests.

const core = (kind: string): Kind => ({ apiVersion: "v1", kind });
const rbac = (kind: string): Kind => ({ apiVersion: "rbac.authorization.k8s.io/v1", kind });
const batch = (kind: string): Kind => ({ apiVersion: "batch/v1", kind });
const SLICE: Kind = { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice" };

/** The kind of pods. */
export const POD: Kind = core("Pod");

/** The cluster-scoped kinds. */
export const GLOBAL: readonly Kind[] = [
  ...["Namespace", "Node"].map(core),
  ...["ClusterRole", "ClusterRoleBinding"].map(rbac),
  { apiVersion: "scheduling.k8s.io/v1", kind: "PriorityClass" },
];

/** The namespaces of the jobs and of the pods that jobs connect to. */
export function peersIn({ jobs, database }: Project): string[] {
  return [...new Set([jobs.namespace, database.namespace, "kube-system"])];
}

const OF_PEERS: readonly Kind[] = [
  core("Service"),
  { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy" },
];

/** The kinds that are read in each namespace, in addition to pods. */
function kindsByNamespace(project: Project): [namespace: string, kinds: readonly Kind[]][] {
  const { jobs, database } = project;
  return peersIn(project).map((namespace) => [namespace, [
    ...OF_PEERS,
    ...(namespace === jobs.namespace ? OF_JOBS : []),
    // A Service of Postgres may have EndpointSlices instead of a selector.
    ...(namespace === database.namespace ? [SLICE] : []),
  ]]);
}

const OF_JOBS: readonly Kind[] = [
  ...["ConfigMap", "Secret", "ServiceAccount", "ResourceQuota", "LimitRange"].map(core),
  core("PersistentVolumeClaim"),
  ...["Job", "CronJob"].map(batch),
  ...["Role", "RoleBinding"].map(rbac),
];

/** The Service of the API server. Its EndpointSlice has the same name. */
export const API_SERVER = {
  namespace: "default",
  name: "kubernetes",
  kinds: [core("Service"), SLICE],
} as const;

/** Returns whether an object is in one of the lists that are always read. */
function isListed({ apiVersion, kind, namespace }: ManifestObject, project: Project): boolean {
  const read = kindsByNamespace(project).find(([each]) => each === namespace)?.[1];
  const kinds = namespace === undefined ? GLOBAL : read === undefined ? [] : [...read, POD];
  return kinds.some((each) => each.apiVersion === apiVersion && each.kind === kind);
}

/** The objects in a cluster that affect a run. */
export interface ObjectsReading extends Reading {
  /** The scheduled pods; undefined if the user has no permission to list all pods. */
  readonly scheduledPods?: readonly ManifestObject[];
}

/**
 * Reads the objects that affect a run and the objects of the manifests, in parallel.
 *
 * @param declared the objects of the manifests, with their namespaces
 * @param project the names of the platform
 */
export async function readObjects(
  cluster: Cluster,
  declared: readonly ManifestObject[],
  signal: AbortSignal | undefined,
  project: Project = DEFAULT_PROJECT,
): Promise<ObjectsReading> {
  const peers = peersIn(project);
  const kind = (each: Kind, namespace?: string) => readKind(cluster, each, namespace, signal);
  const others = declared.filter((object) => object.name !== "" && !isListed(object, project));
  const { namespace, name, kinds } = API_SERVER;
  const [pods, ...rest] = await Promise.all([
    readPods(cluster, peers, signal),
    ...GLOBAL.map((each) => kind(each)),
    ...kindsByNamespace(project).flatMap(([namespace, all]) =>
      all.map((each) => kind(each, namespace))
    ),
    ...kinds.map((each) => readOne(cluster, each, { name, namespace }, signal)),
    readForeign(cluster, peers, signal),
    ...others.map((object) => readOne(cluster, object, object, signal)),
  ]);
  const { scheduledPods } = pods;
  return { ...joined([pods, ...rest]), ...(scheduledPods === undefined ? {} : { scheduledPods }) };
}

/**
 * Lists all pods in one request. If the user has no permission for that, lists the pods of each
 * namespace in `peers`.
 */
async function readPods(
  cluster: Cluster,
  peers: readonly string[],
  signal: AbortSignal | undefined,
): Promise<ObjectsReading> {
  try {
    const all = (await cluster.list(POD, undefined, { signal })).map((each) =>
      toManifestObject(each)
    );
    const objects = all.filter(({ namespace }) => peers.includes(namespace ?? ""));
    return { objects, unread: [], scheduledPods: scheduledPodsOf(all) };
  } catch (error) {
    if (!isForbidden(error)) throw error;
    return joined(
      await Promise.all(peers.map((namespace) => readKind(cluster, POD, namespace, signal))),
    );
  }
}

/** The root namespace of Istio, whose policies apply to all namespaces. */
const ISTIO_ROOT = "istio-system";

/**
 * Reads policies of other APIs, which also decide about connections, if the server has their kinds.
 * The checks report them without evaluating them.
 */
async function readForeign(
  cluster: Cluster,
  peers: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Reading> {
  let groups: ReadonlyMap<string, readonly string[]>;
  try {
    groups = await cluster.apiGroups({ signal });
  } catch (error) {
    if (!isForbidden(error)) throw error;
    const kind = "policies of other APIs, such as cilium.io";
    return { objects: [], unread: [{ kind, failure: error }] };
  }
  // The API server of Calico shows the same objects in a second group.
  const known = Object.entries(FOREIGN_KINDS).filter(([group]) =>
    groups.has(group) && !(group === "projectcalico.org" && groups.has(`crd.${group}`))
  );
  return joined(
    await Promise.all(known.flatMap(([group, kinds]) => {
      const namespaces = group.endsWith(".istio.io") ? [...peers, ISTIO_ROOT] : peers;
      return kinds.map((kind) =>
        readForeignKind(cluster, kind, groups.get(group)!, namespaces, signal)
      );
    })),
  );
}

/** Reads policies of another API in the first version of its group that has their kind. */
async function readForeignKind(
  cluster: Cluster,
  kind: string,
  apiVersions: readonly string[],
  peers: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Reading> {
  for (const apiVersion of apiVersions) {
    const isNamespaced = await cluster.isNamespaced({ apiVersion, kind }, { signal });
    if (isNamespaced === undefined) continue;
    const namespaces = isNamespaced ? peers : [undefined];
    const { objects, unread } = joined(
      await Promise.all(
        namespaces.map((each) => readKind(cluster, { apiVersion, kind }, each, signal)),
      ),
    );
    const name = `${kind}.${groupOf(apiVersion)}`;
    return { objects, unread: unread.map((each) => ({ ...each, kind: name })) };
  }
  return { objects: [], unread: [] };
}

/**
 * Returns the scheduled pods, reduced to owners, nodes and resource requests. A cluster can have
 * many pods, and checks need no other fields.
 */
export function scheduledPodsOf(pods: readonly ManifestObject[]): ManifestObject[] {
  return pods.filter(isScheduled).map((pod) => ({ ...pod, value: cutDown(pod.value) }));
}

/** Returns whether a pod is scheduled and has not terminated. */
export function isScheduled({ value: { spec, status } }: ManifestObject): boolean {
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
      nodeName,
      overhead,
      resources,
      initContainers: listOf(initContainers).map(asked),
      containers: listOf(containers).map(asked),
    },
  };
}

function asked({ name, restartPolicy, resources }: Fields): Fields {
  return { name, restartPolicy, resources };
}

/**
 * Converts an object of the API server for checks: removes `managedFields`, and decodes a Secret's
 * values into `stringData`.
 *
 * @param declared the manifest of the object, if any; findings then name the manifest's file
 */
export function toManifestObject(object: KubeObject, declared?: ManifestObject): ManifestObject {
  const { apiVersion, kind, metadata } = object;
  const { managedFields: _, ...plain } = metadata;
  return {
    file: declared?.file,
    document: declared?.document ?? 0,
    line: declared?.line ?? 0,
    lines: declared?.lines ?? new Map(),
    apiVersion,
    kind,
    name: metadata.name,
    namespace: metadata.namespace,
    value: decoded({ ...object, metadata: plain }),
  };
}

function decoded(value: Fields): Fields {
  const { data, ...rest } = value;
  if (value.kind !== "Secret" || !isFields(data)) return value;
  const texts = Object.entries(data).map(([key, text]) => [key, decodeBase64(String(text)) ?? ""]);
  return { ...rest, stringData: Object.fromEntries(texts) };
}

/** The objects that were read, and those that the user has no permission to read. */
export interface Reading {
  /** The objects that were read. */
  readonly objects: readonly ManifestObject[];
  /** The objects that the user has no permission to read. */
  readonly unread: readonly Unread[];
}

/** Reads all objects of a kind, in one namespace or (undefined) in all namespaces. */
export function readKind(
  cluster: Cluster,
  kind: Kind,
  namespace: string | undefined,
  signal: AbortSignal | undefined,
): Promise<Reading> {
  return allowed(kind.kind, namespace, () => cluster.list(kind, namespace, { signal }));
}

/** Reads one object, if it exists. */
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

/** Merges readings. */
export function joined(readings: readonly Reading[]): Reading {
  return {
    objects: readings.flatMap(({ objects }) => objects),
    unread: readings.flatMap(({ unread }) => unread),
  };
}

/** Returns whether an error is a missing permission. Any other error ends the gathering. */
export function isForbidden(error: unknown): error is ApiError {
  return error instanceof ApiError && error.status === 403;
}

async function allowed(
  kind: string,
  namespace: string | undefined,
  read: () => Promise<readonly KubeObject[]>,
): Promise<Reading> {
  try {
    return {
      objects: (await read()).filter(isNamed).map((each) => toManifestObject(each)),
      unread: [],
    };
  } catch (error) {
    // The server does not know the kind, so there are no objects.
    if (error instanceof ApiError && error.status === 404) return { objects: [], unread: [] };
    if (!isForbidden(error)) throw error;
    const place = namespace === undefined ? {} : { namespace };
    return { objects: [], unread: [{ kind, ...place, failure: error }] };
  }
}

/** Returns whether an object has a name. An extension API server may return objects without one. */
function isNamed({ metadata }: Partial<KubeObject>): boolean {
  return typeof metadata?.name === "string";
}
