import type { Place } from "../../finding.ts";
import { printedValue } from "../../spark/settings.ts";
import type { SparkJob } from "../../spark/spark_job.ts";
import type { Credentials, ImageReading, ImageRequest } from "../../facts/image.ts";
import { type Container, type Workload } from "../../kubernetes/workloads.ts";
import { listOf, textOf } from "../../kubernetes/fields.ts";
import { type ManifestObject, namespaceOf, placeOf } from "../../kubernetes/objects.ts";
import type { Tree } from "../../facts/tree.ts";
import {
  credentialsIn,
  type PullSecret,
  secretsOfExecutors,
  secretsOfPod,
} from "./pull_secrets.ts";

/** That a job runs an image. */
export interface ImageUse {
  /** The image, as it is written. */
  readonly reference: string;
  /** Where it is written. */
  readonly place: Place;
  /** Whether Spark runs in it. */
  readonly isSpark: boolean;
  /** The files that the job expects in it, by their absolute paths, and where it names them. */
  readonly files: readonly { readonly path: string; readonly place: Place }[];
  /** The namespace of its pods. */
  readonly namespace: string;
  /** Whether Spark makes these pods, and not the job itself. */
  readonly bySpark: boolean;
  /** What its pods' images are pulled with. */
  readonly secrets: readonly PullSecret[];
}

/** Finds the images that jobs run: those of their containers, and of the pods that Spark makes. */
export function imagesOf({ jobs, objects }: Pick<Tree, "jobs" | "objects">): ImageUse[] {
  return jobs.flatMap((job) => {
    const { workload } = job;
    const secrets = secretsOfPod(workload, objects);
    const namespace = namespaceOf(workload.object);
    const images = workload.containers.filter(({ image }) => image !== "");
    const own = images.map((container): ImageUse => ({
      reference: container.image,
      place: placeOf(workload.object, `${container.path}.image`),
      isSpark: runsSpark(container),
      files: filesOf(workload, container),
      namespace,
      secrets,
      bySpark: false,
    }));
    return [...own, ...madeBySpark(job, objects)];
  });
}

/** The pods that Spark makes: executors, and in cluster mode the driver. */
function madeBySpark(job: SparkJob, objects: readonly ManifestObject[]): ImageUse[] {
  const secrets = secretsOfExecutors(job, objects);
  return job.images.map((image): ImageUse => ({
    reference: printedValue(image),
    place: image.place,
    isSpark: true,
    files: [],
    namespace: job.namespace,
    secrets,
    bySpark: true,
  }));
}

function runsSpark({ words, env }: Container): boolean {
  return [...words.map(({ text }) => text), ...env.map(({ value = "" }) => value)]
    .some((text) => /spark-submit|pyspark|spark-class|\bspark\.[a-z]|local:\/\/\//.test(text));
}

const FILE =
  /(?<=^|[\s,='"])(?:(?:local|file):\/\/)?(\/[\w./@+-]+\.(?:py|jar|zip|egg|whl|R))(?=$|[\s,'"])/g;

/** The files that a container's arguments name, without those that a volume brings. */
function filesOf({ object }: Workload, { words, fields }: Container): ImageUse["files"] {
  const volumes = listOf(fields.volumeMounts).flatMap(({ mountPath }) => textOf(mountPath) ?? []);
  const isMounted = (path: string) =>
    volumes.some((folder) => path.startsWith(`${folder.replace(/\/+$/, "")}/`));
  return words.flatMap(({ path: at, text }) =>
    [...text.matchAll(FILE)].map(([, path]) => ({ path: path!, place: placeOf(object, at) }))
  ).filter(({ path }) => !isMounted(path));
}

/**
 * What is to be asked of registries so that each use is known: every pair of image and credentials
 * once.
 *
 * @param own the operator's own credentials, for pods whose pull secrets are not at hand; none where
 *   the cluster was read, since what the operator may pull says nothing of what its nodes may
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

/** What became of the request that was made for a use. */
export function readingFor(
  { reference, secrets }: ImageUse,
  readings: readonly ImageReading[],
): ImageReading | undefined {
  const from = secrets.flatMap((secret) => credentialsIn(secret)?.from ?? []);
  const same = readings.filter((each) => each.reference === reference);
  return same.find(({ credentials }) => credentials.join("\n") === from.join("\n")) ?? same[0];
}
