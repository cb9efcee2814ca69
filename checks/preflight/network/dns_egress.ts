import { runEnds } from "../run_end.ts";
import type { Finding } from "../../finding.ts";
import { isFields } from "../../kubernetes/fields.ts";
import { labelOf, ofKind } from "../../kubernetes/objects.ts";
import {
  type Address,
  parseAddress,
  parseHost,
  privatePart,
  rangesOf,
} from "../../network_policy/address.ts";
import { evaluate } from "../../network_policy/evaluate.ts";
import { formatPeer, policyId } from "../../network_policy/explain.ts";
import { isolating, matchingPorts, selectsEndpoint } from "../../network_policy/matching.ts";
import {
  type Endpoint,
  NAME_LABEL,
  type Peer,
  type Pod,
  type Policy,
  type Protocol,
} from "../../network_policy/model.ts";
import { CONNECTIONS, inNamespace, type PlatformCheck } from "../platform.ts";
import { connectionCheck } from "./connection_check.ts";
import {
  type Advice,
  denialFindings,
  type DeniedConnection,
  deniedConnections,
  examinedPods,
  judgeDenied,
  portsOf,
  type RequiredConnection,
} from "./denial.ts";
import { type Network, reasonNotToJudge } from "./job_network.ts";
import type { Actor, JobWithPods } from "./job_pods.ts";
import { isolatesAll, selectorsFor } from "./other_workloads.ts";
import { DNS_POD_PORTS } from "./needed_ports.ts";
import { fixDenial } from "./policy_fix.ts";
import { backendsOf } from "./service_backends.ts";

/**
 * Every pod of the jobs can query the cluster's DNS, over UDP and TCP. The manifests rarely declare
 * DNS: without a cluster, the check assumes the pods of a standard cluster. If a rule allows DNS at
 * another place, such as a cache on the node, the check does not judge.
 */
export const dnsEgress: PlatformCheck = connectionCheck({
  id: "dns-egress",
  title: "jobs reach the cluster's DNS",
  reads: [...CONNECTIONS, ...inNamespace("kube-system", "Pod", "Service", "NetworkPolicy")],
  judge(platform) {
    const network = platform.network;
    const notJudged = reasonNotToJudge(network);
    if (notJudged !== undefined) return notJudged;
    const denied = network.jobs.flatMap((job) =>
      job.actors.filter(({ role }) => role !== "master")
        .flatMap((actor) => deniedQueries(network, job, actor))
    );
    const isOverUdp = ({ job, actor }: DeniedConnection) =>
      denied.some((each) => each.job === job && each.actor === actor && each.protocol === "UDP");
    // Most answers fit into a datagram, and some network plugins apply policies to the Service.
    const [failed, inPart] = partition(
      denied,
      (each) => isOverUdp(each) && !reachesService(network, each),
    );
    const advice: Advice = {
      why: "a client repeats a query over TCP when the answer is too long for UDP; without DNS a " +
        "job finds no database, no object store and no Kubernetes API, and " +
        runEnds("after retries", "External scheduler cannot be instantiated"),
      fix: ({ cause }, all) =>
        fixDenial(network, cause, {
          name: "allow-dns-egress",
          // A policy for all pods would isolate those that no other policy isolates.
          pods: isolatesAll(network, cause.namespace, "egress")
            ? [{}]
            : selectorsFor(all.map(({ actor }) => actor.pod)),
          purpose: "dns",
          peer: DNS_PEER,
          ports: portsOf(all),
        }),
    };
    const outcome = judgeDenied(network, failed, { examined: examinedPods(network) }, advice);
    if (!("findings" in outcome)) return outcome;
    const warnings = denialFindings(
      network,
      inPart.filter(({ doubt }) => doubt === undefined),
      advice,
    )
      .map((finding): Finding => ({ ...finding, severity: "warn" }));
    return { ...outcome, findings: [...outcome.findings, ...warnings] };
  },
});

function partition<T>(all: readonly T[], isFirst: (each: T) => boolean): [T[], T[]] {
  return [all.filter(isFirst), all.filter((each) => !isFirst(each))];
}

/** Returns the queries of a pod that the policies deny: over UDP, over TCP, or over both. */
function deniedQueries(network: Network, job: JobWithPods, actor: Actor): DeniedConnection[] {
  const resolvers = actor === job.actors[0] ? ownResolvers(job) : undefined;
  if (resolvers === "unknown") return [];
  const open = new Set<Protocol>();
  return PROTOCOLS_OF_DNS.flatMap((protocol) => {
    const dns = resolvers === undefined
      ? dnsOf(network, protocol)
      : { to: resolvers, port: 53, every: false };
    const common = { job, actor, protocol, purpose: "dns", destination: DESTINATION } as const;
    const denied = deniedConnections(network, [{ ...common, ...dns }]);
    if (denied.length === 0) open.add(protocol);
    if (denied.length === 0 || resolvers !== undefined) return denied;
    if (reachesCache(network, actor.pod, protocol)) return [];
    return denied.map((each) => {
      const { doubt: known, ...certain } = each;
      // DNS is where a rule allows it over UDP.
      if (open.has("UDP") || reachesService(network, each)) return certain;
      const doubt = known ?? doubtAboutPlace(network, actor.pod, protocol);
      return doubt === undefined ? certain : { ...certain, doubt };
    });
  });
}

const PROTOCOLS_OF_DNS = ["UDP", "TCP"] as const;

const DESTINATION = "the cluster's DNS";

/**
 * Returns the name servers in `dnsConfig` of the job's own pod, `unknown` for those of the node, or
 * undefined for the cluster's DNS.
 */
function ownResolvers({ spec }: JobWithPods): Endpoint[] | "unknown" | undefined {
  if (spec.dnsPolicy === "Default") return "unknown";
  if (spec.dnsPolicy !== "None") return undefined;
  const servers = isFields(spec.dnsConfig) ? spec.dnsConfig.nameservers : undefined;
  return (Array.isArray(servers) ? servers : []).flatMap((text): Endpoint[] => {
    const address = parseHost(String(text));
    return address === undefined ? [] : [{ type: "outside", address }];
  });
}

const DNS_LABEL = ["k8s-app", "kube-dns"] as const;

const DNS_PEER = {
  namespaceSelector: { matchLabels: { [NAME_LABEL]: "kube-system" } },
  podSelector: { matchLabels: { [DNS_LABEL[0]]: DNS_LABEL[1] } },
};

/**
 * Returns the DNS pods: the backends of the cluster's Service, or the declared pods, or the pods of
 * a standard cluster. Manifests of jobs rarely declare DNS.
 */
function dnsOf(
  network: Network,
  protocol: Protocol,
): Pick<RequiredConnection, "to" | "every" | "port"> {
  const [key, value] = DNS_LABEL;
  const service = dnsService(network);
  const backends = service && backendsOf(network, service, { protocol, port: 53 });
  if (backends !== undefined && backends.to.length > 0) return { ...backends, every: true };
  const declared = network.cluster.pods.filter(({ namespace, labels }) =>
    namespace === "kube-system" && labels.get(key) === value
  );
  const named = declared.flatMap(({ ports }) => ports)
    .find((each) => each.protocol === protocol && /^dns/.test(each.name));
  return declared.length > 0
    ? { to: declared, port: named?.port ?? 53 }
    : { to: [STANDARD_DNS], port: 53 };
}

/** The usual address of a DNS cache on each node (NodeLocal DNSCache). */
const CACHE = parseAddress("169.254.20.10")!;

/**
 * Returns whether a pod reaches the DNS cache on its node. Pods send their queries to the address of
 * the cache, or to the address of the DNS Service, which the cache also has.
 */
function reachesCache(network: Network, from: Pod, protocol: Protocol): boolean {
  const caches = network.cluster.pods.filter(({ namespace, name, labels }) =>
    namespace === "kube-system" &&
    (labels.get(DNS_LABEL[0]) === "node-local-dns" || /^node-?local-?dns/.test(name))
  );
  if (caches.length === 0) return false;
  return isOpen(network, from, protocol, CACHE) ||
    isOpen(network, from, protocol, serviceAddress(network));
}

/** Returns whether a pod may send queries to the address of the DNS Service. */
function reachesService(network: Network, { actor, protocol }: DeniedConnection): boolean {
  return isOpen(network, actor.pod, protocol, serviceAddress(network));
}

function isOpen(
  { cluster }: Network,
  from: Pod,
  protocol: Protocol,
  address: Address | undefined,
): boolean {
  if (address === undefined) return false;
  const to = { type: "outside", address } as const;
  return evaluate(cluster, { from, to, protocol, port: 53 }).allowed;
}

function serviceAddress(network: Network): Address | undefined {
  const service = dnsService(network);
  const spec = isFields(service?.value.spec) ? service.value.spec : {};
  return parseAddress(String(spec.clusterIP));
}

function dnsService({ manifests }: Network) {
  return ofKind(manifests.objects, "Service", "kube-system")
    .find((each) => labelOf(each, DNS_LABEL[0]) === DNS_LABEL[1]);
}

/**
 * Explains why the place of DNS is not known: a rule allows DNS at a private address, at another
 * port or at pods with other labels, and only a cluster shows whether DNS is there.
 */
function doubtAboutPlace(network: Network, from: Pod, protocol: Protocol): string | undefined {
  if (network.isLive || dnsService(network) !== undefined) return undefined;
  for (const policy of isolating(network.cluster, from, "egress")) {
    for (const rule of policy.rules.egress) {
      const [port] = [53, ...DNS_POD_PORTS].filter((each) =>
        matchingPorts(rule, STANDARD_DNS, protocol, each)?.length !== 0
      );
      if (port === undefined) continue;
      const place = rule.peers.find((peer) => isPossiblePlace(network, policy, peer, port));
      if (place === undefined) continue;
      return `${policyId(policy)} ${place.path} allows DNS at ${
        formatPeer(place)
      } on ${protocol} ` +
        `${port}; whether the cluster's DNS is there is not known without a cluster`;
    }
  }
  return undefined;
}

function isPossiblePlace(network: Network, policy: Policy, peer: Peer, port: number): boolean {
  if (peer.type === "block") return privatePart(rangesOf(peer)).length > 0;
  if (selectsEndpoint(network.cluster, policy, peer, STANDARD_DNS)) return port !== 53;
  const keys = (peer.namespaces?.requirements ?? []).filter(({ key }) => key === NAME_LABEL);
  const names = keys.flatMap(({ operator, values }) => operator === "In" ? values : []);
  if (names.some((name) => name.includes("dns"))) return true;
  // Every standard cluster sets this label, with this value.
  const isStandard = peer.pods?.requirements.some(({ key }) => key === DNS_LABEL[0]) ?? true;
  return names.includes(STANDARD_DNS.namespace) && !isStandard;
}

/** The DNS pods of a standard cluster, such as k3s or kubeadm. */
const STANDARD_DNS: Pod = {
  type: "pod",
  namespace: "kube-system",
  kind: "Deployment",
  name: "coredns",
  labels: new Map([DNS_LABEL]),
  ports: [
    { name: "dns", protocol: "UDP", port: 53 },
    { name: "dns-tcp", protocol: "TCP", port: 53 },
  ],
  hostNetwork: false,
  addresses: [],
  several: true,
};
