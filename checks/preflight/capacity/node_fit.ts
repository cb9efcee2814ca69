import { runEnds } from "../run_end.ts";
import { shell, shellQuote } from "../../../pipeline/shell.ts";
import type { Finding } from "../../finding.ts";
import type { ClusterOpened } from "../../facts/cluster.ts";
import { isScheduled } from "../../facts/cluster/objects.ts";
import { type ManifestObject, objectId, ofKind } from "../../kubernetes/objects.ts";
import { naming } from "../../list_names.ts";
import type { Fields } from "../../kubernetes/fields.ts";
import type { Pods } from "./pod_requests.ts";
import { podsOf } from "./quota_usage.ts";
import { nodeObstacle, podObstacle } from "./scheduling_obstacle.ts";
import {
  formatLabel,
  formatTaint,
  nodesOf,
  type Pool,
  repels,
  taintsOf,
} from "./analytics_nodes.ts";
import { fits, formatRoom, freeNodeOf, requestsOf } from "./free_capacity.ts";

/** Pods of a job to place on the pool. */
export interface NewPods {
  /** The known part of their spec. */
  readonly spec: Fields;
  /** The number of pods and their requests. */
  readonly pods: Pods;
}

/** A job and all its pods. */
export interface NewJob {
  /** The job. */
  readonly object: ManifestObject;
  /** Its pods. */
  readonly groups: readonly NewPods[];
}

/** Judges whether the pool of a cluster has room for each job alone: jobs do not run in parallel. */
export function judgeNodes(
  jobs: readonly NewJob[],
  cluster: ClusterOpened,
  pool: Pool,
): Finding[] {
  const nodes = nodesOf(cluster.objects, pool);
  if (nodes.length === 0) return [noPool(cluster, pool)];
  const open = nodes.filter((node) => nodeObstacle(node) === undefined);
  if (open.length === 0) return nodes.map((node) => nodeObstacle(node)!);
  return [
    ...open.filter((node) => !hasTaint(node, pool)).map((node) => untaintedNodeFinding(node, pool)),
    ...withoutDuplicates(jobs.flatMap((job) => judgeJob(job, open, cluster, pool))),
  ];
}

/** The pods on nodes that the user can list. */
function knownPods({ scheduledPods, objects }: ClusterOpened): readonly ManifestObject[] {
  return scheduledPods ?? ofKind(objects, "Pod").filter(isScheduled);
}

function judgeJob(
  { object, groups }: NewJob,
  open: readonly ManifestObject[],
  cluster: ClusterOpened,
  pool: Pool,
): Finding[] {
  const placeable = groups.map((each) => ({
    ...each,
    nodes: open.filter((node) => podObstacle(node, each.spec, pool) === undefined),
  }));
  const blocked = placeable.filter(({ nodes }) => nodes.length === 0);
  if (blocked.length > 0) {
    return blocked.flatMap(({ spec }) => open.map((node) => podObstacle(node, spec, pool)!));
  }
  const others = knownPods(cluster);
  const own = new Set(podsOf(object, others));
  const left = open.map((node) => freeNodeOf(node, others.filter((pod) => !own.has(pod))));
  const candidates = placeable.map(({ pods, nodes }) => (
    { pods, nodes: new Set(nodes.map(({ name }) => name)) }
  ));
  if (fits(candidates, left)) return [];
  const terms = groups.map(({ pods }) =>
    `${pods.count === 1 ? "" : `${pods.count} × `}${pods.role} ${formatRoom(requestsOf(pods))}`
  );
  const [first, ...more] = left;
  const rooms = left.map(({ node, all, free }) =>
    `${more.length === 0 ? "it" : node.name} has ${formatRoom(free)} free of ${formatRoom(all)}`
  );
  return [{
    severity: "fail",
    object: more.length === 0 ? objectId(first!.node) : `Node ${naming(open.map(nameOf))}`,
    field: "status.allocatable",
    problem: `${naming(rooms)}; ${objectId(object)} needs ${terms.join(" + ")}`,
    why: "a pod without room stays pending, and Spark waits for it forever",
    fix: "Request less or fewer executors, or find the pods that use the node: " +
      `kubectl describe node ${open.map(nameOf).map(shellQuote).join(" ")}`,
  }];
}

function noPool({ objects, name }: ClusterOpened, pool: Pool): Finding {
  const label = formatLabel(pool.label);
  const nodes = ofKind(objects, "Node");
  const tainted = nodes.find((node) => hasTaint(node, pool));
  return {
    severity: "fail",
    object: tainted === undefined ? name : objectId(tainted),
    field: "metadata.labels",
    problem:
      `${tainted === undefined ? "no node" : "it has the pool's taint, but no node"} has the ` +
      `label ${label}${
        tainted === undefined ? `; there are ${naming(nodes.map(nameOf)) || "no nodes"}` : ""
      }`,
    why: "jobs select nodes by this label, so their pods stay pending; " +
      runEnds("after a wait", "no node can run"),
    fix: `kubectl label node ${tainted === undefined ? "<node>" : shellQuote(tainted.name)} ` +
      shellQuote(label),
  };
}

function untaintedNodeFinding(node: ManifestObject, { taint }: Pool): Finding {
  return {
    severity: "warn",
    object: objectId(node),
    field: "spec.taints",
    problem: `it has no taint ${formatTaint(taint)}`,
    why: "other pods can use the resources that the jobs need",
    fix: shell`kubectl taint node ${node.name} ${
      formatTaint({ ...taint, effect: taint.effect || "NoSchedule" })
    }`,
  };
}

/** Returns whether a node has the taint of the pool, with an effect that is at least as strong. */
function hasTaint(node: ManifestObject, { taint }: Pool): boolean {
  const isAnyEffect = taint.effect === "" || !repels(taint);
  return taintsOf(node).some((each) =>
    each.key === taint.key && each.value === taint.value && (isAnyEffect || repels(each))
  );
}

function nameOf({ name }: ManifestObject): string {
  return name;
}

/** Removes duplicates: similar pods have the same problem. */
function withoutDuplicates(findings: readonly Finding[]): Finding[] {
  return [
    ...new Map(findings.map((each) => [`${each.object} ${each.problem}`, each])).values(),
  ];
}
