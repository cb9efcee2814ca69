import { DuckDBInstance } from "@duckdb/node-api";
import type { Column, ColumnType } from "../../pipeline/contract/column.ts";

// Compares the values of Parquet files with those of a reference, with DuckDB, which shares no code
// with our reader and writer. Values are compared as exact texts, apart from their types: a price
// is equal in DECIMAL(20,8), in DECIMAL(38,10) and in VARCHAR. Differences of types are reported on
// their own.

/** Rows to compare. */
export interface Rows {
  /** A SQL expression for the table, such as `read_parquet('day.parquet')`. */
  readonly from: string;
  /** What identifies a row. No two rows of the reference have the same value. */
  readonly key: string;
  readonly columns: readonly Column[];
}

/** A column whose values differ. */
export interface DifferentColumn {
  readonly column: string;
  /** The number of rows with another value. */
  readonly rows: number;
  /** For example `100001: '1.50' instead of '1.5'`. */
  readonly example: string;
}

/** A column with another type than the contract's. */
export interface DifferentType {
  readonly column: string;
  /** The type as DuckDB prints it, or undefined if the column is missing. */
  readonly actual: string | undefined;
  readonly expected: string;
}

/** The result of a comparison. */
export interface Comparison {
  /** The number of rows of the files. */
  readonly rows: number;
  /** The number of the reference's rows that the files do not have. */
  readonly missing: number;
  /** The number of rows of the files that the reference does not have. */
  readonly extra: number;
  /** The number of rows whose key an earlier row of the files has as well. */
  readonly repeated: number;
  readonly columns: readonly DifferentColumn[];
  readonly types: readonly DifferentType[];
}

/** A comparison in words. */
export interface Verdict {
  /** True if all values are equal, whatever their types. */
  readonly equal: boolean;
  /** For example `exact`, `decimals widened` or `values differ`. */
  readonly summary: string;
  /** One sentence part per difference. */
  readonly details: readonly string[];
}

const DUCKDB_TYPES: Readonly<Record<ColumnType, string>> = {
  "STRING": "VARCHAR",
  "INT32": "INTEGER",
  "INT64": "BIGINT",
  "TIMESTAMP(MICROS,UTC)": "TIMESTAMP WITH TIME ZONE",
  "DECIMAL(20,8)": "DECIMAL(20,8)",
  "DECIMAL(10,4)": "DECIMAL(10,4)",
};

/** An open DuckDB, which keeps the reference between comparisons. */
export interface Comparer extends Disposable {
  /** Runs a statement, for example to load a reference. */
  run(sql: string): Promise<void>;
  /** Counts the rows of a SQL expression for a table. */
  count(from: string): Promise<number>;
  /** Compares rows with the reference, which is another expression with the same columns. */
  compare(rows: Rows, reference: string): Promise<Comparison>;
}

/**
 * Opens a DuckDB.
 *
 * @param folder the folder for what does not fit into memory
 */
export async function openComparer(folder: string): Promise<Comparer> {
  const instance = await DuckDBInstance.create(`${folder}/compare.duckdb`, {
    memory_limit: "2GB",
    temp_directory: folder,
    preserve_insertion_order: "false",
  });
  const connection = await instance.connect();
  const query = async (sql: string): Promise<(string | null)[][]> => {
    const reader = await connection.runAndReadAll(`SELECT COLUMNS(*)::VARCHAR FROM (${sql})`);
    return reader.getRows() as (string | null)[][];
  };
  await connection.run("SET TimeZone = 'UTC'");

  const typesOf = async (from: string): Promise<Map<string, string>> => {
    const reader = await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${from}`);
    return new Map(reader.getRows().map(([name, type]) => [String(name), String(type)]));
  };
  const count = async (from: string) =>
    Number((await query(`SELECT count(*) FROM ${from}`))[0]![0]);

  return {
    run: async (sql) => void await connection.run(sql),
    count,
    async compare({ from, key, columns }, reference) {
      const [actual, expected] = [await typesOf(from), await typesOf(reference)];
      const compared = columns.filter(({ name }) => actual.has(name));
      const texts = (types: ReadonlyMap<string, string>) =>
        compared.map(({ name, type }) => `${exactText(name, type, types.get(name)!)} AS ${name}`)
          .join(", ");
      const joined = `(SELECT ${texts(actual)} FROM ${from}) AS a
        FULL JOIN (SELECT ${texts(expected)} FROM ${reference}) AS e ON a.${key} = e.${key}`;
      const both = `a.${key} IS NOT NULL AND e.${key} IS NOT NULL`;
      const differs = (name: string) => `${both} AND a.${name} IS DISTINCT FROM e.${name}`;
      const [counts] = await query(`SELECT
        count(*) FILTER (a.${key} IS NULL), count(*) FILTER (e.${key} IS NULL),
        count(a.${key}) - count(DISTINCT a.${key}),
        ${compared.map(({ name }) => `count(*) FILTER (${differs(name)})`).join(", ")}
        FROM ${joined}`);
      const [missing, extra, repeated, ...byColumn] = counts!.map(Number);
      const different: DifferentColumn[] = [];
      for (const [i, { name }] of compared.entries()) {
        const rows = byColumn[i]!;
        if (rows === 0) continue;
        const [example] = await query(`SELECT
          min(a.${key} || ': ' || ${literal(`a.${name}`)} || ' instead of ' || ${
          literal(`e.${name}`)
        }) FROM ${joined} WHERE ${differs(name)}`);
        different.push({ column: name, rows, example: example![0]! });
      }
      const types = columns.flatMap(({ name, type }) => {
        const [found, wanted] = [actual.get(name), DUCKDB_TYPES[type]];
        return found === wanted ? [] : [{ column: name, actual: found, expected: wanted }];
      });
      return {
        rows: await count(from),
        missing: missing!,
        extra: extra!,
        repeated: repeated!,
        columns: different,
        types,
      };
    },
    [Symbol.dispose]() {
      connection.closeSync();
      instance.closeSync();
    },
  };
}

/** SQL for a value as a text that is the same for equal values of any type. */
function exactText(name: string, type: ColumnType, actual: string): string {
  const text = `${name}::VARCHAR`;
  if (type.startsWith("DECIMAL")) {
    // Only zeros at the end differ between scales.
    return `CASE WHEN contains(${text}, '.') THEN rtrim(rtrim(${text}, '0'), '.') ELSE ${text} END`;
  }
  if (type === "TIMESTAMP(MICROS,UTC)") {
    const time = actual === "VARCHAR" ? `${name}::TIMESTAMPTZ` : name;
    // In nanoseconds, so that digits below a microsecond count as well.
    return actual === "TIMESTAMP_NS"
      ? `epoch_ns(${time})::VARCHAR`
      : `(epoch_us(${time})::HUGEINT * 1000)::VARCHAR`;
  }
  return text;
}

function literal(value: string): string {
  return `coalesce('''' || ${value} || '''', 'null')`;
}

/** Puts a comparison into words. */
export function judge(comparison: Comparison): Verdict {
  const { missing, extra, repeated, columns, types } = comparison;
  const absent = types.filter(({ actual }) => actual === undefined);
  const details = [
    ...(missing > 0 ? [`${missing} rows are missing`] : []),
    ...(extra > 0 ? [`${extra} rows are not in the reference`] : []),
    ...(repeated > 0 ? [`${repeated} rows occur again`] : []),
    ...columns.map(({ column, rows, example }) =>
      `${column} differs in ${rows} rows, for example ${example}`
    ),
    ...absent.map(({ column }) => `${column} is missing`),
  ];
  const equal = details.length === 0;
  const different = types.filter(({ actual }) => actual !== undefined);
  return {
    equal,
    summary: equal ? typesInWords(different) : "values differ",
    details: [
      ...details,
      ...typeDetails(different),
    ],
  };
}

/** One sentence part for all columns with the same difference. */
function typeDetails(types: readonly DifferentType[]): string[] {
  const columns = new Map<string, string[]>();
  for (const { column, actual, expected } of types) {
    const difference = `${actual} instead of ${expected}`;
    columns.set(difference, [...columns.get(difference) ?? [], column]);
  }
  return [...columns].map(([difference, names]) => `${names.join(", ")}: ${difference}`);
}

function typesInWords(types: readonly DifferentType[]): string {
  const words = new Set(types.map(({ actual, expected }) => {
    if (expected.startsWith("DECIMAL")) {
      if (actual!.startsWith("DECIMAL")) {
        return holds(actual!, expected) ? "decimals widened" : "other decimals";
      }
      if (actual === "VARCHAR") return "numeric as text";
    }
    if (expected.startsWith("TIMESTAMP") && actual!.startsWith("TIMESTAMP")) {
      return "other time types";
    }
    return "other types";
  }));
  return words.size === 0 ? "exact" : `equal; ${[...words].sort().join(", ")}`;
}

/** Returns whether each value of one decimal type is a value of another. */
function holds(type: string, other: string): boolean {
  const [precision, scale] = type.match(/\d+/g)!.map(Number) as [number, number];
  const [otherPrecision, otherScale] = other.match(/\d+/g)!.map(Number) as [number, number];
  return scale >= otherScale && precision - scale >= otherPrecision - otherScale;
}
