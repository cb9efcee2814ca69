import type { ClusterOpened } from "../../facts/cluster.ts";
import { type ManifestObject, namespaceOf, objectId, ofKind } from "../../kubernetes/objects.ts";
import { type Fields, isFields, listOf } from "../../kubernetes/fields.ts";
import { workloadsOf } from "../../kubernetes/workloads.ts";
import { parseQuantity } from "../../kubernetes/quantities.ts";
import { countsPods } from "./quota_scopes.ts";
import { type Counted, ofPod, ownPods } from "./pod_requests.ts";

/**
 * The used amount of a quota in billionths, without the pods of the given job: they are counted with
 * the job.
 *
 * @param key the resource of the quota, as in `requests.cpu` or `pods`
 */
export function usedByOthers(
  cluster: ClusterOpened | undefined,
  job: ManifestObject,
  { quota, key, counted }: {
    readonly quota: ManifestObject;
    readonly key: string;
    readonly counted: Counted | "pods";
  },
): bigint {
  if (cluster === undefined) return 0n;
  const pods = ofKind(cluster.objects, "Pod", namespaceOf(quota)).filter(isCounted);
  const own = podsOf(job, pods).filter((pod) => isInScope(quota, pod));
  const { used } = isFields(quota.value.status) ? quota.value.status : {};
  const reported = isFields(used) ? parseQuantity(used[key]) : undefined;
  const all = reported ?? sumOf(pods.filter((pod) => isInScope(quota, pod)), counted);
  const rest = all - sumOf(own, counted);
  return rest > 0n ? rest : 0n;
}

/** Returns whether the scopes of a quota include a pod of the cluster. */
function isInScope(quota: ManifestObject, pod: ManifestObject): boolean {
  // The API server writes the default class into a pod, so a pod without a class has none.
  return workloadsOf([pod]).every((each) => countsPods(quota, ownPods(each, ""), null) !== false);
}

/** Returns whether a workload is in the cluster, so that the quota counts its pods already. */
export function isThere(cluster: ClusterOpened | undefined, object: ManifestObject): boolean {
  return cluster?.objects.some((each) => objectId(each) === objectId(object)) ?? false;
}

/** The pods of a running job: its own pods, and the pods that these created. */
export function podsOf(
  job: ManifestObject,
  pods: readonly ManifestObject[],
): readonly ManifestObject[] {
  const made = (owners: readonly ManifestObject[]) => {
    const uids = new Set(owners.map((owner) => metadataOf(owner).uid));
    return pods.filter((pod) =>
      listOf(metadataOf(pod).ownerReferences).some(({ uid }) => uid !== undefined && uids.has(uid))
    );
  };
  const own = made([job]);
  return [...new Set([...own, ...made(own)])];
}

/** Returns whether a quota counts a pod: until the pod terminates. */
function isCounted({ value: { status } }: ManifestObject): boolean {
  const phase = isFields(status) ? status.phase : undefined;
  return phase !== "Succeeded" && phase !== "Failed";
}

function sumOf(pods: readonly ManifestObject[], counted: Counted | "pods"): bigint {
  if (counted === "pods") return BigInt(pods.length) * 1_000_000_000n;
  return workloadsOf(pods).map((each) => ofPod(ownPods(each, "").containers, counted) ?? 0n)
    .reduce((sum, each) => sum + each, 0n);
}

function metadataOf({ value: { metadata } }: ManifestObject): Fields {
  return isFields(metadata) ? metadata : {};
}
