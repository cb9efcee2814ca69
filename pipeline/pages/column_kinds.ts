import type { ColumnType, EventColumn, PostgresType } from "../contract/column.ts";
import type { Field } from "./copy_rows.ts";
import { decimal10Column, decimal20Column } from "./decimal_columns.ts";
import { int32Column, int64Column, timestampColumn } from "./integer_columns.ts";
import type { PageColumn } from "./page_column.ts";
import { jsonbColumn, textColumn } from "./text_columns.ts";
import { uuidColumn } from "./uuid_column.ts";

/** How the values of a column get from a COPY to a page. */
interface Kind {
  /** The number of bytes of every value in a COPY; 0 if values have different sizes. */
  readonly width: number;
  /** Creates the column at a place in the rows. */
  readonly create: (nullable: boolean, index: number) => PageColumn;
}

/** The kinds by the type in Postgres, then by the type in Parquet. */
const KINDS: Record<PostgresType, Partial<Record<ColumnType, Kind>>> = {
  "uuid": { "STRING": { width: 16, create: uuidColumn } },
  "bigint": { "INT64": { width: 8, create: int64Column } },
  "integer": { "INT32": { width: 4, create: int32Column } },
  "timestamp with time zone": { "TIMESTAMP(MICROS,UTC)": { width: 8, create: timestampColumn } },
  "character varying": { "STRING": { width: 0, create: textColumn } },
  "text": { "STRING": { width: 0, create: textColumn } },
  "jsonb": { "STRING": { width: 0, create: jsonbColumn } },
  "numeric": {
    "DECIMAL(20,8)": { width: 0, create: decimal20Column },
    "DECIMAL(10,4)": { width: 0, create: decimal10Column },
  },
};

function kindOf({ name, postgres, type }: EventColumn): Kind {
  const kind = KINDS[postgres][type];
  if (kind === undefined) throw new Error(`no encoding of ${postgres} as ${type} for ${name}`);
  return kind;
}

/** The fields of a COPY that selects these columns. */
export function fieldsOf(columns: readonly EventColumn[]): Field[] {
  return columns.map((column) => ({
    name: column.name,
    nullable: column.nullable,
    width: kindOf(column).width,
  }));
}

/** Creates a page column for each column. */
export function pageColumnsOf(columns: readonly EventColumn[]): PageColumn[] {
  return columns.map((column, index) => kindOf(column).create(column.nullable, index));
}
