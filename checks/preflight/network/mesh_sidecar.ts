import type { Finding } from "../../finding.ts";
import { isFields, listOf } from "../../kubernetes/fields.ts";
import { SPARK_CLUSTER } from "../../kubernetes/spark_cluster.ts";
import { decide } from "../../network_policy/evaluate.ts";
import { NAME_LABEL } from "../../network_policy/model.ts";
import { codePods, listActors } from "./denial.ts";
import { type Network, objectOf, place } from "./job_network.ts";
import type { Actor, JobWithPods } from "./job_pods.ts";
import { explained } from "../change.ts";
import { createPolicy } from "./policy_fix.ts";
import { assumedPods } from "./service_host.ts";

/** The labels and annotations of an object. */
export interface Texts {
  /** The labels. */
  readonly labels: ReadonlyMap<string, string>;
  /** The annotations. */
  readonly annotations: ReadonlyMap<string, string>;
}

/** A service mesh whose sidecar takes over the connections of a pod. */
interface Mesh {
  readonly name: string;
  /** Returns whether the mesh adds its sidecar to a pod of a namespace. */
  readonly injects: (pod: Texts, namespace: Texts) => boolean;
  /** Returns whether the sidecar is an init container that ends with the pod. */
  readonly isNative: (pod: Texts, namespace: Texts) => boolean;
  /** The sidecar's container. */
  readonly container: RegExp;
  /** The namespace of the control plane, and the port on which its pods accept sidecars. */
  readonly control: { readonly namespace: string; readonly port: number };
  /** The key and the value that keep a pod out of the mesh, and whether the key is a label. */
  readonly refusal: {
    readonly field: "labels" | "annotations";
    readonly key: string;
    readonly value: string;
  };
}

/** The texts that programs in Go read as true. */
export const TRUE_IN_GO = /^(?:1|t|T|true|True|TRUE)$/;

const INJECT = "sidecar.istio.io/inject";

const MESHES: readonly Mesh[] = [
  {
    name: "Istio",
    // The webhooks of Istio select labels. An annotation can only refuse the sidecar.
    injects(pod, { labels }) {
      const own = pod.labels.get(INJECT);
      if (!/^(?:y|yes|true|on)?$/i.test(own ?? pod.annotations.get(INJECT) ?? "")) return false;
      const ofNamespace = labels.get("istio-injection");
      if (ofNamespace !== undefined) return ofNamespace === "enabled";
      return labels.has("istio.io/rev") || own === "true" || pod.labels.has("istio.io/rev");
    },
    isNative: ({ annotations }) => annotations.get("sidecar.istio.io/nativeSidecar") === "true",
    container: /^istio-proxy$/,
    control: { namespace: "istio-system", port: 15012 },
    refusal: { field: "labels", key: INJECT, value: "false" },
  },
  {
    name: "Linkerd",
    // Linkerd reads annotations only.
    injects(pod, namespace) {
      const key = "linkerd.io/inject";
      const value = pod.annotations.get(key) ?? namespace.annotations.get(key);
      return value === "enabled" || value === "ingress";
    },
    isNative: (...objects) =>
      objects.some(({ annotations }) =>
        annotations.entries().some(([key, value]) =>
          /^config\.(alpha\.|beta\.)?linkerd\.io\/proxy-enable-native-sidecar$/.test(key) &&
          TRUE_IN_GO.test(value)
        )
      ),
    container: /^linkerd-proxy$/,
    control: { namespace: "linkerd", port: 8086 },
    refusal: { field: "annotations", key: "linkerd.io/inject", value: "disabled" },
  },
  {
    name: "Kuma",
    injects(pod, namespace) {
      const key = "kuma.io/sidecar-injection";
      const value = pod.labels.get(key) ?? pod.annotations.get(key) ?? namespace.labels.get(key);
      return value === "enabled" || value === "true";
    },
    isNative: () => false,
    container: /^kuma-sidecar$/,
    control: { namespace: "kuma-system", port: 5678 },
    refusal: { field: "labels", key: "kuma.io/sidecar-injection", value: "disabled" },
  },
  {
    name: "Consul",
    injects: ({ annotations }) =>
      TRUE_IN_GO.test(annotations.get("consul.hashicorp.com/connect-inject") ?? ""),
    isNative: () => false,
    container: /^consul-dataplane$/,
    control: { namespace: "consul", port: 8502 },
    refusal: {
      field: "annotations",
      key: "consul.hashicorp.com/connect-inject",
      value: "false",
    },
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
    if (denied.length > 0) return [deniedFinding(network, mesh, denied)];
    const ending = pods.filter((each) =>
      !ENDLESS.includes(each.job.object.kind) && !isNative(network, mesh, each)
    );
    return ending.length === 0 ? [] : [endlessFinding(mesh, ending[0]!, ending)];
  });
}

/** The kinds whose pods run all the time, with or without a sidecar. */
export const ENDLESS: readonly string[] = [
  "Deployment",
  "StatefulSet",
  "DaemonSet",
  "ReplicaSet",
  SPARK_CLUSTER,
];

type JobPod = { readonly job: JobWithPods; readonly actor: Actor };

function isInjected(network: Network, mesh: Mesh, job: JobWithPods, actor: Actor): boolean {
  if (actor.pod.hostNetwork) return false;
  if (sidecarOf(mesh, job, actor) !== undefined) return true;
  return mesh.injects(...textsOf(network, job, actor));
}

/** Returns whether the sidecar of a pod ends with the pod's containers. */
function isNative(network: Network, mesh: Mesh, { job, actor }: JobPod): boolean {
  const sidecar = sidecarOf(mesh, job, actor);
  return sidecar === undefined
    ? mesh.isNative(...textsOf(network, job, actor))
    : sidecar.restartPolicy === "Always";
}

/** The sidecar that the manifests add to a job's own pod. */
function sidecarOf({ container }: Mesh, { spec, actors }: JobWithPods, actor: Actor) {
  if (actor !== actors[0]) return undefined;
  const native = listOf(spec.initContainers).filter((each) => each.restartPolicy === "Always");
  return [...listOf(spec.containers), ...native].find(({ name }) => container.test(String(name)));
}

/** The labels and annotations of a pod and of its namespace. */
export function textsOf(
  network: Network,
  job: JobWithPods,
  { pod, annotations }: Actor,
): [Texts, Texts] {
  const namespace = objectOf(network, "Namespace", pod.namespace)?.value;
  const own = annotations === undefined ? metadataOf(job) : { labels: pod.labels, annotations };
  return [own, metadataOf(namespace)];
}

function metadataOf(object: { readonly metadata?: unknown } | undefined): Texts {
  const metadata = isFields(object?.metadata) ? object.metadata : {};
  const texts = (field: "labels" | "annotations") =>
    new Map(
      Object.entries(isFields(metadata[field]) ? metadata[field] : {}).map((
        [key, text],
      ): [string, string] => [key, String(text)]),
    );
  return { labels: texts("labels"), annotations: texts("annotations") };
}

function reachesControlPlane(network: Network, mesh: Mesh, { pod: from }: Actor): boolean {
  const workload = { kind: "Deployment", name: mesh.name.toLowerCase() };
  const declared = network.cluster.pods.filter(({ namespace }) =>
    namespace === mesh.control.namespace
  );
  const to = declared.length > 0
    ? declared
    : assumedPods(network, from, mesh.control.namespace, workload);
  return to.some((each) =>
    decide(network.cluster, { from, to: each, protocol: "TCP", port: mesh.control.port }, "egress")
      .allowed
  );
}

function deniedFinding(network: Network, mesh: Mesh, pods: readonly JobPod[]): Finding {
  const peer = { namespaceSelector: { matchLabels: { [NAME_LABEL]: mesh.control.namespace } } };
  const allow = createPolicy(
    network,
    pods[0]!.actor.pod.namespace,
    `allow-${mesh.name.toLowerCase()}-egress`,
    {
      podSelector: {},
      policyTypes: ["Egress"],
      egress: [{ to: [peer], ports: [{ protocol: "TCP", port: mesh.control.port }] }],
    },
  );
  return {
    ...placeOf(mesh, pods[0]!),
    severity: "fail",
    problem:
      `${mesh.name} adds a sidecar, and the policies do not allow TCP ${mesh.control.port} to its ` +
      `control plane in ${mesh.control.namespace}, so ${listActors(pods)} cannot open connections`,
    why: "the sidecar takes over all connections of the pod, and gets its configuration from the " +
      "control plane",
    ...explained(`${refusalFor(mesh, pods)} Or allow the control plane: `, allow),
  };
}

function endlessFinding(mesh: Mesh, first: JobPod, pods: readonly JobPod[]): Finding {
  return {
    ...placeOf(mesh, first),
    severity: "warn",
    problem: `${mesh.name} adds a sidecar to ${listActors(pods)}`,
    why: "a Job does not end while a sidecar runs, unless the mesh adds it as an init container " +
      "with restartPolicy Always",
    fix: refusalFor(mesh, pods),
  };
}

/** The fix that keeps pods out of a mesh. Executors get labels and annotations from settings. */
function refusalFor({ refusal: { field, key, value } }: Mesh, pods: readonly JobPod[]): string {
  const name = field.slice(0, -1);
  const written = /^(true|false)$/.test(value) ? `"${value}"` : value;
  const made = new Set(pods.filter(isMade).map(({ actor }) => actor.role));
  const settings = [...made].map((role) =>
    `--conf=spark.kubernetes.${role}.${name}.${key}=${value}`
  );
  const steps = [
    ...(pods.every(isMade) ? [] : [`set the ${name} ${key}: ${written} in ${name}s of the pod`]),
    ...(settings.length === 0 ? [] : [`add to the arguments of Spark: ${settings.join(" ")}`]),
  ];
  return `Keep the pods out of the mesh: ${steps.join(", and ")}.`;
}

function isMade({ actor }: JobPod): boolean {
  return actor.annotations !== undefined;
}

function placeOf({ refusal }: Mesh, { job, actor }: JobPod) {
  const field = actor.annotations === undefined
    ? `${job.metadataPath}.${refusal.field}`
    : `${job.specPath}.containers`;
  return { object: job.label, field, ...place(job.object, field) };
}
