import { runEnds } from "../run_end.ts";
import { shell } from "../../../pipeline/shell.ts";
import { plural } from "../../../pipeline/progress.ts";
import type { ImageContents, ImageFact, ImageReading, ImageRefusal } from "../../facts/image.ts";
import type { Finding, Outcome } from "../../finding.ts";
import { fits, parseImage } from "../../image/reference.ts";
import {
  howToAdd,
  type Jar,
  JARS,
  type JarVersion,
  judgeSdk,
  POSTGRESQL,
  sdkName,
  sdkOf,
} from "../../image/spark_jars.ts";
import { naming } from "../../list_names.ts";
import { ALL, type Needs, unclearNeeds } from "./dockerfile_jars.ts";
import { type ImageUse, readingFor } from "./image_uses.ts";
import { oldDriver, scalaIn, wrongScala, wrongSpark } from "./jar_rules.ts";
import { isPlainSpark } from "../../image/plain_images.ts";

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
 * @param needsOf what the jobs of these uses need jars for
 */
export function judgeContents(
  fact: ImageFact,
  uses: readonly ImageUse[],
  needsOf: (uses: readonly ImageUse[]) => Needs = () => ({ lake: true, database: true }),
): Outcome {
  const all = fact.images.map((reading): UsedImage => (
    { reading, uses: uses.filter((use) => readingFor(use, fact.images) === reading) }
  ));
  const wanted = fact.archive === undefined ? all : all.filter(isLookedInto);
  const images = wanted.length > 0 ? wanted : all;
  const known = images.filter(({ reading }) => !isPullFailure(reading));
  const unread = uses.find((use) => readingFor(use, fact.images) === undefined);
  if (unread !== undefined) return { unknown: `${unread.reference} was not read` };
  if (images.length === 0) return { unknown: "no image was read" };
  const findings = known.filter((image) => !isPlainInManifests(image))
    .flatMap((image) => judgeImage(image, fact.platform, needsOf(image.uses)));
  const elsewhere = fact.archive === undefined ? undefined : images.map(({ reading }) => reading)
    .find((reading): reading is ImageRefusal => isPullFailure(reading));
  if (elsewhere !== undefined && findings.length === 0) {
    // An archive with another tag than the jobs name. image-pull does not judge archives.
    return { unknown: `${elsewhere.problem}. ${elsewhere.fix}` };
  }
  if (known.length === 0) return { skip: "no image could be opened (see image-pull)" };
  const unclear = known.flatMap((image) => unclearJars(image, needsOf(image.uses)));
  if (unclear.length > 0 && !findings.some(({ severity }) => severity === "fail")) {
    return { unknown: unclear.join("; ") };
  }
  const examined = `the contents of ${plural(known.length, "image")}`;
  if (known.length === images.length || findings.length > 0) return { examined, findings };
  return {
    skip: `${plural(images.length - known.length, "image")} could not be opened (see image-pull)`,
  };
}

/**
 * Returns whether an archive should have an image: not that of an init container, or of a pod that
 * only submits the driver. Of these, nothing is judged.
 */
function isLookedInto({ uses }: UsedImage): boolean {
  return uses.length === 0 || uses.some(({ isSpark, files }) => isSpark || files.length > 0);
}

/** Returns whether a job names plain Spark: judgeImages already reports that. */
function isPlainInManifests({ reading, uses }: UsedImage): boolean {
  return uses.length > 0 && isPlainSpark(parseImage(reading.reference));
}

/** Returns whether nodes cannot pull the image: the check image-pull reports that. */
function isPullFailure(reading: ImageReading): reading is ImageRefusal {
  return !reading.opened && (reading.trouble === "denied" || reading.trouble === "unknown");
}

function judgeImage(
  { reading, uses }: UsedImage,
  nodePlatform: string,
  needs: Needs,
): Finding[] {
  const place = imagePlace(reading, uses);
  if (!reading.opened) return [unusableImageFinding(reading, place)];
  const isSpark = uses.length === 0 || uses.some((use) => use.isSpark);
  return [
    ...wrongPlatform(reading, nodePlatform, place),
    ...(isSpark ? judgeJars(reading, place, needs) : []),
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
    fix: shell`Build it for the nodes: docker build --platform ${nodePlatform} manifests/image`,
  }];
}

function judgeJars(image: ImageContents, place: ImagePlace, needs: Needs): Finding[] {
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
  const sdk = sdkOf(hadoopVersion);
  const aws = { name: "hadoop-aws", version: hadoopVersion };
  return [
    ...wantedJars(image, needs).flatMap((jar) => missingJar(image, jar, place)),
    ...jars.flatMap((jar) => damagedJar(jar, place)),
    ...jars.flatMap((jar) => wrongVersion(jar, aws, hadoopVersion, place)),
    ...(sdk === undefined ? [] : jars.flatMap((jar) => wrongSdk(jar, sdk, hadoopVersion, place))),
    ...duplicateJars(image, place),
    ...jars.flatMap(({ file, name, version }) => {
      const old = oldDriver(name, version);
      return old === undefined ? [] : [{ ...old, ...place, field: file }];
    }),
    ...twoScalas(jars, place),
    ...otherSparks(jars, place),
    ...(sdk === undefined ? [unknownHadoop(image, place)] : []),
  ];
}

/** The jars that jobs with these needs need in an image. */
function wantedJars({ jars = [], hadoopVersion = "" }: ImageContents, needs: Needs): JarVersion[] {
  const sdk = sdkOf(hadoopVersion);
  const hasSdk = jars.some(({ name }) => name === "bundle" || name === "aws-java-sdk-bundle");
  const ofLake: JarVersion[] = [
    { name: "hadoop-aws", version: hadoopVersion },
    ...(sdk === undefined && hasSdk ? [] : [sdk ?? { name: sdkName(hadoopVersion), version: "" }]),
  ];
  return [...needs.lake ? ofLake : [], ...needs.database ? [POSTGRESQL] : []];
}

/** The jars that an image lacks, and that a job may need whose code or values are not read. */
function unclearJars({ reading, uses }: UsedImage, needs: Needs): string[] {
  if (!reading.opened || reading.jars === undefined || needs.unread === undefined) return [];
  const known = wantedJars(reading, needs).map(({ name }) => name);
  const lacking = wantedJars(reading, ALL).map(({ name }) => name).filter((name) =>
    !known.includes(name) && reading.jars?.every((jar) => jar.name !== name)
  );
  return uses.some(({ isSpark }) => isSpark) && lacking.length > 0
    ? [`${reading.reference}: ${unclearNeeds(lacking, needs.unread)}`]
    : [];
}

/** Jars that can contain the classes of other jars. */
const SHADED = /-(assembly|all|shaded|uber|fat|jar-with-dependencies)\b/;

function missingJar(
  image: ImageContents,
  { name, version }: JarVersion,
  place: ImagePlace,
): Finding[] {
  const { jars = [], deletedJars, jarsFolder } = image;
  if (jars.some((jar) => jar.name === name)) return [];
  const deleted = deletedJars.find((jar) => jar.name === name);
  const shaded = jars.find(({ file }) => SHADED.test(file));
  if (shaded !== undefined && deleted === undefined) {
    return [{
      severity: "warn",
      ...place,
      field: jarsFolder,
      problem: `there is no ${name} jar in ${jarsFolder}, unless ${shaded.file} contains it`,
      why: "Spark's image lacks the jar, and a job must not download it when it starts",
      fix: `Look for it: unzip -l ${shaded.file}. If it is absent: ` +
        howToAdd({ name, version }, jarsFolder),
    }];
  }
  return [{
    severity: "fail",
    ...place,
    field: jarsFolder,
    problem: deleted === undefined
      ? `there is no ${name} jar in ${jarsFolder}`
      : `layer ${deleted.layer} deletes ${deleted.file} from ${jarsFolder}`,
    why: "Spark's image lacks the jar, and a job must not download it when it starts" +
      (name === "hadoop-aws" ? `; ${runEnds("after retries", "S3AFileSystem")}` : ""),
    fix: deleted === undefined
      ? howToAdd({ name, version }, jarsFolder)
      : `Remove the instruction that deletes ${deleted.file} from the Dockerfile.`,
  }];
}

function damagedJar({ file, damage }: Jar, place: ImagePlace): Finding[] {
  return damage === undefined ? [] : [{
    severity: "fail",
    ...place,
    field: file,
    problem: damage === "empty"
      ? `${file} is empty`
      : damage === "cut"
      ? `${file} is damaged: a part of it is missing, as after a download that stopped`
      : `${file} is not a jar, but another file, such as the page of an error`,
    why: "Spark fails when it starts, or with ClassNotFoundException",
    fix: "Download the jar again, with curl --fail and sha256sum --check.",
  }];
}

function wrongVersion(
  { file, name, version }: Jar,
  wanted: JarVersion,
  hadoop: string,
  place: ImagePlace,
): Finding[] {
  if (name !== wanted.name || version === wanted.version) return [];
  return [
    version === undefined ? unknownVersion(file, wanted, place) : {
      severity: "fail",
      ...place,
      field: file,
      problem: `${file} does not fit the image's Hadoop ${hadoop}`,
      why: "jobs fail at run time with NoSuchMethodError or ClassNotFoundException",
      fix: `Use ${wanted.name}-${wanted.version}.jar and its checksum instead.`,
    },
  ];
}

function wrongSdk(jar: Jar, sdk: JarVersion, hadoop: string, place: ImagePlace): Finding[] {
  const { file, name, version } = jar;
  if (name !== sdk.name) return [];
  if (version === undefined) return [unknownVersion(file, sdk, place)];
  const fit = judgeSdk({ name, version }, sdk);
  if (fit !== "newer") return fit === "fits" ? [] : wrongVersion(jar, sdk, hadoop, place);
  return [{
    severity: "warn",
    ...place,
    field: file,
    problem: `${file} is newer than the ${sdk.version} that Hadoop ${hadoop} was built with`,
    why: "this combination was not tested, and a newer SDK can send requests that a store refuses",
    fix: `Use ${sdk.name}-${sdk.version}.jar and its checksum instead.`,
  }];
}

function unknownVersion(file: string, wanted: JarVersion, place: ImagePlace): Finding {
  return {
    severity: "warn",
    ...place,
    field: file,
    problem: `the name of ${file} does not show its version, so the version was not checked`,
    why: "a version that does not fit fails at run time with NoSuchMethodError",
    fix: `Use ${wanted.name}-${wanted.version}.jar, with the version in its name.`,
  };
}

/** Reports jars for another version of Scala than Spark's. */
function twoScalas(jars: readonly Jar[], place: ImagePlace): Finding[] {
  const core = jars.find(({ file }) => /^(spark-core_|scala-library-)/.test(file));
  const scala = core === undefined ? undefined : scalaIn(core.file);
  if (scala === undefined) return [];
  const wrong = jars.filter(({ file }) => wrongScala(file, scala) !== undefined);
  if (wrong.length === 0) return [];
  const [{ file }] = wrong as [Jar];
  const violation = wrongScala(file, scala)!;
  const files = naming(wrong.map((each) => each.file));
  const problem = `jars for another Scala than Spark's ${scala}: ${files}`;
  return [{ ...violation, ...place, field: file, problem }];
}

/** Warns about jars for another release line of Spark. */
function otherSparks(jars: readonly Jar[], place: ImagePlace): Finding[] {
  const core = jars.find(({ file }) => file.startsWith("spark-core_"));
  const line = /^\d+\.\d+/.exec(core?.version ?? "")?.[0];
  return line === undefined ? [] : jars.flatMap(({ file }) => {
    const wrong = wrongSpark(file, line);
    return wrong === undefined ? [] : [{ ...wrong, ...place, field: file }];
  });
}

/**
 * The jars that our Dockerfile adds. The check also looks for duplicates of Spark's and Hadoop's.
 */
const ADDED_JARS: readonly string[] = JARS;

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
