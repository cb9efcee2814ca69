import type { Policy, Rule } from "../../network_policy/model.ts";
import { hasFailure } from "../outcome.ts";
import type { Platform, PlatformCheck } from "../platform.ts";
import type { Network } from "./job_network.ts";

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
 * Finds for each removal the checks that pass only because of what it removes.
 *
 * Removing less never closes more. So if no check fails after several removals at once, each of them
 * is harmless, and most removals need no evaluation of their own.
 *
 * @param checks the checks that pass without any removal
 */
export function neededBy(
  platform: Platform,
  checks: readonly PlatformCheck[],
  removals: readonly Removal[],
): Map<Removal, readonly PlatformCheck[]> {
  if (removals.length === 0 || checks.length === 0) return new Map();
  const changed = { ...platform, network: without(platform.network, removals) };
  const failing = checks.filter(({ judge }) => {
    const outcome = judge(changed);
    return !("findings" in outcome) || hasFailure(outcome);
  });
  if (failing.length === 0) return new Map();
  if (removals.length === 1) return new Map([[removals[0]!, failing]]);
  const middle = removals.length >> 1;
  return new Map([
    ...neededBy(platform, failing, removals.slice(0, middle)),
    ...neededBy(platform, failing, removals.slice(middle)),
  ]);
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
