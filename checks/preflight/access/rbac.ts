import type { Tree } from "../../facts/tree.ts";
import { plural } from "../../../pipeline/progress.ts";
import type { Finding } from "../../finding.ts";
import type { ClusterOpened } from "../../facts/cluster.ts";
import { JOBS, type PlatformCheck, platformCheck } from "../platform.ts";
import { forbiddenDeeds, knownOf } from "./access_reviews.ts";
import { tooMuch } from "./excess_permissions.ts";
import { missingRights } from "./missing_permissions.ts";
import { CLIENT_NEEDS, CLUSTER_NEEDS, type Need } from "./required_permissions.ts";
import { bindingsOf } from "./role_rules.ts";
import { type Account, accountId } from "../../kubernetes/workloads.ts";
import { type Judged, outcomeOfWhole, unlessUnknown } from "../outcome.ts";
import { namespaceOf, placeOf } from "../../kubernetes/objects.ts";

/**
 * The service accounts of jobs may do what Spark does in its namespace, and nothing else: by the roles
 * as they are stored, and where there is a cluster as its API server answers for the account.
 */
export const rbac: PlatformCheck = platformCheck({
  id: "rbac",
  title: "service accounts may do what Spark does, and no more",
  reads: [...JOBS, "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"],
  judge: (platform) =>
    unlessUnknown(
      platform.tree.jobs,
      outcomeOfWhole(platform, judgeRights(platform.tree, platform.cluster), "there is no job"),
    ),
});

/** Somebody that jobs run as. */
interface Needing {
  readonly account: Account;
  /** What its jobs have to be allowed, taken together. */
  readonly needs: readonly Need[];
  /** One of the jobs. */
  readonly place: ReturnType<typeof placeOf>;
}

/**
 * Judges whether the service accounts of jobs may do what Spark does, and no more.
 *
 * @returns undefined where no job has an account
 */
export function judgeRights(tree: Tree, cluster?: ClusterOpened): Judged | undefined {
  const all = accountsOf(tree);
  if (all.length === 0) return undefined;
  return {
    examined: `the rights of ${plural(all.length, "service account")}${askedOf(cluster)}`,
    findings: all.flatMap(({ account, needs, place }): Finding[] => {
      const bindings = bindingsOf(tree.objects, account);
      const known = knownOf(account, bindings, cluster);
      return [
        ...missingRights(known, needs, place),
        ...bindings.flatMap(tooMuch),
        ...forbiddenDeeds(known),
      ];
    }),
  };
}

function askedOf(cluster: ClusterOpened | undefined): string {
  if (cluster === undefined) return "";
  return cluster.rights === undefined
    ? ", by the roles as they are stored: the user may not ask the API server itself, by " +
      "SubjectAccessReviews"
    : ", as the API server answers for them";
}

function accountsOf({ jobs }: Tree): Needing[] {
  const accounts = new Map<string, Needing>();
  for (const { workload: { object, specPath }, mode, account: name = "default" } of jobs) {
    const account = { name, namespace: namespaceOf(object) };
    const id = accountId(account);
    const needs = { local: [], unknown: [], client: CLIENT_NEEDS, cluster: CLUSTER_NEEDS }[mode];
    const before = accounts.get(id);
    if (before !== undefined && before.needs.length >= needs.length && mode !== "cluster") continue;
    const place = placeOf(object, `${specPath}.serviceAccountName`);
    accounts.set(id, { account, needs, place });
  }
  return [...accounts.values()];
}
