import { parentOf, pathOf } from "../../checks/facts/manifest_files.ts";
import type { Project } from "../../pipeline/contract/project.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { Flags } from "./flags.ts";

/** The lines of a `--help` about the flag `--project`. */
export const PROJECT_HELP = `
  --project FILE         the names of the platform; default: deep-storage.json, .yaml or .yml in the
                         manifests' directory, its parent, or the working directory`.slice(1);

/** The names of the project file, in the order of preference. */
const NAMES = ["deep-storage.json", "deep-storage.yaml", "deep-storage.yml"];

/** A key that each Kubernetes object has. A file with one is a manifest, not a project file. */
const OBJECT_KEY = /^[\s{,"']*(apiVersion|kind)["']?\s*:/m;

/**
 * Reads the names of the platform from `--project`, or from the first project file that is found.
 *
 * @param directory the directory of the manifests, if any
 * @returns undefined if there is no project file
 * @throws {Failure} configuration: the file is invalid, or cannot be read
 */
export async function projectOf(
  flags: Flags,
  directory: string | undefined,
): Promise<Project | undefined> {
  const named = flags.value("project");
  if (named !== undefined) {
    return await readProject(
      await asFound(named, directory),
      await Deno.readTextFile(named).catch(
        (error) => {
          throw unreadable(named, error);
        },
      ),
    );
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

function unreadable(file: string, error: Error): Failure {
  const isMissing = error instanceof Deno.errors.NotFound;
  return new Failure({
    kind: "configuration",
    task: `use ${file}`,
    problem: isMissing ? "there is no such file" : `it cannot be read (${error.name})`,
    remedy: "Use a JSON or YAML file with the names of the platform.",
    cause: error,
  });
}
