import type { Cluster, Kind } from "../../../pipeline/cluster/cluster.ts";
import type { ManifestObject } from "../manifests.ts";
import { API_SERVER, FOREIGN, GLOBAL, IN_NAMESPACE, isListed, PEERS, POD } from "./kinds.ts";
import { placedPods } from "./scheduled_pods.ts";
import { isForbidden, joined, type Reading, readKind, readOne } from "./reader.ts";
import { observed } from "./live_objects.ts";

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
