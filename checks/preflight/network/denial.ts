import type { Finding, Outcome } from "../../finding.ts";
import type {
  Direction,
  Endpoint,
  Flow,
  Peer,
  Policy,
  Protocol,
  Rule,
} from "../../network_policy/model.ts";
import type { Actor, SparkJob } from "./job_pods.ts";
import { type Network, objectOf, place } from "./job_network.ts";
import { naming } from "../../list_names.ts";
import {
  decide,
  ends,
  formatPeer,
  formatPolicyPort,
  meaningPeers,
  meaningPorts,
  policyId,
  selectsNoNamespace,
  whyNot,
} from "../../network_policy/evaluate.ts";
import { JOBS_NAMESPACE } from "../../../pipeline/contract/platform.ts";
import { readPolicy } from "../../network_policy/read_policy.ts";
import { formatSelector, selects } from "../../kubernetes/selectors.ts";

/** A connection that a job needs. */
export interface Needed {
  /** The job. */
  readonly job: SparkJob;
  /** The pod that finding and fix are about: usually the one that opens the connection. */
  readonly actor: Actor;
  /** Who opens it, where that is not the actor's pod. */
  readonly from?: Endpoint;
  /** Who is asked. */
  readonly to: readonly Endpoint[];
  /** Whether each of these has to be reached, since any may be the one; else one of them will do. */
  readonly every?: boolean;
  /** What it speaks. */
  readonly protocol: Protocol;
  /** The destination's port. */
  readonly port: number;
  /** How the destination is told, with the port. */
  readonly target: string;
  /** Which rules could have been meant for it. */
  readonly meant?: Meant;
}

/** The connections that are needed and not allowed, each with what keeps it from being so. */
export function deniedOf(network: Network, needed: readonly Needed[]): Denied[] {
  return needed.flatMap((each): Denied[] => {
    const { job, actor, from = actor.pod, to, every, protocol, port, target, meant } = each;
    const blames = to.map((end) => blameFor(network, { from, to: end, protocol, port }, meant));
    const isEnough = every !== true && blames.includes(undefined);
    const blame = isEnough ? undefined : blames.find((one) => one !== undefined);
    return blame === undefined ? [] : [{ job, actor, target, blame }];
  });
}

/** Judges denied connections; where namespace-labels tells the fault, it is not told twice. */
export function outcomeOf(
  network: Network,
  denied: readonly Denied[],
  examined: string,
  advice: Advice,
): Outcome {
  const ours = denied.filter((each) => !isForNamespaceLabels(network, each));
  if (denied.length > 0 && ours.length === 0) {
    return { skip: "a rule selects a namespace by a label that none has (see namespace-labels)" };
  }
  return { examined, findings: findingsOf(network, ours, advice) };
}

/** The pods of jobs that run the jobs' code: all but those that only ask for a driver. */
export function workers({ jobs }: Pick<Network, "jobs">): { job: SparkJob; actor: Actor }[] {
  return jobs.flatMap((job) =>
    job.actors.filter(({ role }) => role !== "submitter").map((actor) => ({ job, actor }))
  );
}

/** How many of each there are, for `examined`: `pods of 2 jobs under 6 policies`. */
export function lookedAt({ jobs, policies }: Network): string {
  const many = (number: number, one: string, more: string) =>
    `${number} ${number === 1 ? one : more}`;
  return `pods of ${many(jobs.length, "job", "jobs")} under ${
    many(policies.length, "policy", "policies")
  }`;
}

/** A connection that some pods of a job need and do not have. */
export interface Denied {
  /** The job. */
  readonly job: SparkJob;
  /** Which of its pods. */
  readonly actor: Actor;
  /** What it cannot reach, as in `Postgres in namespace robson on TCP 5432`. */
  readonly target: string;
  /** What keeps it from that. */
  readonly blame: Blame;
}

/** What a check adds to the findings about denied connections. */
export interface Advice {
  /** Why the connection matters. */
  readonly why: string;
  /** The remedy. */
  readonly fix: (denied: Denied, all: readonly Denied[]) => string;
}

/** Whether it is a namespace's label that decides, which namespace-labels tells with its fix. */
function isForNamespaceLabels(network: Network, { blame }: Denied): boolean {
  return blame.kind === "peer" && blame.peer?.type === "pods" &&
    selectsNoNamespace(network.cluster, blame.peer);
}

/** What denied connections come down to: one finding for each field that decides. */
export function findingsOf(
  network: Network,
  denied: readonly Denied[],
  { why, fix }: Advice,
): Finding[] {
  const groups = Map.groupBy(denied, keyOf);
  return [...groups.values()].map((all): Finding => {
    const first = all[0]!;
    const { policy, path, problem } = first.blame;
    const object = policy === undefined
      ? first.job.object
      : objectOf(network, "NetworkPolicy", policy.name, policy.namespace);
    const field = path === "" ? labelsPath(first.job) : path;
    const who = tellActors(all);
    const what = naming([...new Set(all.map(({ target }) => target))]);
    return {
      severity: "fail",
      object: policy === undefined ? first.job.told : policyId(policy),
      field,
      ...place(network, object, field),
      problem: `${problem}; so ${who} cannot reach ${what}`,
      why,
      fix: fix(first, all),
    };
  });
}

/** Pods of jobs, those of one job together: `Job analytics-jobs/a and its executors`. */
export function tellActors(all: readonly Pick<Denied, "job" | "actor">[]): string {
  const byJob = Map.groupBy(all, ({ job }) => job.told);
  return naming([...byJob].map(([job, each]) => {
    const told = [...new Set(each.map(({ actor }) => actor.told))]
      .sort((a, b) => Number(b === job) - Number(a === job));
    if (told[0] !== job) return told.join(" and ");
    return [job, ...told.slice(1).map((more) => more.replace(/^the (\w+) of .*$/, "its $1"))]
      .join(" and ");
  }));
}

function keyOf({ blame: { kind, policy, path, direction } }: Denied): string {
  return [kind, policy?.namespace, policy?.name, path, policy === undefined ? direction : ""]
    .join(" ");
}

/** Policies find a job's pods by these. */
function labelsPath({ specPath }: SparkJob): string {
  return specPath.replace(/spec$/, "metadata.labels");
}

/**
 * What keeps one end of a connection from allowing it, and would allow it if one field were another:
 *
 * - `trap`: a rule for the port that means every pod of the cluster, where an address is asked for
 * - `peer`: a rule for the port that means somebody else
 * - `port`: a rule for the other end that means another port
 * - `pods`: a rule for all of it, of a policy that does not select the pod
 * - `types`: a rule for all of it, in a direction that the policy does not have
 * - `missing`: no rule comes close
 */
export interface Blame {
  /** Which of these. */
  readonly kind: "trap" | "peer" | "port" | "pods" | "types" | "missing";
  /** Which end: egress is the source's, ingress is the destination's. */
  readonly direction: Direction;
  /** The namespace of this end. */
  readonly namespace: string;
  /** The policy; undefined where the rule is missing. */
  readonly policy?: Policy;
  /** The rule. */
  readonly rule?: Rule;
  /** The peer, where it is about one. */
  readonly peer?: Peer;
  /** The field that decides. */
  readonly path: string;
  /** What is wrong with it. */
  readonly problem: string;
}

/** Which rules could have been meant for a connection at all. */
export type Meant = (rule: Rule) => boolean;

/** Finds what keeps a connection from being allowed, first at its source; undefined if nothing does. */
export function blameFor(
  network: Network,
  flow: Flow,
  meant: Meant = () => true,
): Blame | undefined {
  for (const direction of ["egress", "ingress"] as const) {
    const decision = decide(network.cluster, flow, direction);
    if (!decision.allowed) return find(network, flow, direction, decision.policies, meant);
  }
  return undefined;
}

function find(
  network: Network,
  flow: Flow,
  direction: Direction,
  policies: readonly Policy[],
  meant: Meant,
): Blame {
  const found = [
    ...policies.flatMap((policy) => nearRules(network, flow, direction, policy, meant)),
    ...nearPolicies(network, flow, direction, policies),
  ];
  for (const kind of ["trap", "peer", "port", "pods", "types"] as const) {
    const blame = found.find((each) => each.kind === kind);
    if (blame !== undefined) return blame;
  }
  const count = policies.length;
  const problem =
    `${count === 1 ? "the policy that isolates" : `none of the ${count} policies that isolate`} ` +
    `it has ${count === 1 ? "no" : "a"} rule for ${direction} on ${flow.protocol} ${flow.port}`;
  const namespace = policies[0]?.namespace ?? JOBS_NAMESPACE;
  return { kind: "missing", direction, namespace, path: "", problem };
}

/** Rules that fail by their peers alone, or by their ports alone. */
function nearRules(
  network: Network,
  flow: Flow,
  direction: Direction,
  policy: Policy,
  meant: Meant,
): Blame[] {
  const [, other] = ends(flow, direction);
  return policy.rules[direction].filter(meant).flatMap((rule): Blame[] => {
    const fitting = meaningPeers(network.cluster, policy, rule, other)?.length !== 0;
    const onPort = meaningPorts(rule, flow.to, flow.protocol, flow.port)?.length !== 0;
    const common = { direction, namespace: policy.namespace, policy, rule };
    if (!fitting && onPort) {
      const trap = other.type === "outside" ? rule.peers.find(isTrap) : undefined;
      if (trap !== undefined) {
        const problem = "namespaceSelector: {} means every pod of the cluster and no address " +
          "outside of it";
        return [{ ...common, kind: "trap", peer: trap, path: selectorPath(trap), problem }];
      }
      const peer = rule.peers[0]!;
      const problem = rule.peers.map((each) =>
        `it means ${formatPeer(each)}, and ${whyNot(network.cluster, policy, each, other)}`
      ).join("; ");
      return [{ ...common, kind: "peer", peer, path: peer.path, problem }];
    }
    if (fitting && !onPort && rule.peers.length > 0) {
      const listed = rule.ports.map(formatPolicyPort).join(", ");
      const problem = `it allows ${listed} only, not ${flow.protocol} ${flow.port}`;
      return [{ ...common, kind: "port", path: `${rule.path}.ports`, problem }];
    }
    return [];
  });
}

/** Policies that have the rule, and do not apply to the pod or in this direction. */
function nearPolicies(
  network: Network,
  flow: Flow,
  direction: Direction,
  isolating: readonly Policy[],
): Blame[] {
  const [self, other] = ends(flow, direction);
  if (self.type === "outside") return [];
  const candidates = network.cluster.policies.filter((policy) =>
    policy.namespace === self.namespace && !isolating.includes(policy)
  );
  return candidates.flatMap((declared): Blame[] => {
    const policy = inBothDirections(network, declared);
    const rule = policy.rules[direction].find((each) =>
      meaningPeers(network.cluster, policy, each, other)?.length !== 0 &&
      meaningPorts(each, flow.to, flow.protocol, flow.port)?.length !== 0
    );
    if (rule === undefined) return [];
    const common = { direction, namespace: self.namespace, policy: declared, rule };
    if (!selects(declared.pods, self.labels)) {
      const problem = `it is for pods with ${formatSelector(declared.pods)} only`;
      return [{ ...common, kind: "pods", path: "spec.podSelector", problem }];
    }
    const type = direction === "egress" ? "Egress" : "Ingress";
    const problem = `it leaves out ${type}, so the policy's rules for it say nothing`;
    return [{ ...common, kind: "types", path: "spec.policyTypes", problem }];
  });
}

/** A direction that a policy does not have has no rules, whatever is written there: here it has. */
function inBothDirections(network: Network, policy: Policy): Policy {
  const value = objectOf(network, "NetworkPolicy", policy.name, policy.namespace)?.value;
  const spec = typeof value?.spec === "object" ? value.spec : {};
  const both = { ...value, spec: { ...spec, policyTypes: ["Ingress", "Egress"] } };
  return value === undefined ? policy : readPolicy(both, policy.where, () => {});
}

function selectorPath(peer: Peer): string {
  return peer.type === "pods" ? peer.namespaces?.path ?? peer.path : peer.path;
}

/** The `namespaceSelector: {}` trap: every pod of the cluster, and no address outside of it. */
function isTrap(peer: Peer): boolean {
  return peer.type === "pods" && peer.namespaces?.requirements.length === 0 &&
    (peer.pods === undefined || peer.pods.requirements.length === 0);
}
