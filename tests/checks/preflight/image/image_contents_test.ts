import type { ImageFact, ImageReading } from "../../../../checks/facts/image.ts";
import type { Finding, Result } from "../../../../checks/finding.ts";
import { type Jar, jarOf } from "../../../../checks/image/spark_jars.ts";
import { imageDeps } from "../../../../checks/preflight/image/image_deps.ts";
import { type Gatherers, runChecks } from "../../../../checks/runner.ts";
import { Failure } from "../../../../pipeline/errors.ts";
import { assert, assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import { contents, DIGEST, jar, JARS, refusal } from "../../healthy/image.ts";
import { change, factOf, IMAGE, JOB, JOB_ID, lineOf, ONE_IMAGE } from "../../healthy/manifests.ts";

/** The files with a Job that has no executors, so that one image is used once. */
const LOCAL = change(
  JOB,
  "--master=k8s://https://kubernetes.default.svc",
  "--master=local[2]",
  ONE_IMAGE,
);

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
  }, { timeoutMs: 120_000 });
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
  assertEquals((await judge(bad, { "broken.yaml": "kind: [" })).verdict, "fail");
  assertEquals(
    (await judge(factWith(contents("x")), { "broken.yaml": "kind: [" })).verdict,
    "skip",
  );
});

Deno.test("image-deps accepts the SDK of each Hadoop, and a newer one of the second version", async () => {
  for (
    const [hadoop, sdk] of [
      ["3.4.1", "2.24.6"],
      ["3.4.2", "2.29.52"],
      ["3.4.1", "2.29.52"],
      ["3.4.3", "2.35.4"],
      ["3.4.0", "2.23.19"],
    ] as const
  ) {
    const jars = [jar("hadoop-aws", hadoop), jar("bundle", sdk), jar("postgresql", "42.7.14")];
    await found(factWith(contents(IMAGE, { jars, hadoopVersion: hadoop })));
  }
});

const HADOOP_4 = [jar("hadoop-aws", "3.4.1"), jar("postgresql", "42.7.14")];

for (
  const [name, jars, hadoopVersion, severity, problem] of [
    [
      "an SDK that is too old",
      [...HADOOP_4, jar("bundle", "2.23.19")],
      "3.4.1",
      "fail",
      "bundle-2.23.19.jar does not fit the image's Hadoop 3.4.1",
    ],
    [
      "the first SDK for Hadoop 3.4",
      [...HADOOP_4, jar("aws-java-sdk-bundle", "1.12.262")],
      "3.4.1",
      "fail",
      "there is no bundle jar in /opt/spark/jars",
    ],
    [
      "an SDK with checksums that stores refuse",
      [...HADOOP_4, jar("bundle", "2.33.0")],
      "3.4.1",
      "warn",
      "bundle-2.33.0.jar is newer than the 2.24.6 that Hadoop 3.4.1 was built with",
    ],
    [
      "a jar without a version",
      [...without("hadoop-aws"), jarOf("hadoop-aws.jar")],
      "3.3.4",
      "warn",
      "the name of hadoop-aws.jar does not show its version, so the version was not checked",
    ],
    [
      "an old driver",
      [...without("postgresql"), jarOf("postgresql-9.4-1201-jdbc41.jar")],
      "3.3.4",
      "warn",
      "the PostgreSQL driver 9.4-1201-jdbc41 is older than 42.2.0",
    ],
    [
      "a shaded jar instead of the driver",
      [...without("postgresql"), jarOf("jobs-assembly-1.0.jar")],
      "3.3.4",
      "warn",
      "there is no postgresql jar in /opt/spark/jars, unless jobs-assembly-1.0.jar contains it",
    ],
    [
      "an empty jar",
      [...without("postgresql"), { ...jar("postgresql", "42.7.14"), damage: "empty" }],
      "3.3.4",
      "fail",
      "postgresql-42.7.14.jar is empty",
    ],
    [
      "a page of HTML",
      [...without("hadoop-aws"), { ...jar("hadoop-aws", "3.3.4"), damage: "no-zip" }],
      "3.3.4",
      "fail",
      "hadoop-aws-3.3.4.jar is not a jar, but another file, such as the page of an error",
    ],
    [
      "a damaged jar of another name",
      [...JARS, { ...jar("delta", "1.0"), damage: "no-zip" }],
      "3.3.4",
      "fail",
      "delta-1.0.jar is not a jar, but another file, such as the page of an error",
    ],
    [
      "a jar without its end",
      [...without("hadoop-aws"), { ...jar("hadoop-aws", "3.3.4"), damage: "cut" }],
      "3.3.4",
      "fail",
      "hadoop-aws-3.3.4.jar is damaged: a part of it is missing, as after a download that stopped",
    ],
    [
      "two Scala versions",
      [...JARS, jarOf("delta_2.13-3.1.0.jar"), jarOf("kafka_2.13-3.5.8.jar")],
      "3.3.4",
      "fail",
      "jars for another Scala than Spark's 2.12: delta_2.13-3.1.0.jar, kafka_2.13-3.5.8.jar",
    ],
    [
      "a module of another release of Spark",
      [...JARS, jarOf("spark-avro_2.12-3.3.0.jar")],
      "3.3.4",
      "warn",
      "spark-avro_2.12-3.3.0.jar is for Spark 3.3, but Spark in this image is 3.5",
    ],
    [
      "a second Scala library",
      [...JARS, jarOf("scala-library-2.13.8.jar")],
      "3.3.4",
      "fail",
      "jars for another Scala than Spark's 2.12: scala-library-2.13.8.jar",
    ],
  ] as readonly (readonly [string, readonly Jar[], string, "fail" | "warn", string])[]
) {
  Deno.test(`image-deps reports in an image ${name}`, async () => {
    await found(factWith(contents(IMAGE, { jars, hadoopVersion })), { severity, problem });
  });
}

Deno.test("jarOf reads the names that vendors give to jars", () => {
  const names: Readonly<Record<string, readonly [string, string | undefined]>> = {
    "postgresql-42.7.4.jar": ["postgresql", "42.7.4"],
    "postgresql-42.7.4.jre7.jar": ["postgresql", "42.7.4.jre7"],
    "postgresql-9.4-1201-jdbc41.jar": ["postgresql", "9.4-1201-jdbc41"],
    "postgresql.jar": ["postgresql", undefined],
    "hadoop-aws-3.3.4-amzn-1.jar": ["hadoop-aws", "3.3.4-amzn-1"],
    "hadoop-client-api-3.3.4-amzn-1.jar": ["hadoop-client-api", "3.3.4-amzn-1"],
    "hadoop-aws-3.3.4-tests.jar": ["hadoop-aws-tests", "3.3.4"],
    "bundle-2.24.6.jar": ["bundle", "2.24.6"],
    "spark-core_2.12-3.5.8.jar": ["spark-core_2.12", "3.5.8"],
  };
  for (const [file, expected] of Object.entries(names)) {
    const { name, version } = jarOf(file);
    assertEquals([name, version], [...expected], file);
  }
});

Deno.test("image-deps names the tag of the archive and the tag of the jobs if they differ", async () => {
  const problem = `Cannot read the image ${IMAGE}: the archive has ghcr.io/example/spark:2 instead`;
  const fact = { ...factWith(refusal(IMAGE, "unknown", { problem })), archive: "spark.tar" };
  const { verdict, reason = "" } = await judge(fact);
  assertEquals(verdict, "error");
  assertStringIncludes(reason, IMAGE);
  assertStringIncludes(reason, "ghcr.io/example/spark:2");
});

Deno.test("image-deps does not know the jars of bitnami/spark until the image is read", async () => {
  const bitnami = "docker.io/bitnami/spark:3.5.0";
  const files = change(JOB, IMAGE, bitnami, LOCAL);
  const { verdict, reason } = await judge(undefined, files);
  assertEquals([verdict, reason], [
    "error",
    `the jars of ${bitnami} are not known until the image is read`,
  ]);
  assertEquals((await judge(factWith(contents(bitnami)), files)).verdict, "pass");
  const lacking = await judge(factWith(contents(bitnami, { jars: without("postgresql") })), files);
  assertEquals(lacking.verdict, "fail");
  const docker = {
    ...LOCAL,
    "image/Dockerfile": `FROM ${bitnami}\nCOPY postgresql-42.7.4.jar /x/\n`,
  };
  assertEquals((await judge(undefined, docker)).verdict, "error");
  assertEquals((await judge(factWith(contents(IMAGE)), docker)).verdict, "pass");
});

Deno.test("image-deps looks in an archive for the driver's image in cluster mode, not for the submitter's", async () => {
  const DRIVER = "registry.example.com/driver:3.5.8";
  const files = change(
    JOB,
    "- --driver-memory=1g",
    `- --deploy-mode=cluster\n            - --conf=spark.kubernetes.container.image=${DRIVER}`,
    ONE_IMAGE,
  );
  const path = "/opt/deep-storage/jobs/bronze_ingest.py";
  const judged = async (driver: ImageReading) => {
    const fact = { ...factWith(refusal(IMAGE, "unknown"), driver), archive: "driver.tar" };
    const { verdict, findings } = await judge(fact, files);
    const own = findings.filter(({ severity }) => severity === "fail");
    return [verdict, ...own.map(({ problem }) => problem)];
  };
  assertEquals(await judged(contents(DRIVER, { files: [path] })), ["pass"]);
  assertEquals(await judged(contents(DRIVER, { files: [] })), [
    "fail",
    `${path} is not in the image ${DRIVER} (${DIGEST})`,
  ]);
  assertEquals(await judged(contents(DRIVER, { files: [path], jars: without("hadoop-aws") })), [
    "fail",
    "there is no hadoop-aws jar in /opt/spark/jars",
  ]);
  const [verdict] = await judged(refusal(DRIVER, "unknown"));
  assertEquals(verdict, "error");
  // A registry must have the image of the submitter, too.
  const live = factWith(refusal(IMAGE, "unknown"), contents(DRIVER, { files: [path] }));
  assertEquals((await judge(live, files)).verdict, "skip");
});

Deno.test("image-deps expects only the jars that the jobs of another project need in their image", async () => {
  const judged = (text: string) => {
    const job = `apiVersion: batch/v1
kind: Job
metadata: { name: pi, namespace: etl }
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: pi
          image: team/spark:1
          command: [spark-submit, "--master=local[2]", /opt/pi.py, "${text}"]
`;
    const jars = JARS.filter(({ name }) =>
      !/^(hadoop-aws|aws-java-sdk-bundle|postgresql)$/.test(name)
    );
    const fact = factWith(contents("team/spark:1", { files: ["/opt/pi.py"], jars }));
    return judge(fact, { "pi.yaml": job });
  };
  const lacking = async (text: string) => {
    const { findings } = await judged(text);
    return findings.flatMap(({ problem }) => /no (\S+) jar/.exec(problem)?.[1] ?? []);
  };
  assertEquals(await lacking("100"), []);
  assertEquals(await lacking("s3a://lake/x"), ["hadoop-aws", "aws-java-sdk-bundle"]);
  assertEquals(await lacking("jdbc:postgresql://db/x"), ["postgresql"]);
  assertEquals((await judged("100")).verdict, "error");
});
