import { parentOf, pathOf } from "../../checks/facts/manifest_files.ts";
import { DEFAULT_PROJECT, type Project } from "../../pipeline/contract/project.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { Flags } from "./flags.ts";

/**
 * The lines of a `--help` about the flag `--project`.
 *
 * @param width the number of characters before the explanation
 * @param folders the folders with a default file
 */
export function projectHelp(
  width: number,
  folders: string = "manifests/ or the working directory",
): string {
  return [
    "  --project FILE".padEnd(width) + "the names of the platform, in JSON or YAML; default:",
    " ".repeat(width) + `deep-storage.json, .yaml or .yml in ${folders}`,
  ].join("\n");
}

/** The folders with a default file for a command that reads manifests. */
export const FOLDERS_BY_MANIFESTS = "the manifests' directory,\n" +
  "                         its parent, or the working directory";

/** The names of the project file, in the order of preference. */
const NAMES = ["deep-storage.json", "deep-storage.yaml", "deep-storage.yml"];

/** A key that each Kubernetes object has. A file with one is a manifest, not a project file. */
const OBJECT_KEY = /^[\s{,"']*(apiVersion|kind)["']?\s*:/m;

/**
 * Reads the names of the platform from `--project`, or from the first project file that is found.
 *
 * @param directory the directory of the manifests; `manifests/` if the command reads none
 * @returns undefined if there is no project file
 * @throws {Failure} configuration: the file is invalid, or cannot be read
 */
export async function projectOf(
  flags: Flags,
  directory: string | undefined = "manifests",
): Promise<Project | undefined> {
  const named = flags.value("project");
  if (named !== undefined) {
    const text = await Deno.readTextFile(named).catch((error) => {
      throw unreadable(named, error);
    });
    if (OBJECT_KEY.test(text)) throw aManifest(named);
    return await readProject(await asFound(named, directory), text);
  }
  for (const file of candidates(directory)) {
    const text = await Deno.readTextFile(file).catch((error) => {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
        return undefined;
      }
      throw unreadable(file, error);
    });
    if (text !== undefined && !OBJECT_KEY.test(text)) return await readProject(file, text);
  }
  return undefined;
}

async function readProject(file: string, text: string): Promise<Project> {
  // Without a project file, its reader is not loaded.
  const { parseProject } = await import("../../checks/facts/project.ts");
  return { ...parseProject(file, text), file };
}

/** The paths where a project file can be. */
function candidates(directory: string | undefined): string[] {
  const folders = directory === undefined || directory === "-"
    ? ["."]
    : [directory, parentFolder(directory), "."];
  return [...new Set(folders)].flatMap((folder) => NAMES.map((name) => pathOf(folder, name)));
}

function parentFolder(directory: string): string {
  const plain = directory.replace(/(?<=.)\/+$/, "");
  if (/(^|\/)\.\.?$/.test(plain)) return `${plain}/..`;
  return parentOf(plain) || (plain.startsWith("/") ? "/" : ".");
}

/** The path of a file as the files of the manifests are named, if the file is one of them. */
async function asFound(file: string, directory: string | undefined): Promise<string> {
  if (directory === undefined || directory === "-") return file;
  const [real, root] = await Promise.all(
    [file, directory].map((path) => Deno.realPath(path).catch(() => path)),
  );
  return real!.startsWith(`${root}/`) ? pathOf(directory, real!.slice(root!.length + 1)) : file;
}

/** The names of the platform, also without a project file. */
export async function projectOrDefault(
  flags: Flags,
  directory?: string | undefined,
): Promise<Project> {
  return await projectOf(flags, directory) ?? DEFAULT_PROJECT;
}

const REMEDY =
  "Use a JSON or YAML file with the names of the platform, such as deep-storage.json. " +
  "List the fields with: deno task explain configuration";

function unreadable(file: string, error: Error): Failure {
  const place = file.startsWith("/") ? "" : `. The working directory is ${Deno.cwd()}`;
  const problem = error instanceof Deno.errors.NotFound
    ? "there is no such file"
    : error instanceof Deno.errors.IsADirectory
    ? "it is a directory"
    : error instanceof Deno.errors.PermissionDenied
    ? "this user may not read it"
    : `it cannot be read (${error.name})`;
  return new Failure({
    kind: "configuration",
    task: `use ${file}`,
    problem: `${problem}${place}`,
    remedy: REMEDY,
    cause: error,
  });
}

function aManifest(file: string): Failure {
  return new Failure({
    kind: "configuration",
    task: `use ${file}`,
    problem: "it is a Kubernetes object",
    remedy: REMEDY,
  });
}
