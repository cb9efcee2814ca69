import type { Lake } from "./lake.ts";
import type { LakeConfig } from "../config.ts";
import { openDirectory } from "./directory.ts";

/**
 * Opens the lake of the configuration. Sends no request before the first operation.
 *
 * @param signal aborts every running operation, with the signal's reason
 * @param onWait receives a message if an operation has waited for one second, once per wait
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { openLake } from "./open.ts";
 * const path = await Deno.makeTempDir();
 * const lake = await openLake({ kind: "directory", path });
 * await lake.put("a/b", new TextEncoder().encode("first"), "absent");
 * assertEquals(await lake.put("a/b", new TextEncoder().encode("second"), "absent"), "conflict");
 * assertEquals((await lake.list("a/")).map(({ key, bytes }) => [key, bytes]), [["a/b", 5]]);
 * lake.close();
 * await Deno.remove(path, { recursive: true });
 * ```
 */
export async function openLake(
  config: LakeConfig,
  signal?: AbortSignal,
  onWait?: (text: string) => void,
): Promise<Lake> {
  if (config.kind === "directory") return openDirectory(config, signal, onWait);
  // A directory does not need the S3 client, which takes longer to load than the rest of a command.
  const { openS3 } = await import("./s3.ts");
  return openS3(config, signal);
}
