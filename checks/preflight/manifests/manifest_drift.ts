import { JOBS_NAMESPACE } from "../../../pipeline/contract/platform.ts";
import { plural } from "../../../pipeline/progress.ts";
import { type Check, check } from "../../check.ts";
import type { Finding } from "../../finding.ts";
import type { ClusterOpened } from "../../facts/cluster.ts";
import { type ManifestObject, objectId, placeOf } from "../../kubernetes/objects.ts";
import type { ManifestsFact } from "../../facts/manifests.ts";
import { naming } from "../../list_names.ts";
import { idOf, isChange, type Planned, planOf, tell } from "../../kubernetes/apply_plan.ts";
import { whyNoCluster } from "../../skip_reasons.ts";
import { outcomeOf } from "../outcome.ts";
import { pathOf } from "../../facts/tree.ts";

/**
 * The cluster is as the manifests say. The other checks judge what it would be once they are applied,
 * so where it differs a run now meets something else.
 */
export const manifestDrift: Check<"manifests" | "cluster"> = check({
  id: "manifest-drift",
  title: "the cluster is as the manifests say",
  phase: "before",
  needs: ["manifests", "cluster"],
  run({ manifests, cluster }) {
    if (!cluster.opened) return { skip: whyNoCluster };
    const plan = planOf(cluster);
    if (plan.length === 0) return outcomeOf(manifests, undefined, "the manifests have no object");
    const findings = [
      ...drifted(manifests, plan),
      ...(manifests.problems.length === 0 ? undeclared(plan, cluster) : []),
    ];
    const unknown = unreadIn(plan, cluster);
    // What is known to be wrong is wrong whatever else there is.
    const fails = findings.some(({ severity }) => severity === "fail");
    if (unknown.length > 0 && !fails) return { unknown: naming(unknown) };
    const rest = unknown.length === 0 ? "" : `; the rest is not known: ${naming(unknown)}`;
    return { examined: `${plural(plan.length, "object")} on ${cluster.name}${rest}`, findings };
  },
});

const WHY =
  "the other checks judge what applying makes of the cluster; a run now meets this instead";

/** Objects that are not there, or not as they should be. */
function drifted(manifests: ManifestsFact, plan: readonly Planned[]): Finding[] {
  const fresh = plan.filter(({ action, object }) =>
    action === "create" && object.kind === "Namespace"
  ).map(({ object }) => object.name);
  return plan.flatMap((planned): Finding[] => {
    const { action, object, differences } = planned;
    if (!isChange(planned)) return [];
    // Where a namespace is missing, all that belongs into it is told with it.
    if (object.namespace !== undefined && fresh.includes(object.namespace)) return [];
    const file = pathOf(manifests.directory, object.file);
    return [{
      severity: "fail",
      ...placeOf({ ...object, file }, differences[0]?.path ?? ""),
      problem: problemOf(planned, plan),
      why: WHY,
      fix: `${FIXES[action as keyof typeof FIXES]} ${applyCommand(manifests)}`,
    }];
  });
}

const FIXES = {
  create: "Create it:",
  change: "Make it what the manifest says:",
  replace: "Remove it and make it anew, for a Job's pods cannot be changed:",
};

function problemOf({ action, object, differences }: Planned, plan: readonly Planned[]): string {
  if (action !== "create") return `it differs: ${naming(differences.map(tell))}`;
  const within = plan.filter(({ object: { namespace } }) =>
    object.kind === "Namespace" && namespace === object.name
  );
  if (within.length === 0) return "it is not in the cluster";
  return `it is not in the cluster, so neither ${
    within.length === 1 ? "is the object" : `are the ${within.length} objects`
  } in it`;
}

/** The command that applies the manifests. */
export function applyCommand({ directory }: Pick<ManifestsFact, "directory">): string {
  return `deno task apply${directory === "manifests" ? "" : ` --manifests ${directory}`}`;
}

/** What decides about a run though no manifest has it, and why. */
const DECIDING: Readonly<Record<string, string>> = {
  NetworkPolicy: "policies add up, so it allows what the others do not",
  Role: "rights add up, so it gives whom it is bound to more than the manifests do",
  RoleBinding: "rights add up, so it gives somebody more than the manifests do",
  ResourceQuota: "every quota has to have room for the jobs' pods",
  LimitRange: "it changes or refuses the jobs' pods",
};

/** Objects of the jobs' namespace that no manifest has. Whoever made them may need them. */
function undeclared(plan: readonly Planned[], { objects }: ClusterOpened): Finding[] {
  const declared = new Set(plan.map(({ object }) => idOf(object)));
  return objects.flatMap((object): Finding[] => {
    const { kind, name, namespace } = object;
    const why = DECIDING[kind];
    if (why === undefined || namespace !== JOBS_NAMESPACE || declared.has(idOf(object))) {
      return [];
    }
    return [{
      severity: "warn",
      object: objectId(object),
      problem: "it is in the cluster, and in no manifest",
      why,
      fix: `Add it to the manifests, or remove it: kubectl -n ${namespace} delete ` +
        `${resourceOf(object)} ${name}`,
    }];
  });
}

/** As kubectl has it; of another API group, such as Calico's policies, by its full name. */
function resourceOf({ kind, apiVersion }: ManifestObject): string {
  const [group, version] = apiVersion.split("/");
  const isKnown = version === undefined || group!.endsWith(".k8s.io");
  return isKnown ? kind.toLowerCase() : `${kind.toLowerCase()}.${group}`;
}

/** Why something is not known. */
function unreadIn(plan: readonly Planned[], { unread }: ClusterOpened): string[] {
  const deciding = unread.filter(({ kind, namespace }) =>
    DECIDING[kind] !== undefined && namespace === JOBS_NAMESPACE
  );
  const problems = [
    ...plan.filter(({ action }) => action === "unknown").map(({ reason }) => reason!),
    ...plan.filter(({ action }) => action === "going")
      .map(({ object, reason }) => `${objectId(object)}: ${reason}`),
    ...deciding.map(({ failure }) => failure.message),
  ];
  return [...new Set(problems)];
}
