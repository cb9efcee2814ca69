import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import { edited, HEALTHY, judge, manifests, onlyFinding } from "../../healthy/connections.ts";

const API = "NetworkPolicy analytics-jobs/allow-api";
const BEHIND = "{ ipBlock: { cidr: 0.0.0.0/0, except: [10.42.0.0/16, 10.43.0.0/16] } }";
const SERVICE = `    - to: [{ ipBlock: { cidr: 10.43.0.1/32 } }]\n      ports: [{ port: 443 }]\n`;

Deno.test("without any rule its policy is missing", () => {
  const found = onlyFinding({ api: "" });
  assertEquals([found.id, found.severity, found.object], [
    ...["kubernetes-api-egress", "fail", "Job analytics-jobs/bronze-ingest-manual"],
  ]);
  assertStringIncludes(found.fix, "kubectl get endpoints kubernetes");
});

Deno.test("a selector never means the API server", () => {
  const text = HEALTHY.api.replace(SERVICE, "").replace(BEHIND, "{ namespaceSelector: {} }");
  const found = onlyFinding({ api: text });
  assertEquals([found.id, found.severity, found.object, found.field], [
    ...["kubernetes-api-egress", "fail", API, "spec.egress[0].to[0].namespaceSelector"],
  ]);
  assertStringIncludes(found.problem, "every pod of the cluster and no address outside of it");
});

Deno.test("a policy that does not select the driver", () => {
  const found = onlyFinding(edited("api", "spark-role: driver", "spark-role: executor"));
  assertEquals([found.id, found.object, found.field], [
    ...["kubernetes-api-egress", API, "spec.podSelector"],
  ]);
});

Deno.test("the Service alone is a warning: what is behind it is judged", () => {
  const [service] = HEALTHY.api.split(`    - to: [${BEHIND}`);
  const found = onlyFinding({ api: service! });
  assertEquals([found.id, found.severity], ["kubernetes-api-egress", "warn"]);
  assertStringIncludes(found.fix, '"path":"/spec/egress/-"');
});

Deno.test("what is behind the Service is enough", () => {
  assertEquals(judge(manifests(edited("api", SERVICE, ""))).get("kubernetes-api-egress"), {
    ...{ examined: "pods of 1 job under 6 policies", findings: [] },
  });
});

Deno.test("an address as master is judged as it is", () => {
  const job = (address: string) =>
    edited("job", "https://kubernetes.default.svc", `https://${address}`);
  assertEquals(onlyFinding(job("192.0.2.7:7443")).id, "kubernetes-api-egress");
  const outcome = judge(manifests(job("192.0.2.7:6443"))).get("kubernetes-api-egress");
  assertEquals(outcome, { examined: "pods of 1 job under 6 policies", findings: [] });
});

Deno.test("jobs that ask Kubernetes for nothing do not need its API", () => {
  const local = edited("job", "k8s://https://kubernetes.default.svc", "local[2]");
  const outcomes = judge(manifests({ ...local, api: "", spark: "" }));
  for (const id of ["kubernetes-api-egress", "driver-executor-traffic"]) {
    assertEquals(outcomes.get(id), {
      examined: "pods of 1 job under 4 policies: none asks Kubernetes for executors",
      findings: [],
    });
  }
});
