import { notJudgedAmong } from "../../../checks/preflight/manifests/not_judged.ts";
import { readFile } from "../../../checks/facts/manifests.ts";
import { podId } from "../../../checks/network_policy/model.ts";
import { readCluster } from "../../../checks/network_policy/read_cluster.ts";
import { assert, assertEquals, assertStringIncludes } from "../../support/assert.ts";
import { FILES, IMAGE, JOB } from "../healthy/manifests.ts";
import { foundWith } from "./whole_preflight.ts";

// The connections of objects that create several kinds of pods.

/** The healthy files without the Job. */
const OTHERS = Object.fromEntries(Object.entries(FILES).filter(([file]) => file !== JOB));

const POD = `serviceAccountName: spark-jobs
nodeSelector: { robson.io/pool: analytics }
tolerations: [{ key: robson.io/dedicated, operator: Equal, value: analytics, effect: NoSchedule }]
`;

const RESOURCES =
  'resources: { requests: { cpu: "1", memory: 2Gi }, limits: { cpu: "1", memory: 2Gi } }';

const indented = (text: string, by: number) => text.replaceAll(/^(?=.)/gm, " ".repeat(by));

const role = (name: string) =>
  `  ${name}Spec:
    ${name}StatefulSetSpec:
      template:
        metadata: { labels: { app: shared } }
        spec:
${indented(POD, 10)}          containers: [{ name: ${name}, ${RESOURCES} }]
`;

const CLUSTER = `apiVersion: spark.apache.org/v1
kind: SparkCluster
metadata: { name: shared, namespace: analytics-jobs }
spec:
  runtimeVersions: { sparkVersion: 4.0.0 }
  clusterTolerations: { instanceConfig: { initWorkers: 1, minWorkers: 1, maxWorkers: 2 } }
${role("master")}${role("worker")}  sparkConf:
    spark.kubernetes.container.image: ${IMAGE}
`;

/** The policies of the pods of the cluster, and of drivers that use it. */
const CLUSTER_POLICIES = `---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: allow-worker-s3-egress, namespace: analytics-jobs }
spec:
  podSelector: { matchLabels: { spark-role: worker } }
  policyTypes: [Egress]
  egress: [{ to: [{ ipBlock: { cidr: 0.0.0.0/0, except: [10.0.0.0/8, 100.64.0.0/10, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16] } }], ports: [{ port: 443 }] }]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: allow-master-egress, namespace: analytics-jobs }
spec:
  podSelector: { matchExpressions: [{ key: spark-role, operator: In, values: [worker, driver] }] }
  policyTypes: [Egress]
  egress: [{ to: [{ podSelector: { matchLabels: { spark-role: master } } }], ports: [{ port: 7077 }] }]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: allow-master-ingress, namespace: analytics-jobs }
spec:
  podSelector: { matchLabels: { spark.operator/spark-cluster-name: shared, spark-role: master } }
  policyTypes: [Ingress]
  ingress:
    - from: [{ podSelector: { matchExpressions: [{ key: spark-role, operator: In, values: [worker, driver] }] } }]
      ports: [{ port: 7077 }]
`;

Deno.test("preflight passes a SparkCluster whose policies allow what its pods need", async () => {
  assertEquals(await foundWith(CLUSTER + CLUSTER_POLICIES, OTHERS), {});
  assertEquals(notJudgedAmong(readFile("a.yaml", CLUSTER).objects), []);
});

const driver = (more: string) =>
  `---
apiVersion: batch/v1
kind: Job
metadata: { name: client, namespace: analytics-jobs }
spec:
  template:
    metadata: { labels: { spark-role: driver } }
    spec:
      restartPolicy: Never
${indented(POD, 6)}      containers:
        - name: main
          image: ${IMAGE}
          command: [spark-submit, --master, "spark://shared-master-svc:7077"${more}, "local:///opt/deep-storage/jobs/etl.py"]
          ${RESOURCES}
`;

const PORTS = ", --conf=spark.driver.port=7078, --conf=spark.driver.blockManager.port=7079";

/** A policy of the drivers that accepts workers. */
const DRIVER_POLICY = `---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: allow-worker-to-driver, namespace: analytics-jobs }
spec:
  podSelector: { matchExpressions: [{ key: spark-role, operator: In, values: [worker, driver] }] }
  policyTypes: [Ingress, Egress]
  ingress: [{ from: [{ podSelector: { matchLabels: { spark-role: worker } } }], ports: [{ port: 7078, endPort: 7079 }] }]
  egress: [{ to: [{ podSelector: { matchLabels: { spark-role: driver } } }], ports: [{ port: 7078, endPort: 7079 }] }]
`;

/** One change of the healthy cluster, the check that fails, and a part of its problem. */
const CLUSTER_FAULTS: Readonly<Record<string, readonly [string, string, string, string]>> = {
  "the workers may not open a connection to the master": [
    "values: [worker, driver] }] }\n  policyTypes: [Egress]",
    "values: [driver] }] }\n  policyTypes: [Egress]",
    "driver-executor-traffic",
    "the workers of SparkCluster analytics-jobs/shared cannot reach the master on TCP 7077",
  ],
  "the master accepts no worker": [
    "from: [{ podSelector: { matchExpressions: [{ key: spark-role, operator: In, values: [worker, driver] }] } }]",
    "from: [{ podSelector: { matchLabels: { app: other } } }]",
    "driver-executor-traffic",
    "the workers of SparkCluster analytics-jobs/shared cannot reach the master on TCP 7077",
  ],
  "the master accepts workers at another port": [
    "      ports: [{ port: 7077 }]",
    "      ports: [{ port: 7070 }]",
    "driver-executor-traffic",
    "the rule allows only TCP 7070, not TCP 7077",
  ],
  "a policy selects another cluster": [
    "spark-cluster-name: shared",
    "spark-cluster-name: other",
    "driver-executor-traffic",
    "cannot reach the master on TCP 7077",
  ],
  "the policy for the store selects other pods": [
    "podSelector: { matchLabels: { spark-role: worker } }\n  policyTypes: [Egress]",
    "podSelector: { matchLabels: { app: other } }\n  policyTypes: [Egress]",
    "egress-policy",
    "the workers of SparkCluster analytics-jobs/shared cannot reach the object store",
  ],
  "the workers use the network of their nodes": [
    "containers: [{ name: worker,",
    "hostNetwork: true\n          containers: [{ name: worker,",
    "isolation",
    "the pod uses its node's network, where no policy applies",
  ],
  "the workers are kept from DNS": [
    "dnsPolicy-is-absent",
    "",
    "dns-egress",
    "the workers of SparkCluster analytics-jobs/shared cannot reach the cluster's DNS",
  ],
};

for (const [name, [from, to, id, problem]] of Object.entries(CLUSTER_FAULTS)) {
  Deno.test(`${id} fails for a SparkCluster if ${name}`, async () => {
    const isDns = id === "dns-egress";
    const yaml = CLUSTER + CLUSTER_POLICIES;
    assert(isDns || yaml.includes(from), from);
    const changed = isDns ? yaml : yaml.replace(from, () => to);
    const files = isDns
      ? Object.fromEntries(
        Object.entries(OTHERS).map(([file, text]) => [
          file,
          text.replace(
            "  name: allow-dns-egress\n  namespace: analytics-jobs\nspec:\n  podSelector: {}",
            "  name: allow-dns-egress\n  namespace: analytics-jobs\nspec:\n  podSelector: { matchLabels: { spark-role: driver } }",
          ),
        ]),
      )
      : OTHERS;
    const found = await foundWith(changed, files);
    assertStringIncludes((found[id] ?? []).join("\n"), problem, JSON.stringify(found));
  });
}

Deno.test("driver-executor-traffic judges a driver that uses a SparkCluster", async () => {
  const allowed = CLUSTER + CLUSTER_POLICIES + DRIVER_POLICY;
  for (const more of ["", PORTS]) {
    const found = await foundWith(allowed + driver(more), OTHERS);
    assertEquals(found["driver-executor-traffic"], undefined);
  }
  // Executors run in the pods of the workers, and exchange blocks with each other and the driver.
  const blocks = `${PORTS}, --conf=spark.blockManager.port=7090`;
  const unopened = await foundWith(allowed + driver(blocks), OTHERS);
  assertStringIncludes(
    unopened["driver-executor-traffic"]!.join("\n"),
    "cannot reach the workers on TCP 7090",
  );
  const closed = await foundWith(
    (allowed + driver(PORTS)).replaceAll("values: [worker, driver]", "values: [worker]"),
    OTHERS,
  );
  const problems = closed["driver-executor-traffic"]!.join("\n");
  assertStringIncludes(
    problems,
    "Job analytics-jobs/client cannot reach the master on TCP 7077",
  );
  assertStringIncludes(
    problems,
    "the workers of SparkCluster analytics-jobs/shared cannot reach the driver on TCP 7078 and TCP 7079",
  );
});

const submit = (more = "") =>
  `[spark-submit, "--master=k8s://https://kubernetes.default.svc", --deploy-mode=client, --conf=spark.kubernetes.namespace=analytics-jobs, --conf=spark.kubernetes.container.image=${IMAGE}, --conf=spark.executor.instances=1, --conf=spark.driver.port=7078, --conf=spark.driver.blockManager.port=7079, --conf=spark.blockManager.port=7079, --conf=spark.kubernetes.executor.podTemplateFile=/opt/templates/pod.yaml, --conf=spark.kubernetes.executor.limit.cores=1${more}, "local:///opt/deep-storage/jobs/etl.py"]`;

const WORKFLOW = `apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: { name: etl, namespace: analytics-jobs }
spec:
  entrypoint: main
${indented(POD, 2)}  volumes: [{ name: t, configMap: { name: spark-executor-pod } }]
  templates:
    - name: main
      dag: { tasks: [{ name: a, template: bronze }, { name: b, template: report }] }
    - name: bronze
      metadata: { labels: { spark-role: driver, team: "{{workflow.parameters.team}}" } }
      container:
        image: ${IMAGE}
        ${RESOURCES}
        volumeMounts: [{ name: t, mountPath: /opt/templates }]
        command: ${submit()}
    - name: report
      metadata: { labels: { app: report } }
      container: { image: "curlimages/curl:8.1.0", command: [curl, "https://example.com"] }
`;

const NETWORK_CHECKS = [
  "egress-policy",
  "dns-egress",
  "database-egress",
  "kubernetes-api-egress",
  "driver-executor-traffic",
  "isolation",
];

/** The findings of the checks of connections. */
async function connections(yaml: string): Promise<string> {
  const found = await foundWith(yaml, OTHERS);
  return NETWORK_CHECKS.flatMap((id) => (found[id] ?? []).map((text) => `${id}: ${text}`))
    .join("\n");
}

Deno.test("the checks of connections pass an Argo Workflow template with the driver's label", async () => {
  assertEquals(await connections(WORKFLOW), "");
});

/** Changes of the healthy workflow, and the findings. */
const WORKFLOW_FAULTS: Readonly<Record<string, readonly [string, string, string]>> = {
  "a driver without label": [
    "spark-role: driver, ",
    "",
    "driver-executor-traffic: the job's pod is a driver and has no label spark-role=driver",
  ],
  "another port of the driver": [
    "spark.driver.port=7078",
    "spark.driver.port=7999",
    "driver-executor-traffic: the rule allows only TCP 7078, TCP 7079",
  ],
  "the network of the node": [
    "  entrypoint: main",
    "  entrypoint: main\n  hostNetwork: true",
    "isolation: the pod uses its node's network",
  ],
  "a private store": [
    "        volumeMounts:",
    '        env: [{ name: S3_ENDPOINT, value: "http://192.168.4.4:9000" }]\n        volumeMounts:',
    "egress-policy: ",
  ],
  "a database at another port": [
    "        volumeMounts:",
    '        env: [{ name: DJANGO_DB_HOST, value: paradedb.robson.svc }, { name: DJANGO_DB_PORT, value: "6000" }]\n        volumeMounts:',
    "database-egress: ",
  ],
  "a name server outside the cluster": [
    "  entrypoint: main",
    "  entrypoint: main\n  dnsPolicy: None\n  dnsConfig: { nameservers: [192.168.1.1] }",
    "dns-egress: ",
  ],
};

for (const [name, [from, to, expected]] of Object.entries(WORKFLOW_FAULTS)) {
  for (const kind of ["WorkflowTemplate", "CronWorkflow"]) {
    Deno.test(`the checks of connections judge a ${kind} with ${name}`, async () => {
      assert(WORKFLOW.includes(from));
      const changed = WORKFLOW.replace(from, () => to);
      const [head, body] = changed.split("spec:\n  entrypoint");
      const yaml = kind === "CronWorkflow"
        ? `${
          head!.replace("WorkflowTemplate", kind)
        }spec:\n  schedule: "0 3 * * *"\n  workflowSpec:\n${indented(`  entrypoint${body}`, 2)}`
        : changed;
      assertStringIncludes(await connections(yaml), expected);
    });
  }
}

Deno.test("notJudgedAmong names a ClusterWorkflowTemplate, which has no namespace", () => {
  const yaml = WORKFLOW.replace("WorkflowTemplate", "ClusterWorkflowTemplate")
    .replace(", namespace: analytics-jobs", "");
  assertEquals(notJudgedAmong(readFile("a.yaml", yaml).objects), [{
    object: "ClusterWorkflowTemplate etl",
    reason: "it has no namespace, so its connections are not judged",
  }]);
});

const APPLICATION = `apiVersion: sparkoperator.k8s.io/v1beta2
kind: SparkApplication
metadata: { name: etl, namespace: analytics-jobs }
spec:
  type: Python
  sparkConf: { spark.kubernetes.driver.label.team: a, spark.kubernetes.executor.label.team: b }
  driver: { labels: { app: etl } }
  executor: { labels: { app: worker } }
`;

const APACHE = `apiVersion: spark.apache.org/v1
kind: SparkApplication
metadata: { name: etl, namespace: analytics-jobs }
spec:
  pyFiles: local:///a.py
  driverSpec: { podTemplateSpec: { metadata: { labels: { app: etl } } } }
  executorSpec: { podTemplateSpec: { metadata: { labels: { app: worker } } } }
  sparkConf: { spark.kubernetes.driver.label.team: a, spark.kubernetes.executor.label.team: b }
`;

Deno.test("readCluster reads each pod of an object with several", () => {
  const ids = (yaml: string) =>
    readCluster(readFile("a.yaml", yaml).objects.map(({ value }) => ({ value }))).cluster.pods;
  assertEquals(ids(CLUSTER).map(podId), [
    "analytics-jobs/SparkCluster/shared (master)",
    "analytics-jobs/SparkCluster/shared (workers)",
  ]);
  assertEquals(ids(CLUSTER).map(({ several }) => several), [false, true]);
  assertEquals(ids(WORKFLOW).map(podId), [
    "analytics-jobs/WorkflowTemplate/etl (template bronze)",
    "analytics-jobs/WorkflowTemplate/etl (template report)",
  ]);
  const [bronze] = ids(WORKFLOW);
  assertEquals(bronze!.labels.get("team"), "?");
  assertEquals(bronze!.labels.get("workflows.argoproj.io/workflow"), "?");
  for (const yaml of [APPLICATION, APACHE]) {
    const pods = ids(yaml);
    assertEquals(pods.map(podId), [
      "analytics-jobs/SparkApplication/etl (driver)",
      "analytics-jobs/SparkApplication/etl (executors)",
    ]);
    const labels = pods.map(({ labels }) =>
      ["app", "spark-role", "team"].map((key) => labels.get(key)).join()
    );
    assertEquals(labels, ["etl,driver,a", "worker,executor,b"]);
    assertEquals(pods.map(({ several }) => several), [false, true]);
  }
  assertEquals(ids(APPLICATION)[0]!.ports.map(({ name }) => name), [
    "driver-rpc-port",
    "blockmanager",
    "spark-ui",
  ]);
});
