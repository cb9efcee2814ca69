import { ApiError, type Cluster, type KubeObject } from "../../../pipeline/cluster/cluster.ts";
import { isFields } from "../../kubernetes/fields.ts";
import { asSwitched, isSuspendedCronJob } from "../../kubernetes/cron_switch.ts";
import type { ManifestObject } from "../../kubernetes/objects.ts";
import type { Refused, Trial } from "../../kubernetes/server_answers.ts";
import { joined, type Reading, readOne, toManifestObject } from "./objects.ts";

/** The suffix of a Job's temporary name in the dry run. */
const TRIAL_SUFFIX = "-preflight-trial";

/**
 * Applies an object as a server-side dry run. A Job gets a temporary name: an existing Job is
 * immutable, and the question is whether the server would accept a new Job. A suspended CronJob is
 * applied as it is switched in the cluster.
 *
 * @throws {Failure} the cluster is unreachable
 */
export async function tryOut(
  cluster: Cluster,
  declared: ManifestObject,
  signal: AbortSignal | undefined,
): Promise<Trial> {
  const object = await switchedAsLive(cluster, declared, signal);
  if (object.name === "") {
    const problem = "the object has no metadata.name, so it cannot be applied";
    return { object, refused: { because: "invalid", problem } };
  }
  const isJob = object.kind === "Job";
  try {
    const body = isJob
      ? named(object, `${object.name}${TRIAL_SUFFIX}`)
      : named(object, object.name);
    const applied = await cluster.apply(body, { dryRun: true, force: true, signal });
    return { object, applied: toManifestObject(applied, object) };
  } catch (error) {
    const because = reasonOf(error, object);
    if (because === undefined) throw error;
    const problem = (error as ApiError).serverMessage.replaceAll(TRIAL_SUFFIX, "");
    return { object, refused: { because, problem } };
  }
}

/** Returns the object with the `suspend` of the cluster, if it is a CronJob to switch. */
async function switchedAsLive(
  cluster: Cluster,
  object: ManifestObject,
  signal: AbortSignal | undefined,
): Promise<ManifestObject> {
  if (object.name === "" || !isSuspendedCronJob(object)) return object;
  const { objects: [live] } = await readOne(cluster, object, object, signal);
  return asSwitched(object, live);
}

function named({ value, namespace }: ManifestObject, name: string): object {
  const metadata = isFields(value.metadata) ? value.metadata : {};
  const place = namespace === undefined ? {} : { namespace };
  return { ...value, metadata: { ...metadata, name, ...place } } satisfies Partial<KubeObject>;
}

function reasonOf(error: unknown, { kind }: ManifestObject): Refused["because"] | undefined {
  if (!(error instanceof ApiError) || error.kind !== "configuration") return undefined;
  if (error.status === 401) return undefined;
  if (error.status === 404 && kind !== "Namespace" && /namespaces? "/.test(error.serverMessage)) {
    return "no namespace";
  }
  // Refusals by a quota, a webhook or pod security are also 403, but concern the object.
  const isRight = error.status === 403 &&
    /cannot (patch|create|update) resource/.test(error.serverMessage);
  return isRight ? "forbidden" : "invalid";
}

/** The manifests' objects in a cluster, and the results of the dry runs. */
export interface DeclaredReading extends Reading {
  /** The results of the dry runs, in the order of the manifests. */
  readonly trials: readonly Trial[];
}

/**
 * Reads only the manifests' objects from a cluster, and applies the manifests as a server-side dry
 * run.
 *
 * @throws {Failure} the cluster is unreachable or refuses the login
 */
export async function readDeclared(
  cluster: Cluster,
  manifests: readonly ManifestObject[],
  signal?: AbortSignal,
): Promise<DeclaredReading> {
  const objects = await Promise.all(manifests.map((each) => inNamespace(cluster, each, signal)));
  const [readings, trials] = await Promise.all([
    Promise.all(
      objects.filter(({ name }) => name !== "")
        .map((object) => readOne(cluster, object, object, signal)),
    ),
    Promise.all(objects.map((object) => tryOut(cluster, object, signal))),
  ]);
  return { ...joined(readings), trials };
}

/**
 * Returns a namespaced object with its namespace: its own, or the namespace of the kubeconfig's
 * context.
 */
export async function inNamespace(
  cluster: Cluster,
  object: ManifestObject,
  signal: AbortSignal | undefined,
): Promise<ManifestObject> {
  if (object.namespace !== undefined) return object;
  const isNamespaced = await cluster.isNamespaced(object, { signal });
  return isNamespaced ? { ...object, namespace: cluster.namespace } : object;
}
