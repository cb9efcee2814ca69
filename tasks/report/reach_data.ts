import { formatRange } from "../../checks/network_policy/address.ts";
import { formatPeer, formatPolicyPort, policyId } from "../../checks/network_policy/explain.ts";
import { isolating, selectsEndpoint } from "../../checks/network_policy/matching.ts";
import type { Matrix, OutsideConnection } from "../../checks/network_policy/matrix.ts";
import type { Cluster, Direction, Peer, Pod, Policy } from "../../checks/network_policy/model.ts";
import { EVERY, isSame, type PortSet } from "../../checks/network_policy/open_ports.ts";
import { matrixNotes } from "../reach/matrix_notes.ts";
import type { Reading } from "../reach/reading.ts";
import { formatPorts } from "../reach/text.ts";
import type { ReachData, RuleData } from "./content.ts";

/** Writes all allowed connections as numbers into lists: many connections are the same. */
export function reachData(reading: Reading, matrix: Matrix): ReachData {
  const { directory, cluster } = reading;
  const ports = numbering<PortSet>();
  const representatives: Pod[] = [];
  for (const [i, pod] of cluster.pods.entries()) representatives[matrix.classOf[i]!] ??= pod;
  const open = representatives.map((_, from) =>
    repetitions(representatives.map((_, to) => ports.of(matrix.between(from, to))))
  );
  const outside = outsideLists(representatives, matrix, ports.of);
  const { rules, selections } = rulesOf(cluster, representatives);
  return {
    directory,
    notes: matrixNotes(reading),
    groups: groupsOf(cluster.pods, matrix.classOf),
    open,
    ...outside,
    policies: cluster.policies.map((policy) => ({
      name: policyId(policy),
      where: policy.where ?? "",
    })),
    isolating: isolatingOf(cluster, representatives),
    rules,
    selections,
    ports: ports.values.map((set) => ({
      text: formatPorts(set), // empty if no port is open
      every: isSame(set, EVERY),
    })),
  };
}

/** Gives each value a number. Equal values are the same object. */
function numbering<T>(): { of(value: T): number; readonly values: readonly T[] } {
  const numbers = new Map<T, number>();
  const values: T[] = [];
  return {
    values,
    of(value) {
      const known = numbers.get(value);
      if (known !== undefined) return known;
      numbers.set(value, values.length);
      return values.push(value) - 1;
    },
  };
}

/** Pairs of a number and how often it follows itself. */
function repetitions(numbers: readonly number[]): number[] {
  const pairs: number[] = [];
  for (const number of numbers) {
    if (pairs.at(-2) === number) pairs[pairs.length - 1]!++;
    else pairs.push(number, 1);
  }
  return pairs;
}

function groupsOf(pods: readonly Pod[], classOf: readonly number[]): ReachData["groups"] {
  const members = Map.groupBy(
    pods.map((pod, i) => ({ pod, class: classOf[i]! })),
    (each) => JSON.stringify([each.pod.namespace, each.class, each.pod.hostNetwork]),
  );
  return [...members.values()].map((each) => {
    const [{ pod: { namespace, several, hostNetwork }, class: number }] = each as [
      typeof each[number],
    ];
    const names = each.map(({ pod }) =>
      `${pod.kind}/${pod.name}${pod.part === undefined ? "" : ` (${pod.part})`}`
    );
    const isPod = each.length === 1 && !several;
    return { namespace, class: number, names, isPod, onNode: hostNetwork };
  });
}

function outsideLists(
  representatives: readonly Pod[],
  matrix: Matrix,
  portsNumber: (ports: PortSet) => number,
): Pick<ReachData, "outside" | "outward" | "inward"> {
  const lists = new Map<string, number>();
  const outside: [string, number][][] = [];
  const read = (connections: Iterable<OutsideConnection>): number[] => {
    const byPod = new Map<Pod, [string, number][]>(representatives.map((pod) => [pod, []]));
    for (const { pod, range, ports } of connections) {
      byPod.get(pod)?.push([formatRange(range), portsNumber(ports)]);
    }
    return representatives.map((pod) => {
      const list = byPod.get(pod)!;
      const key = JSON.stringify(list);
      const known = lists.get(key) ?? outside.push(list) - 1;
      lists.set(key, known);
      return known;
    });
  };
  return { outward: read(matrix.outward), inward: read(matrix.inward), outside };
}

function isolatingOf(cluster: Cluster, representatives: readonly Pod[]): ReachData["isolating"] {
  const numbers = new Map(cluster.policies.map((policy, i) => [policy, i]));
  const numbersOf = (pod: Pod, direction: Direction) =>
    isolating(cluster, pod, direction).map((policy) => numbers.get(policy)!);
  return representatives.map((pod) => ({
    egress: numbersOf(pod, "egress"),
    ingress: numbersOf(pod, "ingress"),
  }));
}

function rulesOf(
  cluster: Cluster,
  representatives: readonly Pod[],
): Pick<ReachData, "rules" | "selections"> {
  const known = new Map<string, number>();
  const selections: number[][] = [];
  const selected = (policy: Policy, peer: Peer): number => {
    const key = selectionKey(policy, peer);
    const found = known.get(key);
    if (found !== undefined) return found;
    const classes = representatives.flatMap((pod, i) =>
      selectsEndpoint(cluster, policy, peer, pod) ? [i] : []
    );
    known.set(key, selections.length);
    return selections.push(classes) - 1;
  };
  const rules = cluster.policies.flatMap((policy, number) =>
    (["egress", "ingress"] as const).flatMap((side) =>
      policy.rules[side].map((rule): RuleData => ({
        policy: number,
        side,
        path: rule.path,
        peers: rule.peers.map((peer) => ({
          path: peer.path,
          says: formatPeer(peer),
          selects: selected(policy, peer),
          isBlock: peer.type === "block",
        })),
        ports: rule.ports.map(formatPolicyPort),
      }))
    )
  );
  return { rules, selections };
}

/** Peers with the same key select the same pods. */
function selectionKey({ namespace }: Policy, { path: _, ...peer }: Peer): string {
  const isOwnNamespace = peer.type === "pods" && peer.namespaces === undefined;
  return JSON.stringify(
    [isOwnNamespace ? namespace : null, peer],
    (_, value) => typeof value === "bigint" ? `${value}` : value,
  );
}
