import { type AheadLimits, readAhead } from "../../pipeline/parallel.ts";

/** A file that was found under a directory. */
export interface FoundFile {
  /** The path relative to that directory, with `/`. */
  readonly file: string;
  /** The text; undefined if the file cannot be read. */
  readonly text?: string;
  /** The reason why the file or folder cannot be read. */
  readonly problem?: string;
  /** True for a file that is not needed, so that it is no problem if it cannot be read. */
  readonly optional?: true;
}

/** The folder of a path; "" for a path without a folder. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf("/"), 0));
}

/** Returns whether a file makes its folder a kustomization. */
export function isKustomization(file: string): boolean {
  return /(^|\/)(kustomization\.ya?ml|Kustomization)$/.test(file);
}

/** Returns whether a directory has a kustomization, for which a program must be started. */
export async function hasKustomization(directory: string): Promise<boolean> {
  try {
    for await (const { file, problem } of walk(directory, "", [], isKustomization)) {
      if (problem === undefined && isKustomization(file)) return true;
    }
  } catch {
    // gatherManifests reports a directory that cannot be read.
  }
  return false;
}

/**
 * Joins paths, and resolves `.` and `..` where possible.
 *
 * @example
 * ```ts
 * import { joinPaths } from "./manifest_files.ts";
 * console.assert(joinPaths("overlays/prod", "../../base/") === "base");
 * ```
 */
export function joinPaths(...paths: readonly string[]): string {
  const text = paths.filter((path) => path !== "").join("/");
  const parts: string[] = [];
  for (const part of text.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else parts.push(part);
  }
  return `${text.startsWith("/") ? "/" : ""}${parts.join("/")}`;
}

/**
 * Decides whether to read a file, by its name, the names in its folder, and its path. A file that is
 * `optional` is not needed.
 */
export type Wanted = (
  name: string,
  siblings: ReadonlySet<string>,
  file: string,
) => boolean | "optional";

/** The size of the largest file that is read, in bytes. */
const MAX_FILE = 32 * 1024 * 1024;

/** The most files that are read, without the optional ones. */
const MAX_FILES = 10_000;

/** The files that are read at the same time. Their sizes are not known before. */
const AHEAD: AheadLimits<FoundFile> = { count: 16, size: Infinity, sizeOf: () => 0 };

/**
 * Reads every wanted file under a directory, in the order of their names. Follows links,
 * except a link to a folder that contains it. Skips `node_modules` and folders whose names begin with a dot.
 *
 * @param wanted whether to read a file, by its name and the names in its folder
 * @throws the directory itself cannot be read
 */
export async function* readTree(
  directory: string,
  wanted: Wanted,
  signal?: AbortSignal,
): AsyncGenerator<FoundFile> {
  const all: FoundFile[] = [];
  let needed = 0;
  for await (const found of walk(directory, "", [], wanted)) {
    signal?.throwIfAborted();
    if (found.optional === undefined && needed++ === MAX_FILES) {
      const problem = `more than ${MAX_FILES} files; the rest was not read`;
      all.push({ file: found.file, problem });
      break;
    }
    all.push(found);
  }
  const read = async (found: FoundFile) =>
    found.problem === undefined ? { ...found, ...await readOne(directory, found.file) } : found;
  for await (const found of readAhead(all, read, AHEAD)) {
    signal?.throwIfAborted();
    yield found;
  }
}

async function* walk(
  directory: string,
  folder: string,
  above: readonly string[],
  wanted: Wanted,
): AsyncGenerator<FoundFile> {
  const path = folder === "" ? directory : `${directory}/${folder}`;
  let entries: Deno.DirEntry[];
  let real: string;
  try {
    real = await Deno.realPath(path);
    entries = await Array.fromAsync(Deno.readDir(path));
  } catch (error) {
    if (folder === "") throw error;
    yield { file: folder, problem: `the folder cannot be read: ${reason(error)}` };
    return;
  }
  if (above.includes(real)) {
    yield { file: folder, problem: "the link leads back to a folder that contains it" };
    return;
  }
  const siblings = new Set(entries.map(({ name }) => name));
  for (const entry of entries.sort((a, b) => a.name < b.name ? -1 : 1)) {
    const file = folder === "" ? entry.name : `${folder}/${entry.name}`;
    const kind = entry.isSymlink ? await target(`${directory}/${file}`) : entry;
    if (kind?.isDirectory) {
      if (entry.name.startsWith(".") || entry.name === "node_modules") continue;
      yield* walk(directory, file, [...above, real], wanted);
      continue;
    }
    const isWanted = wanted(entry.name, siblings, file);
    if (isWanted === false) continue;
    const found: FoundFile = isWanted === "optional" ? { file, optional: true } : { file };
    if (kind === undefined) yield { ...found, problem: "the target of the link does not exist" };
    else yield kind.isFile ? found : { ...found, problem: "not a file, but a device or a pipe" };
  }
}

async function target(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch {
    return undefined;
  }
}

async function readOne(directory: string, file: string): Promise<FoundFile> {
  try {
    const path = `${directory}/${file}`;
    const { size } = await Deno.stat(path);
    if (size > MAX_FILE) {
      return { file, problem: "the file is larger than 32 MiB, so it was not read" };
    }
    return { file, ...decode(await Deno.readFile(path)) };
  } catch (error) {
    return { file, problem: `the file cannot be read: ${reason(error)}` };
  }
}

/**
 * Decodes UTF-8, and UTF-16 with a byte order mark, as kubectl does. A file in UTF-8 that has a NUL
 * byte counts as no text.
 */
function decode(bytes: Uint8Array): { text: string } | { problem: string } {
  const mark = (bytes[0] ?? 0) << 8 | (bytes[1] ?? 0);
  if (mark === 0xfffe) return { text: new TextDecoder("utf-16le").decode(bytes) };
  if (mark === 0xfeff) return { text: new TextDecoder("utf-16be").decode(bytes) };
  if (bytes.includes(0)) return { problem: "the file is not text in UTF-8" };
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch {
    return { problem: "the file is not text in UTF-8" };
  }
}

function reason(error: unknown): string {
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  if (error instanceof Deno.errors.NotFound) return "the file does not exist";
  return error instanceof Error ? error.message : String(error);
}

/** The path of a file in a directory, relative to the working directory. */
export function pathOf<F extends string | undefined>(directory: string, file: F): F | string {
  return file === undefined || directory === "." || directory === "-"
    ? file
    : `${directory.replace(/\/+$/, "")}/${file}`;
}
