import type { Account } from "../kubernetes/jobs.ts";
import { type ManifestObject, namespaceOf } from "../kubernetes/objects.ts";
import type { SparkSetting } from "./settings.ts";
import type { SparkJob } from "./spark_job.ts";
import { type Binding, bindingsOf, may } from "../kubernetes/role_rules.ts";

/** The setting with the namespace of the pods that Spark creates. */
export const NAMESPACE = "spark.kubernetes.namespace";

/** A namespace, other than the job's own, in which Spark creates the pods of a job. */
export interface OtherNamespace {
  /** The namespace. */
  readonly name: string;
  /** The setting; undefined if the job does not set a namespace, so that Spark uses `default`. */
  readonly setting: SparkSetting | undefined;
  /** The account of the job's own pod, which creates the pods. */
  readonly account: Account;
  /** Whether the account may create pods there; undefined if its roles there are not known. */
  readonly isAllowed: boolean | undefined;
  /** The bindings of the account there, with unknown rules. */
  readonly unknown: readonly Binding[];
}

/** Returns the other namespace in which Spark creates the pods of a job; undefined without one. */
export function otherNamespaceOf(
  { workload: { object }, mode, settings, account: name = "default", unreadProperties }: SparkJob,
  objects: readonly ManifestObject[],
): OtherNamespace | undefined {
  const setting = settings.get(NAMESPACE);
  const namespace = namespaceOf(object);
  const target = setting?.value ?? "default";
  const makesPods = mode === "client" || mode === "cluster";
  if (!makesPods || setting?.unknown !== undefined || target === namespace) return undefined;
  // kubectl apply can put an object without a namespace into the namespace of the setting.
  if (setting !== undefined && isWithoutNamespace(object)) return undefined;
  if (setting === undefined && unreadProperties !== undefined) return undefined;
  const account = { name, namespace };
  const bindings = bindingsOf(objects, account, target);
  const isCreator = may(bindings, { resource: "pods", verb: "create", namespace: target });
  const unknown = isCreator ? [] : bindings.filter(({ rules }) => rules === undefined);
  const isKnown = isCreator || unknown.length === 0 &&
      (setting === undefined || hasRolesOf(objects, target));
  const isAllowed = isKnown ? isCreator : undefined;
  return { name: target, setting, account, isAllowed, unknown };
}

/**
 * Returns the other namespace in which Spark creates the pods of a job, if the manifests declare nothing
 * that decides about these pods: neither the namespace nor its roles and policies.
 */
export function unseenNamespace(
  job: SparkJob,
  objects: readonly ManifestObject[],
): string | undefined {
  const { name, setting } = otherNamespaceOf(job, objects) ?? {};
  if (setting === undefined || name === undefined) return undefined;
  const isDeclared = hasRolesOf(objects, name) ||
    objects.some(({ kind, namespace, name: own }) =>
      kind === "Namespace" && own === name || kind === "NetworkPolicy" && namespace === name
    );
  return isDeclared ? undefined : name;
}

/**
 * Returns the other namespace in which Spark creates the pods of a job, if the manifests set it and
 * do not show whether the account of the job may create pods there.
 */
export function unsureNamespace(
  job: SparkJob,
  objects: readonly ManifestObject[],
): string | undefined {
  const { name, setting, isAllowed } = otherNamespaceOf(job, objects) ?? {};
  return setting === undefined || isAllowed !== undefined ? undefined : name;
}

/**
 * Returns the namespace in which the checks judge the pods that Spark creates. A namespace that is
 * not known, or in which the account may not create pods, is a mistake that rbac reports. The other
 * checks then judge the job's own namespace, because the pods never exist in the other one.
 */
export function judgedNamespace(job: SparkJob, objects: readonly ManifestObject[]): string {
  const own = namespaceOf(job.workload.object);
  if (job.settings.get(NAMESPACE)?.unknown !== undefined) return own;
  if (isWithoutNamespace(job.workload.object)) return own;
  return otherNamespaceOf(job, objects)?.isAllowed === false ? own : job.namespace;
}

/** Returns whether objects are the roles of a namespace. Without any, they can be elsewhere. */
function hasRolesOf(objects: readonly ManifestObject[], namespace: string): boolean {
  return objects.some((each) =>
    each.file === undefined || /^Role(Binding)?$/.test(each.kind) && each.namespace === namespace
  );
}

function isWithoutNamespace({ file, namespace }: ManifestObject): boolean {
  return file !== undefined && namespace === undefined;
}
