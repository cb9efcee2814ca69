import type { Finding } from "../../finding.ts";
import { labelOf } from "../../kubernetes/objects.ts";
import { decide } from "../../network_policy/evaluate.ts";
import { codePods } from "./denial.ts";
import { type Network, objectOf, place } from "./job_network.ts";
import type { Actor, JobWithPods } from "./job_pods.ts";

/** The label of namespaces and pods with the data plane of Istio. */
const MODE = "istio.io/dataplane-mode";

/** The port on which pods of an ambient mesh accept all connections of other pods of the mesh. */
const HBONE = 15008;

/**
 * Reports jobs in an ambient mesh of Istio whose driver and executors cannot reach each other. The
 * mesh adds no sidecar. It carries the connections between its pods through one other port.
 */
export function ambientFindings(network: Network): Finding[] {
  const pods = codePods(network).filter(({ actor }) => isAmbient(network, actor));
  return [...Map.groupBy(pods, ({ job }) => job)].flatMap(([job, all]) => {
    const actors = all.map(({ actor }) => actor);
    const isDenied = actors.some((from) =>
      actors.some((to) => from !== to && !reaches(network, from, to))
    );
    return isDenied ? [deniedFinding(job)] : [];
  });
}

function isAmbient(network: Network, { pod }: Actor): boolean {
  const namespace = objectOf(network, "Namespace", pod.namespace);
  const mode = pod.labels.get(MODE) ?? (namespace && labelOf(namespace, MODE));
  return mode === "ambient" && !pod.hostNetwork;
}

function reaches({ cluster }: Network, { pod: from }: Actor, { pod: to }: Actor): boolean {
  const connection = { from, to, protocol: "TCP", port: HBONE } as const;
  return (["egress", "ingress"] as const).every((direction) =>
    decide(cluster, connection, direction).allowed
  );
}

function deniedFinding(job: JobWithPods): Finding {
  const field = `${job.metadataPath}.labels`;
  return {
    severity: "fail",
    object: job.label,
    field,
    ...place(job.object, field),
    problem:
      `the pods are in an ambient mesh of Istio, and the policies do not allow TCP ${HBONE} ` +
      "between the driver and its executors",
    why: "the mesh carries the connections between its pods through this port, so the executors " +
      "cannot register with the driver",
    fix: `Keep the pods out of the mesh with the label ${MODE}: none, on executors with ` +
      `--conf=spark.kubernetes.executor.label.${MODE}=none. Or allow TCP ${HBONE} where the ` +
      "policies allow the ports of driver and executors.",
  };
}
