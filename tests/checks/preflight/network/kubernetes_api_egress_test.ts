import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import { edited, HEALTHY, judge, manifests, onlyFinding } from "../../healthy/connections.ts";

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
    "Job analytics-jobs/bronze-ingest-manual",
  ]);
  assertStringIncludes(found.fix, "kubectl get endpoints kubernetes");
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
