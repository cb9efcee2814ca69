import { labelOf, type ManifestObject, ofKind } from "../../kubernetes/objects.ts";
import { type Fields, isFields, listOf, textOf } from "../../kubernetes/fields.ts";

/** A taint of a node: it repels pods that do not tolerate it. */
export interface Taint {
  /** The key, as in `robson.io/dedicated`. */
  readonly key: string;
  /** The value, or an empty string if the taint has no value. */
  readonly value: string;
  /** The effect, as in `NoSchedule`. */
  readonly effect: string;
}

/** The label of the nodes that the jobs run on. */
export const LABEL = { key: "robson.io/pool", value: "analytics" } as const;

/** The taint that repels other pods from these nodes. */
export const TAINT: Taint = {
  key: "robson.io/dedicated",
  value: "analytics",
  effect: "NoSchedule",
};

/** The nodes with the label of the pool. */
export function poolOf(objects: readonly ManifestObject[]): ManifestObject[] {
  return ofKind(objects, "Node").filter((node) => labelOf(node, LABEL.key) === LABEL.value);
}

/**
 * The platform of the nodes in the pool, as in `linux/amd64`. The image of the jobs must support it.
 *
 * @returns undefined if no node of the pool reports its platform
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

/** Returns whether a node is ready, as its kubelet reports. */
export function isReady(node: ManifestObject): boolean {
  return conditionOf(node)?.status === "True";
}

/** The condition `Ready` of a node. */
export function conditionOf({ value: { status } }: ManifestObject): Fields | undefined {
  return listOf(isFields(status) ? status.conditions : undefined)
    .find(({ type }) => type === "Ready");
}

/** The taints of a node that repel pods, without `PreferNoSchedule`. */
export function taintsOf({ value: { spec } }: ManifestObject): Taint[] {
  return listOf(isFields(spec) ? spec.taints : undefined).map(({ key, value, effect }) => ({
    key: textOf(key) ?? "",
    value: textOf(value) ?? "",
    effect: textOf(effect) ?? "",
  })).filter(({ effect }) => effect === "NoSchedule" || effect === "NoExecute");
}

/** Formats a taint as kubectl does: `robson.io/dedicated=analytics:NoSchedule`. */
export function formatTaint({ key, value, effect }: Taint): string {
  return `${key}${value === "" ? "" : `=${value}`}:${effect}`;
}

/** Returns whether a toleration matches a taint. `Exists` without a key matches every taint. */
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
