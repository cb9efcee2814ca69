import type { Finding, Fix, Outcome } from "../../finding.ts";
import type { Examined } from "../outcome.ts";
import { formatSelector, selects } from "../../kubernetes/selectors.ts";
import { naming } from "../../list_names.ts";
import { decide, ends } from "../../network_policy/evaluate.ts";
import {
  formatPeer,
  formatPolicyPort,
  policyId,
  whyExcepted,
  whyNot,
} from "../../network_policy/explain.ts";
import { matchingPeers, matchingPorts } from "../../network_policy/matching.ts";
import {
  type Direction,
  type Endpoint,
  type Flow,
  namespaceOf,
  type Peer,
  type Policy,
  type Protocol,
  type Rule,
} from "../../network_policy/model.ts";
import { type Network, objectOf, place } from "./job_network.ts";
import type { Actor, JobWithPods } from "./job_pods.ts";
import { isForOtherJobs, runsToolkit } from "./schedule_policies.ts";
import { matchNamespaces } from "./namespace_match.ts";
import { fitOf, type Purpose } from "./policy_purpose.ts";
import { whyUncertain } from "./uncertain.ts";

/** Decides which rules of a policy may have been written for a connection. */
export type RuleFilter = (rule: Rule, policy: Policy) => boolean;

/** A connection that a job needs. */
export interface RequiredConnection {
  /** The job. */
  readonly job: JobWithPods;
  /** The pod that a finding names, usually the source of the connection. */
  readonly actor: Actor;
  /** The source, if it is not the pod of `actor`. */
  readonly from?: Endpoint;
  /** The possible destinations. */
  readonly to: readonly Endpoint[];
  /** True if the source must reach all destinations. Otherwise one of them is enough. */
  readonly every?: boolean;
  /** The protocol of the connection. */
  readonly protocol: Protocol;
  /** The destination's port. */
  readonly port: number;
  /** The destination for people, without the port, as in `the cluster's DNS`. */
  readonly destination: string;
  /** The destination that a policy may have been written for. */
  readonly purpose: Purpose;
  /** The rules that may have been written for the connection; if absent, all rules. */
  readonly isCandidate?: RuleFilter;
}

/** A connection that a job needs and that the policies deny. */
export interface DeniedConnection
  extends Pick<RequiredConnection, "job" | "actor" | "protocol" | "port" | "destination"> {
  /** The reason why the connection is denied. */
  readonly cause: DenialCause;
  /** The reason why the denial is not certain; undefined if it is. */
  readonly doubt?: string;
}

/**
 * The reason why one end of a connection denies it, and the one field that would have to change:
 *
 * - `emptySelector`: a rule for the port selects every pod, and the destination is an address
 * - `peer`: a rule for the port selects a different peer
 * - `port`: a rule for the peer allows a different port
 * - `podSelector`: a policy has the right rule, and does not select the pod
 * - `policyTypes`: a policy has the right rule, and does not apply in this direction
 * - `noRule`: no rule is similar to the required rule
 */
export interface DenialCause {
  /** The kind of cause. */
  readonly kind: "emptySelector" | "peer" | "port" | "podSelector" | "policyTypes" | "noRule";
  /** The end that denies: egress is the source's, ingress is the destination's. */
  readonly direction: Direction;
  /** The namespace of this end. */
  readonly namespace: string;
  /** The other end. */
  readonly other: Endpoint;
  /** The policy; undefined if the rule is missing. */
  readonly policy?: Policy;
  /** With `noRule`, a policy that isolates the pod, if possible one that allows nothing. */
  readonly isolating?: Policy;
  /** The rule. */
  readonly rule?: Rule;
  /** The peer that does not match, if any. */
  readonly peer?: Peer;
  /** The path of the field to change, as in `spec.egress[0].to[0]`. */
  readonly path: string;
  /** The problem with the field. */
  readonly problem: string;
}

/** The parts of findings about denied connections that depend on the check. */
export interface Advice<Denied extends DeniedConnection = DeniedConnection> {
  /** The reason why the connection matters. */
  readonly why: string | ((denied: Denied) => string);
  /** Composes the fix; `all` are the denied connections that share the cause of the first. */
  readonly fix: (denied: Denied, all: readonly Denied[]) => Fix;
}

/** Returns the required connections that the policies deny, each with its cause. */
export function deniedConnections(
  network: Network,
  required: readonly RequiredConnection[],
): DeniedConnection[] {
  return required.flatMap((each): DeniedConnection[] => {
    const { job, actor, from = actor.pod, to, every, protocol, port, destination } = each;
    const denials = to.map((end) => {
      const flow = { from, to: end, protocol, port };
      const cause = causeOfDenial(network, flow, each.purpose, each.isCandidate);
      return cause && { cause, doubt: whyUncertain(network, flow, cause.direction) };
    });
    if (every !== true && denials.includes(undefined)) return [];
    const found = denials.filter((one) => one !== undefined);
    const near = found.filter(({ cause }) => cause.kind !== "noRule");
    const [first] = every === true
      ? [...found.filter(({ doubt }) => doubt === undefined), ...found]
      : [...found.filter(({ doubt }) => doubt !== undefined), ...near, ...found];
    if (first === undefined) return [];
    const { cause, doubt } = first;
    const common = { job, actor, protocol, port, destination, cause };
    return [doubt === undefined ? common : { ...common, doubt }];
  });
}

/** Returns the outcome for denied connections, without those that namespace-labels reports. */
export function judgeDenied(
  network: Network,
  denied: readonly DeniedConnection[],
  examined: Examined,
  advice: Advice,
): Outcome {
  const certain = denied.filter(({ doubt }) => doubt === undefined);
  const ours = certain.filter((each) => !isForNamespaceLabels(network, each));
  if (certain.length > 0 && ours.length === 0) return { skip: NO_NAMESPACE };
  if (denied.length > 0 && ours.length === 0) return { unknown: naming(doubtsOf(denied)) };
  return { ...examined, findings: denialFindings(network, ours, advice) };
}

/** The reason of a skip if namespace-labels reports the cause. */
export const NO_NAMESPACE = "a rule selects no namespace (see namespace-labels)";

/** Returns the reasons why denials are not certain, without duplicates. */
export function doubtsOf(denied: readonly DeniedConnection[]): string[] {
  return [...new Set(denied.flatMap(({ doubt }) => doubt ?? []))];
}

/** Returns one finding for each cause of denied connections. */
export function denialFindings<Denied extends DeniedConnection>(
  network: Network,
  denied: readonly Denied[],
  { why, fix }: Advice<Denied>,
): Finding[] {
  const groups = Map.groupBy(denied, keyOf);
  return [...groups.values()].map((all): Finding => {
    const first = all[0]!;
    const { isolating, policy = isolating, path, problem } = first.cause;
    const object = policy === undefined
      ? first.job.object
      : objectOf(network, "NetworkPolicy", policy.name, policy.namespace);
    const field = path === "" ? "spec" : path;
    return {
      severity: "fail",
      object: policy === undefined ? first.job.label : policyId(policy),
      field,
      ...place(object, field),
      problem: `${problem}, so ${listActors(all)} cannot reach ${destinationsOf(all)}`,
      why: typeof why === "string" ? why : why(first),
      ...fix(first, all),
    };
  });
}

/** Returns the ports of denied connections as items of a policy, without duplicates. */
export function portsOf(
  denied: readonly DeniedConnection[],
): { readonly protocol: Protocol; readonly port: number }[] {
  const ports = new Map(
    denied.map(({ protocol, port }) => [`${protocol} ${port}`, { protocol, port }]),
  );
  return [...ports.values()];
}

/** Lists the pods by job, as in `Job analytics-jobs/a and its executors`. */
export function listActors(all: readonly Pick<DeniedConnection, "job" | "actor">[]): string {
  const byJob = Map.groupBy(all, ({ job }) => job.label);
  return naming([...byJob].map(([job, each]) => {
    const labels = [...new Set(each.map(({ actor }) => actor.label))]
      .sort((a, b) => Number(b === job) - Number(a === job));
    if (labels[0] !== job) return labels.join(" and ");
    return [job, ...labels.slice(1).map((more) => more.replace(/^the (\w+) of .*$/, "its $1"))]
      .join(" and ");
  }));
}

/** Returns the pods that run the code of jobs: all except submitters and masters. */
export function codePods({ jobs }: Pick<Network, "jobs">): { job: JobWithPods; actor: Actor }[] {
  return jobs.flatMap((job) =>
    job.actors.filter(({ role }) => role !== "submitter" && role !== "master").map((actor) => ({
      job,
      actor,
    }))
  );
}

/** Describes the examined objects, as in `pods of 2 jobs under 6 policies`. */
export function examinedPods({ jobs, policies, isPlaced, project }: Network): string {
  const count = (number: number, one: string, many: string) =>
    `${number} ${number === 1 ? one : many}`;
  return `pods of ${count(jobs.length, "job", "jobs")} under ${
    count(policies.length, "policy", "policies")
  }${isPlaced ? `; objects without a namespace count as of ${project.jobs.namespace}` : ""}`;
}

/** Finds why a connection is denied, first at the source. Returns undefined if it is allowed. */
export function causeOfDenial(
  network: Network,
  flow: Flow,
  purpose: Purpose,
  isCandidate: RuleFilter = () => true,
): DenialCause | undefined {
  for (const direction of ["egress", "ingress"] as const) {
    const { allowed, policies } = decide(network.cluster, flow, direction);
    if (allowed) continue;
    const [, other] = ends(flow, direction);
    return { ...findCause(network, flow, direction, policies, purpose, isCandidate), other };
  }
  return undefined;
}

/** A cause without the other end, which is the same for all causes of a denial. */
type Fault = Omit<DenialCause, "other">;

function findCause(
  network: Network,
  flow: Flow,
  direction: Direction,
  policies: readonly Policy[],
  purpose: Purpose,
  isCandidate: RuleFilter,
): Fault {
  const causes = [
    ...policies.flatMap((policy) => nearRules(network, flow, direction, policy, isCandidate)),
    ...nearPolicies(network, flow, direction, policies),
  ];
  const fits = new Map(
    causes.map((
      cause,
    ) => [cause, fitOf(objectOfPolicy(network, cause), cause.policy!.name, purpose)]),
  );
  // A policy for another destination is not to blame: its rule is right for that destination.
  const [nearest] = causes.filter((cause) => fits.get(cause)! >= 0).sort((a, b) =>
    fits.get(b)! - fits.get(a)! || KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind) ||
    affinity(b, flow, direction) - affinity(a, flow, direction)
  );
  if (nearest !== undefined) return nearest;
  const meant = causes.length === 0 ? "" : ` that is for ${TARGETS[purpose]}`;
  const rule = `rule for ${direction} on ${flow.protocol} ${flow.port}${meant}`;
  const problem = policies.length === 1
    ? `the policy that isolates the pod has no ${rule}`
    : `the ${policies.length} policies that isolate the pod have no ${rule}`;
  const namespace = policies[0]?.namespace ?? network.project.jobs.namespace;
  const isolating = policies.find(({ rules }) => rules[direction].length === 0) ?? policies[0];
  const common = { kind: "noRule", direction, namespace, path: "", problem } as const;
  return isolating === undefined ? common : { ...common, isolating };
}

/** The kinds of cause, the most probable mistake first. */
const KINDS: readonly DenialCause["kind"][] = [
  "emptySelector",
  "peer",
  "port",
  "podSelector",
  "policyTypes",
];

/** The destinations for people. */
const TARGETS: Readonly<Record<Purpose, string>> = {
  store: "the object store",
  dns: "DNS",
  database: "Postgres",
  api: "the Kubernetes API",
  spark: "driver and executors",
};

function objectOfPolicy(network: Network, { policy }: Fault) {
  return policy && objectOf(network, "NetworkPolicy", policy.name, policy.namespace);
}

/** Returns how much a rule resembles the required rule: the type of its peers, and its ports. */
function affinity({ rule, peer }: Fault, flow: Flow, direction: Direction): number {
  const [, other] = ends(flow, direction);
  const type = other.type === "pod" ? "pods" : "block";
  const isOnlyPort = rule?.ports.length === 1 && rule.ports[0]!.port === flow.port;
  return (peer?.type === type ? 2 : 0) + (isOnlyPort ? 1 : 0);
}

/** Finds rules of isolating policies where only the peers or only the ports do not match. */
function nearRules(
  network: Network,
  flow: Flow,
  direction: Direction,
  policy: Policy,
  isCandidate: RuleFilter,
): Fault[] {
  const [, other] = ends(flow, direction);
  return policy.rules[direction].filter((rule) => isCandidate(rule, policy)).flatMap(
    (rule): Fault[] => {
      const matchesPeer = matchingPeers(network.cluster, policy, rule, other)?.length !== 0;
      const matchesPort = matchingPorts(rule, flow.to, flow.protocol, flow.port)?.length !== 0;
      const common = { direction, namespace: policy.namespace, policy, rule };
      if (!matchesPeer && matchesPort) {
        const empty = other.type === "outside" ? rule.peers.find(selectsAllPods) : undefined;
        if (empty !== undefined) {
          const problem = "namespaceSelector: {} selects every pod in the cluster and no address " +
            "outside it";
          const path = selectorPath(empty);
          return [{ ...common, kind: "emptySelector", peer: empty, path, problem }];
        }
        const peer = nearestPeer(network, policy, rule, other);
        const problem = rule.peers.map((each) =>
          whyExcepted(each, other) ??
            `the rule is for ${formatPeer(each)}, but ${
              whyNot(network.cluster, policy, each, other)
            }`
        ).join("; ");
        return [{ ...common, kind: "peer", peer, path: peer.path, problem }];
      }
      if (matchesPeer && !matchesPort && rule.peers.length > 0) {
        const listed = rule.ports.map(formatPolicyPort).join(", ");
        const problem = `the rule allows only ${listed}, not ${flow.protocol} ${flow.port}`;
        return [{ ...common, kind: "port", path: `${rule.path}.ports`, problem }];
      }
      return [];
    },
  );
}

/** Returns the peer of a rule that is most similar to a peer for the other end. */
function nearestPeer(network: Network, policy: Policy, { peers }: Rule, other: Endpoint): Peer {
  if (other.type === "outside") return peers.find(({ type }) => type === "block") ?? peers[0]!;
  const half = peers.filter((peer) => peer.type === "pods").find((peer) => {
    const { namespaces, pods } = peer;
    const inNamespace = namespaces === undefined
      ? other.namespace === policy.namespace
      : selects(namespaces, namespaceOf(network.cluster, other.namespace).labels);
    return inNamespace || pods !== undefined && selects(pods, other.labels);
  });
  return half ?? peers.find(({ type }) => type === "pods") ?? peers[0]!;
}

/**
 * Finds policies with a matching rule that do not select the pod or do not apply in this direction.
 */
function nearPolicies(
  network: Network,
  flow: Flow,
  direction: Direction,
  isolating: readonly Policy[],
): Fault[] {
  const [self, other] = ends(flow, direction);
  if (self.type === "outside") return [];
  const candidates = network.cluster.policies.filter((policy) =>
    policy.namespace === self.namespace && !isolating.includes(policy)
  );
  return candidates.flatMap((policy): Fault[] => {
    const rule = policy.declaredRules[direction].find((each) =>
      matchingPeers(network.cluster, policy, each, other)?.length !== 0 &&
      matchingPorts(each, flow.to, flow.protocol, flow.port)?.length !== 0
    );
    if (rule === undefined) return [];
    const common = { direction, namespace: self.namespace, policy, rule };
    if (!selects(policy.pods, self.labels)) {
      if (isForOtherJobs(network, policy, self)) return [];
      const problem = `the policy selects only pods with ${formatSelector(policy.pods)}`;
      return [{ ...common, kind: "podSelector", path: "spec.podSelector", problem }];
    }
    const type = direction === "egress" ? "Egress" : "Ingress";
    const problem =
      `policyTypes does not include ${type}, so the policy's ${direction} rules have no effect`;
    return [{ ...common, kind: "policyTypes", path: "spec.policyTypes", problem }];
  });
}

/** Returns whether namespace-labels reports the cause and the fix. */
function isForNamespaceLabels(network: Network, { cause }: DeniedConnection): boolean {
  if (cause.kind !== "peer" || cause.peer?.type !== "pods") return false;
  const { namespaces } = cause.peer;
  if (namespaces === undefined) return false;
  const { kind } = matchNamespaces(network, namespaces);
  return kind === "none" || kind === "labels";
}

/**
 * Returns whether a peer is an empty `namespaceSelector`, which selects every pod and no address.
 */
function selectsAllPods(peer: Peer): boolean {
  return peer.type === "pods" && peer.namespaces?.requirements.length === 0 &&
    (peer.pods === undefined || peer.pods.requirements.length === 0);
}

function selectorPath(peer: Peer): string {
  return peer.type === "pods" ? peer.namespaces?.path ?? peer.path : peer.path;
}

/** Lists the destinations of denied connections, as in `the driver on TCP 7078 and TCP 7079`. */
function destinationsOf(denied: readonly DeniedConnection[]): string {
  const byDestination = Map.groupBy(denied, ({ destination }) => destination);
  return naming([...byDestination].map(([destination, each]) => {
    const ports = portsOf(each).map(({ protocol, port }) => `${protocol} ${port}`);
    return `${destination} on ${ports.join(" and ")}`;
  }));
}

function keyOf(
  { job, cause: { kind, policy, path, direction, namespace } }: DeniedConnection,
): string {
  const newPolicy = policy === undefined ? [direction, namespace, runsToolkit(job)] : [];
  return [kind, policy?.namespace, policy?.name, path, ...newPolicy].join(" ");
}
