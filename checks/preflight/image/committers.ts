import type { ImageFact } from "../../facts/image.ts";
import type { Tree } from "../../facts/tree.ts";
import type { Finding } from "../../finding.ts";
import { UNREAD_FILE } from "../../spark/configuration_files.ts";
import { printedValue, type SparkSetting } from "../../spark/settings.ts";
import type { SparkJob } from "../../spark/spark_job.ts";
import type { DockerfileReading } from "./dockerfile_jars.ts";
import { imagesOf, readingFor } from "./image_uses.ts";

// How jobs commit what they write to S3: by renaming, or by a committer of S3A.

/** The jar with the classes that connect Spark to the committers of S3A. */
const CLOUD_JAR = "spark-hadoop-cloud";

/** The settings that name a class of {@linkcode CLOUD_JAR}. */
const CLASSES = [
  "spark.sql.sources.commitProtocolClass",
  "spark.sql.parquet.output.committer.class",
];

const CLOUD_CLASSES = /^org\.apache\.spark\.internal\.io\.cloud\./;

const S3A = "spark.hadoop.fs.s3a.committer";

/** The committers of S3A by name; `file` is the committer that renames. */
const NAMES = ["file", "directory", "partitioned", "magic"];

/** The verdict on the committers of jobs. */
export interface CommitterReading {
  /** The violations. */
  readonly findings: readonly Finding[];
  /** The jobs whose jar for a committer was not checked, by their names. */
  readonly unchecked: readonly string[];
  /** The jobs whose settings for committers are not all known, with the reasons. */
  readonly unread: readonly string[];
}

/** The facts that show which jars an image has. */
export interface JarSources {
  /** The images that were read, if any. */
  readonly image: ImageFact | undefined;
  /** The Dockerfiles for Spark. */
  readonly dockerfiles: readonly DockerfileReading[];
}

/** Judges the settings of jobs for committers, and whether the image has the jar that they need. */
export function judgeCommitters(tree: Tree, sources: JarSources): CommitterReading {
  const jobs = tree.jobs.map((job) => ({
    job,
    findings: settingFindings(job),
    unread: unreadReason(job),
    jar: jarOfClasses(job, tree, sources),
  }));
  return {
    findings: jobs.flatMap(({ findings, jar }) => [
      ...findings,
      ...(jar === undefined || jar.has !== false ? [] : [missingJar(jar.setting, jar.where)]),
    ]),
    unchecked: jobs.filter(({ jar }) => jar !== undefined && jar.has === undefined)
      .map(({ job }) => job.label),
    unread: jobs.filter(({ jar }) => jar !== undefined).flatMap(({ job, unread }) =>
      unread === undefined ? [] : [`${job.label} (${unread})`]
    ),
  };
}

/** Why a setting that a job does not name can be set; undefined if all settings are known. */
function unreadReason({ settings }: SparkJob): string | undefined {
  return settings.get(UNREAD_FILE)?.unknown;
}

/** A setting whose value is known and may be printed. */
function known({ settings }: SparkJob, key: string): SparkSetting | undefined {
  const setting = settings.get(key);
  return setting?.unknown === undefined && setting?.isSecret !== true ? setting : undefined;
}

function classesOf(job: SparkJob): SparkSetting[] {
  return CLASSES.flatMap((key) => known(job, key) ?? [])
    .filter(({ value }) => CLOUD_CLASSES.test(value));
}

function settingFindings(job: SparkJob): Finding[] {
  const name = known(job, `${S3A}.name`);
  const magic = known(job, `${S3A}.magic.enabled`);
  const [ofClass] = classesOf(job);
  const at = (
    { place }: SparkSetting,
    severity: Finding["severity"],
    problem: string,
    why: string,
    fix: string,
  ): Finding => ({ severity, ...place, problem, why, fix });
  // A file that was not read can have any setting.
  const set = (key: string) => job.settings.has(key) || unreadReason(job) !== undefined;
  // A setting of one bucket wins over the setting of all buckets.
  const isPerBucket = [...job.settings.keys()]
    .some((key) => /^spark\.hadoop\.fs\.s3a\.bucket\..+\.committer\./.test(key));
  const findings: Finding[] = [];
  if (name !== undefined && ofClass !== undefined && !NAMES.includes(name.value)) {
    findings.push(at(
      name,
      "fail",
      `S3A has no committer ${printedValue(name)}`,
      "a job that writes with a committer of S3A ends with an error",
      `Use one of ${NAMES.join(", ")}: --conf=${S3A}.name=magic`,
    ));
  }
  const isDisabled = magic?.value.toLowerCase() === "false" && !isPerBucket;
  if (name?.value === "magic" && ofClass !== undefined && isDisabled) {
    findings.push(at(
      magic,
      "fail",
      "the job uses the magic committer, and this setting disables it",
      "the committer refuses to start, so the job ends before it writes",
      `Remove the setting, or write --conf=${S3A}.magic.enabled=true`,
    ));
  }
  if (
    name !== undefined && name.value !== "file" && ofClass === undefined &&
    CLASSES.every((key) => !set(key))
  ) {
    findings.push(at(
      name,
      "warn",
      `the committer ${name.value} has no effect: the job does not set ${CLASSES[0]}`,
      "Spark writes with its own committer, which renames, and in S3 a rename is a slow copy that " +
        "can stop halfway",
      `Add: --conf=${CLASSES[0]}=org.apache.spark.internal.io.cloud.PathOutputCommitProtocol ` +
        `--conf=${CLASSES[1]}=org.apache.spark.internal.io.cloud.BindingParquetOutputCommitter`,
    ));
  }
  const isFile = name === undefined ? !set(`${S3A}.name`) : name.value === "file";
  if (ofClass !== undefined && !isPerBucket && isFile) {
    findings.push(at(
      ofClass,
      "warn",
      `the class has no effect: ${S3A}.name is ${name?.value ?? "not set, which means file"}`,
      "the committer file renames, and in S3 a rename is a slow copy that can stop halfway",
      `Add: --conf=${S3A}.name=magic`,
    ));
  }
  return [
    ...findings,
    ...staging(job, name),
    ...secondVersion(job),
    ...forOtherStores(job),
    ...removedClass(job),
  ];
}

const FACTORY = "spark.hadoop.mapreduce.outputcommitter.factory.scheme.s3a";

/** Warns about the manifest committer, which is for stores that rename files. */
function forOtherStores(job: SparkJob): Finding[] {
  const factory = known(job, FACTORY);
  if (factory === undefined || !/\.ManifestCommitterFactory$/.test(factory.value)) return [];
  return [{
    severity: "warn",
    ...factory.place,
    problem: "the job uses the manifest committer for S3, which is for stores that rename files",
    why: "the committer renames, and in S3 a rename is a slow copy that can stop halfway",
    fix: `Use the magic committer of S3A: --conf=${S3A}.name=magic`,
  }];
}

/** Fails for a committer that Spark no longer has. */
function removedClass(job: SparkJob): Finding[] {
  return CLASSES.flatMap((key) => known(job, key) ?? [])
    .filter(({ value }) => /\.Direct(Parquet|File)OutputCommitter$/.test(value))
    .map((setting): Finding => ({
      severity: "fail",
      ...setting.place,
      problem: `${setting.key} names ${setting.value}, which Spark 2.0 removed`,
      why: "the job ends with ClassNotFoundException when it writes",
      fix: `Use the magic committer of S3A: --conf=${S3A}.name=magic`,
    }));
}

/** Warns about a committer whose files the driver and the executors must share. */
function staging(job: SparkJob, name: SparkSetting | undefined): Finding[] {
  const isStaging = name?.value === "directory" || name?.value === "partitioned";
  const isShared = ["spark.hadoop.fs.defaultFS", `${S3A}.staging.tmp.path`]
    .some((key) => job.settings.has(key)) || unreadReason(job) !== undefined;
  if (!isStaging || isShared || job.mode === "local" || classesOf(job).length === 0) return [];
  return [{
    severity: "warn",
    ...name.place,
    problem: `the committer ${name.value} needs a file system that the driver and the executors ` +
      "share, and no setting names one",
    why: "without it, the list of written files stays on the disk of the executor, so the driver " +
      "does not find the files that it must commit",
    fix: `Use the magic committer, which needs only S3: --conf=${S3A}.name=magic`,
  }];
}

const VERSION = "spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version";

/**
 * Warns about version 2 of the committer that renames. It does no harm to a job that writes to a
 * staging folder, and publishes the files of that folder later.
 */
function secondVersion(job: SparkJob): Finding[] {
  const version = known(job, VERSION);
  const renames = classesOf(job).length === 0 || known(job, `${S3A}.name`)?.value === "file";
  if (version?.value !== "2" || !renames) return [];
  const stages = job.code.some(({ text }) => /staging/i.test(text));
  if (stages) return [];
  return [{
    severity: "warn",
    ...version.place,
    problem: `${VERSION} is 2: each task moves its files to the result before the job succeeds`,
    why: "if a task fails while it moves files, or the job fails later, the result has rows of " +
      "some tasks only, or rows twice",
    fix:
      "Write to a staging folder and publish it at the end, use the magic committer of S3A, or " +
      `set the version to 1: --conf=${VERSION}=1`,
  }];
}

/** Whether the jar for a job's committer is there; `has` is undefined if nothing shows the jars. */
interface CloudJar {
  readonly setting: SparkSetting;
  readonly has: boolean | undefined;
  readonly where: string;
}

function jarOfClasses(
  job: SparkJob,
  { objects }: Tree,
  { image, dockerfiles }: JarSources,
): CloudJar | undefined {
  const [setting] = classesOf(job);
  if (setting === undefined) return undefined;
  const isNamed = [...job.jars, ...job.packages].some((each) => each.includes(CLOUD_JAR));
  if (isNamed) return { setting, has: true, where: "" };
  const uses = imagesOf({ jobs: [job], objects }).filter(({ isSpark }) => isSpark);
  const images = image?.images ?? [];
  const readings = uses.map((use) => readingFor(use, images));
  const lacking = readings.find((reading) =>
    reading?.opened === true && reading.jars !== undefined &&
    !reading.jars.some(({ file }) => file.startsWith(CLOUD_JAR))
  );
  if (lacking !== undefined) return { setting, has: false, where: lacking.reference };
  if (readings.length > 0 && readings.every((each) => each?.opened === true)) {
    return { setting, has: true, where: "" };
  }
  if (dockerfiles.length === 0) return { setting, has: undefined, where: "" };
  const files = dockerfiles.map(({ jars = [] }) => jars);
  if (files.some((jars) => jars.some((each) => each.startsWith(CLOUD_JAR)))) {
    return { setting, has: true, where: "" };
  }
  const isClear = dockerfiles.every(({ unknown }) => unknown === undefined);
  return { setting, has: isClear ? false : undefined, where: "the Dockerfile" };
}

function missingJar(setting: SparkSetting, where: string): Finding {
  return {
    severity: "fail",
    ...setting.place,
    problem: `${setting.key} names ${setting.value}, and ${where} has no ${CLOUD_JAR} jar`,
    why: "Spark's image lacks the jar, so the job ends with ClassNotFoundException when it writes",
    fix:
      `Add ${CLOUD_JAR}_<scala>-<spark>.jar for the image's versions of Scala and Spark, as in ` +
      `mvn dependency:copy -Dartifact=org.apache.spark:${CLOUD_JAR}_2.12:3.5.8`,
  };
}
