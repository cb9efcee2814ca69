import { shell } from "../../../pipeline/shell.ts";
import { secretsCommand } from "../../../pipeline/contract/project.ts";
import { type Fields, isFields, listOf } from "../../kubernetes/fields.ts";
import { labelOf, type ManifestObject, objectId } from "../../kubernetes/objects.ts";
import { naming } from "../../list_names.ts";
import { formatAddress, parseAddress } from "../../network_policy/address.ts";
import type { Endpoint, Pod, Protocol } from "../../network_policy/model.ts";
import type { Network } from "./job_network.ts";

/** The backends of a Service, which receive the connections to the Service. */
export interface Backends {
  /** The pods that the Service selects, or the addresses of its EndpointSlices. */
  readonly to: readonly Endpoint[];
  /** The port of the backends, which policies apply to. It may differ from the Service's port. */
  readonly port: number;
}

/** The reason why a Service has no backend that policies could allow. */
export interface UnreachableService {
  /** The Service, or the namespace that lacks the Service, as in `Service robson/paradedb`. */
  readonly object: string;
  /** The field to correct, as in `spec.selector`. */
  readonly field?: string;
  /** The problem with the field. */
  readonly problem: string;
  /** The remedy. */
  readonly fix: string;
}

/** Finds the backends of a port of a Service. */
export function backendsOf(
  network: Network,
  service: ManifestObject,
  { protocol, port }: { readonly protocol: Protocol; readonly port: number },
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
  return { to: pods, port: isHeadless ? port : targetPort(mapped.targetPort, port, pods) };
}

/**
 * Explains why Postgres cannot be reached through its Service; undefined if it can.
 *
 * @param service the Service that DJANGO_DB_HOST names; the message does not repeat the host, which
 *   may come from a Secret
 */
export function whyUnreachable(
  { manifests: { objects }, project }: Network,
  service: ManifestObject | undefined,
  backends: Backends | undefined,
  { namespace, port }: { readonly namespace: string; readonly port: number },
): UnreachableService | undefined {
  if (service === undefined || backends === undefined) {
    const names = objects.filter((each) => each.kind === "Service" && each.namespace === namespace)
      .map(({ name }) => name);
    return {
      object: `Namespace ${namespace}`,
      problem: "the namespace has no Service with the name in DJANGO_DB_HOST; " +
        (names.length === 0 ? "it has no Service" : `its Services are ${naming(names)}`),
      fix: `Correct DJANGO_DB_HOST: ${secretsCommand(project)}`,
    };
  }
  const ports = servicePorts(service);
  const isHeadless = isFields(service.value.spec) && service.value.spec.clusterIP === "None";
  if (!isHeadless && !ports.includes(port)) {
    return {
      object: objectId(service),
      field: "spec.ports",
      problem: `the Service has no port ${port}; ` +
        (ports.length === 0 ? "it has no port" : `its ports are ${naming(ports.map(String))}`),
      fix: `Set DJANGO_DB_PORT to a port of the Service, or add port ${port} to the Service.`,
    };
  }
  if (backends.to.length > 0) return undefined;
  return {
    object: objectId(service),
    field: "spec.selector",
    problem: "the Service has no backend: it selects no pod and no EndpointSlice lists an address",
    fix:
      shell`Start Postgres, or correct the selector: kubectl -n ${namespace} get pods --show-labels`,
  };
}

function servicePorts({ value: { spec } }: ManifestObject): unknown[] {
  return listOf(isFields(spec) ? spec.ports : undefined).map(({ port }) => port);
}

/** Returns the port of the backends. A named `targetPort` is resolved with the pods' containers. */
function targetPort(target: unknown, port: number, pods: readonly Pod[]): number {
  if (typeof target === "number") return target;
  return pods.flatMap(({ ports }) => ports).find(({ name }) => name === target)?.port ?? port;
}

/** Returns the backends of a Service without a selector: the addresses in its EndpointSlices. */
function listedBackends(
  { manifests, cluster }: Network,
  { name, namespace }: ManifestObject,
  mapped: Fields,
  port: number,
): Backends {
  const slices = manifests.objects.filter((each) =>
    each.kind === "EndpointSlice" && each.namespace === namespace &&
    labelOf(each, "kubernetes.io/service-name") === name
  );
  const addresses = slices.flatMap(({ value }) => listOf(value.endpoints))
    .filter(({ conditions }) => !isFields(conditions) || conditions.ready !== false)
    .flatMap((endpoint) => Array.isArray(endpoint.addresses) ? endpoint.addresses : []);
  const to = [...new Set(addresses.map(String))].flatMap((text): Endpoint[] => {
    const address = parseAddress(text);
    if (address === undefined) return [];
    const pod = cluster.pods.find((each) =>
      !each.hostNetwork && each.addresses.some((own) => formatAddress(own) === text)
    );
    return [pod ?? { type: "outside", address }];
  });
  const ports = slices.flatMap(({ value }) => listOf(value.ports));
  const target = ports.find(({ name }) => (name ?? "") === (mapped.name ?? "")) ?? {};
  return { to, port: typeof target.port === "number" ? target.port : port };
}
