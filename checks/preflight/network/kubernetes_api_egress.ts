import { runEnds } from "../run_end.ts";
import { noExecutors, unknownModes } from "./job_network.ts";
import { explained } from "../change.ts";
import { hasFailure, leavingOut } from "../outcome.ts";
import type { Finding, Fix } from "../../finding.ts";
import { isFields } from "../../kubernetes/fields.ts";
import { naming } from "../../list_names.ts";
import {
  type Address,
  type AddressRange,
  holds,
  parseAddress,
  parseCidr,
  PRIVATE_IPV4,
  privatePart,
  publicPart,
  rangesOf,
  SELF_BLOCKS,
} from "../../network_policy/address.ts";
import { decide } from "../../network_policy/evaluate.ts";
import { formatEndpoint } from "../../network_policy/explain.ts";
import type { Endpoint, Policy, Rule } from "../../network_policy/model.ts";
import { judgeHost } from "../../network_policy/open_ports.ts";
import { CONNECTIONS, inNamespace, type PlatformCheck } from "../platform.ts";
import { connectionCheck } from "./connection_check.ts";
import {
  causeOfDenial,
  denialFindings,
  type DeniedConnection,
  examinedPods,
  type RuleFilter,
} from "./denial.ts";
import { isolating } from "../../network_policy/matching.ts";
import { type Network, objectOf, reasonNotToJudge } from "./job_network.ts";
import { type Actor, isOfOperator, type JobWithPods } from "./job_pods.ts";
import { blockOf, fixDenial, patchPolicy } from "./policy_fix.ts";
import { othersSelectedBy } from "./other_workloads.ts";
import { newPolicyFor } from "./schedule_policies.ts";
import { OTHER_API_PORTS } from "./needed_ports.ts";
import { fitOf } from "./policy_purpose.ts";
import { type Backends, backendsOf } from "./service_backends.ts";

/**
 * Drivers that request executors, and runs of the toolkit with the engine `spark`, reach the
 * Kubernetes API. The API server is not a pod, so only an
 * `ipBlock` selects it. The Service of the API listens on 443. The API server listens on 6443 (k3s,
 * kubeadm) or on 443 (managed clusters). Most network plugins apply policies to the address of the
 * API server, which only a cluster reports. With manifests alone, one open address is enough.
 */
export const kubernetesApiEgress: PlatformCheck = connectionCheck({
  id: "kubernetes-api-egress",
  title: "drivers and scheduled runs reach the Kubernetes API",
  reads: [...CONNECTIONS, ...inNamespace("default", "Service", "EndpointSlice")],
  judge(platform) {
    const network = platform.network;
    const notJudged = reasonNotToJudge(network);
    if (notJudged !== undefined) return notJudged;
    const clients = network.jobs.filter(({ onKubernetes, toolkit }) =>
      onKubernetes || toolkit === "spark"
    )
      .flatMap((job) =>
        job.actors.filter(({ role }) => role !== "executor").map((actor) => ({ job, actor }))
      );
    if (clients.length === 0) {
      return unknownModes(network) ?? { notApplicable: noExecutors(network) };
    }
    const api = apiOf(network);
    const denied: DeniedConnection[] = [];
    const serviceOnly: ApiClient[] = [];
    const ports = new Set<number>();
    for (const client of clients) {
      const access = accessOf(network, api, client);
      if (typeof access === "object" && "openPort" in access) {
        ports.add(access.openPort);
        continue;
      }
      if (access === "service only") serviceOnly.push(client);
      if (typeof access === "object") {
        const destination = destinationOf(api, client);
        denied.push({ ...client, protocol: "TCP", destination, ...access });
      }
    }
    const advice = {
      why,
      fix: (each: DeniedConnection, all: readonly DeniedConnection[]) =>
        fix(network, api, each, all),
    };
    const judged = {
      examined: examinedPods(network),
      ...leavingOut(...[...ports].map(noteOf)),
      findings: [
        ...denialFindings(network, denied, advice),
        ...serviceOnly.slice(0, 1).map((each) => serviceOnlyFinding(network, api, each)),
      ],
    };
    return hasFailure(judged) ? judged : unknownModes(network) ?? judged;
  },
  // Executors do not use the API. In deploy mode cluster, Spark makes the driver, too.
}, ({ mode, object }) => mode === "cluster" || isOfOperator(object));

/** What is not checked if only a port is open that some API servers listen on. */
function noteOf(port: number): string {
  return `TCP ${port} is open for the API server; not checked without a cluster: whether the API ` +
    `server listens on ${port}, as in managed clusters and some others, or on ${API_PORT}`;
}

/** A pod that calls the Kubernetes API. */
interface ApiClient {
  readonly job: JobWithPods;
  readonly actor: Actor;
}

function why({ job }: ApiClient): string {
  const unselected = "the API server, which is not a pod, so no selector selects it";
  return isScheduled(job)
    ? `the run makes its Jobs with ${unselected}`
    : `the driver requests executors from ${unselected}; ${
      runEnds("after retries", "External scheduler cannot be instantiated")
    }`;
}

/** Returns whether a job runs the toolkit, which makes Jobs. */
function isScheduled({ toolkit }: JobWithPods): boolean {
  return toolkit === "spark";
}

/** The Kubernetes API. */
interface Api {
  /** The address of the Service `kubernetes`. */
  readonly service: Address;
  /** The backends of the Service, if a cluster reports them. */
  readonly server?: Backends;
  /** True if the manifests are for a managed cluster, whose API server listens on 443. */
  readonly isManaged: boolean;
}

/** The address of the Service in k3s, to explain a denial. */
const SERVICE = parseAddress("10.43.0.1")!;

/** The usual port of the API server. */
const API_PORT = 6443;

/** The port of the API server in managed clusters. */
const MANAGED_PORT = 443;

const API_PEERS = [{
  ipBlock: { cidr: "0.0.0.0/0", except: ["10.42.0.0/16", "10.43.0.0/16"] },
}];

/** The private networks in which managed clusters have their API servers. */
const MANAGED_PEERS = PRIVATE_IPV4.filter((block) => /^(10|172|192)\./.test(block))
  .map((cidr) => ({ ipBlock: { cidr } }));

function apiOf(network: Network): Api {
  const service = objectOf(network, "Service", "kubernetes", "default");
  const { isManaged } = network;
  if (service === undefined) return { service: SERVICE, isManaged };
  const { spec } = service.value;
  const clusterIP = isFields(spec) ? spec.clusterIP : undefined;
  const server = backendsOf(network, service, { protocol: "TCP", port: 443 });
  return {
    service: parseAddress(String(clusterIP)) ?? SERVICE,
    isManaged,
    ...(server.to.length === 0 ? {} : { server }),
  };
}

function destinationOf({ server }: Api, { job }: ApiClient): string {
  return server === undefined || masterOf(job).host !== undefined
    ? "the Kubernetes API"
    : `the Kubernetes API at ${naming(server.to.map(formatEndpoint))}`;
}

/** A port of the API, and why the policies deny it. */
type ApiDenial = Pick<DeniedConnection, "port" | "cause">;

/** Returns whether a pod reaches the API, or why not. */
function accessOf(
  network: Network,
  api: Api,
  { job, actor }: ApiClient,
): "open" | { readonly openPort: number } | "service only" | ApiDenial {
  const openRanges = (port: number) => judgeHost(network.cluster, actor.pod, "TCP", port).open;
  const denial = (to: Endpoint, port: number): ApiDenial | undefined => {
    const flow = { from: actor.pod, to, protocol: "TCP", port } as const;
    const cause = causeOfDenial(network, flow, "api", ruleFilter(network));
    return cause && { port, cause };
  };
  const service = outside(api.service);
  const { host, address, port } = masterOf(job);
  if (host !== undefined) {
    if (address !== undefined) return denial(outside(address), port) ?? "open";
    if (openRanges(port).length > 0) return "open";
    return denial(service, port) ?? "open";
  }
  const toService = denial(service, 443);
  if (api.server !== undefined) {
    const { to, port } = api.server;
    const toServer = to.map((end) => denial(end, port)).find((one) => one !== undefined);
    if (toServer === undefined) return "open";
    return toService === undefined ? "service only" : toServer;
  }
  if (openRanges(API_PORT).some((range) => !isKnownService(range))) return "open";
  const privateRanges = (port: number) =>
    privatePart(openRanges(port)).filter(({ family, first }) =>
      !SELF_BLOCKS.some((block) => holds(parseCidr(block)!, { family, value: first }))
    );
  const openPort = OTHER_API_PORTS.find((each) =>
    isForServer(network, api, actor, { port: each, open: privateRanges(each) })
  );
  if (openPort !== undefined) return { openPort };
  if (privateRanges(MANAGED_PORT).length > 0) return "service only";
  const toServer = denial(placeOfServer(network, api, actor), portOf(api));
  // An almost matching rule is a better explanation than a missing rule.
  const isServiceNearer = toServer?.cause.kind === "noRule" && toService?.cause.kind !== "noRule";
  return (isServiceNearer ? toService : toServer) ?? "open";
}

/** Returns the rules that may be meant for the API, by their peers and ports or by the policy's name. */
function ruleFilter(network: Network): RuleFilter {
  return (rule, policy) => isApiRule(rule) || isApiPolicy(network, policy);
}

/** Returns whether a policy was written for the API. */
function isApiPolicy(network: Network, { name, namespace }: Policy): boolean {
  return fitOf(objectOf(network, "NetworkPolicy", name, namespace), name, "api") > 0;
}

/**
 * An address at which the API server can be, if it is not known: one in a block of a policy for the
 * API, so that a denial is explained by the rule for this block.
 */
function placeOfServer(network: Network, api: Api, { pod }: Actor): Endpoint {
  const blocks = isolating(network.cluster, pod, "egress").filter((each) =>
    isApiPolicy(network, each)
  ).flatMap(({ rules }) => rules.egress).flatMap(({ peers }) =>
    peers.flatMap((peer) => peer.type === "block" ? rangesOf(peer) : [])
  );
  const [first] = privatePart(blocks).filter((range) => !isOfService(range));
  if (first !== undefined) return outside({ family: first.family, value: first.last });
  const { family, value } = api.service;
  const isOpen = judgeHost(network.cluster, pod, "TCP", API_PORT).open.some(isKnownService);
  return outside(api.isManaged || isOpen ? { family, value: value + 1n } : api.service);
}

function isService({ service }: Api, end: Endpoint): boolean {
  return end.type === "outside" && end.address.value === service.value;
}

/** The addresses of the Service in k3s and in clusters of kubeadm. */
const SERVICES = [SERVICE, parseAddress("10.96.0.1")!];

/** Returns whether a range is only the address of the Service, which does not listen on other ports. */
function isKnownService({ family, first, last }: AddressRange): boolean {
  return first === last && SERVICES.some((each) => each.family === family && each.value === first);
}

/** Returns whether a range is only the first address of a network, which the Service has. */
function isOfService({ first, last }: AddressRange): boolean {
  return first === last && (first & 255n) === 1n;
}

/** The port of the API server, as far as it is known. */
function portOf({ server, isManaged }: Api): number {
  return server?.port ?? (isManaged ? MANAGED_PORT : API_PORT);
}

/**
 * Returns whether private addresses that are open on a port may be those of an API server: not only the
 * first address of a network, which the Service has, and by a rule that is meant for the API.
 */
function isForServer(
  network: Network,
  api: Api,
  { pod }: Actor,
  { port, open }: { readonly port: number; readonly open: readonly AddressRange[] },
): boolean {
  const others = open.filter((range) => !isOfService(range));
  if (api.isManaged) return port === MANAGED_PORT && others.length > 0;
  return others.some(({ family, first }) => {
    const to = outside({ family, value: first });
    const flow = { from: pod, to, protocol: "TCP", port } as const;
    return decide(network.cluster, flow, "egress").rules.some(({ policy, rule }) =>
      isApiRule(rule) || isApiPolicy(network, policy)
    );
  });
}

function outside(address: Address): Endpoint {
  return { type: "outside", address };
}

/** The place of the API in `spark.master`. */
interface Master {
  /** The host; undefined for the Service `kubernetes`. */
  readonly host: string | undefined;
  /** The host as an address; undefined for a name. */
  readonly address: Address | undefined;
  readonly port: number;
}

function masterOf({ master }: JobWithPods): Master {
  const text = (master?.value ?? "").replace(/^k8s:\/\//, "");
  const url = URL.parse(text.includes("://") ? text : `https://${text}`);
  const host = url?.hostname || undefined;
  const isService = host === undefined || /^kubernetes(\.default(\.svc(\..+)?)?)?$/.test(host);
  return {
    host: isService ? undefined : host,
    address: isService ? undefined : parseAddress(host.replace(/^\[|\]$/g, "")),
    port: Number(url?.port || 443),
  };
}

/**
 * Returns whether a rule may be meant for the API, and not for addresses outside the cluster on
 * port 443.
 */
function isApiRule({ peers, ports }: Rule): boolean {
  if (ports.some(({ port }) => port === API_PORT)) return true;
  return peers.length > 0 &&
    peers.every((peer) => peer.type === "pods" || publicPart(rangesOf(peer)).length === 0);
}

function fix(
  network: Network,
  api: Api,
  denied: DeniedConnection,
  all: readonly DeniedConnection[],
): Fix {
  const { cause } = denied;
  const change = changeFor(network, api, denied, all);
  if (cause.kind === "podSelector" || cause.kind === "policyTypes") return change;
  if (cause.kind === "port" && api.server !== undefined) return change;
  const { host, address } = masterOf(denied.job);
  const instruction = api.server !== undefined || address !== undefined
    ? "Allow the address of the API server"
    : 'Allow the address and the port that "kubectl get endpoints kubernetes" prints, or allow all ' +
      (host !== undefined
        ? "IPv4 addresses"
        : api.isManaged
        ? "private IPv4 addresses on port 443, if it prints 443"
        : "IPv4 addresses on port 6443, if it prints 6443");
  return explained(`${instruction}: `, change);
}

function changeFor(
  network: Network,
  api: Api,
  denied: DeniedConnection,
  all: readonly DeniedConnection[],
): Fix {
  const { cause, job } = denied;
  const rule = ruleFor(api, masterOf(job));
  const { policy, rule: wrong, kind } = cause;
  const isInRule = kind !== "podSelector" && kind !== "policyTypes" && kind !== "port";
  if (policy !== undefined && wrong !== undefined && isInRule) {
    // Other workloads may need the rule as it is.
    const isShared = othersSelectedBy(network, policy).length > 0;
    return patchPolicy(
      policy,
      isShared
        ? { op: "add", path: "spec.egress[-]", value: rule }
        : { op: "replace", path: wrong.path, value: rule },
    );
  }
  return fixDenial(network, cause, {
    ...newPolicyFor(all, "allow-kubernetes-api-egress"),
    purpose: "api",
    peer: rule.to[0],
    morePeers: rule.to.slice(1),
    ports: rule.ports,
  });
}

/**
 * Returns the rule that allows the API: the address of the API server if exactly one is known, or one of
 * IPv6; otherwise all addresses of IPv4.
 */
function ruleFor(api: Api, master: Master) {
  const { server, isManaged } = api;
  const isService = master.host === undefined;
  const known = isService
    ? (server?.to ?? []).flatMap((end) => end.type === "outside" ? [end.address] : [])
    : [master.address].filter((address) => address !== undefined);
  const isNamed = known.length === 1 || known.some(({ family }) => family === 6);
  return {
    to: isNamed ? known.map(blockOf) : isManaged && isService ? MANAGED_PEERS : API_PEERS,
    ports: [{ protocol: "TCP", port: isService ? portOf(api) : master.port }],
  };
}

/**
 * Returns a warning: the driver is allowed only with the few network plugins that apply policies to
 * the address of the Service.
 */
function serviceOnlyFinding(network: Network, api: Api, client: ApiClient): Finding {
  const service = outside(api.service);
  const { to: [to = placeOfServer(network, api, client.actor)], port } = api.server ??
    { to: [], port: portOf(api) };
  const flow = { from: client.actor.pod, to, protocol: "TCP", port } as const;
  const cause = causeOfDenial(network, flow, "api", ruleFilter(network))!;
  const destination = api.server === undefined ? "any address" : destinationOf(api, client);
  const denied = { ...client, protocol: "TCP", port, destination, cause } as const;
  const advice = {
    why,
    fix: (each: DeniedConnection, all: readonly DeniedConnection[]) => fix(network, api, each, all),
  };
  const finding = denialFindings(network, [denied], advice)[0]!;
  const opening = decide(network.cluster, { ...flow, to: service, port: 443 }, "egress").rules[0]
    ?.policy;
  const value = ruleFor(api, masterOf(client.job));
  const isOtherPort = cause.kind === "port" && !isService(api, to);
  return {
    ...finding,
    severity: "warn",
    problem: `${finding.problem}, only the Service kubernetes on TCP 443`,
    why:
      "k3s and most other clusters apply policies to the address of the API server, not of its " +
      `Service, and the API server listens on port ${port}`,
    ...(cause.kind === "emptySelector" || isOtherPort || opening === undefined
      ? {}
      : patchPolicy(opening, { op: "add", path: "spec.egress[-]", value })),
  };
}
