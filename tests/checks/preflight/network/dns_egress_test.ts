import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import { edited, judge, manifests, onlyFinding } from "../../healthy/connections.ts";

const DNS = "NetworkPolicy analytics-jobs/allow-dns-egress";

const faults = [
  ["UDP only", "        - protocol: TCP\n          port: 53\n", "", "spec.egress[0].ports"],
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
