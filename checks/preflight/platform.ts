import { JOBS_NAMESPACE } from "../../pipeline/contract/platform.ts";
import { type Check, check, computeAgain, type Facts, type Share } from "../check.ts";
import type { Outcome } from "../finding.ts";
import type { ClusterOpened, Unread } from "../facts/cluster.ts";
import type { ManifestObject } from "../kubernetes/objects.ts";
import type { ManifestsFact } from "../facts/manifests.ts";
import { embeddedScripts } from "../facts/scripts.ts";
import { idOf, jobState, merged } from "../kubernetes/apply_plan.ts";
import { naming } from "../list_names.ts";
import { whyNoCluster } from "../skip_reasons.ts";
import { isOurs, type Tree, treeOf } from "../facts/tree.ts";
import { type Network, readNetwork } from "./network/job_network.ts";
import { hasFailure } from "./outcome.ts";

/** What a run will find: manifests, a cluster, or the cluster as it is once they are applied to it. */
export interface Platform extends ManifestsFact {
  /** The cluster, where one was looked at. */
  readonly cluster?: ClusterOpened;
  /** The objects and the code of the jobs, read when a check first asks for them. */
  readonly tree: Tree;
  /** What decides about the connections of the jobs, read when a check first asks for it. */
  readonly network: Network;
}

/** A check of manifests and cluster together. It takes what is there of them. */
export interface PlatformCheck extends Check<never, "manifests" | "cluster"> {
  /** Judges a platform. */
  readonly judge: (platform: Platform) => Outcome;
}

/** What a check of the platform says of itself. */
export interface PlatformCondition extends Pick<PlatformCheck, "id" | "title"> {
  /**
   * The kinds of objects that it rests on, as in `Job` of the jobs' namespace or of no namespace, and
   * `robson/Pod` of another one; where the user may not read one, nobody can tell.
   */
  readonly reads: readonly string[];
  /** Judges. Where the cluster lets nobody in, it is asked for the manifests alone. */
  readonly judge: (platform: Platform) => Outcome;
}

/** The facts that make a platform. */
export const PLATFORM = ["manifests", "cluster"] as const;

/** As many of them as there are. */
export type PlatformFacts = {
  readonly [N in typeof PLATFORM[number]]?: Facts[N] | undefined;
};

/** The kinds that jobs and their code are read from. */
export const JOBS = ["Job", "CronJob", "ConfigMap"];

/** The kinds that decide about all connections of jobs, and about who needs which. */
export const CONNECTIONS = [...JOBS, "Namespace", "NetworkPolicy"];

/** Kinds of another namespace than the jobs', as {@linkcode PlatformCondition.reads} has them. */
export function inNamespace(namespace: string, ...kinds: readonly string[]): string[] {
  return kinds.map((kind) => `${namespace}/${kind}`);
}

/** Declares a check of manifests and cluster together, before a run. */
export function platformCheck({ id, title, reads, judge }: PlatformCondition): PlatformCheck {
  const run: PlatformCheck["run"] = (facts, share) => onPlatform(facts, share, reads, judge);
  return { ...check({ id, title, phase: "before", needs: [], wants: PLATFORM, run }), judge };
}

/** Judges manifests and cluster together, as {@linkcode platformCheck} has it. */
export function onPlatform(
  { manifests, cluster }: PlatformFacts,
  share: Share = computeAgain,
  reads: readonly string[],
  judge: (platform: Platform) => Outcome,
): Outcome {
  const opened = cluster?.opened ? cluster : undefined;
  const platform = () => share("platform", () => platformOf(manifests, opened));
  if (cluster === undefined) return judge(platform());
  if (!cluster.opened) {
    const half = manifests && judge(platform());
    return half !== undefined && hasFailure(half) ? half : { skip: whyNoCluster };
  }
  const unread = cluster.unread.filter((each) => reads.includes(told(each)));
  if (unread.length > 0) {
    return { unknown: naming([...new Set(unread.map(({ failure }) => failure.message))]) };
  }
  return judge(platform());
}

function told({ kind, namespace = JOBS_NAMESPACE }: Unread): string {
  return namespace === JOBS_NAMESPACE ? kind : `${namespace}/${kind}`;
}

/** Manifests as they are, or the cluster as it will be once they are applied to it. */
export function platformOf(
  manifests: ManifestsFact | undefined,
  cluster: ClusterOpened | undefined,
): Platform {
  const { directory = "", files = 0, problems = [], scripts = [], objects = [] } = manifests ?? {};
  if (cluster === undefined) return withReadings({ directory, files, problems, scripts, objects });
  const after = objectsAfter(objects, cluster);
  return withReadings({
    directory,
    files,
    problems,
    objects: after,
    scripts: [
      ...scripts.filter(({ object }) => object === undefined),
      ...after.filter(isOurs).flatMap(embeddedScripts),
    ],
  }, cluster);
}

function withReadings(fact: ManifestsFact, cluster?: ClusterOpened): Platform {
  let tree: Tree | undefined;
  let network: Network | undefined;
  return {
    ...fact,
    ...(cluster === undefined ? {} : { cluster }),
    get tree() {
      return tree ??= treeOf(fact);
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
    const there = present.get(id);
    present.delete(id);
    // A run that is under way goes on as it began, whatever is applied.
    if (placed.kind === "Job") return there && jobState(there) === "running" ? there : placed;
    return tried.get(id) ?? (there === undefined ? placed : merged(there, placed));
  });
  const uids = new Set(live.map(uidOf));
  const others = [...present.values()].filter((object) =>
    !isOver(object) && !isOwned(object, uids)
  );
  return [...declared, ...others];
}

/** An object that names no namespace goes to the user's, if its kind lives in any. */
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

/** Whether whoever made it is there too: it says all that there is to say about it. */
function isOwned({ value }: ManifestObject, uids: ReadonlySet<unknown>): boolean {
  const { ownerReferences } = value.metadata as { ownerReferences?: readonly { uid?: unknown }[] };
  return ownerReferences?.some(({ uid }) => uids.has(uid)) ?? false;
}

/** Whether it has come to its end, and will not run again. */
function isOver(object: ManifestObject): boolean {
  if (object.kind === "Job") return jobState(object) === "finished";
  const phase = (object.value.status as { phase?: unknown } | undefined)?.phase;
  return object.kind === "Pod" && (phase === "Succeeded" || phase === "Failed");
}
