import type { Place } from "../../finding.ts";
import { driverMounts, hasUnknownMounts, isBelow, mountsOf } from "../../spark/mounts.ts";
import type { Role } from "../../spark/pods.ts";
import { printedValue, type SparkSetting } from "../../spark/settings.ts";
import type { SparkJob } from "../../spark/spark_job.ts";
import type { Credentials, ImageReading, ImageRequest } from "../../facts/image.ts";
import type { Container } from "../../kubernetes/workloads.ts";
import { isSuspendedCronJob } from "../../kubernetes/cron_switch.ts";
import { type ManifestObject, namespaceOf, placeOf } from "../../kubernetes/objects.ts";
import type { Tree } from "../../facts/tree.ts";
import {
  credentialsIn,
  type PullSecret,
  secretsOfExecutors,
  secretsOfPod,
} from "./pull_secrets.ts";

/** The use of an image by a job. */
export interface ImageUse {
  /** The image reference as written. */
  readonly reference: string;
  /** The location of the reference. */
  readonly place: Place;
  /** True if the container runs Spark. */
  readonly isSpark: boolean;
  /**
   * The absolute paths of the files that the job expects in the image, with their locations in the
   * job.
   */
  readonly files: readonly { readonly path: string; readonly place: Place }[];
  /** The namespace of the pods. */
  readonly namespace: string;
  /** True if Spark creates the pods, and not the job itself. */
  readonly bySpark: boolean;
  /** The pull secrets of the pods. */
  readonly secrets: readonly PullSecret[];
}

/**
 * Lists the images that jobs run: those of the jobs' containers, and those of the pods that Spark
 * creates. A suspended CronJob runs no image until an operator switches it on.
 */
export function imagesOf({ jobs, objects }: Pick<Tree, "jobs" | "objects">): ImageUse[] {
  return jobs.flatMap((job) => {
    const { workload } = job;
    if (isSuspendedCronJob(workload.object)) return [];
    const secrets = secretsOfPod(workload, objects);
    const namespace = namespaceOf(workload.object);
    const images = workload.containers.filter(({ image }) => image !== "");
    const own = images.map((container): ImageUse => ({
      reference: container.image,
      place: placeOf(workload.object, `${container.path}.image`),
      isSpark: runsSpark(container) && !onlySubmits(job),
      files: filesOf(job, container),
      namespace,
      secrets,
      bySpark: false,
    }));
    return [...own, ...imagesOfSparkPods(job, objects)];
  });
}

/** Lists the images of the pods that Spark creates: executors, and in cluster mode the driver. */
function imagesOfSparkPods(job: SparkJob, objects: readonly ManifestObject[]): ImageUse[] {
  const secrets = secretsOfExecutors(job, objects);
  const ofDriver = job.driver === undefined ? undefined : podImage(job, "driver");
  return job.images.map((image): ImageUse => ({
    reference: printedValue(image),
    place: image.place,
    isSpark: true,
    files: image === ofDriver ? filesOfDriver(job) : [],
    namespace: job.namespace,
    secrets,
    bySpark: true,
  }));
}

/** The setting with the image of the pods of a role. */
export function podImage({ settings }: SparkJob, role: Role): SparkSetting | undefined {
  return settings.get(`spark.kubernetes.${role}.container.image`) ??
    settings.get("spark.kubernetes.container.image");
}

/**
 * Returns whether the job's own pod only submits a driver, so it needs no jar for the lake or the
 * database. It needs them to upload files to the lake.
 */
export function onlySubmits({ driver, settings }: SparkJob): boolean {
  const upload = settings.get("spark.kubernetes.file.upload.path");
  return driver !== undefined && !/^s3/.test(upload?.value ?? "");
}

function runsSpark({ words, env }: Container): boolean {
  return [...words.map(({ text }) => text), ...env.map(({ value = "" }) => value)]
    .some((text) => /spark-submit|pyspark|spark-class|\bspark\.[a-z]|local:\/\/\//.test(text));
}

const FILE =
  /(?<=^|[\s,='"])((?:local|file):\/\/)?(\/[\w./@+-]+\.(?:py|jar|zip|egg|whl|R))(?=$|[\s,'"#])/g;

/** The files that words of a container name, with the scheme before each path. */
function namedFiles({ workload: { object } }: SparkJob, { words }: Container) {
  return words.flatMap(({ path: at, text }) =>
    [...text.matchAll(FILE)].map(([, scheme = "", path]) => (
      { scheme, path: path!, place: placeOf(object, at) }
    ))
  );
}

/**
 * Returns the files that a container's arguments name, except files on volumes. In deploy mode
 * cluster, `local://` is a file of the driver's image.
 */
function filesOf(job: SparkJob, container: Container): ImageUse["files"] {
  const isCluster = job.driver !== undefined;
  const volumes = [...mountsOf(container), ...(isCluster ? [] : driverMounts(job))];
  return namedFiles(job, container)
    .filter(({ scheme, path }) =>
      !(isCluster && scheme === "local://") && !volumes.some((folder) => isBelow(path, folder))
    ).map(({ path, place }) => ({ path, place }));
}

/** Returns the files that the driver of deploy mode cluster needs, except files on volumes. */
function filesOfDriver(job: SparkJob): ImageUse["files"] {
  // The volumes are not known without the driver's template and its settings.
  if (hasUnknownMounts(job) || job.unreadProperties !== undefined) return [];
  const volumes = driverMounts(job);
  return job.containers.flatMap((container) => namedFiles(job, container))
    .filter(({ scheme, path }) =>
      scheme === "local://" && !volumes.some((folder) => isBelow(path, folder))
    ).map(({ path, place }) => ({ path, place }));
}

/**
 * Returns the requests for all uses: one for each combination of image and credentials.
 *
 * @param own the operator's credentials, for pods with unknown pull secrets; empty if the cluster
 *   was read, because the operator's permissions differ from those of the nodes
 */
export function requestsFor(
  uses: readonly ImageUse[],
  own: readonly Credentials[] = [],
): ImageRequest[] {
  const requests = new Map<string, ImageRequest>();
  for (const use of uses) {
    const { reference, files } = use;
    const ofPod = use.secrets.flatMap((secret) => credentialsIn(secret) ?? []);
    const credentials = ofPod.length > 0 ? ofPod : own;
    const key = [reference, ...credentials.map(({ from }) => from)].join("\n");
    const paths = [...requests.get(key)?.files ?? [], ...files.map(({ path }) => path)];
    requests.set(key, { reference, files: [...new Set(paths)], credentials });
  }
  return [...requests.values()];
}

/** Finds the result for a use of an image. */
export function readingFor(
  { reference, secrets }: ImageUse,
  readings: readonly ImageReading[],
): ImageReading | undefined {
  const from = secrets.flatMap((secret) => credentialsIn(secret)?.from ?? []);
  const same = readings.filter((each) => each.reference === reference);
  return same.find(({ credentials }) => credentials.join("\n") === from.join("\n")) ?? same[0];
}
