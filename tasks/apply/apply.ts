import type { ManifestsFact } from "../../checks/facts/manifests.ts";
import { objectId } from "../../checks/kubernetes/objects.ts";
import { naming } from "../../checks/list_names.ts";
import { isChange, type Planned } from "../../checks/kubernetes/apply_plan.ts";
import type { Cluster } from "../../pipeline/cluster/cluster.ts";
import { plural } from "../../pipeline/progress.ts";
import { type Deadline, deadline } from "../cli/command.ts";
import { askToContinue } from "../cli/prompt.ts";
import { colourWanted, print, showStatus } from "../cli/terminal.ts";
import { carryOut, waitUntilApplied } from "./carry_out.ts";
import { planFor } from "./plan.ts";
import { questionOf, renderDone, renderPlan } from "./text.ts";

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
}

/**
 * Shows the changes, asks for confirmation, applies the manifests, and waits until the cluster
 * matches them.
 *
 * @returns the exit code: 0, or 1 if the answer was no
 * @throws {Failure} the manifests cannot be applied, or the cluster does not match them in time
 */
export async function apply(
  { cluster, manifests, timeout, interrupted, yes }: Task,
): Promise<number> {
  const name = `${cluster.context} at ${cluster.server}`;
  const { directory } = manifests;
  const plan = await compare(
    cluster,
    manifests,
    deadline("compare the cluster with the manifests", timeout, interrupted),
  );
  print(renderPlan(plan, { what: `Applying ${directory} to ${name}`, colour: colourWanted() }));
  if (!plan.some(isChange)) {
    print(`nothing to do: ${name} matches the manifests`);
    return 0;
  }
  const changes: Changes = { done: [] };
  try {
    if (!yes && !(await askToContinue(questionOf(plan, name), interrupted))) {
      print("Nothing was applied.");
      return 1;
    }
    using applying = deadline("apply the manifests", timeout, interrupted);
    await applyAll({ cluster, manifests, plan, changes, signal: applying.signal });
  } catch (error) {
    print(describeProgress(changes, plan));
    throw error;
  }
  print(`${plural(changes.done.length, "change")} applied: ${name} matches the manifests`);
  return 0;
}

async function compare(
  cluster: Cluster,
  manifests: ManifestsFact,
  within: Deadline,
): Promise<Planned[]> {
  using deadline = within;
  showStatus("comparing the cluster with the manifests …");
  return await planFor(cluster, manifests, "nothing was applied", deadline.signal);
}

/** The changes so far. */
interface Changes {
  readonly done: Planned[];
  /** The change that was sent and has no response yet. */
  current?: Planned | undefined;
}

function describeProgress({ done, current }: Changes, plan: readonly Planned[]): string {
  const count = done.length === 0
    ? "Nothing was applied"
    : `${done.length} of ${plural(plan.filter(isChange).length, "change")} applied`;
  return `${count}${current === undefined ? "" : `, and perhaps ${objectId(current.object)}`}.`;
}

interface Changing {
  readonly cluster: Cluster;
  readonly manifests: ManifestsFact;
  readonly plan: readonly Planned[];
  readonly changes: Changes;
  readonly signal: AbortSignal;
}

/**
 * Creates new namespaces first, and then plans the other objects again, because a dry run requires
 * the namespace.
 */
async function applyAll({ cluster, manifests, plan, changes, signal }: Changing): Promise<void> {
  const onDone = (planned: Planned) => {
    changes.current = undefined;
    changes.done.push(planned);
    print(renderDone(planned));
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
    plan = await planFor(cluster, manifests, progress, signal);
  }
  await carryOut(cluster, plan.filter(isChange), { onStart, onDone, signal });
  showStatus("waiting until the cluster matches the manifests …");
  await waitUntilApplied(cluster, manifests.objects, signal);
}
