import type { Tree } from "../../facts/tree.ts";
import type { SparkJob } from "../../spark/spark_job.ts";
import type { SparkSettings } from "../../spark/settings.ts";
import { plural } from "../../../pipeline/progress.ts";
import type { Finding, Outcome } from "../../finding.ts";
import type { ClusterOpened } from "../../facts/cluster.ts";
import { type ComingJob, judgeNodes } from "./node_fit.ts";
import { formatTaint, LABEL, TAINT, tolerates } from "./analytics_nodes.ts";
import { JOBS, type PlatformCheck, platformCheck } from "../platform.ts";
import { jobPods } from "./job_pods.ts";
import { type Fields, isFields, listOf } from "../../kubernetes/fields.ts";
import { type Judged, outcomeOf, unlessUnknown } from "../outcome.ts";
import { ofKind, placeOf } from "../../kubernetes/objects.ts";

export { poolPlatform } from "./analytics_nodes.ts";

/**
 * The pods of jobs go to the analytics pool, and its taint lets them in. Where there is a cluster, it
 * has such a node, ready and with room.
 */
export const nodePool: PlatformCheck = platformCheck({
  id: "node-pool",
  title: "jobs run on the analytics pool",
  reads: [...JOBS, "Node"],
  judge(platform) {
    const { cluster } = platform;
    const { tree } = platform;
    const outcome = unlessUnknown(
      tree.jobs,
      outcomeOf(platform, judgePools(tree, cluster), "there is no job"),
    );
    const isGood = "findings" in outcome &&
      outcome.findings.every(({ severity }) => severity !== "fail");
    // Who cannot see all pods cannot tell that there is room.
    return isGood && cluster !== undefined && cluster.scheduledPods === undefined
      ? UNSEEN
      : outcome;
  },
});

const UNSEEN: Outcome = {
  unknown: "the user may not list the pods of all namespaces, so nobody can tell how much room " +
    "they leave on the nodes",
};

/**
 * Judges whether the pods of jobs, executors included, go to the analytics pool and are let in; and
 * where there is a cluster, whether the pool takes them.
 *
 * @returns undefined where there are no jobs
 */
export function judgePools(tree: Tree, cluster?: ClusterOpened): Judged | undefined {
  const { jobs } = tree;
  if (jobs.length === 0) return undefined;
  const judged = jobs.map((job) => judgeJob(job, tree));
  const nodes = cluster === undefined ? undefined : ofKind(cluster.objects, "Node").length;
  const on = nodes === undefined ? "" : ` on ${plural(nodes, "node")}, beside what runs there now`;
  return {
    examined: `the pods of ${plural(jobs.length, "job")}${on}`,
    findings: [
      ...judged.flatMap(({ findings }) => findings),
      ...(cluster === undefined ? [] : judgeNodes(judged, cluster)),
    ],
  };
}

/** What stands in the image may tolerate anything. */
const UNSEEN_SPEC: Fields = { tolerations: [{ operator: "Exists" }] };

/** Whether a job's pods ask for the pool, and what they ask of it. */
function judgeJob(
  job: SparkJob,
  tree: Tree,
): ComingJob & { readonly findings: readonly Finding[] } {
  const { workload: { object, spec, specPath }, settings, executor } = job;
  const place = (field: string) => placeOf(object, `${specPath}.${field}`);
  const { own, made } = jobPods(job, tree);
  const findings = judgePod("the job", spec, {
    selector: place("nodeSelector"),
    tolerations: place("tolerations"),
  });
  const itself = { spec, pods: own };
  if (executor === undefined) return { object, coming: [itself], findings };
  const { template } = executor;
  const isUnseen = template !== undefined && template.spec === undefined;
  const pod = template?.spec ?? {};
  const selector = {
    ...(isFields(pod.nodeSelector) ? pod.nodeSelector : {}),
    ...selectedBy(settings),
  };
  const executors = { ...pod, nodeSelector: selector };
  const coming = [
    itself,
    ...made.map((pods) => ({
      pods,
      spec: isUnseen || pods.role !== "executor" ? UNSEEN_SPEC : executors,
    })),
  ];
  // It is baked into the image, or comes from an object that is not there.
  if (isUnseen) return { object, coming, findings };
  const at = template?.place ?? settings.get("spark.executor.instances")?.place ??
    place("containers");
  const ofExecutors = judgePod("the executors", executors, { selector: at, tolerations: at });
  return { object, coming, findings: [...findings, ...ofExecutors] };
}

/** What Spark's own settings select nodes by. */
function selectedBy(settings: SparkSettings): Fields {
  return Object.fromEntries([...settings.values()].flatMap(({ key, value }) => {
    const label = /^spark\.kubernetes\.(?:executor\.)?node\.selector\.(.+)$/.exec(key)?.[1];
    return label === undefined ? [] : [[label, value]];
  }));
}

type Place = ReturnType<typeof placeOf>;

function judgePod(
  who: string,
  spec: Fields,
  places: { readonly selector: Place; readonly tolerations: Place },
): Finding[] {
  const selector = isFields(spec.nodeSelector) ? spec.nodeSelector : {};
  const label = selector[LABEL.key];
  const isSelected = label === LABEL.value || isRequired(spec);
  const isTolerated = listOf(spec.tolerations).some((each) => tolerates(each));
  return [
    ...(isSelected ? [] : [{
      severity: "fail" as const,
      ...places.selector,
      problem: `${who} can run on any node${
        typeof label === "string" ? `, or none: ${LABEL.key} has to be ${label}` : ""
      }`,
      why: "Spark takes the memory that production needs, on a node that was not meant for it",
      fix: `Set in the pod's spec: nodeSelector: {${LABEL.key}: ${LABEL.value}}`,
    }]),
    ...(isTolerated ? [] : [{
      severity: "fail" as const,
      ...places.tolerations,
      problem: `${who} may not run on nodes with the taint ${formatTaint(TAINT)}`,
      why: "the analytics nodes have that taint, so the pod stays pending",
      fix: `Add to the pod's spec: tolerations: [{key: ${TAINT.key}, operator: Equal, value: ` +
        `${TAINT.value}, effect: ${TAINT.effect}}]`,
    }]),
  ];
}

/** Node affinity that must hold says the same as a selector, if every one of its terms does. */
function isRequired({ affinity }: Fields): boolean {
  const node = isFields(affinity) ? affinity.nodeAffinity : undefined;
  const required = isFields(node) ? node.requiredDuringSchedulingIgnoredDuringExecution : undefined;
  const terms = listOf(isFields(required) ? required.nodeSelectorTerms : undefined);
  return terms.length > 0 &&
    terms.every(({ matchExpressions }) =>
      listOf(matchExpressions).some(({ key, operator, values }) =>
        key === LABEL.key && operator === "In" && Array.isArray(values) && values.length === 1 &&
        values[0] === LABEL.value
      )
    );
}
