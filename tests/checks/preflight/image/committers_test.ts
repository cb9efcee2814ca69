import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import { treeOf } from "../../../../checks/facts/tree.ts";
import { judgeImages } from "../../../../checks/preflight/image/image_deps.ts";
import { contents, jar, JARS } from "../../healthy/image.ts";
import {
  assertFound,
  change,
  CODE,
  factOf,
  IMAGE,
  JOB,
  JOB_ID,
  judgeFiles,
} from "../../healthy/manifests.ts";

const ID = "image-deps";
const PROTOCOL = "spark.sql.sources.commitProtocolClass=" +
  "org.apache.spark.internal.io.cloud.PathOutputCommitProtocol";
const PARQUET = "spark.sql.parquet.output.committer.class=" +
  "org.apache.spark.internal.io.cloud.BindingParquetOutputCommitter";
const NAME = "spark.hadoop.fs.s3a.committer.name";
const VERSION = "spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version";

/** The files with more settings of the bronze Job, and with the jar in the Dockerfile or not. */
function withSettings(settings: readonly string[], hasJar = true): Record<string, string> {
  const first = "            - --conf=spark.kubernetes.namespace=analytics-jobs\n";
  const lines = settings.map((each) => `            - --conf=${each}\n`).join("");
  const files = change(JOB, first, first + lines);
  return hasJar
    ? change(
      "image/Dockerfile",
      "RUN cd /libraries",
      "RUN $copy -Dartifact=org.apache.spark:spark-hadoop-cloud_2.12:3.5.8\nRUN cd /libraries",
      files,
    )
    : files;
}

Deno.test("image-deps accepts a whole configuration of a committer of S3A", async () => {
  await assertFound(ID, withSettings([PROTOCOL, PARQUET, `${NAME}=magic`]));
  await assertFound(
    ID,
    withSettings([
      PROTOCOL,
      PARQUET,
      `${NAME}=directory`,
      "spark.hadoop.fs.defaultFS=hdfs://namenode:8020",
    ]),
  );
  await assertFound(
    ID,
    withSettings([PROTOCOL, "spark.hadoop.fs.s3a.bucket.rbs.committer.name=magic"]),
  );
  await assertFound(ID, withSettings([`${NAME}=file`, `${VERSION}=1`]));
});

Deno.test("image-deps fails for a committer whose jar the Dockerfile does not add", async () => {
  for (const setting of [PROTOCOL, PARQUET]) {
    const [key, value] = setting.split("=");
    await assertFound(ID, withSettings([setting, `${NAME}=magic`], false), {
      severity: "fail",
      object: JOB_ID,
      problem: `${key} names ${value}, and the Dockerfile has no spark-hadoop-cloud jar`,
    });
  }
  const local = "spark.jars=local:///opt/extra/spark-hadoop-cloud_2.12-3.5.8.jar";
  await assertFound(ID, withSettings([PROTOCOL, `${NAME}=magic`, local], false));
});

Deno.test("image-deps fails for a magic committer that is disabled, and for an unknown committer", async () => {
  const magic = "spark.hadoop.fs.s3a.committer.magic.enabled";
  await assertFound(ID, withSettings([PROTOCOL, `${NAME}=magic`, `${magic}=false`]), {
    severity: "fail",
    problem: "the job uses the magic committer, and this setting disables it",
  });
  await assertFound(ID, withSettings([PROTOCOL, `${NAME}=magic`, `${magic}=true`]));
  await assertFound(ID, withSettings([PROTOCOL, `${NAME}=magik`]), {
    severity: "fail",
    problem: "S3A has no committer magik",
  });
});

Deno.test("image-deps warns about half a configuration that has no effect", async () => {
  await assertFound(ID, withSettings([`${NAME}=magic`]), {
    severity: "warn",
    problem: "the committer magic has no effect: the job does not set " +
      "spark.sql.sources.commitProtocolClass",
  });
  await assertFound(ID, withSettings([PROTOCOL, PARQUET]), {
    severity: "warn",
    problem: `the class has no effect: ${NAME} is not set, which means file`,
  });
});

Deno.test("image-deps warns about a staging committer without a shared file system", async () => {
  await assertFound(ID, withSettings([PROTOCOL, `${NAME}=directory`]), {
    severity: "warn",
    problem: "the committer directory needs a file system that the driver and the executors " +
      "share, and no setting names one",
  });
});

Deno.test("image-deps warns about version 2 of the committer that renames", async () => {
  const problem =
    `${VERSION} is 2: each task moves its files to the result before the job succeeds`;
  await assertFound(ID, withSettings([`${VERSION}=2`]), { severity: "warn", problem });
  const inCode = `\n\nbuilder.config("${VERSION}", "2")\n\n\ndef run`;
  await assertFound(ID, change(CODE, "\n\n\ndef run", inCode), { severity: "warn", problem });
  await assertFound(ID, withSettings([PROTOCOL, `${NAME}=magic`, `${VERSION}=2`]));
});

Deno.test("image-deps accepts version 2 for a job that publishes a staging folder", async () => {
  const inCode = `\n\nbuilder.config("${VERSION}", "2")\nFOLDER = "_staging/"\n\n\ndef run`;
  await assertFound(ID, change(CODE, "\n\n\ndef run", inCode));
});

Deno.test("image-deps names a committer whose jar cannot be known", async () => {
  const { "image/Dockerfile": _, ...files } = withSettings([PROTOCOL, `${NAME}=magic`], false);
  const { verdict, unchecked } = (await judgeFiles(files)).find(({ id }) => id === ID)!;
  assertEquals(verdict, "pass");
  assertStringIncludes(
    unchecked!.join(),
    `the jars of the image are not known: the committer of ${JOB_ID}`,
  );
});

Deno.test("judgeImages finds the jar of a committer in the contents of the image", () => {
  const tree = treeOf(factOf(withSettings([PROTOCOL, `${NAME}=magic`], false)));
  const problems = (jars: typeof JARS) =>
    judgeImages(tree, { platform: "linux/amd64", images: [contents(IMAGE, { jars })] })!
      .findings.map(({ problem }) => problem);
  assertEquals(problems([...JARS, jar("spark-hadoop-cloud_2.12", "3.5.8")]), []);
  const [key, value] = PROTOCOL.split("=");
  assertEquals(problems(JARS), [
    `${key} names ${value}, and ${IMAGE} has no spark-hadoop-cloud jar`,
  ]);
});

Deno.test("image-deps judges committers that are for other stores, or that Spark no longer has", async () => {
  const factory = "spark.hadoop.mapreduce.outputcommitter.factory.scheme.s3a=" +
    "org.apache.hadoop.mapreduce.lib.output.committer.manifest.ManifestCommitterFactory";
  await assertFound(ID, withSettings([factory]), {
    severity: "warn",
    problem: "the job uses the manifest committer for S3, which is for stores that rename files",
  });
  await assertFound(ID, withSettings([factory.replace("s3a", "abfs")]));
  const removed = "org.apache.spark.sql.parquet.DirectParquetOutputCommitter";
  const key = "spark.sql.parquet.output.committer.class";
  await assertFound(ID, withSettings([`${key}=${removed}`]), {
    severity: "fail",
    problem: `${key} names ${removed}, which Spark 2.0 removed`,
  });
});

Deno.test("image-deps judges no committer that a file can set which was not read", () => {
  const mount = "          volumeMounts:\n";
  const volumes = "      volumes:\n";
  const files = withSettings([PROTOCOL, PARQUET]);
  const mounted = (text: string) =>
    text.replace(mount, `${mount}            - { name: hadoop, mountPath: /opt/spark/conf }\n`)
      .replace(volumes, `${volumes}        - { name: hadoop, configMap: { name: hadoop } }\n`);
  assertEquals(files[JOB]!.includes(mount) && files[JOB]!.includes(volumes), true);
  const reading = (files: Record<string, string>) => judgeImages(treeOf(factOf(files)))!;
  const { findings, unchecked = [] } = reading({ ...files, [JOB]: mounted(files[JOB]!) });
  assertEquals(findings, []);
  assertStringIncludes(
    unchecked.join(),
    `not checked, because a file can have more settings: the committer of ${JOB_ID} ` +
      "(ConfigMap hadoop can have the file core-site.xml, and is not in the manifests)",
  );
  assertStringIncludes(reading(files).findings[0]!.problem, "the class has no effect");
});
