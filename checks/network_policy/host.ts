import { type AddressRange, everyAddress, parseCidr } from "./address.ts";
import type { Cluster, Pod, Protocol } from "./model.ts";
import { outsideRanges } from "./outside.ts";
import { has } from "./ports.ts";

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
