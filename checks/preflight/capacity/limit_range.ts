import type { ManifestObject } from "../../kubernetes/objects.ts";
import { type Fields, isFields, listOf } from "../../kubernetes/fields.ts";
import { parseQuantity } from "../../kubernetes/quantities.ts";
import { type Asking, COUNTED, type Counted, type Demand, type Pods } from "./pod_requests.ts";

/** The limits of a namespace for containers, or for pods as a whole. */
export interface Limit {
  /** The LimitRange. */
  readonly object: ManifestObject;
  /** Where in it. */
  readonly path: string;
  /** What it applies to. */
  readonly type: "Container" | "Pod";
  /** The item, unread. */
  readonly fields: Fields;
}

/** The limits in LimitRanges. */
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

/** An amount of a limit, in billionths. */
export function amountOf({ fields }: Limit, field: string, name: string): bigint | undefined {
  const all = fields[field];
  return isFields(all) ? parseQuantity(all[name]) : undefined;
}

/**
 * Fills in what containers do not say, as the API server does: a request is the limit if only that is
 * there, and else what the LimitRange has; its own defaults come from `max` and `min`.
 */
export function withDefaults(pods: Pods, limits: readonly Limit[]): Pods {
  return { ...pods, containers: pods.containers.map((each) => filled(each, limits)) };
}

function filled(asking: Asking, limits: readonly Limit[]): Asking {
  const demand: { -readonly [C in Counted]?: bigint } = { ...asking.demand };
  for (const name of ["cpu", "memory"] as const) {
    demand[`requests.${name}`] ??= demand[`limits.${name}`]!;
    for (const limit of limits.filter(({ type }) => type === "Container")) {
      const most = amountOf(limit, "default", name) ?? amountOf(limit, "max", name);
      const usual = amountOf(limit, "defaultRequest", name) ?? most ?? amountOf(limit, "min", name);
      demand[`limits.${name}`] ??= most!;
      demand[`requests.${name}`] ??= usual!;
    }
  }
  return { ...asking, demand: defined(demand) };
}

function defined(demand: Demand): Demand {
  const entries = COUNTED.map((counted) => [counted, demand[counted]] as const);
  return Object.fromEntries(entries.filter(([, amount]) => amount !== undefined));
}
