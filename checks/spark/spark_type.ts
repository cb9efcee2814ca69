import type { Column } from "../../pipeline/contract/column.ts";

const SPARK_TYPES: Readonly<Record<string, string>> = {
  "STRING": "string",
  "INT32": "int",
  "INT64": "bigint",
  "TIMESTAMP(MICROS,UTC)": "timestamp",
  "DECIMAL(20,8)": "decimal(20,8)",
  "DECIMAL(10,4)": "decimal(10,4)",
};

/** What a cast to the contract's type of a column says in Spark; a text for an unknown column. */
export function sparkType(name: string, contract: readonly Column[]): string {
  const type = contract.find((column) => column.name === name)?.type;
  return type === undefined ? "string" : SPARK_TYPES[type]!;
}
