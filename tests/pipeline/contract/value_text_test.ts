import type { ColumnType, Value } from "../../../pipeline/contract/column.ts";
import { parsePrinted, printValue } from "../../../pipeline/contract/value_text.ts";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "../../support/assert.ts";

/** Encodes a DECIMAL(20,8) as nine bytes. */
function decimal(unscaled: bigint): Uint8Array {
  const hex = BigInt.asUintN(72, unscaled).toString(16).padStart(18, "0");
  return Uint8Array.from(hex.match(/../g)!, (byte) => parseInt(byte, 16));
}

const VALUES: [ColumnType, Value, string][] = [
  ["STRING", "BTCUSDC", "BTCUSDC"],
  ["STRING", null, "null"],
  ["STRING", "null", '"null"'],
  ["STRING", "", '""'],
  ["STRING", '"quoted"', '"\\"quoted\\""'],
  ["STRING", ' {"a": "b"}', '" {\\"a\\": \\"b\\"}"'],
  ["STRING", '{"a": "b"}', '{"a": "b"}'],
  ["STRING", "a=b", "a=b"],
  ["STRING", "two\nlines", '"two\\nlines"'],
  ["STRING", "\x1b[2J", '"\\u001b[2J"'],
  ["STRING", "a\u2028b\u202eb\u0085", '"a\\u2028b\\u202eb\\u0085"'],
  ["STRING", "späť 💥", "späť 💥"],
  ["INT32", -2147483648, "-2147483648"],
  ["INT64", 9223372036854775807n, "9223372036854775807"],
  ["INT64", null, "null"],
  ["TIMESTAMP(MICROS,UTC)", 1766930591_204518n, "2025-12-28T14:03:11.204518Z"],
  ["DECIMAL(20,8)", decimal(8739810000000n), "87398.10000000"],
  ["DECIMAL(20,8)", decimal(-1n), "-0.00000001"],
  ["DECIMAL(20,8)", decimal(99999999999999999999n), "999999999999.99999999"],
  ["DECIMAL(10,4)", 1165n, "0.1165"],
  ["DECIMAL(10,4)", null, "null"],
];

for (const [type, value, text] of VALUES) {
  Deno.test(`printValue: prints ${type} as ${text}, and parsePrinted reads exactly that value`, () => {
    assertEquals(printValue(value, type), text);
    const matches = parsePrinted(text, type);
    for (const [otherType, other, otherText] of VALUES) {
      if (otherType === type) assertEquals(matches(other), otherText === text, otherText);
    }
  });
}

const SAME: [ColumnType, string, Value][] = [
  ["DECIMAL(20,8)", "87398.1", decimal(8739810000000n)],
  ["DECIMAL(20,8)", "087398.10000000000000", decimal(8739810000000n)],
  ["DECIMAL(20,8)", "-0", decimal(0n)],
  ["DECIMAL(10,4)", "2", 20000n],
  ["INT64", "007", 7n],
  ["TIMESTAMP(MICROS,UTC)", "2025-12-28T11:03:11.204518-03:00", 1766930591_204518n],
  ["TIMESTAMP(MICROS,UTC)", "2025-12-28T00:00:00Z", 1766880000_000000n],
];

for (const [type, text, value] of SAME) {
  Deno.test(`parsePrinted: accepts ${text} as another spelling of a ${type}`, () => {
    assert(parsePrinted(text, type)(value));
  });
}

const NEVER: [ColumnType, string, Value][] = [
  ["DECIMAL(20,8)", "87398.100000001", decimal(8739810000000n)],
  ["DECIMAL(10,4)", "0.11651", 1165n],
  ["TIMESTAMP(MICROS,UTC)", "2025-12-28T14:03:11.204518001Z", 1766930591_204518n],
];

for (const [type, text, value] of NEVER) {
  Deno.test(`parsePrinted: refuses ${text}, which has more digits than a ${type}`, () => {
    assertEquals(parsePrinted(text, type)(value), false);
  });
}

const REFUSED: [ColumnType, string, string][] = [
  ["INT64", "1.0", "the value must be a whole number"],
  ["INT32", "", "the value must be a whole number"],
  ["DECIMAL(20,8)", "1e3", "the value must be a decimal"],
  ["DECIMAL(10,4)", "NaN", "the value must be a decimal"],
  ["TIMESTAMP(MICROS,UTC)", "2025-12-28", "the value must be an ISO 8601 instant"],
  ["STRING", '"open', "must be a JSON string"],
];

for (const [type, text, words] of REFUSED) {
  Deno.test(`parsePrinted: refuses ${JSON.stringify(text)} as a ${type}`, () => {
    const { message } = assertThrows(() => parsePrinted(text, type), Error);
    assertStringIncludes(message, words);
  });
}
