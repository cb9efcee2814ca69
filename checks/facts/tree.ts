import { DEFAULT_PROJECT, type Project } from "../../pipeline/contract/project.ts";
import { withResources } from "../kubernetes/argo_resources.ts";
import { ACCESS } from "../kubernetes/jobs.ts";
import type { ManifestObject } from "../kubernetes/objects.ts";
import type { Code } from "../source_code/code.ts";
import { variablesSetBy } from "../source_code/dockerfile.ts";
import { withHeredocs } from "../source_code/shell.ts";
import { judgedNamespace } from "../spark/pod_namespace.ts";
import { type SparkJob, sparkJobsOf } from "../spark/spark_job.ts";
import { type BuildFiles, relativeBuildFiles } from "./build_files.ts";
import { pathOf } from "./manifest_files.ts";
import type { ManifestsFact } from "./manifests.ts";

export { pathOf } from "./manifest_files.ts";

/** The objects and the code that the checks of manifests and jobs look at. */
export interface Tree {
  /** The objects that belong to the jobs, with their files relative to the working directory. */
  readonly objects: readonly ManifestObject[];
  /** The source code and the configuration of jobs. */
  readonly code: readonly Code[];
  /** All objects, including objects of other namespaces in the cluster, with files as in `objects`. */
  readonly all: readonly ManifestObject[];
  /** The files that builds of images can read. Without a Dockerfile, only those with code. */
  readonly buildFiles: BuildFiles;
  /** The Spark jobs, which are read once. */
  readonly jobs: readonly SparkJob[];
  /** The names of the variables that Dockerfiles set, which are read once. */
  readonly imageVariables: readonly string[];
  /** The names of the platform. */
  readonly project: Project;
}

/**
 * Converts a fact about manifests to a tree. Files are relative to the working directory, and a script
 * has the line of the file on which it begins.
 */
export function treeOf(
  { directory, objects, scripts, buildFiles, programs, project = DEFAULT_PROJECT }: Pick<
    ManifestsFact,
    "directory" | "objects" | "scripts" | "buildFiles" | "programs" | "project"
  >,
): Tree {
  const all = objects.flatMap(withResources).map((each) =>
    each.file === undefined ? each : { ...each, file: pathOf(directory, each.file) }
  );
  const source = {
    objects: all.filter((object) => isOurs(object, project)),
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
  let imageVariables: readonly string[] | undefined;
  return {
    ...source,
    all,
    buildFiles: buildFiles === undefined
      ? {
        listing: source.code.flatMap(({ file, object }) => object === undefined ? file ?? [] : []),
        texts: [],
        above: [],
      }
      : relativeBuildFiles(directory, buildFiles),
    project,
    get jobs() {
      return jobs ??= sparkJobsOf({
        ...source,
        project,
        ...(programs === undefined ? {} : { programs }),
      }).map((job) => (
        { ...job, namespace: judgedNamespace(job, source.objects) }
      ));
    },
    get imageVariables() {
      return imageVariables ??= source.code.flatMap(variablesSetBy);
    },
  };
}

/**
 * Returns whether the checks of jobs look at an object: any object of the manifests, and the
 * cluster's objects in the jobs' namespace, except Pods. Other objects of the cluster are needed
 * for connections only.
 */
export function isOurs(
  { file, kind, namespace }: ManifestObject,
  { jobs }: Project = DEFAULT_PROJECT,
): boolean {
  if (file !== undefined) return true;
  if (namespace === undefined || namespace === jobs.namespace) return kind !== "Pod";
  // Jobs can have permissions in other namespaces.
  return ACCESS.includes(kind);
}

/** Returns whether a script is a YAML block, which begins on the line after its field. */
function isBlock(file: string | undefined, text: string): boolean {
  return text.includes("\n") && !file?.endsWith(".json");
}
