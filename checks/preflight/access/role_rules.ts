import { labelOf, type ManifestObject, namespaceOf, ofKind } from "../../kubernetes/objects.ts";
import { isFields, listOf, textOf } from "../../kubernetes/fields.ts";
import type { AccountAction } from "../../facts/cluster/permissions.ts";
import type { Account } from "../../kubernetes/workloads.ts";

/** A rule that applies to a service account. */
export interface AppliedRule {
  /** The Role or ClusterRole. */
  readonly role: ManifestObject;
  /** Where the rule stands in it. */
  readonly path: string;
  /** API groups; the core one is empty. */
  readonly groups: readonly string[];
  /** Resources, as in `pods` or `pods/log`. */
  readonly resources: readonly string[];
  /** Verbs. */
  readonly verbs: readonly string[];
  /** The only names that it is for; empty for all. */
  readonly names: readonly string[];
}

/** A binding of a service account. */
export interface Binding {
  /** The RoleBinding or ClusterRoleBinding. */
  readonly object: ManifestObject;
  /** Kind and name of the role, as in `Role spark-jobs`. */
  readonly role: string;
  /** The rules of that role; undefined where it is not known. */
  readonly rules: readonly AppliedRule[] | undefined;
}

/**
 * The bindings that give a service account rights in a namespace, its own unless told; without those that Kubernetes
 * gives to everybody, such as to ask what one may do.
 */
export function bindingsOf(
  objects: readonly ManifestObject[],
  account: Account,
  namespace = account.namespace,
): Binding[] {
  const all = [
    ...ofKind(objects, "RoleBinding", namespace),
    ...ofKind(objects, "ClusterRoleBinding"),
  ];
  const bound = all.filter((object) => {
    const subjects = listOf(object.value.subjects).filter((each) => names(each, account));
    return subjects.some(({ kind }) => kind !== "Group" || !isBuiltIn(object));
  });
  return bound.map((object) => {
    const ref = isFields(object.value.roleRef) ? object.value.roleRef : {};
    const [kind, name] = [textOf(ref.kind) ?? "", textOf(ref.name) ?? ""];
    const role = objects.find((each) =>
      each.kind === kind && each.name === name &&
      (kind !== "Role" || namespaceOf(each) === namespaceOf(object))
    );
    return { object, role: `${kind} ${name}`, rules: role && rulesOf(role) };
  });
}

/** Whether the API server makes an object by itself, and makes it anew where it is missing. */
export function isBuiltIn(object: ManifestObject): boolean {
  return labelOf(object, "kubernetes.io/bootstrapping") === "rbac-defaults";
}

function names(
  { kind, name, namespace }: Readonly<Record<string, unknown>>,
  account: Account,
): boolean {
  if (kind === "ServiceAccount") return name === account.name && namespace === account.namespace;
  if (kind === "User") return name === `system:serviceaccount:${account.namespace}:${account.name}`;
  return kind === "Group" &&
    (name === "system:serviceaccounts" || name === "system:authenticated" ||
      name === `system:serviceaccounts:${account.namespace}`);
}

function rulesOf(role: ManifestObject): AppliedRule[] {
  return listOf(role.value.rules).map((rule, i) => ({
    role,
    path: `rules[${i}]`,
    groups: texts(rule.apiGroups),
    resources: texts(rule.resources),
    verbs: texts(rule.verbs),
    names: texts(rule.resourceNames),
  }));
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.map((each) => textOf(each) ?? "") : [];
}

/** Whether bindings of an account allow a deed. */
export function may(
  bindings: readonly Binding[],
  { resource, verb, namespace }: Pick<AccountAction, "resource" | "verb" | "namespace">,
): boolean {
  return bindings.some(({ object, rules = [] }) =>
    (object.kind === "ClusterRoleBinding" || namespaceOf(object) === namespace) &&
    rules.some((rule) => allows(rule, resource, verb))
  );
}

/** Whether a rule allows a verb on all objects of a resource of the core group. */
function allows(rule: AppliedRule, resource: string, verb: string): boolean {
  const has = (list: readonly string[], each: string) => list.includes(each) || list.includes("*");
  return rule.names.length === 0 && has(rule.groups, "") && has(rule.resources, resource) &&
    has(rule.verbs, verb);
}
