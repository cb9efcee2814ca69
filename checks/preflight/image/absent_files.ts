import type { Tree } from "../../facts/tree.ts";
import type { Finding, Place } from "../../finding.ts";
import { parseImage } from "../../image/reference.ts";
import { isInProject } from "../../kubernetes/jobs.ts";
import { placeOf } from "../../kubernetes/objects.ts";
import type { Code } from "../../source_code/code.ts";
import { copiedFrom, instructionsOf, stagesOf } from "../../source_code/dockerfile.ts";
import type { SparkJob } from "../../spark/spark_job.ts";
import { applicationIn, wordsForSpark } from "../../spark/submit_words.ts";
import { foldersOf } from "./image_uses.ts";
import { finalStages, withoutHarmless } from "./jar_places.ts";
import { isPlainSpark } from "./plain_images.ts";

// The files that jobs name, and that no Dockerfile for Spark adds to the image.

/** A file of a job in its image. */
interface WantedFile {
  readonly path: string;
  readonly place: Place;
}

/** A file with `local://`, also in a list. */
const LOCAL = /(?<=^|[=,\s"'])local:\/\/(\/[\w./@+-]+\.(?:py|jar|zip|egg|whl|R))(?=[,\s"']|$)/g;

/** Folders that base images fill, so a Dockerfile does not show what is in them. */
const OF_BASE =
  /^\/(opt\/spark\/(examples|jars|python|bin|sbin|tests|data|R|kubernetes)|usr|bin|lib|tmp|var|home|root)\//;

/** Base images whose other folders are empty. */
const BARE = /^(python|eclipse-temurin|openjdk|debian|ubuntu|alpine)$/;

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
    // Plain Spark is a finding of its own.
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

/** The files that spark-submit reads from the image: the application, and files with `local://`. */
function filesOf({ workload: { object }, containers }: SparkJob): WantedFile[] {
  return containers.flatMap(({ words, fields }) => {
    const folders = foldersOf(object, fields);
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
      !OF_BASE.test(path) && !folders.some((folder) => `${path}/`.startsWith(folder))
    );
  });
}

/** Returns whether an image of a Dockerfile may have a file. */
function mayHave(dockerfile: Code, path: string, code: readonly Code[]): boolean {
  const stages = finalStages(stagesOf(instructionsOf(dockerfile)));
  const base = parseImage(stages[0]?.image ?? "");
  const isSpark = isPlainSpark(base);
  if (!isSpark && !BARE.test(base.repository.replace(/^.*\//, ""))) return true;
  let folder = isSpark ? "/opt/spark/work-dir" : "/";
  const files = code.flatMap(({ file, object }) => object === undefined ? file ?? [] : []);
  for (const { name, text } of stages.flatMap(({ instructions }) => instructions)) {
    if (name === "WORKDIR") folder = absolute(text, folder);
    else if (name === "RUN") {
      if (mayWrite(text, path, folder)) return true;
    } else if (name === "COPY" || name === "ADD") {
      if (text.includes("<<") || mayCopy({ text, folder, files }, path)) return true;
    }
  }
  return false;
}

function absolute(path: string, folder: string): string {
  const plain = path.replace(/^["']|["']$/g, "").replace(/\/\.?$/, "");
  const whole = plain.startsWith("/") ? plain : `${folder}/${plain}`;
  return whole.replace(/\/\.\//g, "/").replace(/\/\.$/, "").replace(/\/{2,}/g, "/") || "/";
}

/** Returns whether a command can write a file: it names the file, or a folder above it. */
function mayWrite(command: string, path: string, folder: string): boolean {
  const text = withoutHarmless(command);
  const names = path.split("/").slice(1);
  const above = names.slice(0, -1).map((_, i) => `/${names.slice(0, i + 1).join("/")}`);
  const isNamed = [...above, names.at(-1)!].some((each) =>
    new RegExp(`(?<![\\w.-])${each.replaceAll(/[.+]/g, "\\$&")}(?![\\w.-])`).test(text)
  );
  // Commands without a path write into the current folder.
  return isNamed || text.includes("$") ||
    above.includes(folder) && /\b(git|curl|wget|tar|unzip|cp|mv|ln|pip|mvn|install)\b/.test(text);
}

/** Returns whether COPY or ADD can add a file. */
function mayCopy(
  { text, folder, files }: {
    readonly text: string;
    readonly folder: string;
    readonly files: readonly string[];
  },
  path: string,
): boolean {
  if (text.includes("$")) return true;
  const words =
    (text.includes("[")
      ? [...text.matchAll(/"([^"]*)"/g)].map(([, word]) => word!)
      : text.split(" "))
      .filter((word) => !word.startsWith("--"));
  const sources = words.slice(0, -1);
  const last = words.at(-1) ?? "";
  const target = absolute(last, folder);
  if (target === path) return true;
  const start = target === "/" ? "/" : `${target}/`;
  if (!path.startsWith(start)) return false;
  const rest = path.slice(start.length);
  const isCopied =
    copiedFrom({ instructions: [{ name: "COPY", text, offset: 0, end: 0 }] }).length > 0;
  return sources.some((source) => {
    const name = source.replace(/\/+$/, "").replace(/^.*\//, "");
    if (/[*?[]|:\/\/.*\?|\.(tar|tgz|gz|bz2|xz|zip)$/.test(source)) return true;
    if (/\.(py|jar|egg|whl|R|sh|sql|ya?ml|json|txt|toml|conf|properties|xml)$/.test(name)) {
      // A single file can be copied to a name, which is no folder then.
      return name === rest;
    }
    if (isCopied) return true;
    return !isKnownWithout(source, rest, files);
  });
}

/** Returns whether the Python files of a folder are known, and a file is not among them. */
function isKnownWithout(source: string, rest: string, files: readonly string[]): boolean {
  if (!rest.endsWith(".py")) return false;
  const folder = source.replace(/^\.?\/+/, "").replace(/\/*\.?$/, "");
  if (folder === "") return false;
  const inside = files.filter((file) => `/${file}`.includes(`/${folder}/`) && file.endsWith(".py"));
  return inside.length > 0 && !inside.some((file) => `/${file}`.endsWith(`/${folder}/${rest}`));
}
