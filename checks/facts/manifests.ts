import type { ImageProgram } from "../spark/image_program.ts";
import type { Project } from "../../pipeline/contract/project.ts";
import { Failure } from "../../pipeline/errors.ts";
import { shellPath } from "../../pipeline/shell.ts";
import type { ManifestObject } from "../kubernetes/objects.ts";
import { type Replaced, replacedAmong } from "./duplicates.ts";
import type { TextFile } from "./kustomization.ts";
import type { Kustomized } from "./kustomizations.ts";
import { type BuildFiles, gatherBuildFiles, isForBuilds } from "./build_files.ts";
import { podsOfImages } from "./image_files.ts";
import {
  type FoundFile,
  isKustomization,
  pathOf,
  readTree,
  type Wanted,
} from "./manifest_files.ts";
import { EMPTY, type FileReading, type ManifestProblem, readFile } from "./manifest_text.ts";
import { embeddedScripts, languageOf, unreadLanguageOf } from "./scripts.ts";
import { chartsIn, isBelow, isChartTemplate, PIPE, unrenderedChart } from "./templates.ts";

export type { Replaced } from "./duplicates.ts";
export {
  type FileReading,
  type IgnoredFile,
  type ManifestProblem,
  readFile,
} from "./manifest_text.ts";

/** The objects and scripts in a directory of manifests. */
export interface ManifestsFact extends FileReading {
  /** The directory, as given with `--manifests`; `-` for the standard input. */
  readonly directory: string;
  /** The number of files that were read. */
  readonly files: number;
  /**
   * The objects that a later file or document declares again. They are not among `objects`. Absent
   * if there are none.
   */
  readonly replaced?: readonly Replaced[];
  /** The files that builds of images can read. Absent without a Dockerfile. */
  readonly buildFiles?: BuildFiles;
  /** The names of the platform. Absent if they are those of Robson. */
  readonly project?: Project;
  /** The programs of images in an archive, by the references of the jobs. Absent without an archive. */
  readonly programs?: ReadonlyMap<string, ImageProgram>;
}

/** The file of objects that were read from the standard input. */
const STDIN = "stdin";

/** The size of the largest standard input, in characters. */
const MAX_STREAM = 64 * 1024 * 1024;

/**
 * Reads all YAML, JSON, PySpark, SQL and shell files and Dockerfiles under a directory, or YAML from
 * the standard input. Renders kustomizations with `kustomize` or `kubectl`. Files that cannot be
 * read or rendered are reported as problems.
 *
 * @param directory the directory; `-` for the standard input
 * @param project the names of the platform. Their file is not a manifest
 * @throws {Failure} configuration: the directory does not exist or cannot be read
 */
export async function gatherManifests(
  directory: string,
  signal?: AbortSignal,
  project?: Project,
): Promise<ManifestsFact> {
  const names = project === undefined ? {} : { project };
  if (directory === "-") {
    return { ...factOfReadings(directory, [await readStream(signal)]), ...names };
  }
  const found: FoundFile[] = [];
  const all: string[] = [];
  const wanted: Wanted = (name, siblings, file) => {
    all.push(file);
    return isWanted(name, siblings);
  };
  try {
    for await (const each of readTree(directory, wanted, signal)) {
      if (pathOf(directory, each.file) !== project?.file) found.push(each);
    }
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Failure({
      kind: "configuration",
      task: `read manifests from ${JSON.stringify(directory)}`,
      problem: message(error),
      remedy: "Give a directory of YAML files with --manifests.",
      cause: error,
    });
  }
  const own = found.filter(({ file }) => !isForBuilds(file));
  const broken = own.flatMap((each) => each.text === undefined ? [withoutText(each)] : []);
  const texts = own.flatMap(({ file, text }) => text === undefined ? [] : [{ file, text }]);
  const { files, readings } = await rendered(directory, texts, signal);
  const whole = [...readings, ...broken, ...withoutTemplates(directory, files)];
  const fact = factOfReadings(directory, whole, own.length);
  return {
    ...fact,
    problems: fact.problems.map((each) => withProject(each, project)),
    ...(own.some(({ file }) => languageOf(file) === "dockerfile")
      ? { buildFiles: await gatherBuildFiles(directory, all, found) }
      : {}),
    ...names,
  };
}

/** A stream has no folder with a project file, so the printed pipe names the file. */
function withProject(problem: ManifestProblem, project: Project | undefined): ManifestProblem {
  const { render } = problem;
  return render === undefined || project?.file === undefined || !render.endsWith(PIPE)
    ? problem
    : { ...problem, render: `${render} --project ${shellPath(project.file)}` };
}

/** The reading of a file or folder that cannot be read. */
function withoutText(found: FoundFile): FileReading {
  const { file, optional, problem = "the file was not read" } = found;
  if (optional === undefined) return { ...EMPTY, problems: [{ file, problem }] };
  const content = `code in ${unreadLanguageOf(file)}, not judged: ${problem}`;
  return { ...EMPTY, ignored: [{ file, content }] };
}

/** Renders the kustomizations. The code for them is loaded only if there is one. */
async function rendered(
  directory: string,
  files: readonly TextFile[],
  signal?: AbortSignal,
): Promise<Kustomized> {
  if (!files.some(({ file }) => isKustomization(file))) return { files, readings: [] };
  const { kustomized } = await import("./kustomizations.ts");
  return await kustomized(directory, files, signal);
}

/** Reads files. The templates of a Helm chart are one problem of the chart. */
function* withoutTemplates(
  directory: string,
  files: readonly TextFile[],
): Generator<FileReading> {
  const charts = chartsIn(files.map(({ file }) => file));
  const unrendered = new Set<string>();
  for (const { file, text } of files) {
    const chart = charts.find((each) => isBelow(file, each));
    if (chart === undefined || !isChartTemplate(file, text, chart)) {
      yield readFile(file, text, pathOf(directory, file));
    } else if (!unrendered.has(chart)) {
      unrendered.add(chart);
      const problem = {
        file: chart === "" ? "Chart.yaml" : chart,
        ...unrenderedChart(directory, chart),
      };
      yield { ...EMPTY, problems: [problem] };
    }
  }
}

/**
 * Combines the readings of files, in the order in which kubectl applies them. Of several
 * declarations of one object, only the last counts.
 */
export function factOfReadings(
  directory: string,
  readings: Iterable<FileReading>,
  files?: number,
): ManifestsFact {
  const all = [...readings];
  const replaced = replacedAmong(all.flatMap(({ objects }) => objects));
  const gone = new Set<ManifestObject>(replaced.map(({ object }) => object));
  const templates = podsOfImages(
    all.flatMap(({ objects }) => objects),
    all.flatMap(({ scripts }) => scripts),
  );
  for (const each of templates) gone.add(each);
  const kept = gone.size === 0 ? all : all.map((each) => withoutObjects(each, gone));
  return {
    directory,
    files: files ?? all.length,
    objects: kept.flatMap(({ objects }) => objects),
    scripts: kept.flatMap(({ scripts }) => scripts),
    problems: kept.flatMap(({ problems }) => problems),
    ignored: [
      ...kept.flatMap(({ ignored }) => ignored),
      ...templates.map(({ file }) => (
        {
          file: file!,
          content: "the template of a pod, which a Dockerfile copies and a setting of Spark names",
        }
      )),
    ],
    ...(replaced.length === 0 ? {} : { replaced }),
  };
}

function withoutObjects(reading: FileReading, gone: ReadonlySet<ManifestObject>): FileReading {
  if (!reading.objects.some((object) => gone.has(object))) return reading;
  const objects = reading.objects.filter((object) => !gone.has(object));
  return { ...reading, objects, scripts: objects.flatMap(embeddedScripts) };
}

/** Reads the standard input. A stream is only for objects, so anything else in it is a problem. */
async function readStream(signal?: AbortSignal): Promise<FileReading> {
  const invalid = (problem: string) =>
    new Failure({
      kind: "configuration",
      task: "read manifests from the standard input",
      problem,
      remedy:
        "Pipe YAML into the command: helm template <chart> | deno task preflight --manifests -",
    });
  if (Deno.stdin.isTerminal()) throw invalid("it is a terminal");
  let text = "";
  const decoder = new TextDecoderStream("utf-8", { fatal: true });
  try {
    const chunks = Deno.stdin.readable.pipeThrough(decoder, signal === undefined ? {} : { signal });
    for await (const chunk of chunks) {
      text += chunk;
      if (text.length > MAX_STREAM) throw invalid("it is larger than 64 MiB");
    }
  } catch (error) {
    throw error instanceof TypeError ? invalid("it is not text in UTF-8") : error;
  }
  const { ignored, problems, ...reading } = readFile(STDIN, text, "-");
  const others = ignored.map(({ content, ...place }) => (
    { line: 1, column: 1, ...place, problem: `not a Kubernetes object, but ${content}` }
  ));
  return { ...reading, ignored: [], problems: [...problems, ...others] };
}

/** JSON in a Python package, such as `jobs/helpers/units.json`, is not a manifest. */
function isWanted(name: string, siblings: ReadonlySet<string>): boolean | "optional" {
  if (name.endsWith(".json")) return !siblings.has("__init__.py");
  if (isForBuilds(name)) return "optional";
  return /\.ya?ml$|^Kustomization$/.test(name) || languageOf(name) !== undefined ||
    unreadLanguageOf(name) !== undefined && "optional";
}

function message(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "the directory does not exist";
  if (error instanceof Deno.errors.NotADirectory) return "the path is not a directory";
  return error instanceof Error ? error.message : String(error);
}
