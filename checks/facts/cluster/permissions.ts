import type { Cluster } from "../../../pipeline/cluster/cluster.ts";
import { DEFAULT_PROJECT, type Project } from "../../../pipeline/contract/project.ts";
import { isFields } from "../../kubernetes/fields.ts";
import { type Action, partsOf } from "../../kubernetes/role_rules.ts";
import { ALL_NEEDS, forbiddenIn, whereIs } from "../../spark/required_permissions.ts";
import { type Account, accountId, accountsOf } from "../../kubernetes/jobs.ts";
import type { ManifestObject } from "../../kubernetes/objects.ts";
import { isForbidden } from "./objects.ts";

/** An action of a service account. */
export interface AccountAction extends Action {
  /** The account, as in `analytics-jobs/spark-jobs`. */
  readonly account: string;
}

/** The API server's answer to an access review of a service account. */
export interface Right extends AccountAction {
  /** True if the service account may perform the action. */
  readonly allowed: boolean;
  /** The server's reason, which names the binding, or an empty string. */
  readonly reason: string;
}

/**
 * Reviews the access of the jobs' service accounts: the actions that Spark and the toolkit
 * perform, and the actions that no job may perform.
 *
 * @param objects the objects with the jobs, from manifests and cluster
 * @param elsewhere the other namespaces in which jobs make pods
 * @returns undefined if the user has no permission to review access
 */
export async function reviewAccess(
  cluster: Cluster,
  objects: readonly ManifestObject[],
  signal: AbortSignal | undefined,
  project: Project = DEFAULT_PROJECT,
  elsewhere: readonly string[] = [],
): Promise<readonly Right[] | undefined> {
  const actions = accountsOf(objects, project)
    .flatMap((account) => actionsToReview(account, project, elsewhere));
  try {
    return await Promise.all(actions.map((action) => ask(cluster, action, signal)));
  } catch (error) {
    if (isForbidden(error)) return undefined;
    throw error;
  }
}

/**
 * Returns the actions to review for an account: those that Spark and the toolkit perform,
 * and those that no job may perform.
 */
export function actionsToReview(
  account: Account,
  project: Project = DEFAULT_PROJECT,
  elsewhere: readonly string[] = [],
): AccountAction[] {
  const id = accountId(account);
  const namespaces = new Set([account.namespace, ...elsewhere]);
  return [
    ...[...namespaces].flatMap((namespace) =>
      ALL_NEEDS.flatMap(({ resource, verbs }) =>
        verbs.map((verb): AccountAction => ({ account: id, verb, resource, namespace }))
      )
    ),
    ...forbiddenIn(project).map(({ verb, resource, where }): AccountAction => ({
      account: id,
      verb,
      resource,
      namespace: whereIs(where, account),
    })),
  ];
}

async function ask(
  cluster: Cluster,
  action: AccountAction,
  signal: AbortSignal | undefined,
): Promise<Right> {
  const { status } = await cluster.create(reviewOf(action), { signal });
  const { allowed, reason } = isFields(status) ? status : {};
  return { ...action, allowed: allowed === true, reason: typeof reason === "string" ? reason : "" };
}

/** Returns the review of an action, with the groups that the account's token would have. */
function reviewOf({ account, verb, resource, namespace }: AccountAction): object {
  const [home = "", user = ""] = account.split("/");
  const { name, group } = partsOf(resource);
  const [main = "", subresource] = name.split("/");
  return {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SubjectAccessReview",
    spec: {
      user: `system:serviceaccount:${home}:${user}`,
      groups: ["system:serviceaccounts", `system:serviceaccounts:${home}`, "system:authenticated"],
      resourceAttributes: {
        verb,
        resource: main,
        ...(subresource === undefined ? {} : { subresource }),
        group: resource === "*" ? "*" : group,
        ...(namespace === undefined ? {} : { namespace }),
      },
    },
  };
}
