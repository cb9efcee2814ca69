import type { Column, ColumnType } from "../contract/column.ts";

/** An element of the schema in the footer of a Parquet file. */
export interface SchemaElement extends Physical, Logical {
  /** The name of the column. */
  readonly name: string;
  /** REQUIRED for a column without nulls. The root has none. */
  readonly repetition_type?: "REQUIRED" | "OPTIONAL";
  /** The number of columns; only the root has it. */
  readonly num_children?: number;
}

/** The physical type of a column in a page. */
export interface Physical {
  /** The type. The root has none. */
  readonly type?: "BYTE_ARRAY" | "FIXED_LEN_BYTE_ARRAY" | "INT32" | "INT64";
  /** The number of bytes of a value, for arrays of a fixed length. */
  readonly type_length?: number;
}

/** The logical type of a column. */
export interface Logical {
  /** The type for readers without support for logical types. */
  readonly converted_type?: "UTF8" | "TIMESTAMP_MICROS" | "DECIMAL";
  /** The type for all other readers. */
  readonly logical_type?:
    | { type: "STRING" }
    | { type: "TIMESTAMP"; isAdjustedToUTC: boolean; unit: "MICROS" }
    | { type: "DECIMAL"; precision: number; scale: number };
  /** The number of digits of a decimal. */
  readonly precision?: number;
  /** The number of digits after the decimal point. */
  readonly scale?: number;
}

const PHYSICAL: Record<ColumnType, Physical> = {
  "STRING": { type: "BYTE_ARRAY" },
  "INT32": { type: "INT32" },
  "INT64": { type: "INT64" },
  "TIMESTAMP(MICROS,UTC)": { type: "INT64" },
  // Spark uses nine bytes for a precision of 20.
  "DECIMAL(20,8)": { type: "FIXED_LEN_BYTE_ARRAY", type_length: 9 },
  "DECIMAL(10,4)": { type: "INT64" },
};

// Readers without support for logical types use the converted type. Both are set, with the same
// meaning.
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

/**
 * The columns of a layer as a Parquet schema: the root, then one element per column.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parquetSchema } from "./parquet_schema.ts";
 * const [root, id] = parquetSchema([{ name: "operation_id", type: "INT64", nullable: false }]);
 * assertEquals(root, { name: "schema", num_children: 1 });
 * assertEquals(id, { name: "operation_id", repetition_type: "REQUIRED", type: "INT64" });
 * ```
 */
export function parquetSchema(columns: readonly Column[]): SchemaElement[] {
  return [
    { name: "schema", num_children: columns.length },
    ...columns.map(({ name, type, nullable }): SchemaElement => ({
      name,
      repetition_type: nullable ? "OPTIONAL" : "REQUIRED",
      ...PHYSICAL[type],
      ...LOGICAL[type],
    })),
  ];
}
