import type { Finding } from "./check.ts";
import { type Blame, blameFor } from "./job_network/blame.ts";
import { type Denied, findingsOf } from "./job_network/denied.ts";
import type { Actor, SparkJob } from "./job_network/job.ts";
import { type Network, readNetwork, unjudged } from "./job_network/network.ts";
import { patchPolicy } from "./job_network/patch.ts";
import { lookedAt } from "./job_network/reach.ts";
import { remedy } from "./job_network/remedy.ts";
import { opensInner, publicPart, rangesOf } from "./job_network/space.ts";
import { type Address, parseAddress } from "./network_policy/address.ts";
import { decide } from "./network_policy/evaluate.ts";
import { judgeHost } from "./network_policy/host.ts";
import type { Rule } from "./network_policy/policy.ts";
import { CONNECTIONS, inNamespace, type PlatformCheck, platformCheck } from "./platform.ts";

/**
 * Drivers that ask Kubernetes for executors reach its API. The API server is no pod: only addresses
 * mean it, never a selector. Its Service listens on 443, the server behind it on 6443 (k3s, kubeadm),
 * and most network plugins judge what is behind. Which address that is cannot be known from YAML, so
 * any open one will do.
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
    const denied: Denied[] = [];
    const half: Asking[] = [];
    for (const each of asking) {
      const answer = reaches(network, each);
      if (answer === "service only") half.push(each);
      if (typeof answer === "object") {
        denied.push({ ...each, target: "the Kubernetes API", blame: answer });
      }
    }
    const findings = findingsOf(network, denied, { why: WHY, fix });
    return {
      examined: lookedAt(network),
      findings: [...findings, ...half.slice(0, 1).map((each) => halfOpen(network, each))],
    };
  },
});

interface Asking {
  readonly job: SparkJob;
  readonly actor: Actor;
}

const WHY = "the driver asks it for executors; it is no pod, so no selector ever means it";

/** The Service's usual first address: of k3s. For the blame alone, any other would do. */
const SERVICE = parseAddress("10.43.0.1")!;
const serviceAt = { type: "outside", address: SERVICE } as const;

/** What the API server listens on behind its Service. */
const API_PORT = 6443;

const API_PEER = {
  ipBlock: { cidr: "0.0.0.0/0", except: ["10.42.0.0/16", "10.43.0.0/16"] },
};

/** Whether a driver reaches the API, and what keeps it from that. */
function reaches(network: Network, { job, actor }: Asking): "yes" | "service only" | Blame {
  const open = (port: number) => judgeHost(network.cluster, actor.pod, "TCP", port).open;
  const blame = (address: Address, port: number) => {
    const to = { type: "outside", address } as const;
    return blameFor(network, { from: actor.pod, to, protocol: "TCP", port }, isMeant);
  };
  const { host, port } = masterOf(job);
  if (host !== undefined) {
    const address = parseAddress(host.replace(/^\[|\]$/g, ""));
    if (address !== undefined) return blame(address, port) ?? "yes";
    if (open(port).length > 0) return "yes";
    return blame(SERVICE, port) ?? "yes";
  }
  if (open(API_PORT).length > 0) return "yes";
  if (opensInner(open(443))) return "service only";
  const behind = blame(SERVICE, API_PORT);
  const before = blame(SERVICE, 443);
  const missing = behind?.kind === "missing" && before?.kind !== "missing";
  return (missing ? before : behind) ?? "yes";
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

function fix({ blame, job }: Denied): string {
  if (blame.kind === "pods" || blame.kind === "types") return command(blame, job);
  return `Open the address that "kubectl get endpoints kubernetes" shows, or all: ${
    command(blame, job)
  }`;
}

function command(blame: Blame, job: SparkJob): string {
  const { host, port } = masterOf(job);
  const ports = [{ protocol: "TCP", port: host === undefined ? API_PORT : port }];
  const { policy, rule, kind } = blame;
  return policy === undefined || rule === undefined || kind === "pods" || kind === "types"
    ? remedy(blame, {
      ...{ name: "allow-kubernetes-api-egress", peer: API_PEER, ports },
      pods: { matchLabels: { "spark-role": "driver" } },
    })
    : patchPolicy(policy, {
      ...{ op: "replace", path: rule.path, value: { to: [API_PEER], ports } },
    });
}

/** Enough where policies are judged before the Service's address is translated, which is rare. */
function halfOpen(network: Network, asking: Asking): Finding {
  const flow = { from: asking.actor.pod, to: serviceAt, protocol: "TCP", port: API_PORT } as const;
  const blame = blameFor(network, flow, isMeant)!;
  const { fix: remedied, ...finding } = findingsOf(network, [
    { ...asking, target: `any address on TCP ${API_PORT}`, blame },
  ], { why: WHY, fix })[0]!;
  const opening = decide(network.cluster, { ...flow, port: 443 }, "egress").rules[0]?.policy;
  const rule = { to: [API_PEER], ports: [{ protocol: "TCP", port: API_PORT }] };
  return {
    ...finding,
    severity: "warn",
    problem: `${finding.problem}, only the Service of the Kubernetes API on TCP 443`,
    why: "k3s and most others judge a connection by the address behind the Service, and the API " +
      `server listens on ${API_PORT} there`,
    fix: blame.kind === "trap" || opening === undefined
      ? remedied
      : patchPolicy(opening, { op: "add", path: "spec.egress[-]", value: rule }),
  };
}
