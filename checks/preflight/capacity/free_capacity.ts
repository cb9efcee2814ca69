import type { ManifestObject } from "../../kubernetes/objects.ts";
import { type Fields, isFields } from "../../kubernetes/fields.ts";
import { ofPod, ownPods } from "./pod_requests.ts";
import type { Pods } from "./pod_requests.ts";
import { workloadsOf } from "../../kubernetes/workloads.ts";
import { formatQuantity, parseQuantity } from "../../kubernetes/quantities.ts";

/** Resources of a node, in billionths of their unit. */
export interface Room {
  /** Billionths of a CPU. */
  readonly cpu: bigint;
  /** Billionths of a byte. */
  readonly memory: bigint;
  /** Billionths of a pod. */
  readonly pods: bigint;
}

const RESOURCES = ["cpu", "memory", "pods"] as const;
const ONE = 1_000_000_000n;

/** A node and its free resources. */
export interface FreeNode {
  /** The node. */
  readonly node: ManifestObject;
  /** The allocatable resources of the node. */
  readonly all: Room;
  /** The resources that no pod requests. */
  readonly free: Room;
}

/**
 * The free resources of a node.
 *
 * @param pods the pods on all nodes
 */
export function freeNodeOf(node: ManifestObject, pods: readonly ManifestObject[]): FreeNode {
  const { status } = node.value;
  const { allocatable } = isFields(status) ? status : {};
  const amount = (name: string) =>
    parseQuantity(isFields(allocatable) ? allocatable[name] : undefined) ?? 0n;
  const all = { cpu: amount("cpu"), memory: amount("memory"), pods: amount("pods") };
  const here = pods.filter(({ value: { spec } }) => isFields(spec) && spec.nodeName === node.name);
  return { node, all, free: here.map(requestedBy).reduce(minus, all) };
}

/** Pods of a job, and the nodes that accept them. */
export interface PlaceablePods {
  /** The pods. */
  readonly pods: Pods;
  /** The names of the nodes. */
  readonly nodes: ReadonlySet<string>;
}

/**
 * Returns whether the nodes have room for all pods at the same time. The function places the
 * largest pod first, each on the node with the most free memory. With several nodes, the scheduler
 * can place the pods less well.
 */
export function fits(groups: readonly PlaceablePods[], left: readonly FreeNode[]): boolean {
  const free = new Map(left.map((each) => [each.node.name, each.free]));
  const all = groups.flatMap(({ pods, nodes }) =>
    Array.from({ length: pods.count }, () => ({ requested: requestsOf(pods), nodes }))
  );
  return all.toSorted((a, b) => compare(b.requested.memory, a.requested.memory)).every(
    ({ requested, nodes }) => {
      const [place] = [...free]
        .filter(([name, room]) =>
          nodes.has(name) && RESOURCES.every((r) => requested[r] <= room[r])
        )
        .sort(([, a], [, b]) => compare(b.memory, a.memory));
      if (place === undefined) return false;
      free.set(place[0], minus(place[1], requested));
      return true;
    },
  );
}

/** The requests of one of these pods. */
export function requestsOf({ containers }: Pods): Room {
  const known = containers.map((each) => ({ ...each, demand: { ...NOTHING, ...each.demand } }));
  const of = (name: "requests.cpu" | "requests.memory") => ofPod(known, name) ?? 0n;
  return { cpu: of("requests.cpu"), memory: of("requests.memory"), pods: ONE };
}

const NOTHING = { "requests.cpu": 0n, "requests.memory": 0n };

/** Formats resources for people, as in `1500m cpu and 3Gi memory`. */
export function formatRoom({ cpu, memory }: Room): string {
  return `${formatQuantity(cpu, "cpu")} cpu and ${formatQuantity(memory, "memory")} memory`;
}

/** The requests of a pod on a node. Requests at the level of the pod replace those of its containers. */
function requestedBy(pod: ManifestObject): Room {
  const { spec } = pod.value;
  const { overhead, resources } = isFields(spec) ? spec : {};
  const [workload] = workloadsOf([pod]);
  const requested = workload === undefined
    ? { cpu: 0n, memory: 0n, pods: ONE }
    : requestsOf(ownPods(workload, ""));
  const requests = isFields(resources) && isFields(resources.requests) ? resources.requests : {};
  const amount = (fields: unknown, name: string) =>
    isFields(fields) ? parseQuantity((fields as Fields)[name]) : undefined;
  const of = (name: "cpu" | "memory") =>
    (amount(requests, name) ?? requested[name]) + (amount(overhead, name) ?? 0n);
  return { cpu: of("cpu"), memory: of("memory"), pods: ONE };
}

function minus(room: Room, requested: Room): Room {
  return {
    cpu: room.cpu - requested.cpu,
    memory: room.memory - requested.memory,
    pods: room.pods - requested.pods,
  };
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
