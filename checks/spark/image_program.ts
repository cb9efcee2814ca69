import { parseImage } from "../image/reference.ts";
import { callsSpark } from "../kubernetes/job_containers.ts";
import type { Container, Workload } from "../kubernetes/workloads.ts";
import type { Code } from "../source_code/code.ts";
import { isPlainSpark } from "../image/plain_images.ts";
import { finalStages, instructionsOf, jsonWords, stagesOf } from "../source_code/dockerfile.ts";

// The program of a container without `command`, which its image decides.

/** The program of an image, as its Dockerfile or its configuration declares it. */
export interface ImageProgram {
  /** The words of `ENTRYPOINT`. */
  readonly entrypoint: readonly string[];
  /** The words of `CMD`, which `args` replace. */
  readonly command: readonly string[];
  /** True if `ENTRYPOINT` is a command line of a shell, which ignores `CMD` and `args`. */
  readonly isAlone: boolean;
}

/**
 * A workload whose containers without `command` run the words of their image, or of its Dockerfile.
 *
 * A Dockerfile belongs to an image if its folder or its name has the name of the image, as in
 * `etl/Dockerfile` and `Dockerfile.etl` for `ghcr.io/acme/etl:1.0.0`. The only Dockerfile belongs to
 * the image of the project's jobs.
 *
 * @param ours the image of the project's jobs
 * @param read the programs of images that were read, by their references
 */
export function withImagePrograms(
  workload: Workload,
  code: readonly Code[],
  ours: string,
  read: ReadonlyMap<string, ImageProgram> = new Map(),
): Workload {
  const dockerfiles = code.filter(({ language, target }) =>
    language === "dockerfile" && target === undefined
  );
  const containers = workload.containers.map((container) => {
    if (!isStartedByImage(container)) return container;
    const dockerfile = dockerfileOf(container, dockerfiles, ours);
    const program = read.get(container.image) ??
      (dockerfile === undefined ? toolkitIn(container) : programOf(dockerfile));
    if (program === undefined) return container;
    const { entrypoint, command, isAlone } = program;
    const ofImage = container.words.length > 0 || isAlone ? [] : command;
    const path = `${container.path}.image`;
    const words = [...entrypoint, ...ofImage].map((text) => ({ path, text }));
    return { ...container, words: isAlone ? words : [...words, ...container.words] };
  });
  return { ...workload, containers };
}

/**
 * The program that the configuration of an image declares.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { programOfConfig } from "./image_program.ts";
 *
 * const shell = { entrypoint: ["/bin/sh", "-c", "run-spark"], command: ["a"] };
 * assertEquals([shell, { ...shell, entrypoint: ["run"] }].map(programOfConfig).map((each) =>
 *   each.isAlone
 * ), [true, false]);
 * ```
 */
export function programOfConfig(
  { entrypoint, command }: Pick<ImageProgram, "entrypoint" | "command">,
): ImageProgram {
  const [shell, option] = entrypoint;
  const isAlone = shell === "/bin/sh" && option === "-c" && entrypoint.length === 3;
  return { entrypoint, command, isAlone };
}

/** The program of the image of this toolkit, in any registry. */
function toolkitIn({ image }: Container): ImageProgram | undefined {
  return /(^|\/)deep-storage$/.test(parseImage(image).repository)
    ? { entrypoint: ["deno", "task", "--quiet"], command: [], isAlone: false }
    : undefined;
}

/** Why the program of a job is not known; undefined if the manifests or a Dockerfile show it. */
export function unknownProgram({ containers }: Pick<Workload, "containers">): string | undefined {
  const unknown = containers.find((each) => isStartedByImage(each) && !showsProgram(each));
  return unknown === undefined
    ? undefined
    : `container ${unknown.name} has no command, and the program of its image is not known`;
}

/** Returns whether the image of a container decides which program starts. */
export function isStartedByImage({ fields: { command, args }, words }: Container): boolean {
  const isEmpty = (value: unknown) => !Array.isArray(value) || value.length === 0;
  // The words of a SparkApplication and of a script of Argo are not in these fields.
  const isElsewhere = isEmpty(args) && words.some(({ path }) => !path.endsWith(".image"));
  return isEmpty(command) && !isElsewhere;
}

/** A program that starts the words after it, as the entry point of an image of Spark does. */
const STARTER = /^(?:\S*\/)?(?:tini|dumb-init|env)$|^\/opt\/entrypoint\.sh$/;

/** A word that starts a program whose code or settings the checks read. */
const PROGRAM =
  /^(?:\S*\/)?(?:(?:ba|da)?sh|python[\d.]*|java|Rscript|deno)$|^\S+\.(?:py|sh|jar|R)$|^(?:driver|executor)$/;

/** Returns whether the words of a container show its program. */
function showsProgram(container: Container): boolean {
  const words = container.words.map(({ text }) => text);
  if (callsSpark(container)) return true;
  const start = words.findIndex((text) => !STARTER.test(text));
  const first = start > 0 ? words.slice(start).find((text) => !text.startsWith("-")) : words[0];
  return first !== undefined && PROGRAM.test(first);
}

/** The Dockerfile of a container's image; undefined if none is known to be. */
function dockerfileOf(
  { image }: Pick<Container, "image">,
  dockerfiles: readonly Code[],
  ours: string,
): Code | undefined {
  const { repository } = parseImage(image);
  // A folder can have the name of a published image.
  if (isPlainSpark({ repository })) return undefined;
  const name = repository.replace(/^.*\//, "");
  const named = dockerfiles.filter(({ file = "" }) => {
    const [base = "", folder] = file.split("/").toReversed();
    return folder === name || base === `Dockerfile.${name}` ||
      base.toLowerCase() === `${name}.dockerfile`;
  });
  const isOurs = repository === parseImage(ours).repository;
  const found = named.length > 0 || !isOurs ? named : dockerfiles;
  return found.length === 1 ? found[0] : undefined;
}

/**
 * Returns whether an image surely has no settings of Spark: a published image of plain Spark, or one
 * that a Dockerfile beside the manifests builds on it. The caller knows whether the Dockerfile adds a
 * file with settings.
 *
 * @param ours the image of the project's jobs
 */
export function isOnPlainSpark(image: string, code: readonly Code[], ours: string): boolean {
  if (isPlainSpark(parseImage(image))) return true;
  const dockerfiles = code.filter(({ language, target }) =>
    language === "dockerfile" && target === undefined
  );
  const dockerfile = dockerfileOf({ image }, dockerfiles, ours);
  if (dockerfile === undefined) return false;
  const [base] = finalStages(stagesOf(instructionsOf(dockerfile)));
  return base !== undefined && isPlainSpark(parseImage(base.image));
}

function programOf(dockerfile: Code): ImageProgram {
  let program: ImageProgram = { entrypoint: [], command: [], isAlone: false };
  for (const { instructions } of finalStages(stagesOf(instructionsOf(dockerfile)))) {
    const last = (wanted: string) => instructions.findLast(({ name }) => name === wanted)?.text;
    const [entrypoint, command] = [last("ENTRYPOINT"), last("CMD")];
    if (entrypoint !== undefined) {
      // ENTRYPOINT removes the CMD of the image below.
      const isAlone = jsonWords(entrypoint) === undefined;
      program = { entrypoint: wordsOf(entrypoint), command: [], isAlone };
    }
    if (command !== undefined) program = { ...program, command: wordsOf(command) };
  }
  return program;
}

/** The words of ENTRYPOINT or CMD. */
function wordsOf(text: string): readonly string[] {
  return jsonWords(text) ?? ["/bin/sh", "-c", text];
}
