import { EVERY_PORT, meaningPeers, numbers, type PortRange } from "./match.ts";
import { type Cluster, type Direction, type Endpoint, type Protocol, PROTOCOLS } from "./model.ts";
import type { Policy, Rule } from "./policy.ts";

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
export function portsUnder(
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
