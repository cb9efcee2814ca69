import type { ManifestObject } from "../../kubernetes/objects.ts";
import { type Pod, UNKNOWN_VALUE } from "../../network_policy/model.ts";
import type { Fields } from "../../kubernetes/fields.ts";
import { SPARK_CLUSTER } from "../../kubernetes/spark_cluster.ts";
import { readPods } from "../../network_policy/read_cluster.ts";
import { ROLE_LABEL, type SparkPod } from "../../spark/pods.ts";
import { argumentsPath, type SparkJob } from "../../spark/spark_job.ts";

/**
 * The role of a pod of a job. A submitter only requests a driver pod. A master only accepts workers,
 * and the workers of a SparkCluster run executors.
 */
export type Role = "driver" | "executor" | "submitter" | "master" | "worker";

/** A pod of a job: the job's own pod, or a pod that Spark creates. */
export interface Actor {
  /** The pod with the labels that policies select. */
  readonly pod: Pod;
  /** The role of the pod. */
  readonly role: Role;
  /** The name in messages, as in `the executors of Job analytics-jobs/bronze-ingest-manual`. */
  readonly label: string;
  /** The annotations of a pod that Spark creates. Absent for the job's own pod. */
  readonly annotations?: ReadonlyMap<string, string>;
}

/** A job with the pods that policies select. */
export interface JobWithPods extends
  Pick<
    SparkJob,
    | "settings"
    | "environment"
    | "mode"
    | "unknown"
    | "hasUnknownProgram"
    | "unreadProperties"
    | "toolkit"
    | "master"
  > {
  /** The Job, CronJob or Pod. */
  readonly object: ManifestObject;
  /** The name in messages, as in `Job analytics-jobs/bronze-ingest-manual`. */
  readonly label: string;
  /** The field of the object with the pods' spec, as in `spec.template.spec`. */
  readonly specPath: string;
  /** The field of the object with the arguments of the container that runs the job. */
  readonly argumentsPath: string;
  /** The spec of the job's own pod, not validated. */
  readonly spec: Fields;
  /** The metadata of the job's own pod, not validated. */
  readonly metadata: unknown;
  /** The field of the object with this metadata, as in `spec.template.metadata`. */
  readonly metadataPath: string;
  /** The number of containers that run as long as the job's own pod. */
  readonly containers: number;
  /** The pods: the job's own first. Empty if Spark makes all of them in an unknown namespace. */
  readonly actors: readonly Actor[];
  /**
   * The namespace of pods that Spark creates, if the manifests declare nothing of this namespace. The
   * pods are then not among `actors`.
   */
  readonly unseen?: string;
  /** The declared namespace in which Spark makes pods, if the roles of the namespace are not known. */
  readonly unsure?: string;
  /** True if Spark requests pods from the Kubernetes API. */
  readonly onKubernetes: boolean;
  /** True if the job's own pod is a driver without the label that policies select drivers by. */
  readonly unlabelled?: true;
}

/**
 * Reads the pods of a job. Returns undefined for an invalid object, which `readCluster` reports.
 */
export function withPods(job: SparkJob): JobWithPods | undefined {
  const { workload, label, mode } = job;
  const { object, spec, specPath, metadata, metadataPath, containers, part } = workload;
  let valid = true;
  const pods = readPods(object.value, () => valid = false);
  const own = part === undefined ? pods[0] : pods.find((each) => each.part === part);
  if (!valid || own === undefined) return undefined;
  return {
    object,
    label,
    argumentsPath: argumentsPath(job),
    spec,
    specPath,
    metadata,
    metadataPath,
    containers: containers.filter(({ isInit }) => !isInit).length,
    actors: actorsOf(own, job),
    onKubernetes: mode === "client" || mode === "cluster",
    settings: job.settings,
    environment: job.environment,
    mode,
    master: job.master,
    ...(job.unknown === undefined ? {} : { unknown: job.unknown }),
    ...(job.hasUnknownProgram ? { hasUnknownProgram: true } : {}),
    ...(job.unreadProperties === undefined ? {} : { unreadProperties: job.unreadProperties }),
    ...(job.toolkit === undefined ? {} : { toolkit: job.toolkit }),
  };
}

/**
 * Adds the driver label to the job's own pod if the pod is a driver without the label. Otherwise
 * every check would report connections that are denied only because of the missing label. The check
 * driver-executor-traffic reports the label.
 */
export function labelled(job: JobWithPods): JobWithPods {
  const [own, ...others] = job.actors;
  if (job.mode === "none" || job.hasUnknownProgram) return job;
  if (own?.role !== "driver" || own.pod.labels.get(ROLE_LABEL) === own.role) return job;
  const labels = new Map([...own.pod.labels, [ROLE_LABEL, own.role]]);
  const actors = [{ ...own, pod: { ...own.pod, labels } }, ...others];
  return { ...job, actors, unlabelled: true };
}

function actorsOf(own: Pod, job: SparkJob): Actor[] {
  const { label, driver, executor, namespace, workload: { object, part } } = job;
  const made = [driver, executor].filter((each) => each !== undefined);
  const ofPart = part === undefined ? label : `the ${part} of ${label}`;
  return [
    { pod: isOfOperator(object) ? { ...own, namespace } : own, role: roleOf(job), label: ofPart },
    ...made.map((pod): Actor => ({
      pod: sparkPodOf(pod, own.name, namespace),
      role: pod.role,
      label: `the ${pod.role === "driver" ? "driver" : "executors"} of ${ofPart}`,
      annotations: pod.annotations,
    })),
  ];
}

/** Returns whether an operator makes the driver of a job with spark-submit. */
export function isOfOperator({ kind }: Pick<ManifestObject, "kind">): boolean {
  return kind.endsWith("SparkApplication");
}

/** The role of a job's own pod. */
function roleOf({ mode, workload: { object, part } }: SparkJob): Role {
  if (object.kind === SPARK_CLUSTER) return part === "master" ? "master" : "worker";
  return mode === "cluster" ? "submitter" : "driver";
}

/** Returns a pod that Spark creates. Spark also sets labels with generated values. */
function sparkPodOf({ role, labels }: SparkPod, job: string, namespace: string): Pod {
  const ids = ["spark-app-selector", "spark-app-name", "spark-version"];
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
