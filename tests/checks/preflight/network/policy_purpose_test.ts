import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import {
  edited,
  HEALTHY,
  judge,
  manifests,
  type Parts,
  policy,
  SPARK_PODS,
} from "../../healthy/connections.ts";

/** A policy that selects the pods of Spark, with one rule. */
const egress = (name: string, to: string, port: number, metadata = "") =>
  policy(
    name,
    `${SPARK_PODS}\n  policyTypes: [Egress]\n  egress: [{ to: [${to}], ports: [{ port: ${port} }] }]`,
    metadata,
  );
const TRAP = "{ namespaceSelector: {} }";
const DEFAULT = "{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: default } } }";
const block = (cidr: string) => `{ ipBlock: { cidr: ${cidr} } }`;

/** The objects that a check blames. */
function blamed(id: string, changes: Parts): string[] {
  const outcome = judge(manifests(changes)).get(id)!;
  if (!("findings" in outcome)) throw new Error(JSON.stringify(outcome));
  for (const { object, fix } of outcome.findings) {
    const [, name] = /patch networkpolicy (\S+)/.exec(fix) ?? [];
    if (name !== undefined) assertStringIncludes(object, name);
  }
  return outcome.findings.map(({ object }) => object.replace(/^.*\//, ""));
}

// The policies of another destination come first in the manifests.
const cases: readonly (readonly [string, string, Parts, string])[] = [
  [
    "the trap in the policy for the store, and another in that for the API",
    "egress-policy",
    {
      deny: HEALTHY.deny + "---" + egress("allow-kubernetes-api", TRAP, 443),
      store: egress("allow-s3-egress", TRAP, 443),
    },
    "allow-s3-egress",
  ],
  [
    "a wrong peer in the policy for the store, and the trap in that for the API",
    "egress-policy",
    {
      deny: HEALTHY.deny + "---" + egress("allow-apiserver", TRAP, 443),
      store: egress("allow-object-store", DEFAULT, 443),
    },
    "allow-object-store",
  ],
  [
    "a wrong port in the policy for the store, and the trap in that for the API",
    "egress-policy",
    {
      deny: HEALTHY.deny + "---" + egress("allow-k8s-api", TRAP, 443),
      store: egress("minio", block("0.0.0.0/0"), 9000),
    },
    "minio",
  ],
  [
    "a policy for the store that a label names",
    "egress-policy",
    {
      deny: HEALTHY.deny + "---" + egress("np-1", TRAP, 443),
      store: egress("np-2", DEFAULT, 443, "  labels: { for: s3 }\n"),
    },
    "np-2",
  ],
  [
    "a policy for the store that an annotation names",
    "egress-policy",
    {
      deny: HEALTHY.deny + "---" + egress("np-1", TRAP, 443),
      store: egress(
        "np-2",
        DEFAULT,
        443,
        "  annotations: { description: Allows the object store }\n",
      ),
    },
    "np-2",
  ],
  [
    "a policy for the internet",
    "egress-policy",
    {
      deny: HEALTHY.deny + "---" + egress("np-1", TRAP, 443),
      store: egress("allow-internet", DEFAULT, 443),
    },
    "allow-internet",
  ],
  [
    "no policy for the store",
    "egress-policy",
    { deny: HEALTHY.deny + "---" + egress("allow-kubernetes-api", TRAP, 443), store: "" },
    "default-deny",
  ],
  [
    "a wrong label in the policy for Postgres, and another in that for a cache",
    "database-egress",
    {
      deny: HEALTHY.deny + "---" + egress("allow-cache", DEFAULT, 5432),
      ...edited("outbox", "app: rbs", "app: db"),
    },
    "allow-outbox-egress",
  ],
  [
    "a wrong port in the policy for Postgres, and the trap in that for the store",
    "database-egress",
    {
      deny: HEALTHY.deny + "---" + egress("allow-s3-postgres-dump", DEFAULT, 5432),
      store: egress(
        "allow-s3-egress",
        TRAP.replace("{}", "{ matchLabels: { name: analytics-jobs } }"),
        5432,
      ),
      outbox: egress(
        "allow-paradedb",
        "{ namespaceSelector: { matchLabels: { name: robson } } }",
        5433,
      ),
    },
    "allow-s3-postgres-dump",
  ],
  [
    "a wrong peer in the policy for DNS, and another rule for port 53",
    "dns-egress",
    {
      deny: HEALTHY.deny + "---" + policy(
        "allow-database",
        `podSelector: {}\n  policyTypes: [Egress]\n  egress: [{ to: [${DEFAULT}], ports: ` +
          "[{ protocol: UDP, port: 53 }, { port: 53 }] }]",
      ),
      ...edited("dns", "k8s-app: kube-dns", "k8s-app: coredns"),
    },
    "allow-dns-egress",
  ],
  [
    "a wrong selector in the policy for the API, and a rule for its port in that for the store",
    "kubernetes-api-egress",
    {
      store: HEALTHY.store + "---" + egress("allow-store", DEFAULT, 6443),
      api: HEALTHY.api.replace("spark-role: driver", "app: other"),
    },
    "allow-kubernetes-api-egress",
  ],
];
for (const [name, id, changes, expected] of cases) {
  Deno.test(`${id} blames and patches the policy that is meant: ${name}`, () => {
    assertEquals(blamed(id, changes), [expected]);
  });
}
