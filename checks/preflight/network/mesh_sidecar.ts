import type { Finding } from "../../finding.ts";
import { type Fields, isFields } from "../../kubernetes/fields.ts";
import { SPARK_CLUSTER } from "../../kubernetes/spark_cluster.ts";
import { decide } from "../../network_policy/evaluate.ts";
import { NAME_LABEL } from "../../network_policy/model.ts";
import { codePods, listActors } from "./denial.ts";
import { type Network, objectOf, place } from "./job_network.ts";
import type { Actor, JobWithPods } from "./job_pods.ts";
import { createPolicy } from "./policy_fix.ts";
import { assumedPods } from "./service_host.ts";

/** A service mesh whose sidecar takes over the connections of a pod. */
interface Mesh {
  readonly name: string;
  /** The keys of labels and annotations that request or refuse the sidecar. */
  readonly keys: readonly string[];
  /** The values of these keys that request the sidecar. */
  readonly yes: RegExp;
  /** The sidecar's container. */
  readonly container: RegExp;
  /** The namespace of the control plane, and the port on which its pods accept sidecars. */
  readonly namespace: string;
  readonly port: number;
  /** The key and the value that keep a pod out of the mesh, and whether the key is a label. */
  readonly refusal: { readonly field: "labels" | "annotations"; readonly text: string };
}

const MESHES: readonly Mesh[] = [
  {
    name: "Istio",
    keys: ["istio-injection", "sidecar.istio.io/inject", "istio.io/rev"],
    yes: /^(?!disabled$|false$).+$/,
    container: /^istio-proxy$/,
    namespace: "istio-system",
    port: 15012,
    refusal: { field: "labels", text: 'sidecar.istio.io/inject: "false"' },
  },
  {
    name: "Linkerd",
    keys: ["linkerd.io/inject"],
    yes: /^(enabled|ingress)$/,
    container: /^linkerd-proxy$/,
    namespace: "linkerd",
    port: 8086,
    refusal: { field: "annotations", text: "linkerd.io/inject: disabled" },
  },
];

/**
 * Reports pods of jobs that get the sidecar of a service mesh. The sidecar takes over all
 * connections of the pod, so a pod whose sidecar cannot reach the control plane has no network. A
 * sidecar that does not terminate also keeps the Job running after its container has ended.
 */
export function meshFindings(network: Network): Finding[] {
  return MESHES.flatMap((mesh) => {
    const pods = codePods(network).filter(({ job, actor }) =>
      isInjected(network, mesh, job, actor)
    );
    if (pods.length === 0) return [];
    const denied = pods.filter(({ actor }) => !reachesControlPlane(network, mesh, actor));
    if (denied.length > 0) return [deniedFinding(mesh, denied)];
    const ending = pods.filter(({ job }) => !ENDLESS.includes(job.object.kind));
    return ending.length === 0 ? [] : [endlessFinding(mesh, ending[0]!, ending)];
  });
}

/** The kinds whose pods run all the time, with or without a sidecar. */
const ENDLESS = ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", SPARK_CLUSTER];

type JobPod = { readonly job: JobWithPods; readonly actor: Actor };

function isInjected(network: Network, mesh: Mesh, job: JobWithPods, actor: Actor): boolean {
  if (actor.pod.hostNetwork) return false;
  const isOwn = actor === job.actors[0];
  if (isOwn && containersOf(job.spec).some((name) => mesh.container.test(name))) return true;
  const own = isOwn ? metadataOf(job) : sparkMetadata(job, actor);
  const namespace = objectOf(network, "Namespace", actor.pod.namespace)?.value;
  for (const texts of [own, metadataOf(namespace)]) {
    const value = mesh.keys.map((key) => texts.get(key)).find((each) => each !== undefined);
    if (value !== undefined) return mesh.yes.test(value);
  }
  return false;
}

/** The labels and annotations of an object. Meshes read both. */
function metadataOf(object: { readonly metadata?: unknown } | undefined): Map<string, string> {
  const metadata = isFields(object?.metadata) ? object.metadata : {};
  return new Map(
    [metadata.annotations, metadata.labels].flatMap((each) =>
      isFields(each)
        ? Object.entries(each).map(([key, text]): [string, string] => [key, String(text)])
        : []
    ),
  );
}

/** The labels of a pod that Spark creates, and the annotations in the job's settings. */
function sparkMetadata({ settings }: JobWithPods, { role, pod }: Actor): Map<string, string> {
  const prefix = `spark.kubernetes.${role}.annotation.`;
  const annotations = [...settings].filter(([key]) => key.startsWith(prefix))
    .map(([key, { value }]): [string, string] => [key.slice(prefix.length), value]);
  return new Map([...annotations, ...pod.labels]);
}

function containersOf(spec: Fields): string[] {
  const containers = Array.isArray(spec.containers) ? spec.containers : [];
  return containers.map((each) => isFields(each) ? String(each.name) : "");
}

function reachesControlPlane(network: Network, mesh: Mesh, { pod: from }: Actor): boolean {
  const workload = { kind: "Deployment", name: mesh.name.toLowerCase() };
  const declared = network.cluster.pods.filter(({ namespace }) => namespace === mesh.namespace);
  const to = declared.length > 0 ? declared : assumedPods(network, from, mesh.namespace, workload);
  return to.some((each) =>
    decide(network.cluster, { from, to: each, protocol: "TCP", port: mesh.port }, "egress").allowed
  );
}

function deniedFinding(mesh: Mesh, pods: readonly JobPod[]): Finding {
  const peer = { namespaceSelector: { matchLabels: { [NAME_LABEL]: mesh.namespace } } };
  const allow = createPolicy(
    pods[0]!.actor.pod.namespace,
    `allow-${mesh.name.toLowerCase()}-egress`,
    {
      podSelector: {},
      policyTypes: ["Egress"],
      egress: [{ to: [peer], ports: [{ protocol: "TCP", port: mesh.port }] }],
    },
  );
  return {
    ...placeOf(mesh, pods[0]!),
    severity: "fail",
    problem: `${mesh.name} adds a sidecar, and the policies do not allow TCP ${mesh.port} to its ` +
      `control plane in ${mesh.namespace}, so ${listActors(pods)} cannot open connections`,
    why: "the sidecar takes over all connections of the pod, and gets its configuration from the " +
      "control plane",
    fix: `Keep the pods out of the mesh: set the ${singular(mesh)} ${mesh.refusal.text} on them. ` +
      `Or allow the control plane: ${allow}`,
  };
}

function endlessFinding(mesh: Mesh, first: JobPod, pods: readonly JobPod[]): Finding {
  return {
    ...placeOf(mesh, first),
    severity: "warn",
    problem: `${mesh.name} adds a sidecar to ${listActors(pods)}`,
    why: "a Job does not end while a sidecar runs, unless the mesh adds it as an init container " +
      "with restartPolicy Always",
    fix: `Keep the pods out of the mesh: set the ${singular(mesh)} ${mesh.refusal.text} on them.`,
  };
}

function singular({ refusal: { field } }: Mesh): string {
  return field.slice(0, -1);
}

function placeOf({ refusal }: Mesh, { job }: JobPod) {
  const field = `${job.metadataPath}.${refusal.field}`;
  return { object: job.label, field, ...place(job.object, field) };
}
