import { holds, parseAddress, parseCidr } from "../network_policy/address.ts";
import { child, type Fields, fieldsIn, listOf } from "./fields.ts";
import type { WrongValue } from "./wrong_value.ts";

// The rules of the API server for IP addresses and blocks of them.

const WRITE_ADDRESS = "Write an IP address, as in 10.0.0.1.";
const WRITE_BLOCK = "Write a block of addresses, as in 10.0.0.0/8.";

/** The gate is StrictIPCIDRValidation, which is on by default since 1.36. */
const SINCE_STRICT = {
  why: "Kubernetes 1.36 and later refuse it, so kubectl apply can fail",
  isUncertain: true,
} as const;

/**
 * Returns whether a text is an IP address. Texts such as `010.0.0.1` and `::ffff:10.0.0.1` count, which
 * only API servers before Kubernetes 1.36 accept.
 */
export function isAddress(text: string): boolean {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) {
    return text.split(".").every((part) => Number(part) < 256);
  }
  return /^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$/.test(text) && URL.canParse(`http://[${text}]`);
}

/**
 * The problem of an IP address; undefined for one that every API server accepts.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { wrongAddress } from "./address_rules.ts";
 *
 * assertEquals(wrongAddress("10.0.0.1"), undefined);
 * assertEquals(wrongAddress("localhost")?.problem, "must be an IP address");
 * ```
 */
export function wrongAddress(text: string): WrongValue | undefined {
  if (!isAddress(text)) return { problem: "must be an IP address", fix: WRITE_ADDRESS };
  if (parseAddress(text) !== undefined) return undefined;
  return text.includes(":")
    ? {
      problem: "must not be an IPv4 address in the form of IPv6",
      fix: "Write the IPv4 address.",
      ...SINCE_STRICT,
    }
    : {
      problem: "must be an IP address without leading zeros",
      fix: "Remove the leading zeros.",
      ...SINCE_STRICT,
    };
}

/** The addresses that no Service can have, with the names of their blocks. */
const SPECIAL: readonly (readonly [block: string, noun: string])[] = [
  ["0.0.0.0/32", "0.0.0.0"],
  ["::/128", "::"],
  ["127.0.0.0/8", "a loopback address"],
  ["::1/128", "a loopback address"],
  ["169.254.0.0/16", "a link-local address"],
  ["fe80::/10", "a link-local address"],
  ["224.0.0.0/24", "a link-local multicast address"],
  ["ff02::/16", "a link-local multicast address"],
];

/** The problem of an external address of a Service. */
export function wrongExternalAddress(text: string): WrongValue | undefined {
  const address = parseAddress(text);
  const special = address === undefined
    ? undefined
    : SPECIAL.find(([block]) => holds(parseCidr(block)!, address));
  return special === undefined
    ? wrongAddress(text)
    : { problem: `must not be ${special[1]}`, fix: "Write an address that other hosts can reach." };
}

/**
 * The problem of a block of addresses; undefined for one that every API server accepts.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { wrongBlock } from "./address_rules.ts";
 *
 * assertEquals(wrongBlock("10.0.0.0/8"), undefined);
 * assertEquals(wrongBlock("10.0.0.0")?.problem, "must be a block of addresses");
 * ```
 */
export function wrongBlock(text: string): WrongValue | undefined {
  const [, address = "", bits = ""] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  if (!isAddress(address) || Number(bits) > (address.includes(":") ? 128 : 32)) {
    return { problem: "must be a block of addresses", fix: WRITE_BLOCK };
  }
  const block = parseCidr(text);
  if (block === undefined) {
    return wrongAddress(address) ?? {
      problem: "must be a block of addresses without leading zeros",
      fix: "Remove the leading zeros.",
      ...SINCE_STRICT,
    };
  }
  return block.first === parseAddress(address)!.value ? undefined : {
    problem: "must begin with the first address of the block",
    fix: "Write the first address of the block, as in 10.0.0.0/8 for 10.1.2.3/8.",
    ...SINCE_STRICT,
  };
}

/** A block of addresses that some versions of Kubernetes refuse. */
export interface WrongBlock extends WrongValue {
  /** The path of the block. */
  readonly path: string;
}

/** The blocks of a NetworkPolicy that only some versions of Kubernetes accept. */
export function uncertainBlocks({ spec }: Fields): WrongBlock[] {
  const rules = [["ingress", "from"], ["egress", "to"]].flatMap(([list, peers]) =>
    listOf(fieldsIn(spec)[list!]).flatMap((rule, i) =>
      listOf(rule[peers!]).map(({ ipBlock }, j) => (
        { block: fieldsIn(ipBlock), path: `spec.${list}[${i}].${peers}[${j}].ipBlock` }
      ))
    )
  );
  return rules.flatMap(({ block: { cidr, except }, path }) => {
    const texts = Array.isArray(except) ? except : [];
    return [
      ...uncertain(cidr, child(path, "cidr")),
      ...texts.flatMap((text, i) => uncertain(text, `${path}.except[${i}]`)),
    ];
  });
}

/** The problem of a block that the connection checks can read. */
function uncertain(text: unknown, path: string): WrongBlock[] {
  const isRead = typeof text === "string" && parseCidr(text) !== undefined;
  const wrong: WrongValue | undefined = isRead ? wrongBlock(text) : undefined;
  return wrong === undefined ? [] : [{
    ...wrong,
    path,
    problem: `${
      path.endsWith("]") ? "an item of except" : "cidr"
    } ${wrong.problem}, but is ${text}`,
  }];
}
