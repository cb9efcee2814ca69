import { naming } from "../../list_names.ts";
import { parseImage } from "../../image/reference.ts";
import type { Finding } from "../../finding.ts";
import { unsetArguments } from "../../source_code/build_arguments.ts";
import { type Code, placeIn } from "../../source_code/code.ts";
import {
  copiedFrom,
  finalStages,
  type Instruction,
  instructionsOf,
  type Stage,
  stagesOf,
  wordsOfCopy,
} from "../../source_code/dockerfile.ts";
import {
  HADOOP_OF,
  howToAdd,
  judgeSdk,
  POSTGRESQL,
  sdkName,
  sdkOf,
} from "../../image/spark_jars.ts";
import { type AddedJar, jarsIn } from "./added_jars.ts";
import { installedSpark } from "./installed_spark.ts";
import {
  folderOf,
  removedJars,
  uncopiedJars,
  unreadableFindings,
  unreadJars,
  withoutHarmless,
} from "./jar_places.ts";
import { bundlesUnknownJars, isPlainSpark, isSparkImage } from "../../image/plain_images.ts";
import { oldDriver, scalaOf, wrongScala, wrongSpark } from "./jar_rules.ts";

/** The verdict on a Dockerfile. */
export interface DockerfileReading {
  /** The violations. */
  readonly findings: readonly Finding[];
  /** What the Dockerfile alone does not show; undefined if it shows everything. */
  readonly unknown?: string;
  /** The names of the jars that the Dockerfile adds. */
  readonly jars?: readonly string[];
  /** Whether an instruction installs Spark on a base image without Spark. */
  readonly isInstalled?: true;
  /** The image that Spark comes from. */
  readonly base?: string;
}

/** What jobs need jars for. */
export interface Needs {
  /** Whether a job reads or writes a bucket. */
  readonly lake: boolean;
  /** Whether a job reads or writes a database. */
  readonly database: boolean;
  /** Why a job can have more needs, as in `Job etl/a: /opt/a.jar is not read`. */
  readonly unread?: string;
}

/** The needs of a job that is not known. */
export const ALL: Needs = { lake: true, database: true };

/** Says that a job may need jars that an image lacks. */
export function unclearNeeds(jars: readonly string[], unread: string): string {
  return `whether a job needs ${naming(jars)}, which the image lacks, is not known (${unread})`;
}

/** The image that Spark comes from. */
interface Base {
  readonly from: Instruction;
  readonly reference: string;
  readonly repository: string;
  /** The release line of Spark in the tag, as in `3.5`. */
  readonly line: string | undefined;
  /** Whether the jars of the image are known to be those of plain Spark. */
  readonly isPlain: boolean;
  /** Whether an instruction installs Spark on a base image without Spark. */
  readonly isInstalled?: true;
}

/**
 * Checks the jars in a Dockerfile.
 *
 * @param isNamed whether a manifest or a script names a folder of the image
 * @param needs what the jobs need jars for
 * @returns undefined if the image is not for Spark
 */
export function judgeDockerfile(
  code: Code,
  isNamed: (folder: string) => boolean = () => false,
  needs: Needs = ALL,
): DockerfileReading | undefined {
  const instructions = instructionsOf(code);
  const stages = stagesOf(instructions);
  const used = usedStages(stages);
  const base = sparkBase(used) ?? installedBase(used);
  if (base === undefined) return undefined;
  const names = used.flatMap(({ instructions }) => instructions).flatMap(({ name, text }) =>
    /^(ADD|COPY|RUN)$/.test(name) ? text.match(/spark-hadoop-cloud[\w.-]*/g) ?? [] : []
  );
  const reading = judgeStages(code, { used, final: finalStages(stages), isNamed, needs }, base);
  const unset = unsetFindings(code, instructions, used);
  return {
    ...reading,
    findings: [...reading.findings, ...unset],
    jars: names,
    base: base.reference,
    ...(base.isInstalled ? { isInstalled: true } : {}),
  };
}

/** The stages of a Dockerfile. */
interface Stages {
  /** The stages that the image needs, with those that it copies from. */
  readonly used: readonly Stage[];
  /** The stages whose files are the files of the image. */
  readonly final: readonly Stage[];
  /** Whether a manifest or a script names a folder of the image. */
  readonly isNamed: (folder: string) => boolean;
  /** What the jobs need jars for. */
  readonly needs: Needs;
}

function judgeStages(
  code: Code,
  { used, final, isNamed, needs }: Stages,
  base: Base,
): DockerfileReading {
  const instructions = used.flatMap((stage) => stage.instructions)
    .filter(({ name }) => name === "ADD" || name === "COPY" || name === "RUN");
  const all = instructions.flatMap(jarsIn);
  const removed = removedJars(all, instructions);
  const isSparkFrom = base.isPlain && base.from.name === "FROM";
  const unread = isSparkFrom ? unreadJars(all, final, used, isNamed) : [];
  const lost = new Set([...removed, ...unread, ...uncopiedJars(all, used)].map(([jar]) => jar));
  const jars = all.filter((jar) => !lost.has(jar));
  const hadoop = base.line === undefined ? undefined : HADOOP_OF[base.line];
  const checksums = missingChecksumFindings(code, jars);
  const unpinned = unpinnedBaseFindings(code, base);
  if (unpinned.some(({ severity }) => severity === "fail")) {
    return { findings: [...unpinned, ...checksums] };
  }
  const found = [
    ...unpinned,
    ...checksums,
    ...(isSparkFrom ? unreadableFindings(code, final) : []),
    ...jars.flatMap((jar) => oldDriverFindings(code, jar)),
    ...jars.flatMap((jar) => otherReleaseFindings(code, base, jar)),
    ...(isSparkFrom ? otherPackageFindings(code, base, instructions) : []),
    ...(hadoop === undefined
      ? []
      : judgedJars(jars, hadoop).flatMap((jar) => wrongFindings(code, jar, base, hadoop))),
  ];
  const whole = used.flatMap((stage) => stage.instructions);
  const seen = jars.filter((jar) => !isElsewhere(jar, base, { all: whole, final, isNamed }));
  const isMissing = (name: string) => seen.every((jar) => jar.name !== name);
  const missing = wantedJars(hadoop, needs).filter(isMissing);
  const possible = needs.unread === undefined
    ? []
    : wantedJars(hadoop, ALL).filter((name) => isMissing(name) && !missing.includes(name));
  const unclear = whyUnclear(base, hadoop, all, { used, instructions });
  if (unclear !== undefined && (missing.length + possible.length > 0 || hadoop === undefined)) {
    return { findings: found, unknown: `${code.file ?? "Dockerfile"}: ${unclear}` };
  }
  const lacking = missing.map((name): Finding => {
    const finding = missingJarFinding(code, base.from, name, hadoop);
    const by = removed.find(([jar]) => jar.name === name)?.[1];
    const at = unread.find(([jar]) => jar.name === name);
    if (by !== undefined) {
      return {
        ...finding,
        ...placeIn(code, by.offset),
        problem: `a command removes the ${name} jar, which the Dockerfile adds before`,
        fix: "Remove the command, or add the jar after the command",
      };
    }
    return at === undefined ? finding : {
      ...finding,
      ...placeIn(code, at[0].instruction.offset),
      problem: `the Dockerfile adds the ${name} jar to ${at[1]}, which Spark does not read`,
      fix: "Add the jar to /opt/spark/jars/",
    };
  });
  const findings = [...lacking, ...found];
  return possible.length === 0 || needs.unread === undefined ? { findings } : {
    findings,
    unknown: `${code.file ?? "Dockerfile"}: ${unclearNeeds(possible, needs.unread)}`,
  };
}

/** Reports variables that have no value in a stage of the image. */
function unsetFindings(
  code: Code,
  instructions: readonly Instruction[],
  used: readonly Stage[],
): Finding[] {
  // Another base image can set the variable.
  const isCertain = (instruction: Instruction) =>
    used.some((stage) => stage.instructions.includes(instruction) && isShown(stage, used)) &&
    (/^(?:ADD|COPY)$/.test(instruction.name) || /:\/\/|\.jar\b|==/.test(instruction.text));
  return unsetArguments(code, instructions, used).map(({ name, instruction }): Finding => ({
    severity: isCertain(instruction) ? "fail" : "warn",
    ...placeIn(code, instruction.offset),
    problem: `${instruction.name} uses ${name}, which has no value after FROM`,
    why:
      "the value of an ARG before FROM is known to FROM alone, so Docker puts an empty text here",
    fix: `Repeat the name in this stage, before its use: ARG ${name}`,
  }));
}

/** The stages that become part of the image: the last, its bases, and those that it copies from. */
function usedStages(stages: readonly Stage[]): Stage[] {
  const used = new Set<Stage>();
  const visit = (stage: Stage | undefined) => {
    if (stage === undefined || used.has(stage)) return;
    used.add(stage);
    for (const name of [stage.image, ...copiedFrom(stage)]) {
      visit(/^\d+$/.test(name) ? stages[Number(name)] : stages.find((each) => each.name === name));
    }
  };
  visit(stages.at(-1));
  return stages.filter((stage) => used.has(stage));
}

/** The image that Spark comes from: the base of a stage, or an image that a stage copies from. */
function sparkBase(used: readonly Stage[]): Base | undefined {
  const names = new Set(used.flatMap(({ name }) => name ?? []));
  const sources = used.flatMap(({ image, from, instructions }) => [
    ...instructions.flatMap((each) =>
      copiedFrom({ instructions: [each] }).map((copied) => ({ image: copied, from: each }))
    ),
    { image, from },
  ]);
  const found = sources.findLast(({ image }) =>
    !names.has(image) && isSparkImage(parseImage(image))
  );
  if (found === undefined) return undefined;
  const { tag, digest, repository } = parseImage(found.image);
  const line = digest === undefined || tag !== undefined
    ? /^v?(\d+\.\d+)(?![\d])/.exec(tag ?? "")?.[1]
    : undefined;
  return {
    from: found.from,
    reference: found.image,
    repository,
    line,
    isPlain: isPlainSpark({ repository }),
  };
}

/** Spark on another base image, from a Python package or from Spark's archive. */
function installedBase(used: readonly Stage[]): Base | undefined {
  const found = installedSpark(used.flatMap(({ from, instructions }) => [from, ...instructions]));
  if (found === undefined) return undefined;
  const { instruction, what, line } = found;
  return {
    from: instruction,
    reference: what,
    repository: what,
    line,
    isPlain: line !== undefined,
    isInstalled: true,
  };
}

/** Returns whether a jar is in a folder that Spark from pip does not read, as far as it is shown. */
function isElsewhere(
  jar: AddedJar,
  { reference, isInstalled }: Base,
  { all, final, isNamed }: Pick<Stages, "final" | "isNamed"> & {
    readonly all: readonly Instruction[];
  },
): boolean {
  const folder = folderOf(jar, final);
  return isInstalled === true && reference.startsWith("pyspark") && folder !== undefined &&
    !folder.endsWith("/pyspark/jars") && !isNamed(folder) &&
    !all.some((each) => each !== jar.instruction && each.text.includes(folder)) &&
    !/SPARK_HOME/.test(jar.instruction.text);
}

function wantedJars(hadoop: string | undefined, { lake, database }: Needs): string[] {
  const ofLake = ["hadoop-aws", ...(hadoop === undefined ? [] : [sdkName(hadoop)])];
  return [...lake ? ofLake : [], ...database ? ["postgresql"] : []];
}

/** What the Dockerfile does not show about the jars; undefined if it shows everything. */
function whyUnclear(
  { reference, isPlain, isInstalled, line }: Base,
  hadoop: string | undefined,
  jars: readonly AddedJar[],
  { used, instructions }: {
    readonly used: readonly Stage[];
    readonly instructions: readonly Instruction[];
  },
): string | undefined {
  const until = "not known until the image is read (see --image-archive)";
  if (isInstalled) return `the jars beside ${reference} are ${until}`;
  if (reference.includes("$")) {
    return `the base image ${reference} depends on a build argument without a default`;
  }
  if (!isPlain) return `the jars of the base image ${reference} are ${until}`;
  if (hadoop === undefined) {
    return line === undefined
      ? `the release of Spark in ${reference} is ${until}`
      : `this check does not know which Hadoop Spark ${line} includes`;
  }
  const hidden = instructions.find((each) => hidesJars(each, jars, used));
  return hidden === undefined
    ? undefined
    : `the jars that ${hidden.name} ${hidden.text.slice(0, 60)} adds are ${until}`;
}

/** Returns whether the files of a stage's base image are known: those of plain Spark, or no jars. */
function isShown(stage: Stage, all: readonly Stage[]): boolean {
  const below = all.slice(0, all.indexOf(stage));
  const parent = below.find(({ name }) => name === stage.image);
  if (parent !== undefined) return isShown(parent, below);
  const { repository } = parseImage(stage.image);
  return isPlainSpark({ repository }) || WITHOUT_JARS.test(repository.replace(/^.*\//, ""));
}

/** Base images that have no jars for Spark, by the last part of their names. */
const WITHOUT_JARS =
  /^(?:scratch|alpine|busybox|debian|ubuntu|rockylinux|almalinux|fedora|ubi\w*|ubi-minimal|amazonlinux|python|golang|node|rust|eclipse-temurin|openjdk|amazoncorretto|maven|gradle|curl|git|buildpack-deps|wget)$/;

/** A command that copies or unpacks files without their names into Spark's folder of jars. */
const INTO_SPARK =
  /\b(?:cp|mv|rsync|install|tar|unzip|cpio|git)\s[^;&|]*\s["']?(?:\/opt\/spark|\$\{?SPARK_HOME\}?)(?:\/jars)?\/?["']?(?=\s*(?:$|[;&|\\]))/;

/** Returns whether an instruction can add jars without naming them. */
function hidesJars(
  instruction: Instruction,
  jars: readonly AddedJar[],
  used: readonly Stage[],
): boolean {
  const { name, text } = instruction;
  // Other jars come along with the jars that these commands name.
  const resolves = /--packages\b|dependency:(copy-dependencies|get|resolve)\b/;
  if (name === "RUN" && resolves.test(text)) return true;
  if (jars.some((jar) => jar.instruction === instruction)) return false;
  if (name === "RUN") {
    return /\b(mvn|gradle|gradlew|sbt|coursier|cs fetch)\b|\.sh\b/.test(text) ||
      INTO_SPARK.test(withoutHarmless(text));
  }
  const isFromStage = copiedFrom({ instructions: [instruction] }).some((from) => {
    const stage = used.find((each) => each.name === from);
    return stage === undefined ? /^\d+$/.test(from) : isShown(stage, used);
  });
  const isPacked = /\*[\w-]*\.jar|(^|[\s/])jars\/?(\s|$)|\.(tgz|tar|tar\.\w+|zip)\b/.test(text);
  return !isFromStage && (isPacked || addsFolderAboveJars(instruction, used));
}

/** Returns whether COPY or ADD adds a whole folder to one that can hold Spark's folder of jars. */
function addsFolderAboveJars(instruction: Instruction, stages: readonly Stage[]): boolean {
  const final = finalStages(stages);
  if (!final.some(({ instructions }) => instructions.includes(instruction))) return false;
  const target = folderOf({ file: "", instruction }, final);
  const sources = wordsOfCopy(instruction.text).slice(0, -1);
  return target !== undefined && sources.some((each) => !/\w\.\w+$/.test(each)) &&
    "/opt/spark/jars/".startsWith(target === "/" ? "/" : `${target}/`);
}

function unpinnedBaseFindings(
  code: Code,
  { from, reference, line, isPlain, isInstalled }: Base,
): Finding[] {
  if (isInstalled) return [];
  const { tag, digest } = parseImage(reference);
  const isKnown = line !== undefined || digest !== undefined || reference.includes("$");
  // An image that is not plain Spark can have any tag of its own, except latest.
  if (isKnown) return [];
  // An image that is not plain Spark can have any tag of its own. Its jars are not known.
  if (!isPlain) {
    return tag !== undefined && tag !== "latest" ? [] : [{
      severity: "warn",
      ...placeIn(code, from.offset),
      problem: `the base image is not pinned: FROM ${reference}`,
      why: "a later build can have another Spark, and other jars",
      fix: "Use a tag with a release, or a digest",
    }];
  }
  return [{
    severity: "fail",
    ...placeIn(code, from.offset),
    problem: `the tag of the base image does not name a Spark release: FROM ${reference}`,
    why:
      "the versions of hadoop-aws and the AWS SDK must match the version of Hadoop in Spark's image",
    fix: "Use a tag with a release, as in FROM apache/spark:3.5.8-scala2.12-java17-python3-ubuntu",
  }];
}

/** The jars without version 1 of the SDK, if Hadoop's version 2 is also there: both can coexist. */
function judgedJars(jars: readonly AddedJar[], hadoop: string): readonly AddedJar[] {
  const hasSecond = sdkName(hadoop) === "bundle" && jars.some(({ name }) => name === "bundle");
  return hasSecond ? jars.filter(({ name }) => name !== "aws-java-sdk-bundle") : jars;
}

function versionOf(name: string, hadoop: string): string {
  if (name === "postgresql") return POSTGRESQL.version;
  return name === "hadoop-aws" ? hadoop : sdkOf(hadoop)?.version ?? "";
}

function missingJarFinding(
  code: Code,
  from: Instruction,
  name: string,
  hadoop: string = HADOOP_OF["3.5"]!,
): Finding {
  return {
    severity: "fail",
    ...placeIn(code, from.offset),
    problem: `the Dockerfile does not add the ${name} jar`,
    why: "Spark's image does not contain the jar, and network policies block downloads by jobs",
    fix: howToAdd({ name, version: versionOf(name, hadoop) }),
  };
}

function wrongFindings(code: Code, jar: AddedJar, base: Base, hadoop: string): Finding[] {
  const { name, version, instruction } = jar;
  const isSdk = name === "aws-java-sdk-bundle" || name === "bundle";
  if (version === undefined || name !== "hadoop-aws" && !isSdk) return [];
  // The tag of an image that is not a published image of Spark can have its own numbers.
  if (!base.isPlain && !bundlesUnknownJars(base)) return [];
  const wanted = { name: isSdk ? sdkName(hadoop) : name, version: versionOf(name, hadoop) };
  const fit = isSdk
    ? judgeSdk({ name, version }, sdkOf(hadoop) ?? { ...wanted, version })
    : version === hadoop
    ? "fits"
    : "wrong";
  if (fit === "fits") return [];
  const known = sdkOf(hadoop);
  return [{
    severity: fit === "wrong" ? "fail" : "warn",
    ...placeIn(code, instruction.offset),
    problem: fit === "wrong"
      ? `${name} ${version} does not match Spark ${base.line}, which includes Hadoop ${hadoop}`
      : `${name} ${version} is newer than the ${
        known!.version
      } that Hadoop ${hadoop} was built with`,
    why: fit === "wrong"
      ? "mismatched versions cause NoSuchMethodError or ClassNotFoundException, but " +
        "only when a job runs"
      : "this combination was not tested, and a newer SDK can send requests that a store refuses",
    fix: `Use ${isSdk ? known?.name : name} ${isSdk ? known?.version : hadoop} and its checksum.`,
  }];
}

function oldDriverFindings(code: Code, { name, version, instruction }: AddedJar): Finding[] {
  const old = oldDriver(name, version);
  return old === undefined ? [] : [{ ...old, ...placeIn(code, instruction.offset) }];
}

/** Reports a jar for another release of Scala or of Spark. */
function otherReleaseFindings(code: Code, base: Base, { file, instruction }: AddedJar): Finding[] {
  if (!base.isPlain) return [];
  const wanted = scalaOf(base.reference, base.line);
  const wrong = (wanted === undefined ? undefined : wrongScala(file, wanted)) ??
    (base.line === undefined ? undefined : wrongSpark(file, base.line));
  return wrong === undefined ? [] : [{ ...wrong, ...placeIn(code, instruction.offset) }];
}

/** Warns about the Python package of another Spark than that of the base image. */
function otherPackageFindings(
  code: Code,
  { line }: Base,
  instructions: readonly Instruction[],
): Finding[] {
  const found = installedSpark(instructions);
  if (!found?.what.startsWith("pyspark") || found.line === undefined) return [];
  return line === undefined || found.line === line ? [] : [{
    severity: "warn",
    ...placeIn(code, found.instruction.offset),
    problem: `the image has Spark ${line}, and installs ${found.what}`,
    why: "a program that python starts uses the package with the Java classes of the other Spark",
    fix: `Remove the package, which Spark's image has, or install pyspark==${line}.*`,
  }];
}

function missingChecksumFindings(code: Code, jars: readonly AddedJar[]): Finding[] {
  // Only downloads need a checksum: files of the build context are under version control.
  const remote = jars.filter(({ name: jar, instruction }, i) =>
    jars.findIndex((each) => each.name === jar && each.instruction === instruction) === i
  ).filter(({ instruction: { name, text } }) =>
    /https?:\/\//.test(text) && (name === "ADD" || name === "RUN") &&
    !/--checksum=sha(256|512):|sha(1|256|512)sum\b.*(-c|--check)\b/.test(text)
  );
  return remote.map(({ name, instruction }): Finding => ({
    severity: "warn",
    ...placeIn(code, instruction.offset),
    problem: `${name} is downloaded without a checksum`,
    why:
      "any file from the server becomes part of the image, which processes prices and credentials",
    fix: "Verify the download: use ADD --checksum=sha256:<digest> …, or run sha256sum --check",
  }));
}
