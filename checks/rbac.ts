import { plural } from "../pipeline/progress.ts";
import type { Finding } from "./check.ts";
import { objectId } from "./facts/manifests.ts";
import { JOBS, type PlatformCheck, platformCheck } from "./platform.ts";
import { effectiveSettings, modeOf } from "./quota/spark_pods.ts";
import { CLIENT_NEEDS, CLUSTER_NEEDS, type Need, USEFUL } from "./rbac/needs.ts";
import { allows, type AppliedRule, type Binding, bindingsOf } from "./rbac/rules.ts";
import { accountOf } from "./workload/account.ts";
import { jobsOf } from "./workload/containers.ts";
import {
  type Judged,
  namespaceOf,
  outcomeOfWhole,
  placeOf,
  type Tree,
  treeOf,
} from "./workload/tree.ts";

/** The service accounts of jobs may do what Spark does in its namespace, and nothing else. */
export const rbac: PlatformCheck = platformCheck({
  id: "rbac",
  title: "service accounts may do what Spark does, and no more",
  reads: [...JOBS, "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"],
  judge: (platform) => outcomeOfWhole(platform, judgeRights(treeOf(platform)), "there is no job"),
});

/** Somebody that jobs run as. */
interface Account {
  readonly name: string;
  readonly namespace: string;
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
export function judgeRights(tree: Tree): Judged | undefined {
  const accounts = accountsOf(tree);
  if (accounts.length === 0) return undefined;
  return {
    examined: `the rights of ${plural(accounts.length, "service account")}`,
    findings: accounts.flatMap((account) => {
      const bindings = bindingsOf(tree.objects, account);
      return [...missing(account, bindings), ...bindings.flatMap(tooMuch)];
    }),
  };
}

function accountsOf({ objects, code }: Tree): Account[] {
  const accounts = new Map<string, Account>();
  for (const job of jobsOf(objects)) {
    const namespace = namespaceOf(job.object);
    const name = accountOf(job) ?? "default";
    const mode = modeOf(effectiveSettings(job, code));
    const needs = { local: [], client: CLIENT_NEEDS, cluster: CLUSTER_NEEDS }[mode];
    const before = accounts.get(`${namespace}/${name}`);
    if (before !== undefined && before.needs.length >= needs.length && mode !== "cluster") continue;
    const place = placeOf(job.object, `${job.specPath}.serviceAccountName`);
    accounts.set(`${namespace}/${name}`, { name, namespace, needs, place });
  }
  return [...accounts.values()];
}

function missing(account: Account, bindings: readonly Binding[]): Finding[] {
  const { name, namespace, needs, place } = account;
  if (needs.length === 0) return [];
  const lost = bindings.find(({ rules }) => rules === undefined);
  if (lost !== undefined) return [noRole(lost)];
  if (bindings.length === 0) {
    return [{
      severity: "fail",
      ...place,
      problem: `nothing gives the service account ${name} any rights in ${namespace}`,
      why: "the driver may not make its executors' pods, and waits for them for ever",
      fix: `Bind its role: kubectl -n ${namespace} create rolebinding ${name} --role=${name} ` +
        `--serviceaccount=${namespace}:${name}`,
    }];
  }
  const rules = bindings.flatMap((binding) => binding.rules ?? []);
  return needs.flatMap(({ resource, verbs, why }): Finding[] => {
    const lacking = verbs.filter((verb) => !rules.some((rule) => allows(rule, resource, verb)));
    if (lacking.length === 0) return [];
    const role = rules[0]?.role;
    return [{
      severity: "fail",
      ...(role === undefined ? place : placeOf(role, "rules")),
      problem: `the service account ${namespace}/${name} may not ${lacking.join(", ")} ${resource}`,
      why,
      fix: `Add to the role: - {apiGroups: [""], resources: [${resource}], verbs: [${
        lacking.join(", ")
      }]}`,
    }];
  });
}

function noRole({ object, role }: Binding): Finding {
  return {
    severity: "fail",
    ...placeOf(object, "roleRef"),
    problem: `${role}, which it binds, is not in the manifests`,
    why: "nobody can tell what the driver may do; a role of the cluster can also change",
    fix: "Add the Role to the manifests, or correct roleRef.",
  };
}

function tooMuch({ object, rules = [] }: Binding): Finding[] {
  const wide: Finding[] = object.kind !== "ClusterRoleBinding" ? [] : [{
    severity: "fail",
    ...placeOf(object, ""),
    problem: "it gives its rights in every namespace of the cluster",
    why: "a job that is taken over can then get at the pods of production",
    fix: `Make it a RoleBinding in the jobs' namespace, and remove this one: kubectl delete ` +
      `clusterrolebinding ${object.name}`,
  }];
  return [...wide, ...rules.flatMap(excess)];
}

function excess(rule: AppliedRule): Finding[] {
  const { role, path, groups, resources, verbs } = rule;
  const find = (field: string, what: string): Finding => ({
    severity: "fail",
    ...placeOf(role, `${path}.${field}`),
    problem: `it allows ${what}`,
    why: "Spark needs no such right, and whoever takes a job over has it too",
    fix: `Name what Spark needs only, see runbook/rbac.md, in ${objectId(role)}.`,
  });
  if (resources.includes("*")) return [find("resources", "everything, by resources: [*]")];
  if (resources.some((each) => each === "secrets" || each.startsWith("secrets/"))) {
    return [find("resources", "reading or changing Secrets")];
  }
  if (verbs.includes("*")) return [find("verbs", `every verb on ${resources.join(", ")}`)];
  const foreign = groups.filter((group) => group !== "");
  if (foreign.length > 0) {
    return [find("apiGroups", `${resources.join(", ")} of ${foreign.join(", ")}`)];
  }
  const extra = resources.flatMap((resource) => {
    const useful = USEFUL[resource] ?? [];
    return verbs.filter((verb) => !useful.includes(verb)).map((verb) => `${verb} ${resource}`);
  });
  return extra.length === 0 ? [] : [find("verbs", extra.join(", "))];
}
