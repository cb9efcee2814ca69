import type { Finding } from "../../../../checks/finding.ts";
import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import {
  edited,
  HEALTHY,
  judge,
  manifests,
  type Parts,
  policy,
} from "../../healthy/connections.ts";

function findings(changes: Parts): readonly Finding[] {
  const outcome = judge(manifests(changes)).get("egress-policy")!;
  if (!("findings" in outcome)) throw new Error(JSON.stringify(outcome));
  return outcome.findings;
}

const injected = (label: string) =>
  edited("jobsNamespace", "    name: analytics-jobs\n", `    name: analytics-jobs\n    ${label}\n`);
const allow = (namespace: string, port: number) =>
  policy(
    "allow-mesh",
    `podSelector: {}
  policyTypes: [Egress]
  egress:
    - to: [{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: ${namespace} } } }]
      ports: [{ port: ${port} }]`,
  );

for (
  const [label, namespace, port] of [
    ["istio-injection: enabled", "istio-system", 15012],
    ["istio.io/rev: stable", "istio-system", 15012],
  ] as const
) {
  Deno.test(`egress-policy fails with the sidecar of ${label} and no rule for its control plane`, () => {
    const [found, ...others] = findings(injected(label));
    assertEquals([found!.severity, others], ["fail", []]);
    assertStringIncludes(found!.problem, `TCP ${port}`);
    assertStringIncludes(found!.problem, "bronze-ingest-manual and its executors");
  });
  Deno.test(`egress-policy warns of the sidecar of ${label} in a Job`, () => {
    const [found, ...others] = findings({ ...injected(label), more: allow(namespace, port) });
    assertEquals([found!.severity, others], ["warn", []]);
    assertStringIncludes(found!.why!, "a Job does not end while a sidecar runs");
  });
}

Deno.test("egress-policy reads the annotation of Linkerd on the namespace", () => {
  const namespace = HEALTHY.jobsNamespace.replace(
    "  labels:",
    "  annotations: { linkerd.io/inject: enabled }\n  labels:",
  );
  assertEquals(findings({ jobsNamespace: namespace }).map(({ severity }) => severity), ["fail"]);
  const more = allow("linkerd", 8086);
  assertEquals(findings({ jobsNamespace: namespace, more }).map(({ severity }) => severity), [
    "warn",
  ]);
});

Deno.test("egress-policy reads the label and the container of a sidecar in the pod", () => {
  const label = edited(
    "job",
    "        spark-role: driver",
    '        spark-role: driver\n        sidecar.istio.io/inject: "true"',
  );
  assertEquals(findings(label).map(({ severity }) => severity), ["fail"]);
  const container = edited(
    "job",
    "      containers:\n",
    "      containers:\n        - name: istio-proxy\n",
  );
  const [found] = findings(container);
  assertEquals(found!.severity, "fail");
  // The executors have no sidecar.
  assertEquals(found!.problem.includes("executors"), false);
});

Deno.test("egress-policy finds nothing if the pods or the namespace refuse the sidecar", () => {
  assertEquals(findings(injected("istio-injection: disabled")), []);
  const refused = edited(
    "job",
    "        spark-role: driver",
    '        spark-role: driver\n        sidecar.istio.io/inject: "false"',
  );
  const [found] = findings({ ...injected("istio-injection: enabled"), ...refused });
  assertStringIncludes(found!.problem, "the executors of Job");
});
