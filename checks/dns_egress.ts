import { readNetwork, unjudged } from "./job_network/network.ts";
import { deniedOf, lookedAt, type Needed, outcomeOf } from "./job_network/reach.ts";
import { remedy } from "./job_network/remedy.ts";
import type { Cluster, Pod } from "./network_policy/model.ts";
import { NAME_LABEL } from "./network_policy/model.ts";
import { CONNECTIONS, inNamespace, type PlatformCheck, platformCheck } from "./platform.ts";

/** Every pod of the jobs may ask the cluster's DNS, over UDP and TCP. */
export const dnsEgress: PlatformCheck = platformCheck({
  id: "dns-egress",
  title: "jobs reach the cluster's DNS",
  reads: [...CONNECTIONS, ...inNamespace("kube-system", "Pod", "Service", "NetworkPolicy")],
  judge(platform) {
    const network = readNetwork(platform);
    const not = unjudged(network);
    if (not !== undefined) return not;
    const to = dnsPods(network.cluster);
    const needed = network.jobs.flatMap((job) =>
      job.actors.flatMap((actor) =>
        (["UDP", "TCP"] as const).map((protocol): Needed => (
          { job, actor, to, protocol, port: 53, target: `the cluster's DNS on ${protocol} 53` }
        ))
      )
    );
    return outcomeOf(network, deniedOf(network, needed), lookedAt(network), {
      why:
        "without names there is no database, no store and no Kubernetes API; an answer that is " +
        "too long for UDP is asked for again over TCP",
      fix: (_, all) => {
        const protocols = ["UDP", "TCP"].filter((each) =>
          all.some(({ target }) => target.includes(each))
        );
        return remedy(all[0]!.blame, {
          ...{ name: "allow-dns-egress", pods: {}, peer: DNS_PEER },
          ports: protocols.map((protocol) => ({ protocol, port: 53 })),
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

/** The DNS pods as declared, else as every usual cluster has them: no manifests of ours do. */
function dnsPods({ pods }: Cluster): readonly Pod[] {
  const [key, value] = DNS_LABEL;
  const declared = pods.filter(({ namespace, labels }) =>
    namespace === "kube-system" && labels.get(key) === value
  );
  if (declared.length > 0) return declared;
  return [{
    ...{ type: "pod", namespace: "kube-system", kind: "Deployment", name: "coredns" },
    labels: new Map([[key, value]]),
    ports: [
      { name: "dns", protocol: "UDP", port: 53 },
      { name: "dns-tcp", protocol: "TCP", port: 53 },
    ],
    ...{ hostNetwork: false, addresses: [], several: true },
  }];
}
