import { JOBS_NAMESPACE } from "../../pipeline/contract/platform.ts";
import type { ManifestObject } from "../kubernetes/objects.ts";
import type { Code } from "../source_code/code.ts";
import { withHeredocs } from "../source_code/shell.ts";
import { type SparkJob, sparkJobsOf } from "../spark/spark_job.ts";
import type { ManifestsFact } from "./manifests.ts";

/** What the checks of manifests and job code look at. */
export interface Tree {
  /** The objects that belong to the jobs, with their files relative to the working directory. */
  readonly objects: readonly ManifestObject[];
  /** The texts that jobs run or are configured by. */
  readonly code: readonly Code[];
  /** All objects, also those of others that only the cluster has, with files in the same way. */
  readonly all: readonly ManifestObject[];
  /** The jobs and how they run Spark, read once. */
  readonly jobs: readonly SparkJob[];
}

/**
 * A fact about manifests as a tree: files relative to the working directory, and every script with
 * the line that its first line is on.
 */
export function treeOf(
  { directory, objects, scripts }: Pick<ManifestsFact, "directory" | "objects" | "scripts">,
): Tree {
  const all = objects.map((each) =>
    each.file === undefined ? each : { ...each, file: pathOf(directory, each.file) }
  );
  const source = {
    objects: all.filter(isOurs),
    code: scripts.map(({ file, line, object, path, language, text, python }): Code => ({
      language: language === "text" ? "conf" : language,
      file: pathOf(directory, file),
      line: line + (object !== undefined && isBlock(file, text) ? 1 : 0),
      ...(object === undefined ? {} : { object }),
      ...(path === undefined ? {} : { field: path }),
      text,
      ...(python === undefined ? {} : { python }),
    })).flatMap(withHeredocs),
  };
  let jobs: readonly SparkJob[] | undefined;
  return {
    ...source,
    all,
    get jobs() {
      return jobs ??= sparkJobsOf(source);
    },
  };
}

/**
 * Whether an object is of the manifests, or one that jobs of the cluster run with. What others run in
 * their namespaces is there for its connections alone, and a Pod that nobody declared starts only once.
 */
export function isOurs({ file, kind, namespace }: ManifestObject): boolean {
  if (file !== undefined) return true;
  return kind !== "Pod" && (namespace === undefined || namespace === JOBS_NAMESPACE);
}

/** A text of several lines begins below the `|` of its field, except in JSON. */
function isBlock(file: string | undefined, text: string): boolean {
  return text.includes("\n") && !file?.endsWith(".json");
}

/** Where a file of a directory is, seen from the working directory. */
export function pathOf<F extends string | undefined>(directory: string, file: F): F | string {
  return file === undefined || directory === "."
    ? file
    : `${directory.replace(/\/+$/, "")}/${file}`;
}
