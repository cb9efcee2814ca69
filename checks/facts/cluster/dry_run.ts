import { ApiError, type Cluster, type KubeObject } from "../../../pipeline/cluster/cluster.ts";
import { isFields } from "../../kubernetes/fields.ts";
import type { ManifestObject } from "../../kubernetes/objects.ts";
import { joined, observed, type Reading, readOne } from "./objects.ts";

/** What the API server made of an object of the manifests, without storing it. */
export interface Trial {
  /** The object, in the namespace that it would be in. */
  readonly object: ManifestObject;
  /**
   * What it would be once applied; undefined where it was refused. Of a Job it is what one would be that
   * is made anew, under a name of its own.
   */
  readonly applied?: ManifestObject;
  /** Why it was refused. */
  readonly refused?: Refused;
}

/** Why an object was refused: for itself, for want of a right, or of the namespace that it is for. */
export interface Refused {
  /** Which of these. */
  readonly because: "invalid" | "forbidden" | "no namespace";
  /** The API server's own words. */
  readonly problem: string;
}

/** What is added to a Job's name for its trial. */
const ASIDE = "-preflight-trial";

/**
 * Asks the API server what would become of an object, server-side and dry. A Job is tried under another
 * name: one that is there cannot be changed any more, and what is to be known is whether it could be
 * made anew.
 *
 * @throws {Failure} the cluster is out of reach
 */
export async function tryOut(
  cluster: Cluster,
  object: ManifestObject,
  signal: AbortSignal | undefined,
): Promise<Trial> {
  if (object.name === "") {
    const problem = "the object has no metadata.name, so it cannot be applied";
    return { object, refused: { because: "invalid", problem } };
  }
  const isJob = object.kind === "Job";
  try {
    const body = isJob ? named(object, `${object.name}${ASIDE}`) : named(object, object.name);
    const applied = await cluster.apply(body, { dryRun: true, force: true, signal });
    return { object, applied: observed(applied, object) };
  } catch (error) {
    const because = reasonOf(error, object);
    if (because === undefined) throw error;
    const problem = (error as ApiError).serverMessage.replaceAll(ASIDE, "");
    return { object, refused: { because, problem } };
  }
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
  // What a quota, a webhook or pod security refuses is forbidden too, and for the object's own sake.
  const isRight = error.status === 403 &&
    /cannot (patch|create|update) resource/.test(error.serverMessage);
  return isRight ? "forbidden" : "invalid";
}

/** What a cluster has of the manifests' objects, and what became of each when it was tried. */
export interface DeclaredReading extends Reading {
  /** In the order of the manifests. */
  readonly trials: readonly Trial[];
}

/**
 * Reads of a cluster what the manifests have, and nothing else, and tries them there without storing
 * anything.
 *
 * @throws {Failure} the cluster is out of reach, or lets nobody in
 */
export async function readDeclared(
  cluster: Cluster,
  manifests: readonly ManifestObject[],
  signal?: AbortSignal,
): Promise<DeclaredReading> {
  const placed = await Promise.all(manifests.map((each) => inNamespace(cluster, each, signal)));
  const [readings, trials] = await Promise.all([
    Promise.all(
      placed.filter(({ name }) => name !== "")
        .map((object) => readOne(cluster, object, object, signal)),
    ),
    Promise.all(placed.map((object) => tryOut(cluster, object, signal))),
  ]);
  return { ...joined(readings), trials };
}

/** An object as the API server would take it: without a namespace it goes to the user's. */
export async function inNamespace(
  cluster: Cluster,
  object: ManifestObject,
  signal: AbortSignal | undefined,
): Promise<ManifestObject> {
  if (object.namespace !== undefined) return object;
  const isNamespaced = await cluster.isNamespaced(object, { signal });
  return isNamespaced ? { ...object, namespace: cluster.namespace } : object;
}
