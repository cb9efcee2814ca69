import { DEFAULT_PROJECT, type Project } from "../../pipeline/contract/project.ts";
import { callsSpark } from "./job_containers.ts";
import { type ManifestObject, namespaceOf } from "./objects.ts";
import { SPARK_CLUSTER } from "./spark_cluster.ts";
import { toolkitEngineOf } from "./toolkit.ts";
import { accountOf, type Workload, workloadsOf } from "./workloads.ts";

/**
 * The jobs of the pipeline: Jobs and CronJobs in the jobs' namespace or without a namespace, the
 * Pods that the manifests declare in the jobs' namespace, SparkClusters, Deployments of the toolkit
 * (its exporter), and other workloads that start Spark. A Pod that is only in the cluster was created by a controller, or runs once.
 */
export function jobsOf(
  objects: readonly ManifestObject[],
  { jobs }: Project = DEFAULT_PROJECT,
): Workload[] {
  return workloadsOf(objects).filter(({ object, containers }) => {
    const { kind, file, namespace } = object;
    if (kind === "Pod" && file === undefined) return false;
    if (kind === SPARK_CLUSTER || containers.some(callsSpark)) return true;
    if (kind === "Pod") return namespace === jobs.namespace;
    const isExporter = kind === "Deployment" && toolkitEngineOf(containers) !== undefined;
    return (kind === "Job" || kind === "CronJob" || isExporter) &&
      (namespace === undefined || namespace === jobs.namespace);
  });
}

/**
 * Returns whether an object can belong to the project: the object is in the namespace of the jobs, or
 * its manifest names no namespace. A job in another namespace can be a job of another project.
 */
export function isInProject(
  { namespace }: Pick<ManifestObject, "namespace">,
  { jobs }: Pick<Project, "jobs">,
): boolean {
  return namespace === undefined || namespace === jobs.namespace;
}

/** A service account. */
export interface Account {
  /** The name, as in `spark-jobs`. */
  readonly name: string;
  /** The namespace, as in `analytics-jobs`. */
  readonly namespace: string;
}

/** The service accounts of the jobs among the objects, without duplicates. */
export function accountsOf(
  objects: readonly ManifestObject[],
  project: Project = DEFAULT_PROJECT,
): Account[] {
  const accounts = jobsOf(objects, project).map((job): Account => (
    { name: accountOf(job) ?? "default", namespace: namespaceOf(job.object) }
  ));
  return [...new Map(accounts.map((each) => [accountId(each), each])).values()];
}

/** The kinds that give permissions to the pods of a namespace. */
export const ACCESS: readonly string[] = ["ServiceAccount", "Role", "RoleBinding"];

/** The id of a service account, as in `analytics-jobs/spark-jobs`. */
export function accountId({ namespace, name }: Account): string {
  return `${namespace}/${name}`;
}
