import { shell } from "../../../pipeline/shell.ts";
import type { Finding, Fix } from "../../finding.ts";
import { changedObject, createObjects, explained, patchObject } from "../change.ts";
import { accountId } from "../../kubernetes/jobs.ts";
import { isFields, listOf } from "../../kubernetes/fields.ts";
import {
  lineOf,
  type ManifestObject,
  namespaceOf,
  objectId,
  ofKind,
  placeOf,
} from "../../kubernetes/objects.ts";
import { closestName, closestWord } from "../../kubernetes/spelling.ts";
import type { AccountAction } from "../../facts/cluster/permissions.ts";
import { naming } from "../../list_names.ts";
import { isAllowed, type Known } from "./access_reviews.ts";
import { excess, type UsefulVerbs } from "./excess_permissions.ts";
import type { Need } from "../../spark/required_permissions.ts";
import {
  type AppliedRule,
  type Binding,
  isBuiltIn,
  knownRules,
  may,
  partsOf,
} from "../../kubernetes/role_rules.ts";

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
  const { account: { name }, namespace, bindings } = known;
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
      ...(name === "default"
        ? {
          fix: "Give the pod a service account of its own, and bind a role to the account: " +
            "deno task explain rbac",
        }
        : misplacedBinding(known, useful, objects) ?? bindingFor(known, needs, useful, objects)),
    }];
  }
  const id = accountId(known.account);
  const where = namespace === known.account.namespace ? "" : ` in ${namespace}`;
  const roles = bindings.flatMap(({ object, rules = [], isShared, isRoleShared }) =>
    rules.slice(0, 1).map(({ role }) => ({ object, role, isOfOthers: isShared || isRoleShared }))
  );
  // Other accounts would get the rights, too.
  const isOfOthers = (role: ManifestObject) =>
    roles.some((each) => each.role === role && each.isOfOthers);
  const given = roles.find(({ role }) => !isOfOthers(role)) ?? roles[0];
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
    const named = namedRule(known, resource, verbs);
    const ownRule = `Bind to the account a Role of its own with this rule: ${rule}`;
    if (named !== undefined) {
      return {
        severity,
        ...placeOf(named.role, `${named.path}.resourceNames`),
        problem:
          `the service account ${id} cannot ${verbs.join(", ")} ${resource}: ${named.path} ` +
          `allows it only for ${naming(named.names)}`,
        why: `${why}; a rule with resourceNames allows neither create nor deletecollection`,
        // Without names, the rule must allow no more than the jobs can use.
        fix: isOfOthers(named.role)
          ? ownRule
          : excess(named, useful).length === 0
          ? `Remove resourceNames from ${named.path} of ${objectId(named.role)}, or add to the ` +
            `role: ${rule}`
          : `Add to ${objectId(named.role)}: ${rule}`,
      };
    }
    // The API server resets its own roles.
    const isFixed = given !== undefined && isBuiltIn(given.role);
    return {
      severity,
      ...(given === undefined
        ? place
        : isFixed
        ? placeOf(given.object, "roleRef")
        : placeOf(given.role, "rules")),
      problem: `the service account ${id} cannot ${verbs.join(", ")} ${resource}${where}`,
      why,
      fix: isFixed
        ? `Bind a Role of your own instead of ClusterRole ${given.role.name}, with this rule: ${rule}`
        : given !== undefined && isOfOthers(given.role)
        ? ownRule
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

function deedOf({ account, namespace }: Known, resource: string, verb: string): AccountAction {
  return { account: accountId(account), resource, verb, namespace };
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
  { isLive, namespace }: Known,
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
    fixInFiles:
      `${change}. A roleRef is immutable: if a cluster has the binding, delete it there ` +
      "before the manifests are applied.",
  }];
}

/** A rule that would allow verbs, if it were not limited to objects of some names. */
function namedRule(
  { bindings, namespace }: Known,
  resource: string,
  verbs: readonly string[],
): AppliedRule | undefined {
  return bindings.flatMap(({ object, rules = [] }) =>
    rules.filter((rule) => {
      const unlimited = { object, rules: [{ ...rule, names: [] }] };
      return rule.names.length > 0 && rule.role.file !== undefined &&
        verbs.every((verb) => may([unlimited], { resource, verb, namespace }));
    })
  )[0];
}

/**
 * The fix for a binding of the account that has another namespace than its Role, or whose subject has
 * another namespace than the account. The fix gives no rights to other accounts, takes none from them,
 * and gives the account no more than its jobs can use.
 */
function misplacedBinding(
  { account, namespace }: Known,
  useful: UsefulVerbs,
  objects: readonly ManifestObject[],
): Fix | undefined {
  const isAccount = (each: ManifestObject) =>
    each.name === account.name && each.kind === "ServiceAccount";
  for (const binding of ofKind(objects, "RoleBinding")) {
    const { roleRef, subjects } = binding.value;
    const { file, name } = binding;
    if (file === undefined || !isFields(roleRef) || roleRef.kind !== "Role") continue;
    const roleIn = (place: string) =>
      ofKind(objects, "Role", place).find((role) => role.name === roleRef.name);
    const from = namespaceOf(binding);
    const all = listOf(subjects);
    const at = all.findIndex((each) =>
      each.kind === "ServiceAccount" && each.name === account.name
    );
    const role = roleIn(namespace);
    if (at < 0 || role === undefined || !isNarrow(role, useful)) continue;
    const home = all[at]!.namespace;
    const apply = shell`kubectl apply -f ${file}`;
    if (from === namespace) {
      // An account of the same name in another namespace can need its rights.
      if (objects.some((each) => isAccount(each) && namespaceOf(each) === home)) continue;
      const field = `subjects[${at}].namespace`;
      const change = `Set ${field}: ${account.namespace} in ${objectId(binding)} (${file}:${
        lineOf(binding, field)
      })`;
      return { fix: `${change}, then: ${apply}`, fixInFiles: `${change}.` };
    }
    if (roleIn(from) !== undefined || all.length > 1 || home !== account.namespace) continue;
    const change = `Set metadata.namespace: ${namespace} in ${objectId(binding)} (${file}:${
      lineOf(binding, "metadata.namespace")
    })`;
    return {
      fix: `${change}, then: ${apply} && ` +
        shell`kubectl -n ${from} delete rolebinding ${name} --ignore-not-found`,
      fixInFiles: `${change}. If a cluster has the binding in ${from}, delete it there.`,
    };
  }
  return undefined;
}

/** The fix for an account without a role: a Role of its namespace that fits its jobs, or a new one. */
function bindingFor(
  { account, namespace }: Known,
  needs: readonly Need[],
  useful: UsefulVerbs,
  objects: readonly ManifestObject[],
): Fix {
  const { name } = account;
  const fitting = ofKind(objects, "Role", namespace)
    .filter((role) => isNarrow(role, useful) && suffices(role, needs));
  const role = fitting.find((each) => each.name === name) ?? fitting[0];
  if (role === undefined) {
    return {
      fix: `Make a Role in ${namespace} with only the permissions that deno task explain rbac ` +
        `lists, and bind it to the account ${name}.`,
    };
  }
  const bindings = ofKind(objects, "RoleBinding", namespace);
  const bound = bindings.find(({ value: { roleRef, subjects } }) =>
    isFields(roleRef) && roleRef.kind === "Role" && roleRef.name === role.name &&
    listOf(subjects).length > 0
  );
  if (bound !== undefined) {
    const value = { kind: "ServiceAccount", ...account };
    const near = closestName(name, listOf(bound.value.subjects).map((each) => String(each.name)));
    return explained(
      near === undefined
        ? "Add the account to the subjects of its binding: "
        : `Correct the subject ${near} of its binding, or add the account to the subjects: `,
      patchObject(changedObject(bound), { op: "add", path: "subjects[-]", value }),
    );
  }
  const taken = new Set(bindings.map((each) => each.name));
  const free = [name, `${name}-${role.name}`].find((each) => !taken.has(each)) ??
    `${name}-${role.name}-jobs`;
  const binding = {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "RoleBinding",
    metadata: { name: free, namespace },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: role.name },
    subjects: [{ kind: "ServiceAccount", ...account }],
  };
  const command = shell`kubectl -n ${namespace} create rolebinding ${free} ` +
    shell`--role=${role.name} --serviceaccount=${`${account.namespace}:${name}`}`;
  return explained("Bind its role: ", createObjects([binding], command));
}

/** Returns whether a role has all permissions without which the jobs cannot run. */
function suffices(role: ManifestObject, needs: readonly Need[]): boolean {
  const binding = { object: role, rules: knownRules(role) };
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
  { account, namespace }: Known,
  { resource, verbs, why }: Pick<Need, "resource" | "verbs" | "why">,
  place: ReturnType<typeof placeOf>,
): Finding {
  return {
    severity: "fail",
    ...place,
    problem: `the API server does not allow the service account ${accountId(account)} to ` +
      `${verbs.join(", ")} ${resource}, although its roles allow it`,
    why,
    fix:
      shell`Find the authorizer that denies it, such as a webhook: kubectl -n ${namespace} auth can-i ` +
      shell`${verbs[
        0
      ]!} ${resource} --as=${`system:serviceaccount:${account.namespace}:${account.name}`}`,
  };
}
