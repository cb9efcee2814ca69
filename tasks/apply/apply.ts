import type { ManifestsFact } from "../../checks/facts/manifests.ts";
import { objectId } from "../../checks/kubernetes/objects.ts";
import { naming } from "../../checks/list_names.ts";
import { isChange, type Planned } from "../../checks/kubernetes/apply_plan.ts";
import type { Cluster } from "../../pipeline/cluster/cluster.ts";
import { plural } from "../../pipeline/progress.ts";
import { type Deadline, deadline } from "../cli/deadline.ts";
import { agreed } from "../cli/prompt.ts";
import { colourWanted, print, showStatus } from "../cli/terminal.ts";
import { carryOut } from "./applying.ts";
import { planFor } from "./planning.ts";
import { questionOf, renderDone, renderPlan } from "./text.ts";
import { untilSo } from "./waiting.ts";

/** What is applied where, and how. */
export interface Task {
  /** Where it is applied. It stays open. */
  readonly cluster: Cluster;
  readonly manifests: ManifestsFact;
  /** How long comparing, and then applying, may take, in seconds. */
  readonly timeout: number;
  /** Ends it when it aborts; what was applied until then is printed. */
  readonly interrupted: AbortSignal;
  /** Whether the operator has agreed already. */
  readonly yes: boolean;
}

/**
 * Shows what applying manifests to a cluster changes, asks, applies them, and waits until it is so.
 *
 * @returns the exit code: 0, or 1 where somebody said no
 * @throws {Failure} it cannot be done, or did not become so in time
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
    print(`nothing to do: ${name} is as the manifests say`);
    return 0;
  }
  const changes: Changes = { done: [] };
  try {
    if (!yes && !(await agreed(questionOf(plan, name), interrupted))) {
      print("Nothing was applied.");
      return 1;
    }
    using applying = deadline("apply the manifests", timeout, interrupted);
    await applyAll({ cluster, manifests, plan, changes, signal: applying.signal });
  } catch (error) {
    print(soFar(changes, plan));
    throw error;
  }
  print(`${plural(changes.done.length, "change")} applied: ${name} is as the manifests say`);
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

/** How far it is. */
interface Changes {
  readonly done: Planned[];
  /** What was sent, and not answered yet. */
  current?: Planned | undefined;
}

function soFar({ done, current }: Changes, plan: readonly Planned[]): string {
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

/** In a namespace that is new nothing could be tried before; that is made up for once it is there. */
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
    await untilSo(cluster, fresh.map(({ object }) => object), signal);
    const so = `only ${naming(fresh.map(({ object }) => objectId(object)))} was applied`;
    plan = await planFor(cluster, manifests, so, signal);
  }
  await carryOut(cluster, plan.filter(isChange), { onStart, onDone, signal });
  showStatus("waiting until it is so …");
  await untilSo(cluster, manifests.objects, signal);
}
