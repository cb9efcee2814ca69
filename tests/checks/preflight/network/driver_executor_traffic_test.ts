import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import {
  edited,
  HEALTHY,
  judge,
  manifests,
  onlyFinding,
  policy,
  SPARK_PODS,
} from "../../healthy/connections.ts";

const SPARK = "NetworkPolicy analytics-jobs/allow-driver-executor-traffic";
const JOB = "Job analytics-jobs/bronze-ingest-manual";
const PASS = { examined: "pods of 1 job under 6 policies", findings: [] };

/** The setting that labels the executors like their job. */
const LABEL = "            - --conf=spark.kubernetes.executor.label.app=bronze-ingest\n";

const half = (direction: "ingress" | "egress") =>
  direction === "egress"
    ? HEALTHY.spark.slice(0, HEALTHY.spark.indexOf("  egress:"))
    : HEALTHY.spark.replace(/ {2}ingress:[^]*(?= {2}egress:)/, "");

/** The policy that denies everything. */
const DENY = "NetworkPolicy analytics-jobs/default-deny";

Deno.test("driver-executor-traffic adds one policy if no rule is for Spark", () => {
  const found = onlyFinding({ spark: "" });
  assertEquals([found.id, found.severity, found.object], ["driver-executor-traffic", "fail", DENY]);
  assertStringIncludes(found.fix, '"ports":[{"protocol":"TCP","port":7078},');
});

for (const direction of ["ingress", "egress"] as const) {
  Deno.test(`driver-executor-traffic fails with a rule for ${direction} alone`, () => {
    const left = direction === "ingress" ? half("egress") : half("ingress");
    const found = onlyFinding({ spark: left });
    assertEquals(found.id, "driver-executor-traffic");
    assertStringIncludes(found.problem, direction === "ingress" ? "for egress" : "for ingress");
  });
}

Deno.test("driver-executor-traffic fails with a policy for executors only", () => {
  const found = onlyFinding(edited(
    "spark",
    SPARK_PODS,
    "podSelector: { matchLabels: { spark-role: executor } }",
  ));
  assertEquals([found.id, found.object, found.field], [
    "driver-executor-traffic",
    SPARK,
    "spec.podSelector",
  ]);
});

Deno.test("driver-executor-traffic reports a port of the policy that the job does not use", () => {
  const found = onlyFinding({ spark: HEALTHY.spark.replaceAll("7079", "7080") });
  assertEquals([found.id, found.object, found.field], [
    "driver-executor-traffic",
    SPARK,
    "spec.egress[0].ports",
  ]);
  assertStringIncludes(found.problem, "not TCP 7079");
});

Deno.test("driver-executor-traffic reports a port of the job that the policy does not allow", () => {
  const found = onlyFinding(edited("job", "driver.port=7078", "driver.port=4040"));
  assertEquals([found.id, found.field], ["driver-executor-traffic", "spec.egress[0].ports"]);
  assertStringIncludes(found.problem, "the driver on TCP 4040");
});

Deno.test("driver-executor-traffic alone reports a driver without the label spark-role", () => {
  for (const label of ["", "        spark-role: drvr\n"]) {
    const found = onlyFinding(edited("job", "        spark-role: driver\n", label));
    assertEquals([found.id, found.severity, found.object, found.field], [
      "driver-executor-traffic",
      "fail",
      JOB,
      "spec.template.metadata.labels",
    ]);
    assertStringIncludes(found.problem, "no label spark-role=driver");
    assertStringIncludes(
      found.fixInFiles!,
      "Set spark-role: driver in spec.template.metadata.labels. A",
    );
    assertStringIncludes(found.fix, "delete job bronze-ingest-manual");
  }
});

Deno.test("driver-executor-traffic warns of ports that are not set, because the image may set them", () => {
  const found = onlyFinding({ job: HEALTHY.job.replaceAll(/ +- --conf.*\n/g, "") });
  assertEquals([found.id, found.severity, found.object, found.field], [
    "driver-executor-traffic",
    "warn",
    JOB,
    "spec.template.spec.containers[0].args",
  ]);
  assertStringIncludes(found.fix, "--conf=spark.driver.port=7078");
});

Deno.test("driver-executor-traffic fails without a port of the driver if no random port is open", () => {
  const plain = HEALTHY.job.replace(/image: .*/, "image: apache/spark:3.5.8");
  const without = (key: string) => plain.replace(new RegExp(` +- --conf=${key}=.*\n`, "g"), "");
  const severity = (job: string, spark = HEALTHY.spark) => {
    const outcome = judge(manifests({ job, spark })).get("driver-executor-traffic");
    return outcome !== undefined && "findings" in outcome
      ? outcome.findings.map((each) => `${each.severity}: ${each.problem}`)
      : outcome;
  };
  assertEquals(severity(without("spark.driver.port")), [
    "fail: the job does not set spark.driver.port",
  ]);
  // The driver then uses the port of spark.blockManager.port.
  assertEquals(severity(without("spark.driver.blockManager.port")), []);
  assertEquals(severity(without("spark.blockManager.port")), [
    "warn: the job does not set spark.blockManager.port",
  ]);
  assertEquals(severity(without("(spark.driver.blockManager.port|spark.blockManager.port)")), [
    "fail: the job does not set spark.driver.blockManager.port, spark.blockManager.port",
  ]);
  const open = HEALTHY.spark.replace(/( +)ports:\n(?:\1 +.*\n)+/g, "");
  assertEquals(severity(without("spark.driver.port"), open), []);
});

Deno.test("driver-executor-traffic only warns of a random port if a namespace's labels can open it", () => {
  const job = HEALTHY.job.replace(/image: .*/, "image: apache/spark:3.5.8")
    .replace(/ +- --conf=spark.driver.port=.*\n/, "");
  const peer = "[{ namespaceSelector: { matchLabels: { team: data } } }]";
  const more = policy(
    "team",
    `{ podSelector: {}, ingress: [{ from: ${peer} }], egress: [{ to: ${peer} }] }`,
  );
  const outcome = judge(manifests({ job, more, jobsNamespace: "" })).get("driver-executor-traffic");
  assertEquals(
    outcome !== undefined && "findings" in outcome
      ? outcome.findings.map((each) => `${each.severity}: ${each.problem}`)
      : outcome,
    ["warn: the job does not set spark.driver.port"],
  );
});

Deno.test("driver-executor-traffic reads settings from scripts and mounted files", () => {
  const start = HEALTHY.job.indexOf("          command:");
  const [head, env] = [HEALTHY.job.slice(0, start), HEALTHY.job.slice(HEALTHY.job.indexOf("env:"))];
  const script = `          command: [bash, -c]
          args:
            - |
              exec spark-submit --master "k8s://https://kubernetes.default.svc" \\
                --conf spark.driver.port=7078 -c 'spark.blockManager.port=7079' job.py
          ${env}`;
  assertEquals(judge(manifests({ job: head + script })).get("driver-executor-traffic"), PASS);
  const properties = `
apiVersion: v1
kind: ConfigMap
metadata: { name: spark, namespace: analytics-jobs }
data:
  spark-defaults.conf: |
    spark.master  k8s://https://kubernetes.default.svc
    spark.driver.port  7078
    spark.blockManager.port = 7079
`;
  const mounted = `          command: [spark-submit]
          ${env}        - { name: conf, configMap: { name: spark } }
`;
  const fact = manifests({ job: head + mounted, more: properties });
  assertEquals(judge(fact).get("driver-executor-traffic"), PASS);
});

Deno.test("driver-executor-traffic expects the labels of Spark on the driver in cluster mode", () => {
  const job = HEALTHY.job.replace("--deploy-mode=client", "--deploy-mode=cluster")
    .replace("        spark-role: driver\n", "");
  const outcomes = judge(manifests({ job }));
  assertEquals(outcomes.get("driver-executor-traffic"), PASS);
  assertEquals(outcomes.get("database-egress"), PASS);
  // The Job's own pod then also calls the API, and no policy selects the pod.
  assertStringIncludes(JSON.stringify(outcomes.get("kubernetes-api-egress")), "spec.podSelector");
});

Deno.test("driver-executor-traffic reads the executor labels in the job's settings", () => {
  const outbox = edited(
    "outbox",
    SPARK_PODS,
    "podSelector: { matchLabels: { app: bronze-ingest } }",
  );
  assertEquals(judge(manifests(outbox)).get("database-egress"), PASS);
  const job = HEALTHY.job.replace(LABEL, "");
  assertEquals(onlyFinding({ ...outbox, job }).field, "spec.podSelector");
});

Deno.test("driver-executor-traffic reads the executor labels in a mounted pod template", () => {
  const outbox = edited(
    "outbox",
    SPARK_PODS,
    "podSelector: { matchLabels: { app: bronze-ingest } }",
  );
  const job = HEALTHY.job.replace(LABEL, "");
  const labels = "    kind: Pod\n    metadata: { labels: { app: bronze-ingest } }\n";
  const { template } = edited("template", "    kind: Pod\n", labels);
  const changes = { ...outbox, job, template: template! };
  assertEquals(judge(manifests(changes)).get("database-egress"), PASS);
});

Deno.test("driver-executor-traffic takes the driver's block manager port from the common setting", () => {
  const job = HEALTHY.job.replace(/ +- --conf=spark\.driver\.blockManager\.port=7079\n/, "")
    .replace("spark.blockManager.port=7079", "spark.blockManager.port=7090");
  assertEquals(job.includes("7079"), false);
  const spark = HEALTHY.spark.replaceAll("7079", "7090");
  assertEquals(judge(manifests({ job, spark })).get("driver-executor-traffic"), PASS);
  assertStringIncludes(onlyFinding({ job }).problem, "TCP 7090");
});

Deno.test("driver-executor-traffic fails for a driver that only its own pod reaches", () => {
  const outcomeOf = (setting: string) => {
    const line = "            - --conf=spark.executor.instances=1\n";
    const job = HEALTHY.job.replace("            - --conf=spark.driver.host=$(POD_IP)\n", "")
      .replace(line, `${line}            - --conf=${setting}\n`);
    const outcome = judge(manifests({ job })).get("driver-executor-traffic")!;
    return "findings" in outcome ? outcome.findings.map(({ severity }) => severity) : outcome;
  };
  for (const key of ["spark.driver.bindAddress", "spark.driver.host"]) {
    for (const value of ["127.0.0.1", "localhost", "::1"]) {
      assertEquals(outcomeOf(`${key}=${value}`), ["fail"], `${key}=${value}`);
    }
  }
  for (const value of ["0.0.0.0", "::", "$(POD_IP)"]) {
    assertEquals(outcomeOf(`spark.driver.bindAddress=${value}`), [], value);
  }
});

Deno.test("driver-executor-traffic corrects a port that is wrong in both directions with one fix", () => {
  const spark = HEALTHY.spark.replaceAll("port: 7078", "port: 7087");
  const { fix } = onlyFinding({ spark });
  for (const direction of ["egress", "ingress"]) {
    const step = `"path":"/spec/${direction}/0/ports/-","value":{"protocol":"TCP","port":7078}`;
    assertStringIncludes(fix, step);
  }
  // The rule for the other direction is right.
  const only = onlyFinding(edited("spark", "port: 7078", "port: 7087"));
  assertEquals(only.fix.includes("/spec/egress"), false, only.fix);
});
