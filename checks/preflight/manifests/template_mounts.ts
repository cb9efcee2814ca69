import type { Tree } from "../../facts/tree.ts";
import type { Finding } from "../../finding.ts";
import { wrongTemplateMounts } from "../../kubernetes/operator_mounts.ts";

/** The mounts in the pod templates of Spark's settings that name no volume. */
export function wrongTemplates({ jobs }: Pick<Tree, "jobs">): Finding[] {
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
  const byText = new Map(findings.map((each) => [JSON.stringify(each), each]));
  return [...byText.values()];
}
