import type { ColumnType, Value } from "../../../pipeline/contract/column.ts";
import { formatValue } from "../../../pipeline/contract/value_text.ts";
import { assertEquals } from "../../support/assert.ts";

const TYPES: ColumnType[] = [
  "STRING",
  "INT32",
  "INT64",
  "TIMESTAMP(MICROS,UTC)",
  "DECIMAL(20,8)",
  "DECIMAL(10,4)",
];

const utf8 = (text: string) => new TextEncoder().encode(text);
const bytes = (hex: string) => Uint8Array.from(hex.match(/../g)!, (pair) => parseInt(pair, 16));

const WRITTEN: [ColumnType, Value, string][] = [
  ["STRING", "BTCUSDC", "BTCUSDC"],
  ["STRING", "", ""],
  ["STRING", utf8("São Paulo, 東京, 🚀"), "São Paulo, 東京, 🚀"],
  ["STRING", new Uint8Array(0), ""],
  ["INT32", 0, "0"],
  ["INT32", 2147483647, "2147483647"],
  ["INT32", -2147483648, "-2147483648"],
  ["INT64", 0n, "0"],
  ["INT64", 9223372036854775807n, "9223372036854775807"],
  ["INT64", -9223372036854775808n, "-9223372036854775808"],
  ["TIMESTAMP(MICROS,UTC)", 0n, "1970-01-01T00:00:00Z"],
  ["TIMESTAMP(MICROS,UTC)", -1n, "1969-12-31T23:59:59.999999Z"],
  ["TIMESTAMP(MICROS,UTC)", 1766930591_204518n, "2025-12-28T14:03:11.204518Z"],
  ["DECIMAL(10,4)", 0n, "0.0000"],
  ["DECIMAL(10,4)", 1n, "0.0001"],
  ["DECIMAL(10,4)", -1n, "-0.0001"],
  ["DECIMAL(10,4)", -10000n, "-1.0000"],
  ["DECIMAL(10,4)", 9999999999n, "999999.9999"],
  ["DECIMAL(10,4)", -9999999999n, "-999999.9999"],
  ["DECIMAL(20,8)", bytes("000000000000000000"), "0.00000000"],
  ["DECIMAL(20,8)", bytes("000000000000000001"), "0.00000001"],
  ["DECIMAL(20,8)", bytes("ffffffffffffffffff"), "-0.00000001"],
  ["DECIMAL(20,8)", bytes("000000000005f5e100"), "1.00000000"],
  ["DECIMAL(20,8)", bytes("fffffffffffa0a1f00"), "-1.00000000"],
  ["DECIMAL(20,8)", bytes("056bc75e2d630fffff"), "999999999999.99999999"],
  ["DECIMAL(20,8)", bytes("fa9438a1d29cf00001"), "-999999999999.99999999"],
  ["DECIMAL(20,8)", bytes("00000007f33a3502c0"), "87412.35000000"],
];

for (const [type, value, text] of WRITTEN) {
  Deno.test(`format_value: formats ${type} as ${JSON.stringify(text)}`, () => {
    assertEquals(formatValue(value, type), text);
  });
}

for (const type of TYPES) {
  Deno.test(`format_value: formats an absent ${type} as the word null`, () => {
    assertEquals(formatValue(null, type), "null");
  });
}

Deno.test("format_value: formats a decimal that is a view into a larger buffer", () => {
  const buffer = bytes("aabb056bc75e2d630fffffcc");
  assertEquals(formatValue(buffer.subarray(2, 11), "DECIMAL(20,8)"), "999999999999.99999999");
});

Deno.test("format_value: shows damaged UTF-8 instead of refusing it, because the text goes into a message", () => {
  assertEquals(formatValue(bytes("41ff42"), "STRING"), "A\ufffdB");
});
