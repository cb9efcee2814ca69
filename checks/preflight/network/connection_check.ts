import type { Outcome } from "../../finding.ts";
import { naming } from "../../list_names.ts";
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
      const outcome = condition.judge(platform);
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
