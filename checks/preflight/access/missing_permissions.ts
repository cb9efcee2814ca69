import { shell } from "../../../pipeline/shell.ts";
import type { Finding } from "../../finding.ts";
import { accountId } from "../../kubernetes/jobs.ts";
import { type ManifestObject, namespaceOf, placeOf } from "../../kubernetes/objects.ts";
import { closestWord } from "../../kubernetes/spelling.ts";
import { isAllowed, type Known } from "./access_reviews.ts";
import { type Need, partsOf } from "./required_permissions.ts";
import { type Binding, isBuiltIn, may } from "./role_rules.ts";

/**
 * Judges whether a service account has the permissions that its jobs need.
 *
 * @param needs the permissions that the jobs need
 * @param place the place of one of the jobs
 * @param objects the objects that can contain the roles
 */
export function missingPermissions(
  known: Known,
  needs: readonly Need[],
  place: ReturnType<typeof placeOf>,
  objects: readonly ManifestObject[],
): Finding[] {
  const { account: { name, namespace }, bindings } = known;
  if (needs.length === 0) return [];
  const deed = (resource: string, verb: string) => (
    { account: accountId(known.account), resource, verb, namespace }
  );
  const lacking = needs.map((need) => (
    { ...need, verbs: need.verbs.filter((verb) => !isAllowed(known, deed(need.resource, verb))) }
  )).filter(({ verbs }) => verbs.length > 0);
  if (lacking.length === 0) return [];
  const [lost] = bindings.flatMap((binding) => absentRole(known, binding, objects));
  if (lost !== undefined) return [lost];
  // The rules of a role that is not in the manifests can contain the permissions.
  if (bindings.some(({ rules }) => rules === undefined)) return [];
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
  const [given] = bindings.flatMap(({ object, rules = [] }) =>
    rules.slice(0, 1).map(({ role }) => ({ object, role }))
  );
  return lacking.map(({ resource, verbs, optional, ...need }): Finding => {
    const isOptional = verbs.every((verb) => Object.hasOwn(optional, verb));
    const severity = isOptional ? "warn" : "fail";
    const why = isOptional ? optional[verbs[0]!]! : need.why;
    const denied = verbs.filter((verb) => may(bindings, deed(resource, verb)));
    if (denied.length > 0) {
      return { ...deniedElsewhere(known, { resource, verbs: denied, why }, place), severity };
    }
    const rule = `- {apiGroups: [${partsOf(resource).group || '""'}], resources: [${
      partsOf(resource).name
    }], verbs: [${verbs.join(", ")}]}`;
    // The API server resets its own roles.
    const isFixed = given !== undefined && isBuiltIn(given.role);
    return {
      severity,
      ...(given === undefined
        ? place
        : isFixed
        ? placeOf(given.object, "roleRef")
        : placeOf(given.role, "rules")),
      problem: `the service account ${namespace}/${name} cannot ${verbs.join(", ")} ${resource}`,
      why,
      fix: isFixed
        ? `Bind a Role of your own instead of ClusterRole ${given.role.name}, with this rule: ${rule}`
        : `Add to the role: ${rule}`,
    };
  });
}

/**
 * The finding for a binding to a role that does not exist. Without a cluster, a role that the
 * manifests do not declare can exist, unless they declare a similar one, or other Roles of the
 * namespace.
 */
function absentRole(
  { isLive }: Known,
  { object, role, isAbsent }: Binding,
  objects: readonly ManifestObject[],
): Finding[] {
  if (!isAbsent) return [];
  const [kind, name] = role.split(" ") as [string, string];
  const roles = objects.filter((each) =>
    each.kind === "ClusterRole" || each.kind === "Role" && namespaceOf(each) === namespaceOf(object)
  );
  const otherKind = roles.find((each) => each.name === name);
  const ofKind = roles.filter((each) => each.kind === kind).map((each) => each.name);
  const meant = otherKind === undefined ? closestWord(name, ofKind) : undefined;
  const isRole = kind === "Role" && ofKind.length > 0;
  if (!isLive && otherKind === undefined && meant === undefined && !isRole) return [];
  return [{
    severity: "fail",
    ...placeOf(object, "roleRef"),
    problem: `the binding refers to ${role}, ${
      isLive ? "which does not exist" : "which the manifests do not declare"
    }`,
    why: "a binding to a role that does not exist gives no permission",
    fix: otherKind !== undefined
      ? `Write in roleRef: kind: ${otherKind.kind}`
      : meant !== undefined
      ? `Write in roleRef: name: ${meant}`
      : "Add the Role to the manifests, or correct roleRef.",
  }];
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
