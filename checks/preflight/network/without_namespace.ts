import type { Tree } from "../../facts/tree.ts";
import { fieldsIn } from "../../kubernetes/fields.ts";
import type { ManifestObject } from "../../kubernetes/objects.ts";
import { podTemplatesOf } from "../../kubernetes/workloads.ts";

/** The kinds, without those of workloads, that decide about connections in their namespace. */
const KINDS = ["NetworkPolicy", "Service", "EndpointSlice", "Endpoints"];

/**
 * Puts objects without a namespace into the namespace of the jobs, if no object of the manifests names
 * that namespace: `kubectl apply -n` then puts jobs and policies into the same one.
 *
 * @returns undefined if jobs or other objects name a namespace
 */
export function inNamespaceOfJobs(
  { all, jobs, project }: Pick<Tree, "all" | "jobs" | "project">,
): Pick<Tree, "all" | "jobs"> | undefined {
  const own = project.jobs.namespace;
  const isWithout = ({ file, namespace }: ManifestObject) =>
    file !== undefined && namespace === undefined;
  if (!jobs.some(({ workload: { object } }) => isWithout(object))) return undefined;
  if (all.some(({ namespace }) => namespace === own)) return undefined;
  const placed = new Map(
    all.filter((each) =>
      isWithout(each) && (KINDS.includes(each.kind) || podTemplatesOf(each.value).length > 0)
    ).map((object): [ManifestObject, ManifestObject] => {
      const metadata = { ...fieldsIn(object.value.metadata), namespace: own };
      return [object, { ...object, namespace: own, value: { ...object.value, metadata } }];
    }),
  );
  return {
    all: all.map((object) => placed.get(object) ?? object),
    jobs: jobs.map((job) => {
      const { workload, label, namespace } = job;
      const object = placed.get(workload.object);
      return object === undefined ? job : {
        ...job,
        workload: { ...workload, object },
        label: label.replace(" default/", ` ${own}/`),
        namespace: namespace === "default" ? own : namespace,
      };
    }),
  };
}
