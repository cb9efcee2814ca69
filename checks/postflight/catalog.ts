import { bronzeCommitted } from "./bronze/bronze_committed.ts";
import { bronzeParts, orphanParts, silverParts } from "./parts.ts";
import { type AnyCheck, section } from "../check.ts";
import { eventTypes } from "./bronze/event_types.ts";
import { fillPrice } from "./silver/fill_price.ts";
import { lakeSource } from "./bronze/lake_source.ts";
import { parquetSchema, parquetVoid } from "./parquet.ts";
import { quarantine } from "./bronze/quarantine.ts";
import { rowCounts } from "./bronze/row_counts.ts";
import { silverCurrent } from "./silver/silver_current.ts";
import { silverRows } from "./silver/silver_rows.ts";
import { silverStatus } from "./silver/silver_status.ts";
import { silverValues } from "./silver/silver_values.ts";

/**
 * The checks after a run, in the order of the report. A check comes after the checks whose failure
 * makes it skip.
 */
export const POSTFLIGHT: readonly AnyCheck[] = [
  ...section("bronze", [bronzeCommitted, bronzeParts, rowCounts, quarantine, lakeSource]),
  ...section("silver", [silverCurrent, silverParts]),
  ...section("files", [parquetSchema, parquetVoid, orphanParts]),
  ...section("values", [eventTypes, silverRows, silverStatus, silverValues, fillPrice]),
];
