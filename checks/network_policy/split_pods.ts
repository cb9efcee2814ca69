import { type Requirement, type Selector, selects } from "../kubernetes/selectors.ts";
import { type Cluster, namespaceOf, type Pod, UNKNOWN_VALUE } from "./model.ts";

/** The most parts that a workload is split into. */
const MAX_PARTS = 64;

/**
 * Splits the workloads whose pods the policies distinguish by labels that a controller sets on each
 * pod, such as `statefulset.kubernetes.io/pod-name`. Each pod of a StatefulSet or an Indexed Job
 * that a selector names becomes a part; the other pods are one more part.
 *
 * @param withUnknown whether to split also by labels with values that only a cluster knows, such as
 *   `pod-template-hash`: into the pods with the value in a selector, and the others
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { podId } from "./model.ts";
 * import { readCluster } from "./read_cluster.ts";
 * import { splitPods } from "./split_pods.ts";
 *
 * const template = { spec: { containers: [] } };
 * const database = {
 *   apiVersion: "apps/v1",
 *   kind: "StatefulSet",
 *   metadata: { name: "db" },
 *   spec: { replicas: 3, template },
 * };
 * const policy = {
 *   apiVersion: "networking.k8s.io/v1",
 *   kind: "NetworkPolicy",
 *   metadata: { name: "first" },
 *   spec: { podSelector: { matchLabels: { "statefulset.kubernetes.io/pod-name": "db-0" } } },
 * };
 * const { cluster } = readCluster([{ value: database }, { value: policy }]);
 * assertEquals(splitPods(cluster, false).pods.map(podId), [
 *   "default/StatefulSet/db (pod db-0)",
 *   "default/StatefulSet/db (the other pods)",
 * ]);
 * ```
 */
export function splitPods(cluster: Cluster, withUnknown: boolean): Cluster {
  const uses = usesOfLabels(cluster);
  const pods = cluster.pods.flatMap((pod) => {
    const named = namedValues(cluster, uses, pod);
    if (named.size === 0) return [pod];
    const parts = byOrdinal(pod, named);
    return withUnknown ? byUnknown(parts, named) : parts;
  });
  return { ...cluster, pods };
}

/** A selector of pods in a policy, and the namespaces that it applies to. */
interface Use {
  readonly pods: Selector;
  /** The `namespaceSelector` next to the selector, or the namespace of the policy. */
  readonly namespaces: Selector | string;
}

/** The selectors with a value of a label, by the key of the label. */
function usesOfLabels({ policies }: Cluster): Map<string, Use[]> {
  const uses = new Map<string, Use[]>();
  const add = (pods: Selector | undefined, namespaces: Selector | string) => {
    for (const { key, operator } of pods?.requirements ?? []) {
      if (operator !== "In" && operator !== "NotIn") continue;
      const list = uses.get(key) ?? [];
      list.push({ pods: pods!, namespaces });
      uses.set(key, list);
    }
  };
  for (const policy of policies) {
    add(policy.pods, policy.namespace);
    for (const { peers } of [...policy.rules.egress, ...policy.rules.ingress]) {
      for (const peer of peers) {
        if (peer.type === "pods") add(peer.pods, peer.namespaces ?? policy.namespace);
      }
    }
  }
  return uses;
}

/** The values that selectors for a pod require, by the keys of labels with unknown values. */
function namedValues(
  cluster: Cluster,
  uses: ReadonlyMap<string, readonly Use[]>,
  pod: Pod,
): Map<string, Set<string>> {
  const named = new Map<string, Set<string>>();
  if (pod.hostNetwork) return named;
  for (const [key, value] of pod.labels) {
    if (value !== UNKNOWN_VALUE) continue;
    for (const { pods, namespaces } of uses.get(key) ?? []) {
      const isHere = typeof namespaces === "string"
        ? namespaces === pod.namespace
        : selects(namespaces, namespaceOf(cluster, pod.namespace).labels);
      if (!isHere || !maySelect(pods, pod)) continue;
      const values = named.get(key) ?? new Set();
      for (const each of pods.requirements.filter(isValue(key)).flatMap((one) => one.values)) {
        values.add(each);
      }
      named.set(key, values);
    }
  }
  return named;
}

function isValue(key: string) {
  return (each: Requirement) => each.key === key;
}

/** Returns whether the labels with known values meet a selector. */
function maySelect({ path, requirements }: Selector, { labels }: Pod): boolean {
  const known = requirements.filter(({ key }) => labels.get(key) !== UNKNOWN_VALUE);
  return selects({ path, requirements: known }, labels);
}

/** The labels of each pod of a workload that contain the pod's number. */
const ORDINAL_LABELS: Readonly<Record<string, (pod: Pod, ordinal: number) => string>> = {
  "statefulset.kubernetes.io/pod-name": ({ name }, ordinal) => `${name}-${ordinal}`,
  "apps.kubernetes.io/pod-index": (_, ordinal) => String(ordinal),
  "batch.kubernetes.io/job-completion-index": (_, ordinal) => String(ordinal),
};

function byOrdinal(pod: Pod, named: ReadonlyMap<string, ReadonlySet<string>>): Pod[] {
  const { ordinals } = pod;
  if (ordinals === undefined) return [pod];
  const keys = Object.keys(ORDINAL_LABELS).filter((key) => pod.labels.has(key));
  const labelsOf = (ordinal: number) =>
    keys.map((key): [string, string] => [key, ORDINAL_LABELS[key]!(pod, ordinal)]);
  const single: Pod[] = [];
  for (let i = 0; i < ordinals.count && single.length < MAX_PARTS; i++) {
    const labels = labelsOf(ordinals.first + i);
    if (!labels.some(([key, value]) => named.get(key)?.has(value))) continue;
    single.push({
      ...pod,
      labels: new Map([...pod.labels, ...labels]),
      several: false,
      part: `pod ${pod.name}-${ordinals.first + i}`,
    });
  }
  const others = ordinals.count - single.length;
  if (single.length === 0) return [pod];
  if (others === 0) return single;
  const part = others === 1 ? "the other pod" : "the other pods";
  return [...single, { ...pod, several: others > 1, part }];
}

/** Splits pods by labels whose values only a cluster knows. */
function byUnknown(pods: readonly Pod[], named: ReadonlyMap<string, ReadonlySet<string>>): Pod[] {
  let parts = [...pods];
  for (const [key, values] of named) {
    if (key in ORDINAL_LABELS && pods[0]!.ordinals !== undefined) continue;
    parts = parts.flatMap((pod) => {
      const before = pod.part === undefined ? "" : `${pod.part}, `;
      return [
        ...[...values].map((value): Pod => ({
          ...pod,
          labels: new Map([...pod.labels, [key, value]]),
          part: `${before}if ${key} is ${value}`,
        })),
        {
          ...pod,
          part: `${before}if ${key} is ${values.size === 1 ? "another" : "none of these"}`,
        },
      ];
    });
    if (parts.length > MAX_PARTS) return [...pods];
  }
  return parts;
}
