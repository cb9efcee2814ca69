import type { Finding } from "../../finding.ts";
import { labelOf, type ManifestObject, objectId } from "../../kubernetes/objects.ts";
import { type Fields, isFields, listOf, textOf } from "../../kubernetes/fields.ts";
import {
  conditionOf,
  formatTaint,
  isReady,
  LABEL,
  TAINT,
  taintsOf,
  tolerates,
} from "./analytics_nodes.ts";

/** What keeps every pod off a node; undefined where it takes pods. */
export function closed(node: ManifestObject): Finding | undefined {
  const { name } = node;
  const common = { severity: "fail", object: objectId(node), why: PENDING } as const;
  if (!isReady(node)) {
    const { status = "Unknown", reason, message } = conditionOf(node) ?? {};
    const said = [textOf(reason), textOf(message)].filter((each) => each).join(": ");
    return {
      ...{ ...common, field: "status.conditions" },
      problem: `it is not ready: Ready is ${status}${said === "" ? "" : ` (${said})`}`,
      fix: `Look at its kubelet: kubectl describe node ${name}`,
    };
  }
  const { spec } = node.value;
  if (!isFields(spec) || spec.unschedulable !== true) return undefined;
  return {
    ...{
      ...common,
      field: "spec.unschedulable",
      problem: "it was cordoned, and takes no new pods",
    },
    fix: `kubectl uncordon ${name}`,
  };
}

/**
 * What keeps a pod off a node that takes others; undefined where nothing does. The pool's own label
 * and taint are not asked for here: whether a pod selects and tolerates these is judged for itself.
 */
export function barred(node: ManifestObject, spec: Fields): Finding | undefined {
  const { name } = node;
  const common = { severity: "fail", object: objectId(node), why: PENDING } as const;
  const tolerations = listOf(spec.tolerations);
  const taint = taintsOf(node).find((each) =>
    formatTaint(each) !== formatTaint(TAINT) && !tolerations.some((one) => tolerates(one, each))
  );
  if (taint !== undefined) {
    return {
      ...{ ...common, field: "spec.taints" },
      problem: `it has the taint ${formatTaint(taint)}, which pods of the jobs do not tolerate`,
      // What Kubernetes taints by itself, such as disk-pressure, comes back until its cause is gone.
      fix: taint.key.startsWith("node.kubernetes.io/")
        ? `Find out what is wrong with it: kubectl describe node ${name}`
        : `If it may run jobs: kubectl taint node ${name} ${formatTaint(taint)}-`,
    };
  }
  const selector = Object.entries(isFields(spec.nodeSelector) ? spec.nodeSelector : {});
  const wanted = selector.find(([key, value]) => key !== LABEL.key && labelOf(node, key) !== value);
  if (wanted === undefined) return undefined;
  const [key, value] = wanted;
  return {
    ...{ ...common, field: "metadata.labels" },
    problem: `it has no label ${key}=${value}, which pods of the jobs select nodes by`,
    fix: `kubectl label node ${name} ${key}=${value} --overwrite`,
  };
}

const PENDING = "no other node takes the pod either, so it stays pending";
