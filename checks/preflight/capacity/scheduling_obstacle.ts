import { shell } from "../../../pipeline/shell.ts";
import type { Finding } from "../../finding.ts";
import { labelOf, type ManifestObject, objectId } from "../../kubernetes/objects.ts";
import { type Fields, isFields, listOf, textOf } from "../../kubernetes/fields.ts";
import {
  conditionOf,
  formatTaint,
  isReady,
  type Pool,
  repels,
  taintsOf,
  tolerates,
} from "./analytics_nodes.ts";

/** Returns why a node accepts no pods; undefined if it does. */
export function nodeObstacle(node: ManifestObject): Finding | undefined {
  const { name } = node;
  const common = { severity: "fail", object: objectId(node), why: PENDING } as const;
  if (!isReady(node)) {
    const { status = "Unknown", reason, message } = conditionOf(node) ?? {};
    const details = [textOf(reason), textOf(message)].filter((each) => each).join(": ");
    return {
      ...common,
      field: "status.conditions",
      problem: `it is not ready: Ready is ${status}${details === "" ? "" : ` (${details})`}`,
      fix: shell`Check its kubelet: kubectl describe node ${name}`,
    };
  }
  const { spec } = node.value;
  if (!isFields(spec) || spec.unschedulable !== true) return undefined;
  return {
    ...common,
    field: "spec.unschedulable",
    problem: "it is cordoned and accepts no new pods",
    fix: shell`kubectl uncordon ${name}`,
  };
}

/**
 * Returns why a node does not accept a pod; undefined if it does. Ignores the pool's own label and
 * taint, because node-pool judges them separately.
 */
export function podObstacle(
  node: ManifestObject,
  spec: Fields,
  pool: Pool,
): Finding | undefined {
  const { name } = node;
  const common = { severity: "fail", object: objectId(node), why: PENDING } as const;
  const tolerations = listOf(spec.tolerations);
  const taint = taintsOf(node).find((each) =>
    repels(each) && formatTaint(each) !== formatTaint(pool.taint) &&
    !tolerations.some((one) => tolerates(one, each))
  );
  if (taint !== undefined) {
    return {
      ...common,
      field: "spec.taints",
      problem: `it has the taint ${formatTaint(taint)}, which the jobs' pods do not tolerate`,
      // A taint that Kubernetes adds, such as disk-pressure, returns until its cause is fixed.
      fix: taint.key.startsWith("node.kubernetes.io/")
        ? shell`Find out what is wrong with it: kubectl describe node ${name}`
        : shell`If it may run jobs: kubectl taint node ${name} ${`${formatTaint(taint)}-`}`,
    };
  }
  const selector = Object.entries(isFields(spec.nodeSelector) ? spec.nodeSelector : {});
  const wanted = selector.find(([key, value]) =>
    key !== pool.label.key && labelOf(node, key) !== value
  );
  if (wanted === undefined) return undefined;
  const [key, value] = wanted;
  return {
    ...common,
    field: "metadata.labels",
    problem: `it has no label ${key}=${value}, which the jobs' pods select`,
    fix: shell`kubectl label node ${name} ${`${key}=${textOf(value) ?? ""}`} --overwrite`,
  };
}

const PENDING = "no other node accepts the pod, so it stays pending";
