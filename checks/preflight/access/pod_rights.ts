import type { ClusterOpened } from "../../facts/cluster.ts";
import { accountId } from "../../kubernetes/jobs.ts";
import type { ManifestObject } from "../../kubernetes/objects.ts";
import { type OtherNamespace, otherNamespaceOf } from "../../spark/pod_namespace.ts";
import type { SparkJob } from "../../spark/spark_job.ts";

/**
 * Returns whether the account of a job may create pods in another namespace. Undefined if that is not
 * known: a cluster has roles that the user may not read.
 */
export function mayMakePods(
  { isAllowed, account, name }: OtherNamespace,
  cluster: ClusterOpened | undefined,
): boolean | undefined {
  if (isAllowed === true || cluster === undefined) return isAllowed;
  const right = cluster.rights?.find((each) =>
    each.account === accountId(account) && each.namespace === name && each.verb === "create" &&
    each.resource === "pods"
  );
  return right?.allowed ?? (cluster.accessRead?.includes(name) ? isAllowed : undefined);
}

/** The namespace in which a job needs its permissions. */
export function namespaceOfPods(
  job: SparkJob,
  objects: readonly ManifestObject[],
  cluster: ClusterOpened | undefined,
): string {
  const other = otherNamespaceOf(job, objects);
  return other !== undefined && mayMakePods(other, cluster) !== false ? other.name : job.namespace;
}
