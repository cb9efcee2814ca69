import { plural } from "../../../pipeline/progress.ts";
import { absence } from "../outcome.ts";
import { JOBS_NAMESPACE, ROBSON_NAMESPACE } from "../../../pipeline/contract/platform.ts";
import type { Finding, Outcome } from "../../finding.ts";
import { lineOf, type ManifestObject } from "../../kubernetes/objects.ts";
import { type ObjectProblem, readCluster } from "../../network_policy/cluster.ts";
import {
  type Cluster,
  NAME_LABEL,
  type Namespace,
  peersOf,
  type Policy,
} from "../../network_policy/model.ts";
import type { ManifestProblem } from "../../facts/manifests.ts";
import type { Tree } from "../../facts/tree.ts";
import { ROLE_LABEL } from "../../spark/pods.ts";
import { unknownJobs } from "../../spark/spark_job.ts";
import { type JobWithPods, labelled, withPods } from "./job_pods.ts";

/** The label that each of both has to have, with its own name. */
export const REQUIRED_LABEL = "name";

/** What every cluster has, whether or not manifests say so. */
const BUILT_IN = ["default", "kube-node-lease", "kube-public", "kube-system"];

/** The objects that a network is read from, and what could not be read. */
export interface NetworkSource {
  /** All objects, with their files relative to the working directory. */
  readonly objects: readonly ManifestObject[];
  /** The files that could not be read, or not as a whole. */
  readonly problems: readonly ManifestProblem[];
}

/** What the manifests, or what a cluster is once they are applied, say about connections of the jobs. */
export interface Network {
  /** What it was read from. */
  readonly manifests: NetworkSource;
  /** Whether a cluster was looked at: what it has not is not there then. */
  readonly isLive: boolean;
  /** Everything that decides about connections, with the namespaces that every cluster has. */
  readonly cluster: Cluster;
  /** The namespaces that are declared, or there. */
  readonly declared: ReadonlyMap<string, Namespace>;
  /** The policies of the jobs' namespace. */
  readonly policies: readonly Policy[];
  /** The jobs that can be read. */
  readonly jobs: readonly JobWithPods[];
  /** Jobs that cannot be read. */
  readonly brokenJobs: readonly ObjectProblem[];
  /** Whatever else cannot be read: nobody can tell then which connections are open. */
  readonly broken: readonly ObjectProblem[];
  /** Whether there are workloads that make no pods, which manifests-readable tells. */
  readonly podless: boolean;
  /** Policies of other APIs. */
  readonly foreign: readonly string[];
}

/**
 * Reads the network of the jobs out of manifests, or of the cluster that they are applied to.
 *
 * @param isLive whether a cluster was looked at
 */
export function readNetwork(
  { all: objects, jobs: all }: Pick<Tree, "all" | "jobs">,
  sourceProblems: readonly ManifestProblem[],
  isLive: boolean,
): Network {
  const reading = readCluster(
    objects.map(({ value, file, line }) => (
      file === undefined ? { value } : { value, where: `${file}:${line}` }
    )),
  );
  const isJob = ({ object }: ObjectProblem) =>
    new RegExp(`^(Job|CronJob|Pod) ${JOBS_NAMESPACE}/`).test(object);
  const jobs = all.filter(({ workload: { object } }) => object.namespace === JOBS_NAMESPACE)
    .map(withPods)
    .filter((job) => job !== undefined);
  const { cluster, foreign } = reading;
  const isPodless = ({ path, problem }: ObjectProblem) =>
    /(^|\.)spec$/.test(path) && problem.startsWith("is missing");
  const problems = reading.problems.filter((problem) => !isPodless(problem));
  const policies = cluster.policies.filter(({ namespace }) => namespace === JOBS_NAMESPACE);
  return {
    manifests: { objects, problems: sourceProblems },
    isLive,
    cluster: { ...cluster, namespaces: withBuiltIn(cluster) },
    declared: cluster.namespaces,
    policies,
    jobs: policies.some(selectsByRole) ? jobs.map(labelled) : jobs,
    brokenJobs: problems.filter(isJob),
    broken: problems.filter((problem) => !isJob(problem)),
    podless: reading.problems.some(isPodless),
    foreign,
  };
}

/** Whether a policy tells drivers and executors apart from other pods, or from each other. */
function selectsByRole(policy: Policy): boolean {
  const peers = peersOf(policy).map((peer) => peer.type === "pods" ? peer.pods : undefined);
  return [policy.pods, ...peers].some((selector) =>
    selector?.requirements.some(({ key }) => key === ROLE_LABEL)
  );
}

/** Why a check of the jobs' connections cannot judge; undefined where it can. */
export function unjudged(network: Network): Outcome | undefined {
  const { policies, jobs, brokenJobs, podless } = network;
  const not = unreadable(network);
  if (not !== undefined) return not;
  if (policies.length === 0 && jobs.length + brokenJobs.length > 0) return { unknown: noPolicy };
  if (jobs.length > 0) return undefined;
  if (brokenJobs.length > 0) return { skip: "no job can be understood (see egress-policy)" };
  if (podless) return { skip: "no job makes a pod (see manifests-readable)" };
  return absence(network.manifests, noJob);
}

/** Why no check can rely on the manifests; undefined where all can. */
export function unreadable(network: Network): Outcome | undefined {
  if (network.broken.length > 0) {
    return { skip: "not all manifests can be understood (see egress-policy)" };
  }
  // A file that is broken may hold the policy that decides.
  const isBroken = network.manifests.problems.some(({ file }) => /\.(ya?ml|json)$/.test(file));
  return isBroken ? { skip: "not all files can be read (see manifests-readable)" } : undefined;
}

/** Why no connection of a job has to be judged. */
export const noJob = `there is no Job, CronJob or Pod in namespace ${JOBS_NAMESPACE}`;

/** Why the connections of executors do not have to be judged. */
export function noExecutors({ jobs }: Pick<Network, "jobs">): string {
  return `no job requests executors from Kubernetes (${plural(jobs.length, "job")} read)`;
}

/**
 * Why a check of the connections to executors or the Kubernetes API cannot judge: a job may ask for
 * executors, and the manifests do not say that; undefined where all jobs are known.
 */
export function unknownModes({ jobs }: Pick<Network, "jobs">): Outcome | undefined {
  const unknown = unknownJobs(jobs.map(({ told, ...job }) => ({ ...job, label: told })));
  return unknown === undefined ? undefined : { unknown };
}

/** Why nothing about the policies can be said. */
export const noPolicy = `there is no NetworkPolicy in namespace ${JOBS_NAMESPACE}`;

/** The reference, file and line of an object's field, as a finding contains them. */
export function place(
  object: ManifestObject | undefined,
  path: string,
): Pick<Finding, "objectRef" | "file" | "line"> {
  if (object === undefined) return {};
  const { kind, namespace, name, file } = object;
  const objectRef = { kind, ...(namespace === undefined ? {} : { namespace }), name };
  if (file === undefined) return { objectRef };
  return { objectRef, file, line: lineOf(object, path) };
}

/** The object that a policy was read from. */
export function objectOf(
  { manifests }: Pick<Network, "manifests">,
  kind: string,
  name: string,
  namespace?: string,
): ManifestObject | undefined {
  return manifests.objects.find((each) =>
    each.kind === kind && each.name === name &&
    (namespace === undefined || (each.namespace ?? "default") === namespace)
  );
}

/**
 * Robson's namespace and that of the jobs count with the label that they need even where they are not
 * declared: that nobody knows is told once, by namespace-labels.
 */
function withBuiltIn({ namespaces, pods, policies }: Cluster): ReadonlyMap<string, Namespace> {
  const all = new Map(namespaces);
  const used = [...pods, ...policies].map(({ namespace }) => namespace);
  const required = [ROBSON_NAMESPACE, JOBS_NAMESPACE];
  for (const name of [...BUILT_IN, ...required, ...used]) {
    if (all.has(name)) continue;
    const labels = new Map([[NAME_LABEL, name]]);
    if (required.includes(name)) labels.set(REQUIRED_LABEL, name);
    all.set(name, { name, labels });
  }
  return all;
}
