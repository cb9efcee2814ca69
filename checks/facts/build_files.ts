import type { TextFile } from "./kustomization.ts";
import { type FoundFile, pathOf } from "./manifest_files.ts";

/** The files that builds of images can read. */
export interface BuildFiles {
  /** The files of the manifests' directory, also those that were not read. */
  readonly listing: readonly string[];
  /** The files `.dockerignore` and `spark-defaults.conf` among them, with their texts. */
  readonly texts: readonly TextFile[];
  /** The names in the folders above that directory, which can be the context of a build, too. */
  readonly above: readonly string[];
}

/** Returns whether a file is read because a build of an image reads it. */
export function isForBuilds(file: string): boolean {
  return /\.dockerignore$|(^|\/)spark-defaults\.conf$/.test(file);
}

/**
 * Reads what builds of the images in a directory can read.
 *
 * @param listing all files under the directory
 * @param found the files that were read
 */
export async function gatherBuildFiles(
  directory: string,
  listing: readonly string[],
  found: readonly FoundFile[],
): Promise<BuildFiles> {
  const texts = found.flatMap(({ file, text }) =>
    isForBuilds(file) && text !== undefined ? [{ file, text }] : []
  );
  return { listing, texts, above: await namesAbove(directory) };
}

/** The most folders above a directory that are looked into. */
const MAX_ABOVE = 8;

/**
 * The names in the folders above a directory, up to the root of its repository. Without a repository,
 * a build reads no folder above the working directory.
 */
async function namesAbove(directory: string): Promise<string[]> {
  const names: string[] = [];
  try {
    const end = await Deno.realPath(".");
    let folder = await Deno.realPath(directory);
    for (let i = 0; i < MAX_ABOVE; i++) {
      if (await hasEntry(folder, ".git")) return names;
      if (folder === end) break;
      const own = folder.slice(folder.lastIndexOf("/") + 1);
      folder = folder.slice(0, folder.lastIndexOf("/"));
      if (folder === "") return [];
      for await (const { name } of Deno.readDir(folder)) if (name !== own) names.push(name);
    }
    return folder === end ? names : [];
  } catch {
    // A folder that cannot be read is the context of no build.
    return names;
  }
}

async function hasEntry(folder: string, name: string): Promise<boolean> {
  try {
    await Deno.stat(`${folder}/${name}`);
    return true;
  } catch {
    return false;
  }
}

/** Returns the same files, relative to the working directory. */
export function relativeBuildFiles(directory: string, files: BuildFiles): BuildFiles {
  return {
    ...files,
    listing: files.listing.map((each) => pathOf(directory, each)),
    texts: files.texts.map(({ file, text }) => ({ file: pathOf(directory, file), text })),
  };
}
