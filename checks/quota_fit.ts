import { plural } from "../pipeline/progress.ts";
import type { Finding } from "./check.ts";
import { type ManifestObject, objectId } from "./facts/manifests.ts";
import { naming } from "./naming.ts";
import { JOBS, type PlatformCheck, platformCheck } from "./platform.ts";
import { madePods, ofPod, ownPods, type Pods, unreadable } from "./quota/demand.ts";
import { judgeLimits, judgeQuotas } from "./quota/judge.ts";
import { limitsOf, withDefaults } from "./quota/limit_range.ts";
import { effectiveSettings, memoryOf, modeOf, sparkPod } from "./quota/spark_pods.ts";
import { jobsOf, type Workload, workloadsOf } from "./workload/containers.ts";
import { formatQuantity, mebibytes } from "./workload/quantity.ts";
import {
  type Judged,
  namespaceOf,
  ofKind,
  outcomeOf,
  placeOf,
  type Tree,
  treeOf,
} from "./workload/tree.ts";

/** Each job's pods, executors included, fit into the quotas and limits of their namespace. */
export const quotaFit: PlatformCheck = platformCheck({
  id: "quota-fit",
  title: "jobs fit into quota and limits",
  reads: [...JOBS, "ResourceQuota", "LimitRange"],
  judge: (platform) =>
    outcomeOf(
      platform,
      judgeDemands(treeOf(platform)),
      "there is no job, or neither a ResourceQuota nor a LimitRange in its namespace",
    ),
});

/** Kinds whose pods are there all the time, beside each job's. */
const STEADY = ["Pod", "Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"];

/**
 * Judges whether each job's pods, executors included, fit into the quotas and limits of its namespace,
 * beside what is always there. Jobs come one after the other, so each is judged by itself.
 *
 * @returns undefined where there are no jobs, or nothing that limits them
 */
export function judgeDemands(tree: Tree): Judged | undefined {
  const { objects } = tree;
  const jobs = jobsOf(objects);
  const bounds = jobs.flatMap(({ object }) => boundsOf(objects, namespaceOf(object)));
  const findings = jobs.flatMap((job) => judgeJob(job, tree));
  if (bounds.length + findings.length === 0) return undefined;
  return {
    examined: `${plural(jobs.length, "job")}, each with its executors, against ${
      naming([...new Set(bounds)].map(objectId))
    }`,
    findings,
  };
}

function boundsOf(objects: readonly ManifestObject[], namespace: string): ManifestObject[] {
  return ["ResourceQuota", "LimitRange"].flatMap((kind) => ofKind(objects, kind, namespace));
}

function judgeJob(job: Workload, { objects, code }: Tree): Finding[] {
  const { object } = job;
  const namespace = namespaceOf(object);
  const wrong = unreadable(job);
  if (wrong.length > 0) return wrong.map(({ path, value }) => noQuantity(object, path, value));
  const settings = effectiveSettings(job, code);
  const mode = modeOf(settings);
  const anchor = (key: string) =>
    settings.get(key)?.place.field ?? job.containers.at(-1)?.path ?? job.specPath;
  const steady = workloadsOf(objects)
    .filter((each) => STEADY.includes(each.object.kind) && namespaceOf(each.object) === namespace)
    .map((each) => ownPods(each, each.object.name));
  const made = mode === "local" ? [] : [
    ...(mode === "cluster"
      ? [madePods("driver pod", anchor("spark.driver.memory"), sparkPod("driver", settings))]
      : []),
    madePods("executor", anchor("spark.executor.instances"), sparkPod("executor", settings)),
  ];
  const limits = limitsOf(ofKind(objects, "LimitRange", namespace));
  const own = withDefaults(ownPods(job, mode === "client" ? "driver" : "job"), limits);
  const others = made.map((each) => withDefaults(each, limits));
  const all = [...steady.map((each) => withDefaults(each, limits)), own, ...others];
  return [
    ...[own, ...others].flatMap((each) => judgeLimits(object, each, limits)),
    ...judgeQuotas(object, all, ofKind(objects, "ResourceQuota", namespace)),
    ...(mode === "client" ? heap(object, own, memoryOf("driver", settings)) : []),
  ];
}

function noQuantity(object: ManifestObject, path: string, value: unknown): Finding {
  return {
    severity: "fail",
    ...placeOf(object, path),
    problem: `${JSON.stringify(value)} is no quantity`,
    why: "the API server refuses the job",
    fix: 'Write it like "500m" or "2" for cpu, and "512Mi" or "2Gi" for memory.',
  };
}

/** In client mode nobody but the Job's author makes room for the driver's overhead. */
function heap(object: ManifestObject, own: Pods, needed: bigint): Finding[] {
  const limit = ofPod(own.containers, "limits.memory");
  if (limit === undefined || mebibytes(needed) <= limit) return [];
  const show = (amount: bigint) => formatQuantity(amount, "memory");
  return [{
    severity: "fail",
    ...placeOf(object, own.containers.at(-1)?.path ?? ""),
    problem: `the driver needs ${show(mebibytes(needed))}, Spark's overhead included, and is ` +
      `limited to ${show(limit)}`,
    why: "the kernel ends it (OOMKilled) as soon as the heap is full",
    fix: "Raise resources.limits.memory, or lower --driver-memory.",
  }];
}
