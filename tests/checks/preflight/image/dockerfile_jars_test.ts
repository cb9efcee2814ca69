import { judgeDockerfile } from "../../../../checks/preflight/image/dockerfile_jars.ts";
import { assertEquals, assertMatch } from "../../../support/assert.ts";

const judge = (text: string) =>
  judgeDockerfile({ language: "dockerfile", file: "Dockerfile", line: 1, text });

/** The problems of a Dockerfile, one in a line; `unknown: …` for what it does not show. */
function problemsOf(text: string): string {
  const reading = judge(text);
  if (reading === undefined) return "not for Spark";
  const { findings, unknown } = reading;
  return [
    ...findings.map(({ severity, problem }) => `${severity}: ${problem}`),
    ...(unknown === undefined ? [] : [`unknown: ${unknown}`]),
  ].join("\n");
}

/** Instructions that add jars of the build context. */
const copy = (...jars: readonly string[]) => `COPY ${jars.join(".jar ")}.jar /opt/spark/jars/\n`;

const V1 = copy("hadoop-aws-3.3.4", "aws-java-sdk-bundle-1.12.262", "postgresql-42.7.4");
const V2 = copy("hadoop-aws-3.4.1", "bundle-2.24.6", "postgresql-42.7.4");

/** Dockerfiles without a fault. */
const GOOD: Readonly<Record<string, string>> = {
  "Spark 4.0 with its Hadoop and SDK": `FROM apache/spark:4.0.0\n${V2}`,
  "Spark 4.0 with a newer SDK": `FROM apache/spark:4.0.1\n${V2.replace("2.24.6", "2.29.52")}`,
  "Spark 4.1": `FROM spark:4.1.0\n${
    copy("hadoop-aws-3.4.2", "bundle-2.29.52", "postgresql-42.7.4")
  }`,
  "Spark 3.3": `FROM apache/spark:v3.3.4\n${
    copy("hadoop-aws-3.3.2", "aws-java-sdk-bundle-1.11.1026", "postgresql-42.7.4")
  }`,
  "Spark 3.4": `FROM apache/spark:3.4.1\n${V1}`,
  "Spark 3.1": `FROM apache/spark:v3.1.3\n${
    copy("hadoop-aws-3.2.0", "aws-java-sdk-bundle-1.11.375", "postgresql-42.7.4")
  }`,
  "Spark 4.2": `FROM apache/spark:4.2.0\n${
    copy("hadoop-aws-3.5.0", "bundle-2.35.4", "postgresql-42.7.4")
  }`,
  "both SDKs": `FROM apache/spark:4.0.0\n${V2}${copy("aws-java-sdk-bundle-1.12.720")}`,
  "the driver of a distribution": `FROM apache/spark:3.5.8\n${
    V1.replace("postgresql-42.7.4", "postgresql-jdbc")
  }`,
  "the driver by its project's name": `FROM apache/spark:3.5.8\n${
    V1.replace("postgresql", "pgjdbc")
  }`,
  "a release as a build argument": `ARG SPARK=3.5.8\nFROM apache/spark:\${SPARK}\n${V1}`,
  "an image as a build argument": `ARG BASE=apache/spark:4.0.0\nFROM $BASE\n${V2}`,
  "a default in the reference": `FROM apache/spark:\${SPARK:-3.5.8}\n${V1}`,
  "a platform": `FROM --platform=linux/amd64 apache/spark:3.5.8\n${V1}`,
  "a registry": `FROM docker.io/apache/spark:3.5.8\n${V1}`,
  "stages that build on each other": `FROM apache/spark:3.5.8 AS base\n${V1}FROM base\nUSER 185\n`,
  "a stage that downloads":
    `FROM alpine AS jars\nRUN mkdir x\n${V1}FROM apache/spark:3.5.8\nCOPY --from=jars /x/*.jar /opt/spark/jars/\n`,
  "a stage by its number":
    `FROM alpine\n${V1}FROM apache/spark:3.5.8\nCOPY --from=0 /x /opt/spark/jars\n`,
  "Spark copied from its image":
    `FROM eclipse-temurin:17\nCOPY --from=apache/spark:3.5.8 /opt/spark /opt/spark\n${V1}`,
  "a mount of a stage":
    `FROM alpine AS jars\n${V1}FROM apache/spark:3.5.8\nRUN --mount=type=bind,from=jars,target=/x cp /x/a /opt/spark/jars\n`,
  "a variable of the shell":
    "FROM apache/spark:3.5.8\nRUN V=3.3.4 && cp hadoop-aws-${V}.jar aws-java-sdk-bundle-1.12.262.jar postgresql-42.7.4.jar /opt/spark/jars\n",
  "a here-document":
    "FROM apache/spark:3.5.8\nRUN <<EOF\ncd /opt/spark/jars\ncp hadoop-aws-3.3.4.jar aws-java-sdk-bundle-1.12.262.jar .\ncp postgresql-42.7.4.jar .\nEOF\nUSER 185\n",
  "Maven coordinates":
    "FROM apache/spark:3.5.8\nRUN mvn dependency:copy -Dartifact=org.apache.hadoop:hadoop-aws:3.3.4 && mvn dependency:copy -Dartifact=com.amazonaws:aws-java-sdk-bundle:1.12.262 && mvn dependency:copy -Dartifact=org.postgresql:postgresql:42.7.4\n",
  "a driver for Java 7": `FROM apache/spark:3.5.8\n${V1.replace("42.7.4", "42.7.4.jre7")}`,
  "a driver without a version": `FROM apache/spark:3.5.8\n${V1.replace("-42.7.4", "")}`,
  "a jar for the Scala of the tag": `FROM apache/spark:3.5.8-scala2.13-java17-ubuntu\n${V1}${
    copy("x_2.13-1.0")
  }`,
  "a jar for the Scala of the release": `FROM apache/spark:4.0.0\n${V2}${copy("x_2.13-1.0")}`,
};

for (const [name, text] of Object.entries(GOOD)) {
  Deno.test(`judgeDockerfile accepts ${name}`, () => assertEquals(problemsOf(text), ""));
}

const MOVED = V1.replace("/opt/spark/jars/", "/tmp/jars/");
const URL_ADD = "ADD --checksum=sha256:1 https://x/more.jar /opt/spark/jars/\n";

/** Dockerfiles without a fault whose jars change their place, their mode or their user. */
const MOVES: Readonly<Record<string, string>> = {
  "a jar that a command replaces":
    `FROM apache/spark:3.5.8\n${V1}RUN rm /opt/spark/jars/postgresql-*.jar\n${V1}`,
  "jars that come after a removal":
    `FROM alpine AS jars\n${V1}FROM apache/spark:3.5.8\nRUN rm -f /opt/spark/jars/postgresql*.jar\nCOPY --from=jars /x/*.jar /opt/spark/jars/\n`,
  "the removal of a jar elsewhere":
    `FROM apache/spark:3.5.8\n${V1}RUN rm -f /tmp/postgresql-*.jar /opt/spark/jars/derby*.jar\n`,
  "a folder that a command copies":
    `FROM apache/spark:3.5.8\n${MOVED}RUN cp /tmp/jars/*.jar /opt/spark/jars/\n`,
  "a folder above that a command copies":
    `FROM apache/spark:3.5.8\n${MOVED}RUN cp -r /tmp/. /opt/spark/\n`,
  "a folder in the class path":
    `FROM apache/spark:3.5.8\n${MOVED}ENV SPARK_EXTRA_CLASSPATH=/tmp/jars/*\n`,
  "a folder that a configuration can name":
    `FROM apache/spark:3.5.8\n${MOVED}COPY spark-defaults.conf /opt/spark/conf/\n`,
  "the home of Spark as a variable": `FROM apache/spark:3.5.8\n${
    V1.replace("/opt/spark", "${SPARK_HOME}")
  }`,
  "a file from a URL with a mode": `FROM apache/spark:3.5.8\n${V1}${
    URL_ADD.replace("ADD", "ADD --chmod=644")
  }USER 185\n`,
  "a file from a URL whose mode a command sets":
    `FROM apache/spark:3.5.8\n${V1}${URL_ADD}RUN chmod 644 /opt/spark/jars/*.jar\nUSER 185\n`,
  "a file from a URL for root": `FROM apache/spark:3.5.8\n${V1}${URL_ADD}USER root\n`,
  "Spark from pip with its jars":
    `FROM python:3.11-slim\nRUN pip install -q "pyspark[sql]==3.5.1"\n${
      V1.replace("/opt/spark", "/venv/site-packages/pyspark")
    }`,
};

for (const [name, text] of Object.entries(MOVES)) {
  Deno.test(`judgeDockerfile accepts ${name}`, () => assertEquals(problemsOf(text), ""));
}

Deno.test("judgeDockerfile accepts jars in a folder that a manifest names", () => {
  const text = `FROM apache/spark:3.5.8\n${MOVED}`;
  const code = { language: "dockerfile" as const, file: "Dockerfile", line: 1, text };
  const { findings } = judgeDockerfile(code, (folder) => folder === "/tmp/jars")!;
  assertEquals(findings, []);
});

/** Dockerfiles with a fault, and the problem. */
const BAD: Readonly<Record<string, readonly [text: string, problem: RegExp]>> = {
  "the Hadoop of Spark 3.5 in Spark 4.0": [
    `FROM apache/spark:4.0.0\n${V1}`,
    /does not add the bundle jar\nfail: hadoop-aws 3.3.4 does not match Spark 4.0.* Hadoop 3.4.1\nfail: aws-java-sdk-bundle 1.12.262 does not match/,
  ],
  "the Hadoop of Spark 4.0 in Spark 3.5": [
    `FROM apache/spark:3.5.8\n${V2}`,
    /add the aws-java-sdk-bundle jar\nfail: hadoop-aws 3.4.1 .*\nfail: bundle 2.24.6 does not match/,
  ],
  "an SDK that is older than Hadoop's": [
    `FROM apache/spark:4.1.0\n${copy("hadoop-aws-3.4.2", "bundle-2.24.6", "postgresql-42.7.4")}`,
    /^fail: bundle 2.24.6 does not match Spark 4.1/,
  ],
  "an SDK with checksums that stores refuse": [
    `FROM apache/spark:4.0.0\n${V2.replace("2.24.6", "2.31.0")}`,
    /^warn: bundle 2.31.0 is newer than the 2.24.6 that Hadoop 3.4.1 was built with$/,
  ],
  "a newer release of the first SDK": [
    `FROM apache/spark:3.5.8\n${V1.replace("1.12.262", "1.12.700")}`,
    /^warn: aws-java-sdk-bundle 1.12.700 is newer than the 1.12.262/,
  ],
  "a hadoop-aws of another patch release": [
    `FROM apache/spark:3.5.8\n${V1.replace("3.3.4", "3.3.6")}`,
    /^fail: hadoop-aws 3.3.6 does not match Spark 3.5/,
  ],
  "the default of a build argument": [
    `ARG HADOOP=3.4.0\nFROM apache/spark:4.0.0\n${V2.replace("3.4.1", "${HADOOP}")}`,
    /^fail: hadoop-aws 3.4.0 does not match/,
  ],
  "jars in a stage that is not used": [
    `FROM alpine AS jars\n${V1}FROM apache/spark:3.5.8\nUSER 185\n`,
    /add the hadoop-aws jar\n.*aws-java-sdk-bundle jar\n.*postgresql jar$/,
  ],
  "a jar that a command removes": [
    `FROM apache/spark:3.5.8\n${
      V1.replace("postgresql-42.7.4.jar", "")
    }RUN rm -f /opt/spark/jars/postgresql-42.7.4.jar\n`,
    /^fail: the Dockerfile does not add the postgresql jar$/,
  ],
  "a jar that a pattern removes": [
    `FROM apache/spark:3.5.8\n${V1}RUN rm -f /opt/spark/jars/postgresql-*.jar\n`,
    /^fail: a command removes the postgresql jar, which the Dockerfile adds before$/,
  ],
  "jars in a folder that Spark does not read": [
    `FROM apache/spark:3.5.8\n${V1.replace("/opt/spark/jars/", "/tmp/jars/")}USER 185\n`,
    /^fail: the Dockerfile adds the hadoop-aws jar to \/tmp\/jars, which Spark does not read\n.*aws-java.*\n.*postgresql.*$/,
  ],
  "downloads by one command into a folder that Spark does not read": [
    `FROM apache/spark:3.5.8\n${
      copy("hadoop-aws-3.3.4", "aws-java-sdk-bundle-1.12.262")
    }RUN mkdir -p /opt/jars && curl -fo /opt/jars/x.jar https://x/x.jar && curl -fo /opt/jars/postgresql-42.7.4.jar https://x/postgresql-42.7.4.jar && echo 1 | sha256sum -c\n`,
    /^fail: the Dockerfile adds the postgresql jar to \/opt\/jars, which Spark does not read$/,
  ],
  "a download into a folder that Spark does not read": [
    `FROM apache/spark:3.5.8\n${
      V1.replace("postgresql-42.7.4.jar", "")
    }RUN curl http://x/postgresql-42.7.4.jar -o /tmp/postgresql-42.7.4.jar && sha256sum -c x\n`,
    /^fail: the Dockerfile adds the postgresql jar to \/tmp, which Spark does not read$/,
  ],
  "a file from a URL that only root can read": [
    `FROM apache/spark:3.5.8\n${V1}ADD --checksum=sha256:1 https://x/more.jar /opt/spark/jars/\nUSER 185\n`,
    /^fail: only root can read the file of ADD more.jar, but the image runs as user 185$/,
  ],
  "a file from a URL, without a user": [
    `FROM apache/spark:3.5.8\n${V1}ADD --checksum=sha256:1 https://x/more.jar /opt/spark/jars/\n`,
    /^warn: only root can read the file of ADD more.jar, but the image runs as the user of its/,
  ],
  "a wrong jar beside Spark from pip": [
    `FROM python:3.11-slim\nRUN pip install -q pyspark==3.5.1\n${V1.replace("3.3.4", "3.4.1")}`,
    /^fail: hadoop-aws 3.4.1 does not match Spark 3.5/,
  ],
  "a jar that only a label names": [
    `FROM apache/spark:3.5.8\n${
      V1.replace("postgresql-42.7.4.jar", "")
    }LABEL jar=postgresql-42.7.4.jar\n`,
    /^fail: the Dockerfile does not add the postgresql jar$/,
  ],
  "a driver of 2015": [
    `FROM apache/spark:3.5.8\n${V1.replace("42.7.4", "9.4-1201-jdbc41")}`,
    /^warn: the PostgreSQL driver 9.4-1201-jdbc41 is older than 42.2.0$/,
  ],
  "a jar for the Scala of another tag": [
    `FROM apache/spark:3.5.8-scala2.12-java17-ubuntu\n${V1}${copy("x_2.13-1.0")}`,
    /^fail: x_2.13-1.0.jar is for Scala 2.13, but Spark in this image is for Scala 2.12$/,
  ],
  "a jar for the Scala of Spark 3 in Spark 4": [
    `FROM apache/spark:4.0.0\n${V2}${copy("x_2.12-1.0")}`,
    /^fail: x_2.12-1.0.jar is for Scala 2.12/,
  ],
  "coordinates for another Scala": [
    `FROM apache/spark:4.0.0\n${V2}RUN mvn dependency:copy -Dartifact=ml.dmlc:xgboost4j_2.12:2.0.3\n`,
    /^fail: xgboost4j_2.12-2.0.3.jar is for Scala 2.12/,
  ],
  "an SDK of a later line": [
    `FROM apache/spark:3.3.2\n${
      copy("hadoop-aws-3.3.2", "aws-java-sdk-bundle-1.12.262", "postgresql-42.7.4")
    }`,
    /^warn: aws-java-sdk-bundle 1.12.262 is newer than the 1.11.1026/,
  ],
  "a base without a tag": [`FROM apache/spark\n${V1}`, /does not name a Spark release/],
  "a download without a checksum": [
    `FROM apache/spark:3.5.8\n${V1}ADD --chmod=644 https://example.com/extra-1.0.jar /opt/spark/jars/\n`,
    /^warn: extra is downloaded without a checksum$/,
  ],
};

for (const [name, [text, problem]] of Object.entries(BAD)) {
  Deno.test(`judgeDockerfile reports ${name}`, () => assertMatch(problemsOf(text), problem));
}

/** Dockerfiles that do not show which jars the image has. */
const UNKNOWN: Readonly<Record<string, readonly [text: string, reason: RegExp]>> = {
  "a base with more jars": [
    `FROM bitnami/spark:3.5.0\n${copy("postgresql-42.7.4")}`,
    /^unknown: Dockerfile: the jars of the base image bitnami\/spark:3.5.0 are not known until/,
  ],
  "a base of another owner": [
    `FROM ghcr.io/example/spark-base:2024-01\n${copy("postgresql-42.7.4")}`,
    /^unknown: .*spark-base:2024-01 are not known/,
  ],
  "a base of another registry with the name of plain Spark": [
    "FROM registry.example.com/spark:3.5.8-1\nCOPY hadoop-aws-3.4.1.jar /opt/spark/jars/\n",
    /^unknown: .*registry.example.com\/spark:3.5.8-1 are not known/,
  ],
  "a base that is not pinned, with jars that are not known": [
    "FROM public.ecr.aws/emr-on-eks/spark/emr-7.2.0:latest\nUSER 185\n",
    /^warn: the base image is not pinned: FROM public.*\nunknown: .*emr-7.2.0:latest are not known/,
  ],
  "Spark from pip": [
    "FROM python:3.11-slim\nRUN pip install --no-cache-dir pyspark==3.5.1 psycopg2-binary\n",
    /^unknown: Dockerfile: the jars beside pyspark==3.5.1 are not known until the image is read/,
  ],
  "Spark from its archive": [
    "FROM debian\nRUN curl https://x/spark-3.5.1-bin-hadoop3.tgz | tar xz\n",
    /^unknown: .*the jars beside spark-3.5.1-bin-hadoop3.tgz are not known/,
  ],
  "Spark from an archive with variables": [
    "FROM ubuntu\nENV S=3.1.2 H=3.2.2\nRUN wget https://x/spark-${S}-bin-hadoop${H:0:3}.tgz && tar xf spark-*.tgz\n",
    /^unknown: .*the jars beside spark-3.1.2-bin-hadoop.* are not known/,
  ],
  "Spark from an archive of an unknown release": [
    "FROM ubuntu\nARG S\nRUN wget https://x/spark-${S}-bin-hadoop3.tgz\n",
    /^unknown: .*the jars beside spark-\$\{S\}-bin-hadoop3.tgz are not known/,
  ],
  "a base by its digest": [
    `FROM apache/spark@sha256:${"a".repeat(64)}\n`,
    /^unknown: .*release of/,
  ],
  "a base by an argument": [
    "ARG SPARK\nFROM apache/spark:${SPARK}\nUSER 185\n",
    /^unknown: .* depends on a build argument without a default$/,
  ],
  "a later release": ["FROM apache/spark:9.9.0\n", /^unknown: .*which Hadoop Spark 9.9 includes$/],
  "a folder of jars": [
    "FROM apache/spark:3.5.8\nCOPY jars/ /opt/spark/jars/\n",
    /^unknown: .*the jars that COPY jars\/ \/opt\/spark\/jars\/ adds are not known/,
  ],
  "all jars of a folder": [
    "FROM apache/spark:3.5.8\nCOPY target/*.jar /opt/spark/jars/\n",
    /^unknown/,
  ],
  "a script": ["FROM apache/spark:3.5.8\nRUN ./install-jars.sh\n", /^unknown/],
  "a folder that becomes Spark's": ["FROM apache/spark:3.5.8\nCOPY libs /opt/spark\n", /^unknown/],
  "a folder beside the Dockerfile": [
    "FROM apache/spark:3.5.8\nCOPY ../libs ${SPARK_HOME}/\n",
    /^unknown: .*the jars that COPY \.\.\/libs .* adds are not known/,
  ],
  "a folder for the whole image": ["FROM apache/spark:3.5.8\nCOPY rootfs/ /\n", /^unknown/],
  "a folder in Spark's folder": [
    "FROM apache/spark:3.5.8\nWORKDIR /opt/spark/jars\nCOPY libs .\n",
    /^unknown/,
  ],
  "an archive that ADD unpacks": ["FROM apache/spark:3.5.8\nADD libs.tar.xz /opt/\n", /^unknown/],
  "packages that Spark resolves in the build": [
    "FROM apache/spark:3.5.8\nRUN spark-shell --packages x:y:1 -e 1\n",
    /^unknown/,
  ],
  "the jars that come along with packages": [
    "FROM apache/spark:3.5.8\nRUN spark-shell --packages org.apache.hadoop:hadoop-aws:3.3.4 -i /dev/null && cp /root/.ivy2/jars/*.jar /opt/spark/jars/\n",
    /^unknown: .*the jars that RUN spark-shell .* adds are not known/,
  ],
  "the dependencies that Maven copies": [
    "FROM apache/spark:3.5.8\nCOPY hadoop-aws-3.3.4.jar /opt/spark/jars/\nRUN mvn dependency:copy-dependencies\n",
    /^unknown/,
  ],
  "a build with Maven": ["FROM apache/spark:3.5.8\nRUN mvn -q package\n", /^unknown/],
  "jars of another image": [
    "FROM apache/spark:3.5.8\nCOPY --from=ghcr.io/example/libraries:1 /jars /opt/spark/jars\n",
    /^unknown/,
  ],
};

for (const [name, [text, reason]] of Object.entries(UNKNOWN)) {
  Deno.test(`judgeDockerfile does not judge ${name}`, () => assertMatch(problemsOf(text), reason));
}

Deno.test("judgeDockerfile ignores images that are not for Spark", () => {
  assertEquals(problemsOf("FROM python:3.11\nRUN pip install requests\n"), "not for Spark");
  const client = "FROM python:3.11\nRUN pip install pyspark-client==4.0.0\n";
  assertEquals(problemsOf(client), "not for Spark");
  assertEquals(
    problemsOf("FROM apache/spark:3.5.8 AS tests\nRUN x\nFROM python:3.11\nUSER 1\n"),
    "not for Spark",
  );
});

Deno.test("judgeDockerfile finds the Spark that other ways install, and compares its Hadoop", () => {
  const wrong = "hadoop-aws 3.4.1 does not match Spark 3.5, which includes Hadoop 3.3.4";
  const folder = "/usr/lib/python3/dist-packages/pyspark/jars/";
  const pip = (jars: string) => jars.replace("/opt/spark/jars/", folder);
  for (
    const [install, jars] of [
      ["FROM python:3.11\nRUN pip install pyspark==3.5.1\n", pip(V2)],
      ["FROM python:3.11\nRUN uv pip install --system pyspark==3.5.1\n", pip(V2)],
      ["FROM miniconda3:1\nRUN micromamba install -y pyspark=3.5.1\n", pip(V2)],
      ["FROM eclipse-temurin:17\nRUN bash -c 'sdk install spark 3.5.1'\n", V2],
      ["FROM eclipse-temurin:17\nADD https://a.example/spark-3.5.1-bin-hadoop3.tgz /opt/\n", V2],
      ["FROM bitnami/spark:3.5.1\n", V2],
    ] as const
  ) {
    assertMatch(problemsOf(`${install}${jars}`), new RegExp(wrong), install);
  }
  for (
    const install of [
      "FROM eclipse-temurin:17\nADD https://a.example/spark-3.5.1-bin-without-hadoop.tgz /opt/\n",
      "FROM eclipse-temurin:17\nADD https://a.example/spark-3.2.1-bin-hadoop2.7.tgz /opt/\n",
      "FROM python:3.11\nENV PYSPARK_HADOOP_VERSION=without\nRUN pip install pyspark==3.5.1\n",
      "FROM python:3.11\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\n",
      "FROM registry.example.com/base:1\n",
      "FROM databricksruntime/standard:14.3-LTS\n",
      "FROM public.ecr.aws/glue/aws-glue-libs:5\n",
    ]
  ) {
    assertMatch(problemsOf(`${install}${V2}`), /^unknown: Dockerfile: the jars/, install);
  }
  for (const other of ["apache/hive:4.0.0", "flink:1.20", "trinodb/trino:451"]) {
    assertEquals(problemsOf(`FROM ${other}\n${V2}`), "not for Spark");
  }
});

Deno.test("judgeDockerfile knows the folder that Spark from pip reads", () => {
  const pip = "FROM python:3.11\nRUN pip install pyspark==3.5.1\n";
  const folder = "/usr/lib/python3/dist-packages/pyspark/jars/";
  assertMatch(problemsOf(`${pip}${V1}`), /^unknown: Dockerfile: the jars beside pyspark==3.5.1/);
  assertEquals(problemsOf(`${pip}${V1.replace("/opt/spark/jars/", folder)}`), "");
  assertEquals(problemsOf(`${pip}${V1}ENV SPARK_DIST_CLASSPATH=/opt/spark/jars/*\n`), "");
  assertEquals(problemsOf(`${pip}${V1.replace("/opt/spark", "$SPARK_HOME")}`), "");
});

Deno.test("judgeDockerfile warns about jars for another release of Spark", () => {
  const base = `FROM apache/spark:3.5.8\n${V1}`;
  for (
    const [jar, release] of [
      ["spark-avro_2.12-3.3.0", "3.3"],
      ["spark-sql-kafka-0-10_2.12-3.4.1", "3.4"],
      ["iceberg-spark-runtime-3.3_2.12-1.5.0", "3.3"],
      ["hudi-spark3.4-bundle_2.12-0.14.0", "3.4"],
    ] as const
  ) {
    assertEquals(
      problemsOf(`${base}${copy(jar)}`),
      `warn: ${jar}.jar is for Spark ${release}, but Spark in this image is 3.5`,
    );
  }
  for (
    const jar of [
      "spark-avro_2.12-3.5.1",
      "iceberg-spark-runtime-3.5_2.12-1.5.0",
      "hudi-spark3.5-bundle_2.12-0.15.0",
      "delta-spark_2.12-3.2.0",
      "spark-cassandra-connector_2.12-3.4.1",
    ]
  ) assertEquals(problemsOf(`${base}${copy(jar)}`), "", jar);
});

Deno.test("judgeDockerfile reports a jar once, not where a command changes its mode", () => {
  const jar = "/opt/spark/jars/hadoop-aws-3.3.1.jar";
  assertEquals(
    problemsOf(
      `FROM apache/spark:3.5.8\n${V1}ADD hadoop-aws-3.3.1.jar ${jar}\nRUN chmod 644 ${jar}\n`,
    ),
    "fail: hadoop-aws 3.3.1 does not match Spark 3.5, which includes Hadoop 3.3.4",
  );
});

Deno.test("judgeDockerfile misses only the jars that jobs need", () => {
  const lacking = (lake: boolean, database: boolean) =>
    judgeDockerfile(
      { language: "dockerfile", file: "Dockerfile", line: 1, text: "FROM apache/spark:3.5.8\n" },
      () => false,
      { lake, database },
    )!.findings.map(({ problem }) => /the (\S+) jar/.exec(problem)?.[1]);
  assertEquals(lacking(true, true), ["hadoop-aws", "aws-java-sdk-bundle", "postgresql"]);
  assertEquals(lacking(true, false), ["hadoop-aws", "aws-java-sdk-bundle"]);
  assertEquals(lacking(false, true), ["postgresql"]);
  assertEquals(lacking(false, false), []);
});
