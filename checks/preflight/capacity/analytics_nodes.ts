import { DEFAULT_PROJECT, type Project } from "../../../pipeline/contract/project.ts";
import { labelOf, type ManifestObject, ofKind } from "../../kubernetes/objects.ts";
import { type Fields, isFields, listOf, textOf } from "../../kubernetes/fields.ts";

/** A taint of a node: it repels pods that do not tolerate it. */
export interface Taint {
  /** The key, as in `robson.io/dedicated`. */
  readonly key: string;
  /** The value, or an empty string if the taint has no value. */
  readonly value: string;
  /** The effect, as in `NoSchedule`; for the taint of a pool, an empty string for any effect. */
  readonly effect: string;
}

/** The label and the taint of the nodes that the jobs run on. */
export interface Pool {
  /** The label that jobs select. */
  readonly label: { readonly key: string; readonly value: string };
  /** The taint that repels other pods. */
  readonly taint: Taint;
}

/** The pool of a platform. */
export function poolIn({ nodes }: Pick<Project, "nodes">): Pool {
  const [key = "", value = ""] = nodes.label.split("=");
  const [taint = "", effect = ""] = nodes.taint.split(":");
  const [taintKey = "", taintValue = ""] = taint.split("=");
  return { label: { key, value }, taint: { key: taintKey, value: taintValue, effect } };
}

/** The nodes with the label of the pool. */
export function nodesOf(objects: readonly ManifestObject[], { label }: Pool): ManifestObject[] {
  return ofKind(objects, "Node").filter((node) => labelOf(node, label.key) === label.value);
}

/**
 * The platform of the nodes in the pool, as in `linux/amd64`. The image of the jobs must support it.
 *
 * @returns undefined if no node of the pool reports its platform
 */
export function poolPlatform(
  objects: readonly ManifestObject[],
  project: Project = DEFAULT_PROJECT,
): string | undefined {
  const pool = nodesOf(objects, poolIn(project));
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

/** The taints of a node. */
export function taintsOf({ value: { spec } }: ManifestObject): Taint[] {
  return listOf(isFields(spec) ? spec.taints : undefined).map(({ key, value, effect }) => ({
    key: textOf(key) ?? "",
    value: textOf(value) ?? "",
    effect: textOf(effect) ?? "",
  }));
}

/** Returns whether a pod must tolerate a taint to run on the node. */
export function repels({ effect }: Taint): boolean {
  return effect !== "PreferNoSchedule";
}

/** Formats a taint as kubectl does: `robson.io/dedicated=analytics:NoSchedule`. */
export function formatTaint({ key, value, effect }: Taint): string {
  return `${key}${value === "" ? "" : `=${value}`}${effect === "" ? "" : `:${effect}`}`;
}

/** Formats the label of a pool for kubectl: `robson.io/pool=analytics`. */
export function formatLabel({ key, value }: Pool["label"]): string {
  return `${key}=${value}`;
}

/**
 * Returns whether a toleration matches a taint. `Exists` without a key matches every taint. A taint of
 * any effect is matched by a toleration of any effect.
 */
export function tolerates(
  { key, operator = "Equal", value = "", effect }: Fields,
  taint: Taint,
): boolean {
  const isAnyEffect = effect === undefined || effect === null || effect === "";
  if (!isAnyEffect && taint.effect !== "" && effect !== taint.effect) return false;
  const isAnyKey = key === undefined || key === null || key === "";
  if (operator === "Exists") return isAnyKey || key === taint.key;
  return operator === "Equal" && key === taint.key && value === taint.value;
}
