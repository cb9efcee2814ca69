import type { Cluster } from "../../../pipeline/cluster/cluster.ts";
import type { ManifestObject } from "../manifests.ts";
import { joined, type Reading, readOne } from "./reader.ts";
import { type Trial, tryOut } from "./dry_run.ts";

/** What a cluster has of the manifests' objects, and what became of each when it was tried. */
export interface DeclaredReading extends Reading {
  /** In the order of the manifests. */
  readonly trials: readonly Trial[];
}

/**
 * Reads of a cluster what the manifests have, and nothing else, and tries them there without storing
 * anything.
 *
 * @throws {Failure} the cluster is out of reach, or lets nobody in
 */
export async function readDeclared(
  cluster: Cluster,
  manifests: readonly ManifestObject[],
  signal?: AbortSignal,
): Promise<DeclaredReading> {
  const placed = await Promise.all(manifests.map((each) => inNamespace(cluster, each, signal)));
  const [readings, trials] = await Promise.all([
    Promise.all(
      placed.filter(({ name }) => name !== "")
        .map((object) => readOne(cluster, object, object, signal)),
    ),
    Promise.all(placed.map((object) => tryOut(cluster, object, signal))),
  ]);
  return { ...joined(readings), trials };
}

/** An object as the API server would take it: without a namespace it goes to the user's. */
export async function inNamespace(
  cluster: Cluster,
  object: ManifestObject,
  signal: AbortSignal | undefined,
): Promise<ManifestObject> {
  if (object.namespace !== undefined) return object;
  const isNamespaced = await cluster.isNamespaced(object, { signal });
  return isNamespaced ? { ...object, namespace: cluster.namespace } : object;
}
