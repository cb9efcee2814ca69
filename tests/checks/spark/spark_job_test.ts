import { readFile } from "../../../checks/facts/manifests.ts";
import { treeOf } from "../../../checks/facts/tree.ts";
import { driverExecutorTraffic } from "../../../checks/preflight/network/driver_executor_traffic.ts";
import { quotaFit } from "../../../checks/preflight/capacity/quota_fit.ts";
import { rbac } from "../../../checks/preflight/access/rbac.ts";
import type { SparkJob } from "../../../checks/spark/spark_job.ts";
import { assertEquals, assertMatch, assertStringIncludes } from "../../support/assert.ts";
import { HEALTHY, manifests } from "../healthy/connections.ts";

interface Shape {
  readonly command?: string;
  readonly args?: readonly string[];
  readonly env?: string;
  readonly kind?: "Job" | "Pod";
  readonly more?: string;
  readonly pod?: string;
  readonly container?: string;
}

/** The text of one job. */
function yaml(
  { command = "spark-submit", args = [], env = "[]", kind = "Job", pod, container }: Shape,
): string {
  const spec = `
containers:
  - name: driver
    image: rbs-spark:1
    command: ${JSON.stringify(command.split(" "))}
    args: ${JSON.stringify(args)}
    env: ${env}
${container === undefined ? "" : `    ${container}\n`}${pod ?? ""}`;
  const indented = (by: number) => spec.replaceAll("\n", `\n${" ".repeat(by)}`);
  const head = `kind: ${kind}\nmetadata: { name: bronze, namespace: analytics-jobs }\nspec:`;
  return kind === "Pod"
    ? `apiVersion: v1\n${head}${indented(2)}\n`
    : `apiVersion: batch/v1\n${head}\n  template:\n    spec:${indented(6)}\n`;
}

/** The job of a manifest, with code in files beside it. */
function jobOf(shape: Shape, code: Readonly<Record<string, string>> = {}): SparkJob {
  const readings = [
    readFile("job.yaml", [yaml(shape), shape.more ?? ""].filter((each) => each).join("\n---\n")),
    ...Object.entries(code).map(([file, text]) => readFile(file, text)),
  ];
  const { jobs } = treeOf({
    directory: "manifests",
    objects: readings.flatMap(({ objects }) => objects),
    scripts: readings.flatMap(({ scripts }) => scripts),
  });
  assertEquals(jobs.length, 1);
  return jobs[0]!;
}

const K8S = "k8s://https://kubernetes.default.svc";
const secret = (name: string, data: string) =>
  `apiVersion: v1\nkind: Secret\nmetadata: { name: ${name}, namespace: analytics-jobs }\n` +
  `stringData: ${data}\n`;
const map = (name: string, data: string) =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name}, namespace: analytics-jobs }\n` +
  `data: ${data}\n`;
const fromSecret = "[{ name: MASTER_URL, valueFrom: { secretKeyRef: { name: spark, key: url } } }]";

for (
  const [name, shape, code, mode, executors] of [
    ["a flag", { args: [`--master=${K8S}`, "--num-executors=3"] }, {}, "client", 3],
    ["a flag and its value", { args: ["--master", K8S, "--num-executors", "3"] }, {}, "client", 3],
    ["--conf", { args: ["--conf", `spark.master=${K8S}`] }, {}, "client", 2],
    ["cluster mode", { args: [`--master=${K8S}`, "--deploy-mode=cluster"] }, {}, "cluster", 2],
    [
      "a local master",
      { args: ["--master=local[2]", "--num-executors=3"] },
      {},
      "local",
      undefined,
    ],
    ["no master and no executors", { args: ["job.py"] }, {}, "local", undefined],
    ["executors without a master", { args: ["--num-executors=4", "job.py"] }, {}, "client", 4],
    [
      "PYSPARK_SUBMIT_ARGS of a job that Python starts",
      {
        command: "python job.py",
        env:
          `[{ name: PYSPARK_SUBMIT_ARGS, value: "--master ${K8S} --num-executors 5 pyspark-shell" }]`,
      },
      {},
      "client",
      5,
    ],
    [
      "PYSPARK_SUBMIT_ARGS of a job that spark-submit starts, which ignores it",
      {
        args: ["--master=local[1]", "job.py"],
        env: `[{ name: PYSPARK_SUBMIT_ARGS, value: "--master ${K8S} pyspark-shell" }]`,
      },
      {},
      "local",
      undefined,
    ],
    [
      "a variable whose value is in the manifests",
      { args: ["--master=$(URL)"], env: `[{ name: URL, value: "${K8S}" }]` },
      {},
      "client",
      2,
    ],
    [
      "a variable of a Secret in the manifests",
      {
        args: ["--master=$(MASTER_URL)"],
        env: fromSecret,
        more: secret("spark", `{ url: "${K8S}" }`),
      },
      {},
      "client",
      2,
    ],
    [
      "a variable that spark-submit falls back on",
      { args: ["job.py"], env: `[{ name: MASTER, value: "${K8S}" }]` },
      {},
      "client",
      2,
    ],
    [
      "a variable in a script",
      {
        command: "sh -c",
        args: ["exec spark-submit $OPTS job.py"],
        env: `[{ name: OPTS, value: "--master ${K8S} --num-executors 6" }]`,
      },
      {},
      "client",
      6,
    ],
    [
      ".master(…) in the job's file",
      { args: ["job.py"] },
      { "job.py": `SparkSession.builder.master("${K8S}").getOrCreate()\n` },
      "client",
      2,
    ],
    [
      "setMaster in the job's file, with a constant",
      { args: ["job.py"] },
      {
        "job.py":
          `URL = "${K8S}"\nSparkConf().setMaster(URL).setAll([("spark.executor.instances", "7")])\n`,
      },
      "client",
      7,
    ],
    [
      "the environment, read by the job's file",
      { args: ["job.py"], env: `[{ name: URL, value: "${K8S}" }]` },
      { "job.py": `SparkConf().set("spark.master", os.environ["URL"])\n` },
      "client",
      2,
    ],
    [
      "code, which is stronger than a flag",
      { args: [`--master=${K8S}`, "job.py"] },
      { "job.py": 'SparkSession.builder.master("local[2]").getOrCreate()\n' },
      "local",
      undefined,
    ],
    [
      "a flag, which is stronger than --conf",
      { args: [`--master=${K8S}`, "--num-executors=3", "--conf=spark.executor.instances=9"] },
      {},
      "client",
      3,
    ],
    [
      "a system property, which is the weakest",
      {
        args: [`--master=${K8S}`],
        env: '[{ name: SPARK_SUBMIT_OPTS, value: "-Dspark.executor.instances=8" }]',
      },
      {},
      "client",
      8,
    ],
    [
      "a system property in the driver's Java options",
      { args: [`--master=${K8S}`, "--driver-java-options", "-Xmx1g -Dspark.executor.instances=8"] },
      {},
      "client",
      8,
    ],
    ["a bare Pod", { kind: "Pod", args: [`--master=${K8S}`] }, {}, "client", 2],
  ] as const satisfies readonly (readonly [
    string,
    Shape,
    Readonly<Record<string, string>>,
    SparkJob["mode"],
    number | undefined,
  ])[]
) {
  Deno.test(`sparkJobsOf reads the master and the executors: ${name}`, () => {
    const job = jobOf(shape, code);
    assertEquals([job.mode, job.executor?.count], [mode, executors]);
  });
}

for (
  const [name, shape, code, unknown] of [
    [
      "a Secret that the manifests do not have",
      { args: ["--master=$(MASTER_URL)"], env: fromSecret },
      {},
      "it comes from Secret analytics-jobs/spark, which the manifests do not have",
    ],
    [
      "a variable of no container",
      { args: ["--master=$(URL)"] },
      {},
      "no container declares the variable URL",
    ],
    [
      "code that computes it",
      { args: ["job.py"] },
      { "job.py": "SparkSession.builder.master(find_master()).getOrCreate()\n" },
      "the code computes it (find_master())",
    ],
  ] as const satisfies readonly (readonly [
    string,
    Shape,
    Readonly<Record<string, string>>,
    string,
  ])[]
) {
  Deno.test(`sparkJobsOf says why a master is unknown: ${name}`, () => {
    const job = jobOf(shape, code);
    assertEquals(job.mode, "unknown");
    assertStringIncludes(job.unknown!, unknown);
  });
}

Deno.test("sparkJobsOf takes an unknown master for Kubernetes where other settings need it", () => {
  assertEquals(jobOf({ args: ["--master=$(URL)", "--num-executors=2"] }).mode, "client");
});

const MOUNT = "volumeMounts: [{ name: conf, mountPath: /etc/spark }]";
const VOLUME = "volumes: [{ name: conf, configMap: { name: conf } }]\n";
const DEFAULTS = map(
  "conf",
  `{ spark-defaults.conf: "spark.master ${K8S}\\nspark.executor.instances 3\\n" }`,
);

Deno.test("sparkJobsOf reads the spark-defaults.conf of SPARK_CONF_DIR, and of no other folder", () => {
  const shape = { container: MOUNT, pod: VOLUME, more: DEFAULTS };
  const at = (folder: string) => ({
    ...shape,
    env: `[{ name: SPARK_CONF_DIR, value: ${folder} }]`,
  });
  assertEquals(jobOf(at("/etc/spark")).executor?.count, 3);
  assertEquals(jobOf(at("/etc/spark/")).executor?.count, 3);
  assertEquals(jobOf(at("/opt/other")).mode, "local");
  assertEquals(jobOf({ ...shape, args: ["--num-executors=4"] }).executor?.count, 4);
});

Deno.test("sparkJobsOf reads the file of --properties-file in place of spark-defaults.conf", () => {
  const more = map(
    "conf",
    '{ spark-defaults.conf: "spark.executor.instances 3\\n", job.conf: "spark.executor.instances 5\\n" }',
  );
  const args = [`--master=${K8S}`, "--properties-file=/etc/spark/job.conf"];
  assertEquals(jobOf({ args, container: MOUNT, pod: VOLUME, more }).executor?.count, 5);
});

Deno.test("sparkJobsOf says where each value was said, and what else a job has", () => {
  const job = jobOf({
    args: [
      `--master=${K8S}`,
      "--packages=a:b:1,c:d:2",
      "--jars=local:///opt/x.jar",
      "--conf=spark.kubernetes.namespace=other",
      "--conf=spark.kubernetes.executor.label.team=data",
      "--conf=spark.kubernetes.authenticate.executor.serviceAccountName=workers",
      "--conf=spark.kubernetes.container.image=rbs-spark:2",
      "local:///opt/jobs/bronze.py",
    ],
    pod: "serviceAccountName: spark-jobs\n",
  });
  const place = (i: number) => ({
    object: "Job analytics-jobs/bronze",
    field: `spec.template.spec.containers[0].args[${i}]`,
    file: "manifests/job.yaml",
    line: 11,
  });
  assertEquals(job.master?.place, place(0));
  assertEquals([job.packages, job.jars], [["a:b:1", "c:d:2"], ["local:///opt/x.jar"]]);
  assertEquals([job.namespace, job.account, job.executor?.account], [
    "other",
    "spark-jobs",
    "workers",
  ]);
  assertEquals([...job.executor!.labels], [["team", "data"], ["spark-role", "executor"]]);
  assertEquals(job.images.map(({ value }) => value), ["rbs-spark:2"]);
  assertEquals(job.application, { file: "local:///opt/jobs/bronze.py", place: place(7) });
});

/** The healthy manifests with spark-submit's flags in `PYSPARK_SUBMIT_ARGS`, and without two policies. */
const MOVED = {
  api: "",
  spark: "",
  job: HEALTHY.job
    .replace("command: [spark-submit]", "command: [python, /opt/jobs/bronze.py]")
    .replace(/ +args:\n(?: +- .*\n)+/, "")
    .replace(
      "env: [",
      `env: [{ name: PYSPARK_SUBMIT_ARGS, value: "--master ${K8S} --num-executors 2 pyspark-shell" }, `,
    ),
};

Deno.test("driver-executor-traffic and rbac agree that flags in PYSPARK_SUBMIT_ARGS ask for executors", () => {
  const facts = { manifests: manifests(MOVED) };
  for (const check of [driverExecutorTraffic, rbac]) {
    const outcome = check.run(facts);
    assertEquals("findings" in outcome && outcome.findings.length > 0, true, check.id);
  }
  const traffic = driverExecutorTraffic.run(facts);
  assertMatch(
    JSON.stringify(traffic),
    /bronze-ingest-manual and its executors cannot reach the driver/,
  );
});

Deno.test("driver-executor-traffic, rbac and quota-fit are unknown together where the master is", () => {
  const job = HEALTHY.job.replace(`--master=${K8S}`, "--master=$(MASTER_URL)");
  const facts = { manifests: manifests({ job }) };
  for (const check of [driverExecutorTraffic, quotaFit, rbac]) {
    assertMatch(JSON.stringify(check.run(facts)), /^\{"unknown":".*MASTER_URL/, check.id);
  }
});
