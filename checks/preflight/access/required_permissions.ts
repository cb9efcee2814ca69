import { ROBSON_NAMESPACE } from "../../../pipeline/contract/platform.ts";

/** A right that Spark uses. */
export interface Need {
  /** What on, all of the core API group. */
  readonly resource: string;
  /** What it does. */
  readonly verbs: readonly string[];
  /** What goes wrong without it. */
  readonly why: string;
}

const EXECUTORS = "the driver makes and watches its executors' pods";
const TIDYING = "the driver tidies up by label when it ends, and else leaves an error in the log";

/** What Spark 3.5's driver does in its namespace where the Job's own pod is the driver. */
export const CLIENT_NEEDS: readonly Need[] = [
  {
    resource: "pods",
    verbs: ["create", "get", "list", "watch", "delete", "deletecollection"],
    why: EXECUTORS,
  },
  {
    resource: "configmaps",
    verbs: ["create", "deletecollection"],
    why: "the driver hands its settings to executors in a ConfigMap, and removes it at the end",
  },
  { resource: "services", verbs: ["deletecollection"], why: TIDYING },
  { resource: "persistentvolumeclaims", verbs: ["list", "deletecollection"], why: TIDYING },
];

/** The same where spark-submit makes a driver's pod first, with a service in front of it. */
export const CLUSTER_NEEDS: readonly Need[] = CLIENT_NEEDS.map((need) =>
  need.resource === "services" || need.resource === "configmaps"
    ? { ...need, verbs: ["create", "get", ...need.verbs.filter((verb) => verb !== "create")] }
    : need
);

/** A right that a job must not have. */
export interface Forbidden {
  /** What it would do; `*` is everything. */
  readonly verb: string;
  /** What on; `*` is everything, in every API group. */
  readonly resource: string;
  /** Where: in its own namespace, in another, or in all of them. */
  readonly where: "own" | "everywhere" | { readonly namespace: string };
}

/** What whoever takes a job over would try first. */
export const FORBIDDEN: readonly Forbidden[] = [
  { verb: "get", resource: "secrets", where: "own" },
  { verb: "list", resource: "secrets", where: "own" },
  ...[ROBSON_NAMESPACE, "kube-system"].flatMap((namespace): Forbidden[] => [
    { verb: "create", resource: "pods", where: { namespace } },
    { verb: "get", resource: "secrets", where: { namespace } },
    { verb: "*", resource: "*", where: { namespace } },
  ]),
  { verb: "*", resource: "*", where: "everywhere" },
];

/** The namespace of a forbidden deed; undefined where it means all of them. */
export function whereIs(
  where: Forbidden["where"],
  { namespace }: { readonly namespace: string },
): string | undefined {
  if (where === "everywhere") return undefined;
  return where === "own" ? namespace : where.namespace;
}

const VERBS = [
  ...["create", "get", "list", "watch", "delete", "deletecollection", "update", "patch"],
];

/** All that Spark could have use for, whatever it is told to do. */
export const USEFUL: Readonly<Record<string, readonly string[]>> = {
  pods: VERBS,
  "pods/log": ["get", "list", "watch"],
  "pods/status": ["get", "list", "watch"],
  services: VERBS,
  configmaps: VERBS,
  persistentvolumeclaims: VERBS,
  events: ["get", "list", "watch", "create", "patch"],
};
