import { isItself } from "./evaluate.ts";
import { isolating, portNumbers, selectsEndpoint } from "./matching.ts";
import {
  type Cluster,
  type Direction,
  type Pod,
  type Policy,
  type PolicyPort,
  PROTOCOLS,
  type Rule,
} from "./model.ts";
import {
  EVERY,
  intersection,
  isEmpty,
  type OutsideRange,
  outsideRanges,
  type PortSet,
  portsOf,
  union,
} from "./open_ports.ts";

/** The open ports from one workload's pods to another's. */
export interface PodConnection {
  /** The source. */
  readonly from: Pod;
  /** The destination: another workload, another pod of the same workload, or a bare Pod itself. */
  readonly to: Pod;
  /** The ports that both ends allow; never empty. Equal sets of a matrix are the same object. */
  readonly ports: PortSet;
}

/** The open ports between a workload's pods and outside addresses. */
export interface OutsideConnection extends OutsideRange {
  /** The pods of the workload. */
  readonly pod: Pod;
}

/** All allowed connections, computed while they are read. */
export interface Matrix {
  /**
   * The number of each pod's class, in the order of the pods. Every policy treats the pods of a class
   * the same.
   */
  readonly classOf: readonly number[];
  /**
   * The open ports from the pods of one class to other pods of a class, by their numbers. Equal sets are
   * the same object.
   */
  between(from: number, to: number): PortSet;
  /** Between workloads. */
  readonly within: Iterable<PodConnection>;
  /** From workloads to outside addresses. */
  readonly outward: Iterable<OutsideConnection>;
  /** From outside addresses to workloads. */
  readonly inward: Iterable<OutsideConnection>;
}

/**
 * Lists all connections that the policies of a cluster allow, in the order of the pods. Pods that
 * every policy treats the same form a class, and each pair of classes is judged once.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readCluster } from "./read_cluster.ts";
 * import { matrixOf } from "./matrix.ts";
 * import { EVERY } from "./open_ports.ts";
 *
 * const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "a" }, spec: { containers: [] } };
 * const { cluster } = readCluster([{ value: pod }]);
 * assertEquals([...matrixOf(cluster).outward].map(({ ports }) => ports), [EVERY, EVERY]);
 * ```
 */
export function matrixOf(cluster: Cluster): Matrix {
  const { classes, classOf } = classify(cluster);
  const same = interner();
  const between = classes.map((): (PortSet | undefined)[] => []);
  const portsBetween = (from: PodClass, to: PodClass): PortSet =>
    between[from.id]![to.id] ??= same(bothAllow(from, to));
  const outsideOf = outsideReader(cluster, same);
  const outside = (direction: Direction): Iterable<OutsideConnection> => ({
    *[Symbol.iterator]() {
      for (const [i, pod] of cluster.pods.entries()) {
        for (const range of outsideOf(classOf[i]!, direction)) yield { pod, ...range };
      }
    },
  });
  const within: Iterable<PodConnection> = {
    *[Symbol.iterator]() {
      for (const [i, from] of cluster.pods.entries()) {
        for (const [j, to] of cluster.pods.entries()) {
          const ports = isItself(from, to) ? EVERY : portsBetween(classOf[i]!, classOf[j]!);
          if (!isEmpty(ports)) yield { from, to, ports };
        }
      }
    },
  };
  return {
    classOf: classOf.map(({ id }) => id),
    between: (from, to) => portsBetween(classes[from]!, classes[to]!),
    within,
    outward: outside("egress"),
    inward: outside("ingress"),
  };
}

/** A rule of a policy, and the numbers of its peers in {@linkcode PodClass.peers}. */
interface NumberedRule {
  readonly rule: Rule;
  /** The numbers of the peers; undefined if the rule has no peers. */
  readonly peers: readonly number[] | undefined;
}

/** Pods that every policy treats the same. */
interface PodClass {
  readonly id: number;
  /** One of the pods. */
  readonly pod: Pod;
  /** For each number of a peer, 1 if the peer selects the pods. */
  readonly peers: Uint8Array;
  /** The rules that apply to the pods; undefined without isolation. */
  readonly rules: Readonly<Record<Direction, readonly NumberedRule[] | undefined>>;
  /** Identifies the policies that isolate the pods, and the named ports. */
  readonly isolation: Readonly<Record<Direction, string>>;
}

/** Groups the pods into classes. */
function classify(cluster: Cluster): { classes: PodClass[]; classOf: PodClass[] } {
  const { rules, selecting } = numberPeers(cluster);
  const byNamespace = Map.groupBy(cluster.policies, ({ namespace }) => namespace);
  const names = namedPorts(cluster.policies);
  const classes = new Map<string, PodClass>();
  const numbers = new Map(cluster.policies.map((policy, i) => [policy, i]));
  const classOf = cluster.pods.map((pod): PodClass => {
    const own = { ...cluster, policies: byNamespace.get(pod.namespace) ?? [] };
    const policies = {
      egress: isolating(own, pod, "egress"),
      ingress: isolating(own, pod, "ingress"),
    };
    const peers = Uint8Array.from(selecting, (selects) => selects(pod) ? 1 : 0);
    const ports = names.flatMap((port) => portNumbers(port, pod).map(({ from }) => from).join("/"));
    const isolation = {
      egress: policies.egress.map((policy) => numbers.get(policy)!).join(),
      ingress: `${policies.ingress.map((policy) => numbers.get(policy)!).join()} ${ports.join()}`,
    };
    const key = `${isolation.egress};${isolation.ingress};${peers.join("")}`;
    const known = classes.get(key);
    if (known !== undefined) return known;
    const applying = (direction: Direction) =>
      policies[direction].length === 0 ? undefined : policies[direction]
        .flatMap((policy) => policy.rules[direction]).map((rule) => rules.get(rule)!);
    const found: PodClass = {
      id: classes.size,
      pod,
      peers,
      rules: { egress: applying("egress"), ingress: applying("ingress") },
      isolation,
    };
    classes.set(key, found);
    return found;
  });
  return { classes: [...classes.values()], classOf };
}

/** Numbers the peers of all rules. Peers that select the same pods share a number. */
function numberPeers(
  cluster: Cluster,
): { rules: Map<Rule, NumberedRule>; selecting: ((pod: Pod) => boolean)[] } {
  const rules = new Map<Rule, NumberedRule>();
  const selecting: ((pod: Pod) => boolean)[] = [];
  const numbers = new Map<string, number>();
  for (const policy of cluster.policies) {
    for (const rule of [...policy.rules.egress, ...policy.rules.ingress]) {
      const peers = rule.peers.map((peer) => {
        const isOwnNamespace = peer.type === "pods" && peer.namespaces === undefined;
        const content = peer.type === "block"
          ? [peer.cidr, ...peer.except.map(({ first, last }) => `${first}-${last}`)]
          : [peer.namespaces, peer.pods].map((each) =>
            each?.requirements.map(({ key, operator, values }) => [key, operator, values])
          );
        const key = JSON.stringify([isOwnNamespace ? policy.namespace : null, content]);
        const known = numbers.get(key);
        if (known !== undefined) return known;
        numbers.set(key, selecting.length);
        return selecting.push((pod) => selectsEndpoint(cluster, policy, peer, pod)) - 1;
      });
      rules.set(rule, { rule, peers: peers.length === 0 ? undefined : peers });
    }
  }
  return { rules, selecting };
}

/** The named ports in policies, each name and protocol once. */
function namedPorts(policies: readonly Policy[]): PolicyPort[] {
  const named = new Map<string, PolicyPort>();
  for (const { rules } of policies) {
    for (const { ports } of [...rules.egress, ...rules.ingress]) {
      for (const each of ports) {
        if (typeof each.port === "string") named.set(`${each.protocol} ${each.port}`, each);
      }
    }
  }
  return [...named.values()];
}

/** The ports that both ends allow. */
function bothAllow(from: PodClass, to: PodClass): PortSet {
  const sent = oneAllows(from.rules.egress, to, to);
  return isEmpty(sent) ? sent : intersection(sent, oneAllows(to.rules.ingress, from, to));
}

function oneAllows(
  rules: readonly NumberedRule[] | undefined,
  other: PodClass,
  destination: PodClass,
): PortSet {
  if (rules === undefined) return EVERY;
  const open: PortSet[] = [];
  for (const { rule, peers } of rules) {
    if (peers === undefined || peers.some((peer) => other.peers[peer] === 1)) {
      open.push(portsOf(rule, destination.pod));
    }
  }
  return union(open);
}

/** Returns a function that reads the open outside addresses of a class, each list once. */
function outsideReader(cluster: Cluster, same: (ports: PortSet) => PortSet) {
  const known = new Map<string, readonly OutsideRange[]>();
  return ({ pod, isolation }: PodClass, direction: Direction): readonly OutsideRange[] => {
    const key = `${direction} ${isolation[direction]}`;
    const found = known.get(key) ?? outsideRanges(cluster, pod, direction)
      .map(({ range, ports }) => ({ range, ports: same(ports) }));
    known.set(key, found);
    return found;
  };
}

/** Returns a function that returns the same object for equal sets of ports. */
function interner(): (ports: PortSet) => PortSet {
  const known = new Map<string, PortSet>();
  return (ports) => {
    const key = PROTOCOLS.map((protocol) =>
      ports[protocol].map(({ from, to }) => `${from}-${to}`).join()
    ).join(";");
    const found = known.get(key) ?? ports;
    known.set(key, found);
    return found;
  };
}
