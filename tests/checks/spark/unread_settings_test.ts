import { assertEquals, assertStringIncludes } from "../../support/assert.ts";
import { FILES, JOB, JOB_ID } from "../healthy/manifests.ts";
import { preflightOf } from "./whole_preflight.ts";

const APPLICATION = "            - local:///opt/deep-storage/jobs/bronze_ingest.py";

/** The healthy job with other arguments after the deploy mode, and a volume. */
function withArguments(args: readonly string[], mount = "", volume = "", env = "") {
  const text = FILES[JOB]!;
  const start = text.indexOf("            - --conf=spark.kubernetes.namespace=");
  const lines = args.map((each) => `            - ${each}\n`).join("");
  return {
    ...FILES,
    [JOB]: (text.slice(0, start) + lines + text.slice(text.indexOf(APPLICATION)))
      .replace("          volumeMounts:\n", `          volumeMounts:\n${mount}`)
      .replace("      volumes:\n", `      volumes:\n${volume}`)
      .replace("          env:\n", `          env:\n${env}`),
  };
}

const MOUNT = "            - { name: conf, mountPath: /opt/spark/conf }\n";
const volumeOf = (source: string) => `        - { name: conf, ${source} }\n`;
const DOCKERFILE = "image/Dockerfile";

/** The manifests with one more instruction in the Dockerfile. */
const withInstruction = (instruction: string, args: readonly string[] = []) => ({
  ...withArguments(args),
  [DOCKERFILE]:
    `FROM apache/spark:3.5.8\nCOPY jobs/bronze_ingest.py /opt/deep-storage/jobs/\n${instruction}\n`,
});

/** The manifests, and the file that is not read. */
const CASES: readonly (readonly [Readonly<Record<string, string>>, string])[] = [
  [withArguments(["--properties-file=/opt/conf/job.conf"]), "/opt/conf/job.conf"],
  [
    withArguments([], MOUNT, volumeOf("configMap: { name: absent }")),
    "ConfigMap absent",
  ],
  [withArguments([], MOUNT, volumeOf("secret: { secretName: absent }")), "Secret absent"],
  [
    withArguments([], MOUNT, volumeOf("persistentVolumeClaim: { claimName: conf }")),
    "the volume conf",
  ],
  [
    withArguments(
      [],
      "            - { name: conf, mountPath: /etc/x/spark-defaults.conf, subPath: a }\n",
      volumeOf("configMap: { name: absent }"),
      "            - { name: SPARK_CONF_DIR, value: /etc/x/ }\n",
    ),
    "spark-defaults.conf of ConfigMap absent",
  ],
  [
    withInstruction("COPY spark-defaults.conf /opt/spark/conf/"),
    "spark-defaults.conf of the image of manifests/image/Dockerfile",
  ],
  [withInstruction("COPY conf $SPARK_HOME/conf"), "spark-defaults.conf of the image"],
  [
    withInstruction("RUN echo spark.a.b 1 >> /opt/spark/conf/spark-defaults.conf"),
    "spark-defaults.conf of the image",
  ],
];

Deno.test("preflight fails for no missing setting that a file can have which is not read", async () => {
  for (const [files, name] of CASES) {
    const results = await preflightOf(files);
    const findings = results.flatMap(({ findings }) => findings)
      .filter(({ object = "" }) => object.includes("bronze"));
    assertEquals(findings.map(({ problem }) => problem), [], name);
    for (const id of ["rbac", "node-pool", "driver-executor-traffic"]) {
      const { verdict, reason = "" } = results.find((each) => each.id === id)!;
      assertEquals([id, verdict], [id, "error"], name);
      assertStringIncludes(reason, name);
    }
  }
});

Deno.test("driver-executor-traffic names the file that can set the ports of a job", async () => {
  const set = ["container.image=apache/spark:3.5.8", "namespace=analytics-jobs"]
    .map((each) => `--conf=spark.kubernetes.${each}`);
  const blocks = "--conf=spark.blockManager.port=7079";
  const ports = ["--conf=spark.driver.port=7078", blocks];
  const unread = "--properties-file=/opt/etl.conf";
  const all = "spark.driver.port, spark.driver.blockManager.port, spark.blockManager.port";
  const cases: readonly (readonly [string[], string, string?])[] = [
    [[unread, ...set], "error", `${all} of ${JOB_ID}, which /opt/etl.conf can set`],
    [[unread, ...set, blocks], "error", `spark.driver.port of ${JOB_ID}, which /opt/etl.conf`],
    [[unread, ...set, ...ports], "pass"],
    [set, "warn"],
  ];
  for (const [args, verdict, named = ""] of cases) {
    const results = await preflightOf(withArguments(args));
    const result = results.find(({ id }) => id === "driver-executor-traffic")!;
    assertEquals(result.verdict, verdict, args.join(" "));
    assertStringIncludes(result.reason ?? "", named);
  }
});

Deno.test("egress-policy names a file that can set the endpoint, beside a variable of unknown value", async () => {
  const files = withArguments(
    ["--conf=spark.kubernetes.container.image=apache/spark:3.5.8"],
    "            - { name: conf, mountPath: /opt/hadoop/conf }\n",
    volumeOf("configMap: { name: absent }"),
    "            - { name: HADOOP_CONF_DIR, value: /opt/hadoop/conf }\n",
  );
  const known = "name: contabo-s3-credentials\n                  key: S3_ENDPOINT";
  assertStringIncludes(files[JOB]!, known);
  const absent = {
    ...files,
    [JOB]: files[JOB]!.replace(known, "name: absent\n                  key: S3_ENDPOINT"),
  };
  const cases = [
    [absent, "error", "ConfigMap absent can have the file core-site.xml"],
    [files, "pass", ""],
  ] as const;
  for (const [changed, verdict, named] of cases) {
    const results = await preflightOf(changed);
    const result = results.find(({ id }) => id === "egress-policy")!;
    assertEquals(result.verdict, verdict);
    assertStringIncludes(result.reason ?? "", named);
  }
});

Deno.test("preflight judges what the other sources set, beside a file that is not read", async () => {
  const files = withArguments([
    "--properties-file=/opt/conf/job.conf",
    "--conf=spark.kubernetes.container.image=apache/spark:3.5.8",
    "--conf=spark.executor.memory=40g",
  ]);
  const results = await preflightOf(files);
  const problems = results.flatMap(({ id, findings }) =>
    findings.filter(({ severity }) => severity === "fail").map(() => id)
  );
  assertEquals([...new Set(problems)], ["image-deps", "quota-fit"]);
});

Deno.test("preflight judges missing settings if no file can have them", async () => {
  for (
    const files of [
      withArguments([]),
      withInstruction("COPY log4j2.properties /opt/spark/conf/"),
      withInstruction("RUN cat /opt/spark/conf/spark-defaults.conf.template"),
      withArguments([], MOUNT, volumeOf("emptyDir: {}")),
    ]
  ) {
    const results = await preflightOf(files);
    const failed = results.filter(({ verdict }) => verdict === "fail").map(({ id }) => id);
    assertEquals(failed.filter((id) => id === "rbac" || id === "node-pool"), ["node-pool", "rbac"]);
  }
});
