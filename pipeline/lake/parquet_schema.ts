import type { SchemaElement } from "hyparquet";
import type { Column, ColumnType } from "../contract/column.ts";

/** What a column's values look like in a page, whatever they mean. */
type Physical = Pick<SchemaElement, "type" | "type_length">;
/** What they mean. */
type Logical = Pick<SchemaElement, "converted_type" | "logical_type" | "precision" | "scale">;

const PHYSICAL: Record<ColumnType, Physical> = {
  "STRING": { type: "BYTE_ARRAY" },
  "INT32": { type: "INT32" },
  "INT64": { type: "INT64" },
  "TIMESTAMP(MICROS,UTC)": { type: "INT64" },
  // Nine bytes are what Spark chooses for a precision of 20.
  "DECIMAL(20,8)": { type: "FIXED_LEN_BYTE_ARRAY", type_length: 9 },
  "DECIMAL(10,4)": { type: "INT64" },
};

// Readers older than logical types look at the converted type: both are set, and agree.
const LOGICAL: Record<ColumnType, Logical> = {
  "STRING": { converted_type: "UTF8", logical_type: { type: "STRING" } },
  "INT32": {},
  "INT64": {},
  "TIMESTAMP(MICROS,UTC)": {
    converted_type: "TIMESTAMP_MICROS",
    logical_type: { type: "TIMESTAMP", isAdjustedToUTC: true, unit: "MICROS" },
  },
  "DECIMAL(20,8)": decimal(20, 8),
  "DECIMAL(10,4)": decimal(10, 4),
};

function decimal(precision: number, scale: number): Logical {
  const logical_type = { type: "DECIMAL", precision, scale } as const;
  return { converted_type: "DECIMAL", logical_type, precision, scale };
}

/** A contract as a Parquet schema. */
export function parquetSchema(columns: readonly Column[]): SchemaElement[] {
  return schema(columns, ({ type }) => ({ ...PHYSICAL[type], ...LOGICAL[type] }));
}

/** The same without what the values mean: under it, values are pages' own bytes and integers. */
export function physicalSchema(columns: readonly Column[]): SchemaElement[] {
  return schema(columns, ({ type }) => PHYSICAL[type]);
}

function schema(
  columns: readonly Column[],
  describe: (column: Column) => Omit<SchemaElement, "name">,
): SchemaElement[] {
  const root: SchemaElement = { name: "schema", num_children: columns.length };
  return [
    root,
    ...columns.map((column): SchemaElement => ({
      name: column.name,
      repetition_type: column.nullable ? "OPTIONAL" : "REQUIRED",
      ...describe(column),
    })),
  ];
}
