import type { ManifestObject } from "../../kubernetes/objects.ts";
import { type Pod, UNKNOWN_VALUE } from "../../network_policy/model.ts";
import { readWorkload } from "../../network_policy/read_cluster.ts";
import { ROLE_LABEL, type SparkPod } from "../../spark/pods.ts";
import type { SparkJob } from "../../spark/spark_job.ts";

/** The role of a pod of a job. A submitter only requests a driver pod. */
export type Role = "driver" | "executor" | "submitter";

/** A pod of a job: the job's own pod, or a pod that Spark creates. */
export interface Actor {
  /** The pod with the labels that policies select. */
  readonly pod: Pod;
  /** The role of the pod. */
  readonly role: Role;
  /** The name in messages, as in `the executors of Job analytics-jobs/bronze-ingest-manual`. */
  readonly label: string;
}

/** A job with the pods that policies select. */
export interface JobWithPods
  extends Pick<SparkJob, "settings" | "environment" | "mode" | "unknown" | "master"> {
  /** The Job, CronJob or Pod. */
  readonly object: ManifestObject;
  /** The name in messages, as in `Job analytics-jobs/bronze-ingest-manual`. */
  readonly label: string;
  /** The field of the object with the pods' spec, as in `spec.template.spec`. */
  readonly specPath: string;
  /** The number of containers that run as long as the job's own pod. */
  readonly containers: number;
  /** The pods: the job's own first. */
  readonly actors: readonly Actor[];
  /** True if Spark requests pods from the Kubernetes API. */
  readonly onKubernetes: boolean;
  /** True if the job's own pod is a driver without the label that policies select drivers by. */
  readonly unlabelled?: true;
}

/**
 * Reads the pods of a job. Returns undefined for an invalid object, which `readCluster` reports.
 */
export function withPods(job: SparkJob): JobWithPods | undefined {
  const { workload: { object, specPath, containers }, label, mode } = job;
  let valid = true;
  const own = readWorkload(object.value, () => valid = false);
  if (!valid || own === undefined) return undefined;
  return {
    object,
    label,
    specPath,
    containers: containers.filter(({ isInit }) => !isInit).length,
    actors: actorsOf(own, job),
    onKubernetes: mode === "client" || mode === "cluster",
    settings: job.settings,
    environment: job.environment,
    mode,
    master: job.master,
    ...(job.unknown === undefined ? {} : { unknown: job.unknown }),
  };
}

/**
 * Adds the driver label to the job's own pod if the pod is a driver without the label. Otherwise
 * every check would report connections that are denied only because of the missing label. The check
 * driver-executor-traffic reports the label.
 */
export function labelled(job: JobWithPods): JobWithPods {
  const [own, ...others] = job.actors;
  if (job.mode === "none") return job;
  if (own?.role !== "driver" || own.pod.labels.get(ROLE_LABEL) === own.role) return job;
  const labels = new Map([...own.pod.labels, [ROLE_LABEL, own.role]]);
  const actors = [{ ...own, pod: { ...own.pod, labels } }, ...others];
  return { ...job, actors, unlabelled: true };
}

function actorsOf(own: Pod, { label, mode, driver, executor, namespace }: SparkJob): Actor[] {
  const role = mode === "cluster" ? "submitter" : "driver";
  const made = [driver, executor].filter((each) => each !== undefined);
  return [
    { pod: own, role, label },
    ...made.map((pod): Actor => ({
      pod: sparkPodOf(pod, own.name, namespace),
      role: pod.role,
      label: `the ${pod.role === "driver" ? "driver" : "executors"} of ${label}`,
    })),
  ];
}

/** Returns a pod that Spark creates. Spark also sets labels with generated values. */
function sparkPodOf({ role, labels }: SparkPod, job: string, namespace: string): Pod {
  const ids = ["spark-app-selector", "spark-app-name"];
  if (role === "executor") ids.push("spark-exec-id", "spark-exec-resourceprofile-id");
  return {
    type: "pod",
    namespace,
    kind: "Pod",
    name: `${job}-${role}`,
    labels: new Map([...labels, ...ids.map((key): [string, string] => [key, UNKNOWN_VALUE])]),
    ports: [],
    hostNetwork: false,
    addresses: [],
    several: role === "executor",
  };
}
