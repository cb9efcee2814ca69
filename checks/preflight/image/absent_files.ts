import type { Tree } from "../../facts/tree.ts";
import type { Finding, NotJudged, Place } from "../../finding.ts";
import { parseImage } from "../../image/reference.ts";
import { isInProject } from "../../kubernetes/jobs.ts";
import { placeOf } from "../../kubernetes/objects.ts";
import { naming } from "../../list_names.ts";
import type { Code } from "../../source_code/code.ts";
import { driverMounts, hasUnknownMounts, isBelow, mountsOf } from "../../spark/mounts.ts";
import type { SparkJob } from "../../spark/spark_job.ts";
import { applicationIn, wordsForSpark } from "../../spark/submit_words.ts";
import { type Presence, presenceOf, strongest } from "./dockerfile_files.ts";
import { isPlainSpark } from "../../image/plain_images.ts";

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

/** The options of the JVM with files that it loads at its start. */
const OPTIONS = ["driver", "executor"].flatMap((role) =>
  ["extraJavaOptions", "defaultJavaOptions"].map((each) => `spark.${role}.${each}`)
);

/** A jar that the JVM loads at its start. */
const AGENT = /(?<=^|\s)-javaagent:(\/[\w./@+-]+\.jar)(?=[=\s]|$)/g;

/** Folders that base images fill, so a Dockerfile does not show what is in them. */
const OF_BASE =
  /^\/(opt\/(spark\/(examples|jars|python|bin|sbin|tests|data|R|kubernetes)|java)|etc|usr|s?bin|lib(32|64|x32)?|tmp|var|run|home|root|dev|proc|sys|prometheus)\//;

/** The verdict on the files that jobs name. */
export interface AbsentFiles {
  /** The files that no Dockerfile adds. */
  readonly findings: readonly Finding[];
  /** The files that the Dockerfiles may copy, in a way that they do not show. */
  readonly unknown: readonly string[];
  /** The files that only commands of the Dockerfiles can add, which do not name them. */
  readonly notJudged: readonly NotJudged[];
}

/**
 * Judges whether the Dockerfiles add the files that jobs name. That is not known if a Dockerfile
 * copies a whole folder and the file is not found in it, or if a script or an unknown base image can
 * add the file.
 *
 * @param dockerfiles the Dockerfiles for Spark
 */
export function absentFiles(tree: Tree, dockerfiles: readonly Code[]): AbsentFiles {
  if (dockerfiles.length === 0) return { findings: [], unknown: [], notJudged: [] };
  const jobs = tree.jobs.filter(({ mode }) => mode !== "none");
  const images = new Set(jobs.flatMap(imagesOf));
  // Another image of another project can have a Dockerfile elsewhere.
  const judged = images.size === 1
    ? jobs
    : jobs.filter(({ workload: { object } }) => isInProject(object, tree.project));
  // Another finding already reports an image of plain Spark.
  const wanted = judged.filter((job) =>
    !imagesOf(job).some((image) => isPlainSpark(parseImage(image)))
  ).flatMap((job) =>
    filesOf(job).map((file) => ({
      ...file,
      label: job.label,
      presence: dockerfiles.map((each) => ({
        dockerfile: each.file ?? "Dockerfile",
        ...presenceOf(each, file.path, tree.buildFiles),
      })),
    }))
  ).map((each) => ({ ...each, ...strongest(each.presence) }));
  return {
    findings: wanted.filter(({ is }) => is === "absent").map((
      { path, place, lacking },
    ): Finding => ({
      severity: images.size === 1 ? "fail" : "warn",
      ...place,
      problem: `the job names ${path}, and no instruction of ${
        dockerfiles.map(({ file = "the Dockerfile" }) => file).join(", ")
      } adds the file`,
      why: "the job fails when it starts, because the file does not exist",
      fix: lacking === "left out"
        ? "Remove the pattern from .dockerignore that leaves the file out of the build."
        : "Copy the file in the Dockerfile, or name a file that exists.",
    })),
    unknown: unclearFiles(wanted),
    notJudged: wanted.flatMap(({ is, path, label, presence }) => {
      const by = presence.find((each) => each.is === "possible");
      const reason =
        `no instruction of ${by?.dockerfile} names ${path}, but its commands can add it`;
      return is === "possible" ? [{ object: label, reason }] : [];
    }),
  };
}

/** The files that an instruction may add, one message for each instruction. */
function unclearFiles(
  wanted: readonly {
    readonly is: Presence["is"];
    readonly path: string;
    readonly presence: readonly (Presence & { readonly dockerfile: string })[];
  }[],
): string[] {
  const unclear = wanted.flatMap(({ is, path, presence }) => {
    // A command of one Dockerfile can add a file that the copied files of another one lack.
    const by = presence.find((each) => each.is === "unclear") ??
      presence.find((each) => each.is === "possible");
    return is !== "unclear" || by === undefined ? [] : [{ ...by, path }];
  });
  const groups = Map.groupBy(unclear, ({ dockerfile, by = "", lacking }) => {
    const why = lacking === "left out" ? ".dockerignore leaves out a file of a job, and " : "";
    return `${dockerfile}: ${why}whether ${cut(by)}`;
  });
  return [...groups].map(([start, files]) => {
    const paths = naming([...new Set(files.map(({ path }) => path))]);
    return `${start} adds ${paths} is ${UNKNOWN_UNTIL}`;
  });
}

/** When a fact about an image is known. */
export const UNKNOWN_UNTIL = "not known until the image is read (see --image-archive)";

function cut(text: string): string {
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

/**
 * The application or another file of a job that a Dockerfile certainly adds, so that its image is
 * the job's; undefined if it adds no such file.
 */
export function fileOfJobs(tree: Tree, dockerfile: Code): string | undefined {
  return tree.jobs.filter(({ mode }) => mode !== "none").flatMap(filesOf)
    .find(({ path }) => presenceOf(dockerfile, path, tree.buildFiles).is === "there")?.path;
}

function imagesOf({ containers, images }: SparkJob): string[] {
  return [...containers.map(({ image }) => image), ...images.map(({ value }) => value)]
    .filter((image) => image !== "");
}

/** The flags with lists of files. */
const FLAGS = /^--(?:jars|py-files|files|archives)(?:=|$)/;

/** The paths in a flag's list. In deploy mode client, a path without a scheme is in this image. */
function listedIn(words: readonly string[], i: number): string[] {
  const text = words[i]!;
  const list = FLAGS.test(text)
    ? text.split("=")[1] ?? ""
    : FLAGS.test(words[i - 1] ?? "") && !words[i - 1]!.includes("=")
    ? text
    : "";
  return list.split(",").flatMap((each) =>
    /^(?:file:\/\/)?(\/[\w./@+-]+\.\w+)(?:#.*)?$/.exec(each)?.[1] ?? []
  );
}

/** The files that Spark reads from the image: the application, and the files in lists. */
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
    const all = wordsForSpark(words).map(({ text }) => text);
    const found = wordsForSpark(words).flatMap(({ path: at, text }, i): WantedFile[] => {
      const files = [
        ...[...text.matchAll(LOCAL)].map(([, path]) => path!),
        ...(job.mode === "cluster" ? [] : listedIn(all, i)),
      ];
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
  const filesIn = (keys: readonly string[], pattern: RegExp) =>
    keys.flatMap((key) => job.settings.get(key) ?? [])
      .filter(({ unknown, isSecret }) => unknown === undefined && isSecret !== true)
      .flatMap(({ value, place }) =>
        [...value.matchAll(pattern)].map(([, path]) => ({ path: path!, place }))
      );
  const listed = [...filesIn(LISTS, LOCAL), ...filesIn(OPTIONS, AGENT)]
    .filter(({ path }) =>
      !OF_BASE.test(path) && !folders.some((folder) => isBelow(path, folder)) &&
      !found.some((each) => each.path === path)
    );
  return [...found, ...listed];
}
