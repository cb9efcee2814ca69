import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import { pasted } from "../../healthy/pasted.ts";
import {
  edited,
  HEALTHY,
  judge,
  manifests,
  onlyFinding,
  policy,
  SPARK_PODS,
} from "../../healthy/connections.ts";

const API = "NetworkPolicy analytics-jobs/allow-kubernetes-api-egress";
const SERVER = `- ipBlock:
            cidr: 0.0.0.0/0
            except:
              - 10.42.0.0/16
              - 10.43.0.0/16`;
const SERVICE = `    - to:
        - ipBlock:
            cidr: 10.43.0.1/32
      ports:
        - protocol: TCP
          port: 443
`;

Deno.test("kubernetes-api-egress adds a policy if no rule is for the API", () => {
  const found = onlyFinding({ api: "" });
  assertEquals([found.id, found.severity, found.object], [
    "kubernetes-api-egress",
    "fail",
    "NetworkPolicy analytics-jobs/default-deny",
  ]);
  assertStringIncludes(
    found.fix,
    'the port that "kubectl get endpoints kubernetes" prints, or allow all IPv4 addresses on port ' +
      "6443, if it prints 6443: ",
  );
});

Deno.test("kubernetes-api-egress explains that no selector selects the API server", () => {
  const text = HEALTHY.api.replace(SERVICE, "").replace(SERVER, "- namespaceSelector: {}");
  const found = onlyFinding({ api: text });
  assertEquals([found.id, found.severity, found.object, found.field], [
    "kubernetes-api-egress",
    "fail",
    API,
    "spec.egress[0].to[0].namespaceSelector",
  ]);
  assertStringIncludes(found.problem, "every pod in the cluster and no address outside it");
});

Deno.test("kubernetes-api-egress reports a policy that does not select the driver", () => {
  const found = onlyFinding(edited("api", "spark-role: driver", "spark-role: executor"));
  assertEquals([found.id, found.object, found.field], [
    "kubernetes-api-egress",
    API,
    "spec.podSelector",
  ]);
});

Deno.test("kubernetes-api-egress warns if only the address of the Service is open", () => {
  const [service] = HEALTHY.api.split(`    - to:\n        ${SERVER}`);
  const found = onlyFinding({ api: service! });
  assertEquals([found.id, found.severity], ["kubernetes-api-egress", "warn"]);
  assertStringIncludes(found.fix, '"path":"/spec/egress/-"');
});

Deno.test("kubernetes-api-egress passes if the API server is open and the Service is not", () => {
  assertEquals(judge(manifests(edited("api", SERVICE, ""))).get("kubernetes-api-egress"), {
    examined: "pods of 1 job under 6 policies",
    findings: [],
  });
});

Deno.test("kubernetes-api-egress judges the address in spark.master", () => {
  const job = (address: string) =>
    edited("job", "https://kubernetes.default.svc", `https://${address}`);
  assertEquals(onlyFinding(job("192.0.2.7:7443")).id, "kubernetes-api-egress");
  const { fix } = onlyFinding(job("[2001:db8::7]:7443"));
  assertStringIncludes(fix, '"ipBlock":{"cidr":"2001:db8::7/128"}');
  const outcome = judge(manifests(job("192.0.2.7:6443"))).get("kubernetes-api-egress");
  assertEquals(outcome, { examined: "pods of 1 job under 6 policies", findings: [] });
});

Deno.test("kubernetes-api-egress judges only jobs that request executors", () => {
  const local = edited("job", "k8s://https://kubernetes.default.svc", "local[2]");
  const outcomes = judge(manifests({ ...local, api: "", spark: "" }));
  for (const id of ["kubernetes-api-egress", "driver-executor-traffic"]) {
    assertEquals(outcomes.get(id), {
      notApplicable: "no job requests executors from Kubernetes (1 job read)",
    });
  }
});

/** The policy for the API with one rule for a block on TCP 443, and labels of a managed cluster. */
const on443 = (cidr: string, name = "allow-kubernetes-api-egress") => ({
  api: HEALTHY.api.split("  egress:\n")[0]!.replace("allow-kubernetes-api-egress", name) +
    `  egress: [{ to: [{ ipBlock: { cidr: ${cidr} } }], ports: [{ port: 443 }] }]\n`,
});
const MANAGED = ["eks.amazonaws.com/role-arn", "iam.gke.io/gcp-service-account"];
const account = (annotation: string) => `
apiVersion: v1
kind: ServiceAccount
metadata: { name: spark-jobs, namespace: analytics-jobs, annotations: { ${annotation}: a } }
`;

for (const cidr of ["10.0.0.0/16", "172.16.0.2/32", "192.168.0.0/16"]) {
  Deno.test(`kubernetes-api-egress passes for ${cidr} on TCP 443, and says that 6443 is not checked`, () => {
    const outcomes = judge(manifests(on443(cidr)));
    const outcome = outcomes.get("kubernetes-api-egress")!;
    assertEquals("findings" in outcome && outcome.findings, []);
    assertStringIncludes("examined" in outcome ? outcome.unchecked!.join() : "", "listens on 443");
  });
}

Deno.test("kubernetes-api-egress warns if a rule on TCP 443 is only for the Service or not for the API", () => {
  for (const changes of [on443("10.96.0.1/32"), on443("0.0.0.0/0", "allow-https")]) {
    const outcome = judge(manifests(changes)).get("kubernetes-api-egress")!;
    const found = "findings" in outcome ? outcome.findings : [];
    assertEquals(found.map(({ severity }) => severity), ["warn"]);
  }
});

for (const annotation of MANAGED) {
  Deno.test(`kubernetes-api-egress expects TCP 443 in a cluster with ${annotation}`, () => {
    const more = account(annotation);
    const https = judge(manifests({ ...on443("0.0.0.0/0", "allow-https"), more }));
    for (const id of ["kubernetes-api-egress", "isolation"]) {
      const outcome = https.get(id)!;
      assertEquals("findings" in outcome && outcome.findings, [], id);
    }
    for (const changes of [{ api: "" }, on443("10.100.0.1/32")]) {
      const found = onlyFinding({ ...changes, more });
      assertEquals(found.id, "kubernetes-api-egress");
      assertStringIncludes(found.problem, "TCP 443");
      const after = judge(pasted(manifests({ ...changes, more }), found.fix));
      const outcome = after.get("kubernetes-api-egress")!;
      assertEquals("findings" in outcome && outcome.findings, [], found.fix);
    }
  });
}

for (const port of [8443, 16443]) {
  Deno.test(`kubernetes-api-egress and isolation keep a rule for the API on TCP ${port}, as in some clusters`, () => {
    const outcomes = judge(manifests(edited("api", "port: 6443", `port: ${port}`)));
    for (const id of ["kubernetes-api-egress", "isolation"]) {
      const outcome = outcomes.get(id)!;
      assertEquals("findings" in outcome && outcome.findings, [], id);
    }
  });
}

Deno.test("isolation keeps a rule on another port of API servers if it alone leads a driver to the API", () => {
  const onPort = edited("api", "port: 6443", "port: 8443");
  const egress = (name: string, pods: string, to: string, port: number) =>
    "\n" + policy(
      name,
      `${pods}\n  policyTypes: [Egress]\n  egress: [{ to: [${to}], ports: [{ port: ${port} }] }]`,
    );
  const findingsOf = (more: string) => {
    const outcome = judge(manifests({ ...onPort, more })).get("isolation")!;
    return "findings" in outcome ? outcome.findings.map(({ object }) => object) : undefined;
  };
  // No driver has a policy of other pods.
  const web = "podSelector: { matchLabels: { app: web } }";
  const all = "{ ipBlock: { cidr: 0.0.0.0/0 } }";
  assertEquals(findingsOf(egress("allow-web", web, all, 6443)), []);
  assertEquals(findingsOf(egress("allow-api-too", SPARK_PODS, all, 6443)), [API]);
  // The API server is no pod.
  const pods = "{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: robson } } }";
  const name = "NetworkPolicy analytics-jobs/allow-pods";
  assertEquals(findingsOf(egress("allow-pods", SPARK_PODS, pods, 8443)), [name]);
});

Deno.test("kubernetes-api-egress takes the address of the Service for no API server", () => {
  for (
    const [address, isServer] of [["10.43.0.1", false], ["10.96.0.1", false], ["10.0.0.1", true]]
  ) {
    const text = HEALTHY.api.replace(SERVER, `- ipBlock: { cidr: ${address}/32 }`);
    const outcome = judge(manifests({ api: text })).get("kubernetes-api-egress")!;
    const found = "findings" in outcome ? outcome.findings.map(({ severity }) => severity) : [];
    assertEquals(found.length === 0, isServer, `${address}: ${JSON.stringify(outcome)}`);
  }
});
