import { type Selector, selects } from "../../kubernetes/selectors.ts";
import { fieldsIn } from "../../kubernetes/fields.ts";
import type { Labels } from "../../kubernetes/metadata.ts";
import type { ManifestObject } from "../../kubernetes/objects.ts";
import {
  type Address,
  formatAddress,
  holds,
  parseAddress,
  parseCidr,
  privatePart,
  SELF_BLOCKS,
} from "../../network_policy/address.ts";
import { formatEndpoint, formatPeer, policyId } from "../../network_policy/explain.ts";
import { isolating, matchingPorts } from "../../network_policy/matching.ts";
import { type Endpoint, namespaceOf, type Pod } from "../../network_policy/model.ts";
import { type Network, objectOf } from "./job_network.ts";
import type { JobWithPods } from "./job_pods.ts";

/** A Service that a host name refers to. */
export interface ServiceName {
  /** The name, as in `paradedb`. */
  readonly name: string;
  /** The namespace, as in `robson`. */
  readonly namespace: string;
}

/** The end of a Service's full name. */
const IN_CLUSTER = /\.svc(\.cluster\.local)?\.?$/;

/** A Service's full name in a cluster with a domain of its own. */
const IN_OTHER_DOMAIN = /^((?:[^.]+\.){1,2}[^.]+)\.svc\..+$/;

/** The ends of domains that are also usual names of namespaces. */
const EITHER = ["app", "bi", "ci", "db", "dev", "int", "ml", "qa", "test"];

/** The ends of domains that manifests often name, and of private networks. Others can be namespaces. */
const DOMAIN =
  /^([a-z]{2}|com|net|org|edu|gov|mil|info|biz|name|cloud|tech|online|site|xyz|xn--.*|example|invalid|localhost|internal|intranet|local|lan|localdomain|corp|home|private|arpa)$/i;

/**
 * The Service that a host name refers to. The name may begin with a pod's name. Without a cluster, the
 * end of a name such as `minio.storage` counts as a namespace that the manifests do not declare.
 *
 * @returns undefined for a host outside the cluster
 */
export function serviceOf(
  host: string,
  { cluster, isLive, project }: Network,
  { object }: JobWithPods,
): ServiceName | undefined {
  const isInside = IN_CLUSTER.test(host);
  const names = (isInside ? host.replace(IN_CLUSTER, "") : host.replace(IN_OTHER_DOMAIN, "$1"))
    .split(".");
  const [name = "", namespace = object.namespace ?? "default", ...rest] = names.length === 3
    ? names.slice(1)
    : names;
  const isService = isInside || cluster.namespaces.has(namespace) ||
    !isLive &&
      (canBeNamespace(namespace) ||
        [project.jobs.namespace, project.database.namespace].includes(namespace)) &&
      (names.length === 2 || names.length === 3 && /-\d+$/.test(names[0]!));
  return isService && rest.length === 0 ? { name, namespace } : undefined;
}

/** Returns whether the end of a host name is no usual end of a domain, but can be a namespace. */
export function canBeNamespace(end: string): boolean {
  return /^[a-z\d]([a-z\d-]*[a-z\d])?$/.test(end) &&
    (EITHER.includes(end) || !DOMAIN.test(end));
}

/**
 * Returns whether a host that counts as one outside the cluster has an end that is also a usual name of
 * a namespace, as in `db.payments.dev`.
 */
export function mayBeInside(host: string, network: Network, job: JobWithPods): boolean {
  const end = host.replace(/\.$/, "").split(".").at(-1)!;
  return !network.isLive && host.includes(".") && EITHER.includes(end) &&
    serviceOf(host, network, job) === undefined;
}

/**
 * Returns whether a host can be outside the cluster although its end is the name of a namespace, as in
 * `acme.storage`: the end can be that of a domain, and the objects declare no such server.
 */
export function mayBeOutside(host: string, network: Network, job: JobWithPods): boolean {
  if (IN_CLUSTER.test(host) || !/\.([a-z]{2,}|xn--[a-z\d-]+)$/i.test(host)) return false;
  const service = serviceOf(host, network, job);
  return service !== undefined && !declaresServer(network.manifests.objects, service);
}

/** Returns whether objects declare a Service, or the pods that can be behind it. */
export function declaresServer(
  objects: readonly ManifestObject[],
  { name, namespace }: ServiceName,
): boolean {
  return objects.some((each) =>
    /^(Service|Deployment|StatefulSet)$/.test(each.kind) && each.name === name &&
    each.namespace === namespace
  );
}

/** The Service that a Service stands for, if its externalName is that of a Service; or else itself. */
export function serviceBehind(
  service: ServiceName,
  network: Network,
  job: JobWithPods,
): ServiceName {
  let found = service;
  for (let i = 0; i < MAX_NAMES; i++) {
    const { value } = objectOf(network, "Service", found.name, found.namespace) ?? {};
    const { externalName } = fieldsIn(value?.spec);
    if (typeof externalName !== "string" || !IN_CLUSTER.test(externalName)) break;
    found = serviceOf(externalName, network, job) ?? found;
  }
  return found;
}

/** The most names that are followed. They can form a circle. */
const MAX_NAMES = 4;

/** The Service with an address of the cluster; undefined for any other address. */
export function serviceAt({ manifests }: Network, address: Address): ServiceName | undefined {
  const service = manifests.objects.filter(({ kind }) => kind === "Service").find(({ value }) => {
    const { clusterIP, clusterIPs } = fieldsIn(value.spec);
    return [clusterIP, ...(Array.isArray(clusterIPs) ? clusterIPs : [])].some((each) => {
      const own = parseAddress(String(each));
      return own !== undefined && formatAddress(own) === formatAddress(address);
    });
  });
  return service && { name: service.name, namespace: service.namespace ?? "default" };
}

/** The pod with an address, or else an end outside the cluster. */
export function endAt({ cluster }: Network, address: Address): Endpoint {
  const text = formatAddress(address);
  const pod = cluster.pods.find((each) =>
    !each.hostNetwork && each.addresses.some((own) => formatAddress(own) === text)
  );
  return pod ?? { type: "outside", address };
}

/**
 * Explains why the denial of a connection to an address is not certain: without a cluster, a
 * private address can be that of a Service or a pod, which rules select by labels.
 */
export function doubtAboutAddress(
  network: Network,
  from: Pod,
  to: readonly Endpoint[],
  port: number,
): string | undefined {
  const [end] = to;
  if (network.isLive || end?.type !== "outside") return undefined;
  const { address } = end;
  const single = { family: address.family, first: address.value, last: address.value };
  const isOfOneMachine = SELF_BLOCKS.some((each) => holds(parseCidr(each)!, address));
  if (isOfOneMachine || privatePart([single]).length === 0) return undefined;
  for (const policy of isolating(network.cluster, from, "egress")) {
    for (const rule of policy.rules.egress) {
      if (matchingPorts(rule, end, "TCP", port)?.length === 0) continue;
      const peer = rule.peers.find(({ type }) => type === "pods");
      if (peer === undefined) continue;
      return `${policyId(policy)} ${peer.path} allows TCP ${port} to ${
        formatPeer(peer)
      }; whether ` +
        `${formatEndpoint(end)} is such a pod, or a Service of such pods, is not known`;
    }
  }
  return undefined;
}

/** The labels of the pods behind the host of the project's database or store; undefined if not known. */
export function projectPods(
  network: Network,
  job: JobWithPods,
  { name, namespace }: ServiceName,
  group: "database" | "lake",
): Labels | undefined {
  const { database, lake } = network.project;
  const host = group === "database" ? database.host : URL.parse(lake.endpoint)?.hostname ?? "";
  const known = serviceOf(host, network, job);
  if (known?.name !== name || known.namespace !== namespace) return undefined;
  const text = network.project[group].pods;
  return text === undefined
    ? undefined
    : new Map(text.split(",").map((each) => each.split("=") as [string, string]));
}

/** A pod of a workload that the manifests do not declare, of which some labels are known. */
export function podWith(
  labels: Labels,
  namespace: string,
  workload: Pick<Pod, "kind" | "name">,
): Pod {
  return {
    type: "pod",
    namespace,
    ...workload,
    labels,
    ports: [],
    hostNetwork: false,
    addresses: [],
    several: true,
    hasMoreLabels: true,
  };
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
