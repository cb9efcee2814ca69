import { JOBS_NAMESPACE } from "../../../pipeline/contract/platform.ts";
import type { Finding } from "../../finding.ts";
import type { Unread } from "../../facts/cluster.ts";
import { databaseEgress } from "./database_egress.ts";
import { dnsEgress } from "./dns_egress.ts";
import { driverExecutorTraffic } from "./driver_executor_traffic.ts";
import { egressPolicy } from "./egress_policy.ts";
import {
  type Network,
  noPolicy,
  objectOf,
  place,
  readNetwork,
  unjudged,
  unreadable,
} from "./job_network.ts";
import { applyPolicy, patchPolicy } from "./policy_fix.ts";
import { type TooMuch, tooMuch, worst } from "./excess_rules.ts";
import { kubernetesApiEgress } from "./kubernetes_api_egress.ts";
import { policyId } from "../../network_policy/evaluate.ts";
import type { Direction, Policy } from "../../network_policy/model.ts";
import { CONNECTIONS, type Platform, type PlatformCheck, platformCheck } from "../platform.ts";
import { plural } from "../../../pipeline/progress.ts";

/**
 * Nothing is open that the jobs do not need. Policies only add up, so a single broad rule undoes every
 * narrow one, and no policy can block what another allows. What undoes the isolation fails; what is
 * merely wider than it has to be warns.
 */
export const isolation: PlatformCheck = platformCheck({
  id: "isolation",
  title: "nothing is open that jobs do not need",
  reads: [...CONNECTIONS, "Secret"],
  judge(platform) {
    const network = readNetwork(platform);
    const { policies, jobs } = network;
    // Without any job there are still policies to judge.
    const not = jobs.length > 0 ? unjudged(network) : unreadable(network);
    if (not !== undefined) return not;
    if (policies.length === 0) return { nothing: noPolicy };
    const examined = `${policies.length === 1 ? "1 policy" : `${policies.length} policies`} of ` +
      `namespace ${JOBS_NAMESPACE}, ${plural(jobs.length, "job")}`;
    const told = toldElsewhere(platform);
    const findings = [
      ...defaultDeny(network),
      ...policies.flatMap((policy) => widths(network, policy))
        .filter(({ severity, object }) => severity === "fail" || !told.has(object)),
      ...onHostNetwork(network),
      ...network.foreign.map(unjudgedKind),
      ...(platform.cluster?.unread ?? []).filter(isForeign).map(unread),
    ];
    return { examined, findings };
  },
});

/**
 * The policies that are not what a job needs: whoever mends one as another check says need not be
 * told that it also opens something else.
 */
function toldElsewhere(manifests: Platform): ReadonlySet<string> {
  const checks = [egressPolicy, dnsEgress, databaseEgress, kubernetesApiEgress];
  const outcomes = [...checks, driverExecutorTraffic].map(({ run }) => run({ manifests }));
  return new Set(
    outcomes.flatMap((each) => "findings" in each ? each.findings : []).map(({ object }) => object),
  );
}

const TYPES: Readonly<Record<Direction, string>> = { ingress: "Ingress", egress: "Egress" };

/** Every pod of the namespace, whatever its labels, is isolated, and not only by what allows. */
function defaultDeny(network: Network): Finding[] {
  const everyPod = network.policies.filter(({ pods }) => pods.requirements.length === 0);
  const isolated = (direction: Direction) =>
    everyPod.filter(({ directions }) => directions.includes(direction));
  const without = (["ingress", "egress"] as const).filter((direction) =>
    !isolated(direction).some(({ rules }) => rules[direction].length === 0)
  );
  if (without.length === 0) return [];
  const open = without.filter((direction) => isolated(direction).length === 0);
  const types = without.map((direction) => TYPES[direction]);
  const nearly = network.policies.find(isDeny);
  const name = objectOf(network, "Namespace", JOBS_NAMESPACE);
  const common = {
    severity: open.length > 0 ? "fail" as const : "warn" as const,
    why: "what no policy isolates may talk to everybody: a pod with other labels, or a policy " +
      "that goes, opens the namespace",
  };
  if (nearly !== undefined) {
    const everywhere = nearly.pods.requirements.length === 0;
    const field = everywhere ? "spec.policyTypes" : "spec.podSelector";
    const object = objectOf(network, "NetworkPolicy", nearly.name, nearly.namespace);
    return [{
      ...common,
      object: policyId(nearly),
      field,
      ...place(network, object, field),
      problem: everywhere
        ? `it does not deny ${without.join(" and ")}, and no other policy does by default`
        : `it denies ${without.join(" and ")} to some pods only, and no other policy does to all`,
      fix: patchPolicy(
        nearly,
        everywhere
          ? { op: "replace", path: field, value: ["Ingress", "Egress"] }
          : { op: "replace", path: field, value: {} },
      ),
    }];
  }
  return [{
    ...common,
    object: `Namespace ${JOBS_NAMESPACE}`,
    ...place(network, name, ""),
    problem: `no policy denies ${without.join(" and ")} of every pod by default` +
      (open.length > 0 ? "" : "; policies that allow something happen to"),
    fix: applyPolicy(JOBS_NAMESPACE, "default-deny", { podSelector: {}, policyTypes: types }),
  }];
}

/** A policy that allows nothing at all: it is only there to deny. */
function isDeny({ rules }: Policy): boolean {
  return rules.ingress.length + rules.egress.length === 0;
}

/** A policy that is called a block and allows is one mistake, however many rules it has. */
function widths(network: Network, policy: Policy): Finding[] {
  const all = (["egress", "ingress"] as const).flatMap((direction) =>
    policy.rules[direction].flatMap((rule) => tooMuch(network, policy, rule, direction) ?? [])
  );
  const finding = ({ severity, path, problem, fix }: TooMuch): Finding => ({
    severity,
    object: policyId(policy),
    field: path,
    ...place(network, objectOf(network, "NetworkPolicy", policy.name, policy.namespace), path),
    problem,
    why: WHY,
    fix,
  });
  if (!isCalledBlock(network, policy)) return all.map(finding);
  const rule = [...policy.rules.egress, ...policy.rules.ingress][0];
  if (rule === undefined) return [];
  const most = worst(all);
  return [{
    ...finding(most ?? { severity: "warn", path: rule.path, problem: "", fix: "" }),
    problem: "it is meant to block something, and no policy can: " +
      (most === undefined ? "this rule only allows" : most.problem),
    fix: `Remove it, since whatever no policy allows is blocked: kubectl -n ${policy.namespace} ` +
      `delete networkpolicy ${policy.name}`,
  }];
}

const WHY = "policies add up: what one rule allows, no other policy takes back";

/** Whether its name or an annotation says that it denies something. */
function isCalledBlock(network: Network, { name, namespace }: Policy): boolean {
  if (/(^|[-.])(block|deny|drop|forbid)([-.]|$)/.test(name)) return true;
  const metadata = objectOf(network, "NetworkPolicy", name, namespace)?.value.metadata;
  const annotations = (metadata as { annotations?: Readonly<Record<string, unknown>> } | undefined)
    ?.annotations ?? {};
  return Object.values(annotations).some((text) =>
    /^\s*(block|deny|denies|forbid|prevent)/i.test(String(text))
  );
}

function onHostNetwork(network: Network): Finding[] {
  return network.jobs.filter(({ actors }) => actors[0]!.pod.hostNetwork).map((job): Finding => {
    const field = `${job.specPath}.hostNetwork`;
    return {
      severity: "fail",
      object: job.told,
      field,
      ...place(network, job.object, field),
      problem: "its pod shares the node's network, where no policy applies",
      why: "it may talk to everybody that its node may talk to, also to other nodes",
      fix: `Remove ${field}.`,
    };
  });
}

/** Kinds of others are told with their group. */
function isForeign({ kind }: Unread): boolean {
  return kind.includes(".");
}

function unread({ kind, namespace = "", failure }: Unread): Finding {
  return { ...unjudgedKind(`${kind} ${namespace}`.trim()), problem: failure.message };
}

function unjudgedKind(object: string): Finding {
  return {
    severity: "warn",
    object,
    problem: "this kind of policy is not judged here, and decides about connections too",
    why: "it may open what the policies of Kubernetes keep closed, or close what they open",
    fix: "Say it with a NetworkPolicy of networking.k8s.io/v1, or look after it yourself.",
  };
}
