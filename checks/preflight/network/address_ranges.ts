import { type AddressRange, parseCidr } from "../../network_policy/address.ts";
import type { BlockPeer } from "../../network_policy/model.ts";
import { INNER_BLOCKS } from "./policy_patch.ts";

/** Addresses that a cluster and its network use for themselves, with those of IPv6. */
export const INNER: readonly string[] = [...INNER_BLOCKS, "fc00::/7", "fe80::/10"];

/** What no host on the internet has: the inner addresses, shared ones, loopback and multicast. */
const NOT_PUBLIC = [...INNER, "0.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "224.0.0.0/3", "::/3"];

/** Ranges without what lies in others. */
export function without(
  ranges: readonly AddressRange[],
  others: readonly AddressRange[],
): AddressRange[] {
  return others.reduce<AddressRange[]>((left, other) =>
    left.flatMap((range): AddressRange[] => {
      const apart = range.family !== other.family ||
        other.last < range.first || range.last < other.first;
      if (apart) return [range];
      const pieces = [
        { ...range, last: other.first - 1n },
        { ...range, first: other.last + 1n },
      ];
      return pieces.filter(({ first, last }) => first <= last);
    }), [...ranges]);
}

/** The part of ranges that hosts on the internet can have. */
export function publicPart(ranges: readonly AddressRange[]): AddressRange[] {
  return without(ranges, NOT_PUBLIC.map((text) => parseCidr(text)!));
}

/** The addresses that a peer of addresses means. */
export function rangesOf({ range, except }: BlockPeer): AddressRange[] {
  return without([range], except);
}

/** Which of the inner blocks a peer of addresses opens, wholly or in part. */
export function openedInner(peer: BlockPeer): string[] {
  const open = rangesOf(peer);
  return INNER.filter((text) => overlaps(open, parseCidr(text)!));
}

/** Whether ranges hold any of the inner addresses. */
export function opensInner(ranges: readonly AddressRange[]): boolean {
  return INNER.some((text) => overlaps(ranges, parseCidr(text)!));
}

/** Whether ranges hold at least one in 256 of a family's addresses: the size of 8.0.0.0/8. */
export function isWide(ranges: readonly AddressRange[]): boolean {
  return ([4, 6] as const).some((family) => {
    const size = ranges.filter((range) => range.family === family)
      .reduce((sum, { first, last }) => sum + last - first + 1n, 0n);
    return size >= 1n << (family === 4 ? 24n : 120n);
  });
}

function overlaps(ranges: readonly AddressRange[], { family, first, last }: AddressRange): boolean {
  return ranges.some((each) => each.family === family && each.first <= last && first <= each.last);
}
