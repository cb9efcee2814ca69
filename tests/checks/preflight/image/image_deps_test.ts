import type { ImageFact, ImageReading } from "../../../../checks/facts/image.ts";
import type { Finding, Result } from "../../../../checks/finding.ts";
import { parseImage } from "../../../../checks/image/reference.ts";
import {
  imageDeps,
  isPlainSpark,
  whyUnpinned,
} from "../../../../checks/preflight/image/image_deps.ts";
import { type Gatherers, runChecks } from "../../../../checks/runner.ts";
import { Failure } from "../../../../pipeline/errors.ts";
import { assert, assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import { contents, DIGEST, jar, JARS, refusal } from "../../healthy/image.ts";
import {
  assertFound,
  change,
  CODE,
  EXECUTORS,
  factOf,
  FILES,
  IMAGE,
  JOB,
  JOB_ID,
  lineOf,
  ONE_IMAGE,
} from "../../healthy/manifests.ts";

/** The files with a Job that has no executors, so that one image is used once. */
const LOCAL = change(
  JOB,
  "--master=k8s://https://kubernetes.default.svc",
  "--master=local[2]",
  ONE_IMAGE,
);

const ID = "image-deps";
const FIELD = "spec.template.spec.containers[0].image";

for (
  const image of [
    "apache/spark:3.5.8",
    "spark:3.5.8",
    "docker.io/bitnami/spark:3.5",
    "spark-py:v3.5.0",
    "gcr.io/spark-operator/spark:v3.5.0",
    "localhost:5000/spark:3.5.8",
  ]
) {
  Deno.test(`image-deps fails for plain Spark: ${image}`, async () => {
    await assertFound(ID, change(JOB, IMAGE, image), {
      severity: "fail",
      object: JOB_ID,
      field: FIELD,
      file: `manifests/${JOB}`,
      line: lineOf(JOB, `image: ${IMAGE}`),
      problem: `${image} is plain Spark`,
    });
  });
}

for (
  const [image, why] of [
    ["ghcr.io/example/rbs-spark", "it has no tag, which means latest"],
    ["localhost:5000/rbs-spark", "it has no tag, which means latest"],
    ["ghcr.io/example/rbs-spark:latest", "its tag is latest"],
    ["ghcr.io/example/rbs-spark@sha256:12", "its digest is not a SHA-256 digest"],
  ] as const
) {
  Deno.test(`image-deps fails for an image that is not pinned: ${image}`, async () => {
    const problem = `${image} is not pinned: ${why}`;
    await assertFound(ID, change(JOB, IMAGE, image), { field: FIELD, problem });
  });
}

Deno.test("image-deps accepts a digest, also for an init container's image", async () => {
  const digest = `ghcr.io/example/rbs-spark@sha256:${"a".repeat(64)}`;
  await assertFound(ID, change(JOB, IMAGE, digest));
  const init = `initContainers:
        - name: wait
          image: busybox
          resources: {limits: {cpu: 1m, memory: 1Mi}}
      containers:`;
  await assertFound(ID, change(JOB, "containers:", init), {
    field: "spec.template.spec.initContainers[0].image",
    problem: "busybox is not pinned: it has no tag, which means latest",
  });
});

Deno.test("image-deps judges the executors' image too", async () => {
  const setting = "--conf=spark.kubernetes.executor.container.image=";
  await assertFound(ID, change(JOB, `${setting}${IMAGE}`, `${setting}apache/spark:3.5.8`), {
    object: JOB_ID,
    field: "spec.template.spec.containers[0].args[18]",
    problem: "apache/spark:3.5.8 is plain Spark",
  });
});

const DRIVER = "- --driver-memory=1g";
const ARGS = "spec.template.spec.containers[0].args";
const downloads = (key: string, value: string) =>
  `${key} makes the job download jars when it starts (${value})`;

for (
  const [name, lines, field, key] of [
    ["one argument", "- --packages=a:b:1", `${ARGS}[3]`, "spark.jars.packages"],
    ["two arguments", "- --packages\n            - a:b:1", `${ARGS}[3]`, "spark.jars.packages"],
    ["--conf", "- --conf=spark.jars.packages=a:b:1", `${ARGS}[3]`, "spark.jars.packages"],
    [
      "--conf and its value",
      "- --conf\n            - spark.jars.packages=a:b:1",
      `${ARGS}[3]`,
      "spark.jars.packages",
    ],
    ["a repository", "- --repositories=a:b:1", `${ARGS}[3]`, "spark.jars.repositories"],
    ["ivy", "- --conf=spark.jars.ivy=a:b:1", `${ARGS}[3]`, "spark.jars.ivy"],
    [
      "a whole command line",
      "- spark-submit --packages a:b:1 x.py",
      `${ARGS}[3]`,
      "spark.jars.packages",
    ],
  ] as const
) {
  Deno.test(`image-deps fails for downloads by ${name}`, async () => {
    await assertFound(ID, change(JOB, DRIVER, lines), {
      object: JOB_ID,
      field,
      problem: downloads(key, "a:b:1"),
    });
  });
}

Deno.test("image-deps fails for downloads by a variable", async () => {
  const variable =
    'name: PYSPARK_SUBMIT_ARGS\n              value: "--packages a:b:1 pyspark-shell"';
  const files = change(
    JOB,
    'name: PYTHONDONTWRITEBYTECODE\n              value: "1"',
    variable,
  );
  await assertFound(ID, files, { problem: downloads("spark.jars.packages", "a:b:1") });
});

Deno.test("image-deps fails for downloads by spark-defaults.conf", async () => {
  const data =
    "data:\n  spark-defaults.conf: |\n    # spark.jars.ivy /tmp\n    spark.jars.packages  a:b:1\n";
  await assertFound(ID, change(EXECUTORS, "\ndata:\n", `\n${data}`), {
    object: "ConfigMap analytics-jobs/spark-executor-pod",
    field: "data.spark-defaults.conf",
    line: lineOf(EXECUTORS, "\ndata:") + 4,
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
    await assertFound(ID, change(CODE, "\n\n\ndef run", `\n\n\n${code}\n\n\ndef run`), {
      object: `manifests/${CODE}`,
      file: `manifests/${CODE}`,
      line: lineOf(CODE, "def run()"),
      problem: downloads("spark.jars.packages", "a:b:1"),
    });
  });
}

/** A Dockerfile that downloads with ADD; ours copies from a stage that runs Maven. */
const DOCKERFILE = `
# FROM apache/spark:latest and --packages are for a try at home
FROM apache/spark:3.5.8-python3
ARG HADOOP=3.3.4
ADD --checksum=sha256:${"1".repeat(64)} \\
    https://repo/hadoop-aws-\${HADOOP}.jar /opt/spark/jars/
ADD --checksum=sha256:${"2".repeat(64)} \\
    https://repo/aws-java-sdk-bundle-1.12.262.jar /opt/spark/jars/
ADD --checksum=sha256:${"3".repeat(64)} \\
    https://repo/postgresql-42.7.4.jar /opt/spark/jars/
`;

const ADDING = { ...FILES, "image/Dockerfile": DOCKERFILE };
const dockerfile = (from: string, to: string) => change("image/Dockerfile", from, to, ADDING);

Deno.test("image-deps passes for jars that ADD downloads with a checksum", async () => {
  await assertFound(ID, ADDING);
});

Deno.test("image-deps fails for a jar that the image lacks, with the command that fetches it", async () => {
  const [finding] = await assertFound(
    ID,
    dockerfile("https://repo/postgresql-42.7.4.jar", "https://repo/other.jar"),
    {
      object: "manifests/image/Dockerfile",
      line: 3,
      problem: "the Dockerfile does not add the postgresql jar",
    },
  );
  assertStringIncludes(finding!.fix, "-Dartifact=org.postgresql:postgresql:42.7.14");
});

Deno.test("image-deps fails for jars that do not fit Spark's Hadoop", async () => {
  await assertFound(ID, dockerfile("ARG HADOOP=3.3.4", "ARG HADOOP=3.4.1"), {
    line: 5,
    problem: "hadoop-aws 3.4.1 does not match Spark 3.5, which includes Hadoop 3.3.4",
  });
  await assertFound(ID, dockerfile("bundle-1.12.262", "bundle-1.11.1026"), {
    problem: "aws-java-sdk-bundle 1.11.1026 does not match Spark 3.5, which includes Hadoop 3.3.4",
  });
});

Deno.test("image-deps fails for a download without a checksum, and for a base without a release", async () => {
  await assertFound(ID, dockerfile(`--checksum=sha256:${"3".repeat(64)} `, ""), {
    line: 9,
    problem: "postgresql is downloaded without a checksum",
  });
  await assertFound(ID, dockerfile("spark:3.5.8-python3", "spark:latest"), {
    problem: "the tag of the base image does not name a Spark release: FROM apache/spark:latest",
  });
});

Deno.test("image-deps takes jars of the build context, and by curl with sha256sum", async () => {
  const copied = DOCKERFILE.replace(/ADD[^\n]*\n\s*https:\/\/repo\//g, "COPY ");
  await assertFound(ID, { ...FILES, "image/Dockerfile": copied });
  const curl = (name: string) =>
    `RUN curl -fO https://repo/${name} && \\\n  # why\n  echo "1  ${name}" | sha256sum -c\n`;
  const jars = ["hadoop-aws-3.3.4", "aws-java-sdk-bundle-1.12.262", "postgresql-42.7.4"];
  const text = `FROM apache/spark:3.5.8\n${jars.map((jar) => curl(`${jar}.jar`)).join("")}`;
  await assertFound(ID, { ...FILES, "image/Dockerfile": text });
});

Deno.test("parseImage, isPlainSpark and whyUnpinned read references as container runtimes do", () => {
  assertEquals(parseImage("localhost:5000/a/b"), {
    repository: "localhost:5000/a/b",
    tag: undefined,
    digest: undefined,
  });
  assertEquals(parseImage("a:1@sha256:2"), { repository: "a", tag: "1", digest: "sha256:2" });
  assertEquals(isPlainSpark(parseImage("ghcr.io/example/spark:1")), false);
  assertEquals(whyUnpinned(parseImage("a:latest-3")), undefined);
});

// The contents of the image.

const OBJECT = `${IMAGE}@${DIGEST}`;

const factWith = (...images: readonly ImageReading[]): ImageFact => (
  { platform: "linux/amd64", images }
);

/** The verdict of image-deps for optional files and the fact about their image. */
async function judge(
  image: ImageFact | Gatherers["image"],
  files: Readonly<Record<string, string>> | "none" = LOCAL,
): Promise<Result> {
  const left = { absent: "left out", requested: true } as const;
  const isFact = image !== undefined && "images" in image;
  const [result] = await runChecks([imageDeps], {
    manifests: files === "none" ? left : () => Promise.resolve(factOf(files)),
    cluster: left,
    image: isFact ? () => Promise.resolve(image) : image ?? left,
  }, { timeoutMs: 10_000 });
  return result!;
}

async function found(
  fact: ImageFact,
  ...expected: Partial<Finding>[]
): Promise<readonly Finding[]> {
  const { findings, verdict, reason } = await judge(fact);
  assertEquals(findings.length, expected.length, findings.map(({ problem }) => problem).join("\n"));
  expected.forEach((each, i) => assertEquals({ ...findings[i]!, ...each }, findings[i]!));
  for (const { why, fix } of findings) assert(fix.length > 10 && (why ?? "").length > 10);
  if (expected.length === 0) assertEquals([verdict, reason], ["pass", undefined]);
  return findings;
}

const without = (name: string) => JARS.filter((each) => each.name !== name);

Deno.test("image-deps passes for an image with the right jars and the files that the job names", async () => {
  await found(factWith(contents(IMAGE)));
  const { examined } = await judge(factWith(contents(IMAGE)));
  assertStringIncludes(examined ?? "", "the contents of 1 image");
});

for (
  const [name, add] of [
    ["hadoop-aws", "-Dartifact=org.apache.hadoop:hadoop-aws:3.3.4"],
    ["aws-java-sdk-bundle", "-Dartifact=com.amazonaws:aws-java-sdk-bundle:1.12.262"],
    ["postgresql", "-Dartifact=org.postgresql:postgresql:42.7.14"],
  ] as const
) {
  Deno.test(`image-deps fails for an image without ${name}, and shows its digest and how to add the jar`, async () => {
    const [finding] = await found(factWith(contents(IMAGE, { jars: without(name) })), {
      severity: "fail",
      object: OBJECT,
      field: "/opt/spark/jars",
      file: `manifests/${JOB}`,
      line: lineOf(JOB, `image: ${IMAGE}`),
      problem: `there is no ${name} jar in /opt/spark/jars`,
    });
    assertStringIncludes(finding!.fix, add);
  });
}

Deno.test("image-deps names the layer that deletes a jar", async () => {
  const deletedJars = [{ ...jar("postgresql", "42.7.14"), layer: 7 }];
  const [finding] = await found(
    factWith(contents(IMAGE, { jars: without("postgresql"), deletedJars })),
    {
      problem: "layer 7 deletes postgresql-42.7.14.jar from /opt/spark/jars",
    },
  );
  assertStringIncludes(finding!.fix, "Remove the instruction that deletes postgresql-42.7.14.jar");
  await found(factWith(contents(IMAGE, { deletedJars })));
});

const replaced = (name: string, version: string) => [...without(name), jar(name, version)];

Deno.test("image-deps compares versions with the Hadoop in the image, not with the usual one of its Spark", async () => {
  const aws = contents(IMAGE, { jars: replaced("hadoop-aws", "3.4.1") });
  const [finding] = await found(factWith(aws), {
    field: "hadoop-aws-3.4.1.jar",
    severity: "fail",
    object: OBJECT,
    problem: "hadoop-aws-3.4.1.jar does not fit the image's Hadoop 3.3.4",
  });
  assertStringIncludes(finding!.fix, "Use hadoop-aws-3.3.4.jar and its checksum instead");
  await found(factWith(contents(IMAGE, { jars: replaced("aws-java-sdk-bundle", "1.11.1026") })), {
    problem: "aws-java-sdk-bundle-1.11.1026.jar does not fit the image's Hadoop 3.3.4",
  });
  const newer = replaced("hadoop-aws", "3.3.6").map((each) =>
    each.name === "aws-java-sdk-bundle" ? jar(each.name, "1.12.367") : each
  );
  await found(factWith(contents(IMAGE, { jars: newer, hadoopVersion: "3.3.6" })));
});

Deno.test("image-deps expects the SDK jar bundle since Hadoop 3.4", async () => {
  const jars = [jar("hadoop-aws", "3.4.1"), jar("postgresql", "42.7.14"), jar("bundle", "2.24.6")];
  await found(factWith(contents(IMAGE, { jars, hadoopVersion: "3.4.1" })));
  await found(factWith(contents(IMAGE, { jars: jars.slice(0, 2), hadoopVersion: "3.4.1" })), {
    problem: "there is no bundle jar in /opt/spark/jars",
  });
});

Deno.test("image-deps warns of an unknown Hadoop version, and checks the rest", async () => {
  const jars = replaced("hadoop-aws", "9.9.9");
  await found(factWith(contents(IMAGE, { jars, hadoopVersion: "9.9.9" })), {
    severity: "warn",
    problem: "this check does not know which AWS SDK fits Hadoop 9.9.9",
  });
});

Deno.test("image-deps fails for two versions of a jar, but not for jars of two architectures", async () => {
  const jars = [...JARS, jar("postgresql", "42.5.0")];
  await found(factWith(contents(IMAGE, { jars })), {
    field: "postgresql-42.7.14.jar",
    problem: "there are 2 versions of one jar: postgresql-42.7.14.jar, postgresql-42.5.0.jar",
  });
  const both = ["netty-linux-x86_64", "netty-linux-aarch_64"].map((name) => jar(name, "4.1"));
  await found(factWith(contents(IMAGE, { jars: [...JARS, ...both] })));
});

Deno.test("image-deps fails for an image without a jars folder, or without a Hadoop jar in it", async () => {
  await found(factWith(contents(IMAGE, { jars: undefined, hadoopVersion: undefined })), {
    problem: "the image has no folder /opt/spark/jars",
  });
  await found(factWith(contents(IMAGE, { jars: [], hadoopVersion: undefined })), {
    problem: "the image has no Hadoop jar in /opt/spark/jars",
  });
});

Deno.test("image-deps reports the field with a file that the image lacks", async () => {
  await found(factWith(contents(IMAGE, { files: [] })), {
    object: JOB_ID,
    field: "spec.template.spec.containers[0].args[20]",
    problem: `/opt/deep-storage/jobs/bronze_ingest.py is not in the image ${IMAGE} (${DIGEST})`,
  });
});

Deno.test("image-deps fails for an image of another platform than the nodes", async () => {
  const arm = contents(IMAGE, { platform: "linux/arm64/v8" });
  const [finding] = await found(factWith(arm), {
    problem: "the image is for linux/arm64/v8, but the nodes are linux/amd64",
  });
  assertStringIncludes(finding!.fix, "--platform linux/amd64");
  await found({ ...factWith(arm), platform: "linux/arm64" });
  await found(factWith(refusal(IMAGE, "platform")), { object: IMAGE, fix: "Mend the image." });
});

Deno.test("image-deps fails for a broken image, and skips for an image that cannot be pulled", async () => {
  await found(factWith(refusal(IMAGE, "broken")), { object: IMAGE, fix: "Mend the image." });
  for (const trouble of ["denied", "unknown"] as const) {
    const { verdict, reason, findings } = await judge(factWith(refusal(IMAGE, trouble)));
    assertEquals([verdict, findings.length], ["skip", 0]);
    assertStringIncludes(reason ?? "", "see image-pull");
  }
});

Deno.test("image-deps expects no jars in an image that is not for Spark", async () => {
  const init =
    "initContainers:\n        - {name: wait, image: busybox:1, resources: {limits: {cpu: 1m, memory: 1Mi}}}\n      containers:";
  const files = change(JOB, "containers:", init, LOCAL);
  const busybox = contents("busybox:1", { jars: undefined, hadoopVersion: undefined });
  const { verdict } = await judge(factWith(contents(IMAGE), busybox), files);
  assertEquals(verdict, "pass");
});

Deno.test("image-deps judges YAML and Dockerfile without the image", async () => {
  const { verdict, examined } = await judge(undefined);
  assertEquals(verdict, "pass");
  assertStringIncludes(examined ?? "", "1 Dockerfile");
  const plain = await judge(undefined, change(JOB, IMAGE, "apache/spark:3.5.8", LOCAL));
  assertEquals(plain.verdict, "fail");
});

Deno.test("image-deps reports plain Spark once, by its name", async () => {
  const plain = "apache/spark:3.5.8";
  const files = change(JOB, IMAGE, plain, LOCAL);
  const lacking = contents(plain, { jars: without("postgresql") });
  const { findings } = await judge(factWith(lacking), files);
  assertEquals(findings.map(({ problem }) => problem), [`${plain} is plain Spark`]);
});

Deno.test("image-deps judges an archive without manifests as an image for Spark", async () => {
  const alone = (...images: readonly ImageReading[]) => judge(factWith(...images), "none");
  assertEquals((await alone(contents("x"))).verdict, "pass");
  const { verdict, findings } = await alone(contents("x", { jars: without("postgresql") }));
  assertEquals([verdict, findings[0]?.object, findings[0]?.file], [
    "fail",
    `x@${DIGEST}`,
    undefined,
  ]);
  assertEquals((await alone()).verdict, "error");
});

Deno.test("image-deps is an error if the image could not be collected, unless something else fails", async () => {
  const gone = () =>
    Promise.reject(
      new Failure({
        kind: "unreachable",
        task: "look",
        problem: "it is gone",
        remedy: "Wait.",
      }),
    );
  const { verdict, reason } = await judge(gone);
  assertEquals(verdict, "error");
  assertStringIncludes(reason ?? "", "Cannot look: it is gone");
  const failed = await judge(gone, change(JOB, IMAGE, "apache/spark:3.5.8", LOCAL));
  assertEquals(failed.verdict, "fail");
});

Deno.test("image-deps is an error if the image of a job was not read", async () => {
  const { verdict, reason } = await judge(factWith(contents("other:1")));
  assertEquals([verdict, reason], ["error", `${IMAGE} was not read`]);
});

Deno.test("image-deps reports findings of the manifests and of the contents together", async () => {
  const files = change(JOB, "- --driver-memory=1g", "- --packages=a:b:1", LOCAL);
  const { findings } = await judge(
    factWith(contents(IMAGE, { jars: without("postgresql") })),
    files,
  );
  assertEquals(findings.map(({ object }) => object), [JOB_ID, OBJECT]);
});

Deno.test("image-deps fails for the manifests whatever the contents are, and the reverse", async () => {
  const plain = change(JOB, IMAGE, "apache/spark:3.5.8", LOCAL);
  const denied = await judge(factWith(refusal("apache/spark:3.5.8", "denied")), plain);
  assertEquals([denied.verdict, denied.findings.length], ["fail", 1]);
  const bad = factWith(contents("x", { jars: without("postgresql") }));
  assertEquals((await judge(bad, { "broken.yaml": "a: [" })).verdict, "fail");
  assertEquals((await judge(factWith(contents("x")), { "broken.yaml": "a: [" })).verdict, "skip");
});
