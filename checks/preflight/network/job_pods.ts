import type { ManifestObject } from "../../kubernetes/objects.ts";
import type { Pod } from "../../network_policy/model.ts";
import { readWorkload, UNKNOWN_VALUE } from "../../network_policy/cluster.ts";
import { ROLE_LABEL, type SparkPod } from "../../spark/pods.ts";
import type { SparkJob } from "../../spark/spark_job.ts";

/** What a pod of a job does. A submitter only asks for a driver. */
export type Role = "driver" | "executor" | "submitter";

/** A pod that a job makes, itself or by way of Spark. */
export interface Actor {
  /** The pod as policies see it. */
  readonly pod: Pod;
  /** What the pod does. */
  readonly role: Role;
  /** The name for people, as in `the executors of Job analytics-jobs/bronze-ingest-manual`. */
  readonly told: string;
}

/** A job with its pods as policies see them. */
export interface JobWithPods
  extends Pick<SparkJob, "settings" | "environment" | "mode" | "unknown" | "master"> {
  /** The Job, CronJob or Pod. */
  readonly object: ManifestObject;
  /** The name for people, as in `Job analytics-jobs/bronze-ingest-manual`. */
  readonly told: string;
  /** The field of the object that holds the spec of its pods. */
  readonly specPath: string;
  /** The pods: the job's own first. */
  readonly actors: readonly Actor[];
  /** Whether Spark asks the Kubernetes API for pods. */
  readonly onKubernetes: boolean;
  /** Whether the job's own pod is a driver without the label that policies select drivers by. */
  readonly unlabelled?: true;
}

/** Reads the pods of a job; undefined where they cannot be read, which `readCluster` reports. */
export function withPods(job: SparkJob): JobWithPods | undefined {
  const { workload: { object, specPath }, label, mode } = job;
  let valid = true;
  const own = readWorkload(object.value, () => valid = false);
  if (!valid || own === undefined) return undefined;
  return {
    object,
    told: label,
    specPath,
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
 * The job as if its own pod had the label of a driver, where it is one and has not: nobody but the
 * job's YAML gives it that label. One fault is told once then, and not by every check that it spoils.
 */
export function labelled(job: JobWithPods): JobWithPods {
  const [own, ...others] = job.actors;
  if (own?.role !== "driver" || own.pod.labels.get(ROLE_LABEL) === own.role) return job;
  const labels = new Map([...own.pod.labels, [ROLE_LABEL, own.role]]);
  const actors = [{ ...own, pod: { ...own.pod, labels } }, ...others];
  return { ...job, actors, unlabelled: true };
}

function actorsOf(own: Pod, { label, mode, driver, executor, namespace }: SparkJob): Actor[] {
  const role = mode === "cluster" ? "submitter" : "driver";
  const made = [driver, executor].filter((each) => each !== undefined);
  return [
    { pod: own, role, told: label },
    ...made.map((pod): Actor => ({
      pod: asPod(pod, own.name, namespace),
      role: pod.role,
      told: `the ${pod.role === "driver" ? "driver" : "executors"} of ${label}`,
    })),
  ];
}

/** A pod that Spark makes; Spark also gives it labels with values of its own. */
function asPod({ role, labels }: SparkPod, job: string, namespace: string): Pod {
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
