import { labelOf, type ManifestObject, objectId } from "../../kubernetes/objects.ts";
import { type Fields, isFields, listOf } from "../../kubernetes/fields.ts";
import { formatAddress, parseAddress } from "../../network_policy/address.ts";
import type { Endpoint, Pod, Protocol } from "../../network_policy/model.ts";
import type { Network } from "./job_network.ts";
import { naming } from "../../list_names.ts";

/** Where connections to a Service end. */
export interface Behind {
  /** The pods that it selects, or the addresses that stand behind it. */
  readonly to: readonly Endpoint[];
  /** The port there, which is what policies see, and which need not be the Service's. */
  readonly port: number;
}

/** Finds what is behind a port of a Service. */
export function behind(
  network: Network,
  service: ManifestObject,
  { protocol, port }: { readonly protocol: Protocol; readonly port: number },
): Behind {
  const spec = isFields(service.value.spec) ? service.value.spec : {};
  const mapped = listOf(spec.ports)
    .find((each) => each.port === port && (each.protocol ?? "TCP") === protocol) ?? {};
  const { selector } = spec;
  if (!isFields(selector)) return addresses(network, service, mapped, port);
  const pods = network.cluster.pods.filter(({ namespace, labels }) =>
    namespace === (service.namespace ?? "default") &&
    Object.entries(selector).every(([key, value]) => labels.get(key) === value)
  );
  return { to: pods, port: targetPort(mapped.targetPort, port, pods) };
}

/** The ports of a Service. */
export function portsOf({ value: { spec } }: ManifestObject): unknown[] {
  return listOf(isFields(spec) ? spec.ports : undefined).map(({ port }) => port);
}

/** A name stands for the port that the pods' containers have by it. */
function targetPort(target: unknown, port: number, pods: readonly Pod[]): number {
  if (typeof target === "number") return target;
  return pods.flatMap(({ ports }) => ports).find(({ name }) => name === target)?.port ?? port;
}

/** A Service without a selector leads to the addresses that somebody wrote down for it. */
function addresses(
  { manifests, cluster }: Network,
  { name, namespace }: ManifestObject,
  mapped: Fields,
  port: number,
): Behind {
  const slices = manifests.objects.filter((each) =>
    each.kind === "EndpointSlice" && each.namespace === namespace &&
    labelOf(each, "kubernetes.io/service-name") === name
  );
  const endpoints = slices.flatMap(({ value }) => listOf(value.endpoints))
    .filter(({ conditions }) => !isFields(conditions) || conditions.ready !== false)
    .flatMap((endpoint) => Array.isArray(endpoint.addresses) ? endpoint.addresses : []);
  const found = [...new Set(endpoints.map(String))].flatMap((text): Endpoint[] => {
    const address = parseAddress(text);
    if (address === undefined) return [];
    const pod = cluster.pods.find((each) =>
      !each.hostNetwork && each.addresses.some((own) => formatAddress(own) === text)
    );
    return [pod ?? { type: "outside", address }];
  });
  const ports = slices.flatMap(({ value }) => listOf(value.ports));
  const target = ports.find(({ name }) => (name ?? "") === (mapped.name ?? "")) ?? {};
  return { to: found, port: typeof target.port === "number" ? target.port : port };
}

/** Why there is no Postgres to connect to, in a cluster that was looked into. */
export interface Nowhere {
  /** The Service, or what should have one. */
  readonly object: string;
  /** The field that decides. */
  readonly field?: string;
  /** What is wrong with it. */
  readonly problem: string;
  /** What to do about it. */
  readonly fix: string;
}

/**
 * What keeps every connection to Postgres from arriving, whatever policies say.
 *
 * @param service the one that DJANGO_DB_HOST means; that name may come from a Secret, and is not told
 */
export function whyNowhere(
  { manifests: { objects } }: Network,
  service: ManifestObject | undefined,
  end: Behind | undefined,
  { namespace, port }: { readonly namespace: string; readonly port: number },
): Nowhere | undefined {
  if (service === undefined || end === undefined) {
    const others = objects.filter((each) => each.kind === "Service" && each.namespace === namespace)
      .map(({ name }) => name);
    return {
      object: `Namespace ${namespace}`,
      problem: "it has no Service by the name that DJANGO_DB_HOST says; " +
        `it has ${naming(others) || "none"}`,
      fix: "Correct DJANGO_DB_HOST: deno task secrets",
    };
  }
  const common = { object: objectId(service) };
  const ports = portsOf(service);
  if (!ports.includes(port)) {
    return {
      ...{ ...common, field: "spec.ports" },
      problem: `it has no port ${port}; it has ${naming(ports.map(String)) || "none"}`,
      fix: `Set DJANGO_DB_PORT to a port that it has, or add ${port} to it.`,
    };
  }
  if (end.to.length > 0) return undefined;
  return {
    ...{ ...common, field: "spec.selector" },
    problem: "there is no pod behind it, nor any other address",
    fix: `Start Postgres, or correct the selector: kubectl -n ${namespace} get pods --show-labels`,
  };
}
