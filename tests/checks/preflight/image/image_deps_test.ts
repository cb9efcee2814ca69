import { DEFAULT_PROJECT } from "../../../../pipeline/contract/project.ts";
import { parseImage } from "../../../../checks/image/reference.ts";
import { judgeImages } from "../../../../checks/preflight/image/image_deps.ts";
import { treeOf } from "../../../../checks/facts/tree.ts";
import { isPlainSpark, whyUnpinned } from "../../../../checks/image/plain_images.ts";
import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
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
  judgeFiles,
  lineOf,
  ONE_IMAGE,
} from "../../healthy/manifests.ts";

const ID = "image-deps";

/** The healthy job with another image, also of its executors. */
const withImage = (image: string) => ({ ...FILES, [JOB]: FILES[JOB]!.replaceAll(IMAGE, image) });

const FIELD = "spec.template.spec.containers[0].image";

for (
  const image of [
    "apache/spark:3.5.8",
    "spark:3.5.8",
    "docker.io/apache/spark-py:v3.5.1",
    "spark-py:v3.5.0",
    "gcr.io/spark-operator/spark:v3.5.0",
    "mirror.example.com/apache/spark:3.5.8",
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
  const image of [
    "registry.example.com/spark:3.5.8-1",
    "123456789012.dkr.ecr.eu-west-1.amazonaws.com/pyspark:v42",
    "localhost:5000/spark:3.5.8",
  ]
) {
  Deno.test(`image-deps does not judge the jars of ${image}`, () => {
    const judge = (names: Parameters<typeof treeOf>[0]["project"]) =>
      judgeImages(treeOf({ ...factOf(withImage(image)), project: names! }))!;
    const reading = judge(DEFAULT_PROJECT);
    assertEquals(reading.findings, []);
    assertEquals(reading.unknown, `the jars of ${image} are not known until the image is read`);
    const jobs = { ...DEFAULT_PROJECT.jobs, image };
    assertEquals(judge({ ...DEFAULT_PROJECT, jobs }).unknown, undefined);
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
  await assertFound(ID, withImage(digest));
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

Deno.test("image-deps does not claim that policies block every download", async () => {
  // The policy for the store allows TCP 443 of every address outside the cluster.
  const [download] = await assertFound(
    ID,
    change(JOB, DRIVER, "- --packages=a:b:1"),
    { severity: "fail" },
  );
  assertStringIncludes(download!.why!, "where policies block the server");
  const [plain] = await assertFound(ID, change(JOB, IMAGE, "apache/spark:3.5.8"), {
    severity: "fail",
  });
  assertStringIncludes(plain!.why!, "a job must not download them when it starts");
});

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

for (
  const line of [
    "- --repositories=https://repo.example.com/maven",
    "- --conf=spark.jars.ivy=/tmp/ivy",
    "- --conf=spark.jars.ivySettings=/opt/ivysettings.xml",
  ]
) {
  Deno.test(`image-deps accepts a repository without packages: ${line}`, async () => {
    await assertFound(ID, change(JOB, DRIVER, line));
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
ADD --chmod=644 --checksum=sha256:${"1".repeat(64)} \\
    https://repo/hadoop-aws-\${HADOOP}.jar /opt/spark/jars/
ADD --chmod=644 --checksum=sha256:${"2".repeat(64)} \\
    https://repo/aws-java-sdk-bundle-1.12.262.jar /opt/spark/jars/
ADD --chmod=644 --checksum=sha256:${"3".repeat(64)} \\
    https://repo/postgresql-42.7.4.jar /opt/spark/jars/
COPY jobs /opt/deep-storage/jobs
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

Deno.test("image-deps does not read the commands of a build as settings of jobs", async () => {
  const run = "RUN spark-submit --packages a:b:1 \\\n  --master local[1] x.py\n";
  await assertFound(ID, { ...FILES, "image/Dockerfile": `${DOCKERFILE}${run}` });
  const start = "CMD spark-submit --packages a:b:1\n";
  await assertFound(ID, { ...FILES, "image/Dockerfile": `${DOCKERFILE}${run}${start}` }, {
    problem: downloads("spark.jars.packages", "a:b:1"),
  });
});

Deno.test("image-deps finds downloads in the spark-defaults.conf that a Dockerfile writes", () => {
  const path = "/opt/spark/conf/spark-defaults.conf";
  for (
    const instruction of [
      `RUN echo "spark.jars.packages a:b:1" >> ${path}`,
      `RUN printf 'spark.jars.packages=a:b:1\\n' > ${path}`,
      `COPY <<END ${path}\nspark.ui.enabled false\nspark.jars.packages   a:b:1\nEND`,
    ]
  ) {
    const results = judgeImages(
      treeOf(factOf({ ...FILES, "image/Dockerfile": `${DOCKERFILE}${instruction}\n` })),
    )!;
    assertEquals(results.findings.map(({ problem }) => problem), [
      downloads("spark.jars.packages", "a:b:1"),
    ], instruction);
  }
});

Deno.test("image-deps finds downloads in the spark-defaults.conf that a Dockerfile copies", () => {
  const found = (instruction: string, file = "image/conf/spark-defaults.conf") => {
    const fact = factOf({ ...FILES, "image/Dockerfile": `${DOCKERFILE}${instruction}\n` });
    const buildFiles = {
      listing: [...Object.keys(FILES), file],
      texts: [{ file, text: "spark.ui.enabled false\nspark.jars.packages a:b:1\n" }],
      above: [],
    };
    const { findings } = judgeImages(treeOf({ ...fact, buildFiles }))!;
    return findings.map(({ problem, file, line }) => `${file}:${line} ${problem}`);
  };
  const expected = [
    `manifests/image/conf/spark-defaults.conf:2 ${downloads("spark.jars.packages", "a:b:1")}`,
  ];
  for (
    const instruction of [
      "COPY conf/spark-defaults.conf /opt/spark/conf/",
      "COPY conf/ /opt/spark/conf/",
      "COPY image/conf/spark-defaults.conf $SPARK_HOME/conf/spark-defaults.conf",
    ]
  ) assertEquals(found(instruction), expected, instruction);
  assertEquals(found("COPY conf/spark-defaults.conf /opt/other/"), []);
  assertEquals(found("COPY log4j2.properties /opt/spark/conf/"), []);
  assertEquals(found("COPY conf/ /opt/spark/conf/", "other/conf/spark-defaults.conf"), []);
});

Deno.test("image-deps does not know the jars of an image with a file of a job and another base", () => {
  const unknown = (text: string) =>
    judgeImages(treeOf(factOf({ ...FILES, "image/Dockerfile": text })))!.unknown ?? "";
  const copy = "COPY jobs/bronze_ingest.py /opt/deep-storage/jobs/\n";
  for (const base of ["registry.example.com/base:1", "${BASE}", "python:3.12"]) {
    assertStringIncludes(
      unknown(`FROM ${base}\n${copy}`),
      "the jars of the image with /opt/deep-storage/jobs/bronze_ingest.py are not known until",
    );
  }
  assertEquals(unknown("FROM python:3.12\nCOPY server.py /srv/\n"), "");
});

Deno.test("image-deps names the images whose content no Dockerfile shows", async () => {
  const { "image/Dockerfile": dockerfile, ...files } = FILES;
  const judged = async (more: Readonly<Record<string, string>>) => {
    const { verdict, unchecked } = (await judgeFiles(more)).find(({ id }) => id === ID)!;
    return { verdict, unchecked };
  };
  for (const image of [IMAGE, "registry.example.com/team/etl:2.1.0", "acme/etl:v3"]) {
    const text = files["50-bronze-ingest.yaml"]!.replaceAll(IMAGE, image);
    const own = { ...files, "50-bronze-ingest.yaml": text };
    const named =
      `not checked, because no Dockerfile shows it (see --image-archive): the content ` +
      `of ${image}`;
    assertEquals(await judged(own), { verdict: "pass", unchecked: [named] });
    const shown = await judged({ ...own, "image/Dockerfile": dockerfile! });
    assertEquals(shown, { verdict: "pass", unchecked: undefined });
  }
  // One Dockerfile does not show two images.
  const two = change(JOB, `container.image=${IMAGE}`, "container.image=acme/other:1.0.0");
  assertStringIncludes((await judged(two)).unchecked!.join(), "the content of acme/other:1.0.0");
});

Deno.test("image-deps does not judge an image with Spark from pip beside an image of Spark", () => {
  const pip = "FROM python:3.11-slim\nRUN pip install pyspark==3.5.1\n";
  const unknown = (files: Readonly<Record<string, string>>) =>
    judgeImages(treeOf(factOf(files)))!.unknown;
  assertEquals(unknown({ ...ADDING, "tests/Dockerfile": pip }), undefined);
  assertStringIncludes(unknown({ ...FILES, "image/Dockerfile": pip })!, "beside pyspark==3.5.1");
});

Deno.test("image-deps takes jars of the build context, and by curl with sha256sum", async () => {
  const copied = DOCKERFILE.replace(/ADD[^\n]*\n\s*https:\/\/repo\//g, "COPY ");
  await assertFound(ID, { ...FILES, "image/Dockerfile": copied });
  const curl = (name: string) =>
    `RUN curl -fO https://repo/${name} && \\\n  # why\n  echo "1  ${name}" | sha256sum -c\n`;
  const jars = ["hadoop-aws-3.3.4", "aws-java-sdk-bundle-1.12.262", "postgresql-42.7.4"];
  const text = `FROM apache/spark:3.5.8\nCOPY jobs /opt/deep-storage/jobs\n${
    jars.map((jar) => curl(`${jar}.jar`)).join("")
  }`;
  await assertFound(ID, { ...FILES, "image/Dockerfile": text });
});

Deno.test("image-deps fails for jars that do not fit, also if other jars are not known", async () => {
  const jars = "COPY hadoop-aws-3.4.1.jar /opt/bitnami/spark/jars/\n";
  await assertFound(ID, { ...FILES, "image/Dockerfile": `FROM bitnami/spark:3.5.1\n${jars}` }, {
    problem: "hadoop-aws 3.4.1 does not match Spark 3.5, which includes Hadoop 3.3.4",
  });
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

Deno.test("image-deps accepts plain Spark in a pod that only submits the driver", () => {
  const plain = change(
    JOB,
    `image: ${IMAGE}`,
    "image: apache/spark:3.5.8",
    change(
      JOB,
      "- --driver-memory=1g",
      `- --deploy-mode=cluster\n            - --conf=spark.kubernetes.container.image=${IMAGE}`,
      ONE_IMAGE,
    ),
  );
  const problems = (files: Readonly<Record<string, string>>) =>
    judgeImages(treeOf(factOf(files)))!.findings.filter(({ severity }) => severity === "fail")
      .map(({ problem }) => problem);
  assertEquals(problems(plain), []);
  const upload = "--conf=spark.kubernetes.file.upload.path=s3a://rbs/upload";
  assertEquals(
    problems(
      change(JOB, "--deploy-mode=cluster", `--deploy-mode=cluster\n            - ${upload}`, plain),
    ),
    [
      "apache/spark:3.5.8 is plain Spark",
    ],
  );
});
