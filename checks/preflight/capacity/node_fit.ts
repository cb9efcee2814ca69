import type { Finding } from "../../finding.ts";
import type { ClusterOpened } from "../../facts/cluster.ts";
import { isScheduled } from "../../facts/cluster/objects.ts";
import { type ManifestObject, objectId, ofKind } from "../../kubernetes/objects.ts";
import { naming } from "../../list_names.ts";
import type { Fields } from "../../kubernetes/fields.ts";
import type { Pods } from "./pod_requests.ts";
import { podsOf } from "./quota_usage.ts";
import { barred, closed } from "./scheduling_obstacle.ts";
import { formatTaint, LABEL, poolOf, TAINT, taintsOf } from "./analytics_nodes.ts";
import { askedFor, fits, formatRoom, leftOf } from "./free_capacity.ts";

/** Pods of a job that are to run on the pool. */
export interface Coming {
  /** Their spec, as far as it is known. */
  readonly spec: Fields;
  /** How many, and what they ask for. */
  readonly pods: Pods;
}

/** A job with all its pods. */
export interface ComingJob {
  /** The job. */
  readonly object: ManifestObject;
  /** Its pods. */
  readonly coming: readonly Coming[];
}

/** Judges whether a cluster's pool takes the pods of jobs. Jobs come one after the other. */
export function judgeNodes(jobs: readonly ComingJob[], cluster: ClusterOpened): Finding[] {
  const pool = poolOf(cluster.objects);
  if (pool.length === 0) return [noPool(cluster)];
  const open = pool.filter((node) => closed(node) === undefined);
  if (open.length === 0) return pool.map((node) => closed(node)!);
  return [
    ...open.filter((node) => !taintsOf(node).some(keepsOff)).map(untainted),
    ...once(jobs.flatMap((job) => judgeJob(job, open, cluster))),
  ];
}

/** The pods that take room on nodes, as far as the user may see them. */
function knownPods({ scheduledPods, objects }: ClusterOpened): readonly ManifestObject[] {
  return scheduledPods ?? ofKind(objects, "Pod").filter(isScheduled);
}

function judgeJob(
  { object, coming }: ComingJob,
  open: readonly ManifestObject[],
  cluster: ClusterOpened,
): Finding[] {
  const taking = coming.map((each) => ({
    ...each,
    nodes: open.filter((node) => barred(node, each.spec) === undefined),
  }));
  const shut = taking.filter(({ nodes }) => nodes.length === 0);
  if (shut.length > 0) {
    return shut.flatMap(({ spec }) => open.map((node) => barred(node, spec)!));
  }
  const others = knownPods(cluster);
  const own = new Set(podsOf(object, others));
  const left = open.map((node) => leftOf(node, others.filter((pod) => !own.has(pod))));
  const wanting = taking.map(({ pods, nodes }) => (
    { pods, nodes: new Set(nodes.map(({ name }) => name)) }
  ));
  if (fits(wanting, left)) return [];
  const terms = coming.map(({ pods }) =>
    `${pods.count === 1 ? "" : `${pods.count} × `}${pods.role} ${formatRoom(askedFor(pods))}`
  );
  const [first, ...more] = left;
  const rooms = left.map(({ node, all, free }) =>
    `${more.length === 0 ? "it" : node.name} has ${formatRoom(free)} left of ${formatRoom(all)}`
  );
  return [{
    severity: "fail",
    object: more.length === 0 ? objectId(first!.node) : `Node ${naming(open.map(nameOf))}`,
    field: "status.allocatable",
    problem: `${naming(rooms)}; ${objectId(object)} needs ${terms.join(" + ")}`,
    why: "a pod that finds no room stays pending, and Spark waits for it for ever",
    fix: "Ask for less or for fewer executors, or see who takes the room: " +
      `kubectl describe node ${open.map(nameOf).join(" ")}`,
  }];
}

function noPool({ objects, name }: ClusterOpened): Finding {
  const nodes = ofKind(objects, "Node");
  const meant = nodes.find((node) => taintsOf(node).some(keepsOff));
  return {
    severity: "fail",
    object: meant === undefined ? name : objectId(meant),
    field: "metadata.labels",
    problem:
      `${meant === undefined ? "no node" : "it has the pool's taint, and no node"} has the ` +
      `label ${LABEL.key}=${LABEL.value}${
        meant === undefined ? `; there are ${naming(nodes.map(nameOf)) || "none at all"}` : ""
      }`,
    why: "jobs select nodes by it, so their pods stay pending",
    fix: `kubectl label node ${meant?.name ?? "<node>"} ${LABEL.key}=${LABEL.value}`,
  };
}

function untainted(node: ManifestObject): Finding {
  return {
    severity: "warn",
    object: objectId(node),
    field: "spec.taints",
    problem: `it has no taint ${formatTaint(TAINT)}`,
    why: "pods of others can take the room that the jobs need",
    fix: `kubectl taint node ${node.name} ${formatTaint(TAINT)}`,
  };
}

function keepsOff({ key, value }: { readonly key: string; readonly value: string }): boolean {
  return key === TAINT.key && value === TAINT.value;
}

function nameOf({ name }: ManifestObject): string {
  return name;
}

/** Pods that are alike meet the same obstacle. */
function once(findings: readonly Finding[]): Finding[] {
  return [
    ...new Map(findings.map((each) => [`${each.object} ${each.problem}`, each])).values(),
  ];
}
