import { readDeclared } from "../../checks/facts/cluster/dry_run.ts";
import { gatherManifests, type ManifestsFact } from "../../checks/facts/manifests.ts";
import { pathOf, treeOf } from "../../checks/facts/tree.ts";
import { type Action, type Planned, planOf } from "../../checks/kubernetes/apply_plan.ts";
import { filledByTools } from "../../checks/kubernetes/filled_values.ts";
import { type ManifestObject, objectId } from "../../checks/kubernetes/objects.ts";
import { naming } from "../../checks/list_names.ts";
import {
  refusals,
  refusedBecause,
  serverDryRun,
  whyForbidden,
} from "../../checks/preflight/manifests/server_dry_run.ts";
import { otherNames } from "../../checks/preflight/manifests/platform_names.ts";
import type { Cluster } from "../../pipeline/cluster/cluster.ts";
import type { Project } from "../../pipeline/contract/project.ts";
import type { Result } from "../../checks/finding.ts";
import { Failure } from "../../pipeline/errors.ts";
import { plural } from "../../pipeline/progress.ts";

/**
 * Reads the manifests to apply.
 *
 * @param directory undefined if there is no directory
 * @param project the names of the platform. Their file is not a manifest
 * @throws {Failure} configuration: there are no manifests, a file cannot be read, or two files define the
 *   same object
 */
export async function readManifests(
  directory: string | undefined,
  signal: AbortSignal,
  project?: Project,
): Promise<ManifestsFact> {
  if (directory === undefined) {
    const why = "there is no directory manifests/ here";
    throw invalidManifests(
      "the manifests",
      why,
      "Run the command in another directory, or use --manifests.",
    );
  }
  const manifests = await gatherManifests(directory, signal, project);
  const { objects, problems } = manifests;
  if (problems.length > 0) {
    const places = problems.map(({ file, line, problem }) =>
      `${pathOf(directory, file)}${line === undefined ? "" : `:${line}`}: ${problem}`
    );
    throw invalidManifests(
      directory,
      naming(places),
      "Correct these files first. Manifests are applied only as a whole.",
    );
  }
  if (objects.length === 0) {
    const why = "the directory has no Kubernetes object";
    throw invalidManifests(directory, why, "Choose another directory with --manifests.");
  }
  const filled = filledByTools(objects);
  if (filled.length > 0) {
    const places = filled.map((each) => `${objectId(each)} in ${placeOf(directory, each)}`);
    const why = `a tool such as SOPS must fill in the values of ${naming(places)} first`;
    const fix =
      "Apply these objects with that tool, from another directory: apply would store the " +
      "encrypted text as the value.";
    throw invalidManifests(directory, why, fix);
  }
  const [twice] = manifests.replaced ?? [];
  if (twice !== undefined) {
    const places = [twice.object, twice.by].map((each) => placeOf(directory, each));
    const why = `${objectId(twice.object)} is defined in ${places.join(" and in ")}`;
    throw invalidManifests(directory, why, "Remove one of the two.");
  }
  return manifests;
}

/**
 * Refuses manifests with other names than the project. The other commands would look for the jobs in
 * another namespace than the one to which they were applied.
 *
 * @throws {Failure} configuration: a name differs
 */
export function requireNames(manifests: ManifestsFact): void {
  const { directory } = manifests;
  const [first, ...others] = otherNames(treeOf(manifests), directory)
    .filter(({ severity }) => severity === "fail");
  if (first === undefined) return;
  const { file = directory, line = 1, problem, fix } = first;
  const more = others.length === 0 ? "" : ` (and ${plural(others.length, "other name")})`;
  throw invalidManifests(directory, `${file}:${line}: ${problem}${more}`, fix);
}

function placeOf(directory: string, { file, line }: ManifestObject): string {
  return `${pathOf(directory, file)}:${line}`;
}

function invalidManifests(what: string, why: string, remedy: string): Failure {
  return new Failure({
    kind: "configuration",
    task: `apply ${what}`,
    problem: why,
    remedy,
  });
}

/** Options of {@linkcode planFor}. */
export interface Comparing {
  /** The progress so far for messages, for example `nothing was applied`. */
  readonly progress: string;
  readonly signal: AbortSignal;
  /** Called with what the API server refuses. */
  readonly onRefused: (result: Result) => void;
}

/**
 * Compares manifests with a cluster, and checks that all of them can be applied.
 *
 * @throws {Failure} configuration: the server refuses an object, or the user may not apply it;
 *   unreachable: an object is being deleted
 */
export async function planFor(
  cluster: Cluster,
  manifests: ManifestsFact,
  { progress, signal, onRefused }: Comparing,
): Promise<Planned[]> {
  const reading = await readDeclared(cluster, manifests.objects, signal);
  const { trials } = reading;
  const findings = refusals(manifests, trials);
  if (findings.length > 0) {
    const { id, title } = serverDryRun;
    onRefused({ id, title, verdict: "fail", findings });
    const why = `the API server refuses ${findings.length} of ${plural(trials.length, "object")}`;
    throw cannotApply(
      "configuration",
      `${why}, and ${progress}`,
      "Correct the objects as the server's messages say, and run again.",
    );
  }
  const forbidden = refusedBecause("forbidden", trials);
  if (forbidden.length > 0) {
    throw cannotApply(
      "configuration",
      `${whyForbidden(forbidden)}, and ${progress}`,
      "Ask an administrator for the permission, or choose another --context.",
    );
  }
  const plan = planOf(reading);
  const unknown = planned(plan, "unknown");
  if (unknown.length > 0) {
    const why = naming([...new Set(unknown.map(({ reason }) => reason!))]);
    throw cannotApply(
      "configuration",
      why,
      "Ask an administrator for permission to read these objects.",
    );
  }
  const deleting = planned(plan, "going").map(({ object }) => objectId(object));
  if (deleting.length > 0) {
    const why = `${naming(deleting)} ${deleting.length === 1 ? "is" : "are"} being deleted`;
    throw cannotApply(
      "unreachable",
      `${why}, and ${progress}`,
      "Run again when the deletion is complete.",
    );
  }
  const withoutNamespace = refusedBecause("no namespace", trials).map(({ object }) => object)
    .filter(({ namespace }) => !manifests.objects.some(isNamespace(namespace)));
  if (withoutNamespace.length > 0) {
    const [{ namespace }] = withoutNamespace as [typeof withoutNamespace[number]];
    const why = `there is no namespace ${namespace}, for ${naming(withoutNamespace.map(objectId))}`;
    throw cannotApply(
      "configuration",
      `${why}, and ${progress}`,
      "Add the namespace to the manifests, or create it first.",
    );
  }
  return plan;
}

function planned(plan: readonly Planned[], wanted: Action): Planned[] {
  return plan.filter(({ action }) => action === wanted);
}

function isNamespace(wanted: string | undefined) {
  return ({ kind, name }: { readonly kind: string; readonly name: string }) =>
    kind === "Namespace" && name === wanted;
}

function cannotApply(kind: "configuration" | "unreachable", why: string, remedy: string): Failure {
  return new Failure({
    kind,
    task: "apply the manifests",
    problem: why,
    remedy,
  });
}
