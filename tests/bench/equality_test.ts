import type { Column } from "../../pipeline/contract/column.ts";
import { assertEquals, assertStringIncludes } from "../support/assert.ts";
import { type Comparison, judge, openComparer, type Verdict } from "./equality.ts";

const COLUMNS: readonly Column[] = [
  { name: "event_id", type: "STRING", nullable: false },
  { name: "event_seq", type: "INT64", nullable: true },
  { name: "occurred_at", type: "TIMESTAMP(MICROS,UTC)", nullable: false },
  { name: "fill_price", type: "DECIMAL(20,8)", nullable: true },
  { name: "note", type: "STRING", nullable: true },
];

/** The reference has all values as Postgres's text. */
const REFERENCE = rows([
  ["'a'", "'1'", "'2025-12-28 00:00:00.000001+00'", "'0.10000000'", "''"],
  [
    "'b'",
    "'9223372036854775807'",
    "'2025-12-28 23:59:59.999999+00'",
    "'999999999999.00000001'",
    "NULL",
  ],
  ["'c'", "NULL", "'2025-12-28 12:00:00+00'", "NULL", "'x'"],
]);

/** SQL for the reference's rows with the types of the contract, or with others. */
function files(types: Record<string, string> = {}, changed: Record<string, string> = {}): string {
  const usual = {
    event_id: "VARCHAR",
    event_seq: "BIGINT",
    occurred_at: "TIMESTAMPTZ",
    fill_price: "DECIMAL(20,8)",
    note: "VARCHAR",
    ...types,
  };
  const columns = Object.entries(usual).map(([name, type]) =>
    `(${changed[name] ?? name})::${type} AS ${name}`
  );
  return `(SELECT ${columns.join(", ")} FROM ${REFERENCE})`;
}

function rows(values: string[][]): string {
  const tuples = values.map((row) => `(${row.join(", ")})`).join(", ");
  return `(VALUES ${tuples}) AS t (${COLUMNS.map(({ name }) => name).join(", ")})`;
}

async function compared(from: string): Promise<Comparison & Verdict> {
  const folder = await Deno.makeTempDir();
  try {
    using comparer = await openComparer(folder);
    await comparer.run(`CREATE TABLE reference AS SELECT * FROM ${REFERENCE}`);
    const comparison = await comparer.compare(
      { from, key: "event_id", columns: COLUMNS },
      "reference",
    );
    return { ...comparison, ...judge(comparison) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("compare: equal values with the contract's types are exact", async () => {
  const { equal, summary, details, rows } = await compared(files());
  assertEquals({ equal, summary, details, rows }, {
    equal: true,
    summary: "exact",
    details: [],
    rows: 3,
  });
});

Deno.test("compare: reports a value that differs in the last digit", async () => {
  const price = "CASE event_id WHEN 'b' THEN '999999999999.00000002' ELSE fill_price END";
  const { equal, summary, columns } = await compared(files({}, { fill_price: price }));
  assertEquals([equal, summary], [false, "values differ"]);
  assertEquals(columns, [{
    column: "fill_price",
    rows: 1,
    example: "b: '999999999999.00000002' instead of '999999999999.00000001'",
  }]);
});

Deno.test("compare: reports a time that differs by a microsecond, and by a nanosecond", async () => {
  for (const [type, unit] of [["TIMESTAMPTZ", "microsecond"], ["TIMESTAMP_NS", "nanosecond"]]) {
    const time = unit === "microsecond"
      ? "occurred_at::TIMESTAMPTZ + INTERVAL 1 microsecond"
      : "make_timestamp_ns(epoch_us(occurred_at::TIMESTAMPTZ) * 1000 + 1)";
    const { columns } = await compared(files({ occurred_at: type! }, { occurred_at: time }));
    assertEquals(columns.map(({ column, rows }) => [column, rows]), [["occurred_at", 3]]);
  }
});

Deno.test("compare: an empty text is not null", async () => {
  const note = "CASE event_id WHEN 'b' THEN '' ELSE note END";
  const { columns } = await compared(files({}, { note }));
  assertEquals(columns, [{ column: "note", rows: 1, example: "b: '' instead of null" }]);
});

Deno.test("compare: reports a widened decimal as another type with equal values", async () => {
  const { equal, summary, details } = await compared(files({ fill_price: "DECIMAL(38,10)" }));
  assertEquals([equal, summary], [true, "equal; decimals widened"]);
  assertEquals(details, ["fill_price: DECIMAL(38,10) instead of DECIMAL(20,8)"]);
});

Deno.test("compare: reports other types, each kind by its name", async () => {
  const types = { fill_price: "VARCHAR", occurred_at: "TIMESTAMP_NS", event_seq: "HUGEINT" };
  const { equal, summary } = await compared(files(types));
  assertEquals([equal, summary], [true, "equal; numeric as text, other time types, other types"]);
});

Deno.test("compare: reports the digits that a float loses", async () => {
  const { summary, columns } = await compared(files({ fill_price: "DOUBLE" }));
  assertEquals(summary, "values differ");
  assertEquals(columns.map(({ column, rows }) => [column, rows]), [["fill_price", 1]]);
});

Deno.test("compare: reports missing, extra and repeated rows, and a missing column", async () => {
  const without = await compared(`(SELECT * FROM ${files()} WHERE event_id <> 'a')`);
  assertEquals([without.equal, without.missing, without.extra], [false, 1, 0]);

  const other = await compared(files({}, { event_id: "replace(event_id, 'a', 'z')" }));
  assertEquals([other.equal, other.missing, other.extra], [false, 1, 1]);

  const twice = await compared(`(FROM ${files()} UNION ALL FROM ${files()})`);
  assertEquals([twice.equal, twice.repeated], [false, 3]);

  const narrow = await compared(`(SELECT * EXCLUDE note FROM ${files()})`);
  assertEquals(narrow.equal, false);
  assertStringIncludes(narrow.details.join(), "note is missing");
});
