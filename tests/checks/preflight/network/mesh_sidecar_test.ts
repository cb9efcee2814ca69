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

/** The manifests with metadata of the namespace and of the pod, and with other arguments. */
const marked = (
  { namespace = "", pod = "", more = "" }: { namespace?: string; pod?: string; more?: string },
) => ({
  jobsNamespace: HEALTHY.jobsNamespace.replace("metadata:\n", `metadata:\n${namespace}`),
  job: HEALTHY.job.replace("        spark-role: driver\n", `        spark-role: driver\n${pod}`),
  more,
});
const annotation = (text: string) => `  annotations: { ${text} }\n`;
const severities = (parts: Parts) => findings(parts).map(({ severity }) => severity);

Deno.test("egress-policy reads labels and annotations as each mesh does", () => {
  // Linkerd reads no labels, and the webhooks of Istio no annotations.
  assertEquals(findings(injected("linkerd.io/inject: enabled")), []);
  assertEquals(findings(marked({ namespace: annotation("istio-injection: enabled") })), []);
  // A namespace without injection wins over its pods.
  const own = edited(
    "job",
    "        spark-role: driver",
    '        spark-role: driver\n        sidecar.istio.io/inject: "true"',
  );
  assertEquals(findings({ ...injected("istio-injection: disabled"), ...own }), []);
  assertEquals(severities(injected("kuma.io/sidecar-injection: enabled")), ["fail"]);
  const refusing = marked({ pod: '        sidecar.istio.io/inject: "no"\n' });
  const [found] = findings({ ...refusing, ...injected("istio-injection: enabled") });
  assertStringIncludes(found!.problem, "so the executors of Job");
  for (const [value, expected] of [["True", true], ["1", true], ["False", false]] as const) {
    const job = HEALTHY.job.replace(
      /(\n +template:\n +metadata:\n)( +)/,
      `$1$2annotations: { consul.hashicorp.com/connect-inject: "${value}" }\n$2`,
    );
    assertEquals(severities({ job }), expected ? ["fail"] : [], value);
  }
});

Deno.test("egress-policy does not warn about a sidecar that ends with its Job", () => {
  const beta =
    "linkerd.io/inject: enabled, config.beta.linkerd.io/proxy-enable-native-sidecar: 'true'";
  const namespace = annotation(beta);
  assertEquals(severities(marked({ namespace })), ["fail"]);
  assertEquals(severities(marked({ namespace, more: allow("linkerd", 8086) })), []);
  const capital = annotation(beta.replace("'true'", "'True'"));
  assertEquals(severities(marked({ namespace: capital, more: allow("linkerd", 8086) })), []);
  const native = edited(
    "job",
    "      containers:\n",
    "      initContainers: [{ name: istio-proxy, image: proxyv2, restartPolicy: Always }]\n" +
      "      containers:\n",
  );
  assertEquals(severities(native), ["fail"]);
  assertEquals(severities({ ...native, more: allow("istio-system", 15012) }), []);
});

Deno.test("egress-policy names the setting that keeps executors out of a mesh", () => {
  const pod = '        sidecar.istio.io/inject: "false"\n';
  const [found] = findings({ ...marked({ pod }), ...injected("istio-injection: enabled") });
  assertStringIncludes(
    found!.fix,
    "--conf=spark.kubernetes.executor.label.sidecar.istio.io/inject=false",
  );
});

Deno.test("egress-policy fails for an ambient mesh whose port is closed", () => {
  const ambient = "istio.io/dataplane-mode: ambient";
  const [found, ...others] = findings(injected(ambient));
  assertEquals([found!.severity, others], ["fail", []]);
  assertStringIncludes(found!.problem, "TCP 15008");
  const more = policy(
    "allow-ambient",
    `podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress: [{ ports: [{ port: 15008 }] }]
  egress: [{ ports: [{ port: 15008 }] }]`,
  );
  assertEquals(findings({ ...injected(ambient), more }), []);
  assertEquals(findings(injected("istio.io/dataplane-mode: none")), []);
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

Deno.test("egress-policy warns of the sidecars of other tools, which keep a Job from ending", () => {
  const annotated = (annotations: string) => {
    const job = HEALTHY.job.replace(
      /(\n +template:\n +metadata:\n)( +)/,
      `$1$2annotations: { ${annotations} }\n$2`,
    );
    if (job === HEALTHY.job) throw new Error("the template has no metadata");
    return findings({ job }).map(({ severity, problem }) => `${severity} ${problem}`);
  };
  const inject = 'vault.hashicorp.com/agent-inject: "true"';
  const only = (value: string) =>
    `${inject}, vault.hashicorp.com/agent-pre-populate-only: ${value}`;
  const spellings = ['"1"', '"t"', '"T"', '"true"', '"True"', '"TRUE"'];
  for (
    const [annotations, name] of [
      ...spellings.map((each) => [`vault.hashicorp.com/agent-inject: ${each}`, "Vault"] as const),
      [only('"false"'), "Vault"],
      [only('"0"'), "Vault"],
      ['dapr.io/enabled: "True"', "Dapr"],
      ['dapr.io/enabled: "yes"', "Dapr"],
      ["appmesh.k8s.aws/sidecarInjectorWebhook: Enabled", "App Mesh"],
      ['dapr.io/enabled: "true"', "Dapr"],
      ['sidecar.opentelemetry.io/inject: "true"', "OpenTelemetry"],
      ["sidecar.opentelemetry.io/inject: otel-sidecar", "OpenTelemetry"],
      ['sidecar.jaegertracing.io/inject: "true"', "Jaeger"],
      ["appmesh.k8s.aws/sidecarInjectorWebhook: enabled", "App Mesh"],
    ] as const
  ) {
    assertEquals(annotated(annotations), [
      `warn ${name} adds a sidecar to Job analytics-jobs/bronze-ingest-manual`,
    ]);
  }
  for (
    const annotations of [
      ...spellings.map(only),
      ...['"false"', '"0"', '"F"'].map((each) => `vault.hashicorp.com/agent-inject: ${each}`),
      'sidecar.opentelemetry.io/inject: "False"',
      'dapr.io/enabled: "no"',
      'dapr.io/enabled: "false"',
      'sidecar.opentelemetry.io/inject: "false"',
      "appmesh.k8s.aws/sidecarInjectorWebhook: disabled",
      'dapr.io/config: "true"',
    ]
  ) assertEquals(annotated(annotations), [], annotations);
  const connect = "consul.hashicorp.com/connect-inject";
  for (
    const [annotations, name, key] of [
      ...['"yes"', '"on"', '""', "TrUe"].map((each) =>
        [`vault.hashicorp.com/agent-inject: ${each}`, "Vault", inject.split(":")[0]!] as const
      ),
      [only('"yes"'), "Vault", "vault.hashicorp.com/agent-pre-populate-only"],
      [`${connect}: "yes"`, "Consul", connect],
    ] as const
  ) {
    assertEquals(annotated(annotations), [
      `warn ${name} cannot read the annotation ${key} of Job analytics-jobs/bronze-ingest-manual`,
    ]);
  }
});
