import { DEFAULT_PROJECT, type Project } from "../../../pipeline/contract/project.ts";
import type { NotJudged } from "../../finding.ts";
import { typeOf } from "../../kubernetes/api_types.ts";
import { readResources } from "../../kubernetes/argo_resources.ts";
import { isFields } from "../../kubernetes/fields.ts";
import { isInProject, jobsOf } from "../../kubernetes/jobs.ts";
import { type ManifestObject, objectId } from "../../kubernetes/objects.ts";
import { groupOf, podTemplatesOf, workloadsOf } from "../../kubernetes/workloads.ts";

/** The objects that create pods, and that no check of jobs judges, each with the reason. */
export function notJudgedAmong(
  objects: readonly ManifestObject[],
  project: Project = DEFAULT_PROJECT,
): NotJudged[] {
  return objects.flatMap((object): NotJudged[] => {
    const { objects: created, unknown } = readResources(object);
    return [
      ...[object, ...created].flatMap((each): NotJudged[] => {
        const reason = reasonOf(each, project);
        return reason === undefined ? [] : [{ object: objectId(each), reason }];
      }),
      ...unknown.map((reason) => ({ object: objectId(object), reason })),
    ];
  });
}

function reasonOf(object: ManifestObject, project: Project): string | undefined {
  const { apiVersion, kind, value, namespace } = object;
  const workloads = workloadsOf([object]);
  if (jobsOf([object], project).length > 0) {
    // Connections are judged in the namespace of the jobs.
    if (kind === "ClusterWorkflowTemplate") {
      return "it has no namespace, so its connections are not judged";
    }
    if (!isInProject(object, project)) {
      return `it is in the namespace ${namespace}, so its connections are not judged`;
    }
    return groupOf(apiVersion) === "argoproj.io" && /"podSpecPatch":/.test(JSON.stringify(value))
      ? "its podSpecPatch is not judged"
      : undefined;
  }
  if (podTemplatesOf(value).length > 0 && workloads.every(({ part }) => part === undefined)) {
    const isJob = kind === "Job" || kind === "CronJob";
    return isJob && namespace !== undefined && namespace !== project.jobs.namespace
      ? `it is in the namespace ${namespace}, and does not start Spark`
      : undefined;
  }
  if (workloads.length > 0) return "it does not start Spark";
  if (typeOf(apiVersion, kind) !== undefined || groupOf(apiVersion) === "") return undefined;
  return kind !== "CustomResourceDefinition" && (isSpark(kind, apiVersion) || makesPods(value.spec))
    ? "kind is not supported"
    : undefined;
}

/** Returns whether an object belongs to an operator for Spark. */
function isSpark(kind: string, apiVersion: string): boolean {
  return /spark/i.test(kind) || /spark/i.test(groupOf(apiVersion));
}

/** Returns whether a value contains the template of a pod or of a container. */
function makesPods(value: unknown, depth = 0): boolean {
  if (depth > 12) return false;
  if (Array.isArray(value)) return value.some((each) => makesPods(each, depth + 1));
  if (!isFields(value)) return false;
  const { containers, container, image } = value;
  if (Array.isArray(containers) && containers.some((each) => isFields(each) && "image" in each)) {
    return true;
  }
  if (isFields(container) && "image" in container) return true;
  if (typeof image === "string" && ("command" in value || "args" in value || "script" in value)) {
    return true;
  }
  return Object.values(value).some((each) => makesPods(each, depth + 1));
}
