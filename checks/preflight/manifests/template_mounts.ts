import type { Tree } from "../../facts/tree.ts";
import type { Finding } from "../../finding.ts";
import { isInProject } from "../../kubernetes/jobs.ts";
import { wrongTemplateMounts } from "../../kubernetes/operator_mounts.ts";

/**
 * The pod templates of jobs of other projects whose file does not exist. The check node-pool reports
 * those of the project's jobs.
 */
function lostTemplates({ jobs, project }: Pick<Tree, "jobs" | "project">): Finding[] {
  return jobs.filter(({ workload: { object } }) => !isInProject(object, project))
    .flatMap(({ driver, executor }) => [driver, executor])
    .flatMap((pod): Finding[] => {
      const { absent, place } = pod?.template ?? {};
      return place === undefined || absent?.isLost !== true ? [] : [{
        severity: "fail",
        ...place,
        problem: `spark.kubernetes.${pod!.role}.podTemplateFile: ${absent.reason}`,
        why: "Spark cannot read the pod template, so the job fails before it creates a pod",
        fix: "Correct the path in the setting, or the key in the ConfigMap.",
      }];
    });
}

/**
 * The pod templates of Spark's settings that do not exist, and the mounts in templates that name no
 * volume.
 */
export function wrongTemplates(tree: Pick<Tree, "jobs" | "project">): Finding[] {
  const { jobs } = tree;
  const findings = jobs.flatMap(({ driver, executor, settings, workload }) =>
    // The check of the operator's fields judges the template of a SparkApplication.
    [driver, workload.executor === undefined ? executor : undefined].flatMap((pod): Finding[] => {
      if (pod?.template?.spec === undefined) return [];
      const { role, template: { spec, place } } = pod;
      return wrongTemplateMounts(spec, role, [...settings.keys()]).map((
        { path, problem, fix },
      ): Finding => ({
        severity: "fail",
        ...place,
        problem: `${path} in the pod template of the ${role}: ${problem}`,
        why: `the API server refuses the pods, so the job runs without ${
          role === "driver" ? "a driver" : "executors"
        }`,
        fix,
      }));
    })
  );
  // Several jobs can have the same template.
  const byText = new Map(
    [...lostTemplates(tree), ...findings].map((each) => [JSON.stringify(each), each]),
  );
  return [...byText.values()];
}
