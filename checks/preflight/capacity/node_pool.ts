import type { Tree } from "../../facts/tree.ts";
import type { SparkJob } from "../../spark/spark_job.ts";
import type { Role, SparkPod } from "../../spark/pods.ts";
import type { SparkSettings } from "../../spark/settings.ts";
import { SPARK_CLUSTER } from "../../kubernetes/spark_cluster.ts";
import { isThere } from "./quota_usage.ts";
import { plural } from "../../../pipeline/progress.ts";
import type { Finding, Outcome } from "../../finding.ts";
import type { ClusterOpened } from "../../facts/cluster.ts";
import { judgeNodes, type NewJob } from "./node_fit.ts";
import {
  formatTaint,
  type Pool,
  poolIn,
  repels,
  type Taint,
  tolerates,
} from "./analytics_nodes.ts";
import { isInProject } from "../../kubernetes/jobs.ts";
import { foreignJobs, JOBS, type PlatformCheck, platformCheck } from "../platform.ts";
import { jobPods } from "./simultaneous_pods.ts";
import { type Fields, isFields, listOf } from "../../kubernetes/fields.ts";
import {
  absence,
  hasFailure,
  type Judged,
  leavingOut,
  outcomeOf,
  unlessUnknown,
} from "../outcome.ts";
import { ofKind, placeOf } from "../../kubernetes/objects.ts";

export { poolPlatform } from "./analytics_nodes.ts";

/**
 * The pods of jobs select the analytics pool and tolerate its taint. With a cluster, a node of the pool
 * is ready and has room.
 */
export const nodePool: PlatformCheck = platformCheck({
  id: "node-pool",
  title: "jobs run on the analytics pool",
  reads: [...JOBS, "Node"],
  judge(platform) {
    const { cluster, tree } = platform;
    if (cluster === undefined && !usesPool(tree)) return absence(platform, noPool(tree));
    const judged = unlessUnknown(
      tree.jobs,
      outcomeOf(platform, judgePools(tree, cluster), noJob(tree)),
    );
    const unread = unreadTemplates(tree);
    const outcome = unread === undefined || hasFailure(judged) ? judged : { unknown: unread };
    const isGood = "findings" in outcome &&
      outcome.findings.every(({ severity }) => severity !== "fail");
    // Without all pods, the free resources of a node are unknown.
    return isGood && cluster !== undefined && cluster.scheduledPods === undefined
      ? PODS_UNREADABLE
      : outcome;
  },
});

function noJob({ jobs }: Tree): string {
  const foreign = jobs.filter(({ mode, toolkit }) => mode !== "none" || toolkit !== undefined);
  return ["no job of the pool runs Spark or the toolkit", ...foreignJobs(foreign)].join("; ");
}

function noPool({ project }: Tree): string {
  const { label } = poolIn(project);
  return `no object is in the namespace ${project.jobs.namespace}, and no job names ${label.key}`;
}

/**
 * Returns whether the pool concerns the jobs of the manifests: an object is in the namespace of the
 * pool's jobs, or a job names the pool. Manifests of another project have other nodes.
 */
function usesPool({ all, jobs, project }: Tree): boolean {
  const ours = project.jobs.namespace;
  return all.some(({ kind, name, namespace }) =>
    namespace === ours || kind === "Namespace" && name === ours
  ) || jobs.some((job) => isOfPool(job, { project }));
}

/** Returns whether a job is in the namespace of the pool's jobs, or names the pool. */
function isOfPool(
  { namespace, workload: { object } }: SparkJob,
  { project }: Pick<Tree, "project">,
): boolean {
  return namespace === project.jobs.namespace ||
    JSON.stringify(object.value).includes(poolIn(project).label.key);
}

/** A message about pod templates that are not in the manifests; undefined if all are there. */
function unreadTemplates({ jobs }: Tree): string | undefined {
  const unread = jobs.flatMap((job) =>
    [job.driver, job.executor].flatMap((pod) => {
      const absent = pod?.template?.absent;
      const { unreadProperties: unread } = job;
      if (pod !== undefined && pod.template === undefined && unread !== undefined) {
        return [`${job.label}: ${unread} can select the nodes of its pods, and is not read`];
      }
      return absent === undefined ? [] : [`${job.label}: ${absent.reason}, a pod template`];
    })
  );
  return unread.length === 0 ? undefined : [...new Set(unread)].join("; ");
}

const PODS_UNREADABLE: Outcome = {
  unknown:
    "the user cannot list the pods of all namespaces, so the free resources of the nodes are " +
    "unknown",
};

/**
 * Judges whether the pods of jobs, including executors, select the analytics pool and tolerate its
 * taint; with a cluster, also whether the pool has room for them.
 *
 * @returns undefined if there are no jobs
 */
export function judgePools(tree: Tree, cluster?: ClusterOpened): Judged | undefined {
  const all = tree.jobs.filter(({ mode, toolkit }) => mode !== "none" || toolkit !== undefined);
  // A job without a namespace can be applied to that of the pool.
  const jobs = all.filter((job) =>
    isOfPool(job, tree) || isInProject(job.workload.object, tree.project)
  );
  if (jobs.length === 0) return undefined;
  const foreign = foreignJobs(all.filter((job) => !jobs.includes(job)));
  const pool = poolIn(tree.project);
  const judged = jobs.map((job) => judgeJob(job, tree, pool));
  const nodes = cluster === undefined ? undefined : ofKind(cluster.objects, "Node").length;
  // The pods of a SparkCluster that runs have their room already.
  const isNew = ({ object }: NewJob) => object.kind !== SPARK_CLUSTER || !isThere(cluster, object);
  const on = nodes === undefined
    ? ""
    : ` on ${plural(nodes, "node")}, with the pods that run there now`;
  return {
    examined: `the pods of ${plural(jobs.length, "job")}${on}`,
    ...leavingOut(...foreign),
    findings: [
      ...judged.flatMap(({ findings }) => findings),
      ...(cluster === undefined ? [] : judgeNodes(judged.filter(isNew), cluster, pool)),
    ],
  };
}

/** The spec of a pod whose template is in the image: it can tolerate any taint. */
const UNSEEN_SPEC: Fields = { tolerations: [{ operator: "Exists" }] };

/** Judges the pods of a job, and returns their specs and requests. */
function judgeJob(
  job: SparkJob,
  tree: Tree,
  pool: Pool,
): NewJob & { readonly findings: readonly Finding[] } {
  const { workload: { object, spec, specPath }, driver, executor } = job;
  const place = (field: string) => placeOf(object, `${specPath}.${field}`);
  const { own, made } = jobPods(job, tree);
  const findings = judgePod("the job", spec, pool, {
    selector: place("nodeSelector"),
    tolerations: place("tolerations"),
  });
  const ofSpark = [driver, executor].filter((pod) => pod !== undefined)
    .map((pod, i) => ({ pods: made[i]!, ...judgeMade(job, pod, pool) }));
  return {
    object,
    groups: [{ spec, pods: own }, ...ofSpark.map(({ spec, pods }) => ({ spec, pods }))],
    findings: [...findings, ...ofSpark.flatMap((each) => each.findings)],
  };
}

/** Judges the pods of one role that Spark creates, and returns their spec. */
function judgeMade(
  { workload: { object, specPath }, settings, unreadProperties }: SparkJob,
  { role, template }: SparkPod,
  pool: Pool,
): { readonly spec: Fields; readonly findings: readonly Finding[] } {
  if (template === undefined && unreadProperties !== undefined) {
    return { spec: UNSEEN_SPEC, findings: [] };
  }
  const key = `spark.kubernetes.${role}.podTemplateFile`;
  if (template !== undefined && template.spec === undefined) {
    // The file is in the image, or in an object that is not in the manifests.
    if (template.absent?.isLost !== true) return { spec: UNSEEN_SPEC, findings: [] };
    return {
      spec: UNSEEN_SPEC,
      findings: [{
        severity: "fail",
        ...template.place,
        problem: `${key}: ${template.absent.reason}`,
        why: "Spark cannot read the pod template, so the job fails before it creates a pod",
        fix: "Correct the path in the setting, or the key in the ConfigMap.",
      }],
    };
  }
  const pod = template?.spec ?? {};
  const spec = {
    ...pod,
    nodeSelector: {
      ...(isFields(pod.nodeSelector) ? pod.nodeSelector : {}),
      ...selectedBy(role, settings),
    },
  };
  const at = template?.place ?? settings.get("spark.executor.instances")?.place ??
    placeOf(object, `${specPath}.containers`);
  const who = role === "driver" ? "the driver that Spark creates" : "the executors";
  return { spec, findings: judgePod(who, spec, pool, { selector: at, tolerations: at }) };
}

/** The node selector of Spark's settings. */
function selectedBy(role: Role, settings: SparkSettings): Fields {
  const setting = new RegExp(`^spark\\.kubernetes\\.(?:${role}\\.)?node\\.selector\\.(.+)$`);
  return Object.fromEntries([...settings.values()].flatMap(({ key, value }) => {
    const label = setting.exec(key)?.[1];
    return label === undefined ? [] : [[label, value]];
  }));
}

type Place = ReturnType<typeof placeOf>;

function judgePod(
  who: string,
  spec: Fields,
  { label: wanted, taint }: Pool,
  places: { readonly selector: Place; readonly tolerations: Place },
): Finding[] {
  const selector = isFields(spec.nodeSelector) ? spec.nodeSelector : {};
  const label = selector[wanted.key];
  const entry = `${wanted.key}: ${wanted.value || '""'}`;
  const isSelected = label === wanted.value || isRequired(spec, wanted);
  const isTolerated = !repels(taint) ||
    listOf(spec.tolerations).some((each) => tolerates(each, taint));
  return [
    ...(isSelected ? [] : [{
      severity: "fail" as const,
      ...places.selector,
      ...(typeof label === "string"
        ? {
          problem: `${who} can run only on nodes with the label ${wanted.key}=${label}, and the ` +
            `analytics nodes have ${wanted.key}=${wanted.value}`,
          why: "without such a node the pod stays pending; with one, it can use the memory that " +
            "production needs",
        }
        : {
          problem: `${who} can run on any node`,
          why: "the job can then use the memory that production needs, on another node",
        }),
      fix: Object.keys(selector).length === 0
        ? `Set in the pod's spec: nodeSelector: {${entry}}`
        : `Set in the nodeSelector of the pod's spec: ${entry}`,
    }]),
    ...(isTolerated ? [] : [{
      severity: "fail" as const,
      ...places.tolerations,
      problem: `${who} cannot run on nodes with the taint ${formatTaint(taint)}`,
      why: "the analytics nodes have that taint, so the pod stays pending",
      fix: tolerating(taint, listOf(spec.tolerations)),
    }]),
  ];
}

/** The words that add the toleration of a taint, or put it in the place of one with another value. */
function tolerating(taint: Taint, present: readonly Fields[]): string {
  const { key, value } = taint;
  const wrong = present.findIndex((each) =>
    each.key === key && each.operator !== "Exists" && (each.value ?? "") !== value
  );
  if (wrong >= 0) {
    return `Replace tolerations[${wrong}] of the pod's spec with: ${tolerationOf(taint)}`;
  }
  return present.length > 0
    ? `Add to the tolerations of the pod's spec: ${tolerationOf(taint)}`
    : `Set in the pod's spec: tolerations: [${tolerationOf(taint)}]`;
}

/** Formats the toleration of a taint as YAML. */
function tolerationOf({ key, value, effect }: Taint): string {
  const matched = value === "" ? "operator: Exists" : `operator: Equal, value: ${value}`;
  return `{key: ${key}, ${matched}${effect === "" ? "" : `, effect: ${effect}`}}`;
}

/** Returns whether every term of the required node affinity selects the pool. */
function isRequired({ affinity }: Fields, label: Pool["label"]): boolean {
  const node = isFields(affinity) ? affinity.nodeAffinity : undefined;
  const required = isFields(node) ? node.requiredDuringSchedulingIgnoredDuringExecution : undefined;
  const terms = listOf(isFields(required) ? required.nodeSelectorTerms : undefined);
  return terms.length > 0 &&
    terms.every(({ matchExpressions }) =>
      listOf(matchExpressions).some(({ key, operator, values }) =>
        key === label.key &&
        (operator === "In" && Array.isArray(values) && values.length === 1 &&
            values[0] === label.value ||
          // All nodes with a label that needs no value belong to the pool.
          operator === "Exists" && label.value === "")
      )
    );
}
