import { naming } from "../../list_names.ts";
import { plural } from "../../../pipeline/progress.ts";
import { absence } from "../outcome.ts";
import type { Project } from "../../../pipeline/contract/project.ts";
import type { Finding, Outcome } from "../../finding.ts";
import { lineOf, type ManifestObject, objectId, placeOf } from "../../kubernetes/objects.ts";
import { isForeignPolicy, mayApplyEverywhere } from "../../network_policy/foreign_policies.ts";
import { type ObjectProblem, readCluster } from "../../network_policy/read_cluster.ts";
import {
  type Cluster,
  NAME_LABEL,
  type Namespace,
  peersOf,
  type Policy,
} from "../../network_policy/model.ts";
import { splitPods } from "../../network_policy/split_pods.ts";
import type { ManifestProblem } from "../../facts/manifests.ts";
import { mayDecideConnections } from "../../facts/templates.ts";
import type { Tree } from "../../facts/tree.ts";
import { ROLE_LABEL } from "../../spark/pods.ts";
import { unknownJobs } from "../../spark/spark_job.ts";
import { isOfOperator, type JobWithPods, labelled, withPods } from "./job_pods.ts";
import { unseenNamespace, unsureNamespace } from "../../spark/pod_namespace.ts";
import { inNamespaceOfJobs } from "./without_namespace.ts";

/**
 * The label that the namespaces of the jobs and of Postgres must have, with the namespace's name as
 * value.
 */
export const REQUIRED_LABEL = "name";

/** The namespaces that every cluster has. */
export const BUILT_IN: readonly string[] = [
  "default",
  "kube-node-lease",
  "kube-public",
  "kube-system",
];

/** The namespaces that must have {@linkcode REQUIRED_LABEL}. */
export function requiredNamespaces({ database, jobs }: Project): string[] {
  return [...new Set([database.namespace, jobs.namespace])];
}

/** The objects of manifests or a cluster, and the files that could not be read. */
export interface NetworkSource {
  /** All objects, with their files relative to the working directory. */
  readonly objects: readonly ManifestObject[];
  /** The objects by kind and name, as in `Service/paradedb`. */
  readonly named: ReadonlyMap<string, readonly ManifestObject[]>;
  /** The files that could not be read, or only partially. */
  readonly problems: readonly ManifestProblem[];
}

/**
 * The objects that decide about connections of the jobs: those of the manifests, or those of a
 * cluster after the manifests are applied.
 */
export interface Network {
  /** The names of the platform. */
  readonly project: Project;
  /** The source of the network. */
  readonly manifests: NetworkSource;
  /** True if a cluster was read. Then an object that was not found does not exist. */
  readonly isLive: boolean;
  /** True if objects without a namespace are judged in the namespace of the jobs. */
  readonly isPlaced: boolean;
  /** True if the objects are for a managed cluster, of EKS, GKE, AKS or DOKS. */
  readonly isManaged: boolean;
  /** The pods, policies and namespaces, including the namespaces that every cluster has. */
  readonly cluster: Cluster;
  /** The namespaces in the manifests or the cluster. */
  readonly declared: ReadonlyMap<string, Namespace>;
  /** The policies of the jobs' namespace. */
  readonly policies: readonly Policy[];
  /** The valid jobs. */
  readonly jobs: readonly JobWithPods[];
  /** The problems of invalid jobs. */
  readonly brokenJobs: readonly ObjectProblem[];
  /** The problems of other invalid objects. With any problem, the open connections are unknown. */
  readonly broken: readonly ObjectProblem[];
  /** True if there are workloads without a pod spec, which manifests-readable reports. */
  readonly hasPodlessWorkload: boolean;
}

/** Labels and annotations that only EKS, GKE, AKS and DOKS read. */
const OF_MANAGED =
  /"(?:[\w.]*\.)?(?:eks\.amazonaws\.com|gke\.io|cloud\.google\.com|kubernetes\.azure\.com|azure\.workload\.identity|doks\.digitalocean\.com)\//;

/**
 * Reads the network of the jobs from manifests, or from the cluster that the manifests are applied
 * to.
 *
 * @param isLive whether a cluster was read
 */
export function readNetwork(
  tree: Pick<Tree, "all" | "jobs" | "project">,
  sourceProblems: readonly ManifestProblem[],
  isLive: boolean,
): Network {
  const { project } = tree;
  const { namespace: own } = project.jobs;
  const placed = isLive ? undefined : inNamespaceOfJobs(tree);
  const { all: objects, jobs: all } = placed ?? tree;
  const reading = readCluster(
    objects.map(({ value, file, line }) => (
      file === undefined ? { value } : { value, where: `${file}:${line}` }
    )),
  );
  const isJob = ({ kind, namespace }: ObjectProblem) =>
    ["Job", "CronJob", "Pod"].includes(kind) && namespace === own;
  const jobs = all.filter(({ workload: { object } }) => object.namespace === own)
    .flatMap((each): JobWithPods[] => {
      const job = withPods(each);
      if (job === undefined) return [];
      const unseen = unseenNamespace(each, objects);
      const unsure = unsureNamespace(each, objects);
      if (unseen === undefined) return [unsure === undefined ? job : { ...job, unsure }];
      // Of an operator's job, Spark also makes the driver there.
      const actors = isOfOperator(each.workload.object) ? [] : job.actors.slice(0, 1);
      return [{ ...job, actors, unseen }];
    });
  const { cluster } = reading;
  const problems = reading.problems.filter(({ isPodless }) => !isPodless);
  const policies = cluster.policies.filter(({ namespace }) => namespace === own);
  return {
    project,
    manifests: {
      objects,
      named: Map.groupBy(objects, ({ kind, name }) => `${kind}/${name}`),
      problems: sourceProblems,
    },
    isLive,
    isPlaced: placed !== undefined,
    isManaged: objects.some(({ value }) => OF_MANAGED.test(JSON.stringify(value))),
    cluster: splitPods({ ...cluster, namespaces: withBuiltIn(cluster, project) }, false),
    declared: cluster.namespaces,
    policies,
    jobs: policies.some(selectsByRole) ? jobs.map(labelled) : jobs,
    brokenJobs: problems.filter(isJob),
    broken: problems.filter((problem) => !isJob(problem)),
    hasPodlessWorkload: problems.length < reading.problems.length,
  };
}

/**
 * The policies of other APIs, which the checks do not evaluate. Those of namespaces that the jobs have
 * nothing to do with are left out.
 */
export function otherPolicies(
  { manifests, jobs, project }: Pick<Network, "manifests" | "jobs" | "project">,
): ManifestObject[] {
  const own = [
    project.jobs.namespace,
    project.database.namespace,
    "kube-system",
    ...jobs.flatMap(({ actors }) => actors.map(({ pod }) => pod.namespace)),
  ];
  const values = jobs.flatMap(({ environment, settings }) => [
    ...[...environment.names].map((name) => environment.value(name) ?? ""),
    ...[...settings.values()].map(({ value }) => value),
  ]);
  // A host such as minio.storage.svc names the namespace of a server.
  const isNamed = (namespace: string) =>
    values.some((value) => value.split(/[^\w-]/).includes(namespace));
  return manifests.objects.filter(({ value, namespace = "default" }) =>
    isForeignPolicy(value) &&
    (mayApplyEverywhere(value) || own.includes(namespace) || isNamed(namespace))
  );
}

/** Returns whether a policy selects pods by the role label of Spark. */
function selectsByRole(policy: Policy): boolean {
  const peers = peersOf(policy).map((peer) => peer.type === "pods" ? peer.pods : undefined);
  return [policy.pods, ...peers].some((selector) =>
    selector?.requirements.some(({ key }) => key === ROLE_LABEL)
  );
}

/**
 * Returns the outcome if the jobs' connections cannot be evaluated; undefined if they can.
 *
 * @param ofServers whether the connections are those to servers whose hosts a ConfigMap can contain
 */
export function reasonNotToJudge(network: Network, ofServers = false): Outcome | undefined {
  const { policies, jobs, brokenJobs, hasPodlessWorkload } = network;
  const not = unreadable(network, ofServers);
  if (not !== undefined) return not;
  if (policies.length === 0 && jobs.length + brokenJobs.length > 0) {
    return { unknown: noPolicy(network) };
  }
  if (jobs.length > 0) return undefined;
  if (brokenJobs.length > 0) return { skip: "no job is valid (see egress-policy)" };
  if (hasPodlessWorkload) return { skip: "no job has a pod spec (see manifests-readable)" };
  // A cluster without jobs, and no manifests to apply: nothing shows that a run can work.
  const { objects, problems } = network.manifests;
  if (problems.length === 0 && objects.every(({ file }) => file === undefined)) {
    return { unknown: `${noJob(network)}. Correct jobs.namespace, or run: deno task apply` };
  }
  return absence(network.manifests, noJob(network));
}

/** Returns the outcome if the manifests are incomplete or invalid; undefined otherwise. */
export function unreadable(network: Network, ofServers = false): Outcome | undefined {
  if (network.broken.length > 0) {
    const areInFiles = network.broken.every(({ kind, name, namespace }) =>
      kind === "NetworkPolicy" && objectOf(network, kind, name, namespace)?.file !== undefined
    );
    const page = areInFiles ? "manifests-readable" : "egress-policy";
    return { skip: `some manifests are invalid (see ${page})` };
  }
  // An unreadable file may contain the policy that decides.
  const isBroken = network.manifests.problems.some(({ file, kinds }) =>
    /\.(ya?ml|json)$/.test(file) && mayDecideConnections(kinds, ofServers)
  );
  return isBroken ? { skip: "some files cannot be read (see manifests-readable)" } : undefined;
}

/** The reason why the connection checks are not applicable. */
export function noJob({ project }: Pick<Network, "project">): string {
  return `there is no Job, CronJob or Pod in namespace ${project.jobs.namespace}`;
}

/** Returns the reason that checks of executors are not applicable. */
export function noExecutors({ jobs }: Pick<Network, "jobs">): string {
  return `no job requests executors from Kubernetes (${plural(jobs.length, "job")} read)`;
}

/**
 * Returns the outcome if the manifests do not show whether a job requests executors; undefined if
 * they do.
 */
export function unknownModes({ jobs }: Pick<Network, "jobs">): Outcome | undefined {
  const unknown = unknownJobs(jobs);
  return unknown === undefined ? undefined : { unknown };
}

/** The reason that policies cannot be evaluated. */
export function noPolicy(
  { project, manifests, jobs }: Pick<Network, "project" | "manifests" | "jobs">,
): string {
  const foreign = otherPolicies({ project, manifests, jobs }).map((each) => {
    const { file, line } = placeOf(each, "");
    return file === undefined ? objectId(each) : `${objectId(each)} (${file}:${line})`;
  });
  const others = foreign.length === 0
    ? ""
    : `, and the checks do not evaluate ${naming(foreign)}, which also decides about connections`;
  const unplaced = manifests.objects.filter(({ kind, namespace }) =>
    kind === "NetworkPolicy" && namespace === undefined
  ).map(({ name }) => name);
  const elsewhere = unplaced.length === 0
    ? ""
    : `; ${naming(unplaced)} name${unplaced.length === 1 ? "s" : ""} no namespace`;
  return `there is no NetworkPolicy in namespace ${project.jobs.namespace}${others}${elsewhere}`;
}

/** Returns the reference, file and line of an object's field for a finding. */
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

/** Finds an object by kind, name and namespace. */
export function objectOf(
  { manifests }: Pick<Network, "manifests">,
  kind: string,
  name: string,
  namespace?: string,
): ManifestObject | undefined {
  return manifests.named.get(`${kind}/${name}`)?.find((each) =>
    namespace === undefined || (each.namespace ?? "default") === namespace
  );
}

/**
 * Adds undeclared namespaces. The namespaces of the jobs and of Postgres get the required label, so
 * that only namespace-labels reports that the label is unknown.
 */
function withBuiltIn(
  { namespaces, pods, policies }: Cluster,
  project: Project,
): ReadonlyMap<string, Namespace> {
  const required = requiredNamespaces(project);
  const all = new Map(namespaces);
  const used = [...pods, ...policies].map(({ namespace }) => namespace);
  for (const name of [...BUILT_IN, ...required, ...used]) {
    if (all.has(name)) continue;
    const labels = new Map([[NAME_LABEL, name]]);
    if (required.includes(name)) labels.set(REQUIRED_LABEL, name);
    all.set(name, { name, labels });
  }
  return all;
}
