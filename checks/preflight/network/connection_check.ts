import type { Outcome } from "../../finding.ts";
import { naming } from "../../list_names.ts";
import { explained } from "../change.ts";
import { hasFailure } from "../outcome.ts";
import { type PlatformCheck, platformCheck, type PlatformCondition } from "../platform.ts";
import type { JobWithPods } from "./job_pods.ts";

/**
 * Declares a check of connections. Without a failure, it is unknown if Spark makes pods in a namespace
 * of which the manifests declare nothing: its policies are not known, and no fix may open it.
 *
 * @param concerns whether the check judges the pods that Spark makes for a job
 */
export function connectionCheck(
  condition: PlatformCondition,
  concerns: (job: JobWithPods) => boolean = () => true,
): PlatformCheck {
  return platformCheck({
    ...condition,
    judge(platform): Outcome {
      const outcome = onlyIfMeant(
        condition.judge(platform),
        platform.network.jobs.filter(concerns),
      );
      if ("skip" in outcome || "unknown" in outcome || hasFailure(outcome)) return outcome;
      const unseen = platform.network.jobs.filter(concerns).flatMap((job) =>
        job.unseen === undefined ? [] : [`${job.unseen} (${job.label})`]
      );
      return unseen.length === 0 ? outcome : {
        unknown: `the manifests declare nothing of the namespace in which Spark makes pods, so ` +
          `their connections are not known: ${naming(unseen)}`,
        ...("findings" in outcome ? { warnings: outcome.findings } : {}),
      };
    },
  });
}

/**
 * Says which namespace a fix opens if the manifests do not show whether Spark may make pods there: its
 * setting can be the mistake.
 */
function onlyIfMeant(outcome: Outcome, jobs: readonly JobWithPods[]): Outcome {
  const unsure = [...new Set(jobs.flatMap((job) => job.unsure ?? []))];
  if (!("findings" in outcome) || unsure.length === 0) return outcome;
  return {
    ...outcome,
    findings: outcome.findings.map((finding) => {
      const namespace = unsure.find((each) => finding.opens?.includes(each));
      return namespace === undefined ? finding : {
        ...finding,
        ...explained(
          "Set spark.kubernetes.namespace to the namespace of the job. Or, if Spark must make " +
            `pods in ${namespace}: `,
          finding,
        ),
      };
    }),
  };
}
