import { type Fields, isFields } from "../../kubernetes/fields.ts";
import { parseQuantity } from "../../kubernetes/quantities.ts";
import type { Workload } from "../../kubernetes/workloads.ts";
import type { SparkPod } from "../../spark/pods.ts";

/** What quotas count, for cpu and memory. */
export const COUNTED = ["requests.cpu", "requests.memory", "limits.cpu", "limits.memory"] as const;

/** One of them. */
export type Counted = typeof COUNTED[number];

/** What a container asks for, in billionths; undefined where it does not say. */
export type Demand = { readonly [C in Counted]?: bigint };

/** A container, or what Spark will make one of, and what it asks for. */
export interface Asking {
  /** Where that stands. */
  readonly path: string;
  /** Whether it comes to its end before the others start. */
  readonly passing: boolean;
  /** What it asks for, defaults filled in. */
  readonly demand: Demand;
}

/** Pods of one shape. */
export interface Pods {
  /** What they are, as in `executor`. */
  readonly role: string;
  /** How many. */
  readonly count: number;
  /** Their containers. */
  readonly containers: readonly Asking[];
}

/** The pods of a workload's own. */
export function ownPods({ object, containers }: Workload, role: string): Pods {
  return {
    role,
    count: countOf(object.value),
    containers: containers.map(({ path, passing, fields }) => ({
      ...{ path, passing },
      demand: demandOf(isFields(fields.resources) ? fields.resources : {}),
    })),
  };
}

/** The pods that Spark makes. */
export function madePods(role: string, path: string, { count, cpu, memory }: SparkPod): Pods {
  const resources = {
    requests: { cpu: cpu.request },
    limits: cpu.limit === undefined ? {} : { cpu: cpu.limit },
  };
  const demand = { ...demandOf(resources), "requests.memory": memory, "limits.memory": memory };
  return { role, count, containers: [{ path, passing: false, demand }] };
}

/** The quantities of a workload's containers that are none, by their path. */
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

/** A pod's demand, as the scheduler counts it: init containers run one after the other. */
export function ofPod(containers: readonly Asking[], counted: Counted): bigint | undefined {
  let running = 0n;
  let most = 0n;
  for (const { passing, demand } of containers) {
    const amount = demand[counted];
    if (amount === undefined) return undefined;
    if (!passing) running += amount;
    else if (amount > most) most = amount;
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
