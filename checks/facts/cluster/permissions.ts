import type { Cluster } from "../../../pipeline/cluster/cluster.ts";
import { isFields } from "../../kubernetes/fields.ts";
import { CLUSTER_NEEDS, FORBIDDEN, whereIs } from "../../preflight/access/required_permissions.ts";
import { type Account, accountId, accountsOf } from "../../kubernetes/workloads.ts";
import type { ManifestObject } from "../../kubernetes/objects.ts";
import { isForbidden } from "./objects.ts";

/** Something that a service account would do. */
export interface Deed {
  /** The account, as in `analytics-jobs/spark-jobs`. */
  readonly account: string;
  /** What it would do, as in `create`; `*` is everything. */
  readonly verb: string;
  /** What on, as in `pods`; `*` is everything, in every API group. */
  readonly resource: string;
  /** Where; undefined where all namespaces are meant. */
  readonly namespace: string | undefined;
}

/** What an API server answers to a service account that would do something. */
export interface Right extends Deed {
  /** Whether it may. */
  readonly allowed: boolean;
  /** Why, in the server's words, which name the binding; empty where it does not say. */
  readonly reason: string;
}

/**
 * Asks the API server what those may do that jobs run as: all that Spark does, and what they must not
 * be able to do.
 *
 * @param objects the jobs, of manifests and cluster
 * @returns undefined where the user may not ask that
 */
export async function askRights(
  cluster: Cluster,
  objects: readonly ManifestObject[],
  signal: AbortSignal | undefined,
): Promise<readonly Right[] | undefined> {
  const deeds = accountsOf(objects).flatMap(deedsOf);
  try {
    return await Promise.all(deeds.map((deed) => ask(cluster, deed, signal)));
  } catch (error) {
    if (isForbidden(error)) return undefined;
    throw error;
  }
}

/** What is asked of an account: all that Spark does, and what no job may do. */
export function deedsOf(account: Account): Deed[] {
  const id = accountId(account);
  return [
    ...CLUSTER_NEEDS.flatMap(({ resource, verbs }) =>
      verbs.map((verb): Deed => ({ account: id, verb, resource, namespace: account.namespace }))
    ),
    ...FORBIDDEN.map(({ verb, resource, where }): Deed => ({
      ...{ account: id, verb, resource, namespace: whereIs(where, account) },
    })),
  ];
}

async function ask(
  cluster: Cluster,
  deed: Deed,
  signal: AbortSignal | undefined,
): Promise<Right> {
  const { status } = await cluster.create(reviewOf(deed), { signal });
  const { allowed, reason } = isFields(status) ? status : {};
  return { ...deed, allowed: allowed === true, reason: typeof reason === "string" ? reason : "" };
}

/** The account's groups are those that its token would have. */
function reviewOf({ account, verb, resource, namespace }: Deed): object {
  const [home = "", name = ""] = account.split("/");
  return {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SubjectAccessReview",
    spec: {
      user: `system:serviceaccount:${home}:${name}`,
      groups: ["system:serviceaccounts", `system:serviceaccounts:${home}`, "system:authenticated"],
      resourceAttributes: {
        ...{ verb, resource, group: resource === "*" ? "*" : "" },
        ...(namespace === undefined ? {} : { namespace }),
      },
    },
  };
}
