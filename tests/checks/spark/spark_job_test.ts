import { readFile } from "../../../checks/facts/manifests.ts";
import { treeOf } from "../../../checks/facts/tree.ts";
import { egressPolicy } from "../../../checks/preflight/network/egress_policy.ts";
import { driverExecutorTraffic } from "../../../checks/preflight/network/driver_executor_traffic.ts";
import { nodePool } from "../../../checks/preflight/capacity/node_pool.ts";
import { imageDeps } from "../../../checks/preflight/image/image_deps.ts";
import { serviceAccount } from "../../../checks/preflight/access/service_account.ts";
import { timestampEnv } from "../../../checks/preflight/code/timestamp_env.ts";
import type { PlatformCheck } from "../../../checks/preflight/platform.ts";
import { quotaFit } from "../../../checks/preflight/capacity/quota_fit.ts";
import { rbac } from "../../../checks/preflight/access/rbac.ts";
import type { SparkJob } from "../../../checks/spark/spark_job.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../../support/assert.ts";
import { ACCESS, FILES } from "../healthy/manifests.ts";
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
      "it comes from Secret analytics-jobs/spark, which is not in the manifests",
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
  Deno.test(`sparkJobsOf reports why a master is unknown: ${name}`, () => {
    const job = jobOf(shape, code);
    assertEquals(job.mode, "unknown");
    assertStringIncludes(job.unknown!, unknown);
  });
}

Deno.test("sparkJobsOf treats an unknown master as Kubernetes if other settings require it", () => {
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

Deno.test("sparkJobsOf reports the source of each value", () => {
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

/** The healthy job without arguments for spark-submit, started by Python. */
const BY_PYTHON = HEALTHY.job
  .replace(/command: \[.*\]/, "command: [python, /opt/jobs/bronze.py]")
  .replace(/ +args:\n(?: +- .*\n)+/, "");

/** The healthy manifests with spark-submit's flags in `PYSPARK_SUBMIT_ARGS`, and without two policies. */
const MOVED = {
  api: "",
  spark: "",
  job: BY_PYTHON.replace(
    / +env:\n/,
    (env) =>
      `${env}            - name: PYSPARK_SUBMIT_ARGS\n` +
      `              value: "--master ${K8S} --num-executors 2 pyspark-shell"\n`,
  ),
};

Deno.test("driver-executor-traffic and rbac count executors of flags in PYSPARK_SUBMIT_ARGS", () => {
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

Deno.test("driver-executor-traffic, rbac and quota-fit are unknown if the master is unknown", () => {
  const job = HEALTHY.job.replace(
    / +args:\n(?: +- .*\n)+/,
    '          args: ["--master=$(MASTER_URL)", job.py]\n',
  );
  const facts = { manifests: manifests({ job }) };
  for (const check of [driverExecutorTraffic, quotaFit, rbac]) {
    assertMatch(JSON.stringify(check.run(facts)), /^\{"unknown":".*MASTER_URL/, check.id);
  }
});

/** The quota and the account of the jobs, which the checks of connections do not read. */
const ACCOUNT_AND_QUOTA = `\n${FILES[ACCESS]}\n---\n${FILES["10-quota.yaml"]}`;

/** The outcome of a check for the healthy manifests with another text in the job. */
function outcomeOf(check: PlatformCheck | typeof imageDeps, from: string | RegExp, to: string) {
  const job = HEALTHY.job.replace(from, () => to);
  assert(job !== HEALTHY.job, String(from));
  return JSON.stringify(check.run({ manifests: manifests({ job, more: ACCOUNT_AND_QUOTA }) }));
}

const FROM_SECRET =
  "            - { name: GIVEN, valueFrom: { secretKeyRef: { name: x, key: y } } }\n          resources:";
const withSecret = (key: string) => (check: PlatformCheck | typeof imageDeps) => {
  const job = HEALTHY.job.replace(new RegExp(`(${key}=)\\S+`), "$1$(GIVEN)")
    .replace("          resources:", () => FROM_SECRET);
  return JSON.stringify(check.run({ manifests: manifests({ job, more: ACCOUNT_AND_QUOTA }) }));
};

Deno.test("quota-fit and image-deps are unknown if a missing Secret contains the value", () => {
  for (
    const key of ["spark.executor.instances", "spark.executor.memory", "executor.request.cores"]
  ) {
    assertMatch(withSecret(key)(quotaFit), /^\{"unknown":".* is not known: .*Secret/, key);
  }
  assertMatch(withSecret("executor.container.image")(imageDeps), /^\{"unknown":".*Secret/);
});

Deno.test("quota-fit fails for an amount that Spark or Kubernetes refuses", () => {
  for (
    const [from, to] of [
      ["spark.executor.memory=2g", "spark.executor.memory=2Gi"],
      ["spark.executor.memory=2g", "spark.executor.memory=1.5g"],
      ["spark.executor.memoryOverhead=512m", "spark.executor.memoryOverhead=512Mi"],
      ["spark.executor.instances=1", "spark.executor.instances=0"],
      ["spark.executor.cores=2", "spark.executor.cores=500m"],
      ["executor.limit.cores=2", "executor.limit.cores=two"],
    ] as const
  ) {
    const outcome = outcomeOf(quotaFit, from, to);
    assertMatch(outcome, /"severity":"fail".* is not a /, to);
    assertStringIncludes(outcome, to);
  }
});

Deno.test("quota-fit counts dynamic allocation, and warns if it has no limit", () => {
  const dynamic = (more: string) =>
    outcomeOf(
      quotaFit,
      "- --conf=spark.executor.instances=1",
      `- --conf=spark.dynamicAllocation.enabled=TRUE${more}`,
    );
  const allocation = (key: string, n: number) =>
    `\n            - --conf=spark.dynamicAllocation.${key}=${n}`;
  assertMatch(dynamic(""), /"severity":"warn".*dynamic allocation has no limit/);
  assertMatch(dynamic(allocation("minExecutors", 50)), /50 × executor/);
  assertMatch(dynamic(allocation("maxExecutors", 50)), /50 × executor/);
  assertMatch(dynamic(allocation("maxExecutors", 1)), /"findings":\[\]/);
});

Deno.test("node-pool fails for a pod template that its ConfigMap lacks, and is unknown for one in the image", () => {
  const run = (parts: Parameters<typeof manifests>[0]) =>
    JSON.stringify(nodePool.run({ manifests: manifests(parts) }));
  const template = HEALTHY.template.replace("pod.yaml: |", "other.yaml: |");
  assertMatch(run({ template }), /"severity":"fail".*does not have the file/);
  assertMatch(run({ template: "" }), /^\{"unknown":".*ConfigMap spark-executor-pod/);
  const job = HEALTHY.job.replace(/podTemplateFile=\S+/, "podTemplateFile=/opt/baked/pod.yaml");
  assertMatch(run({ job }), /^\{"unknown":".*\/opt\/baked\/pod.yaml/);
});

Deno.test("node-pool and service-account judge the driver that Spark creates in cluster mode", () => {
  const cluster = [/--deploy-mode=client/, "--deploy-mode=cluster"] as const;
  assertMatch(outcomeOf(nodePool, ...cluster), /the driver that Spark creates can run on any node/);
  assertMatch(
    outcomeOf(serviceAccount, ...cluster),
    /the driver that Spark creates runs as the namespace's default service account/,
  );
  const account = "--conf=spark.kubernetes.authenticate.driver.serviceAccountName";
  for (const name of ["spark", "other"]) {
    assertMatch(
      outcomeOf(
        serviceAccount,
        cluster[0],
        `--deploy-mode=cluster\n            - ${account}=${name}`,
      ),
      new RegExp(`there is no service account ${name} in the namespace`),
    );
  }
});

Deno.test("image-deps fails if no setting names the image of the executors", () => {
  assertMatch(
    outcomeOf(imageDeps, /executor\.container\.image/, "driver.container.image"),
    /no setting names the image of the executors/,
  );
});

Deno.test("rbac fails if Spark makes the pods in another namespace", () => {
  const namespace = /spark\.kubernetes\.namespace=analytics-jobs/;
  assertMatch(outcomeOf(rbac, namespace, "a.b=c"), /Spark makes its pods in the namespace default/);
  assertMatch(
    outcomeOf(rbac, namespace, "spark.kubernetes.namespace=robson"),
    /Spark makes the job's pods in the namespace robson/,
  );
});

Deno.test("timestamp-env fails for an argument with a variable that the container does not declare", () => {
  const date = (text: string) =>
    outcomeOf(timestampEnv, "- --name=bronze-ingest", `- --name=${text}`);
  assertMatch(date("$(JOB_DATE)"), /"severity":"fail".*\$\(JOB_DATE\)/);
  assertMatch(date("$(date +%F)"), /"severity":"fail".*\$\(date \+%F\)/);
  assertMatch(date("$(POD_NAME)"), /"findings":\[\]/);
  assertMatch(date("$$(JOB_DATE)"), /"findings":\[\]/);
});

const PG_DUMP = `
apiVersion: batch/v1
kind: Job
metadata: { name: dump, namespace: analytics-jobs }
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
        - { name: dump, image: "postgres:16.4", command: [pg_dump], args: [-h, paradedb, rbsdb] }
`;

Deno.test("sparkJobsOf knows a job without Spark, and the checks of Spark do not judge it", () => {
  const beside = { manifests: manifests({ more: `${ACCOUNT_AND_QUOTA}\n---${PG_DUMP}` }) };
  const alone = { manifests: manifests({ job: PG_DUMP }) };
  for (const check of [egressPolicy, driverExecutorTraffic, nodePool, serviceAccount]) {
    assertMatch(JSON.stringify(check.run(beside)), /"findings":\[\]/, check.id);
    assertMatch(JSON.stringify(check.run(alone)), /^\{"notApplicable"/, check.id);
  }
});

for (
  const [name, code, mode, executors] of [
    [
      "a master under a condition, and Kubernetes otherwise",
      `b = SparkSession.builder\nif local:\n    b = b.master("local[*]")\nelse:\n    b = b.master("${K8S}")\n`,
      "client",
      2,
    ],
    [
      "a master under a condition, weaker than the flag",
      `b = SparkSession.builder\nif local:\n    b = b.master("local[*]")\n`,
      "client",
      2,
    ],
    [
      "a master in the main block, which is no condition",
      'if __name__ == "__main__":\n    SparkSession.builder.master("local[*]").getOrCreate()\n',
      "local",
      undefined,
    ],
    [
      "a number in a dictionary",
      'SparkSession.builder.config(map={"spark.executor.instances": 5}).getOrCreate()\n',
      "client",
      5,
    ],
    [
      "keywords in the other order",
      'SparkConf().set(value="5", key="spark.executor.instances")\n',
      "client",
      5,
    ],
    [
      "a setting that the code only reads",
      'spark.conf.get("spark.executor.instances", "9")\n',
      "client",
      2,
    ],
  ] as const
) {
  Deno.test(`sparkJobsOf reads code: ${name}`, () => {
    const job = jobOf({ args: [`--master=${K8S}`, "job.py"] }, { "job.py": code });
    assertEquals([job.mode, job.executor?.count], [mode, executors]);
  });
}

Deno.test("sparkJobsOf does not choose between several values of a constant", () => {
  const code = `M = "local[*]"\nM = "${K8S}"\nSparkSession.builder.master(M).getOrCreate()\n`;
  const job = jobOf({ args: ["job.py"] }, { "job.py": code });
  assertEquals(job.mode, "unknown");
  assertStringIncludes(job.unknown!, "the code sets M to local[*] or k8s://");
});

Deno.test("sparkJobsOf decides between variables and system properties as spark-submit does", () => {
  const env =
    `[{ name: SPARK_SUBMIT_OPTS, value: "-Dspark.master=${K8S} -Dspark.executor.memory=1g" },
    { name: SPARK_EXECUTOR_MEMORY, value: 3g }]`;
  const job = jobOf({ args: ["job.py"], env });
  assertEquals(job.mode, "local");
  assertEquals(job.settings.get("spark.executor.memory")?.value, "3g");
});

Deno.test("sparkJobsOf reads the container that runs Spark, not a sidecar", () => {
  const job = jobOf({
    args: ["job.py"],
    env: "[{ name: S3_ENDPOINT, value: https://a }]",
    pod: `  - name: sidecar
    image: proxy:1
    command: [proxy, --master, redis]
    env: [{ name: S3_ENDPOINT, value: https://b }, { name: MASTER, value: redis }]
`,
  });
  assertEquals([job.mode, job.master], ["local", undefined]);
  assertEquals(job.environment.value("S3_ENDPOINT"), "https://a");
});

Deno.test("sparkJobsOf prefers the template's service account for executors, then the executors' setting", () => {
  const account = (role: string, name: string) =>
    `--conf=spark.kubernetes.authenticate.${role}.serviceAccountName=${name}`;
  const args = [`--master=${K8S}`, account("driver", "of-driver")];
  assertEquals(jobOf({ args }).executor?.account, "of-driver");
  const both = [...args, account("executor", "of-executor")];
  assertEquals(jobOf({ args: both }).executor?.account, "of-executor");
  const templated = jobOf({
    args: [...both, "--conf=spark.kubernetes.executor.podTemplateFile=/t/pod.yaml"],
    container: "volumeMounts: [{ name: t, mountPath: /t }]",
    pod: "volumes: [{ name: t, configMap: { name: t } }]\n",
    more: map("t", '{ pod.yaml: "spec: { serviceAccountName: of-template }" }'),
  });
  assertEquals(templated.executor?.account, "of-template");
});

Deno.test("sparkJobsOf prefers an argument to the same flag in a variable", () => {
  const env = '[{ name: EXTRA_OPTS, value: "--num-executors 9 --conf spark.executor.memory=9g" }]';
  const args = [`--master=${K8S}`, "--num-executors=3"];
  const job = jobOf({ args, env });
  assertEquals(job.executor?.count, 3);
  assertEquals(job.settings.get("spark.executor.memory")?.value, "9g");
});

Deno.test("sparkJobsOf counts the executors that dynamic allocation without a limit starts with", () => {
  const dynamic = (...more: string[]) =>
    jobOf({
      args: [
        `--master=${K8S}`,
        ...["enabled=true", ...more].map((each) => `--conf=spark.dynamicAllocation.${each}`),
        "--num-executors=5",
      ],
    }).executor?.count;
  assertEquals(dynamic(), 5);
  assertEquals(dynamic("initialExecutors=7"), 7);
  assertEquals(dynamic("minExecutors=3"), 5);
  assertEquals(dynamic("maxExecutors=4"), 4);
});
