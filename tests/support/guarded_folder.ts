import { startServer } from "../../tasks/demo/server_process.ts";

/** Stays until the folder is gone. It does not hear of being told to end, and so is killed for it. */
const GUARD = 'while [ -d "$1" ]; do sleep 1; done';

/**
 * Makes a temporary folder that does not outlive this process by more than some ten seconds, however
 * it ends: by then every server of it has ended as well, and writes nothing any more.
 */
export async function guardedFolder(prefix: string): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix });
  const command = ["/bin/sh", "-c", GUARD, "guard", folder] as const;
  startServer({ command, log: "/dev/null", remove: folder });
  return folder;
}
