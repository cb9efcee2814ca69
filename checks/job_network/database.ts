import { type Fields, isFields } from "../network_policy/fields.ts";
import { parseAddress } from "../network_policy/address.ts";
import { type Endpoint, type Labels, type Pod } from "../network_policy/model.ts";
import { isolating } from "../network_policy/match.ts";
import { podTemplateOf } from "../network_policy/pod_template.ts";
import { selects } from "../network_policy/selector.ts";
import { UNKNOWABLE } from "../network_policy/workload.ts";
import { listOf } from "./environment.ts";
import type { Actor, SparkJob } from "./job.ts";
import { type Network, objectOf } from "./network.ts";
import { labelsFor } from "./selectors.ts";

/** Where the running system has its Postgres. */
const DEFAULT_HOST = "paradedb.robson.svc.cluster.local";
const DEFAULT_PORT = 5432;

/** The Postgres that a job reads. */
export interface Database {
  /** Its pods, or the addresses that stand for it outside of the cluster. */
  readonly to: readonly Endpoint[];
  /** The port that its pods listen on. */
  readonly port: number;
  /** How it is told. */
  readonly told: string;
  /** The namespace of its pods. */
  readonly namespace: string;
  /** The labels of its pods, where they are known. */
  readonly labels?: Labels;
  /** What could not be judged. */
  readonly note?: string;
}

/** Whether a job is told where Postgres is, or how to log in. */
export function readsDatabase({ environment }: SparkJob): boolean {
  return [...environment.names].some((name) => name.startsWith("DJANGO_DB_"));
}

/** Finds the Postgres that a job reads, as far as the manifests know it. */
export function databaseOf(network: Network, job: SparkJob, actor: Actor): Database {
  const given = Number(job.environment.value("DJANGO_DB_PORT"));
  const port = Number.isInteger(given) && given > 0 && given < 65536 ? given : DEFAULT_PORT;
  const host = job.environment.value("DJANGO_DB_HOST") ?? "";
  const address = parseAddress(host);
  const place = serviceOf(/^[a-z0-9.-]+$/.test(host) ? host : DEFAULT_HOST, network, job);
  if (address !== undefined || place === undefined) return outside(host, port, job);
  const { service, namespace } = place;
  const told = `Postgres in namespace ${namespace}`;
  const declared = objectOf(network, "Service", service, namespace)?.value;
  const spec = isFields(declared?.spec) ? declared.spec : {};
  const pods = network.cluster.pods.filter((pod) =>
    pod.namespace === namespace && isPostgres(network, pod, service, spec)
  );
  const [first] = pods;
  if (first !== undefined) {
    const target = targetPort(spec, port, first);
    return { to: pods, port: target, told, namespace, labels: known(first) };
  }
  const note =
    `no Postgres is declared in ${namespace}, so its pods' labels are not judged, only ` +
    "their namespace";
  return { to: imagined(network, actor.pod, namespace), port, told, namespace, note };
}

/** The labels that are the same for all of its pods. */
function known({ labels }: Pod): Labels {
  return new Map([...labels].filter(([, value]) => value !== UNKNOWABLE));
}

function serviceOf(host: string, { cluster }: Network, { object }: SparkJob) {
  const inCluster = /\.svc(\.cluster\.local)?\.?$/;
  const [service = "", namespace = object.namespace ?? "default", ...rest] = host
    .replace(inCluster, "").split(".");
  const known = inCluster.test(host) || cluster.namespaces.has(namespace);
  return known && rest.length === 0 ? { service, namespace } : undefined;
}

/** A database that is no pod: its address, or any address where only a name is known. */
function outside(host: string, port: number, { object }: SparkJob): Database {
  const literal = parseAddress(host);
  return {
    to: [{ type: "outside", address: literal ?? parseAddress("198.41.0.4")! }],
    ...{ port, told: "Postgres outside of the cluster", namespace: object.namespace ?? "default" },
    ...(literal
      ? {}
      : { note: "only the name of Postgres is known, so any address stands for it" }),
  };
}

/** The pods that the Service selects; without it, those that look like Postgres. */
function isPostgres(network: Network, pod: Pod, service: string, spec: Fields): boolean {
  if (isFields(spec.selector)) {
    return Object.entries(spec.selector).every(([key, value]) => pod.labels.get(key) === value);
  }
  if (pod.name === service) return true;
  const object = objectOf(network, pod.kind, pod.name, pod.namespace)?.value;
  const template = object && podTemplateOf(object)?.spec;
  return listOf(isFields(template) ? template.containers : []).some(({ image, ports }) =>
    /postgres|paradedb/.test(String(image)) && !/exporter|bouncer|client/.test(String(image)) ||
    listOf(ports).some(({ containerPort }) => containerPort === DEFAULT_PORT)
  );
}

/** Policies see the pod's port, which need not be the Service's. */
function targetPort(spec: Fields, port: number, pod: Pod): number {
  const mapped = listOf(spec.ports).find((each) => each.port === port)?.targetPort;
  if (typeof mapped === "number") return mapped;
  return pod.ports.find(({ name }) => name === mapped)?.port ?? port;
}

/** Pods that nobody declared: one for each rule that may be there for them, with the labels it wants. */
function imagined(network: Network, from: Pod, namespace: string): Pod[] {
  const ofNamespace = network.cluster.namespaces.get(namespace)?.labels ?? new Map();
  const wanted = isolating(network.cluster, from, "egress")
    .flatMap(({ rules }) => rules.egress)
    .flatMap(({ peers }) => peers)
    .flatMap((peer): Labels[] => {
      if (peer.type !== "pods" || peer.namespaces === undefined || peer.pods === undefined) {
        return [];
      }
      return selects(peer.namespaces, ofNamespace) ? [labelsFor(peer.pods)] : [];
    });
  return [new Map<string, string>(), ...wanted].map((labels, i): Pod => ({
    ...{
      type: "pod",
      namespace,
      kind: "StatefulSet",
      name: i === 0 ? "postgres" : `postgres-${i}`,
    },
    ...{ labels, ports: [], hostNetwork: false, addresses: [], several: true },
  }));
}
