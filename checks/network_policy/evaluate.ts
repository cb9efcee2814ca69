import { isolating, matchingPeers, matchingPorts } from "./matching.ts";
import type {
  Cluster,
  Direction,
  Endpoint,
  Flow,
  Peer,
  Pod,
  Policy,
  PolicyPort,
  Rule,
} from "./model.ts";

/**
 * The reason for a decision:
 *
 * - `outside`: this end is an outside address, where no policy applies
 * - `itself`: a pod can always reach itself
 * - `host-network`: the pod uses its node's network, where no policy applies
 * - `no-policy`: no policy isolates the pod in this direction, so all connections are allowed
 * - `rule`: policies isolate the pod, and at least one rule allows the connection
 * - `no-rule`: policies isolate the pod, and no rule allows the connection
 */
export type Reason = "outside" | "itself" | "host-network" | "no-policy" | "rule" | "no-rule";

/** A rule that allows a connection. */
export interface Allowing {
  /** The policy of the rule. */
  readonly policy: Policy;
  /** The rule. */
  readonly rule: Rule;
  /** The peer that selects the other end; undefined if the rule has no peers. */
  readonly peer: Peer | undefined;
  /** The port that includes the destination's port; undefined if the rule has no ports. */
  readonly port: PolicyPort | undefined;
}

/** The decision of one end of a connection. */
export interface Decision {
  /** The end that decides: `egress` for the source, `ingress` for the destination. */
  readonly direction: Direction;
  /** True if this end allows the connection. */
  readonly allowed: boolean;
  /** The reason for the decision. */
  readonly reason: Reason;
  /** The policies that isolate this end in this direction. */
  readonly policies: readonly Policy[];
  /** The rules of these policies that allow the connection, in order. */
  readonly rules: readonly Allowing[];
}

/** The decisions of both ends. A connection needs the permission of both. */
export interface Verdict {
  /** True if both ends allow the connection. */
  readonly allowed: boolean;
  /** The decision of the source. */
  readonly egress: Decision;
  /** The decision of the destination. */
  readonly ingress: Decision;
}

/**
 * Evaluates a connection under all policies of a cluster.
 *
 * If both ends are the same workload, they are two different pods of the workload, such as two
 * replicas. A bare Pod has no replicas and can always reach itself.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readCluster } from "./read_cluster.ts";
 * import { evaluate } from "./evaluate.ts";
 *
 * const pod = (name: string) => ({
 *   apiVersion: "v1",
 *   kind: "Pod",
 *   metadata: { name, namespace: "jobs", labels: { app: name } },
 *   spec: { containers: [] },
 * });
 * const policy = {
 *   apiVersion: "networking.k8s.io/v1",
 *   kind: "NetworkPolicy",
 *   metadata: { name: "to-db", namespace: "jobs" },
 *   spec: {
 *     podSelector: { matchLabels: { app: "job" } },
 *     policyTypes: ["Egress"],
 *     egress: [{ to: [{ podSelector: { matchLabels: { app: "db" } } }], ports: [{ port: 5432 }] }],
 *   },
 * };
 * const { cluster } = readCluster([pod("job"), pod("db"), policy].map((value) => ({ value })));
 * const [job, db] = cluster.pods;
 * const flow = { from: job!, to: db!, protocol: "TCP" } as const;
 * assertEquals(evaluate(cluster, { ...flow, port: 5432 }).allowed, true);
 * assertEquals(evaluate(cluster, { ...flow, port: 22 }).egress.reason, "no-rule");
 * ```
 */
export function evaluate(cluster: Cluster, flow: Flow): Verdict {
  const egress = decide(cluster, flow, "egress");
  const ingress = decide(cluster, flow, "ingress");
  return { allowed: egress.allowed && ingress.allowed, egress, ingress };
}

/**
 * Evaluates one end of a connection.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readCluster } from "./read_cluster.ts";
 * import { decide } from "./evaluate.ts";
 *
 * const pod = (name: string) => ({
 *   apiVersion: "v1",
 *   kind: "Pod",
 *   metadata: { name, labels: { app: name } },
 *   spec: { containers: [] },
 * });
 * const policy = {
 *   apiVersion: "networking.k8s.io/v1",
 *   kind: "NetworkPolicy",
 *   metadata: { name: "to-db" },
 *   spec: {
 *     podSelector: { matchLabels: { app: "job" } },
 *     policyTypes: ["Egress"],
 *     egress: [{ to: [{ podSelector: { matchLabels: { app: "db" } } }], ports: [{ port: 5432 }] }],
 *   },
 * };
 * const { cluster } = readCluster([pod("job"), pod("db"), policy].map((value) => ({ value })));
 * const [job, db] = cluster.pods;
 * const flow = { from: job!, to: db!, protocol: "TCP", port: 22 } as const;
 * assertEquals(decide(cluster, flow, "egress").reason, "no-rule");
 * assertEquals(decide(cluster, flow, "ingress").reason, "no-policy");
 * ```
 */
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

/**
 * The two ends of a connection: first the end that decides in a direction, then the other end.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseAddress } from "./address.ts";
 * import { ends } from "./evaluate.ts";
 * import type { Endpoint } from "./model.ts";
 *
 * const outside = (text: string): Endpoint => (
 *   { type: "outside", address: parseAddress(text)! }
 * );
 * const [from, to] = [outside("192.0.2.1"), outside("192.0.2.2")];
 * assertEquals(ends({ from, to, protocol: "TCP", port: 443 }, "egress"), [from, to]);
 * assertEquals(ends({ from, to, protocol: "TCP", port: 443 }, "ingress"), [to, from]);
 * ```
 */
export function ends({ from, to }: Flow, direction: Direction): [Endpoint, Endpoint] {
  return direction === "egress" ? [from, to] : [to, from];
}

/**
 * Returns whether two ends are the same single pod.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readCluster } from "./read_cluster.ts";
 * import { isItself } from "./evaluate.ts";
 *
 * const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "a" }, spec: { containers: [] } };
 * const [bare] = readCluster([{ value: pod }]).cluster.pods;
 * assertEquals(isItself(bare!, bare!), true);
 * ```
 */
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
  const peers = matchingPeers(cluster, policy, rule, other);
  if (peers?.length === 0) return [];
  const ports = matchingPorts(rule, to, protocol, port);
  if (ports?.length === 0) return [];
  return [{ policy, rule, peer: peers?.[0], port: ports?.[0] }];
}
