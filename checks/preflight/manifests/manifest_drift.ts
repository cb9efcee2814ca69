import { entryOf } from "../../kubernetes/fields.ts";
import { shell, shellPath } from "../../../pipeline/shell.ts";
import { DEFAULT_PROJECT } from "../../../pipeline/contract/project.ts";
import { plural } from "../../../pipeline/progress.ts";
import { type Check, check } from "../../check.ts";
import type { Finding } from "../../finding.ts";
import type { ClusterOpened } from "../../facts/cluster.ts";
import { type ManifestObject, objectId, placeOf } from "../../kubernetes/objects.ts";
import type { ManifestsFact } from "../../facts/manifests.ts";
import { naming } from "../../list_names.ts";
import {
  formatDifference,
  idOf,
  isChange,
  type Planned,
  planOf,
} from "../../kubernetes/apply_plan.ts";
import { whyNoCluster } from "../../skip_reasons.ts";
import { leavingOut, outcomeOf } from "../outcome.ts";
import { pathOf } from "../../facts/tree.ts";

/**
 * The cluster matches the manifests. The other checks assume that the manifests are applied. A run
 * that starts before that uses objects that the checks have not seen.
 */
export const manifestDrift: Check<"manifests" | "cluster"> = check({
  id: "manifest-drift",
  title: "the cluster matches the manifests",
  phase: "before",
  needs: ["manifests", "cluster"],
  run({ manifests, cluster }) {
    if (!cluster.opened) return { skip: whyNoCluster };
    const { namespace: own } = (manifests.project ?? DEFAULT_PROJECT).jobs;
    const plan = planOf(cluster);
    if (plan.length === 0) return outcomeOf(manifests, undefined, "the manifests have no object");
    const findings = [
      ...driftFindings(manifests, plan),
      ...(manifests.problems.length === 0 ? undeclaredFindings(plan, cluster, own) : []),
    ];
    const unknown = unreadIn(plan, cluster, own);
    // A known failure fails the check, even if other results are unknown.
    const fails = findings.some(({ severity }) => severity === "fail");
    if (unknown.length > 0 && !fails) return { unknown: naming(unknown) };
    return {
      examined: `${plural(plan.length, "object")} on ${cluster.name}`,
      ...(unknown.length === 0 ? {} : leavingOut(`not checked: ${naming(unknown)}`)),
      findings,
    };
  },
});

const WHY =
  "the other checks assume that the manifests are applied, but a run that starts now uses the object in " +
  "the cluster";

/** The findings for objects that are missing or differ. */
function driftFindings(manifests: ManifestsFact, plan: readonly Planned[]): Finding[] {
  const newNamespaces = plan.filter(({ action, object }) =>
    action === "create" && object.kind === "Namespace"
  ).map(({ object }) => object.name);
  return plan.flatMap((planned): Finding[] => {
    const { action, object, differences } = planned;
    if (!isChange(planned)) return [];
    // The finding of a missing namespace covers the objects in it.
    if (object.namespace !== undefined && newNamespaces.includes(object.namespace)) return [];
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
  change: "Change it to match the manifest:",
  replace: "Replace it, because a Job's pods cannot be changed:",
};

function problemOf({ action, object, differences }: Planned, plan: readonly Planned[]): string {
  if (action !== "create") {
    return `the object differs: ${naming(differences.map(formatDifference))}`;
  }
  const within = plan.filter(({ object: { namespace } }) =>
    object.kind === "Namespace" && namespace === object.name
  );
  if (within.length === 0) return "the object is not in the cluster";
  return `the namespace is not in the cluster, and neither ${
    within.length === 1 ? "is its object" : `are its ${within.length} objects`
  }`;
}

/** The command that applies the manifests, with the project file that was used. */
export function applyCommand(
  { directory, project }: Pick<ManifestsFact, "directory" | "project">,
): string {
  const flags = [
    ...(directory === "manifests" ? [] : [`--manifests ${shellPath(directory)}`]),
    ...(project?.file === undefined ? [] : [`--project ${shellPath(project.file)}`]),
  ];
  return ["deno task apply", ...flags].join(" ");
}

/** The kinds whose objects affect a run even if no manifest declares them, with the reason. */
const EFFECTS: Readonly<Record<string, string>> = {
  NetworkPolicy:
    "policies add up, so this policy allows connections that the manifests do not allow",
  Role: "permissions add up, so its subjects have more permissions than the manifests grant",
  RoleBinding: "permissions add up, so its subjects have more permissions than the manifests grant",
  ResourceQuota: "the jobs' pods have to fit into every quota",
  LimitRange: "a LimitRange can change or refuse the jobs' pods",
};

/** The findings for objects of the jobs' namespace that are not in the manifests. */
function undeclaredFindings(
  plan: readonly Planned[],
  { objects }: ClusterOpened,
  own: string,
): Finding[] {
  const declared = new Set(plan.map(({ object }) => idOf(object)));
  return objects.flatMap((object): Finding[] => {
    const { kind, name, namespace } = object;
    const why = entryOf(EFFECTS, kind);
    if (why === undefined || namespace !== own || declared.has(idOf(object))) {
      return [];
    }
    return [{
      severity: "warn",
      object: objectId(object),
      problem: "the object is in the cluster, but not in the manifests",
      why,
      fix: shell`Add it to the manifests, or remove it: kubectl -n ${namespace} delete ` +
        shell`${resourceOf(object)} ${name}`,
    }];
  });
}

/** The resource name for kubectl, with the API group unless the kind is built into Kubernetes. */
function resourceOf({ kind, apiVersion }: ManifestObject): string {
  const [group, version] = apiVersion.split("/");
  const isKnown = version === undefined || group!.endsWith(".k8s.io");
  return isKnown ? kind.toLowerCase() : `${kind.toLowerCase()}.${group}`;
}

/** The reasons for which the state of objects is unknown. */
function unreadIn(
  plan: readonly Planned[],
  { unread }: ClusterOpened,
  own: string,
): string[] {
  const effective = unread.filter(({ kind, namespace }) =>
    entryOf(EFFECTS, kind) !== undefined && namespace === own
  );
  const problems = [
    ...plan.filter(({ action }) => action === "unknown").map(({ reason }) => reason!),
    ...plan.filter(({ action }) => action === "going")
      .map(({ object, reason }) => `${objectId(object)}: ${reason}`),
    ...effective.map(({ failure }) => failure.message),
  ];
  return [...new Set(problems)];
}
