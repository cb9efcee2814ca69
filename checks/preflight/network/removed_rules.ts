import { selects } from "../../kubernetes/selectors.ts";
import { SPARK_CLUSTER } from "../../kubernetes/spark_cluster.ts";
import type { Pod, Policy, Rule } from "../../network_policy/model.ts";
import { hasFailure } from "../outcome.ts";
import type { Platform, PlatformCheck } from "../platform.ts";
import type { Network } from "./job_network.ts";
import type { JobWithPods } from "./job_pods.ts";

/** What a fix removes: all rules of a policy, or one rule, in whose place it leaves other rules. */
export interface Removal {
  /** The policy. */
  readonly policy: Policy;
  /** The rule; undefined if the fix deletes the policy. */
  readonly rule?: Rule;
  /** The rules that the fix leaves in place of the rule. */
  readonly after: readonly Rule[];
}

/**
 * Finds for each removal the checks that pass only because of what it removes, also if they fail only
 * after the removals before it.
 *
 * Removing less never closes more. So if no check fails after several removals at once, each of them
 * is harmless, and most removals need no evaluation of their own. The others are judged for the jobs
 * whose pods their policies select.
 *
 * @param checks the checks that pass without any removal, or whose verdict is then not known
 */
export function neededBy(
  platform: Platform,
  checks: readonly PlatformCheck[],
  removals: readonly Removal[],
): Map<Removal, readonly PlatformCheck[]> {
  const jobsOf = jobsByPolicy(platform.network);
  const found = new Map<Removal, readonly PlatformCheck[]>();
  const jobsFor = (some: readonly Removal[]) => [
    ...new Set(some.flatMap(({ policy }) => [...jobsOf(policy)])),
  ];
  const failingOf = (among: readonly PlatformCheck[], some: readonly Removal[]) => {
    const network = { ...platform.network, jobs: jobsFor(some) };
    return failingWithout({ ...platform, network }, among, some);
  };
  const search = (among: readonly PlatformCheck[], some: readonly Removal[]) => {
    if (some.length === 0 || among.length === 0) return;
    const sets = some.map(({ policy }) => jobsOf(policy));
    const jobs = jobsFor(some);
    // Halving judges the jobs again for each power of two.
    const isCheapAlone =
      sets.reduce((sum, { size }) => sum + size, 0) <= jobs.length * (2 + Math.log2(some.length));
    if (some.length > 1 && isCheapAlone) {
      for (const each of some) search(among, [each]);
      return;
    }
    const failing = failingOf(among, some);
    if (failing.length === 0) return;
    if (some.length === 1) {
      found.set(some[0]!, failing);
      return;
    }
    const middle = some.length >> 1;
    search(failing, some.slice(0, middle));
    search(failing, some.slice(middle));
  };
  search(checks, removals);
  // Several rules can allow the same connection: each can go, but the last of them has to stay.
  let left = removals.filter((each) => !found.has(each));
  while (left.length > 1 && failingOf(checks, left).length > 0) {
    // The least number of removals after which a check fails.
    let [least, most] = [1, left.length];
    while (least < most) {
      const middle = (least + most) >> 1;
      if (failingOf(checks, left.slice(0, middle)).length > 0) most = middle;
      else least = middle + 1;
    }
    const last = left[least - 1]!;
    found.set(last, failingOf(checks, left.slice(0, least)));
    left = left.filter((each) => each !== last);
  }
  return found;
}

/** The checks that pass only before removals. */
function failingWithout(
  platform: Platform,
  checks: readonly PlatformCheck[],
  removals: readonly Removal[],
): PlatformCheck[] {
  const changed = { ...platform, network: without(platform.network, removals) };
  return checks.filter(({ judge }) => {
    const outcome = judge(changed);
    if ("findings" in outcome) return hasFailure(outcome);
    const before = judge(platform);
    if ("unknown" in outcome && "unknown" in before) return outcome.unknown !== before.unknown;
    // A check that does not judge these jobs alone has no findings before either.
    return "findings" in before && !hasFailure(before);
  });
}

/** Returns a function for the jobs whose connections a policy decides about. */
function jobsByPolicy({ jobs, cluster }: Network): (policy: Policy) => ReadonlySet<JobWithPods> {
  const idOf = ({ namespace, kind, name }: Pod) => `${namespace}/${kind}/${name}`;
  const ofJobs = new Set(jobs.flatMap(({ actors }) => actors.map(({ pod }) => idOf(pod))));
  const servers = cluster.pods.filter((pod) => !ofJobs.has(idOf(pod)));
  // Drivers of other jobs connect to a SparkCluster.
  const isShared = jobs.some(({ object }) => object.kind === SPARK_CLUSTER);
  const found = new Map<Policy, ReadonlySet<JobWithPods>>();
  return (policy) => {
    const isSelected = ({ namespace, labels }: Pod) =>
      namespace === policy.namespace && selects(policy.pods, labels);
    const own = found.get(policy) ?? new Set(
      isShared || servers.some(isSelected)
        ? jobs
        : jobs.filter(({ actors }) => actors.some(({ pod }) => isSelected(pod))),
    );
    found.set(policy, own);
    return own;
  };
}

/** The network after removals. A policy without rules still isolates its pods. */
function without(network: Network, removals: readonly Removal[]): Network {
  const key = ({ namespace, name }: Policy) => `${namespace}/${name}`;
  const byPolicy = Map.groupBy(removals, ({ policy }) => key(policy));
  const change = (policy: Policy): Policy => {
    const own = byPolicy.get(key(policy));
    if (own === undefined) return policy;
    const left = (rules: readonly Rule[]) =>
      rules.flatMap((rule) => {
        const removal = own.find((each) => each.rule === undefined || each.rule.path === rule.path);
        return removal === undefined ? [rule] : removal.after;
      });
    const { ingress, egress } = policy.rules;
    return { ...policy, rules: { ingress: left(ingress), egress: left(egress) } };
  };
  const { cluster, policies } = network;
  return {
    ...network,
    cluster: { ...cluster, policies: cluster.policies.map(change) },
    policies: policies.map(change),
  };
}
