import type { Finding } from "../../finding.ts";
import { fieldsIn, isFields, listOf, textOf } from "../../kubernetes/fields.ts";
import { type ManifestObject, ofKind, placeOf } from "../../kubernetes/objects.ts";
import { closestWord } from "../../kubernetes/spelling.ts";
import type { Pods } from "./pod_requests.ts";

/** A condition that a pod meets if a quota counts the pod. */
interface Scope {
  readonly name: string;
  readonly operator: string;
  readonly values: readonly string[];
  readonly path: string;
}

/** The scopes of pods. */
const SCOPES = [
  "BestEffort",
  "CrossNamespacePodAffinity",
  "NotBestEffort",
  "NotTerminating",
  "PriorityClass",
  "Terminating",
  "VolumeAttributesClass",
];

/** The resources that a quota with scopes can count. */
const COUNTABLE = [
  "pods",
  "cpu",
  "memory",
  "requests.cpu",
  "requests.memory",
  "limits.cpu",
  "limits.memory",
];

/** The scopes that exclude each other. */
const OPPOSITES = [["BestEffort", "NotBestEffort"], ["Terminating", "NotTerminating"]] as const;

function scopesOf({ kind, value }: ManifestObject): Scope[] {
  if (kind !== "ResourceQuota") return [];
  const spec = fieldsIn(value.spec);
  const names = Array.isArray(spec.scopes) ? spec.scopes : [];
  const expressions = listOf(fieldsIn(spec.scopeSelector).matchExpressions);
  return [
    ...names.map((name: unknown, i): Scope => (
      { name: String(name), operator: "Exists", values: [], path: `spec.scopes[${i}]` }
    )),
    ...expressions.map(({ scopeName, operator, values }, i): Scope => ({
      name: textOf(scopeName) ?? "",
      operator: textOf(operator) ?? "",
      values: Array.isArray(values) ? values.map(String) : [],
      path: `spec.scopeSelector.matchExpressions[${i}].scopeName`,
    })),
  ];
}

/** The scopes of a quota, as in `NotTerminating` or `PriorityClass In low`. */
export function scopeNames(quota: ManifestObject): string[] {
  return scopesOf(quota).map(({ name, operator, values }) =>
    operator === "Exists" ? name : [name, operator, values.join(",")].join(" ").trimEnd()
  );
}

/** Returns whether a quota counts only the pods of some scopes. */
export function isScoped(quota: ManifestObject): boolean {
  return scopesOf(quota).length > 0;
}

/**
 * Returns whether a quota counts pods, according to its scopes.
 *
 * @param defaultClass the class of pods without a priorityClassName
 * @returns undefined if the manifests do not show whether the pods are in a scope
 */
export function countsPods(
  quota: ManifestObject,
  pods: Pods,
  defaultClass: DefaultClass,
): boolean | undefined {
  const answers = scopesOf(quota).map((scope) => isIn(scope, pods, defaultClass));
  if (answers.includes(false)) return false;
  return answers.includes(undefined) ? undefined : true;
}

/** The name of the global default PriorityClass, null without one, or undefined if unknown. */
export type DefaultClass = string | null | undefined;

/**
 * The global default PriorityClass. Without the list of a cluster, it is known only if a manifest
 * declares it, because the cluster can have another one.
 *
 * @param isComplete whether the objects have all PriorityClasses of the cluster
 */
export function defaultClassOf(
  objects: readonly ManifestObject[],
  isComplete: boolean,
): DefaultClass {
  const found = ofKind(objects, "PriorityClass").find(({ value }) => value.globalDefault === true);
  return found?.name ?? (isComplete ? null : undefined);
}

function isIn(
  { name, operator, values }: Scope,
  { spec, containers }: Pods,
  defaultClass: DefaultClass,
): boolean | undefined {
  const isBestEffort = containers.every(({ demand }) =>
    !Object.keys(demand).some((counted) => /\.(cpu|memory)$/.test(counted))
  );
  if (name === "BestEffort") return isBestEffort;
  if (name === "NotBestEffort") return !isBestEffort;
  if (spec === undefined) return undefined;
  const hasDeadline = (spec.activeDeadlineSeconds ?? null) !== null;
  if (name === "Terminating") return hasDeadline;
  if (name === "NotTerminating") return !hasDeadline;
  if (name === "CrossNamespacePodAffinity") return isFields(spec.affinity) ? undefined : false;
  if (name !== "PriorityClass") return undefined;
  const own = textOf(spec.priorityClassName) || defaultClass;
  return own === undefined ? undefined : matchesClass(own ?? undefined, operator, values);
}

/** Returns whether the class of a pod's priority meets a requirement. */
function matchesClass(
  own: string | undefined,
  operator: string,
  values: readonly string[],
): boolean | undefined {
  switch (operator) {
    case "Exists":
      return own !== undefined;
    case "DoesNotExist":
      return own === undefined;
    case "In":
      return own !== undefined && values.includes(own);
    case "NotIn":
      return own === undefined || !values.includes(own);
    default:
      return undefined;
  }
}

/** The findings about scopes that the API server refuses. */
export function wrongScopes(quota: ManifestObject): Finding[] {
  const scopes = scopesOf(quota);
  const fail = (field: string, problem: string, fix: string): Finding => ({
    severity: "fail",
    ...placeOf(quota, field),
    problem,
    why: "the API server refuses the quota, so it limits nothing",
    fix,
  });
  const unknown = scopes.filter(({ name }) => !SCOPES.includes(name)).map(({ name, path }) => {
    const meant = closestWord(name, SCOPES);
    return fail(
      path,
      `a quota has no scope ${JSON.stringify(name)}`,
      meant === undefined ? `Write one of ${SCOPES.join(", ")}.` : `Write ${meant}.`,
    );
  });
  const wrong = scopes.flatMap(({ name, operator, values, path }) => {
    const needsValues = operator === "In" || operator === "NotIn";
    const problem = !SCOPES.includes(name)
      ? undefined
      : name !== "PriorityClass" && name !== "VolumeAttributesClass" && operator !== "Exists"
      ? `the scope ${name} needs the operator Exists`
      : needsValues && values.length === 0
      ? `the operator ${operator} of the scope ${name} needs values`
      : !needsValues && values.length > 0
      ? `the operator ${operator} of the scope ${name} takes no values`
      : undefined;
    return problem === undefined ? [] : [fail(path, problem, "Correct the scope.")];
  });
  const has = (name: string) => scopes.some((scope) => scope.name === name);
  const opposite = OPPOSITES.filter(([one, other]) => has(one) && has(other)).map(([one, other]) =>
    fail("spec", `the scopes ${one} and ${other} exclude each other`, "Remove one of them.")
  );
  if (scopes.length === 0 || has("VolumeAttributesClass")) {
    return [...unknown, ...wrong, ...opposite];
  }
  const keys = Object.keys(fieldsIn(fieldsIn(quota.value.spec).hard));
  const known = has("BestEffort") ? ["pods"] : COUNTABLE;
  const uncounted = keys.filter((key) => !known.includes(key)).map((key) =>
    fail(
      `spec.hard.${key}`,
      `a quota with the scope ${
        has("BestEffort") ? "BestEffort" : scopes[0]!.name
      } cannot count ${key}`,
      `Move ${key} to a quota without scopes. This quota can count ${known.join(", ")}.`,
    )
  );
  return [...unknown, ...wrong, ...opposite, ...uncounted];
}
