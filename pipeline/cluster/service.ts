import { Failure } from "../errors.ts";
import type { Cluster, KubeObject, PortForward, RequestOptions } from "./cluster.ts";
import { type Fields, isFields } from "./kubeconfig.ts";

/** A Service, by the name that the cluster's own DNS has for it. */
export interface ServiceName {
  /** Its namespace. */
  readonly namespace: string;
  /** Its name. */
  readonly name: string;
}

/** The Service that a host's name stands for; undefined where it is no name of a cluster's own DNS. */
export function serviceBehind(host: string): ServiceName | undefined {
  const [, name, namespace] = /^([a-z0-9-]+)\.([a-z0-9-]+)\.svc(\.[a-z0-9.-]+)?$/.exec(host) ?? [];
  return name === undefined || namespace === undefined ? undefined : { name, namespace };
}

/**
 * Leads a free port of 127.0.0.1 to a Service, by way of one of its pods that is ready.
 *
 * @param port the Service's port, which need not be the pod's
 * @throws {Failure} unreachable: there is no such Service or port, or no pod of it is ready
 */
export async function forwardToService(
  cluster: Cluster,
  { name, namespace }: ServiceName,
  port: number,
  options: RequestOptions = {},
): Promise<PortForward> {
  const kind = (kind: string) => ({ apiVersion: "v1", kind });
  const told = `Service ${namespace}/${name}`;
  const cannot = (why: string, remedy: string) =>
    new Failure({
      kind: "unreachable",
      task: `forward a port to ${told}`,
      problem: why,
      remedy,
    });
  const [service, pods] = await Promise.all([
    cluster.get(kind("Service"), name, namespace, options),
    cluster.list(kind("Pod"), namespace, options),
  ]);
  if (service === undefined) {
    throw cannot("it is not there", `Look for it: kubectl -n ${namespace} get services`);
  }
  const { selector, ports } = fieldsOf(service.spec);
  const wanted = Object.entries(fieldsOf(selector));
  const pod = pods.find((each) => wanted.length > 0 && isReady(each) && has(each, wanted));
  if (pod === undefined) {
    throw cannot("none of its pods is ready", `Look at them: kubectl -n ${namespace} get pods`);
  }
  const mapping = listOf(ports).find((each) => each.port === port);
  const target = mapping && targetPort(pod, mapping.targetPort ?? port);
  if (target === undefined) {
    throw cannot(`it has no port ${port}`, `See: kubectl -n ${namespace} describe service ${name}`);
  }
  return await cluster.forward(namespace, pod.metadata.name, target, options);
}

function has({ metadata }: KubeObject, wanted: readonly [string, unknown][]): boolean {
  const labels = fieldsOf(metadata.labels);
  return wanted.every(([key, value]) => labels[key] === value);
}

function isReady({ status }: KubeObject): boolean {
  const conditions = listOf(fieldsOf(status).conditions);
  return conditions.some(({ type, status }) => type === "Ready" && status === "True");
}

/** A Service's target can be the name of a container's port. */
function targetPort({ spec }: KubeObject, target: unknown): number | undefined {
  if (typeof target === "number") return target;
  const ports = listOf(fieldsOf(spec).containers).flatMap((each) => listOf(each.ports));
  const number = ports.find(({ name }) => name === target)?.containerPort;
  return typeof number === "number" ? number : undefined;
}

function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {};
}

function listOf(value: unknown): Fields[] {
  return Array.isArray(value) ? value.filter(isFields) : [];
}
