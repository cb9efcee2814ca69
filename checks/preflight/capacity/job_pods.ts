import type { Workload } from "../../kubernetes/workloads.ts";
import { namespaceOf, ofKind } from "../../kubernetes/objects.ts";
import type { Tree } from "../../facts/tree.ts";
import { madePods, ownPods, type Pods } from "./pod_requests.ts";
import { limitsOf, withDefaults } from "./limit_range.ts";
import { effectiveSettings, modeOf, type SparkMode, sparkPod } from "../../spark/spark_pods.ts";

/** The pods of a job, and what they ask for once a LimitRange has filled in its defaults. */
export interface JobPods {
  /** How its Spark runs. */
  readonly mode: SparkMode;
  /** The settings of its Spark. */
  readonly settings: ReturnType<typeof effectiveSettings>;
  /** Its own. */
  readonly own: Pods;
  /** Those that Spark makes for it. */
  readonly made: readonly Pods[];
}

/** Finds out which pods a job needs at the same time. */
export function jobPods(job: Workload, { objects, code }: Tree): JobPods {
  const settings = effectiveSettings(job, code);
  const mode = modeOf(settings);
  const limits = limitsOf(ofKind(objects, "LimitRange", namespaceOf(job.object)));
  const anchor = (key: string) =>
    settings.get(key)?.place.field ?? job.containers.at(-1)?.path ?? job.specPath;
  const driver = () =>
    madePods("driver pod", anchor("spark.driver.memory"), sparkPod("driver", settings));
  const executors = () =>
    madePods("executor", anchor("spark.executor.instances"), sparkPod("executor", settings));
  const made = mode === "local" ? [] : mode === "client" ? [executors()] : [driver(), executors()];
  const own = ownPods(job, mode === "client" ? "driver" : "job");
  return {
    ...{ mode, settings, own: withDefaults(own, limits) },
    made: made.map((each) => withDefaults(each, limits)),
  };
}
