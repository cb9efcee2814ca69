import type { SparkJob } from "../../spark/spark_job.ts";
import { isDockerConfig } from "../../image/credentials.ts";
import type { Place } from "../../finding.ts";
import type { Credentials } from "../../facts/image.ts";
import {
  type ManifestObject,
  namespaceOf,
  objectId,
  ofKind,
  placeOf,
} from "../../kubernetes/objects.ts";
import { accountOf, dataOf, type Workload } from "../../kubernetes/workloads.ts";
import { type Fields, listOf, textOf } from "../../kubernetes/fields.ts";

/** A pull secret of a pod. */
export interface PullSecret {
  /** The name of the Secret. */
  readonly name: string;
  /** The namespace of the pod, and therefore of the Secret. */
  readonly namespace: string;
  /** The location of the name in the manifests. */
  readonly place: Place;
  /** The Secret; undefined if it was not found. */
  readonly secret: ManifestObject | undefined;
}

/** Returns the pull secrets of a workload's own pods. */
export function secretsOfPod(workload: Workload, objects: readonly ManifestObject[]): PullSecret[] {
  const { object, spec, specPath } = workload;
  const named = secretsIn(spec, (field) => placeOf(object, `${specPath}.${field}`));
  const account = accountOf(workload) ?? "default";
  return resolveSecrets(named, account, namespaceOf(object), objects);
}

/**
 * Returns the pull secrets of a job's executors: those in Spark's settings and those in the
 * executors' pod template.
 */
export function secretsOfExecutors(
  { settings, executor, namespace }: SparkJob,
  objects: readonly ManifestObject[],
): PullSecret[] {
  if (executor === undefined) return [];
  const setting = settings.get("spark.kubernetes.container.image.pullSecrets");
  const bySetting = (setting?.value ?? "").split(",").map((name) => name.trim())
    .filter((name) => name !== "")
    .map((name) => ({ name, place: setting!.place }));
  const { account, template } = executor;
  const byTemplate = template?.spec === undefined
    ? []
    : secretsIn(template.spec, () => template.place);
  return resolveSecrets([...bySetting, ...byTemplate], account, namespace, objects);
}

type Named = Pick<PullSecret, "name" | "place">;

function secretsIn(spec: Fields, placeAt: (field: string) => Place): Named[] {
  return listOf(spec.imagePullSecrets).flatMap(({ name }, i) => {
    const text = textOf(name);
    return text === undefined ? [] : [{ name: text, place: placeAt(`imagePullSecrets[${i}]`) }];
  });
}

/** Finds the named Secrets. A pod without pull secrets uses those of its service account. */
function resolveSecrets(
  named: readonly Named[],
  account: string,
  namespace: string,
  objects: readonly ManifestObject[],
): PullSecret[] {
  const find = (kind: string, name: string) =>
    ofKind(objects, kind, namespace).find((each) => each.name === name);
  const object = named.length > 0 ? undefined : find("ServiceAccount", account);
  const all = object === undefined
    ? named
    : secretsIn(object.value, (field) => placeOf(object, field));
  return all.map((each) => ({ ...each, namespace, secret: find("Secret", each.name) }));
}

/** The key with the Docker configuration, for each type of pull secret. */
const KEYS: Readonly<Record<string, string>> = {
  "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
  "kubernetes.io/dockercfg": ".dockercfg",
};

/** Returns the Docker configuration in a pull secret; undefined if it is missing or invalid. */
export function credentialsIn({ secret }: PullSecret): Credentials | undefined {
  const key = KEYS[textOf(secret?.value.type) ?? ""];
  const text = key === undefined ? undefined : dataOf(secret?.value).get(key);
  if (secret === undefined || text === undefined) return undefined;
  const config = new TextEncoder().encode(text);
  return isDockerConfig(config) ? { from: objectId(secret), config } : undefined;
}
