import { plural } from "../../../pipeline/progress.ts";
import type { Finding } from "../../finding.ts";
import type { Tree } from "../../facts/tree.ts";
import { isInProject, jobsOf } from "../../kubernetes/jobs.ts";
import { type ManifestObject, namespaceOf, placeOf } from "../../kubernetes/objects.ts";

/**
 * Warns if all jobs are in other namespaces than `jobs.namespace` of the project. The checks of
 * connections then have nothing to judge, although the manifests have jobs.
 */
export function jobsElsewhere({ all, project }: Tree, directory: string): Finding[] {
  const declared = all.filter(({ file }) => file !== undefined);
  const spark = jobsOf(declared, project);
  if (spark.some(({ object }) => isInProject(object, project))) return [];
  const jobs = [...spark.map(({ object }) => object), ...declared.filter(isJob)];
  const groups = Map.groupBy(new Set(jobs), namespaceOf);
  const { namespace } = project.jobs;
  return [...groups].map(([other, objects]): Finding => ({
    severity: "warn",
    ...placeOf(objects[0]!, "metadata.namespace"),
    problem: `${plural(objects.length, "job")} of the manifests ${
      objects.length === 1 ? "is" : "are"
    } in the namespace ${other}, and no job is in ${namespace}, which is jobs.namespace of ${
      project.file ?? "the default project"
    }`,
    why: `the checks of connections judge only jobs in ${namespace}`,
    fix: `${
      project.file === undefined
        ? `Write a project file, ${fileIn(directory)}, with`
        : `Set in ${project.file}:`
    } ${JSON.stringify({ jobs: { namespace: other } })}`,
  }));
}

function isJob({ kind }: ManifestObject): boolean {
  return kind === "Job" || kind === "CronJob";
}

/** The project file that preflight finds by itself; any name if there is no directory. */
function fileIn(directory: string): string {
  return directory === "-"
    ? "deep-storage.json (--project deep-storage.json)"
    : `${directory.replace(/\/$/, "")}/deep-storage.json`;
}
