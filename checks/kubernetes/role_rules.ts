import { labelOf, type ManifestObject, namespaceOf, ofKind } from "./objects.ts";
import { isFields, listOf, textOf } from "./fields.ts";
import type { Account } from "./jobs.ts";
import { defaultRole } from "./default_roles.ts";

/** An action in a cluster. */
export interface Action {
  /** The verb, as in `create`; `*` is every verb. */
  readonly verb: string;
  /** The resource, as in `pods` and `jobs.batch`; `*` is every resource of every API group. */
  readonly resource: string;
  /** The namespace; undefined for all namespaces. */
  readonly namespace: string | undefined;
}

/** A rule that applies to a service account. */
export interface AppliedRule {
  /** The Role or ClusterRole. */
  readonly role: ManifestObject;
  /** The path in the role, as in `rules[0]`. */
  readonly path: string;
  /** The API groups; the core group is empty. */
  readonly groups: readonly string[];
  /** The resources, as in `pods` or `pods/log`. */
  readonly resources: readonly string[];
  /** The verbs, as in `get`. */
  readonly verbs: readonly string[];
  /** The names of the objects that the rule is limited to; empty for all objects. */
  readonly names: readonly string[];
}

/** A binding of a service account. */
export interface Binding {
  /** The RoleBinding or ClusterRoleBinding. */
  readonly object: ManifestObject;
  /** The kind and name of the role, as in `Role spark-jobs`. */
  readonly role: string;
  /** The rules of the role; undefined if they are unknown. */
  readonly rules: readonly AppliedRule[] | undefined;
  /** True if the role was not found. */
  readonly isAbsent: boolean;
  /** True if the binding has other subjects, too. */
  readonly isShared: boolean;
  /** True if another binding gives the role to other subjects. */
  readonly isRoleShared: boolean;
}

/**
 * The bindings of a service account in a namespace, by default its own, without the bindings that
 * Kubernetes creates for all accounts.
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
    const subjects = listOf(object.value.subjects)
      .filter((each) => names(withNamespace(each, object), account));
    return subjects.some(({ kind }) => kind !== "Group" || !isBuiltIn(object));
  });
  return bound.map((object) => {
    const ref = isFields(object.value.roleRef) ? object.value.roleRef : {};
    const [kind, name] = [textOf(ref.kind) ?? "", textOf(ref.name) ?? ""];
    const role = objects.find((each) =>
      each.kind === kind && each.name === name &&
      (kind !== "Role" || namespaceOf(each) === namespaceOf(object))
    ) ?? defaultRole(kind, name);
    const rules = role === undefined ? undefined : knownRules(role);
    return {
      object,
      role: `${kind} ${name}`,
      rules,
      isAbsent: role === undefined,
      isShared: isBuiltIn(object) || listOf(object.value.subjects).length > 1,
      isRoleShared: othersOf(objects, object, { kind, name }, account),
    };
  });
}

/** Returns whether bindings beside one give its role to subjects other than an account. */
function othersOf(
  objects: readonly ManifestObject[],
  binding: ManifestObject,
  role: { readonly kind: string; readonly name: string },
  account: Account,
): boolean {
  const isOfOthers = (each: ManifestObject) => {
    const ref = isFields(each.value.roleRef) ? each.value.roleRef : {};
    return each !== binding && ref.kind === role.kind && ref.name === role.name &&
      listOf(each.value.subjects).some((subject) => !names(withNamespace(subject, each), account));
  };
  const inNamespace = ofKind(objects, "RoleBinding")
    .filter((each) => role.kind === "ClusterRole" || namespaceOf(each) === namespaceOf(binding));
  return [...inNamespace, ...ofKind(objects, "ClusterRoleBinding")].some(isOfOthers);
}

/** The rules of a role; undefined if a controller completes them. */
export function knownRules(role: ManifestObject): AppliedRule[] | undefined {
  return isAggregated(role) ? undefined : rulesOf(role);
}

/** Returns whether a controller will add the rules of other roles to a role of the manifests. */
function isAggregated({ file, value }: ManifestObject): boolean {
  return file !== undefined && isFields(value.aggregationRule);
}

/** Returns whether the API server creates an object, and creates it again if it is missing. */
export function isBuiltIn(object: ManifestObject): boolean {
  return labelOf(object, "kubernetes.io/bootstrapping") === "rbac-defaults";
}

/** Adds the namespace of a RoleBinding to a subject without a namespace, as Kubernetes does. */
function withNamespace(
  subject: Readonly<Record<string, unknown>>,
  object: ManifestObject,
): Readonly<Record<string, unknown>> {
  return object.kind === "RoleBinding" && !subject.namespace
    ? { ...subject, namespace: namespaceOf(object) }
    : subject;
}

/**
 * Returns whether a service account may be the subject of a binding in another namespace. The
 * manifests of a namespace can leave out its name, and `kubectl -n` adds the name.
 */
export function mayBeBoundElsewhere(objects: readonly ManifestObject[], account: Account): boolean {
  const { name, namespace } = account;
  if (objects.some((each) => each.namespace === namespace)) return false;
  return [...ofKind(objects, "RoleBinding"), ...ofKind(objects, "ClusterRoleBinding")].some(
    ({ value }) =>
      listOf(value.subjects).some((each) => each.kind === "ServiceAccount" && each.name === name),
  );
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

/** Returns whether bindings of an account allow an action. */
export function may(
  bindings: readonly Pick<Binding, "object" | "rules">[],
  { resource, verb, namespace }: Action,
): boolean {
  return bindings.some(({ object, rules = [] }) =>
    (object.kind === "ClusterRoleBinding" || namespaceOf(object) === namespace) &&
    rules.some((rule) => allows(rule, resource, verb))
  );
}

/** Returns whether a rule allows a verb on all objects of a resource. */
function allows(rule: AppliedRule, resource: string, verb: string): boolean {
  const has = (list: readonly string[], each: string) => list.includes(each) || list.includes("*");
  const { name, group } = partsOf(resource);
  return rule.names.length === 0 && has(rule.groups, group) && has(rule.resources, name) &&
    has(rule.verbs, verb);
}

/** The name and the API group of a resource, as in `jobs` and `batch` of `jobs.batch`. */
export function partsOf(resource: string): { readonly name: string; readonly group: string } {
  const [name = "", ...group] = resource.split(".");
  return { name, group: group.join(".") };
}
