import { type AddressRange, everyAddress, parseCidr } from "./address.ts";
import {
  EVERY_PORT,
  isItself,
  isolating,
  meaningPeers,
  numbers,
  type PortRange,
} from "./evaluate.ts";
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

/** A set of ports: per protocol, ranges that rise and neither overlap nor touch. */
export type PortSet = Readonly<Record<Protocol, readonly PortRange[]>>;

/** Every port of every protocol. */
export const EVERY: PortSet = { TCP: [EVERY_PORT], UDP: [EVERY_PORT], SCTP: [EVERY_PORT] };

/** Whether a set has no port. */
export function isEmpty(set: PortSet): boolean {
  return PROTOCOLS.every((protocol) => set[protocol].length === 0);
}

/** Whether two sets have the same ports. */
export function isSame(one: PortSet, other: PortSet): boolean {
  return PROTOCOLS.every((protocol) =>
    one[protocol].length === other[protocol].length &&
    one[protocol].every(({ from, to }, i) => {
      const range = other[protocol][i]!;
      return range.from === from && range.to === to;
    })
  );
}

/** Whether a port is in a set. */
export function has(set: PortSet, protocol: Protocol, port: number): boolean {
  return set[protocol].some(({ from, to }) => from <= port && port <= to);
}

/** The ports that are in both sets. */
export function common(one: PortSet, other: PortSet): PortSet {
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
 * The ports on which one end of a connection allows it: egress is the source's end, ingress that of
 * the destination.
 *
 * @param policies those that isolate `self` in this direction
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
      if (meaningPeers(cluster, policy, rule, other)?.length === 0) continue;
      const ports = portsOf(rule, destination);
      for (const protocol of PROTOCOLS) open[protocol].push(...ports[protocol]);
    }
  }
  return perProtocol((protocol) => merge(open[protocol]));
}

function portsOf(rule: Rule, destination: Endpoint): PortSet {
  if (rule.ports.length === 0) return EVERY;
  return perProtocol((protocol) =>
    rule.ports.filter((port) => port.protocol === protocol)
      .flatMap((port) => numbers(port, destination))
  );
}

function merge(ranges: readonly PortRange[]): PortRange[] {
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

/** Outside addresses that a pod may exchange the same traffic with. */
export interface OutsideRange {
  /** The addresses. */
  readonly range: AddressRange;
  /** The ports that are open between them and the pod. */
  readonly ports: PortSet;
}

/**
 * Which outside addresses a pod may reach (egress) or be reached from (ingress), and on which ports:
 * as few ranges as possible, rising, IPv4 before IPv6. Ranges with no open port are left out.
 */
function outsideRanges(cluster: Cluster, pod: Pod, direction: Direction): OutsideRange[] {
  const policies = isolating(cluster, pod, direction);
  const merged: OutsideRange[] = [];
  for (const range of distinguished(policies, direction)) {
    const outside: Outside = {
      type: "outside",
      address: { family: range.family, value: range.first },
    };
    const ports = portsUnder(cluster, policies, pod, outside, direction);
    const before = merged.at(-1);
    const goesOn = before !== undefined && before.range.family === range.family &&
      before.range.last + 1n === range.first && isSame(before.ports, ports);
    if (goesOn) {
      merged[merged.length - 1] = { ports, range: { ...before.range, last: range.last } };
    } else {
      merged.push({ range, ports });
    }
  }
  return merged.filter(({ ports }) => !isEmpty(ports));
}

/** All addresses, cut wherever a block of the policies begins or ends. */
function distinguished(policies: readonly Policy[], direction: Direction): AddressRange[] {
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
    const rising = [...starts].sort((a, b) => a < b ? -1 : 1);
    return rising.map((start, i) => (
      { family, first: start, last: (rising[i + 1] ?? last + 1n) - 1n }
    ));
  });
}

/**
 * What can be said about a host outside of the cluster of which only the name is known:
 *
 * - `allowed`: every public address is open, over IPv4 or IPv6, so the host's are too
 * - `denied`: no outside address is open
 * - `depends`: some are open, and nobody knows whether the host's are among them
 */
export interface HostVerdict {
  /** The answer. */
  readonly answer: "allowed" | "denied" | "depends";
  /** The addresses that are open on the port. */
  readonly open: readonly AddressRange[];
}

/** What no host on the internet has: the IPv4 blocks that IANA keeps for special purposes. */
const SPECIAL = [
  ...["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"],
  ...["172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"],
  ...["198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"],
  "2001:db8::/32",
].map((text) => parseCidr(text)!);

/** Where IANA gives out public addresses. */
const PUBLIC = [everyAddress(4), parseCidr("2000::/3")!];

/** Whether a workload's pods may open connections to a host that may have any outside address. */
export function judgeHost(
  cluster: Cluster,
  pod: Pod,
  protocol: Protocol,
  port: number,
): HostVerdict {
  const open = outsideRanges(cluster, pod, "egress")
    .filter(({ ports }) => has(ports, protocol, port))
    .map(({ range }) => range);
  if (open.length === 0) return { answer: "denied", open };
  const all = PUBLIC.some((space) => covers([...open, ...SPECIAL], space));
  return { answer: all ? "allowed" : "depends", open: touching(open) };
}

/** Whether ranges leave no gap in a space. */
function covers(ranges: readonly AddressRange[], { family, first, last }: AddressRange): boolean {
  let next = first;
  for (const range of rising(ranges.filter((each) => each.family === family))) {
    if (range.first > next) break;
    if (range.last >= next) next = range.last + 1n;
  }
  return next > last;
}

/** Ranges that differ only in other ports are one. */
function touching(ranges: readonly AddressRange[]): AddressRange[] {
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

function rising(ranges: readonly AddressRange[]): AddressRange[] {
  return ranges.toSorted((a, b) => a.first < b.first ? -1 : 1);
}

/** What is open from one workload's pods to another's. */
export interface PodConnection {
  /** Who opens connections. */
  readonly from: Pod;
  /** Whom they reach. Where that is the same workload, another pod of it, or a bare Pod itself. */
  readonly to: Pod;
  /** The ports that both ends allow, at least one. */
  readonly ports: PortSet;
}

/** What is open between a workload's pods and the outside. */
export interface OutsideConnection extends OutsideRange {
  /** The workload. */
  readonly pod: Pod;
}

/** Every connection that is allowed, and no other. */
export interface Matrix {
  /** Between workloads. */
  readonly within: readonly PodConnection[];
  /** From workloads to outside addresses. */
  readonly outward: readonly OutsideConnection[];
  /** From outside addresses to workloads. */
  readonly inward: readonly OutsideConnection[];
}

/** Lists every connection that the policies of a cluster allow, in the order of its workloads. */
export function matrixOf(cluster: Cluster): Matrix {
  // Asking for every pair which policies isolate its ends would take most of the time.
  const isolated = new Map(cluster.pods.map((pod) => [pod, {
    egress: isolating(cluster, pod, "egress"),
    ingress: isolating(cluster, pod, "ingress"),
  }]));
  const within = cluster.pods.flatMap((from) =>
    cluster.pods.flatMap((to): PodConnection[] => {
      const [leaving, entering] = [isolated.get(from)!.egress, isolated.get(to)!.ingress];
      const ports = between(cluster, from, to, leaving, entering);
      return isEmpty(ports) ? [] : [{ from, to, ports }];
    })
  );
  const outside = (direction: "egress" | "ingress") =>
    cluster.pods.flatMap((pod) =>
      outsideRanges(cluster, pod, direction).map((range): OutsideConnection => ({ pod, ...range }))
    );
  return { within, outward: outside("egress"), inward: outside("ingress") };
}

/** The ports that are open from one workload's pods to another's. */
function between(
  cluster: Cluster,
  from: Pod,
  to: Pod,
  leaving: readonly Policy[],
  entering: readonly Policy[],
): PortSet {
  if (isItself(from, to)) return EVERY;
  const sent = portsUnder(cluster, leaving, from, to, "egress");
  return isEmpty(sent) ? sent : common(sent, portsUnder(cluster, entering, to, from, "ingress"));
}
