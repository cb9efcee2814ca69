import { isPlainSpark, whyUnpinned } from "../../../../checks/preflight/image/image_contents.ts";
import { parseImage } from "../../../../checks/image/reference.ts";
import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import { assertFound, change, FILES } from "../../healthy/manifests.ts";

const ID = "image-deps";
const IMAGE = "ghcr.io/example/rbs-spark:3.5.8-1";
const FIELD = "spec.template.spec.containers[0].image";
const OBJECT = "Job analytics-jobs/bronze";

for (
  const image of [
    ...["apache/spark:3.5.8", "spark:3.5.8", "docker.io/bitnami/spark:3.5", "spark-py:v3.5.0"],
    ...["gcr.io/spark-operator/spark:v3.5.0", "localhost:5000/spark:3.5.8"],
  ]
) {
  Deno.test(`image-deps fails for plain Spark: ${image}`, async () => {
    await assertFound(ID, change("job.yaml", IMAGE, image), {
      ...{ severity: "fail", object: OBJECT, field: FIELD, file: "manifests/job.yaml", line: 16 },
      problem: `${image} is plain Spark`,
    });
  });
}

for (
  const [image, why] of [
    ["ghcr.io/example/rbs-spark", "it has no tag, which means latest"],
    ["localhost:5000/rbs-spark", "it has no tag, which means latest"],
    ["ghcr.io/example/rbs-spark:latest", "its tag is latest"],
    ["ghcr.io/example/rbs-spark@sha256:12", "its digest is none"],
  ] as const
) {
  Deno.test(`image-deps fails for an image that is not pinned: ${image}`, async () => {
    const problem = `nobody knows what ${image} will be: ${why}`;
    await assertFound(ID, change("job.yaml", IMAGE, image), { field: FIELD, problem });
  });
}

Deno.test("image-deps takes a digest, and an init container's image as well", async () => {
  const digest = `ghcr.io/example/rbs-spark@sha256:${"a".repeat(64)}`;
  await assertFound(ID, change("job.yaml", IMAGE, digest));
  const init = `initContainers:
        - name: wait
          image: busybox
          resources: {limits: {cpu: 1m, memory: 1Mi}}
      containers:`;
  await assertFound(ID, change("job.yaml", "containers:", init), {
    field: "spec.template.spec.initContainers[0].image",
    problem: "nobody knows what busybox will be: it has no tag, which means latest",
  });
});

Deno.test("image-deps judges the executors' image too", async () => {
  const image = "--conf=spark.kubernetes.executor.container.image=apache/spark:3.5.8";
  await assertFound(ID, change("job.yaml", "--driver-memory=1g", image), {
    ...{ object: OBJECT, field: "spec.template.spec.containers[0].args[1]" },
    problem: "apache/spark:3.5.8 is plain Spark",
  });
});

const DRIVER = "- --driver-memory=1g";
const ARGS = "spec.template.spec.containers[0].args";
const downloads = (key: string, value: string) =>
  `${key} makes the job download jars when it starts (${value})`;

for (
  const [name, lines, field, key] of [
    ["one argument", "- --packages=a:b:1", `${ARGS}[1]`, "spark.jars.packages"],
    ["two arguments", "- --packages\n            - a:b:1", `${ARGS}[1]`, "spark.jars.packages"],
    ["--conf", "- --conf=spark.jars.packages=a:b:1", `${ARGS}[1]`, "spark.jars.packages"],
    [
      "--conf and its value",
      "- --conf\n            - spark.jars.packages=a:b:1",
      `${ARGS}[1]`,
      "spark.jars.packages",
    ],
    ["a repository", "- --repositories=a:b:1", `${ARGS}[1]`, "spark.jars.repositories"],
    ["ivy", "- --conf=spark.jars.ivy=a:b:1", `${ARGS}[1]`, "spark.jars.ivy"],
    [
      "a whole command line",
      "- spark-submit --packages a:b:1 x.py",
      `${ARGS}[1]`,
      "spark.jars.packages",
    ],
  ] as const
) {
  Deno.test(`image-deps fails for downloads by ${name}`, async () => {
    await assertFound(ID, change("job.yaml", DRIVER, lines), {
      ...{ object: OBJECT, field, problem: downloads(key, "a:b:1") },
    });
  });
}

Deno.test("image-deps fails for downloads by a variable", async () => {
  const variable =
    'name: PYSPARK_SUBMIT_ARGS\n              value: "--packages a:b:1 pyspark-shell"';
  const files = change(
    "job.yaml",
    'name: GREETING\n              value: "$(POD_IP) costs $$5"',
    variable,
  );
  await assertFound(ID, files, { problem: downloads("spark.jars.packages", "a:b:1") });
});

Deno.test("image-deps fails for downloads by spark-defaults.conf", async () => {
  const data =
    "data:\n  spark-defaults.conf: |\n    # spark.jars.ivy /tmp\n    spark.jars.packages  a:b:1\n";
  await assertFound(ID, change("executors.yaml", "data:\n", data), {
    ...{ object: "ConfigMap analytics-jobs/executor", field: "data.spark-defaults.conf", line: 8 },
    problem: downloads("spark.jars.packages", "a:b:1"),
  });
});

for (
  const [name, code] of [
    ["a call", 'SparkSession.builder.config("spark.jars.packages", "a:b:1").getOrCreate()'],
    ["a call by keyword", 'builder.config(key="spark.jars.packages", value="a:b:1")'],
    ["a dict", 'CONF = {"spark.jars.packages": "a:b:1"}'],
    [
      "arguments for a submit",
      'os.environ["PYSPARK_SUBMIT_ARGS"] = "--packages a:b:1 pyspark-shell"',
    ],
  ] as const
) {
  Deno.test(`image-deps fails for downloads by PySpark: ${name}`, async () => {
    await assertFound(ID, change("image/jobs/bronze.py", "\n\nclass", `\n\n${code}\nclass`), {
      ...{
        object: "manifests/image/jobs/bronze.py",
        file: "manifests/image/jobs/bronze.py",
        line: 9,
      },
      problem: downloads("spark.jars.packages", "a:b:1"),
    });
  });
}

const dockerfile = (from: string, to: string) => change("image/Dockerfile", from, to);

Deno.test("image-deps fails for a jar that the image lacks, with the command that fetches it", async () => {
  const [finding] = await assertFound(
    ID,
    dockerfile("https://repo/postgresql-42.7.4.jar", "https://repo/other.jar"),
    { object: "manifests/image/Dockerfile", line: 3, problem: "the image gets no postgresql jar" },
  );
  assertStringIncludes(finding!.fix, "-Dartifact=org.postgresql:postgresql:42.7.14");
});

Deno.test("image-deps fails for jars that do not fit Spark's Hadoop", async () => {
  await assertFound(ID, dockerfile("ARG HADOOP=3.3.4", "ARG HADOOP=3.4.1"), {
    line: 5,
    problem: "hadoop-aws 3.4.1 does not fit Spark 3.5, which comes with Hadoop 3.3.4",
  });
  await assertFound(ID, dockerfile("bundle-1.12.262", "bundle-1.11.1026"), {
    problem: "aws-java-sdk-bundle 1.11.1026 does not fit Spark 3.5, which comes with Hadoop 3.3.4",
  });
});

Deno.test("image-deps fails for a download without a checksum, and for a base without a release", async () => {
  await assertFound(ID, dockerfile(`--checksum=sha256:${"3".repeat(64)} `, ""), {
    ...{ line: 9, problem: "postgresql is downloaded without a checksum" },
  });
  await assertFound(ID, dockerfile("spark:3.5.8-python3", "spark:latest"), {
    problem: "the base image's tag names no Spark release: FROM apache/spark:latest",
  });
});

Deno.test("image-deps takes jars of the build context, and by curl with sha256sum", async () => {
  const copied = FILES["image/Dockerfile"]!.replace(/ADD[^\n]*\n\s*https:\/\/repo\//g, "COPY ");
  await assertFound(ID, { ...FILES, "image/Dockerfile": copied });
  const curl = (name: string) =>
    `RUN curl -fO https://repo/${name} && \\\n  # why\n  echo "1  ${name}" | sha256sum -c\n`;
  const jars = ["hadoop-aws-3.3.4", "aws-java-sdk-bundle-1.12.262", "postgresql-42.7.4"];
  const text = `FROM apache/spark:3.5.8\n${jars.map((jar) => curl(`${jar}.jar`)).join("")}`;
  await assertFound(ID, { ...FILES, "image/Dockerfile": text });
});

Deno.test("image references are taken apart as container runtimes do", () => {
  assertEquals(parseImage("localhost:5000/a/b"), {
    ...{ repository: "localhost:5000/a/b", tag: undefined, digest: undefined },
  });
  assertEquals(parseImage("a:1@sha256:2"), { repository: "a", tag: "1", digest: "sha256:2" });
  assertEquals(isPlainSpark(parseImage("ghcr.io/example/spark:1")), false);
  assertEquals(whyUnpinned(parseImage("a:latest-3")), undefined);
});
