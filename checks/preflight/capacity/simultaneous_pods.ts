import type { Place } from "../../finding.ts";
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

/** The pods that a job needs at the same time; with dynamic allocation, those that it starts with. */
export function jobPods(job: SparkJob, { objects }: Pick<Tree, "objects">): JobPods {
  const { workload, settings, mode, driver, executor } = job;
  const limits = limitsOf(ofKind(objects, "LimitRange", namespaceOf(workload.object)));
  const made = (role: string, place: Place | undefined, pod: SparkPod | undefined) => {
    const path = place?.field ?? workload.containers.at(-1)?.path ?? workload.specPath;
    const at = place === undefined ? { path } : { path, place };
    return pod === undefined ? [] : [withDefaults(madePods(role, at, pod), limits)];
  };
  return {
    own: withDefaults(ownPods(workload, mode === "client" ? "driver" : "job"), limits),
    made: [
      ...made("driver pod", settings.get("spark.driver.memory")?.place, driver),
      ...made("executor", executor?.counted?.place, executor),
    ],
  };
}
