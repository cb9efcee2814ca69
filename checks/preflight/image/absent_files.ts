import type { Tree } from "../../facts/tree.ts";
import type { Finding, Place } from "../../finding.ts";
import { parseImage } from "../../image/reference.ts";
import { isInProject } from "../../kubernetes/jobs.ts";
import { placeOf } from "../../kubernetes/objects.ts";
import type { Code } from "../../source_code/code.ts";
import { driverMounts, hasUnknownMounts, isBelow, mountsOf } from "../../spark/mounts.ts";
import type { SparkJob } from "../../spark/spark_job.ts";
import { applicationIn, wordsForSpark } from "../../spark/submit_words.ts";
import { mayHave } from "./dockerfile_files.ts";
import { isPlainSpark } from "./plain_images.ts";

// The files that jobs name, and that no Dockerfile for Spark adds to the image.

/** A file of a job in its image. */
interface WantedFile {
  readonly path: string;
  readonly place: Place;
}

/** A file with `local://`, also in a list. An archive can have the name of its folder after `#`. */
const LOCAL = /(?<=^|[=,\s"'])local:\/\/(\/[\w./@+-]+\.\w+)(?=[,\s"'#]|$)/g;

/** The settings with files that Spark reads from the image if they begin with `local://`. */
const LISTS = ["spark.jars", "spark.submit.pyFiles", "spark.files", "spark.archives"];

/** Folders that base images fill, so a Dockerfile does not show what is in them. */
const OF_BASE =
  /^\/(opt\/spark\/(examples|jars|python|bin|sbin|tests|data|R|kubernetes)|usr|bin|lib|tmp|var|home|root)\//;

/**
 * Reports the files that jobs name and that no Dockerfile adds. A Dockerfile that may add a file in a
 * way that it does not show, as with a script or an unknown base image, counts as having the file.
 *
 * @param dockerfiles the Dockerfiles for Spark
 */
export function absentFiles(tree: Tree, dockerfiles: readonly Code[]): Finding[] {
  if (dockerfiles.length === 0) return [];
  const jobs = tree.jobs.filter(({ mode }) => mode !== "none");
  const images = new Set(jobs.flatMap(imagesOf));
  // Another image of another project can have a Dockerfile elsewhere.
  const judged = images.size === 1
    ? jobs
    : jobs.filter(({ workload: { object } }) => isInProject(object, tree.project));
  return judged.flatMap((job) => {
    // Another finding already reports an image of plain Spark.
    if (imagesOf(job).some((image) => isPlainSpark(parseImage(image)))) return [];
    return filesOf(job).filter(({ path }) =>
      !dockerfiles.some((each) => mayHave(each, path, tree.code))
    ).map(({ path, place }): Finding => ({
      severity: images.size === 1 ? "fail" : "warn",
      ...place,
      problem: `the job names ${path}, and no instruction of ${
        dockerfiles.map(({ file = "the Dockerfile" }) => file).join(", ")
      } adds the file`,
      why: "the job fails when it starts, because the file does not exist",
      fix: "Copy the file in the Dockerfile, or name a file that exists.",
    }));
  });
}

function imagesOf({ containers, images }: SparkJob): string[] {
  return [...containers.map(({ image }) => image), ...images.map(({ value }) => value)]
    .filter((image) => image !== "");
}

/** The files that Spark reads from the image: the application, and files with `local://`. */
function filesOf(job: SparkJob): WantedFile[] {
  const { workload: { object }, containers } = job;
  // The volumes of the driver are not known without its template and its settings.
  if (hasUnknownMounts(job) || job.driver !== undefined && job.unreadProperties !== undefined) {
    return [];
  }
  const found = containers.flatMap((container) => {
    const { words } = container;
    const folders = [...mountsOf(container), ...driverMounts(job)];
    const application = applicationIn(words);
    const found = wordsForSpark(words).flatMap(({ path: at, text }, i): WantedFile[] => {
      const files = [...text.matchAll(LOCAL)].map(([, path]) => path!);
      const isRun = i === application || /(^|\/)python[\d.]*$/.test(words[i - 1]?.text ?? "");
      const isPath = isRun && /^\/[\w./@+-]+\.(py|jar|R)$/.test(text);
      return [...files, ...isPath ? [text] : []].map((path) => (
        { path, place: placeOf(object, at) }
      ));
    });
    return found.filter(({ path }) =>
      !OF_BASE.test(path) && !folders.some((folder) => isBelow(path, folder))
    );
  });
  const folders = [...containers.flatMap(mountsOf), ...driverMounts(job)];
  const listed = LISTS.flatMap((key) => job.settings.get(key) ?? [])
    .filter(({ unknown, isSecret }) => unknown === undefined && isSecret !== true)
    .flatMap(({ value, place }) =>
      [...value.matchAll(LOCAL)].map(([, path]) => ({ path: path!, place }))
    )
    .filter(({ path }) =>
      !OF_BASE.test(path) && !folders.some((folder) => isBelow(path, folder)) &&
      !found.some((each) => each.path === path)
    );
  return [...found, ...listed];
}
