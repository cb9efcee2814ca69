import { PROCESS } from "../../pipeline/config/environment.ts";

/** A new folder. The end of the block removes it, unless it is kept. */
export interface GuardedFolder extends AsyncDisposable {
  readonly path: string;
  /** Leaves the folder to a server, which removes it at its end. */
  keep(): Promise<void>;
}

// A pipe connects this process with the guard. If this process ends before it keeps the folder, the
// guard reads the end of the pipe. It tries again while a copy of this process still writes files.
const GUARD = `
read -r _ && exit
tries=0
until rm -rf "$1" || [ $tries -ge 100 ]; do
  sleep 0.1
  tries=$((tries + 1))
done
`;

/**
 * Creates a temporary folder that is also removed if this process ends, however it ends.
 *
 * @param dir the parent folder; by default that of temporary files
 */
export function guardedFolder(prefix: string, dir?: string): GuardedFolder {
  // The guard is there before the folder, so the folder is never without it.
  const parent = Deno.realPathSync(dir ?? (PROCESS.get("TMPDIR") || "/tmp"));
  const path = `${parent}/${prefix}${crypto.randomUUID()}`;
  const guard = new Deno.Command("/bin/sh", {
    args: ["-c", GUARD, "guard", path],
    stdin: "piped",
    stdout: "null",
    stderr: "null",
    cwd: "/",
    detached: true, // Ctrl-C must not end the guard
  }).spawn();
  guard.unref(); // the guard alone does not keep this process alive
  try {
    Deno.mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    guard.kill();
    throw error;
  }
  const input = guard.stdin.getWriter();
  let isKept = false;
  const end = async () => {
    guard.ref();
    await input.close();
    await guard.status;
  };
  return {
    path,
    async keep() {
      isKept = true;
      await input.write(new TextEncoder().encode("keep\n"));
      await end();
    },
    [Symbol.asyncDispose]: () => isKept ? Promise.resolve() : end(),
  };
}
