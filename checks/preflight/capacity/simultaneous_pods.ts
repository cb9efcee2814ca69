import type { Tree } from "../../facts/tree.ts";
import { namespaceOf, ofKind } from "../../kubernetes/objects.ts";
import type { SparkPod } from "../../spark/pods.ts";
import type { SparkJob } from "../../spark/spark_job.ts";
import { limitsOf, withDefaults } from "./limit_range.ts";
import { madePods, ownPods, type Pods } from "./pod_requests.ts";

/** The pods of a job and their requests, including the defaults of a LimitRange. */
export interface JobPods {
  /** The job's own pods. */
  readonly own: Pods;
  /** The pods that Spark creates for the job. */
  readonly made: readonly Pods[];
}

/** The pods that a job needs at the same time. */
export function jobPods(job: SparkJob, { objects }: Pick<Tree, "objects">): JobPods {
  const { workload, settings, mode, driver, executor } = job;
  const limits = limitsOf(ofKind(objects, "LimitRange", namespaceOf(workload.object)));
  const made = (role: string, key: string, pod: SparkPod | undefined) => {
    const place = settings.get(key)?.place;
    const path = place?.field ?? workload.containers.at(-1)?.path ?? workload.specPath;
    const at = place === undefined ? { path } : { path, place };
    return pod === undefined ? [] : [withDefaults(madePods(role, at, pod), limits)];
  };
  const isDynamic = settings.get("spark.dynamicAllocation.enabled")?.value.toLowerCase() === "true";
  const most = "spark.dynamicAllocation.maxExecutors";
  const countKey = isDynamic && settings.has(most) ? most : "spark.executor.instances";
  return {
    own: withDefaults(ownPods(workload, mode === "client" ? "driver" : "job"), limits),
    made: [
      ...made("driver pod", "spark.driver.memory", driver),
      ...made("executor", countKey, executor),
    ],
  };
}
