import type { Column, EventColumn, Value } from "../../../pipeline/contract/column.ts";
import { EVENT_COLUMNS, EXECUTION_COLUMNS } from "../../../pipeline/contract/tables.ts";
import { createPageFile } from "../../../pipeline/lake/page_file.ts";
import { fieldsOf, pageColumnsOf } from "../../../pipeline/pages/column_kinds.ts";
import { createRowReader } from "../../../pipeline/pages/copy_rows.ts";
import { createEventParts } from "../../../pipeline/pages/event_parts.ts";
import { FIT } from "../../../pipeline/pages/page_column.ts";
import { createRandom, type Random } from "../../chaos/random.ts";
import { assert, assertEquals, assertGreaterOrEqual } from "../../support/assert.ts";
import {
  blockOf,
  bodies,
  copyOf,
  type Field,
  int,
  join,
  jsonb,
  numeric,
  row,
  utf8,
} from "../../support/copy_stream.ts";
import { duckdb, parquet } from "../../support/duckdb.ts";
import { compareStatistics, type StatisticsReport } from "../../support/footer_statistics.ts";
import { memoryLake } from "../../support/memory_lake.ts";
import { type BronzeEvent, price, replayParts, storeBronze } from "../../support/replay.ts";

const POSTGRES_EPOCH = 946_684_800_000_000n;

const INTEGERS = [
  0n,
  1n,
  -1n,
  2n ** 31n - 1n,
  2n ** 31n,
  -(2n ** 31n),
  -(2n ** 31n) - 1n,
  2n ** 32n - 1n,
  2n ** 32n,
  -(2n ** 32n),
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 53n + 1n,
  -(2n ** 53n) - 1n,
  2n ** 63n - 1n,
  -(2n ** 63n),
];

/** Instants in microseconds since 1970. */
const INSTANTS = [
  0n,
  -1n,
  1n,
  POSTGRES_EPOCH - 1n,
  POSTGRES_EPOCH,
  POSTGRES_EPOCH + 1n,
  -(2n ** 32n),
  2n ** 32n,
  2n ** 53n + 1n,
  -62_135_596_800_000_000n, // the year 1
  253_402_300_799_999_999n, // the year 9999
];

/** Percentages in units of 0.0001. */
const PERCENTAGES = [
  0n,
  1n,
  -1n,
  2n ** 31n,
  -(2n ** 32n),
  2n ** 32n,
  9_999_999_999n,
  -9_999_999_999n,
];

// In UTF-16, the characters above U+FFFF sort before U+E000 to U+FFFF. In UTF-8, they sort after.
const TEXTS = [
  "",
  " ",
  "a",
  "ab",
  "B",
  "\u0001",
  "\u007f",
  "\u0080",
  "é",
  "\u07ff",
  "\u0800",
  "\ud7ff",
  "\ue000",
  "\ufeffBTC",
  "\uffff",
  "😀",
  "\u{10000}",
  "\u{10ffff}",
  "\u{10ffff}".repeat(4),
  "\u{10ffff}".repeat(5),
  "\u{10ffff}".repeat(250),
  "abcdefghijklmno",
  "abcdefghijklmnop",
  "abcdefghijklmnopq",
  "abcdefghijklmno\u{10ffff}",
  "abcdefghijklmno\u{10ffff}\u{10ffff}",
  "abcdefghijklmnoé",
  "abcdefghijklmn\u07ffa",
  "abcdefghijklmnop\ud7ff",
  "abcdefghijklm\ud7ffz",
  "\u007f".repeat(17),
  "it's",
  "東京 🚀".repeat(9),
];

/** The values of one row group. */
interface Profile {
  /** The number of rows. */
  readonly rows: number;
  /** The share of nulls in nullable columns. */
  readonly nulls: number;
  /** The number of different values that a column chooses from. */
  readonly choices: number;
  /** True if a text often occurs only once, so that a dictionary is not worth its size. */
  readonly unique: boolean;
}

const PROFILES: readonly Profile[] = [
  { rows: 1, nulls: 0, choices: 1, unique: false },
  { rows: 1, nulls: 1, choices: 1, unique: false },
  { rows: 2, nulls: 0, choices: 2, unique: false },
  { rows: 9, nulls: 0.5, choices: 2, unique: false },
  { rows: 17, nulls: 1, choices: 3, unique: false },
  { rows: 64, nulls: 0.2, choices: 4, unique: false },
  { rows: 3000, nulls: 0.1, choices: 3, unique: true },
  { rows: 40, nulls: 0, choices: 40, unique: false },
];

/** Chooses a few of the values, so that the extremes of the row groups differ. */
function some<T>(random: Random, values: readonly T[], { choices }: Profile): T[] {
  return Array.from({ length: choices }, () => random.pick(values));
}

/** Returns a function that returns a field of a column. */
function fieldsFor(random: Random, { name, postgres, nullable }: EventColumn, profile: Profile) {
  const integers = some(random, INTEGERS, profile);
  const instants = some(random, INSTANTS, profile);
  const percentages = some(random, PERCENTAGES, profile);
  const texts = some(random, TEXTS, profile);
  const field = (i: number): Field => {
    switch (postgres) {
      case "uuid":
        return Uint8Array.from({ length: 16 }, () => random.below(256));
      case "bigint":
        return int(64, random.pick(integers));
      case "integer":
        return int(32, BigInt.asIntN(32, random.pick(integers)));
      case "timestamp with time zone":
        return int(64, random.pick(instants) - POSTGRES_EPOCH);
      case "numeric":
        return name === "slippage_pct" ? percentage(random.pick(percentages)) : numeric(0, 0, 8, 7);
      case "jsonb":
        return jsonb(JSON.stringify(random.pick(texts)));
      default:
        return utf8(profile.unique ? `${random.pick(texts)} ${i}` : random.pick(texts));
    }
  };
  return (i: number) => nullable && random.next() < profile.nulls ? null : field(i);
}

/** The numeric of a percentage in units of 0.0001. */
function percentage(unscaled: bigint): Uint8Array {
  const digits: number[] = [];
  const size = unscaled < 0n ? -unscaled : unscaled;
  for (let left = size; left > 0n; left /= 10_000n) digits.unshift(Number(left % 10_000n));
  if (unscaled === 0n) return numeric(0, 0, 4);
  return numeric(digits.length - 2, unscaled < 0n ? 0x4000 : 0, 4, ...digits);
}

/** Encodes row groups, each with the same columns and as many rows as it has. */
function encode(groups: readonly (readonly Field[][])[]): Uint8Array {
  const reader = createRowReader(fieldsOf(EVENT_COLUMNS));
  const columns = pageColumnsOf(EVENT_COLUMNS);
  const file = createPageFile(EVENT_COLUMNS);
  const block = blockOf(bodies(groups.flat().map(row)));
  let at = 0;
  for (const group of groups) {
    at = reader.read(block, at, group.length, Infinity);
    assertEquals([reader.table.rows, reader.table.refused], [group.length, undefined]);
    for (const column of columns) {
      assertEquals(column.append(block, reader.table.starts, group.length), FIT);
    }
    file.write(group.length, columns.map((column) => column.finish()));
    for (const column of columns) column.reset();
  }
  return file.finish();
}

/** Writes a file, and passes its path to a function. */
async function withFile<T>(body: Uint8Array, use: (path: string) => Promise<T>): Promise<T> {
  const path = await Deno.makeTempFile({ prefix: "statistics-", suffix: ".parquet" });
  try {
    await Deno.writeFile(path, body);
    return await use(path);
  } finally {
    await Deno.remove(path);
  }
}

function compare(
  body: Uint8Array,
  columns: readonly Column[],
): Promise<StatisticsReport> {
  return withFile(body, (path) => compareStatistics([path], columns));
}

Deno.test("statistics: agree with the rows of each row group of bronze, and filters lose no row", async () => {
  const random = createRandom(41);
  const groups = [...PROFILES, ...PROFILES, ...PROFILES].map((profile) => {
    const columns = EVENT_COLUMNS.map((column) => fieldsFor(random, column, profile));
    return Array.from({ length: profile.rows }, (_, i) => columns.map((field) => field(i)));
  });
  const { faults, bounded } = await compare(encode(groups), EVENT_COLUMNS);
  assertEquals(faults, []);
  const { event_id, occurred_at, operation_id, symbol, payload_json, fill_price, ...others } =
    bounded;
  assertEquals([event_id, fill_price], [0, 0]); // ids and wide decimals have no extremes
  assertEquals([occurred_at, operation_id], [groups.length, groups.length]);
  assert(symbol! >= 18 && symbol! < groups.length, `${symbol} row groups with a dictionary`);
  assert(payload_json! >= 15);
  for (const name of ["slippage_pct", "retry_count", "side", "error_message"]) {
    assertGreaterOrEqual(others[name]!, 12, name);
  }
});

Deno.test("statistics: agree with the rows of bronze where row groups and parts end by themselves", async () => {
  const random = createRandom(42);
  // 20,000 rows, 20,000 rows and one row. Few values occur in two row groups.
  const rows = Array.from({ length: 40_001 }, (_, i) => {
    const group = Math.floor(i / 20_000);
    const fields: Record<string, Field> = {
      event_seq: i < 39_000 ? int(64, BigInt(i) - 5000n) : null,
      occurred_at: int(64, [0n, -POSTGRES_EPOCH, 2n ** 32n][group]! - BigInt(random.below(9000))),
      operation_id: int(64, [2n ** 32n, -(2n ** 32n), 7n][group]! + BigInt(random.below(9000))),
      client_id: int(64, 1n),
      symbol: utf8(["😀", "\uffff", "é"][group]! + random.below(3)),
      event_type: utf8("EXECUTED"),
      source: utf8(["cron", "api", "ws"][group]!),
      error_message: group === 1 ? null : utf8(`error ${i}`),
      slippage_pct: group === 1
        ? null
        : percentage(BigInt(random.below(90)) - [0n, 0n, 99n][group]!),
      retry_count: group === 0 ? int(32, -random.below(9)) : null,
    };
    return row(
      EVENT_COLUMNS.map(({ name, postgres }) =>
        postgres === "uuid" ? join(int(64, 0), int(64, i)) : fields[name] ?? null
      ),
    );
  });
  const [part, ...others] = await Array.fromAsync(
    createEventParts().read([copyOf(blockOf(bodies(rows)))]),
  );
  assertEquals(others, []);
  await withFile(part!.body, async (path) => {
    const { faults, bounded } = await compareStatistics([path], EVENT_COLUMNS, 6);
    assertEquals(faults, []);
    assertEquals([bounded.symbol, bounded.error_message, bounded.retry_count], [3, 1, 1]);
    // Events are in the order of event_seq, across row groups too.
    const footer = await duckdb(`
      SELECT stats_min_value, stats_max_value, stats_null_count
      FROM parquet_metadata('${path}') WHERE path_in_schema = 'event_seq' ORDER BY row_group_id`);
    assertEquals(footer, [["-5000", "14999", "0"], ["15000", "33999", "1000"], [null, null, "1"]]);
    assertEquals(await duckdb(`SELECT count(*) FROM ${parquet([path])}`), [["40001"]]);
  });
});

Deno.test("statistics: agree with the rows of each row group of silver, and filters lose no row", async () => {
  const random = createRandom(43);
  const types = ["STOP_TRIGGERED", "EXECUTION_SUBMITTED", "EXECUTED", "FAILED"];
  const groupRows = 9;
  const events: BronzeEvent[] = [];
  for (let group = 0; group < 20; group++) {
    const profile = PROFILES[group % PROFILES.length]!;
    const times = some(random, INSTANTS, profile);
    const texts = some(random, TEXTS, profile);
    const percentages = some(random, PERCENTAGES, profile);
    const value = <T extends Value>(next: () => T) => random.next() < profile.nulls ? null : next();
    for (let i = 0; i < groupRows; i++) {
      // The operations of a client are neighbours in silver.
      const operation = {
        operation_id: BigInt(i - 4) * 2n ** 32n + 2n ** 31n + BigInt(group),
        client_id: BigInt(group - 9),
      };
      for (const type of types.filter(() => random.chance(0.6)).concat("BLOCKED")) {
        events.push({
          ...operation,
          event_type: type,
          occurred_at: random.pick(times),
          symbol: random.pick(texts),
          source: random.pick(texts),
          side: value(() => random.pick(texts)),
          exchange_order_id: value(() => random.pick(texts)),
          slippage_pct: value(() => random.pick(percentages)),
          fill_price: value(() => price(random.pick(INTEGERS))),
        });
      }
    }
  }
  const numbered = events.map((event, i) => ({
    event_id: `00000000-0000-0000-0000-${String(i).padStart(12, "0")}`,
    event_seq: BigInt(i),
    ...event,
  }));
  const lake = memoryLake();
  const parts = await storeBronze(lake, [[[numbered]]]);
  const { body, groups } = await replayParts(lake, parts);
  assertEquals(groups, Array.from({ length: 20 }, () => groupRows));
  const { faults, bounded } = await compare(body, EXECUTION_COLUMNS);
  assertEquals(faults, []);
  const { execution_id, fill_price, operation_id, client_id, symbol, status, ...others } = bounded;
  assertEquals([execution_id, fill_price], [0, 0]);
  assertEquals([operation_id, client_id, symbol, status], [20, 20, 20, 20]);
  assert(Object.values(others).every((count) => count < 20 || count >= 8), JSON.stringify(others));
});

Deno.test("statistics: leave out a maximum that cannot be cut and is too long for a reader", async () => {
  const symbol = "\u{10ffff}".repeat(1100);
  const lake = memoryLake();
  const event: BronzeEvent = {
    event_id: "00000000-0000-0000-0000-000000000001",
    event_seq: 1n,
    event_type: "EXECUTED",
    operation_id: 1n,
    client_id: 1n,
    occurred_at: 0n,
    symbol,
    source: "ws",
  };
  const parts = await storeBronze(lake, [[[[event]]]]);
  const { executions, body } = await replayParts(lake, parts);
  assertEquals(executions.map((execution) => execution.symbol), [symbol]);
  const { faults, bounded } = await compare(body, EXECUTION_COLUMNS);
  assertEquals([faults, bounded.symbol, bounded.source], [[], 0, 1]);
});

for (
  const [title, extremes] of [
    ["a minimum that is too large", { min: 6n, max: 9n }],
    ["a maximum that is too small", { min: 5n, max: 8n }],
  ] as const
) {
  Deno.test(`statistics: the comparison finds ${title}`, async () => {
    const columns = [{ name: "operation_id", type: "INT64", nullable: false }] as const;
    const file = createPageFile(columns);
    const values = new Uint8Array(BigInt64Array.of(5n, 9n).buffer);
    file.write(2, [{ rows: 2, nulls: 0, levels: new Uint8Array(0), values, extremes }]);
    const { faults } = await compare(file.finish(), columns);
    assert(faults.length > 1, faults.join("\n")); // the footer and at least one filter
  });
}
