import type { Result } from "../../../checks/finding.ts";
import { assertEquals, assertStringIncludes } from "../../support/assert.ts";
import { preflightOf } from "./whole_preflight.ts";

/** The findings of all checks, each with its severity, place and problem. */
async function foundIn(files: Readonly<Record<string, string>>): Promise<Record<string, string[]>> {
  const results = await preflightOf(files);
  return Object.fromEntries(
    results.filter(({ findings }) => findings.length > 0).map(({ id, findings }) => [
      id,
      findings.map(({ severity, field, problem }) => `${severity} ${field}: ${problem}`),
    ]),
  );
}

async function resultOf(id: string, files: Readonly<Record<string, string>>): Promise<Result> {
  return (await preflightOf(files)).find((each) => each.id === id)!;
}

const PI = `apiVersion: sparkoperator.k8s.io/v1beta2
kind: SparkApplication
metadata: { name: pi, namespace: etl }
spec:
  type: Scala
  mode: cluster
  image: apache/spark:4.0.1
  mainClass: org.apache.spark.examples.SparkPi
  mainApplicationFile: local:///opt/spark/examples/jars/spark-examples.jar
  sparkVersion: 4.0.1
  driver: { cores: 1, memory: 512m, serviceAccount: operator-spark }
  executor: { cores: 1, instances: 1, memory: 512m }
`;

const APACHE_PI = `apiVersion: spark.apache.org/v1
kind: SparkApplication
metadata: { name: pi }
spec:
  mainClass: org.apache.spark.examples.SparkPi
  jars: local:///opt/spark/examples/jars/spark-examples.jar
  sparkConf:
    spark.kubernetes.authenticate.driver.serviceAccountName: spark
    spark.kubernetes.container.image: apache/spark:{{SPARK_VERSION}}
  runtimeVersions: { sparkVersion: 4.0.1 }
`;

const PLAIN = "apache/spark:4.0.1 is plain Spark";

/** All jobs are in another namespace than the project's, so most checks judge nothing. */
const ELSEWHERE = {
  "manifests-readable": [
    "warn metadata.namespace: 1 job of the manifests is in the namespace etl, and no job is in " +
    "analytics-jobs, which is jobs.namespace of the default project",
  ],
};

Deno.test("preflight finds only the other namespace in an example of Spark of another project", async () => {
  assertEquals(await foundIn({ "pi.yaml": PI }), ELSEWHERE);
  assertEquals(await foundIn({ "pi.yaml": APACHE_PI }), {});
  assertEquals((await resultOf("manifests-readable", { "pi.yaml": APACHE_PI })).verdict, "pass");
});

Deno.test("preflight names the accounts and the pool that it does not check", async () => {
  const account = await resultOf("service-account", { "pi.yaml": PI });
  assertEquals([account.verdict, account.reason], [
    "not-applicable",
    "not in the manifests, so not checked: etl/operator-spark",
  ]);
  const rbac = await resultOf("rbac", { "pi.yaml": PI });
  assertEquals(rbac.verdict, "not-applicable");
  assertStringIncludes(rbac.reason!, "etl/operator-spark");
  const pool = await resultOf("node-pool", { "pi.yaml": PI });
  assertEquals(pool.verdict, "not-applicable");
  assertStringIncludes(pool.reason!, "no job names robson.io/pool");
});

Deno.test("node-pool judges a job that names the pool, also without the jobs' namespace", async () => {
  const pinned = PI.replace("driver: {", "driver: { nodeSelector: { robson.io/pool: analytics },");
  const found = await foundIn({ "pi.yaml": pinned });
  assertEquals(found["node-pool"]?.length, 3);
});

Deno.test("service-account fails once if the manifests have other accounts of the namespace", async () => {
  const account =
    "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: { name: other, namespace: etl }\n";
  const found = await foundIn({ "pi.yaml": PI + account });
  assertEquals(found["service-account"], [
    "fail spec.driver.serviceAccount: there is no service account operator-spark in the namespace etl",
  ]);
  assertEquals(found.rbac, [
    "fail spec.driver.serviceAccount: no role is bound to the service account operator-spark in etl",
  ]);
});

Deno.test("image-deps fails once for plain Spark if the job names a bucket or a database", async () => {
  for (
    const more of [
      '  arguments: ["s3a://lake/day"]\n',
      "  sparkConf: { spark.hadoop.fs.s3a.endpoint: http://minio:9000 }\n",
      '  sparkConf: { spark.app.source: "jdbc:postgresql://db/a" }\n',
    ]
  ) {
    const result = await resultOf("image-deps", { "pi.yaml": PI + more });
    assertEquals(result.findings.map(({ field, problem }) => [field, problem]), [
      ["spec.image", PLAIN],
    ]);
    assertStringIncludes(result.findings[0]!.fix!, "use the result: image: ");
  }
});

Deno.test("image-deps suggests a release of the image that is not pinned", async () => {
  const yaml = PI.replace("apache/spark:4.0.1", "quay.io/acme/etl:latest");
  const { findings } = await resultOf("image-deps", { "pi.yaml": yaml });
  assertEquals(findings.map(({ fix }) => fix), [
    "Pin a release or a digest: image: quay.io/acme/etl:<release>",
  ]);
});

Deno.test("image-deps warns of packages where no policy closes the network, and fails otherwise", async () => {
  const yaml = `${PI}  deps: { packages: ["org.apache.hadoop:hadoop-aws:3.4.1"] }
  sparkConf: { spark.hadoop.fs.s3a.endpoint: "http://minio:9000", spark.jars.ivy: /tmp/.ivy2 }
`;
  const problem = "spec.deps.packages: spark.jars.packages makes the job download jars when it " +
    "starts (org.apache.hadoop:hadoop-aws:3.4.1)";
  assertEquals((await foundIn({ "pi.yaml": yaml }))["image-deps"], [`warn ${problem}`]);
  const policy = `---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: none, namespace: etl }
spec: { podSelector: {}, policyTypes: [Egress] }
`;
  assertEquals((await foundIn({ "pi.yaml": yaml + policy }))["image-deps"], [
    `fail spec.image: ${PLAIN}`,
    `fail ${problem}`,
  ]);
});

Deno.test("image-deps finds files of a SparkApplication that Spark downloads", async () => {
  for (
    const [field, key] of [
      ["jars", "spark.jars"],
      ["pyFiles", "spark.submit.pyFiles"],
      ["files", "spark.files"],
      ["archives", "spark.archives"],
    ] as const
  ) {
    const yaml = `${PI}  deps: { ${field}: ["https://example.com/a.zip"] }\n`;
    const kind = field === "jars" ? "jars" : "files";
    assertEquals((await foundIn({ "pi.yaml": yaml }))["image-deps"], [
      `warn spec.deps.${field}: ${key} makes the job download ${kind} when it starts (https://example.com/a.zip)`,
    ]);
  }
});

Deno.test("image-deps suggests a setting if a SparkApplication names no image", async () => {
  const yaml = PI.replace("  image: apache/spark:4.0.1\n", "");
  const { findings } = await resultOf("image-deps", { "pi.yaml": yaml });
  assertStringIncludes(
    findings.map(({ fix }) => fix).join("\n"),
    "Add to sparkConf: spark.kubernetes.container.image: ",
  );
});

Deno.test("manifests-readable knows the versions of each kind of the Spark operator", async () => {
  const connect = `apiVersion: sparkoperator.k8s.io/v1alpha1
kind: SparkConnect
metadata: { name: connect, namespace: etl }
spec: { sparkVersion: 4.0.1 }
`;
  assertEquals(await foundIn({ "a.yaml": connect }), {});
  const old = await foundIn({ "a.yaml": PI.replace("v1beta2", "v1alpha1") });
  assertEquals(old["manifests-readable"]?.filter((each) => each.startsWith("fail")).length, 1);
});

const TEMPLATE = `apiVersion: v1
kind: Pod
metadata: { labels: { product: spark } }
spec:
  containers: [{ name: spark, volumeMounts: [{ name: a, mountPath: /a }] }]
  volumes: [{ name: a, emptyDir: {} }]
`;

Deno.test("manifests-readable ignores a pod template for Spark", async () => {
  for (
    const [file, yaml] of [
      ["podTemplate.yaml", TEMPLATE],
      ["config/executor-pod-template.yaml", TEMPLATE],
      ["driver_template.yml", TEMPLATE],
      ["executor.yaml", TEMPLATE.replace("name: spark", "name: spark-kubernetes-executor")],
    ] as const
  ) {
    assertEquals(await foundIn({ "pi.yaml": PI, [file]: yaml }), ELSEWHERE);
    const { examined = "" } = await resultOf("manifests-readable", {
      "pi.yaml": PI,
      [file]: yaml,
    });
    assertStringIncludes(examined, `${file} (a pod template for Spark)`);
  }
});

Deno.test("manifests-readable fails for a Pod without an image that is no template", async () => {
  const found = await foundIn({ "pod.yaml": TEMPLATE });
  assertStringIncludes(found["manifests-readable"]!.join(), "image is required, but missing");
  const whole = TEMPLATE.replace("metadata: {", "metadata: { name: a, ")
    .replace("name: spark,", "name: spark, image: a,").replace("name: a, mountPath", "mountPath");
  const named = await foundIn({ "podTemplate.yaml": whole });
  assertEquals("manifests-readable" in named, true);
});

Deno.test("preflight does not judge a client of Spark Connect as a Spark job", async () => {
  const job = `apiVersion: batch/v1
kind: CronJob
metadata: { name: client }
spec:
  schedule: "* * * * *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers:
            - name: job
              image: apache/spark-connect-swift:pi
              env: [{ name: SPARK_REMOTE, value: "sc://connect:15002" }]
`;
  assertEquals(await foundIn({ "job.yaml": job }), {});
});

Deno.test("table-name skips if a file next to other objects cannot be read", async () => {
  const namespace = "apiVersion: v1\nkind: Namespace\nmetadata: { name: etl }\n";
  const { verdict } = await resultOf("table-name", { "a.yaml": namespace, "b.yaml": "kind: [\n" });
  assertEquals(verdict, "skip");
});

Deno.test("preflight expects only the jars that the jobs of another project need in a Dockerfile", async () => {
  const problems = async (mainFile: string, python: string) => {
    const files = {
      "app.yaml": PI.replace("apache/spark:4.0.1", "team/etl:1").replace(
        "type: Scala",
        "type: Python",
      )
        .replace(/mainApplicationFile: .*/, `mainApplicationFile: ${mainFile}`),
      "Dockerfile": "FROM apache/spark:3.5.8\nCOPY etl.py /app/\n",
      "etl.py": python,
    };
    const { findings } = await resultOf("image-deps", files);
    return findings.map(({ severity, problem }) => `${severity}: ${problem}`);
  };
  const lacks = (name: string) => `fail: the Dockerfile does not add the ${name} jar`;
  const plain =
    "from pyspark.sql import SparkSession\nSparkSession.builder.getOrCreate().range(1)\n";
  assertEquals(await problems("local:///app/etl.py", plain), []);
  assertEquals(
    await problems("local:///app/etl.py", `${plain}df.write.parquet("s3a://lake/x")\n`),
    [
      lacks("hadoop-aws"),
      lacks("aws-java-sdk-bundle"),
    ],
  );
  assertEquals(await problems("local:///app/etl.py", `${plain}spark.read.format("jdbc")\n`), [
    lacks("postgresql"),
  ]);
});

Deno.test("preflight replaces the version of Spark in images, as Apache's operator does", async () => {
  const problems = async (yaml: string) => {
    const { findings } = await resultOf("image-deps", { "a.yaml": yaml });
    return findings.map(({ problem }) => problem);
  };
  const job = APACHE_PI.replace("name: pi", "name: pi, namespace: analytics-jobs");
  assertEquals(await problems(job), [PLAIN]);
  const executor = "spark.kubernetes.executor.container.image: team/spark:{{SPARK_VERSION}}-x";
  const other = job.replace("    spark.kubernetes.container", `    ${executor}\n$&`);
  assertEquals(await problems(other), [PLAIN]);
  const cluster = `apiVersion: spark.apache.org/v1
kind: SparkCluster
metadata: { name: prod, namespace: analytics-jobs }
spec:
  runtimeVersions: { sparkVersion: 4.0.1 }
  clusterTolerations: { instanceConfig: { initWorkers: 1 } }
  sparkConf:
    spark.kubernetes.container.image: "apache/spark:{{SPARK_VERSION}}"
`;
  assertEquals(await problems(cluster), [PLAIN, PLAIN]);
});
