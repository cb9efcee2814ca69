import type { Finding, Outcome } from "../../../checks/finding.ts";
import { databaseEgress } from "../../../checks/preflight/network/database_egress.ts";
import { dnsEgress } from "../../../checks/preflight/network/dns_egress.ts";
import { driverExecutorTraffic } from "../../../checks/preflight/network/driver_executor_traffic.ts";
import { egressPolicy } from "../../../checks/preflight/network/egress_policy.ts";
import { type ManifestsFact, readFile } from "../../../checks/facts/manifests.ts";
import { isolation } from "../../../checks/preflight/network/isolation.ts";
import { kubernetesApiEgress } from "../../../checks/preflight/network/kubernetes_api_egress.ts";
import { namespaceLabels } from "../../../checks/preflight/network/namespace_labels.ts";
import { assert, assertEquals } from "../../support/assert.ts";

/** The connection checks. */
export const FAMILY = [
  ...[egressPolicy, namespaceLabels, dnsEgress, databaseEgress],
  ...[kubernetesApiEgress, driverExecutorTraffic, isolation],
];

/** Manifests in which the connection checks find nothing, one text per object. */
export const HEALTHY = {
  jobsNamespace: `
apiVersion: v1
kind: Namespace
metadata: { name: analytics-jobs, labels: { name: analytics-jobs } }
`,
  robsonNamespace: `
apiVersion: v1
kind: Namespace
metadata: { name: robson, labels: { name: robson } }
`,
  postgres: `
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: rbs-paradedb, namespace: robson }
spec:
  template:
    metadata: { labels: { app: rbs-paradedb } }
    spec:
      containers:
        - { name: paradedb, image: paradedb/paradedb, ports: [{ name: sql, containerPort: 5432 }] }
`,
  deny: policy("default-deny", "podSelector: {}\n  policyTypes: [Ingress, Egress]"),
  dns: policy(
    "allow-dns",
    `podSelector: {}
  policyTypes: [Egress]
  egress:
    - to:
        - namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: kube-system } }
          podSelector: { matchLabels: { k8s-app: kube-dns } }
      ports: [{ protocol: UDP, port: 53 }, { protocol: TCP, port: 53 }]`,
  ),
  store: policy(
    "allow-s3",
    `podSelector: {}
  policyTypes: [Egress]
  egress:
    - to:
        - ipBlock:
            cidr: 0.0.0.0/0
            except: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 169.254.0.0/16]
      ports: [{ port: 443 }]`,
  ),
  outbox: policy(
    "allow-outbox",
    `podSelector: { matchExpressions: [{ key: spark-role, operator: Exists }] }
  policyTypes: [Egress]
  egress:
    - to:
        - namespaceSelector: { matchLabels: { name: robson } }
          podSelector: { matchLabels: { app: rbs-paradedb } }
      ports: [{ port: 5432 }]`,
  ),
  api: policy(
    "allow-api",
    `podSelector: { matchLabels: { spark-role: driver } }
  policyTypes: [Egress]
  egress:
    - to: [{ ipBlock: { cidr: 10.43.0.1/32 } }]
      ports: [{ port: 443 }]
    - to: [{ ipBlock: { cidr: 0.0.0.0/0, except: [10.42.0.0/16, 10.43.0.0/16] } }]
      ports: [{ port: 6443 }]`,
  ),
  spark: policy(
    "allow-spark",
    `podSelector: { matchExpressions: [{ key: spark-role, operator: Exists }] }
  policyTypes: [Ingress, Egress]
  ingress:
    - from: [{ podSelector: { matchExpressions: [{ key: spark-role, operator: Exists }] } }]
      ports: [{ port: 7078 }, { port: 7079 }]
  egress:
    - to: [{ podSelector: { matchExpressions: [{ key: spark-role, operator: Exists }] } }]
      ports: [{ port: 7078 }, { port: 7079 }]`,
  ),
  job: `
apiVersion: batch/v1
kind: Job
metadata: { name: bronze-ingest-manual, namespace: analytics-jobs }
spec:
  template:
    metadata: { labels: { app: bronze-ingest, spark-role: driver } }
    spec:
      containers:
        - name: driver
          command: [spark-submit]
          args:
            - --master=k8s://https://kubernetes.default.svc
            - --conf=spark.driver.port=7078
            - --conf=spark.driver.blockManager.port=7079
            - --conf=spark.blockManager.port=7079
          env: [{ name: DJANGO_DB_PORT, value: "5432" }]
`,
} as const;

/** The parts that the manifests are made of. */
export type Parts = Partial<Record<keyof typeof HEALTHY | "more", string>>;

/** The text of a policy of the jobs' namespace. */
export function policy(name: string, spec: string, metadata = ""): string {
  return `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: ${name}
  namespace: analytics-jobs
${metadata}spec:
  ${spec}
`;
}

/** The healthy manifests with some parts replaced; empty parts are left out. */
export function manifests(changes: Parts = {}): ManifestsFact {
  const text = Object.values({ ...HEALTHY, ...changes }).filter((each) => each !== "").join("---");
  return { directory: "manifests/", files: 1, ...readFile("all.yaml", text) };
}

/** A part in which a text is replaced; the part must contain the text. */
export function edited(part: keyof typeof HEALTHY, from: string, to: string): Parts {
  assert(HEALTHY[part].includes(from), `${part} has no ${from}`);
  return { [part]: HEALTHY[part].replace(from, to) };
}

/** The outcome of each connection check, by id. */
export function judge(fact: ManifestsFact): Map<string, Outcome> {
  return new Map(FAMILY.map(({ id, run }) => [id, run({ manifests: fact })]));
}

/** The only finding of all connection checks. */
export function onlyFinding(changes: Parts): { readonly id: string } & Finding {
  const found = [...judge(manifests(changes))].flatMap(([id, outcome]) =>
    "findings" in outcome ? outcome.findings.map((finding) => ({ id, ...finding })) : []
  );
  assertEquals(
    found.map(({ id, object, field }) => `${id} ${object} ${field}`).length,
    1,
    JSON.stringify(found, undefined, 2),
  );
  return found[0]!;
}
