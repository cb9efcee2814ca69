import { refusedFields } from "../../../checks/preflight/manifests/refused_objects.ts";
import { readFile } from "../../../checks/facts/manifests.ts";
import { UNKNOWN_VALUE } from "../../../checks/network_policy/model.ts";
import { readPods } from "../../../checks/network_policy/read_cluster.ts";
import { assert, assertEquals, assertStringIncludes } from "../../support/assert.ts";
import { FILES, IMAGE, JOB } from "../healthy/manifests.ts";
import { foundWith, preflightOf } from "./whole_preflight.ts";

const POOL = `    nodeSelector: { robson.io/pool: analytics }
    tolerations: [{ key: robson.io/dedicated, operator: Equal, value: analytics, effect: NoSchedule }]
`;

const SPEC = `type: Python
mode: cluster
image: ${IMAGE}
mainApplicationFile: local:///opt/deep-storage/jobs/bronze_ingest.py
sparkVersion: 3.5.8
sparkConf:
  spark.blockManager.port: "7079"
driver:
  cores: 1
  coreLimit: "1"
  memory: 1g
  serviceAccount: etl
  labels: { app: bronze-ingest }
${POOL.replaceAll(/^ {2}/gm, "")}executor:
  instances: 1
  cores: 2
  coreLimit: "2"
  memory: 2g
  labels: { app: bronze-ingest }
${POOL.replaceAll(/^ {2}/gm, "")}`;

const indented = (text: string, by: string) =>
  text.split("\n").map((line) => line === "" ? "" : by + line).join("\n");

const APPLICATION = `apiVersion: sparkoperator.k8s.io/v1beta2
kind: SparkApplication
metadata: { name: etl, namespace: analytics-jobs }
spec:
${indented(SPEC, "  ")}`;

const SCHEDULED = `apiVersion: sparkoperator.k8s.io/v1beta2
kind: ScheduledSparkApplication
metadata: { name: etl, namespace: analytics-jobs }
spec:
  schedule: "@daily"
  template:
${indented(SPEC, "    ")}`;

/** The driver's account, which gets its token. */
const ACCOUNT = `
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: etl, namespace: analytics-jobs }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: etl, namespace: analytics-jobs }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: spark-jobs }
subjects: [{ kind: ServiceAccount, name: etl, namespace: analytics-jobs }]
`;

const APACHE = `apiVersion: spark.apache.org/v1
kind: SparkApplication
metadata: { name: etl, namespace: analytics-jobs }
spec:
  runtimeVersions: { sparkVersion: 4.0.0 }
  pyFiles: local:///opt/deep-storage/jobs/bronze_ingest.py
  sparkConf:
    spark.kubernetes.authenticate.driver.serviceAccountName: etl
    spark.kubernetes.container.image: ${IMAGE}
    spark.kubernetes.driver.limit.cores: "1"
    spark.kubernetes.executor.limit.cores: "2"
    spark.executor.cores: "2"
    spark.executor.memory: 2g
    spark.executor.instances: "1"
    spark.blockManager.port: "7079"
  driverSpec:
    podTemplateSpec:
      metadata: { labels: { app: bronze-ingest } }
      spec:
  ${POOL.replaceAll("\n    ", "\n        ").replace(/^ {4}/, "      ")}
  executorSpec:
    podTemplateSpec:
      metadata: { labels: { app: bronze-ingest } }
      spec:
  ${POOL.replaceAll("\n    ", "\n        ").replace(/^ {4}/, "      ")}
`;

/** The healthy files without the Job. */
const OTHERS = Object.fromEntries(Object.entries(FILES).filter(([file]) => file !== JOB));

const KINDS = {
  SparkApplication: APPLICATION,
  ScheduledSparkApplication: SCHEDULED,
  "Apache's SparkApplication": APACHE,
};

for (const [name, yaml] of Object.entries(KINDS)) {
  Deno.test(`preflight passes a healthy ${name}`, async () => {
    assertEquals(await foundWith(yaml + ACCOUNT, OTHERS), {});
    const judged = (await preflightOf({ ...OTHERS, "more.yaml": yaml + ACCOUNT }))
      .filter(({ verdict }) => verdict === "pass").map(({ id }) => id);
    for (
      const id of [
        "image-deps",
        "timestamp-env",
        "node-pool",
        "quota-fit",
        "service-account",
        "rbac",
        "egress-policy",
        "driver-executor-traffic",
      ]
    ) {
      assert(judged.includes(id), `${id} did not judge the ${name}`);
    }
  });
}

/** Changes of the application, and the check and the problem that follow. */
const FAULTS: readonly (readonly [string, string, string, string])[] = [
  ["instances: 1", "instances: 9", "quota-fit", "requests.cpu: driver 1 + 9 × executor 2 = 19"],
  ["memory: 2g", "memory: 2Gi", "quota-fit", "spark.executor.memory=2Gi is not a size"],
  [
    "serviceAccount: etl",
    "serviceAccount: spark",
    "service-account",
    "there is no service account spark",
  ],
  ["  serviceAccount: etl\n", "", "service-account", "default service account"],
  [
    "nodeSelector: { robson.io/pool: analytics }",
    "nodeSelector: {}",
    "node-pool",
    "the job can run on any node",
  ],
  [`image: ${IMAGE}`, "image: ghcr.io/ldamasio/rbs-spark:latest", "image-deps", "is not pinned"],
  ["sparkConf:", "arguments: ['--date=$(JOB_DATE)']\nsparkConf:", "timestamp-env", ""],
  [
    "memory: 1g",
    "memory: 1g\n  env: [{ name: DJANGO_DB_HOST, valueFrom: { secretKeyRef: { name: django-db-credentials, key: NOT } } }]",
    "secret-escaping",
    "has no key NOT",
  ],
];

for (const [from, to, id, problem] of FAULTS) {
  for (
    const [kind, by] of [["SparkApplication", "  "], ["ScheduledSparkApplication", "    "]] as const
  ) {
    Deno.test(`${id} judges a ${kind}: ${to.split("\n").at(-1)!.trim().slice(0, 60) || "no account"}`, async () => {
      assert(SPEC.includes(from));
      const yaml = (kind === "SparkApplication" ? APPLICATION : SCHEDULED)
        .replace(indented(SPEC, by), () => indented(SPEC.replace(from, () => to), by));
      const found = await foundWith(yaml + ACCOUNT, OTHERS);
      assertStringIncludes((found[id] ?? []).join("\n"), problem, JSON.stringify(found));
      assert(id in found, JSON.stringify(found));
    });
  }
}

Deno.test("image-deps wants the agents of Java that a SparkApplication names", async () => {
  const exporter = "prometheus: { jmxExporterJar: /opt/agents/jmx.jar }";
  for (
    const [from, to, path] of [
      ["memory: 2g", "memory: 2g\n  javaOptions: -Xss1m -javaagent:/opt/agents/a.jar=b", "a.jar"],
      [
        "sparkConf:",
        `monitoring: { exposeDriverMetrics: true, ${exporter} }\nsparkConf:`,
        "jmx.jar",
      ],
      [
        "sparkConf:",
        `monitoring: { exposeDriverMetrics: false, ${exporter} }\nsparkConf:`,
        undefined,
      ],
    ] as const
  ) {
    const yaml = APPLICATION.replace(
      indented(SPEC, "  "),
      () => indented(SPEC.replace(from, () => to), "  "),
    );
    const results = await preflightOf({ ...OTHERS, "more.yaml": yaml + ACCOUNT });
    const { notJudged = [] } = results.find(({ id }) => id === "image-deps")!;
    assertEquals(
      notJudged.map(({ reason }) => /\/opt\/agents\/(\S+),/.exec(reason)?.[1]),
      path === undefined ? [] : [path],
    );
  }
});

Deno.test("refusedFields finds wrong types in a SparkApplication", () => {
  const cases = [
    [
      'spark.blockManager.port: "7079"',
      "spark.blockManager.port: 7079",
      "spark.blockManager.port must be a string",
    ],
    ['coreLimit: "1"', "coreLimit: 1", "coreLimit must be a string, but is 1"],
    ["cores: 1", 'cores: "1"', "Remove the quotes: cores: 1"],
    [
      "memory: 1g",
      "memory: 1g\n    env: [{ name: A, value: 5 }]",
      "value must be a string, but is 5",
    ],
    ["labels: { app: bronze-ingest }", "labels: { app: 1 }", "app must be a string, but is 1"],
  ] as const;
  for (const [from, to, expected] of cases) {
    const { objects } = readFile("a.yaml", APPLICATION.replace(from, () => to));
    const [found] = objects.flatMap((each) => refusedFields({ directory: "." }, each));
    assertStringIncludes(`${found?.problem} ${found?.fix}`, expected);
  }
});

Deno.test("readPods knows the labels that the operators set on a driver", () => {
  for (
    const [yaml, key, value] of [
      [APPLICATION, "sparkoperator.k8s.io/app-name", "etl"],
      [APPLICATION, "sparkoperator.k8s.io/submission-id", UNKNOWN_VALUE],
      [APPLICATION, "sparkoperator.k8s.io/launched-by-spark-operator", "true"],
      [SCHEDULED, "sparkoperator.k8s.io/app-name", UNKNOWN_VALUE],
      [APACHE, "spark.operator/spark-app-name", "etl"],
      [APACHE, "spark-role", "driver"],
      [APACHE, "app", "bronze-ingest"],
    ] as const
  ) {
    const [object] = readFile("a.yaml", yaml).objects;
    const [pod] = readPods(object!.value, (path, problem) => assert(false, `${path} ${problem}`));
    assertEquals(pod!.labels.get(key), value);
  }
});

const WORKFLOW = `apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: { name: etl, namespace: analytics-jobs }
spec:
  entrypoint: main
  serviceAccountName: spark-jobs
  templates:
    - name: main
      steps: []
    - name: submit
      container:
        image: ${IMAGE}
        command: [spark-submit, "--master=local[2]", "local:///opt/deep-storage/jobs/etl.py"]
`;

Deno.test("node-pool judges the templates of an Argo Workflow that start Spark", async () => {
  const found = await foundWith(WORKFLOW, OTHERS);
  assertEquals(found["node-pool"]?.length, 2);
});

Deno.test("manifests-readable names the objects that are not judged", async () => {
  const rollout = `apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: { name: etl, namespace: analytics-jobs }
spec: { template: { spec: { containers: [{ name: a, image: a }] } } }
`;
  const cluster =
    "apiVersion: radanalytics.io/v1\nkind: SparkCluster\nmetadata: { name: c }\nspec: {}\n";
  const job = `apiVersion: batch/v1
kind: Job
metadata: { name: clean, namespace: robson }
spec: { template: { spec: { restartPolicy: Never, containers: [{ name: a, image: a, command: [true-command] }] } } }
`;
  const monitor =
    "apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: { name: m }\nspec: { endpoints: [] }\n";
  const results = await preflightOf({
    ...FILES,
    "x.yaml": [rollout, cluster, job, monitor].join("---\n"),
  });
  assertEquals(results.find(({ id }) => id === "manifests-readable")!.notJudged, [
    { object: "Rollout analytics-jobs/etl", reason: "kind is not supported" },
    { object: "SparkCluster c", reason: "kind is not supported" },
    {
      object: "Job robson/clean",
      reason: "it is in the namespace robson, and its command does not call spark-submit",
    },
  ]);
  const own = await preflightOf(FILES);
  assertEquals(own.find(({ id }) => id === "manifests-readable")!.notJudged, undefined);
});

const CLEANUP = (more = "", image = "ghcr.io/acme/cleanup:1.0") => `
apiVersion: batch/v1
kind: CronJob
metadata: { name: cleanup, namespace: analytics-jobs }
spec:
  schedule: "0 3 * * *"
  jobTemplate:
    spec:
      template:
        metadata: { labels: { app: cleanup } }
        spec:
          restartPolicy: Never
          containers: [{ name: cleanup, image: "${image}" }]
${more}`;

Deno.test("preflight names a job if nothing shows whether it runs Spark, and does not judge it", async () => {
  assertEquals(await foundWith(CLEANUP()), {});
  const results = await preflightOf({ ...FILES, "more.yaml": CLEANUP() });
  const { notJudged } = results.find(({ id }) => id === "manifests-readable")!;
  assertEquals(notJudged, [{
    object: "CronJob analytics-jobs/cleanup",
    reason: "nothing shows whether it runs Spark",
  }]);
});

Deno.test("preflight judges a job with a sign of Spark in its labels, account, volumes or image", async () => {
  const signs = [
    CLEANUP().replace("app: cleanup", "spark-role: driver"),
    CLEANUP().replace("name: cleanup,", "name: spark-etl,"),
    CLEANUP("          serviceAccountName: spark-jobs\n"),
    CLEANUP("          volumes: [{ name: t, configMap: { name: spark-templates } }]\n"),
    CLEANUP("", "apache/spark:3.5.3"),
    CLEANUP().replace("image:", 'env: [{ name: OPTS, value: "-Dspark.ui.port=1" }], image:'),
  ];
  for (const yaml of signs) {
    const found = await foundWith(yaml);
    assertEquals([yaml, "node-pool" in found], [yaml, true]);
  }
});

Deno.test("preflight judges a job with the image of a job that runs Spark", async () => {
  const other = `---
apiVersion: batch/v1
kind: Job
metadata: { name: etl, namespace: analytics-jobs }
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{ name: etl, image: "ghcr.io/acme/cleanup:1.0", command: [spark-submit, a.py] }]
`;
  const problems = (await foundWith(CLEANUP() + other))["node-pool"]!;
  assertEquals(problems.filter((each) => each === "the job can run on any node").length, 2);
});
