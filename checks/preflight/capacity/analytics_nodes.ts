import { labelOf, type ManifestObject, ofKind } from "../../kubernetes/objects.ts";
import { type Fields, isFields, listOf, textOf } from "../../kubernetes/fields.ts";

/** A taint of a node: it keeps off what does not tolerate it. */
export interface Taint {
  /** As in `robson.io/dedicated`. */
  readonly key: string;
  /** Empty where it has none. */
  readonly value: string;
  /** As in `NoSchedule`. */
  readonly effect: string;
}

/** The label of the nodes that the jobs run on. */
export const LABEL = { key: "robson.io/pool", value: "analytics" } as const;

/** The taint that keeps everything else off them. */
export const TAINT: Taint = {
  key: "robson.io/dedicated",
  value: "analytics",
  effect: "NoSchedule",
};

/** The nodes that carry the pool's label. */
export function poolOf(objects: readonly ManifestObject[]): ManifestObject[] {
  return ofKind(objects, "Node").filter((node) => labelOf(node, LABEL.key) === LABEL.value);
}

/**
 * The platform of the nodes that the jobs run on, as in `linux/amd64`: what their image has to be
 * made for.
 *
 * @returns undefined where no node of the pool says so
 */
export function poolPlatform(objects: readonly ManifestObject[]): string | undefined {
  const pool = poolOf(objects);
  for (const { value: { status } } of [...pool.filter(isReady), ...pool]) {
    const { nodeInfo } = isFields(status) ? status : {};
    const { operatingSystem, architecture } = isFields(nodeInfo) ? nodeInfo : {};
    if (operatingSystem && architecture) return `${operatingSystem}/${architecture}`;
  }
  return undefined;
}

/** Whether a node's kubelet says that it takes pods. */
export function isReady(node: ManifestObject): boolean {
  return conditionOf(node)?.status === "True";
}

/** The condition of a node that says whether it is ready. */
export function conditionOf({ value: { status } }: ManifestObject): Fields | undefined {
  return listOf(isFields(status) ? status.conditions : undefined)
    .find(({ type }) => type === "Ready");
}

/** The taints of a node that keep pods off; one that only asks for other nodes first is none. */
export function taintsOf({ value: { spec } }: ManifestObject): Taint[] {
  return listOf(isFields(spec) ? spec.taints : undefined).map(({ key, value, effect }) => ({
    ...{ key: textOf(key) ?? "", value: textOf(value) ?? "", effect: textOf(effect) ?? "" },
  })).filter(({ effect }) => effect === "NoSchedule" || effect === "NoExecute");
}

/** How a taint is told, and written for kubectl. */
export function formatTaint({ key, value, effect }: Taint): string {
  return `${key}${value === "" ? "" : `=${value}`}:${effect}`;
}

/** As the scheduler has it: no key with Exists is every taint, no effect is every effect. */
export function tolerates(
  { key, operator = "Equal", value = "", effect }: Fields,
  taint: Taint = TAINT,
): boolean {
  if (effect !== undefined && effect !== null && effect !== "" && effect !== taint.effect) {
    return false;
  }
  const isAnyKey = key === undefined || key === null || key === "";
  if (operator === "Exists") return isAnyKey || key === taint.key;
  return operator === "Equal" && key === taint.key && value === taint.value;
}
