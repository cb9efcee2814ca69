import { plural } from "../../../pipeline/progress.ts";
import { type Check, check } from "../../check.ts";
import type { ImageContents, ImageFact, ImageReading, ImageRefusal } from "../../facts/image.ts";
import type { Tree } from "../../facts/tree.ts";
import type { Finding, Outcome, Place } from "../../finding.ts";
import { fits, type ImageReference, parseImage } from "../../image/reference.ts";
import { howToAdd, JARS, type JarVersion, POSTGRESQL, SDK_OF } from "../../image/spark_jars.ts";
import { placeOf } from "../../kubernetes/objects.ts";
import type { SparkJob } from "../../spark/spark_job.ts";
import type { Workload } from "../../kubernetes/workloads.ts";
import { printedValue, settingsIn, type SparkSetting } from "../../spark/settings.ts";
import { hasFailure, type Judged, outcomeOf } from "../outcome.ts";
import { JOBS, onPlatform, PLATFORM } from "../platform.ts";
import { judgeDockerfile } from "./dockerfile_jars.ts";
import { imagesOf, type ImageUse, readingFor } from "./image_uses.ts";

/**
 * The image of a job is ours, is pinned, and contains every jar and file that the job needs. The
 * check judges the image's name in the manifests, the Dockerfile, and the contents of the image.
 */
export const imageDeps: Check<never, "manifests" | "cluster" | "image"> = check({
  id: "image-deps",
  title: "jobs find all they need in their image",
  phase: "before",
  needs: [],
  wants: [...PLATFORM, "image"],
  run({ image, ...facts }, share) {
    if (facts.manifests === undefined && facts.cluster === undefined) {
      return judgeContents(image!, []);
    }
    return onPlatform(facts, share, JOBS, (platform) => {
      const { tree } = platform;
      const absent = "there is neither a job nor a Dockerfile for Spark";
      const judged = outcomeOf(platform, judgeImages(tree), absent);
      const unknown = unknownImages(tree);
      const named = unknown === undefined || hasFailure(judged) ? judged : { unknown };
      const isRead = image !== undefined && (image.images.length > 0 || "findings" in named);
      return isRead ? combined(named, judgeContents(image, imagesOf(tree))) : named;
    });
  },
});

/** Combines two outcomes. If one of them is a failure, the result is a failure. */
function combined(a: Outcome, b: Outcome): Outcome {
  if ("findings" in a && "findings" in b) {
    return {
      examined: `${a.examined}, ${b.examined}`,
      findings: [...a.findings, ...b.findings],
    };
  }
  const failed = [a, b].find(hasFailure);
  if (failed !== undefined) return failed;
  return "findings" in a || "notApplicable" in a ? b : a;
}

const IMAGE = "ghcr.io/ldamasio/rbs-spark:3.5.8-phase1";

/**
 * Judges the images that jobs name, the settings that make Spark download jars, and the
 * Dockerfiles.
 *
 * @returns undefined if there is neither a job nor a Dockerfile for Spark
 */
export function judgeImages({ jobs, code }: Tree): Judged | undefined {
  const dockerfiles = code.filter(({ language }) => language === "dockerfile")
    .flatMap((each) => {
      const findings = judgeDockerfile(each);
      return findings === undefined ? [] : [findings];
    });
  if (jobs.length + dockerfiles.length === 0) return undefined;
  const settings = [
    ...jobs.flatMap((job) => job.given),
    ...code.flatMap((each) => settingsIn(each)),
  ];
  return {
    examined: `the images of ${plural(jobs.length, "job")}, ${
      plural(dockerfiles.length, "Dockerfile")
    }, ${plural(settings.length, "Spark setting")}`,
    findings: [
      ...jobs.flatMap(({ workload }) => judgeContainers(workload)),
      ...jobs.flatMap(missingImages),
      ...withoutDuplicates(
        settings.flatMap((each) => [...judgeImageSetting(each), ...downloads(each)]),
      ),
      ...dockerfiles.flat(),
    ],
  };
}

function judgeContainers({ object, containers }: Workload): Finding[] {
  return containers.flatMap(({ image, path }): Finding[] => {
    const place = placeOf(object, `${path}.image`);
    if (image !== "") return judgeReference(image, place, "image: ");
    return [{
      severity: "fail",
      ...place,
      problem: "the container has no image",
      why: "the API server refuses the pod",
      fix: `Set it: image: ${IMAGE}`,
    }];
  });
}

/** The settings that name an image by a variable of unknown value, or undefined. */
function unknownImages({ jobs }: Tree): string | undefined {
  const unknown = jobs.flatMap(({ label, images }) =>
    images.flatMap((each) =>
      each.unknown === undefined ? [] : [`${label}: ${each.key} is not known: ${each.unknown}`]
    )
  );
  return unknown.length === 0 ? undefined : unknown.join("; ");
}

/** Spark creates no pod without a setting that names the image. */
function missingImages({ workload, settings, driver, executor }: SparkJob): Finding[] {
  const key = (role: string) => `spark.kubernetes.${role}container.image`;
  return [driver, executor].flatMap((pod): Finding[] => {
    if (pod === undefined || settings.has(key("")) || settings.has(key(`${pod.role}.`))) return [];
    return [{
      severity: "fail",
      ...placeOf(workload.object, `${workload.specPath}.containers[0].args`),
      problem: `no setting names the image of the ${
        pod.role === "driver" ? "driver" : "executors"
      }`,
      why: "Spark has no default image, so the job ends before Spark creates the pod",
      fix: `Add to the arguments of spark-submit: --conf=${key("")}=${IMAGE}`,
    }];
  });
}

/** Judges a setting that names the image of the pods that Spark creates. */
function judgeImageSetting(setting: SparkSetting): Finding[] {
  const { key, place } = setting;
  // An image from a Secret must not be printed, and an unknown image cannot be judged.
  if (setting.unknown !== undefined || setting.isSecret === true) return [];
  return /^spark\.kubernetes\.((driver|executor)\.)?container\.image$/.test(key)
    ? judgeReference(printedValue(setting), place, `--conf=${key}=`)
    : [];
}

/** @param prefix the text before the image in the manifest, as in `image: ` */
function judgeReference(image: string, place: Place, prefix: string): Finding[] {
  const reference = parseImage(image);
  if (isPlainSpark(reference)) {
    return [{
      severity: "fail",
      ...place,
      problem: `${image} is plain Spark`,
      why: "it lacks hadoop-aws, the AWS SDK and the PostgreSQL driver, and the job's pod cannot " +
        "download them",
      fix: `Build manifests/image and use the result: ${prefix}${IMAGE}`,
    }];
  }
  const unpinned = whyUnpinned(reference);
  return unpinned === undefined ? [] : [{
    severity: "fail",
    ...place,
    problem: `${image} is not pinned: ${unpinned}`,
    why: "nodes that pull the image at different times can run different code",
    fix: `Pin a release or a digest: ${prefix}${IMAGE}`,
  }];
}

/** The published images of plain Spark, without their registry. */
const PLAIN_IMAGES = [
  "spark",
  "library/spark",
  "apache/spark",
  "apache/spark-py",
  "apache/spark-r",
  "spark-py",
  "bitnami/spark",
  "bitnamilegacy/spark",
  "datamechanics/spark",
  "spark-operator/spark",
  "spark-operator/spark-py",
  "kubeflow/spark",
  "pyspark",
  "jupyter/pyspark-notebook",
];

/**
 * Returns whether a reference names a published image of plain Spark, such as `apache/spark:3.5.8`.
 */
export function isPlainSpark({ repository }: ImageReference): boolean {
  const [first = "", ...rest] = repository.split("/");
  const hasRegistry = rest.length > 0 && /[.:]|^localhost$/.test(first);
  return PLAIN_IMAGES.includes(hasRegistry ? rest.join("/") : repository);
}

/** Returns why a reference can refer to a different image tomorrow; undefined if it is pinned. */
export function whyUnpinned({ tag, digest }: ImageReference): string | undefined {
  if (digest !== undefined) {
    return /^sha256:[0-9a-f]{64}$/.test(digest) ? undefined : "its digest is not a SHA-256 digest";
  }
  if (tag === undefined) return "it has no tag, which means latest";
  return tag === "latest" ? "its tag is latest" : undefined;
}

/** Settings that make Spark resolve jars from a repository when a job starts. */
const RESOLVING = [
  "spark.jars.packages",
  "spark.jars.repositories",
  "spark.jars.ivy",
  "spark.jars.ivySettings",
];

function downloads(setting: SparkSetting): Finding[] {
  const { key, value, place } = setting;
  const isRemote = /^(https?|ftp|ivy):/.test(value) && /^spark\.(jars|files|archives)$/.test(key);
  if (!isRemote && !RESOLVING.includes(key) || value === "") return [];
  return [{
    severity: "fail",
    ...place,
    problem: `${key} makes the job download jars when it starts (${printedValue(setting)})`,
    why:
      "the job's pod can connect only to DNS, Postgres, the Kubernetes API and the lake, so the " +
      "download hangs until it times out",
    fix: "Remove the setting, and add the jars to the image: manifests/image/Dockerfile",
  }];
}

/** Removes duplicates: a script in an object is part of the object and also a separate source. */
function withoutDuplicates(findings: readonly Finding[]): Finding[] {
  const same = (a: Finding, b: Finding) =>
    a.object === b.object && a.problem === b.problem && a.file === b.file;
  return findings.filter((each, i) => findings.findIndex((other) => same(each, other)) === i);
}

/** The object, file and line of a finding about the contents of an image. */
type ImagePlace = Pick<Finding, "object" | "file" | "line">;

/** An image that was read, and its uses in jobs. */
interface UsedImage {
  readonly reading: ImageReading;
  readonly uses: readonly ImageUse[];
}

/**
 * Judges the contents of images: the jars folder of Spark has the jars that jobs need, in versions
 * that fit each other, and the files that jobs name exist.
 *
 * @param uses the images that jobs run; if empty, every image of the fact counts as an image for
 *   Spark
 */
export function judgeContents(fact: ImageFact, uses: readonly ImageUse[]): Outcome {
  const images = fact.images.map((reading): UsedImage => (
    { reading, uses: uses.filter((use) => readingFor(use, fact.images) === reading) }
  ));
  const known = images.filter(({ reading }) => !isPullFailure(reading));
  const unread = uses.find((use) => readingFor(use, fact.images) === undefined);
  if (unread !== undefined) return { unknown: `${unread.reference} was not read` };
  if (images.length === 0) return { unknown: "no image was read" };
  const findings = known.filter((image) => !isPlainInManifests(image))
    .flatMap((image) => judgeImage(image, fact.platform));
  if (known.length === 0) return { skip: "no image could be opened (see image-pull)" };
  const examined = `the contents of ${plural(known.length, "image")}`;
  if (known.length === images.length || findings.length > 0) return { examined, findings };
  return {
    skip: `${plural(images.length - known.length, "image")} could not be opened (see image-pull)`,
  };
}

/** Returns whether a job names plain Spark: {@linkcode judgeImages} already reports that. */
function isPlainInManifests({ reading, uses }: UsedImage): boolean {
  return uses.length > 0 && isPlainSpark(parseImage(reading.reference));
}

/** Returns whether nodes cannot pull the image: the check image-pull reports that. */
function isPullFailure(reading: ImageReading): reading is ImageRefusal {
  return !reading.opened && (reading.trouble === "denied" || reading.trouble === "unknown");
}

function judgeImage({ reading, uses }: UsedImage, nodePlatform: string): Finding[] {
  const place = imagePlace(reading, uses);
  if (!reading.opened) return [unusableImageFinding(reading, place)];
  const isSpark = uses.length === 0 || uses.some((use) => use.isSpark);
  return [
    ...wrongPlatform(reading, nodePlatform, place),
    ...(isSpark ? judgeJars(reading, place) : []),
    ...missingFiles(reading, uses),
  ];
}

function imagePlace(reading: ImageReading, [use]: readonly ImageUse[]): ImagePlace {
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

function unusableImageFinding({ problem, fix, trouble }: ImageRefusal, place: ImagePlace): Finding {
  const why = trouble === "platform"
    ? "a node of another platform cannot pull it, and the pod stays in ImagePullBackOff"
    : "a node fails to pull it for the same reason, and the pod stays in ImagePullBackOff";
  return { severity: "fail", ...place, problem, why, fix };
}

function wrongPlatform(
  { platform }: ImageContents,
  nodePlatform: string,
  place: ImagePlace,
): Finding[] {
  return fits(platform, nodePlatform) ? [] : [{
    severity: "fail",
    ...place,
    problem: `the image is for ${platform}, but the nodes are ${nodePlatform}`,
    why: "its programs fail with exec format error when they start",
    fix: `Build it for the nodes: docker build --platform ${nodePlatform} manifests/image`,
  }];
}

function judgeJars(image: ImageContents, place: ImagePlace): Finding[] {
  const { jars, jarsFolder, hadoopVersion } = image;
  if (jars === undefined || hadoopVersion === undefined) {
    return [{
      severity: "fail",
      ...place,
      field: jarsFolder,
      problem: jars === undefined
        ? `the image has no folder ${jarsFolder}`
        : `the image has no Hadoop jar in ${jarsFolder}`,
      why: "an image for Spark has Spark and Hadoop in that folder",
      fix: "Build the image on Spark's own image, as manifests/image/Dockerfile does.",
    }];
  }
  const sdk = SDK_OF[hadoopVersion];
  const aws: JarVersion[] = [
    { name: "hadoop-aws", version: hadoopVersion },
    sdk ?? { name: "aws-java-sdk-bundle", version: "" },
  ];
  return [
    ...[...aws, POSTGRESQL].flatMap((jar) => missingJar(image, jar, place)),
    ...aws.flatMap((jar) => wrongVersions(image, jar, place)),
    ...duplicateJars(image, place),
    ...(sdk === undefined ? [unknownHadoop(image, place)] : []),
  ];
}

function missingJar(
  image: ImageContents,
  { name, version }: JarVersion,
  place: ImagePlace,
): Finding[] {
  const { jars = [], deletedJars, jarsFolder } = image;
  if (jars.some((jar) => jar.name === name)) return [];
  const deleted = deletedJars.find((jar) => jar.name === name);
  return [{
    severity: "fail",
    ...place,
    field: jarsFolder,
    problem: deleted === undefined
      ? `there is no ${name} jar in ${jarsFolder}`
      : `layer ${deleted.layer} deletes ${deleted.file} from ${jarsFolder}`,
    why: "Spark's image lacks the jar, and a job's pod cannot download it",
    fix: deleted === undefined
      ? howToAdd({ name, version }, jarsFolder)
      : `Remove the instruction that deletes ${deleted.file} from the Dockerfile.`,
  }];
}

function wrongVersions(
  image: ImageContents,
  { name, version }: JarVersion,
  place: ImagePlace,
): Finding[] {
  const { jars = [], hadoopVersion } = image;
  const wrong = jars.filter((jar) => jar.name === name && jar.version !== version);
  if (version === "") return [];
  return wrong.map(({ file }): Finding => ({
    severity: "fail",
    ...place,
    field: file,
    problem: `${file} does not fit the image's Hadoop ${hadoopVersion}`,
    why: "jobs fail at run time with NoSuchMethodError or ClassNotFoundException",
    fix: `Use ${name}-${version}.jar and its checksum instead.`,
  }));
}

/**
 * The jars that our Dockerfile adds. The check also looks for duplicates of Spark's and Hadoop's.
 */
const ADDED_JARS: readonly string[] = [...JARS, "bundle"];

function duplicateJars({ jars = [] }: ImageContents, place: ImagePlace): Finding[] {
  const groups = Map.groupBy(
    jars.filter(({ name }) => ADDED_JARS.includes(name) || /^(hadoop|spark)-/.test(name)),
    ({ name }) => name,
  );
  return [...groups.values()].filter((same) => same.length > 1).map((same): Finding => ({
    severity: "fail",
    ...place,
    field: same[0]!.file,
    problem: `there are ${same.length} versions of one jar: ${
      same.map(({ file }) => file).join(", ")
    }`,
    why: "the JVM loads a class from either version, in no defined order",
    fix: "Keep one version, and remove the others in the layer that adds them.",
  }));
}

function unknownHadoop({ hadoopVersion }: ImageContents, place: ImagePlace): Finding {
  return {
    severity: "warn",
    ...place,
    field: "hadoop-aws",
    problem: `this check does not know which AWS SDK fits Hadoop ${hadoopVersion}`,
    why: "an SDK that does not fit fails at run time with NoSuchMethodError",
    fix: `Look it up in the pom of org.apache.hadoop:hadoop-project:${hadoopVersion} ` +
      "(aws-java-sdk.version, or aws-java-sdk-v2.version).",
  };
}

function missingFiles(
  { reference, digest, files }: ImageContents,
  uses: readonly ImageUse[],
): Finding[] {
  const absent = uses.flatMap((use) => use.files.filter(({ path }) => !files.includes(path)));
  return absent.map(({ path, place }): Finding => ({
    severity: "fail",
    ...place,
    problem: `${path} is not in the image ${reference} (${digest})`,
    why: "the job fails when it starts, because the file does not exist",
    fix:
      "Copy the file in the Dockerfile, as in COPY jobs /opt/deep-storage/jobs, or name a file " +
      "that exists.",
  }));
}
