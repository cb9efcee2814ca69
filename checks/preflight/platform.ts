import { DEFAULT_PROJECT, type Project } from "../../pipeline/contract/project.ts";
import { type Check, check, computeAgain, type Facts, type Share } from "../check.ts";
import type { Outcome } from "../finding.ts";
import type { ClusterOpened, Unread } from "../facts/cluster.ts";
import type { ManifestObject } from "../kubernetes/objects.ts";
import type { ManifestsFact } from "../facts/manifests.ts";
import { EMPTY } from "../facts/manifest_text.ts";
import { embeddedScripts } from "../facts/scripts.ts";
import { idOf, jobState, mergeObjects } from "../kubernetes/apply_plan.ts";
import { asSwitched } from "../kubernetes/cron_switch.ts";
import { naming } from "../list_names.ts";
import { whyNoCluster } from "../skip_reasons.ts";
import { isOurs, type Tree, treeOf } from "../facts/tree.ts";
import type { SparkJob } from "../spark/spark_job.ts";
import { type Network, readNetwork } from "./network/job_network.ts";
import { inOperatorTerms } from "./operator_terms.ts";
import { hasFailure } from "./outcome.ts";

/** The objects that a run will find: the manifests, the cluster, or the cluster after an apply. */
export interface Platform extends ManifestsFact {
  /** The cluster; undefined if only manifests were read. */
  readonly cluster?: ClusterOpened;
  /** The objects and the code of the jobs, read on first use. */
  readonly tree: Tree;
  /** The pods, policies and namespaces that decide about the jobs' connections, read on first use. */
  readonly network: Network;
  /** The names of the platform. */
  readonly project: Project;
}

/** A check of manifests and cluster together. One of them is enough. */
export interface PlatformCheck extends Check<never, "manifests" | "cluster"> {
  /** Returns the outcome for a platform. */
  readonly judge: (platform: Platform) => Outcome;
}

/** The declaration of a check of the platform. */
export interface PlatformCondition extends Pick<PlatformCheck, "id" | "title"> {
  /**
   * The kinds of objects that the check needs. `Job` is a kind in the jobs' namespace or without a
   * namespace, `database:Pod` is a kind in the namespace of Postgres, and `kube-system/Pod` is a kind
   * in another namespace. If the user cannot read one of them, the verdict is `error`.
   */
  readonly reads: readonly string[];
  /** Returns the outcome. Without access to the cluster, the platform has only the manifests. */
  readonly judge: (platform: Platform) => Outcome;
}

/** The facts that a platform is made of. */
export const PLATFORM = ["manifests", "cluster"] as const;

/** The facts of a platform that are available. */
export type PlatformFacts = {
  readonly [N in typeof PLATFORM[number]]?: Facts[N] | undefined;
};

/** The kinds that contain jobs and their code. */
export const JOBS = ["Job", "CronJob", "ConfigMap"];

/** The kinds that decide which connections jobs need, and which are allowed. */
export const CONNECTIONS = [...JOBS, "Namespace", "NetworkPolicy"];

/** Kinds in another namespace, in the form of {@linkcode PlatformCondition.reads}. */
export function inNamespace(namespace: string, ...kinds: readonly string[]): string[] {
  return kinds.map((kind) => `${namespace}/${kind}`);
}

/** Kinds in the namespace of Postgres, in the form of {@linkcode PlatformCondition.reads}. */
export function besideDatabase(...kinds: readonly string[]): string[] {
  return kinds.map((kind) => `database:${kind}`);
}

/** Declares a check of manifests and cluster together. It runs before a run of the pipeline. */
export function platformCheck({ id, title, reads, judge }: PlatformCondition): PlatformCheck {
  const run: PlatformCheck["run"] = (facts, share) =>
    inOperatorTerms(onPlatform(facts, share, reads, judge));
  return { ...check({ id, title, phase: "before", needs: [], wants: PLATFORM, run }), judge };
}

/** Judges manifests and cluster together, like a {@linkcode platformCheck}. */
export function onPlatform(
  { manifests, cluster }: PlatformFacts,
  share: Share = computeAgain,
  reads: readonly string[],
  judge: (platform: Platform) => Outcome,
): Outcome {
  const opened = cluster?.opened ? cluster : undefined;
  const platform = () => share("platform", () => platformOf(manifests, opened, share));
  if (cluster === undefined) return judge(platform());
  if (!cluster.opened) {
    const ofManifests = manifests && judge(platform());
    return ofManifests !== undefined && hasFailure(ofManifests)
      ? ofManifests
      : { skip: whyNoCluster };
  }
  const project = projectOf(manifests, opened);
  const unread = cluster.unread.filter((each) =>
    kindsOf(each, project).some((kind) => reads.includes(kind))
  );
  if (unread.length > 0) {
    return { unknown: naming([...new Set(unread.map(({ failure }) => failure.message))]) };
  }
  return judge(platform());
}

/** The forms of a kind in {@linkcode PlatformCondition.reads}. */
function kindsOf({ kind, namespace }: Unread, { jobs, database }: Project): string[] {
  return [
    namespace === undefined || namespace === jobs.namespace ? kind : `${namespace}/${kind}`,
    ...(namespace === database.namespace ? besideDatabase(kind) : []),
  ];
}

/** The names of the platform that the facts are about. */
function projectOf(
  manifests: ManifestsFact | undefined,
  cluster: ClusterOpened | undefined,
): Project {
  return manifests?.project ?? cluster?.project ?? DEFAULT_PROJECT;
}

const NO_MANIFESTS: ManifestsFact = { directory: "", files: 0, ...EMPTY };

/** The tree of the manifests alone, which several checks of a run share. */
export function manifestsTree(manifests: ManifestsFact, share: Share): Tree {
  return share("manifests", () => treeOf(manifests));
}

/** The platform of manifests alone, or of the cluster after the manifests are applied. */
export function platformOf(
  manifests: ManifestsFact | undefined,
  cluster: ClusterOpened | undefined,
  share: Share = computeAgain,
): Platform {
  const { directory, files, problems, ignored, scripts, objects } = manifests ?? NO_MANIFESTS;
  const project = projectOf(manifests, cluster);
  if (cluster === undefined) {
    const fact = { directory, files, problems, ignored, scripts, objects, project };
    return withReadings(fact, () => manifestsTree(manifests ?? fact, share));
  }
  const after = objectsAfter(objects, cluster);
  const fact = {
    directory,
    files,
    ...(manifests?.buildFiles === undefined ? {} : { buildFiles: manifests.buildFiles }),
    ...(manifests?.programs === undefined ? {} : { programs: manifests.programs }),
    problems,
    ignored,
    project,
    objects: after,
    scripts: [
      ...scripts.filter(({ object }) => object === undefined),
      ...after.filter((object) => isOurs(object, project)).flatMap(embeddedScripts),
    ],
  };
  return withReadings(fact, () => treeOf(fact), cluster);
}

function withReadings(
  fact: ManifestsFact & Pick<Platform, "project">,
  readTree: () => Tree,
  cluster?: ClusterOpened,
): Platform {
  let tree: Tree | undefined;
  let network: Network | undefined;
  return {
    ...fact,
    ...(cluster === undefined ? {} : { cluster }),
    get tree() {
      return tree ??= readTree();
    },
    get network() {
      return network ??= readNetwork(this.tree, fact.problems, cluster !== undefined);
    },
  };
}

function objectsAfter(
  manifests: readonly ManifestObject[],
  { objects: live, trials, namespace }: ClusterOpened,
): ManifestObject[] {
  const tried = new Map(trials.map(({ object, applied }) => [idOf(object), applied]));
  const present = new Map(live.map((object) => [idOf(object), object]));
  const declared = manifests.map((object) => {
    const placed = placedIn(object, namespace, present, tried);
    const id = idOf(placed);
    const current = present.get(id);
    present.delete(id);
    // Applying does not change a Job that is running.
    if (placed.kind === "Job") return current && jobState(current) === "running" ? current : placed;
    return tried.get(id) ??
      (current === undefined ? placed : mergeObjects(current, asSwitched(placed, current)));
  });
  const uids = new Set(live.map(uidOf));
  const others = [...present.values()].filter((object) =>
    !isFinished(object) && !isOwned(object, uids)
  );
  return [...declared, ...others];
}

/** Sets the user's namespace on an object without a namespace, if its kind is namespaced. */
function placedIn(
  object: ManifestObject,
  namespace: string,
  ...known: readonly ReadonlyMap<string, unknown>[]
): ManifestObject {
  if (object.namespace !== undefined) return object;
  const placed = { ...object, namespace };
  return known.some((each) => each.has(idOf(placed))) ? placed : object;
}

function uidOf({ value }: ManifestObject): unknown {
  return (value.metadata as { uid?: unknown } | undefined)?.uid;
}

/**
 * Returns whether the owner of the object is in the cluster too. The owner's template then replaces
 * it.
 */
function isOwned({ value }: ManifestObject, uids: ReadonlySet<unknown>): boolean {
  const { ownerReferences } = value.metadata as { ownerReferences?: readonly { uid?: unknown }[] };
  return ownerReferences?.some(({ uid }) => uids.has(uid)) ?? false;
}

/** Returns whether a Job or a Pod has terminated. */
function isFinished(object: ManifestObject): boolean {
  if (object.kind === "Job") return jobState(object) === "finished";
  const phase = (object.value.status as { phase?: unknown } | undefined)?.phase;
  return object.kind === "Pod" && (phase === "Succeeded" || phase === "Failed");
}

/** A message about the jobs of other projects; empty without any. */
export function foreignJobs(jobs: readonly SparkJob[]): string[] {
  return jobs.length === 0
    ? []
    : [`in other namespaces, so not judged: ${naming(jobs.map(({ label }) => label))}`];
}
