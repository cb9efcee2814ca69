import type { ManifestObject } from "../../kubernetes/objects.ts";
import { type Fields, isFields } from "../../kubernetes/fields.ts";
import { ofPod, ownPods } from "./pod_requests.ts";
import type { Pods } from "./pod_requests.ts";
import { workloadsOf } from "../../kubernetes/workloads.ts";
import { formatQuantity, parseQuantity } from "../../kubernetes/quantities.ts";

/** An amount of what pods share on a node, in billionths. */
export interface Room {
  /** Of processors. */
  readonly cpu: bigint;
  /** Of bytes. */
  readonly memory: bigint;
  /** Of pods. */
  readonly pods: bigint;
}

const RESOURCES = ["cpu", "memory", "pods"] as const;
const ONE = 1_000_000_000n;

/** A node, and what is left of it. */
export interface Left {
  /** The node. */
  readonly node: ManifestObject;
  /** What pods can have of it in all. */
  readonly all: Room;
  /** What nobody has asked for yet. */
  readonly free: Room;
}

/**
 * What is left of a node.
 *
 * @param pods all that are on any node
 */
export function leftOf(node: ManifestObject, pods: readonly ManifestObject[]): Left {
  const { status } = node.value;
  const { allocatable } = isFields(status) ? status : {};
  const amount = (name: string) =>
    parseQuantity(isFields(allocatable) ? allocatable[name] : undefined) ?? 0n;
  const all = { cpu: amount("cpu"), memory: amount("memory"), pods: amount("pods") };
  const here = pods.filter(({ value: { spec } }) => isFields(spec) && spec.nodeName === node.name);
  return { node, all, free: here.map(askedBy).reduce(minus, all) };
}

/** Pods of a job, and the nodes that they may run on. */
export interface Wanting {
  /** The pods. */
  readonly pods: Pods;
  /** The names of the nodes. */
  readonly nodes: ReadonlySet<string>;
}

/**
 * Whether pods find room beside each other: the largest first, each where most memory is left. The
 * scheduler may do worse, but not where there is one node.
 */
export function fits(wanting: readonly Wanting[], left: readonly Left[]): boolean {
  const free = new Map(left.map((each) => [each.node.name, each.free]));
  const all = wanting.flatMap(({ pods, nodes }) =>
    Array.from({ length: pods.count }, () => ({ asked: askedFor(pods), nodes }))
  );
  return all.toSorted((a, b) => compare(b.asked.memory, a.asked.memory)).every(
    ({ asked, nodes }) => {
      const [place] = [...free]
        .filter(([name, room]) => nodes.has(name) && RESOURCES.every((r) => asked[r] <= room[r]))
        .sort(([, a], [, b]) => compare(b.memory, a.memory));
      if (place === undefined) return false;
      free.set(place[0], minus(place[1], asked));
      return true;
    },
  );
}

/** What one of these pods asks for. */
export function askedFor({ containers }: Pods): Room {
  const known = containers.map((each) => ({ ...each, demand: { ...NOTHING, ...each.demand } }));
  const of = (name: "requests.cpu" | "requests.memory") => ofPod(known, name) ?? 0n;
  return { cpu: of("requests.cpu"), memory: of("requests.memory"), pods: ONE };
}

const NOTHING = { "requests.cpu": 0n, "requests.memory": 0n };

/** Room as people write it: `1500m cpu and 3Gi memory`. */
export function formatRoom({ cpu, memory }: Room): string {
  return `${formatQuantity(cpu, "cpu")} cpu and ${formatQuantity(memory, "memory")} memory`;
}

/** What a pod asks for that is there; its own resources, where it has some, stand for its containers'. */
function askedBy(pod: ManifestObject): Room {
  const { spec } = pod.value;
  const { overhead, resources } = isFields(spec) ? spec : {};
  const [workload] = workloadsOf([pod]);
  const asked = workload === undefined
    ? { cpu: 0n, memory: 0n, pods: ONE }
    : askedFor(ownPods(workload, ""));
  const requests = isFields(resources) && isFields(resources.requests) ? resources.requests : {};
  const amount = (fields: unknown, name: string) =>
    isFields(fields) ? parseQuantity((fields as Fields)[name]) : undefined;
  const of = (name: "cpu" | "memory") =>
    (amount(requests, name) ?? asked[name]) + (amount(overhead, name) ?? 0n);
  return { cpu: of("cpu"), memory: of("memory"), pods: ONE };
}

function minus(room: Room, asked: Room): Room {
  return {
    cpu: room.cpu - asked.cpu,
    memory: room.memory - asked.memory,
    pods: room.pods - asked.pods,
  };
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
