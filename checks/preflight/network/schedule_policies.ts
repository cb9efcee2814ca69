import { selects } from "../../kubernetes/selectors.ts";
import type { Pod, Policy } from "../../network_policy/model.ts";
import type { Network } from "./job_network.ts";
import type { Actor, JobWithPods } from "./job_pods.ts";
import { selectorsFor } from "./other_workloads.ts";

// The pods of the toolkit and the pods of Spark have policies of their own.

/**
 * Returns whether a policy was written for other jobs than the pod's own: it selects only pods of the
 * toolkit and the pod is one of Spark, or the other way round.
 */
export function isForOtherJobs({ jobs }: Network, policy: Policy, self: Pod): boolean {
  const own = jobs.find(({ actors }) =>
    actors.some(({ pod }) => pod.kind === self.kind && pod.name === self.name)
  );
  const selected = jobs.filter(({ actors }) =>
    actors.some(({ pod }) => selects(policy.pods, pod.labels))
  );
  return own !== undefined && selected.length > 0 &&
    selected.every((job) => runsToolkit(job) !== runsToolkit(own));
}

/** Returns whether a job runs the toolkit. */
export function runsToolkit({ toolkit }: JobWithPods): boolean {
  return toolkit !== undefined;
}

/** The name and the pods of a new policy. The pods of the toolkit have policies of their own. */
export function newPolicyFor(
  all: readonly { readonly job: JobWithPods; readonly actor: Actor }[],
  name: string,
): { readonly name: string; readonly pods: readonly unknown[] } {
  return {
    name: all.some(({ job }) => runsToolkit(job))
      ? name.replace(/^allow-/, "allow-schedule-")
      : name,
    pods: selectorsFor(all.map(({ actor }) => actor.pod)),
  };
}
