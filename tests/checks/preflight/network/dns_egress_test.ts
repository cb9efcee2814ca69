import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import type { Outcome } from "../../../../checks/finding.ts";
import { edited, HEALTHY, judge, manifests, onlyFinding } from "../../healthy/connections.ts";

const DNS = "NetworkPolicy analytics-jobs/allow-dns-egress";

const faults = [
  ["TCP only", "        - protocol: UDP\n          port: 53\n", "", "spec.egress[0].ports"],
  ["other pods", "k8s-app: kube-dns", "k8s-app: coredns", "spec.egress[0].to[0]"],
  ["another namespace", "name: kube-system", "name: default", "spec.egress[0].to[0]"],
  [
    "a policy for the Job's pod only",
    "podSelector: {}",
    "podSelector: { matchLabels: { spark-role: driver } }",
    "spec.podSelector",
  ],
] as const;
for (const [name, from, to, field] of faults) {
  Deno.test(`dns-egress fails with ${name}`, () => {
    const found = onlyFinding(edited("dns", from, to));
    assertEquals([found.id, found.severity, found.object, found.field], [
      "dns-egress",
      "fail",
      DNS,
      field,
    ]);
  });
}

Deno.test("dns-egress adds one policy for both protocols if no rule is for DNS", () => {
  const found = onlyFinding({ dns: "" });
  assertEquals(found.id, "dns-egress");
  assertStringIncludes(
    found.fix,
    '"ports":[{"protocol":"UDP","port":53},{"protocol":"TCP","port":53}]',
  );
});

Deno.test("dns-egress judges the DNS pods that the manifests declare", () => {
  const coredns = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: coredns, namespace: kube-system }
spec:
  template:
    metadata: { labels: { k8s-app: kube-dns } }
    spec: { hostNetwork: true, containers: [{ name: coredns }] }
`;
  const found = onlyFinding({ more: coredns });
  assertEquals(found.id, "dns-egress");
  assertStringIncludes(found.problem, "uses its node's network");
});

Deno.test("dns-egress leaves a selector without namespace to namespace-labels", () => {
  const changes = edited("dns", "kubernetes.io/metadata.name: kube", "name: kube");
  assertEquals(onlyFinding(changes).id, "namespace-labels");
  assertEquals(judge(manifests(changes)).get("dns-egress"), {
    skip: "a rule selects no namespace (see namespace-labels)",
  });
});

Deno.test("dns-egress warns of UDP without TCP, which only long answers need", () => {
  const found = onlyFinding(edited("dns", "        - protocol: TCP\n          port: 53\n", ""));
  assertEquals([found.id, found.severity, found.object, found.field], [
    "dns-egress",
    "warn",
    DNS,
    "spec.egress[0].ports",
  ]);
});

const PEER = HEALTHY.dns.slice(
  HEALTHY.dns.indexOf("        - namespaceSelector"),
  HEALTHY.dns.indexOf("      ports:"),
);

/** The outcome with another peer in the policy for DNS, and more objects. */
function withPeer(peer: string, more = "", ports = "53"): Outcome {
  const dns = HEALTHY.dns.replace(PEER, () => `        - ${peer}\n`).replaceAll("53", ports);
  return judge(manifests({ dns, more })).get("dns-egress")!;
}

const undecided = [
  ["a cache on the node", "ipBlock: { cidr: 169.254.20.10/32 }", "53"],
  ["all link-local addresses", "ipBlock: { cidr: 169.254.0.0/16 }", "53"],
  ["the address of the Service", "ipBlock: { cidr: 10.43.0.10/32 }", "53"],
  ["a resolver on a node", "ipBlock: { cidr: 192.168.1.10/32 }", "53"],
  ["all addresses", "ipBlock: { cidr: 0.0.0.0/0 }", "53"],
  ["an IPv6 cache", "ipBlock: { cidr: 'fd00:10:96::a/128' }", "53"],
  [
    "pods with another label",
    "{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: kube-system } }, " +
    "podSelector: { matchLabels: { app.kubernetes.io/name: coredns } } }",
    "53",
  ],
  [
    "a namespace for DNS",
    "namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: openshift-dns } }",
    "5353",
  ],
  [
    "the port of the pods",
    "namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: kube-system } }",
    "8053",
  ],
  [
    "an unknown label of kube-system",
    "namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: kube-system, team: a } }",
    "53",
  ],
] as const;
for (const [name, peer, port] of undecided) {
  Deno.test(`dns-egress does not judge without a cluster: ${name}`, () => {
    const outcome = withPeer(peer, "", port);
    assertEquals(Object.keys(outcome), ["unknown"], JSON.stringify(outcome));
    assertStringIncludes(JSON.stringify(outcome), "allow-dns-egress spec.egress[0].to[0]");
  });
}

const decided = [
  ["a public resolver", "ipBlock: { cidr: 8.8.8.8/32 }", "53"],
  [
    "public addresses only",
    "ipBlock: { cidr: 0.0.0.0/0, except: [10.0.0.0/8, 100.64.0.0/10, " +
    "172.16.0.0/12, 192.168.0.0/16, 169.254.0.0/16, 0.0.0.0/8, 127.0.0.0/8, 224.0.0.0/3] }",
    "53",
  ],
  ["a port that DNS never uses", "ipBlock: { cidr: 169.254.20.10/32 }", "54"],
] as const;
for (const [name, peer, port] of decided) {
  Deno.test(`dns-egress fails with ${name}`, () => {
    const outcome = withPeer(peer, "", port);
    assertEquals("findings" in outcome && outcome.findings.map(({ severity }) => severity), [
      "fail",
    ]);
  });
}

const CACHE = `
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: node-local-dns, namespace: kube-system }
spec:
  template:
    metadata: { labels: { k8s-app: node-local-dns } }
    spec: { hostNetwork: true, containers: [{ name: node-cache }] }
`;
const SERVICE = `
apiVersion: v1
kind: Service
metadata: { name: kube-dns, namespace: kube-system, labels: { k8s-app: kube-dns } }
spec:
  clusterIP: 10.43.0.10
  selector: { k8s-app: kube-dns }
  ports:
    - { name: dns, protocol: UDP, port: 53, targetPort: 8053 }
    - { name: dns-tcp, protocol: TCP, port: 53, targetPort: 8053 }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: coredns, namespace: kube-system }
spec:
  template:
    metadata: { labels: { k8s-app: kube-dns } }
    spec: { containers: [{ name: coredns }] }
`;

Deno.test("dns-egress passes if the pods reach the cache on the node, and a cache is declared", () => {
  const none = { examined: "pods of 1 job under 6 policies", findings: [] };
  assertEquals(withPeer("ipBlock: { cidr: 169.254.20.10/32 }", CACHE), none);
  const both = `${CACHE}---${SERVICE}`;
  assertEquals(withPeer("ipBlock: { cidr: 10.43.0.10/32 }", both), none);
  assertEquals(Object.keys(withPeer("ipBlock: { cidr: 10.43.0.11/32 }", CACHE)), ["unknown"]);
});

Deno.test("dns-egress judges the port of the pods behind the Service", () => {
  const system = "namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: kube-system } }";
  const none = { examined: "pods of 1 job under 6 policies", findings: [] };
  assertEquals(withPeer(system, SERVICE, "8053"), none);
  const outcome = withPeer(system, SERVICE);
  assertStringIncludes(JSON.stringify(outcome), "not UDP 8053");
});

Deno.test("dns-egress warns if only the address of the Service is open", () => {
  const outcome = withPeer("ipBlock: { cidr: 10.43.0.10/32 }", SERVICE);
  assertEquals("findings" in outcome && outcome.findings.map(({ severity }) => severity), ["warn"]);
});

Deno.test("dns-egress judges the name servers of the pod itself", () => {
  const spec = (policy: string) =>
    HEALTHY.job.replace("      restartPolicy:", `      ${policy}\n      restartPolicy:`);
  const given = (server: string) =>
    spec(`dnsPolicy: None\n      dnsConfig: { nameservers: [${server}] }`);
  const findings = (job: string, dns: string) => {
    const outcome = judge(manifests({ job, dns })).get("dns-egress")!;
    return "findings" in outcome ? outcome.findings.map(({ severity }) => severity) : outcome;
  };
  assertEquals(findings(given("1.1.1.1"), HEALTHY.dns), ["fail"]);
  const open = HEALTHY.dns.replace(
    PEER,
    (own) => `${own}        - ipBlock: { cidr: 1.1.1.1/32 }\n`,
  );
  assertEquals(findings(given("1.1.1.1"), open), []);
  assertEquals(findings(spec("dnsPolicy: Default"), HEALTHY.dns), []);
});
