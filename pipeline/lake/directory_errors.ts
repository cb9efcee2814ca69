import type { LakeConfig } from "../config.ts";
import { Failure, type FailureKind } from "../errors.ts";
import { shell } from "../shell.ts";

/** A key that cannot name a file. */
export class BadKey extends Error {
  /** The name in a stack trace. */
  override readonly name = "BadKey";
}

/** A folder at the path of an object. */
export class FolderInTheWay extends Error {
  /** The name in a stack trace. */
  override readonly name = "FolderInTheWay";
  /** The path of the file or folder. */
  readonly path: string;

  /**
   * Creates the error about a folder.
   *
   * @param path the path of the folder
   */
  constructor(path: string) {
    super(`a folder exists at ${path}`);
    this.path = path;
  }
}

/** A lock that another process does not release. */
export class LockHeld extends Error {
  /** The name in a stack trace. */
  override readonly name = "LockHeld";
  /** The path of the lock file. */
  readonly path: string;

  /**
   * Creates the error about a lock.
   *
   * @param path the lock's file
   * @param waited milliseconds
   */
  constructor(path: string, waited: number) {
    super(`another process has held the lock ${path} for ${Math.round(waited / 1000)} s`);
    this.path = path;
  }
}

/** Returns whether an error of the operating system has this code, such as `ENOENT`. */
export function isCode(error: unknown, code: string): boolean {
  return codeOf(error) === code;
}

/**
 * Confirms that the directory of a lake exists. A command must not start another lake if LAKE_URL
 * has a wrong path.
 *
 * @throws {Failure} configuration: there is no such directory
 *
 * @example
 * ```ts
 * import { assertRejects } from "@std/assert";
 * import { confirmDirectory } from "./directory_errors.ts";
 * const path = await Deno.makeTempDir();
 * await confirmDirectory({ kind: "directory", path });
 * await Deno.remove(path);
 * await assertRejects(() => confirmDirectory({ kind: "directory", path }));
 * ```
 */
export async function confirmDirectory(lake: LakeConfig): Promise<void> {
  if (lake.kind !== "directory") return;
  try {
    await Deno.stat(lake.path);
  } catch (error) {
    const task = `use LAKE_URL for the directory ${lake.path}`;
    if (!isCode(error, "ENOENT")) throw directoryFailure(error, task);
    throw new Failure({
      kind: "configuration",
      task,
      problem: "it does not exist",
      remedy:
        `Correct LAKE_URL. To start a new lake there, run ${shell`mkdir -p ${lake.path}`} first.`,
      cause: error,
    });
  }
}

/**
 * Converts an error of the file system to a {@linkcode Failure}.
 *
 * @param task the failed task, as in `read <key> in <lake>`
 * @returns the error itself if it is not a file system error
 */
export function directoryFailure(error: unknown, task: string): unknown {
  const diagnosis = diagnose(error);
  if (diagnosis === undefined) return error;
  const [kind, problem, remedy] = diagnosis;
  return new Failure({
    kind,
    task,
    problem,
    remedy: `${remedy}.`,
    cause: error,
  });
}

/**
 * Returns what is wrong with a directory or a file.
 *
 * @returns undefined if the error is not from the file system
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { directoryProblem } from "./directory_errors.ts";
 * const error = new Deno.errors.PermissionDenied();
 * assertEquals(directoryProblem(error), "permission denied (EACCES)");
 * ```
 */
export function directoryProblem(error: unknown): string | undefined {
  return diagnose(error)?.[1];
}

function diagnose(error: unknown): [FailureKind, string, string] | undefined {
  if (error instanceof BadKey) {
    return ["configuration", error.message, "Use another key"];
  }
  if (error instanceof Deno.errors.NotCapable) {
    return [
      "configuration",
      "Deno does not have the permission",
      "Run it with --allow-read and --allow-write for the directory of LAKE_URL",
    ];
  }
  if (error instanceof FolderInTheWay) {
    return [
      "configuration",
      `${error.message}, where an object belongs`,
      `Move ${error.path} away`,
    ];
  }
  if (error instanceof LockHeld) {
    return [
      "unreachable",
      `${error.message}, and may be suspended`,
      `Find the process with lsof ${error.path} (or fuser -v), resume or end it, and run again`,
    ];
  }
  const code = codeOf(error);
  switch (code) {
    case undefined:
      return undefined;
    case "EACCES":
    case "EPERM":
      return [
        "configuration",
        `permission denied (${code})`,
        "Give this user write permission on the directory of LAKE_URL, or set LAKE_URL to " +
        "another one",
      ];
    case "ENOTDIR":
    case "EEXIST":
    case "EISDIR":
      return [
        "configuration",
        `a file exists where a directory belongs, or a directory where a file belongs (${code})`,
        "Move it away, or set LAKE_URL to another directory",
      ];
    case "EROFS":
      return [
        "configuration",
        `the file system is read-only (${code})`,
        "Set LAKE_URL to a directory on a writable file system",
      ];
    case "ENOSPC":
    case "EDQUOT":
      return [
        "configuration",
        `no space is left (${code})`,
        "Free some space, or set LAKE_URL to a directory on a larger disk, and run again",
      ];
    case "ENAMETOOLONG":
      return [
        "configuration",
        `the file name is too long for the file system (${code})`,
        "Set LAKE_URL to a shorter path",
      ];
    default:
      return [
        "unreachable",
        `the file system failed with ${code}`,
        "Check the disk or the network that the directory of LAKE_URL is on",
      ];
  }
}

/** Some errors of the runtime have no code. */
const CODES = [
  [Deno.errors.PermissionDenied, "EACCES"],
  [Deno.errors.NotFound, "ENOENT"],
  [Deno.errors.AlreadyExists, "EEXIST"],
  [Deno.errors.NotADirectory, "ENOTDIR"],
  [Deno.errors.IsADirectory, "EISDIR"],
  [Deno.errors.FilesystemLoop, "ELOOP"],
] as const;

function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (typeof code === "string") return code;
  return CODES.find(([kind]) => error instanceof kind)?.[1];
}
