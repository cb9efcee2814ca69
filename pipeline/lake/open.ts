import type { Lake } from "./lake.ts";
import type { LakeConfig } from "../config.ts";
import { openDirectory } from "./directory.ts";
import { openS3 } from "./s3.ts";

/**
 * Opens the lake that the configuration names. Nothing is contacted before the first operation.
 *
 * @param signal aborts whatever operation is under way, with the signal's reason
 * @param onWait hears, once per wait, what an operation has been waiting for since a second
 */
export function openLake(
  config: LakeConfig,
  signal?: AbortSignal,
  onWait?: (text: string) => void,
): Lake {
  return config.kind === "s3" ? openS3(config, signal) : openDirectory(config, signal, onWait);
}
