import { type AddressRange, everyAddress } from "./address.ts";
import { isolating } from "./match.ts";
import type { Cluster, Direction, Outside, Pod } from "./model.ts";
import type { Policy } from "./policy.ts";
import { isEmpty, isSame, type PortSet, portsUnder } from "./ports.ts";

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
export function outsideRanges(cluster: Cluster, pod: Pod, direction: Direction): OutsideRange[] {
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
