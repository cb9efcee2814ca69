import { plural } from "../../../pipeline/progress.ts";
import type { ImageContents, ImageFact, ImageReading, ImageRefusal } from "../../facts/image.ts";
import type { Finding, Outcome } from "../../finding.ts";
import { fits } from "../../image/image.ts";
import { type ImageReference, parseImage } from "../../image/reference.ts";
import {
  howToAdd,
  type Jar,
  JARS,
  type JarVersion,
  POSTGRESQL,
  SDK_OF,
} from "../../image/spark_jars.ts";
import { type ImageUse, readingFor } from "./image_uses.ts";

/** What a finding about an image begins with. */
type At = Pick<Finding, "object" | "file" | "line">;

/** An image that was asked for, and the uses of it that jobs make. */
interface Used {
  readonly reading: ImageReading;
  readonly uses: readonly ImageUse[];
}

/**
 * Judges what is inside the images that jobs run: Spark's jars folder has what they need, in versions
 * that fit, and the code that they name is there.
 *
 * @param uses the images that jobs run; without any, all images of the fact are Spark's
 */
export function judgeContents(fact: ImageFact, uses: readonly ImageUse[]): Outcome {
  const images = fact.images.map((reading): Used => (
    { reading, uses: uses.filter((use) => readingFor(use, fact.images) === reading) }
  ));
  const known = images.filter(({ reading }) => !isOfPull(reading));
  const lost = uses.find((use) => readingFor(use, fact.images) === undefined);
  if (lost !== undefined) return { unknown: `${lost.reference} was not read` };
  if (images.length === 0) return { unknown: "no image was read" };
  const findings = known.filter((image) => !isNamed(image))
    .flatMap((image) => judgeImage(image, fact.platform));
  if (known.length === 0) return { skip: "no image could be opened (see image-pull)" };
  const examined = `the inside of ${plural(known.length, "image")}`;
  if (known.length === images.length || findings.length > 0) return { examined, findings };
  return {
    skip: `${plural(images.length - known.length, "image")} could not be opened (see image-pull)`,
  };
}

/** What plain Spark lacks is told by its name, at each place where a job names it. */
function isNamed({ reading, uses }: Used): boolean {
  return uses.length > 0 && isPlainSpark(parseImage(reading.reference));
}

/** What keeps nodes from pulling an image is told by the check that is about just that. */
function isOfPull(reading: ImageReading): reading is ImageRefusal {
  return !reading.opened && (reading.trouble === "denied" || reading.trouble === "unknown");
}

function judgeImage({ reading, uses }: Used, wanted: string): Finding[] {
  const at = atImage(reading, uses);
  if (!reading.opened) return [refused(reading, at)];
  const isSpark = uses.length === 0 || uses.some((use) => use.isSpark);
  return [
    ...ofPlatform(reading, wanted, at),
    ...(isSpark ? judgeJars(reading, at) : []),
    ...missingFiles(reading, uses),
  ];
}

function atImage(reading: ImageReading, [use]: readonly ImageUse[]): At {
  const { reference } = reading;
  const { file, line } = use?.place ?? {};
  return {
    object: reading.opened && !reference.includes("@")
      ? `${reference}@${reading.digest}`
      : reference,
    ...(file === undefined ? {} : { file }),
    ...(line === undefined ? {} : { line }),
  };
}

function refused({ problem, fix, trouble }: ImageRefusal, at: At): Finding {
  const why = trouble === "platform"
    ? "a node of another platform cannot pull it, and the pod stays in ImagePullBackOff"
    : "a node fails to pull it for the same reason, and the pod stays in ImagePullBackOff";
  return { severity: "fail", ...at, problem, why, fix };
}

function ofPlatform({ platform }: ImageContents, wanted: string, at: At): Finding[] {
  return fits(platform, wanted) ? [] : [{
    severity: "fail",
    ...at,
    problem: `it is for ${platform}, and the nodes are ${wanted}`,
    why: "its programs fail with exec format error when they start",
    fix: `Build it for them: docker build --platform ${wanted} manifests/image`,
  }];
}

function judgeJars(image: ImageContents, at: At): Finding[] {
  const { jars, jarsFolder, hadoopVersion } = image;
  if (jars === undefined || hadoopVersion === undefined) {
    const lack = jars === undefined ? `no folder ${jarsFolder}` : `no Hadoop in ${jarsFolder}`;
    return [{
      ...{ severity: "fail", ...at, field: jarsFolder, problem: `it has ${lack}` },
      why: "that is where Spark and its Hadoop are in an image of Spark",
      fix: "Build it on Spark's own image, as manifests/image/Dockerfile does.",
    }];
  }
  const sdk = SDK_OF[hadoopVersion];
  const wanted: JarVersion[] = [
    { name: "hadoop-aws", version: hadoopVersion },
    sdk ?? { name: "aws-java-sdk-bundle", version: "" },
    POSTGRESQL,
  ];
  return [
    ...wanted.flatMap((jar) => missingJar(image, jar, at)),
    ...wanted.slice(0, 2).flatMap((jar) => unfit(image, jar, at)),
    ...twice(image, at),
    ...(sdk === undefined ? [unheardOf(image, at)] : []),
  ];
}

function missingJar(image: ImageContents, { name, version }: JarVersion, at: At): Finding[] {
  const { jars = [], deletedJars, jarsFolder } = image;
  if (jars.some((jar) => jar.name === name)) return [];
  const deleted = deletedJars.find((jar) => jar.name === name);
  const where = deleted === undefined
    ? `there is no ${name} jar in ${jarsFolder}`
    : `${deleted.file} is not in ${jarsFolder} any more: layer ${deleted.layer} deletes it`;
  return [{
    ...{ severity: "fail", ...at, field: jarsFolder, problem: where },
    why: "Spark's image lacks it, and a job's pod may not download anything",
    fix: deleted === undefined
      ? howToAdd({ name, version }, jarsFolder)
      : `Leave it where it is: remove what deletes ${deleted.file} from the Dockerfile.`,
  }];
}

function unfit(image: ImageContents, { name, version }: JarVersion, at: At): Finding[] {
  const { jars = [], hadoopVersion } = image;
  const wrong = jars.filter((jar) => jar.name === name && jar.version !== version);
  if (version === "") return [];
  return wrong.map(({ file }): Finding => ({
    ...{ severity: "fail", ...at, field: file },
    problem: `${file} does not fit the image's Hadoop ${hadoopVersion}`,
    why: "versions that do not fit fail with NoSuchMethodError or ClassNotFoundException, and " +
      "only when a job runs",
    fix: `Take ${name}-${version}.jar instead, and its checksum.`,
  }));
}

/** Jars of which a second version is a matter of this check: those that we add, Spark and Hadoop. */
const OURS = [...JARS, "bundle"] as readonly string[];

function twice({ jars = [] }: ImageContents, at: At): Finding[] {
  const groups = Map.groupBy(
    jars.filter(({ name }) => OURS.includes(name) || /^(hadoop|spark)-/.test(name)),
    ({ name }) => name,
  );
  return [...groups.values()].filter((same) => same.length > 1).map((same): Finding => ({
    ...{ severity: "fail", ...at, field: same[0]!.file },
    problem: `there are ${same.length} versions of one jar: ${files(same)}`,
    why: "the JVM loads a class from either version, in no defined order",
    fix: `Leave one of them, and remove the others in the layer that adds them.`,
  }));
}

function unheardOf({ hadoopVersion }: ImageContents, at: At): Finding {
  return {
    ...{ severity: "warn", ...at, field: "hadoop-aws" },
    problem: `this check does not know which AWS SDK fits Hadoop ${hadoopVersion}`,
    why: "one that does not fit fails with NoSuchMethodError, and only when a job runs",
    fix: `Look it up in the pom of org.apache.hadoop:hadoop-project:${hadoopVersion} ` +
      "(aws-java-sdk.version, or aws-java-sdk-v2.version).",
  };
}

function missingFiles({ reference, digest, files }: ImageContents, uses: readonly ImageUse[]) {
  const missing = uses.flatMap((use) => use.files.filter(({ path }) => !files.includes(path)));
  return missing.map(({ path, place }): Finding => ({
    ...{ severity: "fail", ...place },
    problem: `${path} is not in the image ${reference} (${digest})`,
    why: "the job fails at once with no such file",
    fix: "Copy it there in the Dockerfile, as in COPY jobs /opt/deep-storage/jobs; or name the " +
      "file that is there.",
  }));
}

function files(jars: readonly Jar[]): string {
  return jars.map(({ file }) => file).join(", ");
}

/** The published images of plain Spark, without their registry. */
const PLAIN = [
  ...["spark", "library/spark", "apache/spark", "apache/spark-py", "apache/spark-r", "spark-py"],
  ...["bitnami/spark", "bitnamilegacy/spark", "datamechanics/spark", "spark-operator/spark"],
  ...["spark-operator/spark-py", "kubeflow/spark", "pyspark", "jupyter/pyspark-notebook"],
];

/** Whether a reference is plain Spark, as others publish it. */
export function isPlainSpark({ repository }: ImageReference): boolean {
  const [first = "", ...rest] = repository.split("/");
  const hasRegistry = rest.length > 0 && /[.:]|^localhost$/.test(first);
  return PLAIN.includes(hasRegistry ? rest.join("/") : repository);
}

/** Why nobody knows what an image will be on the day it is pulled; undefined where one does. */
export function whyUnpinned({ tag, digest }: ImageReference): string | undefined {
  if (digest !== undefined) {
    return /^sha256:[0-9a-f]{64}$/.test(digest) ? undefined : "its digest is none";
  }
  if (tag === undefined) return "it has no tag, which means latest";
  return tag === "latest" ? "its tag is latest" : undefined;
}
