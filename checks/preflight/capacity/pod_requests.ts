import type { Place } from "../../finding.ts";
import { type Fields, fieldsIn, isFields, listOf } from "../../kubernetes/fields.ts";
import { parseQuantity } from "../../kubernetes/quantities.ts";
import type { Workload } from "../../kubernetes/workloads.ts";
import type { SparkPod } from "../../spark/pods.ts";

/** A resource of a quota, as in `requests.cpu` or `requests.nvidia.com/gpu`. */
export type Counted = `${"requests" | "limits"}.${string}`;

/** The resources that each container must set if a quota counts them. */
export const REQUIRED: readonly string[] = [
  "requests.cpu",
  "requests.memory",
  "limits.cpu",
  "limits.memory",
];

/** The requests and limits of a container in billionths; absent if not set. */
export type Demand = { readonly [C in Counted]?: bigint };

/** A container, or a container that Spark will create, with its requests and limits. */
export interface ContainerDemand {
  /** The path of the container, or of the setting that creates the pods. */
  readonly path: string;
  /** The place of the setting that creates the pods, if it is not in the job's own object. */
  readonly place?: Place;
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
  /** The spec of the pods, not validated; undefined if the manifests do not contain it. */
  readonly spec: Fields | undefined;
}

/** The pods that a workload creates itself. */
export function ownPods({ object, containers, spec, replicas }: Workload, role: string): Pods {
  return {
    role,
    spec,
    count: replicas ?? countOf(object.value),
    containers: containers.map(({ path, isInit, fields }) => ({
      path,
      isInit,
      demand: demandOf(isFields(fields.resources) ? fields.resources : {}),
    })),
  };
}

/** The pods that Spark creates. */
export function madePods(
  role: string,
  { path, place }: Pick<ContainerDemand, "path" | "place">,
  { count, cpu, memory, template, devices }: SparkPod,
): Pods {
  // Spark keeps the other resources of the container in the template, such as ephemeral-storage.
  const [first] = listOf(template?.spec?.containers);
  const own = fieldsIn(first?.resources);
  const resources = {
    requests: { ...fieldsIn(own.requests), cpu: cpu.request },
    limits: {
      ...fieldsIn(own.limits),
      ...devices,
      ...(cpu.limit === undefined ? {} : { cpu: cpu.limit }),
    },
  };
  const demand = { ...demandOf(resources), "requests.memory": memory, "limits.memory": memory };
  const container = { path, ...(place === undefined ? {} : { place }), isInit: false, demand };
  // Without a template, Spark sets neither a deadline nor a class.
  return {
    role,
    count,
    containers: [container],
    spec: template === undefined ? {} : template.spec,
  };
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
  for (const list of ["requests", "limits"] as const) {
    for (const [name, value] of Object.entries(fieldsIn(resources[list]))) {
      const amount = parseQuantity(value);
      if (amount !== undefined) demand[`${list}.${name}`] = amount;
    }
  }
  return demand;
}

/**
 * The demand of a pod as the scheduler counts it. Init containers run one after another, next to the
 * sidecars that started before.
 *
 * @param absent the amount of a container that does not set the resource
 * @returns undefined if a container does not set the resource
 */
export function ofPod(
  containers: readonly ContainerDemand[],
  counted: Counted,
  absent?: bigint,
): bigint | undefined {
  let running = 0n;
  let most = 0n;
  for (const { isInit, demand } of containers) {
    const amount = demand[counted] ?? absent;
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
