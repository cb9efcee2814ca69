import { Failure } from "../../pipeline/errors.ts";
import { parseDocuments } from "../kubernetes/yaml.ts";
import { readTree } from "./manifest_files.ts";
import { type ManifestObject, objectsOf } from "../kubernetes/objects.ts";
import { embeddedScripts, languageOf, type Script, scriptFile } from "./scripts.ts";

/** A file, or a place in a file, that cannot be read. */
export interface ManifestProblem {
  /** The file or folder, relative to the directory that was read. */
  readonly file: string;
  /** The line, counted from 1; absent for a problem of the whole file. */
  readonly line?: number;
  /** The column, counted from 1. */
  readonly column?: number;
  /** The problem, as in `duplicate field "a"`. */
  readonly problem: string;
}

/** The objects and scripts in a directory of manifests. */
export interface ManifestsFact {
  /** The directory, as given with `--manifests`. */
  readonly directory: string;
  /** The number of files that were read. */
  readonly files: number;
  /**
   * The Kubernetes objects, in the order of files and documents. A list is replaced by its items.
   */
  readonly objects: readonly ManifestObject[];
  /** The scripts: separate files, and scripts inside objects. */
  readonly scripts: readonly Script[];
  /**
   * The files and documents that could not be read. They may contain objects that seem to be
   * missing.
   */
  readonly problems: readonly ManifestProblem[];
}

/** The objects, scripts and problems of one file. */
export type FileReading = Pick<ManifestsFact, "objects" | "scripts" | "problems">;

/**
 * Reads all YAML, JSON, PySpark, SQL and shell files and Dockerfiles under a directory. Files
 * that cannot be read are reported as problems.
 *
 * @throws {Failure} configuration: the directory does not exist or cannot be read
 */
export async function gatherManifests(
  directory: string,
  signal?: AbortSignal,
): Promise<ManifestsFact> {
  const readings: FileReading[] = [];
  try {
    for await (const found of readTree(directory, isWanted, signal)) {
      const { file, text, problem = "the file was not read" } = found;
      readings.push(
        text === undefined
          ? { objects: [], scripts: [], problems: [{ file, problem }] }
          : readFile(file, text),
      );
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
  return {
    directory,
    files: readings.length,
    objects: readings.flatMap(({ objects }) => objects),
    scripts: readings.flatMap(({ scripts }) => scripts),
    problems: readings.flatMap(({ problems }) => problems),
  };
}

/** Reads the objects and scripts in the text of a file. Never throws. */
export function readFile(file: string, text: string): FileReading {
  const language = languageOf(file);
  if (language !== undefined) {
    return { objects: [], scripts: [scriptFile(file, language, text)], problems: [] };
  }
  const { documents, problems } = parseDocuments(text);
  const readings = documents.map((document) => objectsOf(file, document));
  const objects = readings.flatMap((reading) => reading.objects);
  return {
    objects,
    scripts: objects.flatMap(embeddedScripts),
    problems: [...problems, ...readings.flatMap((reading) => reading.problems)]
      .map((each) => ({ file, ...each })),
  };
}

/** JSON in a Python package, such as `jobs/helpers/units.json`, is not a manifest. */
function isWanted(name: string, siblings: ReadonlySet<string>): boolean {
  if (name.endsWith(".json")) return !siblings.has("__init__.py");
  return /\.ya?ml$/.test(name) || languageOf(name) !== undefined;
}

function message(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "the directory does not exist";
  if (error instanceof Deno.errors.NotADirectory) return "the path is not a directory";
  return error instanceof Error ? error.message : String(error);
}
