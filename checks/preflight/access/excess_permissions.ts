import type { Finding } from "../../finding.ts";
import { type ManifestObject, objectId, placeOf } from "../../kubernetes/objects.ts";
import { naming } from "../../list_names.ts";
import { listOf } from "../../kubernetes/fields.ts";
import { USEFUL } from "./required_permissions.ts";
import { type AppliedRule, type Binding, isBuiltIn } from "./role_rules.ts";

const WHY = "Spark needs no such right, and whoever takes a job over has it too";

/** Judges what a binding gives that Spark has no use for. */
export function tooMuch({ object, rules = [] }: Binding): Finding[] {
  const isWide = object.kind === "ClusterRoleBinding";
  // A role that others made is for them: what is wrong is that it was bound.
  const isTheirs = rules.some(({ role }) => role.file === undefined && role.kind === "ClusterRole");
  const excesses = rules.flatMap(excess);
  const [most, ...more] = excesses;
  return [
    ...(isWide
      ? [{
        severity: "fail" as const,
        ...placeOf(object, ""),
        problem: "it gives its rights in every namespace of the cluster",
        why: "a job that is taken over can then get at the pods of production",
        fix: isShared(object)
          ? `Take the account out of its subjects: kubectl edit clusterrolebinding ${object.name}`
          : "Make it a RoleBinding in the jobs' namespace, and remove this one: kubectl delete " +
            `clusterrolebinding ${object.name}`,
      }]
      : []),
    ...(!isTheirs ? excesses.map(ofRole) : isWide || most === undefined ? [] : [{
      severity: "fail" as const,
      ...placeOf(object, "roleRef"),
      problem: `it allows ${naming([most, ...more].map(({ what }) => what))}`,
      why: WHY,
      fix: "Bind a Role that names what Spark needs only, see runbook/rbac.md, and remove this: " +
        `kubectl -n ${object.namespace} delete rolebinding ${object.name}`,
    }]),
  ];
}

/** Whether a binding is for others, too. */
function isShared(object: ManifestObject): boolean {
  return isBuiltIn(object) || listOf(object.value.subjects).length > 1;
}

/** What a rule allows that Spark has no use for. */
interface Excess {
  readonly rule: AppliedRule;
  /** The field that says so. */
  readonly field: "resources" | "verbs" | "apiGroups";
  /** What, in words. */
  readonly what: string;
}

function ofRole({ rule: { role, path }, field, what }: Excess): Finding {
  return {
    severity: "fail",
    ...placeOf(role, `${path}.${field}`),
    problem: `it allows ${what}`,
    why: WHY,
    fix: `Name what Spark needs only, see runbook/rbac.md, in ${objectId(role)}.`,
  };
}

function excess(rule: AppliedRule): Excess[] {
  const { groups, resources, verbs } = rule;
  const find = (field: Excess["field"], what: string): Excess[] => [{ rule, field, what }];
  if (resources.includes("*")) return find("resources", "everything, by resources: [*]");
  if (resources.some((each) => each === "secrets" || each.startsWith("secrets/"))) {
    return find("resources", "reading or changing Secrets");
  }
  if (verbs.includes("*")) return find("verbs", `every verb on ${resources.join(", ")}`);
  const foreign = groups.filter((group) => group !== "");
  if (foreign.length > 0 && resources.length > 0) {
    return find("apiGroups", `${resources.join(", ")} of ${foreign.join(", ")}`);
  }
  const extra = resources.flatMap((resource) => {
    const useful = USEFUL[resource] ?? [];
    return verbs.filter((verb) => !useful.includes(verb)).map((verb) => `${verb} ${resource}`);
  });
  return extra.length === 0 ? [] : find("verbs", extra.join(", "));
}
