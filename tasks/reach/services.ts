import { isFields } from "../../checks/kubernetes/fields.ts";
import { type Address, parseAddress } from "../../checks/network_policy/address.ts";
import { type Pod, type Protocol, UNKNOWN_VALUE } from "../../checks/network_policy/model.ts";
import type { Project } from "../../pipeline/contract/project.ts";

/** A port of a Service, and the port of its pods. */
export interface ServicePort {
  /** The protocol. */
  readonly protocol: Protocol;
  /** The port of the Service. */
  readonly port: number;
  /** The port of the pods, or the name of a port that their containers declare. */
  readonly target: number | string;
}

/** A declared Service. */
export interface Service {
  /** The namespace of the Service and of its pods. */
  readonly namespace: string;
  /** The name, as in `paradedb`. */
  readonly name: string;
  /** The labels that select the pods; empty if the Service selects no pods. */
  readonly selector: ReadonlyMap<string, string>;
  /** The host name that the Service stands for (`spec.externalName`). */
  readonly externalName?: string;
  /** True if the Service has no address, so its name resolves to the addresses of the pods. */
  readonly headless: boolean;
  /** The addresses that the manifests fix. */
  readonly addresses: readonly Address[];
  /** The ports. */
  readonly ports: readonly ServicePort[];
}

/** Reads the Services among objects. Ignores fields that the API server would reject. */
export function servicesOf(objects: readonly unknown[]): Service[] {
  return objects.flatMap((object): Service[] => {
    if (!isFields(object) || object.kind !== "Service" || object.apiVersion !== "v1") return [];
    const { metadata, spec } = object;
    if (!isFields(metadata) || typeof metadata.name !== "string" || !isFields(spec)) return [];
    const selector = isFields(spec.selector) && spec.type !== "ExternalName" ? spec.selector : {};
    const listed = Array.isArray(spec.clusterIPs) ? spec.clusterIPs : [];
    const addresses = [spec.clusterIP, ...listed].flatMap((text) =>
      typeof text === "string" ? parseAddress(text) ?? [] : []
    );
    const external = spec.type === "ExternalName" ? spec.externalName : undefined;
    return [{
      namespace: typeof metadata.namespace === "string" ? metadata.namespace : "default",
      name: metadata.name,
      selector: new Map(Object.entries(selector).map(([key, value]) => [key, String(value)])),
      ...(typeof external === "string" ? { externalName: external } : {}),
      headless: spec.clusterIP === "None",
      addresses,
      ports: (Array.isArray(spec.ports) ? spec.ports : []).flatMap(readPort),
    }];
  });
}

function readPort(value: unknown): ServicePort[] {
  if (!isFields(value) || typeof value.port !== "number") return [];
  const { port, protocol, targetPort } = value;
  const isTarget = typeof targetPort === "number" || typeof targetPort === "string";
  return [{
    protocol: protocol === "UDP" || protocol === "SCTP" ? protocol : "TCP",
    port,
    target: isTarget && targetPort !== 0 && targetPort !== "" ? targetPort : port,
  }];
}

/** The declared pods that a Service selects. */
function podsBehind({ namespace, selector }: Service, pods: readonly Pod[]): Pod[] {
  if (selector.size === 0) return [];
  return pods.filter((pod) =>
    pod.namespace === namespace && [...selector].every(([key, value]) => {
      const own = pod.labels.get(key);
      return own === value || own === UNKNOWN_VALUE;
    })
  );
}

/** The number of a port of a Service's pod; undefined if no container declares its name. */
function targetOf({ target, protocol }: ServicePort, pod: Pod): number | undefined {
  if (typeof target === "number") return target;
  return pod.ports.find((each) => each.name === target && each.protocol === protocol)?.port;
}

/** The declared Service with a name. */
export function findService(
  services: readonly Service[],
  namespace: string,
  name: string,
): Service | undefined {
  return services.find((each) => each.namespace === namespace && each.name === name);
}

/** A Service for people: `namespace/Service/name`. */
export function serviceId({ namespace, name }: Service): string {
  return `${namespace}/Service/${name}`;
}

/** The DNS name of a Service, or of a pod of a headless Service. */
export interface ServiceName {
  /** The pod, as in `db-0`. */
  readonly pod?: string;
  /** The name of the Service. */
  readonly name: string;
  /** Its namespace. */
  readonly namespace: string;
  /** True if the name ends with the namespace, so that it can also be that of a host outside. */
  readonly isShort: boolean;
}

/**
 * Reads the DNS name of a Service, or of a pod of a headless Service, as in `db-0.db.shop.svc`. In a
 * pod, `db.shop` is also such a name, if `shop` is a namespace. `db.shop.`, with a dot at its end, is not.
 */
export function readServiceName(
  text: string,
  namespaces: ReadonlySet<string> = new Set(),
): ServiceName | undefined {
  const [, pod, name, namespace, svc] =
    /^(?:([-a-z0-9]+)\.)?([-a-z0-9]+)\.([-a-z0-9]+)\.(svc)(?:\.[-.a-z0-9]+)?\.?$/i.exec(text) ??
      /^(?:([-a-z0-9]+-\d+)\.)?([-a-z0-9]+)\.([-a-z0-9]+)$/i.exec(text) ?? [];
  if (name === undefined || namespace === undefined) return undefined;
  const isShort = svc === undefined;
  if (isShort && !namespaces.has(namespace)) return undefined;
  return { ...(pod === undefined ? {} : { pod }), name, namespace, isShort };
}

/** The namespaces that a project names, also in the hosts of its database and its store. */
export function namespacesOf({ jobs, database, lake }: Project): string[] {
  const hosts = [database.host, URL.parse(lake.endpoint)?.hostname ?? ""];
  const ofHosts = hosts.flatMap((host) => readServiceName(host)?.namespace ?? []);
  return [jobs.namespace, database.namespace, ...ofHosts];
}

/** The labels of the pods behind the Service of a project's database or store; empty if not known. */
export function projectLabels(
  { database, lake }: Project,
  namespaces: ReadonlySet<string>,
  { name, namespace }: Pick<ServiceName, "name" | "namespace">,
): ReadonlyMap<string, string> {
  const hosts = [
    { host: database.host, pods: database.pods },
    { host: URL.parse(lake.endpoint)?.hostname ?? "", pods: lake.pods },
  ];
  const found = hosts.find(({ host }) => {
    const known = readServiceName(host, namespaces);
    return known?.name === name && known.namespace === namespace;
  });
  const pairs = found?.pods?.split(",") ?? [];
  return new Map(pairs.map((each) => each.split("=") as [string, string]));
}

/** The pods behind a port of a Service. */
export interface Behind {
  /** The pods, each with its own port. */
  readonly pods: readonly { readonly pod: Pod; readonly port: number }[];
  /** The port of pods that no manifest declares. */
  readonly port: number;
  /** The reason why the Service has no such port. */
  readonly problem?: string;
}

/** Finds the pods behind a port of a Service. The pods of a headless Service have the same port. */
export function podsAtPort(
  service: Service,
  declared: readonly Pod[],
  { protocol, port }: { readonly protocol: Protocol; readonly port: number },
): Behind {
  const pods = podsBehind(service, declared);
  if (service.headless) return { port, pods: pods.map((pod) => ({ pod, port })) };
  const open = service.ports.find((each) => each.port === port && each.protocol === protocol);
  if (open === undefined) {
    const list = service.ports.map((each) => `${each.protocol} ${each.port}`).join(", ");
    const problem = `the Service has no port ${protocol} ${port}; its ports are ${list || "none"}`;
    return { port, pods: [], problem };
  }
  const found = pods.flatMap((pod) => {
    const target = targetOf(open, pod);
    return target === undefined ? [] : [{ pod, port: target }];
  });
  if (pods.length > 0 && found.length === 0) {
    const problem = `no container of the Service's pods declares the port ${open.target}`;
    return { port, pods: [], problem };
  }
  return { port: typeof open.target === "number" ? open.target : port, pods: found };
}
