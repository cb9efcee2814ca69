import { shell } from "../../../pipeline/shell.ts";
import type { Finding } from "../../finding.ts";
import { accountId } from "../../kubernetes/jobs.ts";
import { placeOf } from "../../kubernetes/objects.ts";
import { isAllowed, type Known } from "./access_reviews.ts";
import { type Need, partsOf } from "./required_permissions.ts";
import { type Binding, may } from "./role_rules.ts";

/**
 * Judges whether a service account has the permissions that its jobs need.
 *
 * @param needs the permissions that the jobs need
 * @param place the place of one of the jobs
 */
export function missingPermissions(
  known: Known,
  needs: readonly Need[],
  place: ReturnType<typeof placeOf>,
): Finding[] {
  const { account: { name, namespace }, bindings } = known;
  if (needs.length === 0) return [];
  const deed = (resource: string, verb: string) => (
    { account: accountId(known.account), resource, verb, namespace }
  );
  const lacking = needs.map((need) => (
    { ...need, verbs: need.verbs.filter((verb) => !isAllowed(known, deed(need.resource, verb))) }
  )).filter(({ verbs }) => verbs.length > 0);
  const lost = bindings.find(({ rules }) => rules === undefined);
  // Without a cluster, the rules of a role that is not in the manifests are unknown.
  if (lost !== undefined && (known.now === undefined || lacking.length > 0)) return [noRole(lost)];
  if (lacking.length === 0) return [];
  if (bindings.length === 0) {
    return [{
      severity: "fail",
      ...place,
      problem: `no role is bound to the service account ${name} in ${namespace}`,
      why: needs.some(({ resource, verbs }) => resource === "pods" && verbs.includes("create"))
        ? "the driver cannot create the pods of its executors, and waits for them forever"
        : "the run cannot make its Jobs",
      fix: name === "default"
        ? "Give the pod a service account of its own, and bind a role to the account: " +
          "deno task explain rbac"
        : shell`Bind its role: kubectl -n ${namespace} create rolebinding ${name} --role=${name} ` +
          shell`--serviceaccount=${`${namespace}:${name}`}`,
    }];
  }
  const role = bindings.flatMap(({ rules = [] }) => rules)[0]?.role;
  return lacking.map(({ resource, verbs, optional, ...need }): Finding => {
    const isOptional = verbs.every((verb) => Object.hasOwn(optional, verb));
    const severity = isOptional ? "warn" : "fail";
    const why = isOptional ? optional[verbs[0]!]! : need.why;
    const denied = verbs.filter((verb) => may(bindings, deed(resource, verb)));
    if (denied.length > 0) {
      return { ...deniedElsewhere(known, { resource, verbs: denied, why }, place), severity };
    }
    return {
      severity,
      ...(role === undefined ? place : placeOf(role, "rules")),
      problem: `the service account ${namespace}/${name} cannot ${verbs.join(", ")} ${resource}`,
      why,
      fix: `Add to the role: - {apiGroups: [${partsOf(resource).group || '""'}], resources: [${
        partsOf(resource).name
      }], verbs: [${verbs.join(", ")}]}`,
    };
  });
}

function noRole({ object, role }: Binding): Finding {
  return {
    severity: "fail",
    ...placeOf(object, "roleRef"),
    problem: `the binding refers to ${role}, which does not exist`,
    why: "the permissions of the driver are unknown, and a role outside the manifests can change",
    fix: "Add the Role to the manifests, or correct roleRef.",
  };
}

/**
 * The finding for permissions that the roles allow and the API server denies. An API server can
 * have other authorizers than RBAC, such as a webhook.
 */
function deniedElsewhere(
  { account: { name, namespace } }: Known,
  { resource, verbs, why }: Pick<Need, "resource" | "verbs" | "why">,
  place: ReturnType<typeof placeOf>,
): Finding {
  return {
    severity: "fail",
    ...place,
    problem: `the API server does not allow the service account ${namespace}/${name} to ` +
      `${verbs.join(", ")} ${resource}, although its roles allow it`,
    why,
    fix:
      shell`Find the authorizer that denies it, such as a webhook: kubectl -n ${namespace} auth can-i ` +
      shell`${verbs[0]!} ${resource} --as=${`system:serviceaccount:${namespace}:${name}`}`,
  };
}
