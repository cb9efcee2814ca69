import {
  formatAddress,
  formatRange,
  parseAddress,
  parseCidr,
  publicPart,
  rangesOf,
} from "../../../checks/network_policy/address.ts";
import { assertEquals } from "../../support/assert.ts";

const SAME: readonly (readonly [string, string])[] = [
  ["0.0.0.0", "0.0.0.0"],
  ["255.255.255.255", "255.255.255.255"],
  ["::", "::"],
  ["::1", "::1"],
  ["1::", "1::"],
  ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
  ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
  ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
  ["0:0:0:0:0:0:0:0", "::"],
];

Deno.test("parseAddress accepts all forms, and formatAddress writes the canonical form", () => {
  for (const [text, canonical] of SAME) assertEquals(formatAddress(parseAddress(text)!), canonical);
});

Deno.test("parseAddress rejects ambiguous addresses and other text", () => {
  const none = [
    "",
    "1.2.3",
    "1.2.3.4.5",
    "01.2.3.4",
    "256.1.1.1",
    "1.2.3.4 ",
    "+1.2.3.4",
    "0x1.2.3.4",
  ];
  const nor = [
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "12345::",
    "g::",
    "fe80::1%eth0",
  ];
  const mapped = ["::ffff:1.2.3.4", "::ffff:102:304", "1.2.3.4::", "::1.2.3"];
  for (const text of [...none, ...nor, ...mapped]) {
    assertEquals(parseAddress(text), undefined, text);
  }
});

Deno.test("parseCidr ignores the bits after the prefix", () => {
  const range = (text: string) => {
    const block = parseCidr(text);
    return block === undefined ? undefined : formatRange(block);
  };
  assertEquals(range("10.1.2.3/8"), "10.0.0.0/8");
  assertEquals(range("10.1.2.3/32"), "10.1.2.3/32");
  assertEquals(range("0.0.0.0/0"), "0.0.0.0/0");
  assertEquals(range("2001:db8:ffff::1/33"), "2001:db8:8000::/33");
  for (
    const text of ["10.0.0.0", "10.0.0.0/", "10.0.0.0/08", "10.0.0.0/33", "::/129", "/8", "::/-1"]
  ) {
    assertEquals(range(text), undefined, text);
  }
});

Deno.test("formatRange writes both ends of a range that is not a block", () => {
  assertEquals(formatRange({ family: 4, first: 1n, last: 4n }), "0.0.0.1-0.0.0.4");
  assertEquals(formatRange({ family: 6, first: 0n, last: (1n << 128n) - 1n }), "::/0");
});

Deno.test("rangesOf cuts the exceptions out of a block, and keeps the addresses beside them", () => {
  const range = parseCidr("10.0.0.0/24")!;
  const without = (...except: string[]) =>
    rangesOf({ range, except: except.map((text) => parseCidr(text)!) }).map(formatRange);
  assertEquals(without(), ["10.0.0.0/24"]);
  assertEquals(without("10.0.0.64/26"), ["10.0.0.0/26", "10.0.0.128/25"]);
  assertEquals(without("10.0.0.0/25", "10.0.0.255/32"), ["10.0.0.128-10.0.0.254"]);
  assertEquals(without("10.0.0.0/8"), []);
  assertEquals(without("10.0.1.0/24"), ["10.0.0.0/24"]);
});

Deno.test("publicPart cuts out the private addresses", () => {
  const ranges = ["192.168.0.0/15", "9.255.255.0/24"].map((text) => parseCidr(text)!);
  assertEquals(publicPart(ranges).map(formatRange), ["192.169.0.0/16", "9.255.255.0/24"]);
});
