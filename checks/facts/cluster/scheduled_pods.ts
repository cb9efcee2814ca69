import { type Fields, isFields } from "../../kubernetes/fields.ts";
import { listOf } from "../../kubernetes/containers.ts";
import type { ManifestObject } from "../manifests.ts";

/**
 * The pods that take room on a node, with what says how much, and who made them. A cluster has many,
 * and what else is in them is nobody's business here.
 */
export function placedPods(pods: readonly ManifestObject[]): ManifestObject[] {
  return pods.filter(takesRoom).map((pod) => ({ ...pod, value: cutDown(pod.value) }));
}

/** Whether a pod has a node, and has not come to its end there. */
export function takesRoom({ value: { spec, status } }: ManifestObject): boolean {
  const node = isFields(spec) ? spec.nodeName : undefined;
  const phase = isFields(status) ? status.phase : undefined;
  return typeof node === "string" && node !== "" && phase !== "Succeeded" && phase !== "Failed";
}

function cutDown({ apiVersion, kind, metadata, spec }: Fields): Fields {
  const { name, namespace, uid, ownerReferences } = isFields(metadata) ? metadata : {};
  const { nodeName, overhead, resources, initContainers, containers } = isFields(spec) ? spec : {};
  return {
    ...{ apiVersion, kind, metadata: { name, namespace, uid, ownerReferences } },
    spec: {
      ...{ nodeName, overhead, resources },
      initContainers: listOf(initContainers).map(asked),
      containers: listOf(containers).map(asked),
    },
  };
}

function asked({ name, restartPolicy, resources }: Fields): Fields {
  return { name, restartPolicy, resources };
}
