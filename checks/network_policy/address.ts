/** An IP address. */
export interface Address {
  /** The IP version. A block of one version never contains an address of the other. */
  readonly family: 4 | 6;
  /** The address as a number of 32 or 128 bits. */
  readonly value: bigint;
}

/** A contiguous range of addresses, both ends included. */
export interface AddressRange {
  /** The IP version of both ends. */
  readonly family: 4 | 6;
  /** The lowest address. */
  readonly first: bigint;
  /** The highest address. */
  readonly last: bigint;
}

/** A block of addresses with exceptions, such as the `ipBlock` of a policy. */
export interface Block {
  /** The addresses of the block. */
  readonly range: AddressRange;
  /** The addresses that are excluded from it. */
  readonly except: readonly AddressRange[];
}

/** Every address of a family. */
export function everyAddress(family: 4 | 6): AddressRange {
  return { family, first: 0n, last: (1n << width(family)) - 1n };
}

/**
 * Parses an IPv4 or IPv6 address.
 *
 * Rejects ambiguous forms: leading zeros (`010.0.0.1` is 10.0.0.1 to some programs and 8.0.0.1 to
 * others), IPv6 zones, and IPv4-mapped IPv6 (`::ffff:10.0.0.1`).
 *
 * @returns undefined for any other text
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseAddress } from "./address.ts";
 *
 * assertEquals(parseAddress("10.0.0.1"), { family: 4, value: 0x0a000001n });
 * assertEquals(parseAddress("010.0.0.1"), undefined);
 * ```
 */
export function parseAddress(text: string): Address | undefined {
  if (!text.includes(":")) {
    const value = parseDotted(text);
    return value === undefined ? undefined : { family: 4, value };
  }
  const value = parseColons(text);
  if (value === undefined || value >> 32n === 0xffffn) return undefined;
  return { family: 6, value };
}

/**
 * Parses a block such as `10.0.0.0/8`. Ignores the bits after the prefix, as network plugins do. API
 * servers before Kubernetes 1.36 accept `10.1.2.3/8` with a warning.
 *
 * @returns undefined for any other text
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { formatRange, parseCidr } from "./address.ts";
 *
 * assertEquals(formatRange(parseCidr("10.1.2.3/8")!), "10.0.0.0/8");
 * ```
 */
export function parseCidr(text: string): AddressRange & { readonly bits: number } | undefined {
  const [, before, after] = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text) ?? [];
  const address = before === undefined ? undefined : parseAddress(before);
  if (address === undefined || after === undefined) return undefined;
  const { family, value } = address;
  const bits = Number(after);
  if (bits > Number(width(family))) return undefined;
  const free = width(family) - BigInt(bits);
  const first = (value >> free) << free;
  return { family, first, last: first + (1n << free) - 1n, bits };
}

/**
 * Returns whether a range contains an address.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { holds, parseAddress, parseCidr } from "./address.ts";
 *
 * assertEquals(holds(parseCidr("10.0.0.0/8")!, parseAddress("10.42.0.5")!), true);
 * ```
 */
export function holds(range: AddressRange, { family, value }: Address): boolean {
  return range.family === family && range.first <= value && value <= range.last;
}

/**
 * Formats an address, IPv6 in the canonical form of RFC 5952.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { formatAddress, parseAddress } from "./address.ts";
 *
 * assertEquals(formatAddress(parseAddress("2001:DB8:0:0::1")!), "2001:db8::1");
 * ```
 */
export function formatAddress({ family, value }: Address): string {
  if (family === 4) {
    return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 0xffn)).join(".");
  }
  const groups = Array.from(
    { length: 8 },
    (_, i) => ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16),
  );
  let run = { start: 0, length: 0 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (groups[start + length] === "0") length++;
    if (length > run.length) run = { start, length };
  }
  if (run.length < 2) return groups.join(":");
  const before = groups.slice(0, run.start).join(":");
  return `${before}::${groups.slice(run.start + run.length).join(":")}`;
}

/**
 * Formats a range: as a block if it is one, otherwise as `first-last`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { formatRange } from "./address.ts";
 *
 * assertEquals(formatRange({ family: 4, first: 0x0a000000n, last: 0x0a0000ffn }), "10.0.0.0/24");
 * assertEquals(formatRange({ family: 4, first: 0x0a000001n, last: 0x0a000003n }), "10.0.0.1-10.0.0.3");
 * ```
 */
export function formatRange({ family, first, last }: AddressRange): string {
  const start = formatAddress({ family, value: first });
  const size = last - first + 1n;
  const isBlock = (size & (size - 1n)) === 0n && first % size === 0n;
  if (!isBlock) return `${start}-${formatAddress({ family, value: last })}`;
  const free = size.toString(2).length - 1;
  return `${start}/${Number(width(family)) - free}`;
}

/** The private and link-local IPv4 blocks: clusters, their networks and metadata services use them. */
export const PRIVATE_IPV4: readonly string[] = [
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "169.254.0.0/16",
];

/** The private and link-local blocks of both families. */
const PRIVATE: readonly string[] = [...PRIVATE_IPV4, "fc00::/7", "fe80::/10"];

/** The loopback, link-local and unspecified blocks, whose addresses only the same machine can reach. */
export const SELF_BLOCKS: readonly string[] = [
  "0.0.0.0/8",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "::/127",
  "fe80::/10",
];

/** Blocks that no host on the internet uses: private, shared, loopback and multicast addresses. */
const NOT_PUBLIC = [...PRIVATE, "0.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "224.0.0.0/3", "::/3"];

/**
 * The addresses of a block without its exceptions.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { formatRange, parseCidr, rangesOf } from "./address.ts";
 *
 * const block = { range: parseCidr("10.0.0.0/8")!, except: [parseCidr("10.0.0.0/9")!] };
 * assertEquals(rangesOf(block).map(formatRange), ["10.128.0.0/9"]);
 * ```
 */
export function rangesOf({ range, except }: Block): AddressRange[] {
  return subtract([range], except);
}

/**
 * The public addresses in ranges.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { formatRange, parseCidr, publicPart } from "./address.ts";
 *
 * assertEquals(publicPart([parseCidr("10.0.0.0/7")!]).map(formatRange), ["11.0.0.0/8"]);
 * ```
 */
export function publicPart(ranges: readonly AddressRange[]): AddressRange[] {
  return subtract(ranges, NOT_PUBLIC.map((text) => parseCidr(text)!));
}

/**
 * The addresses in ranges that pods, nodes and hosts of private networks can have.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { formatRange, parseCidr, privatePart } from "./address.ts";
 *
 * assertEquals(privatePart([parseCidr("10.0.0.0/7")!]).map(formatRange), ["10.0.0.0/8"]);
 * ```
 */
export function privatePart(ranges: readonly AddressRange[]): AddressRange[] {
  return [...PRIVATE, "100.64.0.0/10"].map((text) => parseCidr(text)!).flatMap((block) =>
    ranges.filter((range) => overlaps([range], block)).map(({ family, first, last }) => ({
      family,
      first: first > block.first ? first : block.first,
      last: last < block.last ? last : block.last,
    }))
  );
}

/**
 * Parses the host of a URL as an address. An IPv6 address may have brackets. A client that connects
 * to an IPv4-mapped IPv6 address sends IPv4 packets, so the result is the IPv4 address.
 *
 * @returns undefined for a host name
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { formatAddress, parseHost } from "./address.ts";
 *
 * assertEquals(formatAddress(parseHost("[::ffff:10.0.0.1]")!), "10.0.0.1");
 * assertEquals(parseHost("s3.example.com"), undefined);
 * ```
 */
export function parseHost(host: string): Address | undefined {
  const text = host.replace(/^\[|\]$/g, "");
  const value = text.includes(":") ? parseColons(text) : undefined;
  if (value !== undefined && value >> 32n === 0xffffn) {
    return { family: 4, value: value & 0xffffffffn };
  }
  return parseAddress(text);
}

/**
 * Returns the private blocks that have an address in one of the ranges.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseCidr, privateBlocksIn } from "./address.ts";
 *
 * assertEquals(privateBlocksIn([parseCidr("10.1.0.0/16")!]), ["10.0.0.0/8"]);
 * ```
 */
export function privateBlocksIn(ranges: readonly AddressRange[]): string[] {
  return PRIVATE.filter((text) => overlaps(ranges, parseCidr(text)!));
}

/** Ranges without the addresses of other ranges. */
function subtract(
  ranges: readonly AddressRange[],
  others: readonly AddressRange[],
): AddressRange[] {
  return others.reduce<AddressRange[]>((rest, other) =>
    rest.flatMap((range): AddressRange[] => {
      if (!overlaps([range], other)) return [range];
      const pieces = [
        { ...range, last: other.first - 1n },
        { ...range, first: other.last + 1n },
      ];
      return pieces.filter(({ first, last }) => first <= last);
    }), [...ranges]);
}

function overlaps(ranges: readonly AddressRange[], { family, first, last }: AddressRange): boolean {
  return ranges.some((each) => each.family === family && each.first <= last && first <= each.last);
}

function width(family: 4 | 6): bigint {
  return family === 4 ? 32n : 128n;
}

function parseDotted(text: string): bigint | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let value = 0n;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = value << 8n | BigInt(part);
  }
  return value;
}

function parseColons(text: string): bigint | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [before, after] = halves.map((half, i) => groupsOf(half, i === halves.length - 1));
  if (before === undefined || halves.length === 2 && after === undefined) return undefined;
  const given = before.length + (after?.length ?? 0);
  if (after === undefined ? given !== 8 : given > 7) return undefined;
  const groups = [...before, ...Array<bigint>(8 - given).fill(0n), ...(after ?? [])];
  return groups.reduce((value, group) => value << 16n | group, 0n);
}

/** Parses a part of an IPv6 address into 16-bit groups. The last 32 bits may be written as IPv4. */
function groupsOf(text: string, last: boolean): bigint[] | undefined {
  if (text === "") return [];
  const groups: bigint[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(BigInt(`0x${part}`));
      continue;
    }
    const dotted = last && i === parts.length - 1 ? parseDotted(part) : undefined;
    if (dotted === undefined) return undefined;
    groups.push(dotted >> 16n, dotted & 0xffffn);
  }
  return groups;
}
