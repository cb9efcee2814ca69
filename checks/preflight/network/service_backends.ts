import { shell } from "../../../pipeline/shell.ts";
import { secretsCommand } from "../../../pipeline/contract/project.ts";
import { type Fields, fieldsIn, isFields, listOf } from "../../kubernetes/fields.ts";
import type { Labels } from "../../kubernetes/metadata.ts";
import { labelOf, type ManifestObject, objectId, placeOf } from "../../kubernetes/objects.ts";
import { naming } from "../../list_names.ts";
import { formatAddress, parseAddress } from "../../network_policy/address.ts";
import {
  type ContainerPort,
  type Endpoint,
  type Pod,
  podId,
  type Protocol,
} from "../../network_policy/model.ts";
import type { Finding } from "../../finding.ts";
import type { Network } from "./job_network.ts";

/** The backends of a Service, which receive the connections to the Service. */
export interface Backends {
  /** The pods that the Service selects, or the addresses of its EndpointSlices. */
  readonly to: readonly Endpoint[];
  /** The port of the backends, which policies apply to. It may differ from the Service's port. */
  readonly port: number;
}

/** The reason why a Service has no backend that policies could allow. */
export interface UnreachableService extends Pick<Finding, "file" | "line"> {
  /** The Service, or the namespace that lacks the Service, as in `Service robson/paradedb`. */
  readonly object: string;
  /** The field to correct, as in `spec.selector`. */
  readonly field?: string;
  /** The problem with the field. */
  readonly problem: string;
  /** The remedy. */
  readonly fix: string;
}

/** A port of a Service. */
export interface AskedPort {
  /** The protocol. */
  readonly protocol: Protocol;
  /** The number, 1 to 65535. */
  readonly port: number;
}

/** Finds the backends of a port of a Service. */
export function backendsOf(
  network: Network,
  service: ManifestObject,
  { protocol, port }: AskedPort,
): Backends {
  const spec = isFields(service.value.spec) ? service.value.spec : {};
  const mapped = listOf(spec.ports)
    .find((each) => each.port === port && (each.protocol ?? "TCP") === protocol) ?? {};
  const { selector } = spec;
  // The name of a headless Service is resolved to the pods, so the client chooses their port.
  const isHeadless = spec.clusterIP === "None";
  if (!isFields(selector)) {
    const listed = listedBackends(network, service, mapped, port);
    return isHeadless ? { ...listed, port } : listed;
  }
  const pods = network.cluster.pods.filter(({ namespace, labels }) =>
    namespace === (service.namespace ?? "default") &&
    Object.entries(selector).every(([key, value]) => labels.get(key) === value)
  );
  const target = isHeadless ? port : targetPort(mapped.targetPort, { protocol, port }, pods);
  return { to: pods, port: target };
}

/** The backends of a Service whose pods the manifests do not declare: they have these labels. */
export interface Selected {
  /** The labels of the selector, and those that the project file names. */
  readonly labels: Labels;
  /** What was not checked, for people. */
  readonly note: string;
  /** Why the port of the pods is not known; undefined if it is. */
  readonly doubt?: string;
}

/**
 * Describes the pods of a Service that the manifests declare without its pods, as for a Postgres that an
 * operator makes. Its pods surely have the labels of its selector.
 *
 * @returns undefined for a Service without a selector
 */
export function selectedBy(
  service: ManifestObject,
  port: number,
  known: Labels | undefined,
): Selected | undefined {
  const { selector, ports, clusterIP } = fieldsIn(service.value.spec);
  if (!isFields(selector)) return undefined;
  const own = Object.entries(selector).map(([key, value]) => [key, String(value)] as const);
  const { targetPort } = listOf(ports).find((each) => each.port === port) ?? {};
  const pods = `the pods of ${objectId(service)}`;
  const isNamed = typeof targetPort === "string" && clusterIP !== "None";
  return {
    labels: new Map([...known ?? [], ...own]),
    note: `${pods} were not read, so they are taken to have the labels of its selector` +
      (known === undefined ? "" : " and those of the project file"),
    ...(isNamed ? { doubt: `${pods} were not read, so their port is not known` } : {}),
  };
}

/**
 * Explains why the backends of a declared Service are not known without a cluster: it has no selector,
 * and the manifests do not list its addresses. Undefined if they can be known.
 */
export function whyUnlisted(
  { isLive }: Network,
  service: ManifestObject,
  { to }: Backends,
): string | undefined {
  const { selector } = fieldsIn(service.value.spec);
  return isLive || isFields(selector) || to.length > 0 ? undefined : (
    `${objectId(service)} has no selector, and the manifests contain no EndpointSlice with its ` +
    "addresses"
  );
}

/**
 * Explains why a host names no Service of a cluster. The message does not repeat the host, which may
 * come from a Secret.
 */
export function absentService(
  { manifests: { objects }, project }: Network,
  namespace: string,
): UnreachableService {
  const names = objects.filter((each) => each.kind === "Service" && each.namespace === namespace)
    .map(({ name }) => name);
  return {
    object: `Namespace ${namespace}`,
    problem: "the namespace has no Service with the name in DJANGO_DB_HOST; " +
      (names.length === 0 ? "it has no Service" : `its Services are ${naming(names)}`),
    fix: `Correct DJANGO_DB_HOST: ${secretsCommand(project)}`,
  };
}

/** Explains why no connection to a Service gets to a pod; undefined if one can. */
export function whyUnreachable(
  service: ManifestObject,
  { to }: Backends,
  { port, variable }: {
    readonly port: number;
    /** The variable with the port, as in `DJANGO_DB_PORT`. */
    readonly variable: string;
  },
): UnreachableService | undefined {
  const { clusterIP, ports } = fieldsIn(service.value.spec);
  // The name of a headless Service is resolved to the pods, so its ports do not matter.
  if (clusterIP === "None") return undefined;
  const all = listOf(ports);
  const found = all.findIndex((each) => each.port === port && (each.protocol ?? "TCP") === "TCP");
  if (found < 0) {
    return {
      ...placeOf(service, "spec.ports"),
      problem: `the Service has no port ${port}; ` +
        (all.length === 0 ? "it has no port" : `its ports are ${naming(all.map(formatPort))}`),
      fix: `Set ${variable} to a port of the Service, or add port ${port} to the Service.`,
    };
  }
  const { targetPort } = all[found]!;
  const pods = to.filter((end) => end.type === "pod");
  const names = new Set(pods.flatMap((pod) => pod.ports).filter(isTcp).map(({ name }) => name));
  if (typeof targetPort !== "string" || pods.length === 0 || names.has(targetPort)) {
    return undefined;
  }
  return {
    ...placeOf(service, `spec.ports[${found}].targetPort`),
    problem: `no container of ${naming([...new Set(pods.map(podId))])} has a TCP port with the ` +
      `name ${targetPort}` +
      (names.size === 0 ? "" : `; their ports are ${naming([...names])}`),
    fix: `Set targetPort to the port on which the container listens, or name that port ` +
      `${targetPort} in the container.`,
  };
}

function formatPort({ port, protocol = "TCP" }: Fields): string {
  return protocol === "TCP" ? String(port) : `${protocol} ${port}`;
}

function isTcp({ protocol }: ContainerPort): boolean {
  return protocol === "TCP";
}

/** Explains that a Service of a cluster has no backend; undefined if it has one. */
export function whyEmpty(
  service: ManifestObject,
  { to }: Backends,
  namespace: string,
): UnreachableService | undefined {
  return to.length > 0 ? undefined : {
    object: objectId(service),
    field: "spec.selector",
    problem: "the Service has no backend: it selects no pod and no EndpointSlice lists an address",
    fix:
      shell`Start Postgres, or correct the selector: kubectl -n ${namespace} get pods --show-labels`,
  };
}

/** Returns the port of the backends. A named `targetPort` is resolved with the pods' containers. */
function targetPort(target: unknown, asked: AskedPort, pods: readonly Pod[]): number {
  if (typeof target === "number") return target;
  const named = pods.flatMap(({ ports }) => ports).find(({ name, protocol }) =>
    name === target && protocol === asked.protocol
  );
  return named?.port ?? asked.port;
}

/**
 * Returns the backends of a Service without a selector: the addresses in its EndpointSlices, or in its
 * Endpoints, which the control plane copies into EndpointSlices.
 */
function listedBackends(
  { manifests, cluster }: Network,
  { name, namespace }: ManifestObject,
  mapped: Fields,
  port: number,
): Backends {
  const own = manifests.objects.filter((each) => each.namespace === namespace);
  const slices = own.filter((each) =>
    each.kind === "EndpointSlice" && labelOf(each, "kubernetes.io/service-name") === name
  );
  const subsets = own.filter((each) => each.kind === "Endpoints" && each.name === name)
    .flatMap(({ value }) => listOf(value.subsets));
  const addresses = [
    ...slices.flatMap(({ value }) => listOf(value.endpoints))
      .filter(({ conditions }) => fieldsIn(conditions).ready !== false)
      .flatMap((endpoint) => Array.isArray(endpoint.addresses) ? endpoint.addresses : []),
    ...subsets.flatMap((subset) => listOf(subset.addresses)).map(({ ip }) => ip),
  ];
  const to = [...new Set(addresses.map(String))].flatMap((text): Endpoint[] => {
    const address = parseAddress(text);
    if (address === undefined) return [];
    const pod = cluster.pods.find((each) =>
      !each.hostNetwork && each.addresses.some((own) => formatAddress(own) === text)
    );
    return [pod ?? { type: "outside", address }];
  });
  const ports = [...slices.map(({ value }) => value), ...subsets].flatMap((each) =>
    listOf(each.ports)
  );
  const target = ports.find(({ name }) => (name ?? "") === (mapped.name ?? "")) ?? {};
  return { to, port: typeof target.port === "number" ? target.port : port };
}
