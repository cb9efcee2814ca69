import type { ManifestObject } from "../../kubernetes/objects.ts";
import { type Fields, fieldsIn, isFields, listOf } from "../../kubernetes/fields.ts";
import { parseQuantity } from "../../kubernetes/quantities.ts";
import type { ContainerDemand, Counted, Demand, Pods } from "./pod_requests.ts";

/** The limits of a namespace for containers, or for pods as a whole. */
export interface Limit {
  /** The LimitRange. */
  readonly object: ManifestObject;
  /** The path in the LimitRange, as in `spec.limits[0]`. */
  readonly path: string;
  /** The scope of the limit. */
  readonly type: "Container" | "Pod";
  /** The fields of the limit, not validated. */
  readonly fields: Fields;
}

/** The limits for containers and pods in LimitRanges. */
export function limitsOf(ranges: readonly ManifestObject[]): Limit[] {
  return ranges.flatMap((object) =>
    listOf(isFields(object.value.spec) ? object.value.spec.limits : undefined)
      .flatMap((fields, i): Limit[] => {
        const { type } = fields;
        if (type !== "Container" && type !== "Pod") return [];
        return [{ object, path: `spec.limits[${i}]`, type, fields }];
      })
  );
}

/** The amount of a limit in billionths, as in `max` of `cpu`. */
export function amountOf({ fields }: Limit, field: string, name: string): bigint | undefined {
  const all = fields[field];
  return isFields(all) ? parseQuantity(all[name]) : undefined;
}

const LISTS = ["default", "defaultRequest", "max", "maxLimitRequestRatio", "min"];

/** The resources that a limit bounds or sets, as in `cpu`. */
export function boundedBy({ fields }: Limit): string[] {
  return [...new Set(LISTS.flatMap((list) => Object.keys(fieldsIn(fields[list]))))];
}

/**
 * Adds default requests and limits to containers, as the API server does. A missing request is the
 * container's limit, or else the default of the LimitRange. Defaults of a LimitRange come from `max`
 * and `min` if they are missing.
 */
export function withDefaults(pods: Pods, limits: readonly Limit[]): Pods {
  return { ...pods, containers: pods.containers.map((each) => withDefaultsOf(each, limits)) };
}

function withDefaultsOf(asking: ContainerDemand, limits: readonly Limit[]): ContainerDemand {
  const demand: { -readonly [C in Counted]?: bigint } = { ...asking.demand };
  const bounds = limits.filter(({ type }) => type === "Container");
  const asked = Object.keys(demand).map((counted) => counted.replace(/^(requests|limits)\./, ""));
  for (const name of new Set([...asked, ...bounds.flatMap(boundedBy)])) {
    demand[`requests.${name}`] ??= demand[`limits.${name}`]!;
    for (const limit of bounds) {
      const limitDefault = amountOf(limit, "default", name) ?? amountOf(limit, "max", name);
      const requestDefault = amountOf(limit, "defaultRequest", name) ?? limitDefault ??
        amountOf(limit, "min", name);
      demand[`limits.${name}`] ??= limitDefault!;
      demand[`requests.${name}`] ??= requestDefault!;
    }
  }
  return { ...asking, demand: defined(demand) };
}

function defined(demand: Demand): Demand {
  return Object.fromEntries(Object.entries(demand).filter(([, amount]) => amount !== undefined));
}
