import { shell } from "../../../pipeline/shell.ts";
import type { Finding, Fix } from "../../finding.ts";
import { type ManifestObject, objectId, placeOf } from "../../kubernetes/objects.ts";
import { naming } from "../../list_names.ts";
import { entryOf } from "../../kubernetes/fields.ts";
import { type AppliedRule, type Binding, partsOf } from "../../kubernetes/role_rules.ts";

/** The verbs that the jobs of an account can use, by resource. */
export type UsefulVerbs = Readonly<Record<string, readonly string[]>>;

const WHY =
  "the jobs do not need this permission, and an attacker who controls a job would have it";

/**
 * Judges the permissions of a binding that the jobs of its account do not need.
 *
 * @param useful the permissions that the jobs can use
 */
export function excessPermissions(
  { object, rules = [], isShared, isRoleShared }: Binding,
  useful: UsefulVerbs,
): Finding[] {
  const isWide = object.kind === "ClusterRoleBinding";
  // A ClusterRole that is not in the manifests is for others: the binding is wrong, not the role.
  const isTheirs = rules.some(({ role }) => role.file === undefined && role.kind === "ClusterRole");
  const excesses = rules.flatMap((rule) => excess(rule, useful));
  const [most, ...more] = excesses;
  // Other subjects of the binding, or of the role, can need its rights.
  const edit = isShared ? editOf(object) : undefined;
  const ownRole = edit === undefined
    ? {
      fix: `${OWN_ROLE}, and delete this binding: ${deletionOf(object)}`,
      fixInFiles: `${OWN_ROLE}, and remove this binding. ${IN_CLUSTER}`,
    }
    : {
      fix: `${OWN_ROLE}, and remove the account from the subjects of the shared binding: ${edit}`,
      fixInFiles: `${OWN_ROLE}, and remove the account from the subjects of the shared binding.`,
    };
  return [
    ...(isWide
      ? [{
        severity: "fail" as const,
        ...placeOf(object, ""),
        problem: "it gives its rights in every namespace of the cluster",
        why: "an attacker who controls a job can then change the pods of production",
        ...(edit !== undefined
          ? {
            fix: `Remove the account from its subjects: ${edit}`,
            fixInFiles: "Remove the account from its subjects.",
          }
          : {
            fix: "Make it a RoleBinding in the jobs' namespace, and delete this one: " +
              deletionOf(object),
            fixInFiles: `Make it a RoleBinding in the jobs' namespace. ${IN_CLUSTER}`,
          }),
      }]
      : []),
    ...(!isTheirs
      ? excesses.map((each) => ofRole(each, isShared || isRoleShared ? ownRole : undefined))
      : isWide || most === undefined
      ? []
      : [{
        severity: excesses.every(({ harmless }) => harmless) ? "warn" as const : "fail" as const,
        ...placeOf(object, "roleRef"),
        problem: `it allows ${naming([most, ...more].map(({ what }) => what))}`,
        why: WHY,
        ...ownRole,
      }]),
  ];
}

const OWN_ROLE =
  "Bind to the account a Role with only the permissions that deno task explain rbac lists";

const IN_CLUSTER = "If a cluster has this binding, delete it there.";

function editOf({ kind, name, namespace = "default" }: ManifestObject): string {
  return kind === "RoleBinding"
    ? shell`kubectl -n ${namespace} edit rolebinding ${name}`
    : shell`kubectl edit clusterrolebinding ${name}`;
}

function deletionOf({ kind, name, namespace = "default" }: ManifestObject): string {
  return kind === "RoleBinding"
    ? shell`kubectl -n ${namespace} delete rolebinding ${name}`
    : shell`kubectl delete clusterrolebinding ${name}`;
}

/** A permission in a rule that no job of the account needs. */
export interface Excess {
  /** The rule. */
  readonly rule: AppliedRule;
  /** The field that grants the permission. */
  readonly field: "resources" | "verbs" | "apiGroups";
  /** The permission for people, as in `every verb on pods`. */
  readonly what: string;
  /** True if an attacker who controls a job gains nothing, or can only read public objects. */
  readonly harmless?: true;
}

function ofRole(
  { rule: { role, path }, field, what, harmless }: Excess,
  ownRole: Fix | undefined,
): Finding {
  return {
    severity: harmless ? "warn" : "fail",
    ...placeOf(role, `${path}.${field}`),
    problem: `it allows ${what}`,
    why: harmless ? "the jobs do not need this permission" : WHY,
    ...(ownRole ?? {
      fix: `Keep in ${objectId(role)} only the permissions that deno task explain rbac lists.`,
    }),
  };
}

/** The permissions of a rule that the jobs of an account cannot use. */
export function excess(rule: AppliedRule, useful: UsefulVerbs): Excess[] {
  const { groups, resources, verbs } = rule;
  const find = (field: Excess["field"], what: string): Excess[] => [{ rule, field, what }];
  if (resources.includes("*")) return find("resources", "everything, by resources: [*]");
  if (resources.some((each) => each === "secrets" || each.startsWith("secrets/"))) {
    return find("resources", "reading or changing Secrets");
  }
  if (verbs.includes("*")) return find("verbs", `every verb on ${resources.join(", ")}`);
  const known = Object.keys(useful).map((resource) => partsOf(resource).group);
  const foreign = groups.filter((group) => group !== "" && !known.includes(group));
  if (foreign.length > 0 && resources.length > 0) {
    return find("apiGroups", `${resources.join(", ")} of ${foreign.join(", ")}`);
  }
  const nameIn = (group: string, each: string) => group === "" ? each : `${each}.${group}`;
  // A resource that belongs to another group of the rule does not exist in this one.
  const existsIn = (group: string, each: string) =>
    useful[nameIn(group, each)] !== undefined ||
    !groups.some((other) => useful[nameIn(other, each)] !== undefined);
  const extra = groups.flatMap((group) =>
    resources.filter((each) => existsIn(group, each)).map((each) => nameIn(group, each))
  ).flatMap((resource) =>
    verbs.filter((verb) => !useful[resource]?.includes(verb)).map((verb) => ({ resource, verb }))
  );
  if (extra.length === 0) return [];
  const what = extra.map(({ resource, verb }) => `${verb} ${resource}`).join(", ");
  return extra.every(isHarmless)
    ? [{ rule, field: "verbs", what, harmless: true }]
    : find("verbs", what);
}

/** The only verbs that the API server serves for a subresource; others have no effect. */
const SERVED: Readonly<Record<string, readonly string[]>> = {
  "pods/log": ["get"],
  "pods/status": ["get", "patch", "update"],
  "pods/eviction": ["create"],
  "pods/binding": ["create"],
  "pods/exec": ["get", "create"],
  "pods/attach": ["get", "create"],
  "pods/portforward": ["get", "create"],
  "serviceaccounts/token": ["create"],
};

/** Returns whether a permission has no effect, or only lets a job read objects without secrets. */
function isHarmless(
  { resource, verb }: { readonly resource: string; readonly verb: string },
): boolean {
  const served = entryOf(SERVED, resource);
  if (served !== undefined) return !served.includes(verb);
  return !resource.includes("/") && ["get", "list", "watch"].includes(verb);
}
