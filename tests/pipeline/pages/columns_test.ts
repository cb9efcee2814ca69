import type { EventColumn, Value } from "../../../pipeline/contract/column.ts";
import { EVENT_COLUMNS } from "../../../pipeline/contract/tables.ts";
import { tapSocket } from "../../../pipeline/outbox/copy_tap.ts";
import type { CopyBlock } from "../../../pipeline/outbox/copy_tap.ts";
import { createEventParts, RefusedEvent } from "../../../pipeline/pages/event_parts.ts";
import { createRandom, type Random } from "../../chaos/random.ts";
import { assert, assertEquals, assertRejects } from "../../support/assert.ts";
import {
  blockOf,
  bodies,
  copyOf,
  type Field,
  hex,
  int,
  join,
  jsonb,
  message,
  numeric,
  row,
  rowsOf,
  utf8,
} from "../../support/copy_stream.ts";

// The columns are compared with a decoder that is as plain as possible: one value at a time, and
// bigints for all arithmetic.

/** The value of a field, or undefined if it does not fit the column. */
function plainValue({ postgres, type, nullable }: EventColumn, field: Field): Value | undefined {
  if (field === null) return nullable ? null : undefined;
  const view = new DataView(field.buffer, field.byteOffset, field.length);
  switch (postgres) {
    case "uuid":
      return field.toHex().replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
    case "bigint":
      return view.getBigInt64(0);
    case "integer":
      return view.getInt32(0);
    case "timestamp with time zone": {
      const micros = view.getBigInt64(0);
      const value = micros + 946_684_800_000_000n;
      return micros === -(2n ** 63n) || value >= 2n ** 63n ? undefined : value;
    }
    case "jsonb":
      return field[0] === 1 ? new TextDecoder().decode(field.subarray(1)) : undefined;
    case "numeric":
      return type === "DECIMAL(20,8)" ? plainDecimal(view, 20, 8) : plainDecimal(view, 10, 4);
    default:
      return new TextDecoder().decode(field);
  }
}

function plainDecimal(view: DataView, precision: number, scale: number): Value | undefined {
  const count = view.getInt16(0);
  const sign = view.getUint16(4);
  if (sign !== 0 && sign !== 0x4000) return undefined;
  // In units of 10^-400, which is smaller than every digit.
  let unscaled = 0n;
  for (let i = 0; i < count; i++) {
    const exponent = 4 * (view.getInt16(2) - i) + 400;
    unscaled += BigInt(view.getUint16(8 + 2 * i)) * 10n ** BigInt(exponent);
  }
  const unit = 10n ** BigInt(400 - scale);
  if (unscaled % unit !== 0n || unscaled / unit >= 10n ** BigInt(precision)) return undefined;
  const value = sign === 0 ? unscaled / unit : -unscaled / unit;
  if (scale === 4) return value;
  const bits = BigInt.asUintN(72, value);
  return hex(bits.toString(16).padStart(18, "0"));
}

const BIGINTS = [0n, 1n, -1n, 2n ** 31n, 2n ** 32n, -(2n ** 32n), 2n ** 63n - 1n, -(2n ** 63n)];

function randomNumeric(random: Random, digits: number): Uint8Array {
  const weight = random.pick([0, 0, 1, 1, 2, -1, -2, 3, -3]);
  const length = random.below(digits + 1);
  const sign = random.pick([0, 0, 0x4000]);
  const list = Array.from(
    { length },
    () => random.chance(0.3) ? random.pick([0, 1, 99, 100, 9999]) : random.below(10_000),
  );
  return numeric(weight, length === 0 ? 0 : sign, random.below(20), ...list);
}

const EDGES = [
  numeric(0, 0xc000, 0), // NaN
  numeric(0, 0xd000, 0), // Infinity
  numeric(0, 0xf000, 0), // -Infinity
  numeric(0, 0, 0),
  numeric(0, 0x4000, 8, 0), // a zero with a sign
  numeric(2, 0, 8, 9999, 9999, 9999, 9999, 9999), // the largest DECIMAL(20,8)
  numeric(2, 0x4000, 8, 9999, 9999, 9999, 9999, 9999),
  numeric(1, 0, 4, 99, 9999, 9999), // the largest DECIMAL(10,4)
  numeric(1, 0x4000, 4, 99, 9999, 9999),
  numeric(1, 0, 4, 100),
  numeric(3, 0, 0, 1),
  numeric(1, 0, 8, 9007, 1992, 5474, 991), // 2^53 - 1 in units of 10^-8, and its neighbours
  numeric(1, 0, 8, 9007, 1992, 5474, 990),
  numeric(1, 0, 8, 9007, 1992, 5474, 992),
  numeric(1, 0x4000, 8, 9007, 1992, 5474, 993),
  numeric(-2, 0, 12, 1, 0, 0, 0, 0, 0, 0, 0), // digits of zero after the last decimal
  numeric(0, 0, 8, 0, 0, 42),
  numeric(1, 0, 0, 42, 9496, 7296), // 2^32
  numeric(1, 0x4000, 0, 42, 9496, 7296),
];

const TEXTS = ["", "a", "ab", "abc", "abcd", "BTCUSDC", "東京 🚀", "\u0000", "é".repeat(97)];

function randomText(random: Random): Uint8Array {
  if (random.chance(0.7)) return utf8(random.pick(TEXTS));
  if (random.chance(0.02)) return utf8("x".repeat(random.below(5000)));
  return utf8("t".repeat(random.below(40)) + random.below(1_000_000));
}

function randomField(random: Random, { postgres, nullable }: EventColumn, fit: boolean): Field {
  if (nullable && random.chance(0.2)) return null;
  switch (postgres) {
    case "uuid":
      return Uint8Array.from({ length: 16 }, () => random.below(256));
    case "bigint":
      return int(64, random.chance(0.4) ? random.pick(BIGINTS) : BigInt(random.below(2 ** 40)));
    case "timestamp with time zone":
      return fit || random.chance(0.9)
        ? int(64, 820_000_000_000_000n + BigInt(random.below(2 ** 36)))
        : int(64, random.pick(BIGINTS));
    case "integer":
      return int(32, random.below(2 ** 32) | 0);
    case "numeric":
      return random.chance(0.3) ? random.pick(EDGES) : randomNumeric(random, 7);
    case "jsonb":
      return jsonb(`{"n": "${"x".repeat(random.below(random.chance(0.05) ? 3000 : 60))}"}`);
    default:
      return randomText(random);
  }
}

/** The fields of a row, each of which fits its column. */
function randomRow(random: Random, seq: bigint | null): Field[] {
  return EVENT_COLUMNS.map((column) => {
    if (column.name === "event_seq") return seq === null ? null : int(64, seq);
    for (;;) {
      const field = randomField(random, column, true);
      if (plainValue(column, field) !== undefined) return field;
    }
  });
}

/** The places of the columns that have fields with values that do not fit. */
const CAN_BE_UNFIT = EVENT_COLUMNS.flatMap(({ postgres }, i) =>
  postgres === "numeric" || postgres === "timestamp with time zone" ? [i] : []
);

function plainRow(fields: readonly Field[]): (Value | undefined)[] {
  return fields.map((field, i) => plainValue(EVENT_COLUMNS[i]!, field));
}

const encode = (blocks: AsyncIterable<CopyBlock>) =>
  Array.fromAsync(createEventParts().read([blocks]));

Deno.test("columns: return the same values as a plain decoder, for random rows", async () => {
  for (let seed = 0; seed < 12; seed++) {
    const random = createRandom(seed);
    const count = 1 + random.below(400);
    const rows = Array.from(
      { length: count },
      (_, i) => randomRow(random, i < count * 0.9 ? BigInt(i) - 100n : null),
    );
    const files = await encode(copyOf(blockOf(bodies(rows.map(row)))));
    const found = await rowsOf(files);
    assertEquals(found.length, count);
    found.forEach((values, i) =>
      assertEquals(values, plainRow(rows[i]!), `seed ${seed}, row ${i}`)
    );
  }
});

Deno.test("columns: refuse exactly the rows that a plain decoder refuses", async () => {
  const random = createRandom(99);
  let refused = 0;
  for (let i = 0; i < 1500; i++) {
    const index = random.pick(CAN_BE_UNFIT);
    const field = randomField(random, EVENT_COLUMNS[index]!, false);
    const fields = randomRow(random, BigInt(i)).with(index, field);
    const expected = plainRow(fields);
    const blocks = () => copyOf(blockOf(bodies([row(fields)])));
    if (expected.includes(undefined)) {
      refused++;
      await assertRejects(() => encode(blocks()), RefusedEvent, "", `row ${i}`);
    } else {
      assertEquals(await rowsOf(await encode(blocks())), [expected as Value[]], `row ${i}`);
    }
  }
  assert(refused > 300 && refused < 1200, `${refused} refused rows`);
});

for (const name of ["fill_price", "slippage_pct"]) {
  Deno.test(`columns: encode or refuse each edge case of ${name} as a plain decoder does`, async () => {
    const index = EVENT_COLUMNS.findIndex((column) => column.name === name);
    const random = createRandom(5);
    const base = randomRow(random, 1n);
    for (const field of EDGES) {
      const fields = base.with(index, field);
      const expected = plainValue(EVENT_COLUMNS[index]!, field);
      const blocks = copyOf(blockOf(bodies([row(fields)])));
      if (expected === undefined) {
        await assertRejects(() => encode(blocks), RefusedEvent, name);
      } else {
        assertEquals(await rowsOf(await encode(blocks), [name]), [[expected]]);
      }
    }
  });
}

Deno.test("columns: return texts that repeat, that stop to repeat, and that never repeat", async () => {
  const names = ["symbol", "execution_token", "error_message", "exchange_order_id"];
  const rows = Array.from({ length: 12_000 }, (_, i) => {
    const texts: Record<string, string> = {
      symbol: `S${i % 5000}`, // more entries than a dictionary may have
      execution_token: i < 3000 ? "same" : `token ${i}`,
      error_message: `error ${i}`,
      exchange_order_id: `${i % 3}`,
    };
    const base = randomRow(createRandom(i % 7), BigInt(i));
    return base.map((field, c) => {
      const text = texts[EVENT_COLUMNS[c]!.name];
      return text === undefined ? field : utf8(text);
    });
  });
  const files = await encode(copyOf(blockOf(bodies(rows.map(row)))));
  const found = await rowsOf(files, names);
  const columns = names.map((name) => EVENT_COLUMNS.findIndex((column) => column.name === name));
  found.forEach((values, i) => {
    const texts = columns.map((c) => new TextDecoder().decode(rows[i]![c]!));
    if (values.some((value, c) => value !== texts[c])) assertEquals(values, texts, `row ${i}`);
  });
  assertEquals(found.length, rows.length);
});

Deno.test("columns: give the same bytes for equal rows, whatever the size of the chunks of the socket", async () => {
  const random = createRandom(3);
  const rows = Array.from({ length: 3000 }, (_, i) => row(randomRow(random, BigInt(i))));
  const stream = join(
    message("H", Uint8Array.of(1, 0, 0)),
    ...bodies(rows).map((body) => message("d", body)),
    message("c"),
    message("Z", utf8("I")),
  );
  const expected = await encode(copyOf(blockOf(bodies(rows))));
  for (const most of [1, 2, 3, 100, 5000, 65_536, 1 << 20]) {
    const blocks: CopyBlock[] = [];
    let receive = (_: Uint8Array) => {};
    const tap = tapSocket({
      pause() {},
      resume() {},
      listeners: () => [() => {}],
      removeAllListeners() {},
      on: (_, listener) => receive = listener,
    });
    tap.begin({
      allocate: (size) => new Uint8Array(size),
      take: (block) => blocks.push(block),
    });
    for (let at = 0; at < stream.length;) {
      const size = 1 + random.below(most);
      receive(stream.subarray(at, at + size));
      at += size;
    }
    const files = await encode(copyOf(...blocks));
    assertEquals(files.map(({ rows }) => rows), [3000], `chunks of ${most} bytes`);
    assert(files[0]!.body.every((byte, i) => byte === expected[0]!.body[i]));
    assertEquals(files[0]!.body.length, expected[0]!.body.length);
  }
});
