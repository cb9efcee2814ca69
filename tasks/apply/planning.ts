import { readDeclared } from "../../checks/facts/cluster/dry_run.ts";
import type { ManifestsFact } from "../../checks/facts/manifests.ts";
import { objectId } from "../../checks/kubernetes/objects.ts";
import { naming } from "../../checks/list_names.ts";
import { type Action, type Planned, planOf } from "../../checks/kubernetes/apply_plan.ts";
import { renderResult } from "../../checks/report/text.ts";
import {
  refusals,
  refusedBecause,
  serverDryRun,
  whyForbidden,
} from "../../checks/preflight/manifests/server_dry_run.ts";
import type { Cluster } from "../../pipeline/cluster/cluster.ts";
import { Failure } from "../../pipeline/errors.ts";
import { plural } from "../../pipeline/progress.ts";
import { colourWanted, print } from "../cli/terminal.ts";

/**
 * Finds out what applying manifests to a cluster does, and that all of it can be done. What the API
 * server refuses is printed.
 *
 * @param so for people: what was done so far, as in `nothing was applied`
 * @throws {Failure} configuration: an object is refused, or nobody may apply it; unreachable: one is
 *   just being removed
 */
export async function planFor(
  cluster: Cluster,
  manifests: ManifestsFact,
  so: string,
  signal: AbortSignal,
): Promise<Planned[]> {
  const reading = await readDeclared(cluster, manifests.objects, signal);
  const { trials } = reading;
  const findings = refusals(manifests, trials);
  if (findings.length > 0) {
    const { id, title } = serverDryRun;
    const result = { id, title, verdict: "fail", findings } as const;
    print(renderResult(result, { colour: colourWanted(), idWidth: id.length }).trimEnd());
    const why = `the API server refuses ${findings.length} of ${plural(trials.length, "object")}`;
    throw wrong("configuration", `${why}, and ${so}`, "Mend what it names, and run again.");
  }
  const forbidden = refusedBecause("forbidden", trials);
  if (forbidden.length > 0) {
    throw wrong(
      "configuration",
      `${whyForbidden(forbidden)}, and ${so}`,
      "Ask for the right to, or take another user.",
    );
  }
  const plan = planOf(reading);
  const unread = only(plan, "unknown");
  if (unread.length > 0) {
    const why = naming([...new Set(unread.map(({ reason }) => reason!))]);
    throw wrong("configuration", why, "What may not be read cannot be compared.");
  }
  const going = only(plan, "going").map(({ object }) => objectId(object));
  if (going.length > 0) {
    const why = `${naming(going)} ${going.length === 1 ? "is" : "are"} just being removed`;
    throw wrong("unreachable", `${why}, and ${so}`, "Run it again when that is done.");
  }
  const homeless = refusedBecause("no namespace", trials).map(({ object }) => object)
    .filter(({ namespace }) => !manifests.objects.some(isNamespace(namespace)));
  if (homeless.length > 0) {
    const [{ namespace }] = homeless as [typeof homeless[number]];
    const why = `there is no namespace ${namespace}, for ${naming(homeless.map(objectId))}`;
    throw wrong("configuration", `${why}, and ${so}`, "Declare it, or create it first.");
  }
  return plan;
}

function only(plan: readonly Planned[], wanted: Action): Planned[] {
  return plan.filter(({ action }) => action === wanted);
}

function isNamespace(wanted: string | undefined) {
  return ({ kind, name }: { readonly kind: string; readonly name: string }) =>
    kind === "Namespace" && name === wanted;
}

function wrong(kind: "configuration" | "unreachable", why: string, remedy: string): Failure {
  return new Failure({
    kind,
    task: "apply the manifests",
    problem: why,
    remedy,
  });
}
