import { labelOf, ofKind } from "../../kubernetes/objects.ts";
import { NAME_LABEL, type Pod, type Protocol } from "../../network_policy/model.ts";
import { CONNECTIONS, inNamespace, type PlatformCheck, platformCheck } from "../platform.ts";
import {
  deniedConnections,
  examinedPods,
  judgeDenied,
  portsOf,
  type RequiredConnection,
} from "./denial.ts";
import { type Network, reasonNotToJudge } from "./job_network.ts";
import { fixDenial } from "./policy_fix.ts";
import { backendsOf } from "./service_backends.ts";

/** Every pod of the jobs can query the cluster's DNS, over UDP and TCP. */
export const dnsEgress: PlatformCheck = platformCheck({
  id: "dns-egress",
  title: "jobs reach the cluster's DNS",
  reads: [...CONNECTIONS, ...inNamespace("kube-system", "Pod", "Service", "NetworkPolicy")],
  judge(platform) {
    const network = platform.network;
    const notJudged = reasonNotToJudge(network);
    if (notJudged !== undefined) return notJudged;
    const required = (["UDP", "TCP"] as const).flatMap((protocol) => {
      const dns = dnsOf(network, protocol);
      return network.jobs.flatMap((job) =>
        job.actors.map((actor): RequiredConnection => (
          { job, actor, protocol, ...dns, destination: "the cluster's DNS" }
        ))
      );
    });
    const denied = deniedConnections(network, required);
    return judgeDenied(network, denied, examinedPods(network), {
      why: "without DNS a job finds no database, no object store and no Kubernetes API; a client " +
        "repeats a query over TCP when the answer is too long for UDP",
      fix: ({ cause }, all) =>
        fixDenial(cause, {
          name: "allow-dns-egress",
          pods: {},
          peer: DNS_PEER,
          ports: portsOf(all),
        }),
    });
  },
});

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
  const service = ofKind(network.manifests.objects, "Service", "kube-system")
    .find((each) => labelOf(each, key) === value);
  const backends = service && backendsOf(network, service, { protocol, port: 53 });
  if (backends !== undefined && backends.to.length > 0) return { ...backends, every: true };
  const declared = network.cluster.pods.filter(({ namespace, labels }) =>
    namespace === "kube-system" && labels.get(key) === value
  );
  return { to: declared.length > 0 ? declared : [STANDARD_DNS], port: 53 };
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
