import type { ManifestsFact } from "../../checks/facts/manifests.ts";
import { objectId } from "../../checks/kubernetes/objects.ts";
import { naming } from "../../checks/list_names.ts";
import { isChange, type Planned } from "../../checks/kubernetes/apply_plan.ts";
import type { Cluster } from "../../pipeline/cluster/cluster.ts";
import { type Deadline, deadline } from "../cli/command.ts";
import { STOPPED } from "../cli/exit_code.ts";
import { askToContinue } from "../cli/prompt.ts";
import { showStatus } from "../cli/terminal.ts";
import { carryOut, waitUntilApplied } from "./carry_out.ts";
import { planFor } from "./plan.ts";
import type { ApplyReport, Changes, Outcome } from "./report.ts";
import { questionOf } from "./text.ts";

/** Options of {@linkcode apply}. */
export interface Task {
  /** The cluster, which stays open. */
  readonly cluster: Cluster;
  readonly manifests: ManifestsFact;
  /** The seconds to compare, and again to apply. */
  readonly timeout: number;
  /** Stops the command when it aborts. The command then prints the applied changes. */
  readonly interrupted: AbortSignal;
  /** Whether to apply without confirmation. */
  readonly yes: boolean;
  /** Whether to show the changes and make none. */
  readonly dryRun: boolean;
  /** Prints the changes. */
  readonly report: ApplyReport;
}

/**
 * Shows the changes, asks for confirmation, applies the manifests, and waits until the cluster
 * matches them.
 *
 * @returns the exit code: 0, or 130 if the answer was no
 * @throws {Failure} the manifests cannot be applied, or the cluster does not match them in time
 */
export async function apply(
  { cluster, manifests, timeout, interrupted, yes, dryRun, report }: Task,
): Promise<number> {
  const plan = await compare(
    cluster,
    manifests,
    deadline("compare the cluster with the manifests", timeout, interrupted),
    report,
  );
  report.plan(plan);
  const end = (outcome: Outcome, exitCode: number) => {
    report.ended(outcome, plan, exitCode);
    return exitCode;
  };
  if (!plan.some(isChange)) return end("unchanged", 0);
  if (dryRun) return end("planned", 0);
  const changes: Changes = { done: [] };
  try {
    const question = questionOf(plan, `${cluster.context} at ${cluster.server}`);
    if (!yes && !(await askToContinue(question, interrupted))) return end("declined", STOPPED);
    using applying = deadline("apply the manifests", timeout, interrupted);
    await applyAll({ cluster, manifests, plan, changes, report, signal: applying.signal });
  } catch (error) {
    report.stopped(changes, plan);
    throw error;
  }
  return end("applied", 0);
}

async function compare(
  cluster: Cluster,
  manifests: ManifestsFact,
  within: Deadline,
  report: ApplyReport,
): Promise<Planned[]> {
  using deadline = within;
  showStatus("comparing the cluster with the manifests …");
  const { signal } = deadline;
  const onRefused = report.refused;
  return await planFor(cluster, manifests, { progress: "nothing was applied", signal, onRefused });
}

interface Changing {
  readonly cluster: Cluster;
  readonly manifests: ManifestsFact;
  readonly plan: readonly Planned[];
  readonly changes: Changes;
  readonly report: ApplyReport;
  readonly signal: AbortSignal;
}

/**
 * Creates new namespaces first, and then plans the other objects again, because a dry run requires
 * the namespace.
 */
async function applyAll(
  { cluster, manifests, plan, changes, report, signal }: Changing,
): Promise<void> {
  const onDone = (planned: Planned) => {
    changes.current = undefined;
    changes.done.push(planned);
    report.applied(planned);
  };
  const onStart = (planned: Planned) => {
    changes.current = planned;
    showStatus(`applying ${objectId(planned.object)} …`);
  };
  const fresh = plan.filter(({ action, object }) =>
    action === "create" && object.kind === "Namespace"
  );
  await carryOut(cluster, fresh, { onStart, onDone, signal });
  if (fresh.length > 0) {
    showStatus("waiting for the namespace …");
    await waitUntilApplied(cluster, fresh.map(({ object }) => object), signal);
    const progress = `only ${naming(fresh.map(({ object }) => objectId(object)))} was applied`;
    plan = await planFor(cluster, manifests, { progress, signal, onRefused: report.refused });
  }
  await carryOut(cluster, plan.filter(isChange), { onStart, onDone, signal });
  showStatus("waiting until the cluster matches the manifests …");
  await waitUntilApplied(cluster, manifests.objects, signal);
}
