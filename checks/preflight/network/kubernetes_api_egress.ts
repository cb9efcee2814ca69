import type { Finding } from "../../finding.ts";
import { type Behind, behind } from "./service_backends.ts";
import { type Blame, blameFor, type Denied, findingsOf, lookedAt } from "./denial.ts";
import type { Actor, SparkJob } from "./job_pods.ts";
import { type Network, objectOf, readNetwork, unjudged } from "./job_network.ts";
import { blockOf, patchPolicy, remedy } from "./policy_fix.ts";
import {
  type Address,
  opensInner,
  parseAddress,
  publicPart,
  rangesOf,
} from "../../network_policy/address.ts";
import { naming } from "../../list_names.ts";
import { decide, formatEndpoint } from "../../network_policy/evaluate.ts";
import { isFields } from "../../kubernetes/fields.ts";
import { judgeHost } from "../../network_policy/open_ports.ts";
import type { Endpoint, Rule } from "../../network_policy/model.ts";
import { CONNECTIONS, inNamespace, type PlatformCheck, platformCheck } from "../platform.ts";

/**
 * Drivers that ask Kubernetes for executors reach its API. The API server is no pod: only addresses
 * mean it, never a selector. Its Service listens on 443, the server behind it on 6443 (k3s, kubeadm),
 * and most network plugins judge what is behind. Which address that is only a cluster says; from YAML
 * alone any open one will do.
 */
export const kubernetesApiEgress: PlatformCheck = platformCheck({
  id: "kubernetes-api-egress",
  title: "drivers reach the Kubernetes API",
  reads: [...CONNECTIONS, ...inNamespace("default", "Service", "EndpointSlice")],
  judge(platform) {
    const network = readNetwork(platform);
    const not = unjudged(network);
    if (not !== undefined) return not;
    const asking = network.jobs.filter(({ onKubernetes }) => onKubernetes)
      .flatMap((job) =>
        job.actors.filter(({ role }) => role !== "executor").map((actor) => ({ job, actor }))
      );
    if (asking.length === 0) {
      const examined = `${lookedAt(network)}: none asks Kubernetes for executors`;
      return { examined, findings: [] };
    }
    const api = apiOf(network);
    const denied: Denied[] = [];
    const half: Asking[] = [];
    for (const each of asking) {
      const answer = reaches(network, api, each);
      if (answer === "service only") half.push(each);
      if (typeof answer === "object") {
        denied.push({ ...each, target: toldOf(api, each), blame: answer });
      }
    }
    const findings = findingsOf(network, denied, { why: WHY, fix: (each) => fix(api, each) });
    return {
      examined: lookedAt(network),
      findings: [...findings, ...half.slice(0, 1).map((each) => halfOpen(network, api, each))],
    };
  },
});

interface Asking {
  readonly job: SparkJob;
  readonly actor: Actor;
}

const WHY = "the driver asks it for executors; it is no pod, so no selector ever means it";

/** Where the API is. */
interface Api {
  /** The address of its Service. */
  readonly service: Address;
  /** Where the server behind it listens, if a cluster says so. */
  readonly server?: Behind;
}

/** The Service's usual first address: of k3s. For the blame alone, any other would do. */
const SERVICE = parseAddress("10.43.0.1")!;

/** What the API server usually listens on behind its Service. */
const API_PORT = 6443;

const API_PEER = {
  ipBlock: { cidr: "0.0.0.0/0", except: ["10.42.0.0/16", "10.43.0.0/16"] },
};

function apiOf(network: Network): Api {
  const service = objectOf(network, "Service", "kubernetes", "default");
  if (service === undefined) return { service: SERVICE };
  const { spec } = service.value;
  const clusterIP = isFields(spec) ? spec.clusterIP : undefined;
  const server = behind(network, service, { protocol: "TCP", port: 443 });
  return {
    service: parseAddress(String(clusterIP)) ?? SERVICE,
    ...(server.to.length === 0 ? {} : { server }),
  };
}

function toldOf({ server }: Api, { job }: Asking): string {
  if (server === undefined || masterOf(job).host !== undefined) return "the Kubernetes API";
  return `the Kubernetes API at ${naming(server.to.map(formatEndpoint))} on TCP ${server.port}`;
}

/** Whether a driver reaches the API, and what keeps it from that. */
function reaches(
  network: Network,
  api: Api,
  { job, actor }: Asking,
): "yes" | "service only" | Blame {
  const open = (port: number) => judgeHost(network.cluster, actor.pod, "TCP", port).open;
  const blame = (to: Endpoint, port: number) =>
    blameFor(network, { from: actor.pod, to, protocol: "TCP", port }, isMeant);
  const service = outside(api.service);
  const { host, port } = masterOf(job);
  if (host !== undefined) {
    const address = parseAddress(host.replace(/^\[|\]$/g, ""));
    if (address !== undefined) return blame(outside(address), port) ?? "yes";
    if (open(port).length > 0) return "yes";
    return blame(service, port) ?? "yes";
  }
  const before = blame(service, 443);
  if (api.server !== undefined) {
    const { to, port } = api.server;
    const behind = to.map((end) => blame(end, port)).find((one) => one !== undefined);
    if (behind === undefined) return "yes";
    return before === undefined ? "service only" : behind;
  }
  if (open(API_PORT).length > 0) return "yes";
  if (opensInner(open(443))) return "service only";
  const behind = blame(service, API_PORT);
  const missing = behind?.kind === "missing" && before?.kind !== "missing";
  return (missing ? before : behind) ?? "yes";
}

function outside(address: Address): Endpoint {
  return { type: "outside", address };
}

/** Where the API is told to be; without a host it is the Service that every cluster has. */
function masterOf({ settings }: SparkJob): { host: string | undefined; port: number } {
  const text = (settings.master ?? "").replace(/^k8s:\/\//, "");
  const url = URL.parse(text.includes("://") ? text : `https://${text}`);
  const host = url?.hostname || undefined;
  const service = host === undefined || /^kubernetes(\.default(\.svc(\..+)?)?)?$/.test(host);
  return { host: service ? undefined : host, port: Number(url?.port || 443) };
}

/** The rules that may be there for the API: not those for what is outside on 443. */
function isMeant({ peers, ports }: Rule): boolean {
  if (ports.some(({ port }) => port === API_PORT)) return true;
  return peers.length > 0 &&
    peers.every((peer) => peer.type === "pods" || publicPart(rangesOf(peer)).length === 0);
}

function fix(api: Api, { blame, job }: Denied): string {
  if (blame.kind === "pods" || blame.kind === "types") return command(api, blame, job);
  const which = api.server === undefined
    ? 'Open the address that "kubectl get endpoints kubernetes" shows, or all'
    : "Open it";
  return `${which}: ${command(api, blame, job)}`;
}

function command(api: Api, blame: Blame, job: SparkJob): string {
  const { host, port } = masterOf(job);
  const rule = ruleFor(api, host === undefined ? undefined : port);
  const { policy, rule: wrong, kind } = blame;
  return policy === undefined || wrong === undefined || kind === "pods" || kind === "types"
    ? remedy(blame, {
      ...{ name: "allow-kubernetes-api-egress", peer: rule.to[0], ports: rule.ports },
      pods: { matchLabels: { "spark-role": "driver" } },
    })
    : patchPolicy(policy, { op: "replace", path: wrong.path, value: rule });
}

/** The rule that opens the API: of one server its address, else all that it may have. */
function ruleFor({ server }: Api, port: number | undefined) {
  const [only, ...others] = server?.to ?? [];
  const isOne = port === undefined && only?.type === "outside" && others.length === 0;
  return {
    to: [isOne ? blockOf(only.address) : API_PEER],
    ports: [{ protocol: "TCP", port: port ?? server?.port ?? API_PORT }],
  };
}

/** Enough where policies are judged before the Service's address is translated, which is rare. */
function halfOpen(network: Network, api: Api, asking: Asking): Finding {
  const service = outside(api.service);
  const { to: [to = service], port } = api.server ?? { to: [], port: API_PORT };
  const flow = { from: asking.actor.pod, to, protocol: "TCP", port } as const;
  const blame = blameFor(network, flow, isMeant)!;
  const target = api.server === undefined ? `any address on TCP ${API_PORT}` : toldOf(api, asking);
  const { fix: remedied, ...finding } = findingsOf(network, [{ ...asking, target, blame }], {
    why: WHY,
    fix: (each) => fix(api, each),
  })[0]!;
  const opening = decide(network.cluster, { ...flow, to: service, port: 443 }, "egress").rules[0]
    ?.policy;
  return {
    ...finding,
    severity: "warn",
    problem: `${finding.problem}, only the Service of the Kubernetes API on TCP 443`,
    why: "k3s and most others judge a connection by the address behind the Service, and the API " +
      `server listens on ${port} there`,
    fix: blame.kind === "trap" || opening === undefined ? remedied : patchPolicy(opening, {
      ...{ op: "add", path: "spec.egress[-]", value: ruleFor(api, undefined) },
    }),
  };
}
