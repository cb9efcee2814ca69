import { type ManifestObject, namespaceOf } from "../kubernetes/objects.ts";
import { groupOf } from "../kubernetes/workloads.ts";

/** An object that a later file or document declares again. kubectl then applies the later one. */
export interface Replaced {
  /** The earlier declaration, which the checks do not judge. */
  readonly object: ManifestObject;
  /** The last declaration. */
  readonly by: ManifestObject;
}

/** The kinds without a namespace that manifests of jobs declare. */
const CLUSTER_KINDS = [
  "Namespace",
  "Node",
  "PersistentVolume",
  "StorageClass",
  "PriorityClass",
  "ClusterRole",
  "ClusterRoleBinding",
  "CustomResourceDefinition",
  "IngressClass",
  "RuntimeClass",
];

/**
 * Finds the objects that a later file or document declares again.
 *
 * @param objects all objects, in the order in which kubectl applies them
 */
export function replacedAmong(objects: readonly ManifestObject[]): Replaced[] {
  const last = new Map(objects.map((object) => [keyOf(object), object]));
  return objects.flatMap((object) => {
    const by = last.get(keyOf(object))!;
    // With generateName, the server creates a new object for each declaration.
    return by === object || object.name === "" ? [] : [{ object, by }];
  });
}

function keyOf(object: ManifestObject): string {
  const { apiVersion, kind, name } = object;
  const namespace = CLUSTER_KINDS.includes(kind) ? "" : namespaceOf(object);
  return JSON.stringify([groupOf(apiVersion), kind, namespace, name]);
}
