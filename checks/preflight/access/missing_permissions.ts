import { shell } from "../../../pipeline/shell.ts";
import type { Finding } from "../../finding.ts";
import { accountId } from "../../kubernetes/jobs.ts";
import { isFields, listOf } from "../../kubernetes/fields.ts";
import {
  type ManifestObject,
  namespaceOf,
  objectId,
  ofKind,
  placeOf,
} from "../../kubernetes/objects.ts";
import { closestWord } from "../../kubernetes/spelling.ts";
import type { AccountAction } from "../../facts/cluster/permissions.ts";
import { naming } from "../../list_names.ts";
import { isAllowed, type Known } from "./access_reviews.ts";
import { excess, type UsefulVerbs } from "./excess_permissions.ts";
import { type Need, partsOf } from "./required_permissions.ts";
import { type Binding, isBuiltIn, knownRules, may } from "./role_rules.ts";

/**
 * Judges whether a service account has the permissions that its jobs need.
 *
 * @param needs the permissions that the jobs need
 * @param useful the permissions that the jobs can use
 * @param place the place of one of the jobs
 * @param objects the objects that can contain the roles
 */
export function missingPermissions(
  known: Known,
  needs: readonly Need[],
  useful: UsefulVerbs,
  place: ReturnType<typeof placeOf>,
  objects: readonly ManifestObject[],
): Finding[] {
  const { account: { name, namespace }, bindings } = known;
  const lacking = lackingOf(known, needs);
  if (lacking.length === 0) return [];
  const [lost] = bindings.flatMap((binding) => absentRole(known, binding, useful, objects));
  if (lost !== undefined) return [lost];
  // The rules of a role that is not in the manifests can contain the permissions.
  if (bindings.some(hasUnknownRules)) return [];
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
        : bindingFor(known, needs, useful, objects),
    }];
  }
  const [given] = bindings.flatMap(({ object, rules = [] }) =>
    rules.slice(0, 1).map(({ role }) => ({ object, role }))
  );
  return lacking.map(({ resource, verbs, optional, ...need }): Finding => {
    const isOptional = verbs.every((verb) => Object.hasOwn(optional, verb));
    const severity = isOptional ? "warn" : "fail";
    const why = isOptional ? optional[verbs[0]!]! : need.why;
    const denied = verbs.filter((verb) => may(bindings, deedOf(known, resource, verb)));
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

/** Returns the permissions that an account needs, and that its known roles do not allow. */
function lackingOf(known: Known, needs: readonly Need[]): Need[] {
  return needs.map((need) => ({
    ...need,
    verbs: need.verbs.filter((verb) => !isAllowed(known, deedOf(known, need.resource, verb))),
  })).filter(({ verbs }) => verbs.length > 0);
}

function deedOf({ account }: Known, resource: string, verb: string): AccountAction {
  return { account: accountId(account), resource, verb, namespace: account.namespace };
}

/**
 * Says which permissions of an account only roles with unknown rules can contain.
 *
 * @returns undefined if the known roles or the API server decide
 */
export function undecided(known: Known, needs: readonly Need[]): string | undefined {
  if (known.rights !== undefined) return undefined;
  const unknown = known.bindings.filter(hasUnknownRules);
  const lacking = unknown.length === 0 ? [] : lackingOf(known, needs);
  if (lacking.length === 0) return undefined;
  const roles = unknown.map(({ object, role }) => `${role} (${objectId(object)})`);
  const deeds = lacking.map(({ resource, verbs }) => `${verbs.join(", ")} ${resource}`);
  return `the rules of ${
    naming([...new Set(roles)])
  } are not in the manifests, and no other role ` +
    `lets the service account ${accountId(known.account)} ${naming(deeds)}`;
}

function hasUnknownRules({ rules }: Binding): boolean {
  return rules === undefined;
}

/**
 * The finding for a binding to a role that does not exist. Without a cluster, a role that the
 * manifests do not declare can exist, unless they declare a similar one.
 */
function absentRole(
  { isLive, account }: Known,
  { object, role, isAbsent }: Binding,
  useful: UsefulVerbs,
  objects: readonly ManifestObject[],
): Finding[] {
  if (!isAbsent) return [];
  const [kind, name] = role.split(" ") as [string, string];
  const isBindable = (each: ManifestObject) =>
    each.kind === "ClusterRole" ||
    // A ClusterRoleBinding cannot bind a Role.
    each.kind === "Role" && object.kind === "RoleBinding" &&
      namespaceOf(each) === namespaceOf(object);
  const roles = objects.filter(isBindable);
  const meantName = closestWord(
    name,
    roles.filter((each) => each.kind === kind).map((each) => each.name),
  );
  const meant = roles.find((each) => each.name === name) ??
    roles.find((each) => each.kind === kind && each.name === meantName);
  if (!isLive && meant === undefined) return [];
  const { namespace } = account;
  const change = meant !== undefined && isNarrow(meant, useful)
    ? `Write in roleRef: ${meant.name === name ? `kind: ${meant.kind}` : `name: ${meant.name}`}`
    : `Make a Role in ${namespace} with only the permissions that deno task explain rbac lists, ` +
      "and bind it";
  const place = object.kind === "RoleBinding" ? shell`-n ${namespaceOf(object)} ` : "";
  return [{
    severity: "fail",
    ...placeOf(object, "roleRef"),
    problem: `the binding refers to ${role}, ${
      isLive ? "which does not exist" : "which the manifests do not declare"
    }`,
    why: "a binding to a role that does not exist gives no permission",
    fix: `${change}. A roleRef is immutable, so first delete the binding: kubectl ${place}delete ` +
      shell`${object.kind.toLowerCase()} ${object.name} --ignore-not-found`,
  }];
}

/** The fix for an account without a role: a Role of its namespace that fits its jobs, or a new one. */
function bindingFor(
  { account: { name, namespace } }: Known,
  needs: readonly Need[],
  useful: UsefulVerbs,
  objects: readonly ManifestObject[],
): string {
  const fitting = ofKind(objects, "Role", namespace)
    .filter((role) => isNarrow(role, useful) && suffices(role, needs));
  const role = fitting.find((each) => each.name === name) ?? fitting[0];
  if (role === undefined) {
    return `Make a Role in ${namespace} with only the permissions that deno task explain rbac ` +
      `lists, and bind it to the account ${name}.`;
  }
  const bindings = ofKind(objects, "RoleBinding", namespace);
  const bound = bindings.find(({ value: { roleRef, subjects } }) =>
    isFields(roleRef) && roleRef.kind === "Role" && roleRef.name === role.name &&
    listOf(subjects).length > 0
  );
  if (bound !== undefined) {
    const value = { kind: "ServiceAccount", name, namespace };
    const patch = JSON.stringify([{ op: "add", path: "/subjects/-", value }]);
    return "Add the account to the subjects of its binding: " +
      shell`kubectl -n ${namespace} patch rolebinding ${bound.name} --type=json -p ${patch}`;
  }
  const taken = new Set(bindings.map((each) => each.name));
  const free = [name, `${name}-${role.name}`].find((each) => !taken.has(each)) ??
    `${name}-${role.name}-jobs`;
  return shell`Bind its role: kubectl -n ${namespace} create rolebinding ${free} ` +
    shell`--role=${role.name} --serviceaccount=${`${namespace}:${name}`}`;
}

/** Returns whether a role has all permissions without which the jobs cannot run. */
function suffices(role: ManifestObject, needs: readonly Need[]): boolean {
  const binding = { object: role, role: role.name, rules: knownRules(role), isAbsent: false };
  const namespace = namespaceOf(role);
  return needs.every(({ resource, verbs, optional }) =>
    verbs.every((verb) =>
      Object.hasOwn(optional, verb) || may([binding], { resource, verb, namespace })
    )
  );
}

/** Returns whether a role has only permissions that the jobs can use. */
function isNarrow(role: ManifestObject, useful: UsefulVerbs): boolean {
  const rules = knownRules(role);
  return rules !== undefined && rules.every((rule) => excess(rule, useful).length === 0);
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
