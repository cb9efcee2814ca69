import { EVENT_COLUMNS } from "../../pipeline/contract/tables.ts";
import { openPart } from "../../pipeline/lake/parquet_reader.ts";
import type { Value } from "../../pipeline/contract/column.ts";
import type { PartBody } from "../../pipeline/lake/parts.ts";
import { COPY_DATA, type CopyBlock, MESSAGE_HEAD, SLACK } from "../../pipeline/outbox/copy_tap.ts";

// Streams written by hand, as the Postgres manual describes binary COPY: a signature, flags,
// an extension area, rows of fields that each begin with their length, and a trailer of -1.

/** The bytes of a field, or null. */
export type Field = Uint8Array | null;

/** A big-endian integer. */
export function int(bits: 16 | 32 | 64, value: number | bigint): Uint8Array {
  const field = new DataView(new ArrayBuffer(bits / 8));
  if (bits === 16) field.setInt16(0, Number(value));
  else if (bits === 32) field.setInt32(0, Number(value));
  else field.setBigInt64(0, BigInt(value));
  return new Uint8Array(field.buffer);
}

/** The bytes of a text. */
export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Bytes from their hexadecimal digits. */
export function hex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** Joins arrays. */
export function join(...arrays: Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(arrays.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const array of arrays) {
    joined.set(array, at);
    at += array.length;
  }
  return joined;
}

/** A jsonb field. */
export function jsonb(text: string): Uint8Array {
  return join(Uint8Array.of(1), utf8(text));
}

/** A numeric: count, weight, sign, scale, then the base-10000 digits. */
export function numeric(
  weight: number,
  sign: number,
  scale: number,
  ...digits: number[]
): Uint8Array {
  return join(...[digits.length, weight, sign, scale, ...digits].map((each) => int(16, each)));
}

/** The signature of a binary COPY. */
export const SIGNATURE: Uint8Array = Uint8Array.from(
  [..."PGCOPY\n\xff\r\n\0"],
  (char) => char.charCodeAt(0),
);
/** The end of a binary COPY. */
export const TRAILER: Uint8Array = int(16, -1);

/** The beginning of a binary COPY. */
export function header(extension: Uint8Array = new Uint8Array(0)): Uint8Array {
  return join(SIGNATURE, int(32, 0), int(32, extension.length), extension);
}

/** A row of a binary COPY. */
export function row(fields: readonly Field[]): Uint8Array {
  const parts = fields.flatMap((field) =>
    field === null ? [int(32, -1)] : [int(32, field.length), field]
  );
  return join(int(16, fields.length), ...parts);
}

/** A message of the protocol: its code, its length and its body. */
export function message(code: number | string, body: Uint8Array = new Uint8Array(0)): Uint8Array {
  const byte = typeof code === "string" ? code.charCodeAt(0) : code;
  return join(Uint8Array.of(byte), int(32, body.length + 4), body);
}

/** The bodies of the messages of a whole COPY: the header with the first row, rows, the trailer. */
export function bodies(rows: readonly Uint8Array[]): Uint8Array[] {
  const [first, ...others] = rows;
  return [join(header(), first ?? new Uint8Array(0)), ...others, TRAILER];
}

/** A block of CopyData messages with these bodies. */
export function blockOf(parts: readonly Uint8Array[]): CopyBlock {
  const messages = join(...parts.map((body) => message(COPY_DATA, body)));
  const bytes = join(messages, new Uint8Array(SLACK).fill(0xa5));
  return { bytes, view: new DataView(bytes.buffer), length: messages.length };
}

/** The bodies of the messages in blocks, joined. */
export async function payload(blocks: AsyncIterable<CopyBlock>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const block of blocks) parts.push(...payloadOf(block));
  return join(...parts);
}

/** The bodies of the messages of a block, as copies. */
export function payloadOf({ bytes, view, length }: CopyBlock): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < length;) {
    const next = at + 1 + view.getInt32(at + 1);
    parts.push(bytes.slice(at + MESSAGE_HEAD, next));
    at = next;
  }
  return parts;
}

/** Yields each of the blocks. */
export async function* copyOf(...blocks: CopyBlock[]): AsyncGenerator<CopyBlock> {
  yield* blocks;
}

const DEFAULTS: Record<string, Field> = {
  event_id: hex("6f1d2c7e0a544c1b9f382b7d51e0a001"),
  event_seq: int(64, 1),
  occurred_at: int(64, 820_116_191_204_518n), // since 2000-01-01
  operation_id: int(64, 5),
  client_id: int(64, 7),
  symbol: utf8("BTCUSDC"),
  event_type: utf8("EXECUTED"),
  source: utf8("ws"),
};

/** The row of an event. A column without a given or a default field is null. */
export function eventRow(changes: Readonly<Record<string, Field>> = {}): Uint8Array {
  const fields: Record<string, Field> = { ...DEFAULTS, ...changes };
  return row(EVENT_COLUMNS.map(({ name }) => fields[name] ?? null));
}

/** The rows of files, as our reader returns them. */
export async function rowsOf(
  files: readonly PartBody[],
  names: readonly string[] = EVENT_COLUMNS.map(({ name }) => name),
): Promise<Value[][]> {
  const rows: Value[][] = [];
  for (const { body } of files) {
    for await (const group of openPart(body).groups(names)) {
      for (let i = 0; i < group.rows; i++) {
        rows.push(group.columns.map((values) => {
          const value = values[i]!;
          return value instanceof Uint8Array ? new Uint8Array(value) : value;
        }));
      }
    }
  }
  return rows;
}
