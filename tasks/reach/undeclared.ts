import { type Requirement, type Selector, selects } from "../../checks/kubernetes/selectors.ts";
import { evaluate, type Verdict } from "../../checks/network_policy/evaluate.ts";
import { isolating } from "../../checks/network_policy/matching.ts";
import {
  type Cluster,
  type Direction,
  NAME_LABEL,
  namespaceOf,
  type Pod,
  type Policy,
  type Protocol,
  type Rule,
  UNKNOWN_VALUE,
} from "../../checks/network_policy/model.ts";
import { Failure } from "../../pipeline/errors.ts";

/** A workload that no manifest declares. */
export interface Undeclared {
  /** Distinguishes undeclared workloads from pods, addresses and host names. */
  readonly type: "undeclared";
  /** The namespace, as given on the command line. */
  readonly namespace: string;
  /** The kind, as given on the command line. */
  readonly kind: string;
  /** The name, as given on the command line. */
  readonly name: string;
  /** The labels that the pods have for certain: those that a declared Service selects. */
  readonly labels: ReadonlyMap<string, string>;
}

/** Labels that the pods of an undeclared workload can have, and a cluster with these pods. */
export interface Case {
  /** A pod with the labels. */
  readonly pod: Pod;
  /** The cluster, with labels of the pod's namespace. */
  readonly cluster: Cluster;
}

/** The connection between a declared pod and an undeclared workload. */
export interface HalfKnown {
  /** The declared end. */
  readonly pod: Pod;
  /** The direction of the declared end: `egress` if the connection starts there. */
  readonly direction: Direction;
  /** The undeclared end. */
  readonly undeclared: Undeclared;
  /** The protocol of the connection. */
  readonly protocol: Protocol;
  /** The destination's port. */
  readonly port: number;
}

/** The maximum number of combinations of labels to evaluate. */
const MAX_CASES = 4096;

/**
 * Evaluates a connection for all labels that matter: each combination of values that the policies
 * name, another value, and no label. Returns one case for each set of rules that allows the
 * connection, and one case for a denied connection.
 */
export function casesOf(cluster: Cluster, half: HalfKnown): Case[] {
  const found = new Map<string, Case>();
  for (const each of allCases(cluster, half)) {
    const verdict = verdictOf(each, half);
    const key = keyOf(verdict);
    if (!found.has(key)) found.set(key, each);
  }
  const cases = [...found.values()];
  const isOpen = (each: Case) => verdictOf(each, half).allowed;
  const sides = (each: Case) => {
    const { egress, ingress } = verdictOf(each, half);
    return Number(egress.allowed) + Number(ingress.allowed);
  };
  const open = cases.filter(isOpen);
  const closed = cases.filter((each) => !isOpen(each));
  if (closed.length === 0) return open.slice(0, 1);
  // If no labels open the connection, the case with the fewest obstacles explains why.
  if (open.length === 0) return closed.toSorted((a, b) => sides(b) - sides(a)).slice(0, 1);
  return [
    ...open.map((each) => withPart(each, "if its labels match the rules below")),
    withPart(closed[0]!, "otherwise"),
  ];
}

function withPart({ pod, cluster }: Case, part: string): Case {
  return { pod: { ...pod, part }, cluster };
}

function verdictOf({ pod, cluster }: Case, half: HalfKnown): Verdict {
  const [from, to] = half.direction === "egress" ? [half.pod, pod] : [pod, half.pod];
  return evaluate(cluster, { from, to, protocol: half.protocol, port: half.port });
}

function keyOf({ allowed, egress, ingress }: Verdict): string {
  const sides = [egress, ingress].map(({ allowed, rules }) => [
    allowed,
    ...rules.map(({ policy, rule }) => `${policy.namespace}/${policy.name} ${rule.path}`),
  ]);
  return JSON.stringify([allowed, sides]);
}

/** All combinations, with the fewest labels first. */
function allCases(cluster: Cluster, half: HalfKnown): Case[] {
  const { namespace, kind, name, labels } = half.undeclared;
  const policies = isolating(cluster, half.pod, half.direction);
  const rules = policies.flatMap((policy) =>
    policy.rules[half.direction].filter((rule) => mayHavePort(rule, half))
      .map((rule) => ({ policy, rule }))
  );
  const podSelectors: Selector[] = [];
  const namespaceSelectors: Selector[] = [];
  for (const { policy, rule } of rules) {
    for (const peer of rule.peers) {
      if (peer.type !== "pods" || !isInNamespace(cluster, policy, peer.namespaces, namespace)) {
        continue;
      }
      if (peer.pods !== undefined) podSelectors.push(peer.pods);
      if (peer.namespaces !== undefined) namespaceSelectors.push(peer.namespaces);
    }
  }
  const other: Direction = half.direction === "egress" ? "ingress" : "egress";
  for (const policy of cluster.policies) {
    if (policy.namespace === namespace && policy.directions.includes(other)) {
      podSelectors.push(policy.pods);
    }
  }
  const known = namespaceOf(cluster, namespace).labels;
  const isDeclared = cluster.namespaces.has(namespace);
  const podLabels = combinations(podSelectors, labels);
  const namespaceLabels = isDeclared ? [known] : combinations(namespaceSelectors, known);
  const names = half.direction === "egress"
    ? rules.flatMap((each) => namesOf(each.rule, half))
    : [];
  const ports = [[], ...(names.length === 0 ? [] : [names])];
  if (podLabels.length * namespaceLabels.length > MAX_CASES) throw tooMany(half.undeclared);
  return namespaceLabels.flatMap((namespaceLabel) => {
    const namespaces = new Map(cluster.namespaces);
    const isAssumed = isDeclared ? {} : { isAssumed: true } as const;
    namespaces.set(namespace, { name: namespace, labels: namespaceLabel, ...isAssumed });
    const world = { ...cluster, namespaces };
    return podLabels.flatMap((each) =>
      ports.map((own): Case => ({
        cluster: world,
        pod: {
          type: "pod",
          namespace,
          kind,
          name,
          labels: each,
          ports: own.map((port) => ({ name: port, protocol: half.protocol, port: half.port })),
          hostNetwork: false,
          addresses: [],
          several: true,
        },
      }))
    );
  }).toSorted((a, b) => sizeOf(a) - sizeOf(b));
}

function sizeOf({ pod, cluster }: Case): number {
  return pod.labels.size + pod.ports.length + cluster.namespaces.get(pod.namespace)!.labels.size;
}

/** Returns whether a peer can select pods in a namespace whose labels may be unknown. */
function isInNamespace(
  cluster: Cluster,
  policy: Policy,
  selector: Selector | undefined,
  namespace: string,
): boolean {
  if (selector === undefined) return policy.namespace === namespace;
  const { labels } = namespaceOf(cluster, namespace);
  if (cluster.namespaces.has(namespace)) return selects(selector, labels);
  const certain = selector.requirements.filter(({ key }) => key === NAME_LABEL);
  return selects({ path: selector.path, requirements: certain }, labels);
}

function mayHavePort({ ports }: Rule, { protocol, port }: HalfKnown): boolean {
  return ports.length === 0 || ports.some((each) =>
    each.protocol === protocol &&
    (typeof each.port !== "number" || each.port <= port && port <= (each.endPort ?? each.port))
  );
}

/** The names of ports that the containers of an undeclared workload may declare. */
function namesOf({ ports }: Rule, { protocol }: HalfKnown): string[] {
  return ports.flatMap((each) =>
    each.protocol === protocol && typeof each.port === "string" ? [each.port] : []
  );
}

/** The sets of labels that the selectors distinguish. Known labels do not change. */
function combinations(
  selectors: readonly Selector[],
  known: ReadonlyMap<string, string>,
): ReadonlyMap<string, string>[] {
  const requirements = selectors.flatMap((each) => each.requirements)
    .filter(({ key }) => !known.has(key));
  let sets: ReadonlyMap<string, string>[] = [known];
  for (const [key, own] of Map.groupBy(requirements, (each: Requirement) => each.key)) {
    const values = new Set([...own.flatMap((each) => each.values), UNKNOWN_VALUE]);
    sets = sets.flatMap((
      set,
    ) => [set, ...[...values].map((value) => new Map([...set, [key, value]]))]);
    if (sets.length > MAX_CASES) break;
  }
  return sets;
}

function tooMany({ namespace, name }: Undeclared): Failure {
  return new Failure({
    kind: "configuration",
    task: `evaluate ${namespace}/${name}`,
    problem: "no manifest declares the workload, and the policies name too many labels",
    remedy: "Add the workload to the manifests.",
  });
}
