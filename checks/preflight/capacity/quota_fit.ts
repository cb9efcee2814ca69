import type { Tree } from "../../facts/tree.ts";
import { memoryOf, type Role, unknownAmount, wrongAmounts } from "../../spark/pods.ts";
import type { SparkJob } from "../../spark/spark_job.ts";
import { plural } from "../../../pipeline/progress.ts";
import type { Finding } from "../../finding.ts";
import type { ClusterOpened } from "../../facts/cluster.ts";
import {
  type ManifestObject,
  namespaceOf,
  objectId,
  ofKind,
  placeOf,
} from "../../kubernetes/objects.ts";
import { naming } from "../../list_names.ts";
import { JOBS, type PlatformCheck, platformCheck } from "../platform.ts";
import { judgeCounts } from "./object_counts.ts";
import { ofPod, ownPods, type Pods, unreadable } from "./pod_requests.ts";
import { jobPods } from "./simultaneous_pods.ts";
import { judgeLimits, judgeQuotas } from "./quota_rules.ts";
import { countsPods, defaultClassOf, isScoped, wrongScopes } from "./quota_scopes.ts";
import { wrongBounds } from "./bound_keys.ts";
import { limitsOf, withDefaults } from "./limit_range.ts";
import { isThere, usedByOthers } from "./quota_usage.ts";
import { SPARK_CLUSTER } from "../../kubernetes/spark_cluster.ts";
import { workloadsOf } from "../../kubernetes/workloads.ts";
import { formatQuantity, mebibytes } from "../../kubernetes/quantities.ts";
import { hasFailure, type Judged, leavingOut, outcomeOf, unlessUnknown } from "../outcome.ts";

/** The pods of each job, including executors, fit into the quotas and limits of their namespace. */
export const quotaFit: PlatformCheck = platformCheck({
  id: "quota-fit",
  title: "jobs fit into quota and limits",
  reads: [...JOBS, "Pod", "ResourceQuota", "LimitRange"],
  judge(platform) {
    const { jobs } = platform.tree;
    const outcome = unlessUnknown(
      jobs,
      outcomeOf(
        platform,
        judgeDemands(platform.tree, platform.cluster),
        "there is no job, or neither a ResourceQuota nor a LimitRange in its namespace",
      ),
    );
    if (!("findings" in outcome) || hasFailure(outcome)) return outcome;
    const unknown = jobs.flatMap((job) =>
      rolesOf(job).flatMap((role) => {
        const reason = unknownAmount(role, job.settings);
        return reason === undefined ? [] : [`${job.label}: ${reason}`];
      })
    );
    return unknown.length === 0 ? outcome : { unknown: unknown.join("; ") };
  },
});

/** The roles whose settings apply to a job's pods. In client mode, the job's own pod is the driver. */
function rolesOf({ mode }: SparkJob): Role[] {
  if (mode === "none" || mode === "unknown") return [];
  return mode === "local" ? ["driver"] : ["driver", "executor"];
}

/** The kinds whose pods run all the time, next to each job's pods. */
const PERMANENT = [
  "Pod",
  "Deployment",
  "StatefulSet",
  "ReplicaSet",
  "ReplicationController",
  SPARK_CLUSTER,
];

/**
 * Judges whether each job's pods, including executors, fit into the quotas and limits of its namespace,
 * in addition to the pods that always run, or that run now. Each job is judged alone, because jobs do
 * not run in parallel.
 *
 * @returns undefined if there are no jobs, or no quotas and limits
 */
export function judgeDemands(tree: Tree, cluster?: ClusterOpened): Judged | undefined {
  const { objects, jobs } = tree;
  const bounds = jobs.flatMap(({ workload: { object } }) => boundsOf(objects, namespaceOf(object)));
  const findings = [
    ...wrongBounds(objects),
    ...objects.flatMap(wrongScopes),
    ...judgeCounts(tree),
    ...jobs.flatMap((job) => judgeJob(job, tree, cluster)),
  ];
  if (bounds.length + findings.length === 0) return undefined;
  const scoped = bounds.filter((bound) => isUnknown(bound, tree, cluster)).map(objectId)
    .filter((id) => !findings.some(({ limitOf }) => limitOf === id));
  const judged = bounds.filter((each) => !scoped.includes(objectId(each)));
  const addition = cluster === undefined ? "" : ", in addition to what is used now";
  return {
    examined: `${plural(jobs.length, "job")}, each with its executors${addition}, against ${
      judged.length === 0 ? "no quota" : naming([...new Set(judged)].map(objectId))
    }`,
    ...(scoped.length === 0 ? {} : leavingOut(
      "not checked, because it counts only some pods, and the manifests do not show which: " +
        naming([...new Set(scoped)]),
    )),
    findings,
  };
}

/** Returns whether the list of the cluster has all PriorityClasses. */
function hasClasses(cluster: ClusterOpened | undefined): boolean {
  return cluster !== undefined && cluster.unread.every(({ kind }) => kind !== "PriorityClass");
}

/** Returns whether the objects do not show which pods of jobs a quota counts. */
function isUnknown(
  bound: ManifestObject,
  tree: Tree,
  cluster: ClusterOpened | undefined,
): boolean {
  const defaultClass = defaultClassOf(tree.objects, hasClasses(cluster));
  return isScoped(bound) &&
    tree.jobs.filter(({ workload: { object } }) => namespaceOf(object) === namespaceOf(bound))
      .some((job) => {
        const { own, made } = jobPods(job, tree);
        return [own, ...made].some((pods) => countsPods(bound, pods, defaultClass) === undefined);
      });
}

function boundsOf(objects: readonly ManifestObject[], namespace: string): ManifestObject[] {
  return ["ResourceQuota", "LimitRange"].flatMap((kind) => ofKind(objects, kind, namespace));
}

function judgeJob(
  job: SparkJob,
  tree: Tree,
  cluster: ClusterOpened | undefined,
): Finding[] {
  const { mode, settings, workload } = job;
  const { object } = workload;
  const { objects } = tree;
  const namespace = namespaceOf(object);
  const wrong = unreadable(workload);
  if (wrong.length > 0) return wrong.map(({ path, value }) => noQuantity(object, path, value));
  const invalid = rolesOf(job).flatMap((role) => wrongAmounts(role, settings));
  if (invalid.length > 0) {
    return invalid.map(({ setting, problem, fix }) => (
      { severity: "fail", ...setting.place, problem, why: "the job ends before it starts", fix }
    ));
  }
  const tooMany = moreThanMostFindings(job);
  if (tooMany.length > 0) return tooMany;
  const { own, made } = jobPods(job, tree);
  const limits = limitsOf(ofKind(objects, "LimitRange", namespace));
  const steady = workloadsOf(objects)
    .filter((each) =>
      PERMANENT.includes(each.object.kind) && namespaceOf(each.object) === namespace
    )
    .filter((each) =>
      each.object === object ? each.specPath !== workload.specPath : !isThere(cluster, each.object)
    )
    .map((each) => withDefaults(ownPods(each, each.object.name), limits));
  const inQuotas = (all: readonly Pods[]) =>
    isCountedElsewhere(job, cluster) ? [] : judgeQuotas(object, {
      pods: [...steady, own, ...all],
      quotas: ofKind(objects, "ResourceQuota", namespace),
      defaultClass: defaultClassOf(objects, hasClasses(cluster)),
      used: (hard) => usedByOthers(cluster, object, hard),
    });
  const refused = inQuotas(made);
  return [
    ...[own, ...made].flatMap((each) => judgeLimits(object, each, limits)),
    ...(refused.length > 0 ? refused : inQuotas(mostOf(job, made)).map(withFewer)),
    ...unlimitedExecutorsFindings(job),
    ...(mode === "client" ? judgeDriverMemory(job, own, memoryOf("driver", settings)) : []),
  ];
}

/**
 * Returns whether the quota counts a job's pods elsewhere: the master of a SparkCluster with its
 * workers, and the pods of a SparkCluster that runs with the used amounts.
 */
function isCountedElsewhere(
  { workload: { object, specPath } }: SparkJob,
  cluster: ClusterOpened | undefined,
): boolean {
  return object.kind === SPARK_CLUSTER &&
    (specPath.startsWith("spec.masterSpec.") || isThere(cluster, object));
}

/** The pods that Spark creates for a job, with as many executors as dynamic allocation allows. */
function mostOf({ executor }: SparkJob, made: readonly Pods[]): Pods[] {
  const most = executor?.most;
  return made.map((each): Pods => {
    if (most === undefined || each.role !== "executor") return each;
    const { place } = most.setting;
    const containers = each.containers.map((container) => ({ ...container, place }));
    return { ...each, count: most.count, containers };
  });
}

/** The finding that a quota allows fewer executors than dynamic allocation can request. */
function withFewer(finding: Finding): Finding {
  return {
    ...finding,
    severity: "warn",
    problem: `with all executors of dynamic allocation, ${finding.problem}`,
    why: "the job runs with fewer executors, and no other pod can start while it runs",
  };
}

/** The finding for dynamic allocation that must start with more executors than it may have. */
function moreThanMostFindings({ executor }: SparkJob): Finding[] {
  const { count, counted, most } = executor ?? {};
  if (most === undefined || counted === undefined || count! <= most.count) return [];
  return [{
    severity: "fail",
    ...counted.place,
    problem: `${counted.key}=${count} is more than ${most.setting.key}=${most.count}`,
    why: "Spark ends the job at its start: it requests the largest of minExecutors, " +
      "initialExecutors and spark.executor.instances first",
    fix: `Lower ${counted.key}, or raise ${most.setting.key}.`,
  }];
}

/** The finding for dynamic allocation without a limit, which only the quota stops. */
function unlimitedExecutorsFindings({ executor }: SparkJob): Finding[] {
  const setting = executor?.unlimited;
  return setting === undefined ? [] : [{
    severity: "warn",
    ...setting.place,
    problem: "dynamic allocation has no limit: the job can request any number of executors",
    why: "the job requests executors until the quota or the nodes have no room for other pods",
    fix: "Set in the arguments of spark-submit: --conf=spark.dynamicAllocation.maxExecutors=2",
  }];
}

function noQuantity(object: ManifestObject, path: string, value: unknown): Finding {
  return {
    severity: "fail",
    ...placeOf(object, path),
    problem: `${JSON.stringify(value)} is not a quantity`,
    why: "the API server refuses the job",
    fix: 'Write it like "500m" or "2" for cpu, and "512Mi" or "2Gi" for memory.',
  };
}

/** In client mode, the memory limit of the driver's container must include the driver's overhead. */
function judgeDriverMemory(
  { workload: { object }, containers }: SparkJob,
  own: Pods,
  needed: bigint,
): Finding[] {
  const paths = containers.map(({ path }) => path);
  const drivers = own.containers.filter(({ path }) => paths.includes(path));
  const limit = ofPod(drivers, "limits.memory");
  if (limit === undefined || mebibytes(needed) <= limit) return [];
  const show = (amount: bigint) => formatQuantity(amount, "memory");
  return [{
    severity: "fail",
    ...placeOf(object, drivers.at(-1)?.path ?? ""),
    problem:
      `the driver needs ${show(mebibytes(needed))}, including Spark's overhead, but its limit ` +
      `is ${show(limit)}`,
    why: "the kernel kills the driver (OOMKilled) when the heap is full",
    fix: "Raise resources.limits.memory, or lower --driver-memory.",
  }];
}
