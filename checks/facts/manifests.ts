import { Failure } from "../../pipeline/errors.ts";
import { parseDocuments } from "../kubernetes/yaml.ts";
import { readTree } from "./manifest_files.ts";
import { type ManifestObject, objectsOf } from "../kubernetes/objects.ts";
import { embeddedScripts, languageOf, type Script, scriptFile } from "./scripts.ts";

/** A place in a file that cannot be understood. */
export interface ManifestProblem {
  /** The file or folder, relative to the directory that was read. */
  readonly file: string;
  /** The line, counted from 1; absent where the file as a whole is meant. */
  readonly line?: number;
  /** The column, counted from 1. */
  readonly column?: number;
  /** What is wrong. */
  readonly problem: string;
}

/** What a directory says that the cluster must look like. */
export interface ManifestsFact {
  /** The directory, as it was asked for. */
  readonly directory: string;
  /** How many files were looked at. */
  readonly files: number;
  /** Every object of Kubernetes in it, lists flattened, in the order of files and documents. */
  readonly objects: readonly ManifestObject[];
  /** Every script: files of their own, and those embedded in objects. */
  readonly scripts: readonly Script[];
  /** What could not be understood. With any, what is not there cannot be known either. */
  readonly problems: readonly ManifestProblem[];
}

/** What one file adds to the fact. */
export type FileReading = Pick<ManifestsFact, "objects" | "scripts" | "problems">;

/**
 * Reads all YAML, JSON, PySpark, SQL and shell files and Dockerfiles under a directory. Whatever is
 * broken is part of the fact.
 *
 * @throws {Failure} configuration: there is no such directory, or it cannot be read
 */
export async function gatherManifests(
  directory: string,
  signal?: AbortSignal,
): Promise<ManifestsFact> {
  const files = new Map<string, FileReading>();
  try {
    for await (const { file, text, problem } of readTree(directory, isWanted, signal)) {
      files.set(
        file,
        text === undefined
          ? { objects: [], scripts: [], problems: [{ file, problem: problem ?? "is unread" }] }
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
  const readings = [...files].flatMap(([file, reading]) =>
    isPackageData(file, files) ? [] : [reading]
  );
  return {
    directory,
    files: readings.length,
    objects: readings.flatMap(({ objects }) => objects),
    scripts: readings.flatMap(({ scripts }) => scripts),
    problems: readings.flatMap(({ problems }) => problems),
  };
}

/** What a file's text says. Never throws. */
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

/** Whether a file is JSON in a Python package, such as `jobs/helpers/units.json`. It is no manifest. */
function isPackageData(file: string, files: ReadonlyMap<string, unknown>): boolean {
  const folder = file.slice(0, file.lastIndexOf("/") + 1);
  return file.endsWith(".json") && files.has(`${folder}__init__.py`);
}

function isWanted(name: string): boolean {
  return /\.(ya?ml|json)$/.test(name) || languageOf(name) !== undefined;
}

function message(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "there is no such directory";
  if (error instanceof Deno.errors.NotADirectory) return "it is no directory";
  return error instanceof Error ? error.message : String(error);
}
