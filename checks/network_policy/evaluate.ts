import { isolating, meaningPeers, meaningPorts } from "./match.ts";
import type { Cluster, Direction, Endpoint, Flow, Pod } from "./model.ts";
import type { Peer, Policy, PolicyPort, Rule } from "./policy.ts";

/**
 * What decided:
 *
 * - `outside`: this end is no pod, so no policy is asked
 * - `itself`: a pod always reaches itself
 * - `host-network`: the pod shares its node's network, where no policy applies
 * - `no-policy`: no policy isolates the pod in this direction, so everything is allowed
 * - `rule`: the pod is isolated, and at least one rule allows it
 * - `no-rule`: the pod is isolated, and no rule of any of these policies allows it
 */
export type Reason = "outside" | "itself" | "host-network" | "no-policy" | "rule" | "no-rule";

/** A rule that allows a connection. */
export interface Allowing {
  /** The policy that has the rule. */
  readonly policy: Policy;
  /** The rule. */
  readonly rule: Rule;
  /** Its peer that means the other end; undefined where the rule means everybody. */
  readonly peer: Peer | undefined;
  /** Its port that means the destination's; undefined where the rule means every port. */
  readonly port: PolicyPort | undefined;
}

/** What one end of a connection says to it. */
export interface Decision {
  /** Which end: egress is the source's, ingress is the destination's. */
  readonly direction: Direction;
  /** Whether this end allows it. */
  readonly allowed: boolean;
  /** What decided. */
  readonly reason: Reason;
  /** The policies that isolate this end in this direction. */
  readonly policies: readonly Policy[];
  /** The rules of these policies that allow it, in their order. */
  readonly rules: readonly Allowing[];
}

/** What both ends say to a connection. It needs both. */
export interface Verdict {
  /** Whether both ends allow it. */
  readonly allowed: boolean;
  /** What the source says. */
  readonly egress: Decision;
  /** What the destination says. */
  readonly ingress: Decision;
}

/**
 * Judges a connection under all policies of a cluster.
 *
 * Where both ends are the same workload, they are two different pods of it, such as two replicas. A
 * bare Pod has no other, and reaches itself.
 */
export function evaluate(cluster: Cluster, flow: Flow): Verdict {
  const egress = decide(cluster, flow, "egress");
  const ingress = decide(cluster, flow, "ingress");
  return { allowed: egress.allowed && ingress.allowed, egress, ingress };
}

/** Judges one end of a connection. */
export function decide(cluster: Cluster, flow: Flow, direction: Direction): Decision {
  const [self, other] = ends(flow, direction);
  const open = (reason: Reason): Decision => (
    { direction, allowed: true, reason, policies: [], rules: [] }
  );
  if (self.type === "outside") return open("outside");
  if (isItself(self, other)) return open("itself");
  if (self.hostNetwork) return open("host-network");
  const policies = isolating(cluster, self, direction);
  if (policies.length === 0) return open("no-policy");
  const rules = policies.flatMap((policy) =>
    policy.rules[direction].flatMap((rule) => allowing(cluster, flow, policy, rule, other))
  );
  const allowed = rules.length > 0;
  return { direction, allowed, reason: allowed ? "rule" : "no-rule", policies, rules };
}

/** The end that a direction is about, and the other one. */
export function ends({ from, to }: Flow, direction: Direction): [Endpoint, Endpoint] {
  return direction === "egress" ? [from, to] : [to, from];
}

/** Whether two ends are one and the same pod. */
export function isItself(one: Pod, other: Endpoint): boolean {
  return one === other && !one.several;
}

function allowing(
  cluster: Cluster,
  { to, protocol, port }: Flow,
  policy: Policy,
  rule: Rule,
  other: Endpoint,
): Allowing[] {
  const peers = meaningPeers(cluster, policy, rule, other);
  if (peers?.length === 0) return [];
  const ports = meaningPorts(rule, to, protocol, port);
  if (ports?.length === 0) return [];
  return [{ policy, rule, peer: peers?.[0], port: ports?.[0] }];
}
