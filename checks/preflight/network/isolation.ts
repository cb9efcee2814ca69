import { explained } from "../change.ts";
import { absence, hasFailure } from "../outcome.ts";
import type { Finding, Fix, Outcome } from "../../finding.ts";
import { naming } from "../../list_names.ts";
import type { Unread } from "../../facts/cluster.ts";
import { databaseEgress } from "./database_egress.ts";
import { dnsEgress } from "./dns_egress.ts";
import { driverExecutorTraffic } from "./driver_executor_traffic.ts";
import { egressPolicy } from "./egress_policy.ts";
import {
  type Network,
  noPolicy,
  objectOf,
  otherPolicies,
  place,
  reasonNotToJudge,
  unreadable,
} from "./job_network.ts";
import { listPods, openPods, othersSelectedBy, selectsJobs } from "./other_workloads.ts";
import { createPolicy, deletePolicy, patchPolicy } from "./policy_fix.ts";
import { neededBy, type Removal } from "./removed_rules.ts";
import { excessOf, type ExcessRule, worstRule } from "./excess_rules.ts";
import { kubernetesApiEgress } from "./kubernetes_api_egress.ts";
import { objectId } from "../../kubernetes/objects.ts";
import { policyId } from "../../network_policy/explain.ts";
import type { Direction, Policy } from "../../network_policy/model.ts";
import { CONNECTIONS, type PlatformCheck, platformCheck } from "../platform.ts";
import { plural } from "../../../pipeline/progress.ts";

/**
 * The policies allow no connection that the jobs do not need. Policies are additive: one broad rule
 * undoes every narrow one, and no policy can block what another policy allows. A rule that undoes
 * the isolation fails the check; a rule that is only wider than necessary is a warning.
 */
export const isolation: PlatformCheck = platformCheck({
  id: "isolation",
  title: "policies allow no connection that jobs do not need",
  reads: [...CONNECTIONS, "Secret"],
  judge(platform) {
    const network = platform.network;
    const { policies, jobs } = network;
    // The policies are checked even if there is no job.
    const notJudged = jobs.length > 0 ? reasonNotToJudge(network) : unreadable(network);
    if (notJudged !== undefined) return notJudged;
    if (policies.length === 0) {
      const absent = noPolicy(network);
      return jobs.length > 0 ? { unknown: absent } : absence(network.manifests, absent);
    }
    const examined = `${policies.length === 1 ? "1 policy" : `${policies.length} policies`} of ` +
      `namespace ${network.project.jobs.namespace}, ${plural(jobs.length, "job")}`;
    const outcomes = OTHER_CHECKS.map((check) => ({ check, outcome: check.judge(platform) }));
    const others = findingsOf(outcomes);
    // A connection that is not known to be open can depend on a rule, too.
    const open = outcomes.filter(({ outcome }) =>
      "unknown" in outcome || "findings" in outcome && !hasFailure(outcome)
    );
    const unknown = open.filter(({ outcome }) => "unknown" in outcome).map(({ check }) => check);
    const excess = policies.flatMap((policy) => excessFindings(network, policy))
      .filter(({ severity, object }) =>
        severity === "fail" || !others.some((each) => each.object === object)
      );
    const needed = neededBy(
      platform,
      open.map(({ check }) => check),
      excess.flatMap(({ removal }) => removal ?? []),
    );
    const findings = [
      ...defaultDeny(network),
      ...excess.map(({ removal, ...finding }) =>
        withOneFix(afterOthers(finding, unknown, removal && needed.get(removal)), others)
      ),
      ...onHostNetwork(network),
      ...otherPolicies(network).map((each) => otherApiFinding(objectId(each), place(each, ""))),
      ...(platform.cluster?.unread ?? []).filter(isOtherApi).map(unreadFinding),
    ];
    return { examined, findings };
  },
});

/** A finding, and the check that reports it. */
interface OtherFinding extends Finding {
  readonly check: string;
}

/** The other connection checks. */
const OTHER_CHECKS: readonly PlatformCheck[] = [
  egressPolicy,
  dnsEgress,
  databaseEgress,
  kubernetesApiEgress,
  driverExecutorTraffic,
];

/** The findings of the other connection checks. Each policy gets one fix at a time. */
function findingsOf(
  outcomes: readonly { readonly check: PlatformCheck; readonly outcome: Outcome }[],
): OtherFinding[] {
  return outcomes.flatMap(({ check: { id }, outcome }) =>
    "findings" in outcome ? outcome.findings.map((each) => ({ ...each, check: id })) : []
  );
}

/** Says which checks pass, or may pass, only because of what a fix removes. */
function afterOthers(
  finding: Finding,
  unknown: readonly PlatformCheck[],
  checks: readonly PlatformCheck[] = [],
): Finding {
  const told = (some: readonly PlatformCheck[], verb: string) =>
    some.length === 0 ? [] : [`${naming(some.map(({ id }) => id))} ${verb}`];
  const passing = checks.filter((each) => !unknown.includes(each));
  const all = [
    ...told(passing, passing.length === 1 ? "passes" : "pass"),
    ...told(checks.filter((each) => unknown.includes(each)), "may pass"),
  ];
  return all.length === 0 ? finding : {
    ...finding,
    ...explained(
      `${
        all.join(", and ")
      } only because of what this fix removes, so allow those connections in ` +
        "another policy first. ",
      finding,
    ),
  };
}

/**
 * Refers to the fix of another check for the same rule. Two patches of one rule do not apply one
 * after the other.
 */
function withOneFix(finding: Finding, others: readonly OtherFinding[]): Finding {
  const ruleOf = ({ field = "" }: Finding) => /^spec\.(?:egress|ingress)\[\d+\]/.exec(field)?.[0];
  const rule = ruleOf(finding);
  const other = others.find((each) =>
    rule !== undefined && each.object === finding.object && ruleOf(each) === rule
  );
  if (other === undefined) return finding;
  const { fixInFiles: _, ...first } = finding;
  return {
    ...first,
    fix: `Apply the fix of ${other.check} for this rule, then run preflight again.`,
  };
}

const TYPES: Readonly<Record<Direction, string>> = { ingress: "Ingress", egress: "Egress" };

/**
 * Checks that a policy isolates every pod of the namespace in both directions and allows nothing.
 */
function defaultDeny(network: Network): Finding[] {
  const forAllPods = network.policies.filter(({ pods }) => pods.requirements.length === 0);
  const isolated = (direction: Direction) =>
    forAllPods.filter(({ directions }) => directions.includes(direction));
  const without = (["ingress", "egress"] as const).filter((direction) =>
    !isolated(direction).some(({ rules }) => rules[direction].length === 0)
  );
  if (without.length === 0) return [];
  const open = without.filter((direction) => isolated(direction).length === 0);
  const types = without.map((direction) => TYPES[direction]);
  const denial = network.policies.find(allowsNothing);
  const { namespace: name } = network.project.jobs;
  const namespace = objectOf(network, "Namespace", name);
  const closed = openPods(network, name, without);
  const before = closed.length === 0
    ? ""
    : `This also closes connections of ${
      listPods(closed)
    }. Allow those that they need first, then: `;
  const common = {
    severity: open.length > 0 ? "fail" as const : "warn" as const,
    why:
      "a pod that no policy isolates can connect to any address: a pod with different labels, or " +
      "the removal of another policy, opens the namespace",
  };
  if (denial !== undefined) {
    const isForAllPods = denial.pods.requirements.length === 0;
    const field = isForAllPods ? "spec.policyTypes" : "spec.podSelector";
    const object = objectOf(network, "NetworkPolicy", denial.name, denial.namespace);
    return [{
      ...common,
      object: policyId(denial),
      field,
      ...place(object, field),
      problem: isForAllPods
        ? `the policy does not deny ${
          without.join(" and ")
        }, and no other policy denies them by default`
        : `the policy denies ${
          without.join(" and ")
        } to some pods only, and no other policy to all pods`,
      ...explained(
        before,
        patchPolicy(denial, {
          op: "replace",
          path: field,
          value: isForAllPods ? ["Ingress", "Egress"] : {},
        }),
      ),
    }];
  }
  return [{
    ...common,
    object: `Namespace ${name}`,
    ...place(namespace, ""),
    problem: `no policy denies ${without.join(" and ")} to all pods by default` +
      (open.length > 0 ? "" : "; the pods are isolated only by policies that also allow traffic"),
    ...explained(
      before,
      createPolicy(network, name, "default-deny", { podSelector: {}, policyTypes: types }),
    ),
  }];
}

/** Returns whether a policy has no rules, so that it only denies. */
function allowsNothing({ rules }: Policy): boolean {
  return rules.ingress.length + rules.egress.length === 0;
}

/** A finding about rules that allow too much. */
interface ExcessFinding extends Finding {
  /** What the fix removes, if that is known. */
  readonly removal?: Removal;
}

/**
 * Returns findings about rules that allow too much. A policy with a name such as `deny-all` is one
 * finding, not one per rule.
 */
function excessFindings(network: Network, policy: Policy): ExcessFinding[] {
  const others = othersSelectedBy(network, policy);
  // A policy of other workloads can be right for them.
  const isOfJobs = selectsJobs(network, policy);
  if (!isOfJobs && others.length > 0) return [];
  const all = (["egress", "ingress"] as const).flatMap((direction) =>
    policy.rules[direction].flatMap((rule) => {
      const excess = excessOf(network, policy, rule, direction);
      return excess === undefined ? [] : [{ ...excess, rule }];
    })
  ).filter(({ severity }) => severity === "fail" || isOfJobs);
  const before = others.length === 0
    ? ""
    : `If ${listPods(others)} needs it, allow it there in a policy of its own first. `;
  const finding = ({ severity, path, problem, ...fix }: ExcessRule): Finding => ({
    severity,
    object: policyId(policy),
    field: path,
    ...place(objectOf(network, "NetworkPolicy", policy.name, policy.namespace), path),
    problem,
    why: WHY,
    ...explained(before, fix),
  });
  if (!isNamedBlock(network, policy)) {
    // The fixes are for the order of the findings: a removed item moves only those after it.
    return all.toReversed().map((each) => {
      const { rule, after } = each;
      return {
        ...finding(each),
        ...(after === undefined ? {} : { removal: { policy, rule, after } }),
      };
    });
  }
  const rule = [...policy.rules.egress, ...policy.rules.ingress][0];
  if (rule === undefined) return [];
  const most = worstRule(all);
  const meant = most === undefined
    ? "The jobs can need this rule. Create the policy under a name that says what it allows, as " +
      "in allow-dns-egress, and "
    : "While a policy denies all traffic by default, traffic that no policy allows is blocked. " +
      "Allow what the jobs need in other policies, and ";
  const isKept = isOnlyDenial(network, policy);
  return [{
    ...finding(most ?? { severity: "warn", path: rule.path, problem: "", fix: "" }),
    problem: "the policy is meant to block traffic, but policies can only allow traffic: " +
      (most === undefined ? "this rule allows traffic" : most.problem),
    ...explained(
      `${before}${meant}${isKept ? "remove the rules of" : "remove"} this one afterwards: `,
      isKept ? withoutRules(policy) : deletePolicy(policy),
    ),
    removal: { policy, after: [] },
  }];
}

/** Returns whether only this policy isolates all pods in a direction, so that it must stay. */
function isOnlyDenial({ policies }: Network, policy: Policy): boolean {
  const isForAll = ({ pods }: Policy) => pods.requirements.length === 0;
  return isForAll(policy) &&
    policy.directions.some((direction) =>
      !policies.some((each) =>
        each !== policy && isForAll(each) && each.directions.includes(direction)
      )
    );
}

/** The change that leaves a policy which only denies. Without rules, its directions must be written. */
function withoutRules(policy: Policy): Fix {
  const { directions, rules } = policy;
  const emptied = directions.filter((direction) => rules[direction].length > 0);
  return patchPolicy(
    policy,
    ...emptied.map((direction) => (
      { op: "replace", path: `spec.${direction}`, value: [] } as const
    )),
    { op: "add", path: "spec.policyTypes", value: directions.map((each) => TYPES[each]) },
  );
}

const WHY = "policies are additive: no policy can block what this rule allows";

/**
 * Returns whether the name or an annotation of a policy suggests that the policy blocks traffic.
 */
function isNamedBlock(network: Network, { name, namespace }: Policy): boolean {
  if (/(^|[-.])(block|deny|drop|forbid)([-.]|$)/.test(name)) return true;
  const metadata = objectOf(network, "NetworkPolicy", name, namespace)?.value.metadata;
  const annotations = (metadata as { annotations?: Readonly<Record<string, unknown>> } | undefined)
    ?.annotations ?? {};
  return Object.values(annotations).some((text) =>
    /^\s*(block|deny|denies|forbid|prevent)/i.test(String(text))
  );
}

function onHostNetwork(network: Network): Finding[] {
  return network.jobs.filter(({ actors }) => actors[0]?.pod.hostNetwork === true).map(
    (job): Finding => {
      const field = `${job.specPath}.hostNetwork`;
      return {
        severity: "fail",
        object: job.label,
        field,
        ...place(job.object, field),
        problem: "the pod uses its node's network, where no policy applies",
        why: "the pod can connect to every address that its node can reach, including other nodes",
        fix: `Remove ${field}.`,
      };
    },
  );
}

/**
 * Returns whether an unreadable kind belongs to another API. The name of such a kind includes the
 * API group.
 */
function isOtherApi({ kind }: Unread): boolean {
  return kind.includes(".");
}

function unreadFinding({ kind, namespace = "", failure }: Unread): Finding {
  return { ...otherApiFinding(`${kind} ${namespace}`.trim()), problem: failure.message };
}

function otherApiFinding(object: string, location: ReturnType<typeof place> = {}): Finding {
  return {
    severity: "warn",
    object,
    ...location,
    problem:
      "this kind of policy also decides about connections, and the checks do not evaluate it",
    why: "the policy may allow what NetworkPolicies deny, or deny what NetworkPolicies allow",
    fix: "Replace the policy with a NetworkPolicy of networking.k8s.io/v1, or review it by hand.",
  };
}
