import { readFile } from "../../../checks/facts/manifests.ts";
import { type SparkJob, sparkJobsOf } from "../../../checks/spark/spark_job.ts";
import { assertEquals, assertStringIncludes } from "../../support/assert.ts";
import { jobOf, K8S, map, secret, type Shape } from "./job_yaml.ts";

const MASTER_FROM_SECRET =
  "[{ name: MASTER_URL, valueFrom: { secretKeyRef: { name: spark, key: url } } }]";

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
    ["no master and no executors", { args: ["job.py"] }, { "job.py": "" }, "local", undefined],
    [
      "no master of spark-sql",
      { command: "spark-sql -e", args: ["SELECT 1"] },
      {},
      "local",
      undefined,
    ],
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
        env: MASTER_FROM_SECRET,
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
      "the environment, in a name that the code assigns",
      { args: ["job.py"], env: `[{ name: URL, value: "${K8S}" }]` },
      {
        "job.py":
          `url: str = os.getenv("URL", "local[1]")\nif url == "x":\n  pass\nSparkConf().setMaster(url)\n`,
      },
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
    ["no master, and code in the image", { args: ["/a/job.py"] }, {}, "the code of /a/job.py"],
    [
      "no master, and a jar",
      { args: ["--class=A", "/a.jar"] },
      { "b.py": "" },
      "the code of /a.jar",
    ],
    ["no master, and no file", { args: ["$APP"] }, {}, "the code of its application, which can"],
    [
      "a Secret that the manifests do not have",
      { args: ["--master=$(MASTER_URL)"], env: MASTER_FROM_SECRET },
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
  assertEquals(jobOf({ ...at("/opt/other"), args: ["a.py"] }, { "a.py": "" }).mode, "local");
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

/** A role that lets the jobs' account create pods in the namespace `other`. */
const CREATES_PODS = `apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: pods, namespace: other }
rules: [{ apiGroups: [""], resources: [pods], verbs: [create] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: pods, namespace: other }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: pods }
subjects: [{ kind: ServiceAccount, name: spark-jobs, namespace: analytics-jobs }]
`;

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
    more: CREATES_PODS,
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
  const job = jobOf({ args: ["job.py"], env }, { "job.py": "" });
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
  assertEquals([job.mode, job.master], ["unknown", undefined]);
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

Deno.test("sparkJobsOf counts the executors that dynamic allocation starts with", () => {
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
  assertEquals(dynamic("maxExecutors=9"), 5);
});

Deno.test("sparkJobsOf reads no settings after the application file", () => {
  const shapes: readonly Shape[] = [
    { args: [`--master=${K8S}`, "job.py", "--conf=spark.executor.instances=9"] },
    { args: ["--master", K8S, "local:///job.jar", "--conf", "spark.executor.instances=9"] },
    { args: [`--master=${K8S}`, "job.py", "--properties-file=/mnt/other.conf"] },
    { command: "sh -c", args: [`spark-submit --master ${K8S} job.py --num-executors 9\ntrue`] },
    {
      command: "bash -c",
      args: ['exec spark-submit "$@"', "-", `--master=${K8S}`, "job.py", "--num-executors=9"],
    },
  ];
  for (const shape of shapes) {
    const { settings, unreadProperties } = jobOf(shape);
    assertEquals(
      [shape, settings.get("spark.executor.instances"), unreadProperties],
      [shape, undefined, undefined],
    );
  }
});

Deno.test("sparkJobsOf reads the settings of the whole command if a variable can be the file", () => {
  const shapes: readonly Shape[] = [
    { command: "sh -c", args: [`spark-submit $OPTS --num-executors 9 job.py`] },
    { command: "sh -c", args: [`spark-submit job.py \nspark-submit --num-executors 9 next.py`] },
    { command: "sh -c", args: [`spark-submit \\\n  --verbose --num-executors 9 \\\n  job.py`] },
    { args: ["--conf", "spark.driver.extraJavaOptions=-Xa b", "--num-executors=9", "job.py"] },
    { args: ["--name=my job", "--num-executors=9", "job.py"] },
  ];
  for (const shape of shapes) {
    const { settings } = jobOf(shape);
    assertEquals([shape, settings.get("spark.executor.instances")?.value], [shape, "9"]);
  }
});

Deno.test("sparkJobsOf names a job whose name the API server completes", () => {
  const { objects } = readFile(
    "a.yaml",
    "apiVersion: batch/v1\nkind: Job\nmetadata: { generateName: etl-, namespace: analytics-jobs }\n" +
      "spec: { template: { spec: { containers: [{ name: a, image: a, command: [spark-submit] }] } } }\n",
  );
  assertEquals(sparkJobsOf({ objects, code: [] }).map(({ label }) => label), [
    "Job analytics-jobs/etl-*",
  ]);
});

Deno.test("sparkJobsOf knows no value that the shell of a script computes", () => {
  const memoryOf = (written: string) => {
    const script = `spark-submit --conf spark.executor.memory=${written} a.py`;
    return jobOf({ command: "sh -c", args: [script], env: "[{ name: MEM, value: 2g }]" })
      .settings.get("spark.executor.memory");
  };
  for (
    const written of ["${MEM:-1g}", "${MEM%g}m", "$(cat /memory)", "`cat /memory`", "$((1+1))g"]
  ) {
    assertEquals(memoryOf(written)?.unknown, "the shell computes it", written);
  }
  for (const written of ["2g", "$MEM", "${MEM}", "$(MEM)"]) {
    assertEquals(
      [memoryOf(written)?.value, memoryOf(written)?.unknown],
      ["2g", undefined],
      written,
    );
  }
});

Deno.test("sparkJobsOf reads a whole value with spaces in one argument", () => {
  const key = "spark.executor.extraJavaOptions";
  for (const args of [[`--conf=${key}=-Xss1m -Da=b`], ["--conf", `${key}=-Xss1m -Da=b`]]) {
    assertEquals(jobOf({ args: [...args, "a.py"] }).settings.get(key)?.value, "-Xss1m -Da=b");
  }
});
