import { plural } from "../pipeline/progress.ts";
import type { Finding } from "./check.ts";
import { type Fields, isFields } from "./network_policy/fields.ts";
import { JOBS, type PlatformCheck, platformCheck } from "./platform.ts";
import { executorTemplate } from "./workload/executor_template.ts";
import { jobsOf, listOf } from "./workload/containers.ts";
import { effectiveSettings, modeOf } from "./quota/spark_pods.ts";
import { type Judged, outcomeOf, placeOf, type Tree, treeOf } from "./workload/tree.ts";

/** The pods of jobs go to the analytics pool, and its taint lets them in. */
export const nodePool: PlatformCheck = platformCheck({
  id: "node-pool",
  title: "jobs run on the analytics pool",
  reads: [...JOBS, "Node"],
  judge: (platform) => outcomeOf(platform, judgePools(treeOf(platform)), "there is no job"),
});

/** The label of the nodes that the jobs run on. */
const LABEL = { key: "robson.io/pool", value: "analytics" };

/** The taint that keeps everything else off them. */
const TAINT = { key: "robson.io/dedicated", value: "analytics", effect: "NoSchedule" };

/**
 * Judges whether the pods of jobs, executors included, go to the analytics pool and are let in.
 *
 * @returns undefined where there are no jobs
 */
export function judgePools({ objects, code }: Tree): Judged | undefined {
  const jobs = jobsOf(objects);
  if (jobs.length === 0) return undefined;
  const findings = jobs.flatMap((job): Finding[] => {
    const { object, spec, specPath } = job;
    const place = (field: string) => placeOf(object, `${specPath}.${field}`);
    const own = judgePod("the job", isFields(spec) ? spec : {}, {
      selector: place("nodeSelector"),
      tolerations: place("tolerations"),
    });
    const settings = effectiveSettings(job, code);
    if (modeOf(settings) === "local") return own;
    const template = executorTemplate(job, settings, objects);
    // It is baked into the image, or comes from an object that is not in the manifests.
    if (template === "unknown") return own;
    const executors = settings.get("spark.executor.instances")?.place ?? place("containers");
    const at = template?.place ?? executors;
    const pod = template?.spec ?? {};
    const chosen = selectedBy(settings);
    const selector = { ...(isFields(pod.nodeSelector) ? pod.nodeSelector : {}), ...chosen };
    const places = { selector: at, tolerations: at };
    return [...own, ...judgePod("the executors", { ...pod, nodeSelector: selector }, places)];
  });
  return { examined: `the pods of ${plural(jobs.length, "job")}`, findings };
}

/** What Spark's own settings select nodes by. */
function selectedBy(settings: ReturnType<typeof effectiveSettings>): Fields {
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
  const isTolerated = listOf(spec.tolerations).some(tolerates);
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
      problem: `${who} may not run on nodes with the taint ` +
        `${TAINT.key}=${TAINT.value}:${TAINT.effect}`,
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

/** As the scheduler has it: no key with Exists is every taint, no effect is every effect. */
export function tolerates({ key, operator = "Equal", value = "", effect }: Fields): boolean {
  if (effect !== undefined && effect !== null && effect !== "" && effect !== TAINT.effect) {
    return false;
  }
  const isAnyKey = key === undefined || key === null || key === "";
  if (operator === "Exists") return isAnyKey || key === TAINT.key;
  return operator === "Equal" && key === TAINT.key && value === TAINT.value;
}
