import { DEFAULT_PROJECT, type Project } from "../../pipeline/contract/project.ts";
import { ApiError, type Cluster } from "../../pipeline/cluster/cluster.ts";
import { isFields } from "../kubernetes/fields.ts";
import { filledByTools } from "../kubernetes/filled_values.ts";
import { readAccess } from "./cluster/access.ts";
import { inNamespace, tryOut } from "./cluster/dry_run.ts";
import { isForbidden, readObjects } from "./cluster/objects.ts";
import type { Trial, Unread } from "../kubernetes/server_answers.ts";
import { reviewAccess, type Right } from "./cluster/permissions.ts";
import { type ManifestObject, objectId } from "../kubernetes/objects.ts";
import { isRefusal, type Refusal, refusal } from "./refusal.ts";

export type { AccountAction, Right } from "./cluster/permissions.ts";
export type { Refused, Trial, Unread } from "../kubernetes/server_answers.ts";

/** The parts of a cluster's state that affect a run. */
export interface ClusterOpened {
  /** Distinguishes this fact from a refusal. */
  readonly opened: true;
  /** The context and the server, for messages. */
  readonly name: string;
  /** The server's version, such as `v1.34.2`. */
  readonly version: string;
  /** The name of the current user; undefined if the server does not report the name. */
  readonly user?: string;
  /** The namespace of objects that do not set one. */
  readonly namespace: string;
  /**
   * The objects that affect a run, and the objects of the manifests. The decoded values of Secrets
   * are in `stringData`. Never print them.
   */
  readonly objects: readonly ManifestObject[];
  /**
   * The scheduled pods of all namespaces, reduced to their resource requests; undefined if the user
   * has no permission to list all pods.
   */
  readonly scheduledPods?: readonly ManifestObject[];
  /** The objects that the user has no permission to read. */
  readonly unread: readonly Unread[];
  /** The other namespaces of jobs and their pods whose roles and bindings were read. */
  readonly accessRead?: readonly string[];
  /**
   * The permissions of the jobs' service accounts; undefined if the user has no permission to
   * review them.
   */
  readonly rights?: readonly Right[];
  /** The results of the dry runs, one for each object of the manifests. */
  readonly trials: readonly Trial[];
  /** The names of the platform. Absent if they are those of Robson. */
  readonly project?: Project;
}

/** The state of the cluster, or the reason that it could not be read. */
export type ClusterFact = ClusterOpened | Refusal;

/**
 * Reads the objects that affect a run, in parallel, and applies the manifests as a server-side dry
 * run. Missing permissions are part of the fact.
 *
 * @param open opens the cluster; this function closes it
 * @param manifests the objects that would be applied
 * @param project the names of the platform
 * @throws {Failure} the cluster is unreachable
 */
export async function gatherCluster(
  open: () => Promise<Cluster>,
  manifests: readonly ManifestObject[],
  signal?: AbortSignal,
  project: Project = DEFAULT_PROJECT,
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
    return await read(requests.cluster, name, manifests, signal, project);
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
  project: Project,
): Promise<ClusterOpened> {
  const declared = await Promise.all(
    manifests.map((object) => inNamespace(cluster, object, signal)),
  );
  const reading = readObjects(cluster, declared, signal, project);
  const access = reading.then(({ objects }) =>
    readAccess(cluster, [...declared, ...objects], signal, project)
  );
  const filled = filledByTools(declared);
  const [version, user, { objects, scheduledPods, unread }, elsewhere, rights, trials] =
    await Promise.all([
      versionOf(cluster, signal),
      whoAmI(cluster, signal),
      reading,
      access,
      Promise.all([reading, access]).then(([{ objects }, { all }]) =>
        reviewAccess(cluster, [...declared, ...objects], signal, project, all)
      ),
      Promise.all(
        declared.filter((object) => !filled.includes(object))
          .map((object) => tryOut(cluster, object, signal)),
      ),
    ]);
  return {
    opened: true,
    name,
    version,
    namespace: cluster.namespace,
    objects: withMore(objects, elsewhere.objects),
    accessRead: elsewhere.namespaces,
    unread,
    trials,
    ...(project === DEFAULT_PROJECT ? {} : { project }),
    ...(user === undefined ? {} : { user }),
    ...(scheduledPods === undefined ? {} : { scheduledPods }),
    ...(rights === undefined ? {} : { rights }),
  };
}

/** Adds objects that are not among the others. */
function withMore(
  objects: readonly ManifestObject[],
  more: readonly ManifestObject[],
): ManifestObject[] {
  const ids = new Set(objects.map(objectId));
  return [...objects, ...more.filter((each) => !ids.has(objectId(each)))];
}

/**
 * Returns the server's version. By default every user may read it, but an administrator can remove
 * the permission.
 */
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
 * Returns the name of the kubeconfig's user according to the API server.
 *
 * @returns undefined if the server does not support the review, or forbids it
 * @throws {Failure} the request was not authenticated: the user is `system:anonymous`, who may read
 *   little more than the server's version
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

/** A cluster with a record of its pending requests. */
export interface Tracked {
  /** The cluster. */
  readonly cluster: Cluster;
  /** Closes the cluster, and waits until no request is pending. */
  end(): Promise<void>;
}

/** Tracks the requests to a cluster, so that no request is left running after a failure. */
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
