import { gatherManifests } from "../../checks/facts/manifests.ts";
import { jobContainers } from "../../checks/kubernetes/job_containers.ts";
import { jobsOf } from "../../checks/kubernetes/jobs.ts";
import { objectId } from "../../checks/kubernetes/objects.ts";
import type { Workload } from "../../checks/kubernetes/workloads.ts";
import { naming } from "../../checks/list_names.ts";
import type { Project } from "../../pipeline/contract/project.ts";
import { outboxTable } from "../../pipeline/config.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { JobTemplate, Layer } from "../../pipeline/spark/new_job.ts";
import { driverProblem } from "./driver_rules.ts";

/** The Jobs of the manifests, by layer. */
export type Templates = ReadonlyMap<Layer, JobTemplate>;

/**
 * Reads the Jobs of layers from the manifests.
 *
 * @param directory the directory of the manifests, or undefined without one
 * @throws {Failure} configuration: a file cannot be read, or a layer does not have exactly one
 *   Job, or its Job cannot run a given day
 */
export async function readTemplates(
  directory: string | undefined,
  layers: readonly Layer[],
  project: Project,
  signal: AbortSignal,
): Promise<Templates> {
  const failure = (task: string, problem: string, remedy: string) =>
    new Failure({ kind: "configuration", task, problem, remedy });
  if (directory === undefined || directory === "-") {
    const problem = directory === "-"
      ? "the standard input is read only once"
      : "there is no directory manifests/ here";
    throw failure("find the Jobs", problem, "Give the directory with --manifests.");
  }
  const { objects, problems } = await gatherManifests(directory, signal, project);
  const [unread] = problems;
  if (unread !== undefined) {
    const problem = `${unread.file}: ${unread.problem}`;
    throw failure(`read ${directory}`, problem, "Correct the file, and run again.");
  }
  const table = outboxTable(undefined, project);
  const jobs = jobsOf(objects, project).filter(({ object }) => object.kind === "Job");
  return new Map(layers.map((layer) => {
    const ofLayer = jobs.filter((job) => makes(layer, job));
    const [job] = ofLayer;
    if (job === undefined || ofLayer.length > 1) {
      const problem = job === undefined
        ? `${directory} has no Job for it`
        : `${directory} has ${naming(ofLayer.map(({ object }) => objectId(object)))}`;
      const remedy = "Give a directory with one Job for each layer with --manifests.";
      throw failure(`find the Job for ${layer}`, problem, remedy);
    }
    const { value, namespace = project.jobs.namespace } = job.object;
    const problem = driverProblem(job, namespace, table, project);
    if (problem !== undefined) {
      const remedy = "Correct the Job or the project file, or run the Job with kubectl.";
      throw failure(`start ${objectId(job.object)} with --engine spark`, problem, remedy);
    }
    const container = jobContainers(job)[0]!.name;
    return [layer, { object: value, namespace, container, table }];
  }));
}

/** Returns whether a Job makes a layer: by the program that it runs, or else by its name. */
function makes(layer: Layer, job: Workload): boolean {
  const programs = jobContainers(job).flatMap(({ words }) => words)
    .map(({ text }) => /([\w-]+)\.(?:py|jar)$/.exec(text)?.[1])
    .filter((name) => name !== undefined);
  const named = programs.filter((name) => /bronze|silver/i.test(name));
  const names = named.length > 0 ? named : [job.object.name];
  return names.some((name) => name.toLowerCase().includes(layer));
}
