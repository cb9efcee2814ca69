import { type Fields, isFields } from "../../kubernetes/fields.ts";
import { parseQuantity } from "../../kubernetes/quantities.ts";
import type { Workload } from "../../kubernetes/workloads.ts";
import type { SparkPod } from "../../spark/pods.ts";

/** The resources of quotas for cpu and memory. */
export const COUNTED = ["requests.cpu", "requests.memory", "limits.cpu", "limits.memory"] as const;

/** A resource of a quota, as in `requests.cpu`. */
export type Counted = typeof COUNTED[number];

/** The requests and limits of a container in billionths; absent if not set. */
export type Demand = { readonly [C in Counted]?: bigint };

/** A container, or a container that Spark will create, with its requests and limits. */
export interface ContainerDemand {
  /** The path of the container, or of the setting that creates the pods. */
  readonly path: string;
  /** True if the container terminates before the others start. */
  readonly isInit: boolean;
  /** The requests and limits, including defaults. */
  readonly demand: Demand;
}

/** Pods with the same containers. */
export interface Pods {
  /** The role of the pods, as in `executor`. */
  readonly role: string;
  /** The number of pods. */
  readonly count: number;
  /** The containers of each pod. */
  readonly containers: readonly ContainerDemand[];
}

/** The pods that a workload creates itself. */
export function ownPods({ object, containers, replicas }: Workload, role: string): Pods {
  return {
    role,
    count: replicas ?? countOf(object.value),
    containers: containers.map(({ path, isInit, fields }) => ({
      path,
      isInit,
      demand: demandOf(isFields(fields.resources) ? fields.resources : {}),
    })),
  };
}

/** The pods that Spark creates. */
export function madePods(role: string, path: string, { count, cpu, memory }: SparkPod): Pods {
  const resources = {
    requests: { cpu: cpu.request },
    limits: cpu.limit === undefined ? {} : { cpu: cpu.limit },
  };
  const demand = { ...demandOf(resources), "requests.memory": memory, "limits.memory": memory };
  return { role, count, containers: [{ path, isInit: false, demand }] };
}

/** The values of resources that are not valid quantities, with their paths. */
export function unreadable({ containers }: Workload): { path: string; value: unknown }[] {
  return containers.flatMap(({ path, fields }) => {
    const resources = isFields(fields.resources) ? fields.resources : {};
    return ["requests", "limits"].flatMap((list) =>
      Object.entries(isFields(resources[list]) ? resources[list] : {})
        .filter(([, value]) => parseQuantity(value) === undefined)
        .map(([name, value]) => ({ path: `${path}.resources.${list}.${name}`, value }))
    );
  });
}

function demandOf(resources: Fields): Demand {
  const demand: { -readonly [C in Counted]?: bigint } = {};
  for (const counted of COUNTED) {
    const [list, name] = counted.split(".") as [string, string];
    const all = resources[list];
    const amount = isFields(all) ? parseQuantity(all[name]) : undefined;
    if (amount !== undefined) demand[counted] = amount;
  }
  return demand;
}

/**
 * The demand of a pod as the scheduler counts it. Init containers run one after another, next to the
 * sidecars that started before.
 */
export function ofPod(
  containers: readonly ContainerDemand[],
  counted: Counted,
): bigint | undefined {
  let running = 0n;
  let most = 0n;
  for (const { isInit, demand } of containers) {
    const amount = demand[counted];
    if (amount === undefined) return undefined;
    if (!isInit) running += amount;
    else if (running + amount > most) most = running + amount;
  }
  return running > most ? running : most;
}

function countOf({ kind, spec }: Fields): number {
  const outer = isFields(spec) ? spec : {};
  const template = isFields(outer.jobTemplate) ? outer.jobTemplate : {};
  const inner = isFields(template.spec) ? template.spec : {};
  const count = kind === "CronJob"
    ? inner.parallelism
    : kind === "Job"
    ? outer.parallelism
    : outer.replicas;
  return typeof count === "number" && count >= 0 ? count : 1;
}
