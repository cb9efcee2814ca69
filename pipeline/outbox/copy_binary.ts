import type { EventColumn, PostgresType, RowGroup, Value } from "../contract/column.ts";
import { Failure } from "../errors.ts";
import { readDecimal10, writeDecimal20 } from "./numeric.ts";

/** A row group ends at this number of rows or of COPY bytes, whichever comes first. */
const GROUP_ROWS = 10_000;
const GROUP_BYTES = 8 << 20;

const SIGNATURE = [..."PGCOPY\n\xff\r\n\0"].map((char) => char.charCodeAt(0));
const POSTGRES_EPOCH = 946_684_800_000_000n; // 2000-01-01 in microseconds since 1970
const INFINITIES = new Set([0x7fff_ffff_ffff_ffffn, -0x8000_0000_0000_0000n]);

/**
 * Decodes `COPY … (FORMAT binary)` into row groups whose values have Parquet's form.
 *
 * @param columns the columns that the COPY selects, in that order
 * @throws {Failure} data: a value that its column cannot hold, with the event that it belongs to
 * @throws {Error} the bytes do not have the format
 */
export async function* decodeCopy(
  blocks: AsyncIterable<Uint8Array>,
  columns: readonly EventColumn[],
): AsyncGenerator<RowGroup> {
  let rest = new Uint8Array(0);
  let headerSeen = false;
  let ended = false;
  let group = newGroup(columns);
  for await (const block of blocks) {
    const bytes = rest.length === 0 ? block : concat(rest, block);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let offset = 0;
    if (!headerSeen) {
      const body = headerEnd(bytes, view);
      if (body === undefined) {
        rest = bytes as Uint8Array<ArrayBuffer>;
        continue;
      }
      headerSeen = true;
      offset = body;
    }
    while (!ended && offset + 2 <= bytes.length) {
      if (view.getInt16(offset) === -1) {
        ended = true;
        break;
      }
      const next = rowEnd(view, offset, columns.length);
      if (next === undefined) break;
      group.add(bytes, view, offset + 2);
      group.bytes += next - offset;
      offset = next;
      if (group.rows === GROUP_ROWS || group.bytes >= GROUP_BYTES) {
        yield group.take();
        group = newGroup(columns);
      }
    }
    rest = bytes.slice(offset) as Uint8Array<ArrayBuffer>;
  }
  if (!ended) throw new Error("the COPY stream ended early");
  if (group.rows > 0) yield group.take();
}

/** The end of the header, or undefined while the header is incomplete. */
function headerEnd(bytes: Uint8Array, view: DataView): number | undefined {
  if (bytes.length < 19) return undefined;
  if (SIGNATURE.some((byte, i) => bytes[i] !== byte)) {
    throw new Error("not a binary COPY stream");
  }
  const end = 19 + view.getInt32(15);
  return bytes.length < end ? undefined : end;
}

/** The end of the row at `offset`, or undefined while the row is incomplete. */
function rowEnd(view: DataView, offset: number, fields: number): number | undefined {
  const count = view.getInt16(offset);
  if (count !== fields) throw new Error(`a COPY row has ${count} fields instead of ${fields}`);
  offset += 2;
  for (let i = 0; i < fields; i++) {
    if (offset + 4 > view.byteLength) return undefined;
    const length = view.getInt32(offset);
    offset += 4 + (length > 0 ? length : 0);
  }
  return offset <= view.byteLength ? offset : undefined;
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}

function newGroup(columns: readonly EventColumn[]) {
  const values = columns.map(() => [] as Value[]);
  const decoders = columns.map(({ postgres, type }) => DECODERS[decoderName(postgres, type)]());
  return {
    rows: 0,
    bytes: 0,
    add(bytes: Uint8Array, view: DataView, offset: number) {
      for (let i = 0; i < columns.length; i++) {
        const length = view.getInt32(offset);
        offset += 4;
        if (length === -1) {
          if (!columns[i]!.nullable) throw misfit(columns[i]!, values[0]!, this.rows, "is null");
          values[i]!.push(null);
          continue;
        }
        const width = WIDTHS[columns[i]!.postgres];
        if (width !== undefined && length !== width) throw changedType(columns[i]!);
        const value = decoders[i]!(bytes, view, offset, length);
        if (value === undefined) {
          throw misfit(columns[i]!, values[0]!, this.rows, `does not fit ${columns[i]!.type}`);
        }
        values[i]!.push(value);
        offset += length;
      }
      this.rows++;
    },
    take(): RowGroup {
      return { rows: this.rows, columns: values };
    },
  };
}

function misfit(column: EventColumn, ids: Value[], row: number, problem: string): Failure {
  const id = ids[row];
  const event = id instanceof Uint8Array ? new TextDecoder().decode(id) : "without an id";
  return new Failure({
    kind: "data",
    task: `export event ${event}`,
    problem: `its ${column.name} ${problem}`,
    remedy: "Correct the event in the outbox, then run again.",
  });
}

/** The fixed width of the values of these types, in bytes. */
const WIDTHS: Partial<Record<PostgresType, number>> = {
  uuid: 16,
  bigint: 8,
  integer: 4,
  "timestamp with time zone": 8,
};

function changedType({ name }: EventColumn): Failure {
  return new Failure({
    kind: "data",
    task: `export ${name}`,
    problem: "its values do not have the width of its type. A migration may have changed it just " +
      "now; nothing was published",
    remedy: "Run again.",
  });
}

/** Decodes one field; undefined if the value does not fit. Each row group has its own decoders. */
type Decoder = (
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  length: number,
) => Value | undefined;

type DecoderName = Exclude<PostgresType, "numeric" | "character varying"> | "price" | "percent";

function decoderName(postgres: PostgresType, type: string): DecoderName {
  if (postgres === "numeric") return type === "DECIMAL(20,8)" ? "price" : "percent";
  return postgres === "character varying" ? "text" : postgres;
}

const DECODERS: Record<DecoderName, () => Decoder> = {
  uuid: uuidDecoder,
  bigint: () => (_, view, offset) => view.getBigInt64(offset),
  integer: () => (_, view, offset) => view.getInt32(offset),
  "timestamp with time zone": () => (_, view, offset) => {
    const micros = view.getBigInt64(offset);
    return INFINITIES.has(micros) ? undefined : micros + POSTGRES_EPOCH;
  },
  text: textDecoder,
  // A version number precedes the text of a jsonb. Version 1 is the only one.
  jsonb: () => (bytes, _, offset, length) =>
    bytes[offset] === 1 ? bytes.subarray(offset + 1, offset + length) : undefined,
  price: priceDecoder,
  percent: () => (_, view, offset) => readDecimal10(view, offset),
};

/** The ASCII codes of a byte's two hexadecimal digits. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const HIGH_DIGIT = Uint8Array.from(HEX, (digits) => digits.charCodeAt(0));
const LOW_DIGIT = Uint8Array.from(HEX, (digits) => digits.charCodeAt(1));
const HYPHEN = 0x2d;

function uuidDecoder(): Decoder {
  const slots = cutSlots(36);
  return (bytes, _, offset) => {
    let at = slots.next();
    const start = at;
    for (let i = 0; i < 16; i++) {
      if (i === 4 || i === 6 || i === 8 || i === 10) slots.slab[at++] = HYPHEN;
      const byte = bytes[offset + i]!;
      slots.slab[at++] = HIGH_DIGIT[byte]!;
      slots.slab[at++] = LOW_DIGIT[byte]!;
    }
    return slots.slab.subarray(start, at);
  };
}

function priceDecoder(): Decoder {
  const slots = cutSlots(9);
  return (_, view, offset) => {
    const at = slots.next();
    if (!writeDecimal20(view, offset, slots.view, at)) return undefined;
    return slots.slab.subarray(at, at + 9);
  };
}

/** Allocates small slices of one size from large arrays. */
function cutSlots(size: number) {
  const cut = {
    slab: new Uint8Array(0),
    view: new DataView(new ArrayBuffer(0)),
    used: 0,
    /** Returns the offset of the next place in the slab. */
    next(): number {
      if (cut.used + size > cut.slab.length) {
        cut.slab = new Uint8Array(size * 1024);
        cut.view = new DataView(cut.slab.buffer);
        cut.used = 0;
      }
      cut.used += size;
      return cut.used - size;
    },
  };
  return cut;
}

/** Short texts repeat. Equal bytes share one array, which saves the encoder a comparison. */
const SHORT = 24;

function textDecoder(): Decoder {
  const seen = new Map<number, Uint8Array>();
  return (bytes, _, offset, length) => {
    if (length > SHORT) return bytes.subarray(offset, offset + length);
    let hash = length;
    for (let i = 0; i < length; i++) hash = Math.imul(hash, 31) + bytes[offset + i]! | 0;
    const known = seen.get(hash);
    if (known !== undefined && standsAt(known, bytes, offset, length)) return known;
    const copy = bytes.slice(offset, offset + length);
    if (seen.size < 1000) seen.set(hash, copy);
    return copy;
  };
}

function standsAt(text: Uint8Array, bytes: Uint8Array, offset: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let i = 0; i < length; i++) if (text[i] !== bytes[offset + i]) return false;
  return true;
}
