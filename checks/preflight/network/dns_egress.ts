import { behind } from "./service_backends.ts";
import { type Network, readNetwork, unjudged } from "./job_network.ts";
import { deniedOf, lookedAt, type Needed, outcomeOf } from "./denial.ts";
import { remedy } from "./policy_fix.ts";
import { NAME_LABEL, type Pod, type Protocol } from "../../network_policy/model.ts";
import { CONNECTIONS, inNamespace, type PlatformCheck, platformCheck } from "../platform.ts";
import { labelOf, ofKind } from "../../kubernetes/objects.ts";

/** Every pod of the jobs may ask the cluster's DNS, over UDP and TCP. */
export const dnsEgress: PlatformCheck = platformCheck({
  id: "dns-egress",
  title: "jobs reach the cluster's DNS",
  reads: [...CONNECTIONS, ...inNamespace("kube-system", "Pod", "Service", "NetworkPolicy")],
  judge(platform) {
    const network = readNetwork(platform);
    const not = unjudged(network);
    if (not !== undefined) return not;
    const needed = (["UDP", "TCP"] as const).flatMap((protocol) => {
      const dns = dnsOf(network, protocol);
      return network.jobs.flatMap((job) =>
        job.actors.map((actor): Needed => (
          { job, actor, protocol, ...dns, target: `the cluster's DNS on ${protocol} ${dns.port}` }
        ))
      );
    });
    return outcomeOf(network, deniedOf(network, needed), lookedAt(network), {
      why:
        "without names there is no database, no store and no Kubernetes API; an answer that is " +
        "too long for UDP is asked for again over TCP",
      fix: (_, all) => {
        const targets = new Set(all.map(({ target }) => target));
        return remedy(all[0]!.blame, {
          ...{ name: "allow-dns-egress", pods: {}, peer: DNS_PEER },
          ports: [...targets].map((target) => {
            const [, protocol, port] = /(UDP|TCP) (\d+)$/.exec(target)!;
            return { protocol, port: Number(port) };
          }),
        });
      },
    });
  },
});

const DNS_LABEL = ["k8s-app", "kube-dns"] as const;

const DNS_PEER = {
  namespaceSelector: { matchLabels: { [NAME_LABEL]: "kube-system" } },
  podSelector: { matchLabels: { [DNS_LABEL[0]]: DNS_LABEL[1] } },
};

/**
 * The DNS pods: those of the cluster's Service, else as declared, else as every usual cluster has
 * them, since no manifests of ours do.
 */
function dnsOf(network: Network, protocol: Protocol): Pick<Needed, "to" | "every" | "port"> {
  const [key, value] = DNS_LABEL;
  const service = ofKind(network.manifests.objects, "Service", "kube-system")
    .find((each) => labelOf(each, key) === value);
  const end = service && behind(network, service, { protocol, port: 53 });
  if (end !== undefined && end.to.length > 0) return { ...end, every: true };
  const declared = network.cluster.pods.filter(({ namespace, labels }) =>
    namespace === "kube-system" && labels.get(key) === value
  );
  return { to: declared.length > 0 ? declared : [USUAL], port: 53 };
}

const USUAL: Pod = {
  ...{ type: "pod", namespace: "kube-system", kind: "Deployment", name: "coredns" },
  labels: new Map([DNS_LABEL]),
  ports: [
    { name: "dns", protocol: "UDP", port: 53 },
    { name: "dns-tcp", protocol: "TCP", port: 53 },
  ],
  ...{ hostNetwork: false, addresses: [], several: true },
};
