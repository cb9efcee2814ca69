import { createHash } from "node:crypto";
import { parquetMetadata, type SchemaElement } from "hyparquet";
import { ByteWriter, ParquetWriter } from "hyparquet-writer";
import type { Column, Value } from "../../../pipeline/contract/column.ts";
import { bronzeMarkerKey, bronzePrefix, SOURCE_KEY } from "../../../pipeline/contract/keys.ts";
import { EVENT_CONTRACT } from "../../../pipeline/contract/fingerprint.ts";
import { EVENT_COLUMNS } from "../../../pipeline/contract/tables.ts";
import { parseDay, windowOf } from "../../../pipeline/contract/window.ts";
import type { Lake } from "../../../pipeline/lake/lake.ts";
import { type BronzeCommit, type Part, renderMarker } from "../../../pipeline/lake/marker.ts";
import { renderSources } from "../../../pipeline/lake/source_record.ts";
import type { NewPart } from "../../../pipeline/lake/parts.ts";
import { runSilver } from "../../../pipeline/silver.ts";
import { type MemoryLake, memoryLake } from "../../support/memory_lake.ts";
import { createPart, cutParts, type RowGroup } from "../../support/parquet_writer.ts";

export const DAY = parseDay("2025-12-28")!;
const { start } = windowOf(DAY);

/** An event, from the fields that the facts read. */
export interface Event {
  readonly id: string;
  readonly seq: bigint | null;
  /** Seconds into the day. */
  readonly at: number;
  readonly operation: bigint;
  readonly client: bigint;
  readonly type: string;
}

/** A UUID that ends with a number. */
export function uuid(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
}

/** Seven events of three operations, two of the events without an event_seq, in bronze's order. */
export const EVENTS: readonly Event[] = [
  { id: uuid(1), seq: 1n, at: 10, operation: 11n, client: 1n, type: "STOP_TRIGGERED" },
  { id: uuid(2), seq: 2n, at: 9, operation: 11n, client: 1n, type: "EXECUTED" },
  { id: uuid(3), seq: 3n, at: 30, operation: 12n, client: 1n, type: "FAILED" },
  { id: uuid(4), seq: 4n, at: 40, operation: 12n, client: 1n, type: "STALE_PRICE" },
  { id: uuid(5), seq: null, at: 60, operation: 13n, client: 2n, type: "BLOCKED" },
  { id: uuid(6), seq: null, at: 50, operation: 13n, client: 2n, type: "STOP_TRIGGERED" },
  { id: uuid(7), seq: null, at: 70, operation: 11n, client: 1n, type: "FAILED" },
];

/** Events as a row group of bronze. */
export function rowGroup(events: readonly Event[]): RowGroup {
  const own: Record<string, (event: Event) => Value> = {
    event_id: ({ id }) => id,
    event_seq: ({ seq }) => seq,
    occurred_at: ({ at }) => start + BigInt(at) * 1_000_000n,
    operation_id: ({ operation }) => operation,
    client_id: ({ client }) => client,
    event_type: ({ type }) => type,
    symbol: () => "BTCUSDC",
    source: () => "ws",
  };
  const columns = EVENT_COLUMNS.map(({ name }) => events.map(own[name] ?? (() => null)));
  return { rows: events.length, columns };
}

const TABLE = { database: "rbsdb", system: "7301", schema: "public", table: "stop_events" };

/** Publishes a bronze whose parts are exactly these. */
export async function publishBronze(
  lake: Lake,
  parts: readonly NewPart[],
): Promise<BronzeCommit> {
  for (const { key, body } of parts) await lake.put(key, body);
  const commit: BronzeCommit = {
    layer: "bronze",
    day: DAY,
    state: "open",
    contract: EVENT_CONTRACT,
    source: TABLE,
    rows: parts.reduce((sum, { rows }) => sum + rows, 0),
    minSeq: null,
    maxSeq: null,
    parts: parts.map(({ body: _, ...part }): Part => part),
  };
  await lake.put(SOURCE_KEY, renderSources([TABLE]));
  await lake.put(bronzeMarkerKey(DAY), renderMarker(commit));
  return commit;
}

/** One part of bronze with these events. */
export async function bronzePart(events: readonly Event[]): Promise<NewPart> {
  const [part] = await Array.fromAsync(
    cutParts([rowGroup(events)], EVENT_COLUMNS, bronzePrefix(DAY)),
  );
  return part!;
}

/** A lake in which a day of two parts of bronze, and its silver, are as they should be. */
export async function publishedDay(): Promise<MemoryLake> {
  const lake = memoryLake();
  const parts = [await bronzePart(EVENTS.slice(0, 4)), await bronzePart(EVENTS.slice(4))];
  await publishBronze(lake, parts);
  await runSilver({ lake, day: DAY, observer: { step() {}, progress() {} } });
  return lake;
}

/** A part with one column as Spark writes `lit(None)`: without a type. All of its values are null. */
export function voidPart(
  columns: readonly Column[],
  { rows, columns: data }: RowGroup,
  name: string,
  key: string,
): NewPart {
  const sound = createPart(columns);
  sound.write({ rows, columns: data });
  const typed = parquetMetadata(sound.finish().body.slice().buffer).schema.map(
    (element): SchemaElement =>
      element.name === name
        ? { name, type: "INT32", repetition_type: "OPTIONAL", logical_type: { type: "NULL" } }
        : element,
  );
  // As the pipeline's own writer does it: pages under the physical schema, the footer under the full.
  const physical = typed.map(({ converted_type: _, logical_type: __, ...element }) => element);
  const writer = new ByteWriter();
  const file = new ParquetWriter({ writer, schema: physical, codec: "UNCOMPRESSED" });
  const columnData = columns.map((column, i) => ({
    name: column.name,
    data: Array.from(data[i]!, (value) => column.name === name ? null : value),
    statistics: false, // a decimal's are bytes here, which the footer takes for numbers
  }));
  file.write({ columnData, rowGroupSize: rows });
  file.schema = typed;
  file.finish();
  const body = writer.getBytes() as Uint8Array<ArrayBuffer>;
  const sha256 = createHash("sha256").update(body).digest("hex");
  return { key, rows, bytes: body.length, sha256, body };
}
