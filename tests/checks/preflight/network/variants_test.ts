import type { Outcome } from "../../../../checks/finding.ts";
import { assertEquals } from "../../../support/assert.ts";
import {
  edited,
  HEALTHY,
  judge,
  manifests,
  type Parts,
  policy,
} from "../../healthy/connections.ts";

// Ways to write a policy, each with the verdicts that follow from the documentation of Kubernetes
// and from how k3s applies policies: after the address of a Service was replaced by that of a pod.

/** The verdicts other than pass, as in `{ "dns-egress": "fail" }`. */
type Verdicts = Readonly<Record<string, "fail" | "warn" | "unknown" | "skip">>;

function verdictOf(outcome: Outcome): string {
  if ("unknown" in outcome) return "unknown";
  if ("skip" in outcome) return "skip";
  if ("notApplicable" in outcome) return "none";
  const severities = outcome.findings.map(({ severity }) => severity);
  return severities.includes("fail") ? "fail" : severities.includes("warn") ? "warn" : "pass";
}

/** The verdicts of a policy that the API server refuses, which manifests-readable reports. */
const REFUSED: Verdicts = {
  "egress-policy": "skip",
  "dns-egress": "skip",
  "database-egress": "skip",
  "kubernetes-api-egress": "skip",
  "driver-executor-traffic": "skip",
  "isolation": "skip",
  "namespace-labels": "skip",
};

const store = (peers: string, ports = "[{ port: 443 }]") => ({
  store: policy(
    "allow-s3-egress",
    `podSelector: {}\n  policyTypes: [Egress]\n  egress: [{ to: ${peers}, ports: ${ports} }]`,
  ),
});
const outbox = (peers: string, ports = "[{ port: 5432 }]") => ({
  outbox: policy(
    "allow-outbox-egress",
    `podSelector: {}\n  policyTypes: [Egress]\n  egress: [{ to: ${peers}, ports: ${ports} }]`,
  ),
});
const dns = (ports: string, peers = "to: [" + DNS + "], ") => ({
  dns: policy(
    "allow-dns-egress",
    `podSelector: {}\n  policyTypes: [Egress]\n  egress: [{ ${peers}ports: ${ports} }]`,
  ),
});
const DNS = "{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: kube-system } }, " +
  "podSelector: { matchLabels: { k8s-app: kube-dns } } }";
const BOTH = "[{ protocol: UDP, port: 53 }, { port: 53 }]";
const api = (rules: string) => ({
  api: policy(
    "allow-kubernetes-api-egress",
    `podSelector: {}\n  policyTypes: [Egress]\n  egress: ${rules}`,
  ),
});
const PUBLIC =
  "{ ipBlock: { cidr: 0.0.0.0/0, except: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 169.254.0.0/16, 100.64.0.0/10] } }";
const POSTGRES =
  "{ namespaceSelector: { matchLabels: { name: robson } }, podSelector: { matchLabels: { app: rbs-paradedb } } }";
const service = (spec: string) => ({
  more: `
apiVersion: v1
kind: Service
metadata: { name: paradedb, namespace: robson }
spec: ${spec}
`,
});
const DATABASE = { "database-egress": "fail" } as const;
const STORE = { "egress-policy": "fail" } as const;

const VARIANTS: Readonly<Record<string, readonly [Parts, Verdicts]>> = {
  "the healthy manifests": [{}, {}],
  // Ports.
  "a port in quotes": [store(`[${PUBLIC}]`, '[{ port: "443" }]'), REFUSED],
  "a name of a port, outside": [store(`[${PUBLIC}]`, "[{ port: https }]"), STORE],
  "a name of a port that the pod declares": [outbox(`[${POSTGRES}]`, "[{ port: sql }]"), {}],
  "a name of a port that the pod does not declare": [
    outbox(`[${POSTGRES}]`, "[{ port: postgres }]"),
    DATABASE,
  ],
  "a range of ports": [outbox(`[${POSTGRES}]`, "[{ port: 5430, endPort: 5440 }]"), {
    isolation: "warn",
  }],
  "a range that ends before the port": [
    outbox(`[${POSTGRES}]`, "[{ port: 5400, endPort: 5431 }]"),
    DATABASE,
  ],
  "a range that ends before it begins": [
    outbox(`[${POSTGRES}]`, "[{ port: 5440, endPort: 5430 }]"),
    REFUSED,
  ],
  "a range without a beginning": [outbox(`[${POSTGRES}]`, "[{ endPort: 5440 }]"), REFUSED],
  "a range that begins with a name": [
    outbox(`[${POSTGRES}]`, "[{ port: sql, endPort: 5440 }]"),
    REFUSED,
  ],
  "a protocol without a port": [outbox(`[${POSTGRES}]`, "[{ protocol: TCP }]"), {
    isolation: "warn",
  }],
  "another protocol of Postgres": [
    outbox(`[${POSTGRES}]`, "[{ protocol: UDP, port: 5432 }]"),
    DATABASE,
  ],
  "no ports": [outbox(`[${POSTGRES}]`, "[]"), { isolation: "warn" }],
  // Peers.
  "an empty list of peers": [store("[]"), { isolation: "warn" }],
  "an empty peer": [store("[{}]"), REFUSED],
  "every pod in the cluster": [store("[{ namespaceSelector: {} }]"), STORE],
  "every pod of the namespace": [store("[{ podSelector: {} }]"), STORE],
  "all namespaces and the label": [
    outbox("[{ namespaceSelector: {}, podSelector: { matchLabels: { app: rbs-paradedb } } }]"),
    {},
  ],
  "the label without a namespace": [
    outbox("[{ podSelector: { matchLabels: { app: rbs-paradedb } } }]"),
    DATABASE,
  ],
  "the namespace without a label of pods": [
    outbox("[{ namespaceSelector: { matchLabels: { name: robson } } }]"),
    {},
  ],
  "selectors in two peers": [
    outbox(
      "[{ namespaceSelector: { matchLabels: { name: robson } } }, { podSelector: { matchLabels: { app: x } } }]",
    ),
    { isolation: "warn" },
  ],
  "NotIn": [
    outbox(
      "[{ namespaceSelector: { matchLabels: { name: robson } }, podSelector: { matchExpressions: [{ key: app, operator: NotIn, values: [web] }] } }]",
    ),
    {},
  ],
  "NotIn that leaves out Postgres": [
    outbox(
      "[{ namespaceSelector: { matchLabels: { name: robson } }, podSelector: { matchExpressions: [{ key: app, operator: NotIn, values: [rbs-paradedb] }] } }]",
    ),
    DATABASE,
  ],
  "DoesNotExist of a label that Postgres has": [
    outbox(
      "[{ namespaceSelector: { matchLabels: { name: robson } }, podSelector: { matchExpressions: [{ key: app, operator: DoesNotExist }] } }]",
    ),
    DATABASE,
  ],
  "DoesNotExist of another label": [
    outbox(
      "[{ namespaceSelector: { matchLabels: { name: robson } }, podSelector: { matchExpressions: [{ key: canary, operator: DoesNotExist }] } }]",
    ),
    {},
  ],
  "Exists": [
    outbox(
      "[{ namespaceSelector: { matchLabels: { name: robson } }, podSelector: { matchExpressions: [{ key: app, operator: Exists }] } }]",
    ),
    {},
  ],
  "In without values": [
    outbox(
      "[{ podSelector: { matchExpressions: [{ key: app, operator: In }] } }]",
    ),
    REFUSED,
  ],
  "an unknown operator": [
    outbox(
      "[{ podSelector: { matchExpressions: [{ key: app, operator: Equals, values: [a] }] } }]",
    ),
    REFUSED,
  ],
  // Blocks.
  "two halves": [
    store(
      "[{ ipBlock: { cidr: 0.0.0.0/1, except: [10.0.0.0/8] } }, { ipBlock: { cidr: 128.0.0.0/1, except: [169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16] } }]",
    ),
    {},
  ],
  "one half": [store("[{ ipBlock: { cidr: 0.0.0.0/1, except: [10.0.0.0/8] } }]"), {
    "egress-policy": "warn",
  }],
  "IPv6 alone": [
    store("[{ ipBlock: { cidr: '::/0', except: ['fc00::/7', 'fe80::/10'] } }]"),
    STORE,
  ],
  "IPv4 alone": [store(`[${PUBLIC}]`), {}],
  "an exception of the whole block": [
    store("[{ ipBlock: { cidr: 0.0.0.0/0, except: [0.0.0.0/0] } }]"),
    REFUSED,
  ],
  "exceptions of both halves": [
    store("[{ ipBlock: { cidr: 0.0.0.0/0, except: [0.0.0.0/1, 128.0.0.0/1] } }]"),
    STORE,
  ],
  "an exception of IPv6 in a block of IPv4": [
    store("[{ ipBlock: { cidr: 0.0.0.0/0, except: ['fc00::/7'] } }]"),
    REFUSED,
  ],
  "an address without a mask": [store("[{ ipBlock: { cidr: 8.8.8.8 } }]"), REFUSED],
  "a block with bits of a host": [
    api("[{ to: [{ ipBlock: { cidr: 192.168.1.10/24 } }], ports: [{ port: 6443 }] }]"),
    {},
  ],
  "a block and a selector in one peer": [
    store("[{ podSelector: {}, ipBlock: { cidr: 0.0.0.0/0 } }]"),
    REFUSED,
  ],
  "a block of pods for Postgres": [outbox("[{ ipBlock: { cidr: 10.42.0.0/16 } }]"), {
    "database-egress": "unknown",
  }],
  "every address except private ones for Postgres": [outbox(`[${PUBLIC}]`), DATABASE],
  // Types and directions.
  "no policyTypes": [edited("store", "  policyTypes: [Egress]\n", ""), {}],
  "the other type": [edited("store", "[Egress]", "[Ingress]"), STORE],
  "both types": [edited("store", "[Egress]", "[Ingress, Egress]"), {}],
  "a type twice": [edited("store", "[Egress]", "[Egress, Egress]"), {}],
  "a type in lower case": [edited("store", "[Egress]", "[egress]"), REFUSED],
  "no types": [edited("store", "[Egress]", "[]"), {}],
  "a default deny without types": [
    edited("deny", "  policyTypes: [Ingress, Egress]\n", ""),
    { isolation: "warn" },
  ],
  "a default deny of another name": [edited("deny", "name: default-deny", "name: zz-lockdown"), {}],
  "a default deny in two policies": [{
    deny: edited("deny", "[Ingress, Egress]", "[Ingress]").deny!,
    more: HEALTHY.deny.replace("default-deny", "no-egress").replace(
      "[Ingress, Egress]",
      "[Egress]",
    ),
  }, {}],
  "a deny of ingress of Postgres": [{
    more: HEALTHY.deny.replace("analytics-jobs", "robson"),
  }, DATABASE],
  "ingress of Postgres from the namespace": [{
    more: `${HEALTHY.deny.replace("analytics-jobs", "robson")}---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: from-jobs, namespace: robson }
spec:
  podSelector: { matchLabels: { app: rbs-paradedb } }
  ingress: [{ from: [{ namespaceSelector: { matchLabels: { name: analytics-jobs } } }], ports: [{ port: 5432 }] }]
`,
  }, {}],
  "ingress of Postgres from anywhere": [{
    more: `${HEALTHY.deny.replace("analytics-jobs", "robson")}---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: from-all, namespace: robson }
spec: { podSelector: {}, ingress: [{ from: [] }] }
`,
  }, {}],
  "no ingress of Postgres": [{
    more: `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: none, namespace: robson }
spec: { podSelector: {}, ingress: [] }
`,
  }, DATABASE],
  // DNS.
  "DNS over SCTP": [dns("[{ protocol: SCTP, port: 53 }, { port: 53 }]"), {
    "dns-egress": "fail",
  }],
  "DNS over TCP alone": [dns("[{ port: 53 }]"), { "dns-egress": "fail" }],
  "DNS over UDP alone": [dns("[{ protocol: UDP, port: 53 }]"), { "dns-egress": "warn" }],
  "DNS in two policies": [{
    ...dns("[{ protocol: UDP, port: 53 }]"),
    more: dns("[{ port: 53 }]").dns.replace("allow-dns-egress", "allow-dns-tcp"),
  }, {}],
  "DNS to any address": [dns(BOTH, ""), { isolation: "warn" }],
  "DNS to every namespace": [
    dns(
      BOTH,
      "to: [{ namespaceSelector: {}, podSelector: { matchLabels: { k8s-app: kube-dns } } }], ",
    ),
    {},
  ],
  "DNS of the own namespace": [
    dns(BOTH, "to: [{ podSelector: { matchLabels: { k8s-app: kube-dns } } }], "),
    { "dns-egress": "fail" },
  ],
  "a protocol in lower case": [dns("[{ protocol: udp, port: 53 }]"), REFUSED],
  "an unknown protocol": [dns("[{ protocol: ICMP, port: 53 }]"), REFUSED],
  // The API server.
  "the API server by its Service alone": [
    api("[{ to: [{ ipBlock: { cidr: 10.43.0.1/32 } }], ports: [{ port: 443 }] }]"),
    { "kubernetes-api-egress": "warn" },
  ],
  "the API server by 6443 alone": [
    api("[{ to: [{ ipBlock: { cidr: 192.168.1.10/32 } }], ports: [{ port: 6443 }] }]"),
    {},
  ],
  "the API server as pods of default": [
    api(
      "[{ to: [{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: default } } }], ports: [{ port: 443 }, { port: 6443 }] }]",
    ),
    { "kubernetes-api-egress": "fail" },
  ],
  // Services.
  "a Service with another port of the pods": [
    service("{ selector: { app: rbs-paradedb }, ports: [{ port: 5432, targetPort: 5433 }] }"),
    DATABASE,
  ],
  "a Service with a named port of the pods": [
    service("{ selector: { app: rbs-paradedb }, ports: [{ port: 5432, targetPort: sql }] }"),
    {},
  ],
  "a Service without an address": [
    // The client connects to the port that it names, at the address of the pod.
    service(
      "{ clusterIP: None, selector: { app: rbs-paradedb }, ports: [{ port: 5432, targetPort: 5433 }] }",
    ),
    {},
  ],
  "a Service for another name": [
    service("{ type: ExternalName, externalName: db.example.com }"),
    DATABASE,
  ],
  "a Service that a load balancer opens": [
    service("{ type: LoadBalancer, selector: { app: rbs-paradedb }, ports: [{ port: 5432 }] }"),
    {},
  ],
  // Objects.
  "a network of the node": [
    edited("job", "restartPolicy: Never\n", "restartPolicy: Never\n      hostNetwork: true\n"),
    { isolation: "fail", "driver-executor-traffic": "skip" },
  ],
  "an old version": [
    edited("store", "networking.k8s.io/v1", "extensions/v1beta1"),
    REFUSED,
  ],
  "an unknown field": [edited("store", "policyTypes:", "policyType:"), REFUSED],
};

for (const [name, [changes, expected]] of Object.entries(VARIANTS)) {
  Deno.test(`the connection checks judge ${name}`, () => {
    const outcomes = judge(manifests(changes));
    const found = Object.fromEntries(
      [...outcomes].map(([id, outcome]) => [id, verdictOf(outcome)])
        .filter(([, verdict]) => verdict !== "pass"),
    );
    assertEquals(found, expected, JSON.stringify([...outcomes], undefined, 1));
  });
}

/** A text without the namespace of the jobs in metadata. */
const unplaced = (text: string) => text.replace(/^ *namespace: analytics-jobs\n/gm, "");

const PARTS = ["deny", "dns", "store", "outbox", "api", "spark", "template", "job"] as const;

Deno.test("the connection checks judge objects without a namespace as objects of the jobs' namespace", () => {
  const all = (change = (text: string) => text): Parts =>
    Object.fromEntries(PARTS.map((part) => [part, unplaced(change(HEALTHY[part]))]));
  const found = (changes: Parts) =>
    [...judge(manifests(changes))].flatMap(([id, outcome]) =>
      verdictOf(outcome) === "pass" ? [] : [`${id}: ${verdictOf(outcome)}`]
    );
  assertEquals(found(all()), []);
  assertEquals(found(all((text) => text.replaceAll("port: 5432", "port: 5433"))), [
    "database-egress: fail",
  ]);
  const { examined = "" } = judge(manifests(all())).get("egress-policy") as { examined?: string };
  assertEquals(
    examined,
    "pods of 1 job under 6 policies; objects without a namespace count as of analytics-jobs",
  );
  // Next to objects of the namespace, kubectl applies the others to another one.
  assertEquals(found({ dns: unplaced(HEALTHY.dns) }), ["dns-egress: fail"]);
  const policies = Object.fromEntries(
    PARTS.slice(0, 6).map((part) => [part, unplaced(HEALTHY[part])]),
  );
  const outcome = judge(manifests(policies)).get("egress-policy")!;
  assertEquals(
    "unknown" in outcome && outcome.unknown,
    "there is no NetworkPolicy in namespace " +
      "analytics-jobs; default-deny, allow-dns-egress, allow-s3-egress, allow-outbox-egress, " +
      "allow-kubernetes-api-egress and 1 more name no namespace",
  );
});
