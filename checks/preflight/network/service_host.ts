import { type Selector, selects } from "../../kubernetes/selectors.ts";
import type { Labels } from "../../kubernetes/metadata.ts";
import { isolating } from "../../network_policy/matching.ts";
import { namespaceOf, type Pod } from "../../network_policy/model.ts";
import type { Network } from "./job_network.ts";
import type { JobWithPods } from "./job_pods.ts";

/** A Service that a host name refers to. */
export interface ServiceName {
  /** The name, as in `paradedb`. */
  readonly name: string;
  /** The namespace, as in `robson`. */
  readonly namespace: string;
}

/**
 * The Service that a host name refers to. The name may begin with a pod's name.
 *
 * @returns undefined for a host outside the cluster
 */
export function serviceOf(
  host: string,
  { cluster }: Network,
  { object }: JobWithPods,
): ServiceName | undefined {
  const inCluster = /\.svc(\.cluster\.local)?\.?$/;
  const isInside = inCluster.test(host);
  const names = host.replace(inCluster, "").split(".");
  const [name = "", namespace = object.namespace ?? "default", ...rest] =
    isInside && names.length === 3 ? names.slice(1) : names;
  const isService = isInside || cluster.namespaces.has(namespace);
  return isService && rest.length === 0 ? { name, namespace } : undefined;
}

/**
 * Returns possible pods of a workload that the manifests do not declare: one pod without labels,
 * and one pod for each rule with labels that match the rule.
 */
export function assumedPods(
  network: Network,
  from: Pod,
  namespace: string,
  workload: Pick<Pod, "kind" | "name">,
): Pod[] {
  const namespaceLabels = namespaceOf(network.cluster, namespace).labels;
  const selected = isolating(network.cluster, from, "egress")
    .flatMap(({ rules }) => rules.egress)
    .flatMap(({ peers }) => peers)
    .flatMap((peer): Labels[] => {
      if (peer.type !== "pods" || peer.namespaces === undefined || peer.pods === undefined) {
        return [];
      }
      return selects(peer.namespaces, namespaceLabels) ? [labelsFor(peer.pods)] : [];
    });
  return [new Map<string, string>(), ...selected].map((labels, i): Pod => ({
    type: "pod",
    namespace,
    kind: workload.kind,
    name: i === 0 ? workload.name : `${workload.name}-${i}`,
    labels,
    ports: [],
    hostNetwork: false,
    addresses: [],
    several: true,
  }));
}

/** Labels that match the In and Exists requirements of a selector. */
function labelsFor({ requirements }: Selector): Labels {
  const labels = new Map<string, string>();
  for (const { key, operator, values } of requirements) {
    if (operator === "In") labels.set(key, values[0]!);
    if (operator === "Exists" && !labels.has(key)) labels.set(key, "");
  }
  return labels;
}
