import type { Project } from "../../../pipeline/contract/project.ts";
import { plural } from "../../../pipeline/progress.ts";
import { type Check, check } from "../../check.ts";
import type { ImageFact } from "../../facts/image.ts";
import type { Tree } from "../../facts/tree.ts";
import type { Finding, NotJudged, Outcome, Place } from "../../finding.ts";
import { parseImage } from "../../image/reference.ts";
import { isSuspendedCronJob } from "../../kubernetes/cron_switch.ts";
import { namespaceOf, objectId, placeOf } from "../../kubernetes/objects.ts";
import type { Code } from "../../source_code/code.ts";
import { filesInDefaults, settingsOfCopiedDefaults } from "../../spark/image_files.ts";
import { argumentsPath, type SparkJob } from "../../spark/spark_job.ts";
import { printedValue, settingsIn, type SparkSetting } from "../../spark/settings.ts";
import { naming } from "../../list_names.ts";
import { inOperatorTerms } from "../operator_terms.ts";
import { hasFailure, type Judged, leavingOut, outcomeOf } from "../outcome.ts";
import { JOBS, onPlatform, PLATFORM } from "../platform.ts";
import { absentFiles, fileOfJobs, UNKNOWN_UNTIL } from "./absent_files.ts";
import { copyTargets } from "./copy_targets.ts";
import { judgeCommitters } from "./committers.ts";
import { type DockerfileReading, judgeDockerfile, unclearNeeds } from "./dockerfile_jars.ts";
import { ignoredSources } from "./ignored_sources.ts";
import { judgeContents } from "./image_contents.ts";
import { imagesOf, onlySubmits } from "./image_uses.ts";
import { otherExecutorImages, wrongJarsOfJobs } from "./image_versions.ts";
import { needsOf, needsOfJobs, needsOfUses } from "./job_needs.ts";
import {
  hasParameter,
  hasUnknownJars,
  isPlainSpark,
  whyUnpinned,
} from "../../image/plain_images.ts";
import { downloads, isClosed, runtimeDownloads } from "./runtime_downloads.ts";

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
    return inOperatorTerms(onPlatform(facts, share, JOBS, (platform) => {
      const { tree } = platform;
      const absent = "there is neither a job nor a Dockerfile for Spark";
      const { unknown: ofImages, ...images } = judgeImages(tree, image) ?? {};
      const judged = outcomeOf(platform, "findings" in images ? images : undefined, absent);
      const unknown = unknownImages(tree) ?? (isOpened(image) ? undefined : ofImages);
      const named = unknown === undefined || hasFailure(judged)
        ? judged
        : { unknown, warnings: warningsOf(judged) };
      const isRead = image !== undefined && (image.images.length > 0 || "findings" in named);
      return isRead
        ? combined(named, judgeContents(image, imagesOf(tree), (uses) => needsOfUses(uses, tree)))
        : named;
    }));
  },
});

function isOpened(image: ImageFact | undefined): boolean {
  return image?.images.some(({ opened }) => opened) === true;
}

/** Combines two outcomes. If one of them is a failure, the result is a failure. */
function combined(a: Outcome, b: Outcome): Outcome {
  if ("findings" in a && "findings" in b) {
    const notJudged = [...a.notJudged ?? [], ...b.notJudged ?? []];
    return {
      examined: `${a.examined}, ${b.examined}`,
      findings: [...a.findings, ...b.findings],
      ...leavingOut(...a.unchecked ?? [], ...b.unchecked ?? []),
      ...(notJudged.length === 0 ? {} : { notJudged }),
    };
  }
  const failed = [a, b].find(hasFailure);
  if (failed !== undefined) return failed;
  const outcome = "findings" in a || "notApplicable" in a ? b : a;
  return "unknown" in outcome
    ? { ...outcome, warnings: [...warningsOf(a), ...warningsOf(b)] }
    : outcome;
}

function warningsOf(outcome: Outcome): readonly Finding[] {
  if ("findings" in outcome) return outcome.findings;
  return "unknown" in outcome ? outcome.warnings ?? [] : [];
}

/** The result for images by their names and Dockerfiles. */
export interface JudgedImages extends Judged {
  /** The files that are not judged. */
  readonly notJudged?: readonly NotJudged[];
  /** What only the contents of an image show; undefined if the names show everything. */
  readonly unknown?: string;
}

/**
 * Judges the images that jobs name, the settings that make Spark download jars, and the
 * Dockerfiles.
 *
 * @param image the contents of images, which show their jars
 * @returns undefined if there is neither a job nor a Dockerfile for Spark
 */
export function judgeImages(tree: Tree, image?: ImageFact): JudgedImages | undefined {
  const { jobs, code } = tree;
  const ours = tree.project.jobs.image;
  const dockerfiles = dockerfilesOf(tree);
  if (jobs.length + dockerfiles.length === 0) return undefined;
  // Without a job, an image is for the jobs of the project.
  const isAnyClosed = jobs.length === 0 ||
    jobs.some(({ workload: { object } }) => isClosed(tree, namespaceOf(object)));
  const settings = [
    ...jobs.flatMap((job) =>
      job.given.map((setting) => ({
        setting,
        readsData: readsData(job, tree),
        isClosed: isClosed(tree, namespaceOf(job.workload.object)),
      }))
    ),
    ...code.flatMap((each) =>
      settingsIn(each).map((setting) => (
        { setting, readsData: true, isClosed: isClosed(tree, namespaceOfCode(each, tree)) }
      ))
    ),
    ...dockerfiles.flatMap(({ code }) => [
      ...filesInDefaults(code),
      ...settingsOfCopiedDefaults(code, tree.buildFiles.texts),
    ]).map((setting) => ({ setting, readsData: true, isClosed: isAnyClosed })),
  ];
  // The contents of an image show its files exactly.
  const files = absentFiles(tree, isOpened(image) ? [] : dockerfiles.map(({ code }) => code));
  const unread = [
    ...jobs.flatMap(({ workload, images }) => [
      ...workload.containers.map(({ image }) => image),
      ...images.map(printedValue),
    ]).filter((image) => image !== ours && hasUnknownJars(parseImage(image)))
      .map((image) => `the jars of ${image} are not known until the image is read`),
    ...jobs.flatMap(({ label, workload, images }) =>
      [...workload.containers.map(({ image }) => image), ...images.map(printedValue)]
        .filter(hasParameter).map((image) => `${label}: the image ${image} has a parameter`)
    ),
    ...jobs.flatMap((job) => unclearPlain(job, tree)),
    ...dockerfiles.flatMap(({ unknown = [] }) => unknown),
    ...files.unknown,
  ];
  const committers = judgeCommitters(tree, { image, dockerfiles });
  const unchecked = [
    [committers.unchecked, "because the jars of the image are not known: the committer of "],
    [committers.unread, "because a file can have more settings: the committer of "],
    [
      isOpened(image) ? [] : hiddenImages(tree, dockerfiles.length),
      "because no Dockerfile shows it (see --image-archive): the content of ",
    ],
  ] as const;
  const left = unchecked.filter(([names]) => names.length > 0)
    .map(([names, reason]) => `not checked, ${reason}${naming(names)}`);
  return {
    ...(unread.length === 0 ? {} : { unknown: [...new Set([...unread, ...left])].join("; ") }),
    ...(files.notJudged.length === 0 ? {} : { notJudged: files.notJudged }),
    examined: `the images of ${plural(jobs.length, "job")}, ${
      plural(dockerfiles.length, "Dockerfile")
    }, ${plural(settings.length, "Spark setting")}`,
    ...leavingOut(...left),
    findings: [
      ...jobs.flatMap((job) => {
        const needsJars = readsData(job, tree) && !onlySubmits(job);
        return judgeContainers(job, { ours, readsData: needsJars });
      }),
      ...jobs.flatMap((job) => missingImages(job, tree.project)),
      ...otherExecutorImages(tree, image),
      ...wrongJarsOfJobs(tree, dockerfiles.flatMap(({ base = [] }) => base)),
      ...withoutDuplicates([
        ...settings.flatMap(({ setting, readsData, isClosed }) => [
          ...judgeImageSetting(setting, { ours, readsData }),
          ...downloads(setting, isClosed),
        ]),
        ...runtimeDownloads(tree),
      ]),
      ...dockerfiles.flatMap(({ findings }) => findings),
      ...(isOpened(image) ? [] : dockerfiles.flatMap(({ code }) => [
        ...ignoredSources(code, tree.buildFiles),
        ...copyTargets(code, tree.buildFiles),
      ])),
      ...files.findings,
      ...committers.findings,
    ],
  };
}

/**
 * Judges the Dockerfiles. Beside an image of Spark, an image that installs Spark itself is for
 * another purpose, such as tests.
 */
function dockerfilesOf(tree: Tree): (DockerfileReading & { readonly code: Code })[] {
  const { code, objects } = tree;
  const texts = [
    ...code.filter(({ language }) => language !== "dockerfile").map(({ text }) => text),
    ...objects.map(({ value }) => JSON.stringify(value)),
  ];
  const isNamed = (folder: string) => texts.some((text) => text.includes(folder));
  const needs = needsOfJobs(tree.jobs, tree);
  const all = code.filter(({ language }) => language === "dockerfile")
    .flatMap((each) => {
      const reading = judgeDockerfile(each, isNamed, needs);
      return reading === undefined ? [] : [{ ...reading, code: each }];
    });
  if (all.length === 0) return hiddenSpark(tree);
  const based = all.filter(({ isInstalled }) => isInstalled !== true);
  return based.length > 0 ? based : all;
}

/** The Dockerfiles of images that have a file of a job, and do not show how they get Spark. */
function hiddenSpark(tree: Tree): (DockerfileReading & { readonly code: Code })[] {
  return tree.code.filter(({ language }) => language === "dockerfile").flatMap((code) => {
    const file = fileOfJobs(tree, code);
    const unknown = `${code.file ?? "Dockerfile"}: the jars of the image with ${file} are ` +
      UNKNOWN_UNTIL;
    return file === undefined ? [] : [{ findings: [], unknown, code }];
  });
}

/**
 * The images that jobs need jars of, and whose content the manifests do not show: those without a
 * Dockerfile of their own. A name says nothing about the content. Jobs of a cluster have no files.
 */
function hiddenImages(tree: Tree, dockerfiles: number): string[] {
  const needed = tree.jobs.filter(({ mode, workload: { object } }) =>
    object.file !== undefined && mode !== "none" && !isSuspendedCronJob(object)
  ).filter((job) => {
    const { lake, database, unread } = needsOf(job, tree);
    return lake || database || unread !== undefined;
  }).flatMap((job) => [
    ...(onlySubmits(job) ? [] : job.containers.map(({ image }) => image)),
    ...job.images.filter(({ unknown, isSecret }) => unknown === undefined && isSecret !== true)
      .map(printedValue),
  ]).filter((image) => {
    const reference = parseImage(image);
    return image !== "" && !hasParameter(image) && !isPlainSpark(reference) &&
      !hasUnknownJars(reference);
  });
  const images = new Map(needed.map((image) => [parseImage(image).repository, image]));
  // The first Dockerfile is that of the project's image.
  const isOurs = dockerfiles > 0 && images.delete(parseImage(tree.project.jobs.image).repository);
  return images.size <= dockerfiles - Number(isOurs) ? [] : images.values().toArray();
}

/** What is not known about a job with an image of plain Spark whose code or values are not read. */
function unclearPlain(job: SparkJob, tree: Tree): string[] {
  const { lake, database, unread } = needsOf(job, tree);
  if (job.mode === "none" || lake || database || unread === undefined) return [];
  const own = onlySubmits(job) ? [] : job.workload.containers.map(({ image }) => image);
  const plain = [...own, ...job.images.map(printedValue)]
    .find((image) => isPlainSpark(parseImage(image)));
  const jars = ["hadoop-aws", "the AWS SDK", "postgresql"];
  return plain === undefined ? [] : [`${plain}: ${unclearNeeds(jars, unread)}`];
}

function readsData(job: SparkJob, tree: Tree): boolean {
  const { lake, database } = needsOf(job, tree);
  return lake || database;
}

/** The namespace of the object that contains a configuration. */
function namespaceOfCode({ object }: Code, { objects, project }: Tree): string {
  const found = objects.find((each) => objectId(each) === object);
  return found === undefined ? project.jobs.namespace : namespaceOf(found);
}

function judgeContainers(
  { workload, given }: SparkJob,
  use: Omit<Use, "prefix">,
): Finding[] {
  const { object, containers } = workload;
  const isApplication = object.kind.endsWith("SparkApplication");
  return containers.flatMap(({ image, path }): Finding[] => {
    const place = placeOf(object, `${path}.image`);
    // The driver's image of a SparkApplication is a setting.
    if (isApplication && given.some(({ key, value }) => IMAGE_KEY.test(key) && value === image)) {
      return [];
    }
    if (image !== "") return judgeReference(image, place, { ...use, prefix: "image: " });
    // The missing image of a SparkApplication is a missing setting.
    if (isApplication) return [];
    return [{
      severity: "fail",
      ...place,
      problem: "the container has no image",
      why: "the API server refuses the pod",
      fix: `Set it: image: ${use.ours}`,
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
function missingImages(job: SparkJob, { jobs }: Project): Finding[] {
  const { workload, settings, driver, executor } = job;
  const key = (role: string) => `spark.kubernetes.${role}container.image`;
  return [driver, executor].flatMap((pod): Finding[] => {
    if (pod === undefined || settings.has(key("")) || settings.has(key(`${pod.role}.`))) return [];
    return [{
      severity: "fail",
      ...placeOf(workload.object, argumentsPath(job)),
      problem: `no setting names the image of the ${
        pod.role === "driver" ? "driver" : "executors"
      }`,
      why: "Spark has no default image, so the job ends before Spark creates the pod",
      fix: `Add to the arguments of spark-submit: --conf=${key("")}=${jobs.image}`,
    }];
  });
}

/** The settings that name the image of the pods that Spark creates. */
const IMAGE_KEY = /^spark\.kubernetes\.((driver|executor)\.)?container\.image$/;

/** Judges a setting that names the image of the pods that Spark creates. */
function judgeImageSetting(setting: SparkSetting, use: Omit<Use, "prefix">): Finding[] {
  const { key, place } = setting;
  // An image from a Secret must not be printed, and an unknown image cannot be judged.
  if (setting.unknown !== undefined || setting.isSecret === true) return [];
  return IMAGE_KEY.test(key)
    ? judgeReference(printedValue(setting), place, { ...use, prefix: `--conf=${key}=` })
    : [];
}

/** How a manifest uses an image. */
interface Use {
  /** The text before the image in the manifest, as in `image: `. */
  readonly prefix: string;
  /** The image that a fix suggests. */
  readonly ours: string;
  /** Whether the job can need the jars for the lake and the database. */
  readonly readsData: boolean;
}

function judgeReference(image: string, place: Place, { prefix, ours, readsData }: Use): Finding[] {
  if (hasParameter(image)) return [];
  const reference = parseImage(image);
  if (readsData && isPlainSpark(reference)) {
    return [{
      severity: "fail",
      ...place,
      problem: `${image} is plain Spark`,
      why:
        "it lacks hadoop-aws, the AWS SDK and the PostgreSQL driver, and a job must not download " +
        "them when it starts",
      fix: `Build manifests/image and use the result: ${prefix}${ours}`,
    }];
  }
  const unpinned = whyUnpinned(reference);
  return unpinned === undefined ? [] : [{
    severity: "fail",
    ...place,
    problem: `${image} is not pinned: ${unpinned}`,
    why: "nodes that pull the image at different times can run different code",
    fix: `Pin a release or a digest: ${prefix}${image.replace(/@.*$|:[^/:]*$/, "")}:<release>`,
  }];
}

/** Removes duplicates: a script in an object is part of the object and also a separate source. */
function withoutDuplicates(findings: readonly Finding[]): Finding[] {
  const same = (a: Finding, b: Finding) =>
    a.object === b.object && a.problem === b.problem && a.file === b.file;
  return findings.filter((each, i) => findings.findIndex((other) => same(each, other)) === i);
}
