import type { Tree } from "../../facts/tree.ts";
import type { Place } from "../../finding.ts";
import { ACCESS, type Account } from "../../kubernetes/jobs.ts";
import { namespaceOf, placeOf } from "../../kubernetes/objects.ts";
import type { SparkJob } from "../../spark/spark_job.ts";

/** The setting that names the service account of a driver. */
export const DRIVER_ACCOUNT = "spark.kubernetes.authenticate.driver.serviceAccountName";

/**
 * Returns whether the objects contain the service accounts of a namespace. The Helm chart of an
 * operator, or another repository, can create the accounts of a namespace without any such object.
 */
export function hasAccountsOf(
  { objects, project }: Pick<Tree, "objects" | "project">,
  namespace: string,
): boolean {
  return namespace === project.jobs.namespace ||
    objects.some((each) => ACCESS.includes(each.kind) && namespaceOf(each) === namespace);
}

/** The service account of a job's own pod. */
export function ownAccount({ workload, account = "default" }: SparkJob): Account {
  return { name: account, namespace: namespaceOf(workload.object) };
}

/** The place of the service account of a job's own pod. */
export function ownAccountPlace({ workload: { object, specPath }, settings }: SparkJob): Place {
  const setting = settings.get(DRIVER_ACCOUNT);
  // The account of a SparkApplication is a setting: its pod is the driver.
  return setting !== undefined && object.kind.endsWith("SparkApplication")
    ? setting.place
    : placeOf(object, `${specPath}.serviceAccountName`);
}
