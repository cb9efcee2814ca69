import { formatValue } from "../../../pipeline/contract/value_text.ts";
import { readDecimal10, writeDecimal20 } from "../../../pipeline/outbox/numeric.ts";
import { assert, assertEquals } from "../../support/assert.ts";
import { outbox } from "../../support/postgres.ts";
import { randomNumbers } from "../../support/random.ts";

// These tests compare the decoder with an encoder and arithmetic of the test, in BigInt, and with the
// bytes that Postgres sends.

const POSITIVE = 0x0000;
const NEGATIVE = 0x4000;

/** Returns a numeric as Postgres sends it: count, weight, sign, scale, then base-10000 digits. */
function send(digits: readonly number[], weight: number, sign: number, scale = 8): Uint8Array {
  const view = new DataView(new ArrayBuffer(8 + 2 * digits.length));
  view.setInt16(0, digits.length);
  view.setInt16(2, weight);
  view.setUint16(4, sign);
  view.setInt16(6, scale);
  digits.forEach((digit, i) => view.setUint16(8 + 2 * i, digit));
  return new Uint8Array(view.buffer);
}

/** Encodes `unscaled / 10^scale` as Postgres would: no zero digits at either end. */
function encode(unscaled: bigint, scale: number): Uint8Array {
  const fraction = Math.ceil(scale / 4); // base-10000 digits after the point
  let rest = (unscaled < 0n ? -unscaled : unscaled) * 10n ** BigInt(4 * fraction - scale);
  const digits: number[] = [];
  for (; rest > 0n; rest /= 10_000n) digits.unshift(Number(rest % 10_000n));
  const weight = digits.length - fraction - 1;
  while (digits.at(-1) === 0) digits.pop();
  const sign = unscaled < 0n ? NEGATIVE : POSITIVE;
  return send(digits, digits.length === 0 ? 0 : weight, sign, scale);
}

/** Returns the nine bytes as an integer, or undefined if it does not fit. Decodes from an offset above 0. */
function decimal20(numeric: Uint8Array): bigint | undefined {
  const input = new Uint8Array(numeric.length + 7).fill(0xa5);
  input.set(numeric, 5);
  const out = new Uint8Array(15).fill(0x5a);
  const fits = writeDecimal20(new DataView(input.buffer), 5, new DataView(out.buffer), 3);
  const written = out.subarray(3, 12);
  const around = [...out.subarray(0, 3), ...out.subarray(12)];
  assert(around.every((byte) => byte === 0x5a), "wrote beside its nine bytes");
  if (!fits) {
    assert(written.every((byte) => byte === 0x5a), "wrote what does not fit");
    return undefined;
  }
  const unsigned = written.reduce((sum, byte) => sum << 8n | BigInt(byte), 0n);
  return unsigned >= 1n << 71n ? unsigned - (1n << 72n) : unsigned;
}

function decimal10(numeric: Uint8Array): bigint | undefined {
  const input = new Uint8Array(numeric.length + 7).fill(0xa5);
  input.set(numeric, 5);
  return readDecimal10(new DataView(input.buffer), 5);
}

/** Returns a number as a decimal of a precision and scale, or undefined if the number does not fit. */
function held(unscaled: bigint, from: number, precision: bigint, scale: number) {
  const shifted = unscaled * 10n ** BigInt(scale);
  const divisor = 10n ** BigInt(from);
  if (shifted % divisor !== 0n) return undefined;
  const value = shifted / divisor;
  return value < 10n ** precision && value > -(10n ** precision) ? value : undefined;
}

Deno.test("numeric: decodes 20,000 random numerics to the integers that arithmetic gives", () => {
  const random = randomNumbers(20251228);
  let fitting20 = 0;
  let fitting10 = 0;
  for (let i = 0; i < 20_000; i++) {
    const length = 1 + random() % 24;
    let unscaled = 0n;
    for (let d = 0; d < length; d++) {
      // Runs of zeros and nines produce carries and empty digits.
      const digit = [random() % 10, random() % 10, 0, 9][random() % 4]!;
      unscaled = unscaled * 10n + BigInt(digit);
    }
    if (random() % 2 === 0) unscaled = -unscaled;
    const scale = random() % 12;
    const numeric = encode(unscaled, scale);
    const place = `${unscaled} / 10^${scale}`;
    const expected20 = held(unscaled, scale, 20n, 8);
    const expected10 = held(unscaled, scale, 10n, 4);
    if (decimal20(numeric) !== expected20) assertEquals(decimal20(numeric), expected20, place);
    if (decimal10(numeric) !== expected10) assertEquals(decimal10(numeric), expected10, place);
    if (expected20 !== undefined) fitting20++;
    if (expected10 !== undefined) fitting10++;
  }
  // The random numbers must produce both outcomes.
  assert(fitting20 > 5_000 && fitting20 < 18_000, `${fitting20}`);
  assert(fitting10 > 2_000 && fitting10 < 15_000, `${fitting10}`);
});

Deno.test("numeric: decodes powers of ten and two and their neighbours, with both signs", () => {
  const edges = new Set([0n]);
  for (let exponent = 0n; exponent <= 24n; exponent++) edges.add(10n ** exponent);
  for (let exponent = 0n; exponent <= 80n; exponent++) edges.add(2n ** exponent);
  for (const edge of edges) {
    for (const unscaled of [edge - 1n, edge, edge + 1n]) {
      for (const signed of [unscaled, -unscaled]) {
        for (let scale = 0; scale <= 12; scale++) {
          const numeric = encode(signed, scale);
          const place = `${signed} / 10^${scale}`;
          assertEquals(decimal20(numeric), held(signed, scale, 20n, 8), place);
          assertEquals(decimal10(numeric), held(signed, scale, 10n, 4), place);
        }
      }
    }
  }
});

Deno.test("numeric: accepts the largest and smallest values, and refuses the next ones", () => {
  const most20 = 10n ** 20n - 1n;
  for (const value of [most20, -most20, 1n, -1n, 0n]) {
    assertEquals(decimal20(encode(value, 8)), value);
  }
  assertEquals(decimal20(encode(most20 + 1n, 8)), undefined);
  assertEquals(decimal20(encode(-most20 - 1n, 8)), undefined);
  const most10 = 10n ** 10n - 1n;
  for (const value of [most10, -most10, 1n, -1n, 0n]) {
    assertEquals(decimal10(encode(value, 4)), value);
  }
  assertEquals(decimal10(encode(most10 + 1n, 4)), undefined);
  assertEquals(decimal10(encode(-most10 - 1n, 4)), undefined);
});

Deno.test("numeric: refuses one decimal more than the type has, unless that decimal is zero", () => {
  assertEquals(decimal20(encode(1_234_567_891n, 9)), undefined);
  assertEquals(decimal20(encode(1n, 12)), undefined);
  assertEquals(decimal20(encode(1_234_567_890n, 9)), 123_456_789n);
  assertEquals(decimal10(encode(12_345n, 5)), undefined);
  assertEquals(decimal10(encode(12_340n, 5)), 1234n);
});

Deno.test("numeric: ignores the display scale, which does not change the value", () => {
  for (const scale of [0, 2, 8, 30, 16383]) {
    assertEquals(decimal20(send([1, 5000], 0, POSITIVE, scale)), 150_000_000n);
    assertEquals(decimal10(send([1, 5000], 0, POSITIVE, scale)), 15_000n);
  }
});

const NOT_NUMBERS: [string, number][] = [
  ["NaN", 0xc000],
  ["Infinity", 0xd000],
  ["-Infinity", 0xf000],
  ["a sign that Postgres does not have", 0x8000],
  ["another sign that Postgres does not have", 0x0001],
];
for (const [what, sign] of NOT_NUMBERS) {
  Deno.test(`numeric: refuses ${what}`, () => {
    for (const digits of [[], [1], [0, 0]]) {
      assertEquals(decimal20(send(digits, 0, sign)), undefined);
      assertEquals(decimal10(send(digits, 0, sign)), undefined);
    }
  });
}

Deno.test("numeric: decodes zero with any sign, weight and digits", () => {
  for (const sign of [POSITIVE, NEGATIVE]) {
    for (const weight of [-30, -3, -2, 0, 2, 3, 30]) {
      for (const digits of [[], [0], [0, 0, 0, 0, 0, 0]]) {
        assertEquals(decimal20(send(digits, weight, sign)), 0n);
        assertEquals(decimal10(send(digits, weight, sign)), 0n);
      }
    }
  }
});

Deno.test("numeric: ignores zero digits at both ends, even beyond the digits of the type", () => {
  assertEquals(decimal20(send([0, 0, 0, 0, 12, 3400, 0, 0, 0, 0], 4, POSITIVE)), 1_234_000_000n);
  assertEquals(decimal10(send([0, 0, 0, 0, 12, 3400, 0, 0, 0, 0], 4, NEGATIVE)), -123_400n);
});

Deno.test("numeric: leaves nothing of the previous value in the next one", () => {
  assertEquals(decimal20(encode(-(10n ** 20n - 1n), 8)), -(10n ** 20n - 1n));
  assertEquals(decimal20(encode(1n, 8)), 1n);
  assertEquals(decimal10(encode(10n ** 11n, 4)), undefined);
  assertEquals(decimal10(encode(1n, 4)), 1n);
});

Deno.test("numeric: decodes the bytes that Postgres sends to the text that Postgres prints", async () => {
  await using db = await outbox();
  const random = randomNumbers(7);
  const literals = [
    "0",
    "-0",
    "0.0",
    "0.00000001",
    "-0.00000001",
    "1",
    "-1",
    "0.1",
    "9999",
    "10000",
    "9999.9999",
    "10000.0001",
    "99999999.99999999",
    "1e11",
    "-1e11",
    "1e-8",
    "-1e-8",
    "999999999999.99999999",
    "-999999999999.99999999",
    "16777216",
    "281474976710",
    "167772.15",
    "-167772.16",
    "2814749767.10655",
    "-2814749767.10656",
    ...Array.from({ length: 400 }, () => {
      const integer = String(random() * 2 ** 20 + random()).slice(0, 1 + random() % 12);
      const decimals = String(random()).padStart(10, "0").slice(-1 - random() % 8);
      return `${random() % 2 === 0 ? "-" : ""}${integer}.${decimals}`;
    }),
  ];
  const rows = await db.query(
    `SELECT x, encode(numeric_send(x::numeric), 'hex') AS sent, x::numeric(20,8)::text AS said,
            encode(numeric_send(trunc(x::numeric % 1000000, 4)), 'hex') AS percent_sent,
            trunc(x::numeric % 1000000, 4)::numeric(10,4)::text AS percent_said
     FROM unnest($1::text[]) AS x`,
    [literals],
  );
  assertEquals(rows.length, literals.length);
  for (const { x, sent, said, percent_sent, percent_said } of rows) {
    const out = new Uint8Array(9);
    assert(writeDecimal20(viewOf(sent!), 0, new DataView(out.buffer), 0), x!);
    assertEquals(formatValue(out, "DECIMAL(20,8)"), said, x!);
    const percent = readDecimal10(viewOf(percent_sent!), 0);
    assertEquals(formatValue(percent ?? null, "DECIMAL(10,4)"), percent_said, x!);
  }
});

Deno.test("numeric: refuses values that Postgres can hold and the type cannot", async () => {
  await using db = await outbox();
  const literals = [
    "NaN",
    "Infinity",
    "-Infinity",
    "1e12",
    "-1e12",
    "999999999999.999999999",
    "1e-9",
    "0.000000001",
    "1e300",
    "-1e-300",
    "123456789012345678901234567890",
  ];
  const rows = await db.query(
    "SELECT x, encode(numeric_send(x::numeric), 'hex') AS sent FROM unnest($1::text[]) AS x",
    [literals],
  );
  assertEquals(rows.length, literals.length);
  for (const { x, sent } of rows) {
    const out = new DataView(new ArrayBuffer(9));
    assertEquals(writeDecimal20(viewOf(sent!), 0, out, 0), false, x!);
    assertEquals(readDecimal10(viewOf(sent!), 0), undefined, x!);
  }
});

function viewOf(hex: string): DataView {
  const bytes = Uint8Array.from(hex.match(/../g)!, (pair) => parseInt(pair, 16));
  return new DataView(bytes.buffer);
}
