import { ApiError, type Cluster } from "../../pipeline/cluster/cluster.ts";
import { isFields } from "../kubernetes/fields.ts";
import { inNamespace, type Trial, tryOut } from "./cluster/dry_run.ts";
import { isForbidden, readObjects, type Unread } from "./cluster/objects.ts";
import { askRights, type Right } from "./cluster/permissions.ts";
import type { ManifestObject } from "../kubernetes/objects.ts";
import { isRefusal, type Refusal, refusal } from "./refusal.ts";

export type { Unread } from "./cluster/objects.ts";
export type { Deed, Right } from "./cluster/permissions.ts";
export type { Refused, Trial } from "./cluster/dry_run.ts";

/** What is in a cluster. */
export interface ClusterOpened {
  /** Tells it from a refusal. */
  readonly opened: true;
  /** For people: the context and the server. */
  readonly name: string;
  /** The server's version, such as `v1.34.2`. */
  readonly version: string;
  /** The name of the current user; undefined where the server does not report it. */
  readonly user?: string;
  /** Where objects are that name no namespace. */
  readonly namespace: string;
  /**
   * The objects that decide about a run, and those of the manifests. Values of Secrets stand in
   * `stringData` as they are: never print one.
   */
  readonly objects: readonly ManifestObject[];
  /**
   * The pods of all namespaces that take room on nodes, with what says how much, and nothing else;
   * undefined where the user may not read them all.
   */
  readonly placed?: readonly ManifestObject[];
  /** What may not be read. */
  readonly unread: readonly Unread[];
  /** What those may do that jobs run as; undefined where the user may not ask that. */
  readonly rights?: readonly Right[];
  /** What became of each object of the manifests when it was tried. */
  readonly trials: readonly Trial[];
}

/** What a run finds when it turns to the cluster. */
export type ClusterFact = ClusterOpened | Refusal;

/**
 * Reads what decides about a run, all at the same time, and tries the manifests on the API server
 * without storing anything. What the user may not read, or try, is part of the fact.
 *
 * @param open opens the cluster, which is closed again
 * @param manifests the objects that would be applied
 * @throws {Failure} the cluster is out of reach
 */
export async function gatherCluster(
  open: () => Promise<Cluster>,
  manifests: readonly ManifestObject[],
  signal?: AbortSignal,
): Promise<ClusterFact> {
  let cluster: Cluster;
  try {
    cluster = await open();
  } catch (error) {
    if (isRefusal(error)) return refusal("the kubeconfig", error);
    throw error;
  }
  const name = `${cluster.context} at ${cluster.server}`;
  const requests = tracked(cluster);
  try {
    return await read(requests.cluster, name, manifests, signal);
  } catch (error) {
    if (isRefusal(error)) return refusal(name, error);
    throw error;
  } finally {
    await requests.end();
  }
}

async function read(
  cluster: Cluster,
  name: string,
  manifests: readonly ManifestObject[],
  signal: AbortSignal | undefined,
): Promise<ClusterOpened> {
  const declared = await Promise.all(
    manifests.map((object) => inNamespace(cluster, object, signal)),
  );
  const reading = readObjects(cluster, declared, signal);
  const [version, user, { objects, placed, unread }, rights, trials] = await Promise.all([
    versionOf(cluster, signal),
    whoAmI(cluster, signal),
    reading,
    reading.then(({ objects }) => askRights(cluster, [...declared, ...objects], signal)),
    Promise.all(declared.map((object) => tryOut(cluster, object, signal))),
  ]);
  return {
    ...{ opened: true, name, version, namespace: cluster.namespace },
    ...{ objects, unread, trials },
    ...(user === undefined ? {} : { user }),
    ...(placed === undefined ? {} : { placed }),
    ...(rights === undefined ? {} : { rights }),
  };
}

/** Everybody may ask for the version, unless somebody took that right away. */
async function versionOf(cluster: Cluster, signal: AbortSignal | undefined): Promise<string> {
  try {
    return await cluster.version({ signal });
  } catch (error) {
    if (isForbidden(error)) return "of an unknown version";
    throw error;
  }
}

/** The review that returns the name of the current user. */
const REVIEW = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };

/**
 * The name that an API server has for the kubeconfig's user.
 *
 * @returns undefined where it is too old to say, or does not want to
 * @throws {Failure} the login is none: without one everybody is `system:anonymous`, who may read the
 *   server's version and little more
 */
export async function whoAmI(
  cluster: Cluster,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  try {
    const { status } = await cluster.create(REVIEW, { signal });
    const info = isFields(status) && isFields(status.userInfo) ? status.userInfo : {};
    return typeof info.username === "string" ? info.username : undefined;
  } catch (error) {
    if (!(error instanceof ApiError) || error.serverMessage.includes('"system:anonymous"')) {
      throw error;
    }
    if (error.status !== 403 && error.status !== 404) throw error;
    return undefined;
  }
}

/** A cluster whose pending requests are known. */
export interface Tracked {
  /** The cluster. */
  readonly cluster: Cluster;
  /** Closes the cluster, and waits until no request is pending. */
  end(): Promise<void>;
}

/** Tracks the requests to a cluster, so that none is left running after a failure. */
export function tracked(cluster: Cluster): Tracked {
  const pending = new Set<Promise<unknown>>();
  const track = <A extends unknown[], R>(ask: (...args: A) => Promise<R>) => (...args: A) => {
    const answer = ask(...args);
    pending.add(answer);
    const forget = () => pending.delete(answer);
    answer.then(forget, forget);
    return answer;
  };
  return {
    cluster: {
      ...cluster,
      version: track(cluster.version),
      isNamespaced: track(cluster.isNamespaced),
      list: track(cluster.list),
      get: track(cluster.get),
      create: track(cluster.create),
      apply: track(cluster.apply),
    },
    async end() {
      cluster.close();
      while (pending.size > 0) await Promise.allSettled(pending);
    },
  };
}
