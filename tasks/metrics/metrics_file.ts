import { Failure } from "../../pipeline/errors.ts";
import { shellPath } from "../../pipeline/shell.ts";
import type { Flags } from "../cli/flags.ts";
import { type Metric, renderMetrics } from "./metric.ts";

/** A file that receives the metrics of a command. Plain data, because it is copied to a worker. */
export interface MetricsFile {
  /** The absolute path. */
  readonly path: string;
  /** A path in the same folder. The file is written there first, so that a reader sees it whole. */
  readonly temporary: string;
}

/** The flag that names the file. */
export const METRICS_FLAG = "metrics-file";

/**
 * Returns the lines of a `--help` about `--metrics-file`.
 *
 * @param width the number of characters before the explanation
 */
export function metricsFileHelp(width: number): string {
  return [
    "  --metrics-file FILE".padEnd(width) +
    "write the metrics of this run into a file for the textfile",
    " ".repeat(width) + "collector of node_exporter; its name ends in .prom",
  ].join("\n");
}

/**
 * Reads `--metrics-file`.
 *
 * @throws {Failure} configuration: the name does not end in .prom, or the folder does not exist or is not
 *   writable
 */
export async function metricsFileOf(flags: Flags): Promise<MetricsFile | undefined> {
  const given = flags.value(METRICS_FLAG);
  if (given === undefined) return undefined;
  const at = given.lastIndexOf("/");
  const [folder, name] = [given.slice(0, at + 1) || ".", given.slice(at + 1)];
  if (!name.endsWith(".prom")) {
    throw wrong(
      given,
      "node_exporter reads only files that end in .prom",
      "Name it like deep-storage.prom.",
    );
  }
  const real = await Deno.realPath(folder).catch(() => undefined);
  if (real === undefined || !(await Deno.stat(real)).isDirectory) {
    throw wrong(given, `there is no folder ${folder}`, `Create it: mkdir -p ${shellPath(folder)}`);
  }
  const path = `${real}/${name}`;
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  try {
    await Deno.writeTextFile(temporary, "", { createNew: true });
    await Deno.remove(temporary);
  } catch (error) {
    throw notWritable(given, error);
  }
  return { path, temporary };
}

/** The files that the command needs to write, for its permissions. */
export function filesOf(file: MetricsFile | undefined): readonly string[] {
  return file === undefined ? [] : [file.path, file.temporary];
}

/**
 * Replaces the file.
 *
 * @throws {Failure} configuration: the file cannot be written
 */
export async function writeMetrics(
  { path, temporary }: MetricsFile,
  metrics: readonly Metric[],
): Promise<void> {
  try {
    await Deno.writeTextFile(temporary, renderMetrics(metrics), { mode: 0o644 });
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw notWritable(path, error);
  }
}

function notWritable(file: string, error: unknown): Failure {
  const problem = error instanceof Error ? error.message : String(error);
  return wrong(file, problem, "Make the folder writable, or name another one.");
}

function wrong(file: string, problem: string, remedy: string): Failure {
  return new Failure({
    kind: "configuration",
    task: `use --${METRICS_FLAG} ${JSON.stringify(file)}`,
    problem,
    remedy,
  });
}
