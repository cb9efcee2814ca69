import type { Project } from "../../pipeline/contract/project.ts";

/** A permission that a job needs. */
export interface Need {
  /** The resource, and its API group unless it is the core group, as in `pods` and `jobs.batch`. */
  readonly resource: string;
  /** The verbs, as in `create`. */
  readonly verbs: readonly string[];
  /** The reason why the job needs the permission. */
  readonly why: string;
  /**
   * The verbs without which the job still runs, and logs an error. Each has the effect
   * of its absence.
   */
  readonly optional: Readonly<Record<string, string>>;
}

const EXECUTORS = "the driver creates and watches the pods of its executors";
const NO_CLEANUP =
  "the job runs, but the driver logs an error when it terminates, and the objects that it made " +
  "stay until its own pod is deleted";
const NO_DELETE =
  "the job runs, but the driver logs an error whenever it removes executors, and their pods stay " +
  "until the driver's pod is deleted";
const NO_APPLY =
  "spark-submit of Spark 3.5 creates these objects by server-side apply, which needs patch, so it " +
  "fails in cluster mode; an earlier version can do without";
const NO_EVENTS = "the run works, but does not notice when Kubernetes refuses a pod";
const NO_REUSE =
  "the job runs, but the driver cannot use the claims of lost executors again, and cannot delete " +
  "claims by label when it terminates";

/**
 * The permissions of the driver in client mode. Spark 3.4 and later delete objects by label with
 * one request, which needs deletecollection; earlier versions list and delete each object.
 */
export const CLIENT_NEEDS: readonly Need[] = [
  {
    resource: "pods",
    verbs: ["create", "get", "list", "watch", "delete", "deletecollection"],
    why: EXECUTORS,
    optional: { delete: NO_DELETE, deletecollection: NO_DELETE },
  },
  {
    resource: "configmaps",
    verbs: ["create", "deletecollection"],
    why: "the driver passes its settings to executors in a ConfigMap, and deletes it at the end",
    optional: { deletecollection: NO_CLEANUP },
  },
  {
    resource: "services",
    verbs: ["deletecollection"],
    why: NO_CLEANUP,
    optional: { deletecollection: NO_CLEANUP },
  },
  {
    resource: "persistentvolumeclaims",
    verbs: ["list", "deletecollection"],
    why: NO_REUSE,
    optional: { list: NO_REUSE, deletecollection: NO_CLEANUP },
  },
];

/**
 * The permissions of spark-submit in cluster mode, which creates the driver's pod with its ConfigMap
 * and its Service, and watches the pod until it ends.
 */
export const SUBMIT_NEEDS: readonly Need[] = [
  {
    resource: "pods",
    verbs: ["create", "get", "watch"],
    why: "spark-submit creates the pod of the driver, and waits until it ends",
    optional: {},
  },
  ...["configmaps", "services"].map((resource): Need => ({
    resource,
    verbs: ["create", "get", "patch"],
    why: `spark-submit creates ${resource} for the driver`,
    optional: { patch: NO_APPLY },
  })),
];

/** The permissions of two lists. An account can start drivers, and be the account of a driver. */
export function unionOf(first: readonly Need[], second: readonly Need[]): readonly Need[] {
  const byResource = Map.groupBy([...second, ...first], ({ resource }) => resource);
  return [...byResource.values()].map((all) => ({
    ...all[0]!,
    verbs: [...new Set(all.flatMap(({ verbs }) => verbs))],
    // A verb is optional only if each of the lists with the verb allows its absence.
    optional: Object.fromEntries(
      all.flatMap(({ optional }) => Object.entries(optional)).filter(([verb]) =>
        all.every(({ verbs, optional }) => !verbs.includes(verb) || Object.hasOwn(optional, verb))
      ),
    ),
  }));
}

const FOLLOWING = "the run follows the pods of its Jobs, and reports what happens to them";

/** The permissions of a run of the toolkit with the engine `spark`. */
export const TOOLKIT_NEEDS: readonly Need[] = [
  {
    resource: "jobs.batch",
    verbs: ["create", "list", "watch"],
    why: "the run makes a Job for each layer of a day, and follows it",
    optional: {},
  },
  { resource: "pods", verbs: ["list", "watch"], why: FOLLOWING, optional: {} },
  { resource: "pods/log", verbs: ["get"], why: FOLLOWING, optional: {} },
  {
    resource: "events",
    verbs: ["list", "watch"],
    why: FOLLOWING,
    optional: { list: NO_EVENTS, watch: NO_EVENTS },
  },
];

/** Every permission that Spark or the toolkit can need. */
export const ALL_NEEDS: readonly Need[] = unionOf(
  unionOf(SUBMIT_NEEDS, CLIENT_NEEDS),
  TOOLKIT_NEEDS,
);

/** A permission that a job must not have. */
export interface Forbidden {
  /** The verb; `*` is every verb. */
  readonly verb: string;
  /** The resource; `*` is every resource in every API group. */
  readonly resource: string;
  /** The scope: its own namespace, another namespace, or all namespaces. */
  readonly where: "own" | "everywhere" | { readonly namespace: string };
}

/** The permissions that an attacker who controls a job would try first. */
export function forbiddenIn({ database }: Pick<Project, "database">): Forbidden[] {
  return [
    { verb: "get", resource: "secrets", where: "own" },
    { verb: "list", resource: "secrets", where: "own" },
    ...[database.namespace, "kube-system"].flatMap((namespace): Forbidden[] => [
      { verb: "create", resource: "pods", where: { namespace } },
      { verb: "get", resource: "secrets", where: { namespace } },
      { verb: "*", resource: "*", where: { namespace } },
    ]),
    { verb: "*", resource: "*", where: "everywhere" },
  ];
}

/** The namespace of a forbidden permission; undefined for all namespaces. */
export function whereIs(
  where: Forbidden["where"],
  { namespace }: { readonly namespace: string },
): string | undefined {
  if (where === "everywhere") return undefined;
  return where === "own" ? namespace : where.namespace;
}

const VERBS = [
  "create",
  "get",
  "list",
  "watch",
  "delete",
  "deletecollection",
  "update",
  "patch",
];

/** The verbs that Spark can use with any settings, by resource. */
export const USEFUL: Readonly<Record<string, readonly string[]>> = {
  pods: VERBS,
  "pods/log": ["get", "list", "watch"],
  "pods/status": ["get", "list", "watch"],
  services: VERBS,
  configmaps: VERBS,
  persistentvolumeclaims: VERBS,
  events: ["get", "list", "watch", "create", "patch"],
};

/** The verbs that a run of the toolkit with the engine `spark` can use, by resource. */
export const USEFUL_FOR_TOOLKIT: Readonly<Record<string, readonly string[]>> = {
  "jobs.batch": ["create", "get", "list", "watch", "delete"],
  pods: ["get", "list", "watch"],
  "pods/log": ["get", "list", "watch"],
  "pods/status": ["get", "list", "watch"],
  events: ["get", "list", "watch"],
};
