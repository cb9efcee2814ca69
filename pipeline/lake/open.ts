import type { Lake } from "./lake.ts";
import type { LakeConfig } from "../config.ts";
import { openDirectory } from "./directory.ts";
import { openS3 } from "./s3.ts";

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
 * const lake = openLake({ kind: "directory", path });
 * await lake.put("a/b", new TextEncoder().encode("first"), "absent");
 * assertEquals(await lake.put("a/b", new TextEncoder().encode("second"), "absent"), "conflict");
 * assertEquals((await lake.list("a/")).map(({ key, bytes }) => [key, bytes]), [["a/b", 5]]);
 * lake.close();
 * await Deno.remove(path, { recursive: true });
 * ```
 */
export function openLake(
  config: LakeConfig,
  signal?: AbortSignal,
  onWait?: (text: string) => void,
): Lake {
  return config.kind === "s3" ? openS3(config, signal) : openDirectory(config, signal, onWait);
}
