import type { ImageFact } from "../../facts/image.ts";
import type { Tree } from "../../facts/tree.ts";
import type { Finding } from "../../finding.ts";
import { parseImage } from "../../image/reference.ts";
import { HADOOP_OF } from "../../image/spark_jars.ts";
import { isInProject } from "../../kubernetes/jobs.ts";
import type { SparkJob } from "../../spark/spark_job.ts";
import { scalaOf, wrongScala, wrongSpark } from "./jar_rules.ts";
import { podImage } from "./image_uses.ts";
import {
  bundlesUnknownJars,
  hasParameter,
  isPlainSpark,
  whyUnpinned,
} from "../../image/plain_images.ts";

// The versions of Spark and of Scala in the images of a job, as far as they are known.

/** Reports executors with another image than the driver's. */
export function otherExecutorImages({ jobs, project }: Tree, image?: ImageFact): Finding[] {
  const used = jobs.flatMap((job) => [driverImage(job), podImage(job, "executor")?.value]);
  return jobs.flatMap((job): Finding[] => {
    const setting = podImage(job, "executor");
    if (job.executor === undefined || setting === undefined) return [];
    if (setting.unknown !== undefined || setting.isSecret === true) return [];
    const executor = setting.value;
    const driver = driverImage(job);
    if (driver === undefined || isSame(driver, executor)) return [];
    if ([driver, executor].some(hasParameter)) return [];
    const [ours, theirs] = [lineOf(driver, image), lineOf(executor, image)];
    const place = setting.place;
    const fix = oneImage([driver, executor], project.jobs.image, used);
    if (ours !== undefined && theirs !== undefined && ours !== theirs) {
      return [{
        severity: "fail",
        ...place,
        problem: `the executors' image has Spark ${theirs}, but the driver's has Spark ${ours}: ` +
          `${executor}, ${driver}`,
        why: "driver and executors of two releases cannot read each other's messages, so no " +
          "executor registers or every task fails",
        fix,
      }];
    }
    // Plain Spark and an image without a release are findings of their own.
    const others = [driver, executor].map(parseImage);
    if (others.some((each) => isPlainSpark(each) || whyUnpinned(each) !== undefined)) return [];
    return [{
      severity: "warn",
      ...place,
      problem: `the executors' image is not the driver's: ${executor}, ${driver}`,
      why: "driver and executors need the same Spark, jars and Python packages, which the names " +
        "of the images do not show",
      fix,
    }];
  });
}

/** Recommends the image that the project names, or else the one that more places use. */
function oneImage(
  images: readonly [string, string],
  ofProject: string,
  used: readonly (string | undefined)[],
): string {
  const [first, second] = images.map((image) => used.filter((each) => each === image).length);
  const ofMost = first === second ? undefined : images[first! > second! ? 0 : 1];
  const best = images.find((image) => isSame(image, ofProject)) ?? ofMost;
  return `Use one image for driver and executors: ${best ?? images.join(" or ")}`;
}

/** The image of the driver; undefined if it is not known, or if the job has several images. */
function driverImage(job: SparkJob): string | undefined {
  if (job.driver !== undefined) {
    const { value, unknown, isSecret } = podImage(job, "driver") ?? {};
    return unknown === undefined && isSecret !== true ? value : undefined;
  }
  const images = new Set(job.containers.filter(({ isInit }) => !isInit).map(({ image }) => image));
  const [only] = images;
  return images.size === 1 && only !== "" && !only!.includes("$") ? only : undefined;
}

function isSame(a: string, b: string): boolean {
  const [first, second] = [parseImage(a), parseImage(b)];
  if (first.digest !== undefined && first.digest === second.digest) return true;
  const short = (image: string) => image.replace(/^(docker\.io\/)?(library\/)?/, "");
  return short(a) === short(b);
}

/** A name of an image whose tag begins with the version of Spark, as in `rbs-spark`. */
const NAMED_SPARK = /(^|[/._-])(py)?spark([._-](py|r))?$/i;

/** The release line of Spark in an image, as in `3.5`; undefined if it is not known. */
function lineOf(reference: string, fact: ImageFact | undefined): string | undefined {
  const reading = fact?.images.find((each) => each.reference === reference);
  if (reading?.opened) {
    const core = reading.jars?.find(({ file }) => file.startsWith("spark-core_"));
    return /^\d+\.\d+/.exec(core?.version ?? "")?.[0];
  }
  const { repository, tag = "" } = parseImage(reference);
  const line = /^v?(\d+\.\d+)\.\d+(?![\d.])/.exec(tag)?.[1];
  return line !== undefined && line in HADOOP_OF && NAMED_SPARK.test(repository) ? line : undefined;
}

/**
 * Reports jars of jobs for another Scala or another Spark than that of the job's image.
 *
 * @param bases the base images of the Dockerfiles for Spark
 */
export function wrongJarsOfJobs(tree: Tree, bases: readonly string[]): Finding[] {
  const images = new Set(tree.jobs.filter(({ mode }) => mode !== "none").map(driverImage));
  return tree.jobs.flatMap((job): Finding[] => {
    const setting = job.settings.get("spark.jars");
    if (setting === undefined || setting.unknown !== undefined || setting.isSecret) return [];
    const image = driverImage(job);
    const own = image === undefined ? [] : [image].filter((each) => isKnown(each));
    // The Dockerfiles of these manifests build one image.
    const isOurs = image !== undefined && isInProject(job.workload.object, tree.project) &&
      (images.size === 1 || image === tree.project.jobs.image);
    const known = own.length > 0 ? own : isOurs && bases.every(isKnown) ? bases : [];
    const lines = new Set(known.map((each) => lineOf(each, undefined)));
    const scalas = new Set(known.map((each) => scalaOf(each, lineOf(each, undefined))));
    const [[line], [scala]] = [[...lines], [...scalas]];
    return job.jars.map((jar) => jar.replace(/^.*\//, "")).flatMap((file): Finding[] => {
      const wrong =
        (scalas.size === 1 && scala !== undefined ? wrongScala(file, scala) : undefined) ??
          (lines.size === 1 && line !== undefined ? wrongSpark(file, line) : undefined);
      return wrong === undefined ? [] : [{ ...wrong, ...setting.place }];
    });
  });
}

function isKnown(image: string): boolean {
  const reference = parseImage(image);
  return isPlainSpark(reference) && !bundlesUnknownJars(reference);
}
