import { type AddressRange, everyAddress, parseCidr } from "./address.ts";
import { EVERY_PORT, isolating, matchingPeers, portNumbers, type PortRange } from "./matching.ts";
import {
  type Cluster,
  type Direction,
  type Endpoint,
  type Outside,
  type Pod,
  type Policy,
  type Protocol,
  PROTOCOLS,
  type Rule,
} from "./model.ts";

/** A set of ports: for each protocol, ranges in ascending order that neither overlap nor touch. */
export type PortSet = Readonly<Record<Protocol, readonly PortRange[]>>;

/** Every port of every protocol. */
export const EVERY: PortSet = { TCP: [EVERY_PORT], UDP: [EVERY_PORT], SCTP: [EVERY_PORT] };

/** Returns whether a set of ports is empty. */
export function isEmpty(set: PortSet): boolean {
  return PROTOCOLS.every((protocol) => set[protocol].length === 0);
}

/**
 * Returns whether two sets contain the same ports.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { EVERY, isSame } from "./open_ports.ts";
 *
 * assertEquals(isSame(EVERY, { ...EVERY }), true);
 * assertEquals(isSame(EVERY, { ...EVERY, TCP: [{ from: 443, to: 443 }] }), false);
 * ```
 */
export function isSame(one: PortSet, other: PortSet): boolean {
  return PROTOCOLS.every((protocol) =>
    one[protocol].length === other[protocol].length &&
    one[protocol].every(({ from, to }, i) => {
      const range = other[protocol][i]!;
      return range.from === from && range.to === to;
    })
  );
}

/** Returns whether a set contains a port. */
export function has(set: PortSet, protocol: Protocol, port: number): boolean {
  return set[protocol].some(({ from, to }) => from <= port && port <= to);
}

/** The intersection of two sets. */
export function intersection(one: PortSet, other: PortSet): PortSet {
  return perProtocol((protocol) =>
    one[protocol].flatMap((a) =>
      other[protocol].flatMap((b) => {
        const range = { from: Math.max(a.from, b.from), to: Math.min(a.to, b.to) };
        return range.from <= range.to ? [range] : [];
      })
    )
  );
}

/**
 * The ports on which one end allows connections with the other end.
 *
 * @param policies the policies that isolate `self` in this direction
 */
function portsUnder(
  cluster: Cluster,
  policies: readonly Policy[],
  self: Endpoint,
  other: Endpoint,
  direction: Direction,
): PortSet {
  if (policies.length === 0) return EVERY;
  const destination = direction === "egress" ? other : self;
  const open: Record<Protocol, PortRange[]> = { TCP: [], UDP: [], SCTP: [] };
  for (const policy of policies) {
    for (const rule of policy.rules[direction]) {
      if (matchingPeers(cluster, policy, rule, other)?.length === 0) continue;
      const ports = portsOf(rule, destination);
      for (const protocol of PROTOCOLS) {
        for (const range of ports[protocol]) open[protocol].push(range);
      }
    }
  }
  return perProtocol((protocol) => mergePorts(open[protocol]));
}

/** The union of sets of ports. */
export function union(sets: readonly PortSet[]): PortSet {
  return perProtocol((protocol) => mergePorts(sets.flatMap((set) => set[protocol])));
}

/** The ports of a rule, with names as the destination's containers declare them. */
export function portsOf(rule: Rule, destination: Endpoint): PortSet {
  if (rule.ports.length === 0) return EVERY;
  return perProtocol((protocol) =>
    rule.ports.filter((port) => port.protocol === protocol)
      .flatMap((port) => portNumbers(port, destination))
  );
}

function mergePorts(ranges: readonly PortRange[]): PortRange[] {
  const merged: PortRange[] = [];
  for (const range of ranges.toSorted((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    if (last === undefined || range.from > last.to + 1) merged.push(range);
    else if (range.to > last.to) merged[merged.length - 1] = { from: last.from, to: range.to };
  }
  return merged;
}

function perProtocol(ranges: (protocol: Protocol) => PortRange[]): PortSet {
  return { TCP: ranges("TCP"), UDP: ranges("UDP"), SCTP: ranges("SCTP") };
}

/** A range of outside addresses with the same open ports. */
export interface OutsideRange {
  /** The outside addresses. */
  readonly range: AddressRange;
  /** The open ports between the addresses and the pod. */
  readonly ports: PortSet;
}

/**
 * The outside addresses that a pod can reach (egress) or that can reach the pod (ingress), and the
 * open ports: as few ranges as possible, in ascending order, IPv4 before IPv6, without closed
 * ranges.
 */
export function outsideRanges(cluster: Cluster, pod: Pod, direction: Direction): OutsideRange[] {
  const policies = isolating(cluster, pod, direction);
  const merged: OutsideRange[] = [];
  for (const range of splitAtBlocks(policies, direction)) {
    const outside: Outside = {
      type: "outside",
      address: { family: range.family, value: range.first },
    };
    const ports = portsUnder(cluster, policies, pod, outside, direction);
    const before = merged.at(-1);
    const continues = before !== undefined && before.range.family === range.family &&
      before.range.last + 1n === range.first && isSame(before.ports, ports);
    if (continues) {
      merged[merged.length - 1] = { ports, range: { ...before.range, last: range.last } };
    } else {
      merged.push({ range, ports });
    }
  }
  return merged.filter(({ ports }) => !isEmpty(ports));
}

/** All addresses, split at each start and end of a block in the policies. */
function splitAtBlocks(policies: readonly Policy[], direction: Direction): AddressRange[] {
  const blocks = policies
    .flatMap(({ rules }) => rules[direction])
    .flatMap(({ peers }) => peers)
    .flatMap((peer) => peer.type === "block" ? [peer.range, ...peer.except] : []);
  return ([4, 6] as const).flatMap((family) => {
    const { first, last } = everyAddress(family);
    const starts = new Set([first]);
    for (const block of blocks) {
      if (block.family !== family) continue;
      starts.add(block.first);
      if (block.last < last) starts.add(block.last + 1n);
    }
    const ascending = [...starts].sort((a, b) => a < b ? -1 : 1);
    return ascending.map((start, i) => (
      { family, first: start, last: (ascending[i + 1] ?? last + 1n) - 1n }
    ));
  });
}

/**
 * The verdict about a connection from a pod to a host outside the cluster with a known name and
 * unknown addresses:
 *
 * - `allowed`: all public IPv4 addresses or all public IPv6 addresses are open
 * - `denied`: no outside address is open
 * - `depends`: some addresses are open, and the addresses of the host are unknown
 */
export interface HostVerdict {
  /** The answer. */
  readonly answer: "allowed" | "denied" | "depends";
  /** The addresses that are open on the port, in ascending order. */
  readonly open: readonly AddressRange[];
  /** The IP versions of which all public addresses are open. */
  readonly complete: readonly (4 | 6)[];
}

/** Blocks that IANA reserves for special purposes: no host on the internet has such an address. */
const SPECIAL = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
  "2001:db8::/32",
].map((text) => parseCidr(text)!);

/** The blocks from which IANA assigns public addresses. */
const PUBLIC = [everyAddress(4), parseCidr("2000::/3")!];

/**
 * Evaluates connections from a pod to a host outside the cluster whose address is unknown.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readCluster } from "./read_cluster.ts";
 * import { judgeHost } from "./open_ports.ts";
 *
 * const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "a" }, spec: { containers: [] } };
 * const policy = {
 *   apiVersion: "networking.k8s.io/v1",
 *   kind: "NetworkPolicy",
 *   metadata: { name: "to-store" },
 *   spec: {
 *     podSelector: {},
 *     egress: [{ to: [{ ipBlock: { cidr: "0.0.0.0/0" } }], ports: [{ port: 443 }] }],
 *   },
 * };
 * const { cluster } = readCluster([{ value: pod }, { value: policy }]);
 * assertEquals(judgeHost(cluster, cluster.pods[0]!, "TCP", 443).answer, "allowed");
 * assertEquals(judgeHost(cluster, cluster.pods[0]!, "TCP", 80).answer, "denied");
 * ```
 */
export function judgeHost(
  cluster: Cluster,
  pod: Pod,
  protocol: Protocol,
  port: number,
): HostVerdict {
  const open = outsideRanges(cluster, pod, "egress")
    .filter(({ ports }) => has(ports, protocol, port))
    .map(({ range }) => range);
  if (open.length === 0) return { answer: "denied", open, complete: [] };
  const complete = PUBLIC.filter((space) => covers([...open, ...SPECIAL], space))
    .map(({ family }) => family);
  const answer = complete.length > 0 ? "allowed" : "depends";
  return { answer, open: mergeAdjacent(open), complete };
}

/**
 * Returns whether ranges contain all addresses of another range.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseCidr } from "./address.ts";
 * import { covers } from "./open_ports.ts";
 *
 * const halves = ["10.0.0.0/9", "10.128.0.0/9"].map((text) => parseCidr(text)!);
 * assertEquals(covers(halves, parseCidr("10.0.0.0/8")!), true);
 * assertEquals(covers(halves, parseCidr("10.0.0.0/7")!), false);
 * ```
 */
export function covers(
  ranges: readonly AddressRange[],
  { family, first, last }: AddressRange,
): boolean {
  let next = first;
  for (const range of sortRanges(ranges.filter((each) => each.family === family))) {
    if (range.first > next) break;
    if (range.last >= next) next = range.last + 1n;
  }
  return next > last;
}

/** Merges adjacent ranges, which differ only in other ports. */
function mergeAdjacent(ranges: readonly AddressRange[]): AddressRange[] {
  const joined: AddressRange[] = [];
  for (const range of ranges) {
    const before = joined.at(-1);
    if (before?.family === range.family && before.last + 1n === range.first) {
      joined[joined.length - 1] = { ...before, last: range.last };
    } else {
      joined.push(range);
    }
  }
  return joined;
}

function sortRanges(ranges: readonly AddressRange[]): AddressRange[] {
  return ranges.toSorted((a, b) => a.first < b.first ? -1 : 1);
}
