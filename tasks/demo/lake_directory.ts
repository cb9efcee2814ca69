import { directoryProblem } from "../../pipeline/lake/directory_errors.ts";
import { Failure } from "../../pipeline/errors.ts";

/** The directory of a demo. The end of the block removes a temporary directory without files. */
export interface LakeDirectory extends Disposable {
  /** The path without symbolic links. */
  readonly path: string;
}

/**
 * Creates the directory for the files of a demo, and writes a file there to see whether this user may.
 * It does not wait, so that no interrupt comes between the directory and the caller.
 *
 * @param named the directory of `--lake`; without it, a new temporary one
 * @throws {Failure} configuration: the directory is not empty, or cannot be written
 */
export function lakeDirectory(named: string | undefined): LakeDirectory {
  try {
    if (named === undefined) {
      const path = Deno.makeTempDirSync({ prefix: "deep-storage-lake-" });
      return { path, [Symbol.dispose]: () => removeEmpty(path) };
    }
    Deno.mkdirSync(named, { recursive: true });
    const [found] = [...Deno.readDirSync(named)];
    if (found !== undefined) throw notEmpty(named, found.name);
    Deno.removeSync(Deno.makeTempFileSync({ dir: named }));
    return { path: Deno.realPathSync(named), [Symbol.dispose]: () => {} };
  } catch (error) {
    const problem = directoryProblem(error);
    if (problem === undefined) throw error;
    throw new Failure({
      kind: "configuration",
      task: named === undefined ? "create a temporary directory" : `use --lake ${named}`,
      problem,
      remedy: named === undefined
        ? "Set TMPDIR to a directory that this user may write, or give an empty one with --lake."
        : "Give an empty or a new directory that this user may write.",
      cause: error,
    });
  }
}

function notEmpty(path: string, name: string): Failure {
  return new Failure({
    kind: "configuration",
    task: `use --lake ${path}`,
    problem: `the directory is not empty: it has ${name}`,
    remedy: "Give an empty or a new directory, because each demo starts another outbox.",
  });
}

/** Removes a directory. A directory with files stays. */
function removeEmpty(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // The demo has stored files.
  }
}
