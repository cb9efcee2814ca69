import { selects } from "../../kubernetes/selectors.ts";
import { naming } from "../../list_names.ts";
import { isolating } from "../../network_policy/matching.ts";
import {
  type Direction,
  type Pod,
  type Policy,
  UNKNOWN_VALUE,
} from "../../network_policy/model.ts";
import { ROLE_LABEL } from "../../spark/pods.ts";
import type { Network } from "./job_network.ts";
import type { JobWithPods } from "./job_pods.ts";

// The pods of the jobs' namespace that are not pods of Spark or the toolkit. No fix may close a
// connection that they use.

/** Returns the other pods of a namespace that a policy selects. */
export function othersSelectedBy(network: Network, { namespace, pods }: Policy): Pod[] {
  return otherPods(network, namespace).filter(({ labels }) => selects(pods, labels));
}

/** Returns whether a policy selects a pod of Spark or of the toolkit. */
export function selectsJobs({ jobs }: Pick<Network, "jobs">, { pods }: Policy): boolean {
  return jobs.some((job) =>
    isJudged(job) && job.actors.some(({ pod }) => selects(pods, pod.labels))
  );
}

/** Returns the other pods of a namespace that no policy isolates in one of the directions. */
export function openPods(
  network: Network,
  namespace: string,
  directions: readonly Direction[],
): Pod[] {
  return otherPods(network, namespace).filter((pod) =>
    directions.some((direction) => isolating(network.cluster, pod, direction).length === 0)
  );
}

/** Lists pods for people, as in `Deployment analytics-jobs/web`. */
export function listPods(pods: readonly Pod[]): string {
  return naming([...new Set(pods.map((pod) => `${pod.kind} ${pod.namespace}/${pod.name}`))]);
}

function otherPods({ cluster, jobs }: Network, namespace: string): Pod[] {
  const own = jobs.filter(isJudged)
    .flatMap(({ actors }) => actors.map(({ pod }) => pod));
  return cluster.pods.filter((pod) =>
    pod.namespace === namespace && !pod.hostNetwork &&
    !own.some(({ kind, name }) => kind === pod.kind && name === pod.name)
  );
}

/** Returns whether a job runs Spark or the toolkit. The connections of other jobs are not known. */
function isJudged({ mode, toolkit }: JobWithPods): boolean {
  return mode !== "none" || toolkit !== undefined;
}

/** Returns whether a policy isolates every pod of a namespace in a direction. */
export function isolatesAll(
  { cluster }: Network,
  namespace: string,
  direction: Direction,
): boolean {
  return cluster.policies.some((policy) =>
    policy.namespace === namespace && policy.directions.includes(direction) &&
    policy.pods.requirements.length === 0
  );
}

/** The labels of a Job that its name decides. */
const OF_JOB = /(^|\/)(job-name|controller-uid)$/;

/** The selectors of new policies for pods, as few as possible. Pods without labels need `{}`. */
export function selectorsFor(pods: readonly Pod[]): Readonly<Record<string, unknown>>[] {
  const roleOf = ({ labels }: Pod) => {
    const role = labels.get(ROLE_LABEL);
    return role === UNKNOWN_VALUE ? undefined : role;
  };
  const roles = [...new Set(pods.flatMap((pod) => roleOf(pod) ?? []))].sort();
  const others = pods.filter((pod) => roleOf(pod) === undefined).map(({ labels }) => {
    const known = [...labels].filter(([, value]) => value !== UNKNOWN_VALUE);
    const own = known.filter(([key]) => !OF_JOB.test(key));
    return Object.fromEntries(own.length > 0 ? own : known.slice(0, 1));
  });
  if (others.some((labels) => Object.keys(labels).length === 0)) return [{}];
  const byLabels = new Map(others.map((labels) => [JSON.stringify(labels), labels]));
  return [
    ...(roles.length === 0 ? [] : [ofRoles(roles)]),
    ...[...byLabels.values()].map((matchLabels) => ({ matchLabels })),
  ];
}

function ofRoles(roles: readonly string[]): Readonly<Record<string, unknown>> {
  return roles.length === 1 ? { matchLabels: { [ROLE_LABEL]: roles[0] } } : {
    matchExpressions: [{ key: ROLE_LABEL, operator: "In", values: roles }],
  };
}
