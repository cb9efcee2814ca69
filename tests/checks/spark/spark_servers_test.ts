import { assert, assertEquals, assertStringIncludes } from "../../support/assert.ts";
import { FILES, IMAGE, JOB } from "../healthy/manifests.ts";
import { foundWith } from "./whole_preflight.ts";

// Workloads that run a driver of Spark all the time: Spark Connect and the Thrift server.

/** The healthy files without the Job. */
const OTHERS = Object.fromEntries(Object.entries(FILES).filter(([file]) => file !== JOB));

const CONF = [
  "--conf=spark.kubernetes.namespace=analytics-jobs",
  `--conf=spark.kubernetes.container.image=${IMAGE}`,
  "--conf=spark.executor.instances=1",
  "--conf=spark.driver.port=7078",
  "--conf=spark.driver.blockManager.port=7079",
  "--conf=spark.blockManager.port=7079",
  "--conf=spark.kubernetes.executor.podTemplateFile=/opt/templates/pod.yaml",
  "--conf=spark.kubernetes.executor.limit.cores=1",
];

const MASTER = "k8s://https://kubernetes.default.svc";

const server = (command: readonly string[], args: readonly string[], kind = "Deployment") =>
  `apiVersion: apps/v1
kind: ${kind}
metadata: { name: server, namespace: analytics-jobs }
spec:
  selector: { matchLabels: { app: server } }
  template:
    metadata: { labels: { app: server, spark-role: driver } }
    spec:
      serviceAccountName: spark-jobs
      automountServiceAccountToken: true
      nodeSelector: { robson.io/pool: analytics }
      tolerations: [{ key: robson.io/dedicated, operator: Equal, value: analytics, effect: NoSchedule }]
      containers:
        - name: server
          image: ${IMAGE}
          command: ${JSON.stringify(command)}
          args: ${JSON.stringify(args)}
          resources: { requests: { cpu: "1", memory: 2Gi }, limits: { cpu: "1", memory: 2Gi } }
          volumeMounts: [{ name: t, mountPath: /opt/templates }]
      volumes: [{ name: t, configMap: { name: spark-executor-pod } }]
`;

/** The ways to start a server. */
const STARTS: Readonly<Record<string, (conf: readonly string[]) => string>> = {
  "Spark Connect": (conf) =>
    server(["/opt/spark/sbin/start-connect-server.sh"], ["--master", MASTER, ...conf]),
  "the Thrift server": (conf) =>
    server(["bash", "/opt/spark/sbin/start-thriftserver.sh"], [`--master=${MASTER}`, ...conf]),
  "a shell that starts Spark Connect": (conf) =>
    server(["/bin/sh", "-c"], [
      `/opt/spark/sbin/start-connect-server.sh --master ${MASTER} ${
        conf.join(" ")
      } && tail -f /dev/null`,
    ]),
  "the class of Spark Connect": (conf) =>
    server(["/opt/spark/bin/spark-class"], [
      "org.apache.spark.sql.connect.service.SparkConnectServer",
      "--master",
      MASTER,
      ...conf,
    ]),
  "spark-submit with the class of the Thrift server": (conf) =>
    server(["spark-submit"], [
      "--class",
      "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2",
      `--master=${MASTER}`,
      ...conf,
      "spark-internal",
    ]),
};

for (const [name, start] of Object.entries(STARTS)) {
  Deno.test(`preflight judges ${name} as a driver in client mode`, async () => {
    assertEquals(await foundWith(start(CONF), OTHERS), {});
    const without = (key: string) => start(CONF.filter((each) => !each.includes(key)));
    const { rbac } = await foundWith(without("kubernetes.namespace"), OTHERS);
    assertStringIncludes(rbac!.join("\n"), "the job does not set spark.kubernetes.namespace");
    const { "driver-executor-traffic": traffic } = await foundWith(
      without("spark.driver.port"),
      OTHERS,
    );
    assertEquals(traffic, ["the job does not set spark.driver.port"]);
    const many = start(CONF).replaceAll("instances=1", "instances=9");
    const { "quota-fit": quota } = await foundWith(many, OTHERS);
    assertStringIncludes(quota!.join("\n"), "driver 1 + 9 × executor");
    const unlabelled = start(CONF).replace(", spark-role: driver", "");
    const { "driver-executor-traffic": label } = await foundWith(unlabelled, OTHERS);
    assertStringIncludes(label!.join("\n"), "has no label spark-role=driver");
  });
}

Deno.test("preflight judges no Deployment that only connects to Spark Connect", async () => {
  const client = server(["python", "/app/report.py"], ["--remote", "sc://server:15002"]);
  const found = await foundWith(client.replace(IMAGE, "acme/report:1.0.0"), OTHERS);
  assert(!("rbac" in found), JSON.stringify(found));
});

const APPLICATION = `apiVersion: sparkoperator.k8s.io/v1beta2
kind: SparkApplication
metadata: { name: etl }
spec:
  type: Python
  sparkVersion: 3.5.8
  image: ${IMAGE}
  mainApplicationFile: local:///opt/deep-storage/jobs/etl.py
  driver: { cores: 1, memory: 1g, serviceAccount: nobody }
  executor: { instances: 1, cores: 1 }
`;

const workflow = (manifest: string, action = "create") =>
  `apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: { generateName: etl-, namespace: analytics-jobs }
spec:
  entrypoint: submit
  templates:
    - name: submit
      resource:
        action: ${action}
        manifest: |
${manifest.trim().replaceAll(/^(?=.)/gm, "          ")}
`;

Deno.test("preflight judges the object in the manifest of an Argo Workflow", async () => {
  for (const action of ["create", "apply"]) {
    const found = await foundWith(workflow(APPLICATION, action), OTHERS);
    assertEquals(found["service-account"], [
      "there is no service account nobody in the namespace analytics-jobs",
    ]);
  }
  const wrong = await foundWith(
    workflow(APPLICATION.replace("cores: 1, memory", 'cores: "1", memory')),
    OTHERS,
  );
  assertEquals(wrong["manifests-readable"], [
    'cores must be a whole number, but is the string "1"',
  ]);
  const kind = await foundWith(workflow("apiVersion: v1\nkind: SparkJob\nmetadata: { name: a }"));
  assertEquals(kind["manifests-readable"], ["Kubernetes has no kind SparkJob in v1"]);
  const broken = await foundWith(workflow("apiVersion: v1\nkind: [Pod"));
  assertStringIncludes(
    broken["manifests-readable"]!.join("\n"),
    "the manifest of template submit, line 3:",
  );
  const deleted = await foundWith(workflow(APPLICATION, "delete"), OTHERS);
  assertEquals(deleted["service-account"], undefined);
});
