import { setTimeout as pause } from "node:timers/promises";
import { readDeclared } from "../../checks/facts/cluster/dry_run.ts";
import { type ManifestObject, objectId } from "../../checks/kubernetes/objects.ts";
import { naming } from "../../checks/list_names.ts";
import { isChange, type Planned, planOf, tell } from "../../checks/kubernetes/apply_plan.ts";
import type { Cluster } from "../../pipeline/cluster/cluster.ts";
import { Failure } from "../../pipeline/errors.ts";
import { POLL } from "./applying.ts";

/**
 * Waits until a cluster is as the manifests say: each object is there as it was applied, and namespaces
 * take objects.
 *
 * @param signal ends the waiting when it aborts
 * @throws {Failure} unreachable: it was aborted before; what is missing is named
 */
export async function untilSo(
  cluster: Cluster,
  manifests: readonly ManifestObject[],
  signal: AbortSignal,
): Promise<void> {
  let missing: readonly string[] = [];
  do {
    try {
      missing = planOf(await readDeclared(cluster, manifests, signal)).flatMap(missingIn);
      if (missing.length === 0) return;
      await pause(POLL, undefined, { signal });
    } catch (error) {
      if (!signal.aborted || missing.length === 0) throw error;
    }
  } while (!signal.aborted);
  throw new Failure({
    kind: "unreachable",
    task: "tell that all is applied",
    problem: naming(missing),
    remedy: "Look who else changes that, and run it again.",
  });
}

function missingIn(planned: Planned): string[] {
  const { action, object, live, differences } = planned;
  const id = objectId(object);
  if (action === "going" || action === "create") return [`${id} is not there`];
  if (isChange(planned)) return [`${id} differs (${naming(differences.map(tell))})`];
  const { phase } = (live?.value.status ?? {}) as { readonly phase?: unknown };
  return object.kind === "Namespace" && phase !== "Active" ? [`${id} is not active`] : [];
}
