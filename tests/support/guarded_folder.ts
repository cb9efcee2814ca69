import { startServer } from "../../tasks/demo/server_process.ts";

/**
 * The guard process runs until the folder is removed. It does not stop on request, so it is killed.
 */
const GUARD = 'while [ -d "$1" ]; do sleep 1; done';

/**
 * Creates a temporary folder that is removed about ten seconds after this process exits, however it
 * exits. By then all servers that use the folder have exited too.
 */
export async function guardedFolder(prefix: string): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix });
  const command = ["/bin/sh", "-c", GUARD, "guard", folder] as const;
  startServer({ command, log: "/dev/null", remove: folder });
  return folder;
}
