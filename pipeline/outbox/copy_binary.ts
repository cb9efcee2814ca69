import type { RowGroup, Value } from "../contract/column.ts";
import type { EventColumn, PostgresType } from "../contract/events.ts";
import { Failure } from "../errors.ts";
import { readDecimal10, writeDecimal20 } from "./numeric.ts";

/** Row groups are cut at so many rows, or at so many bytes of COPY, whichever comes first. */
const GROUP_ROWS = 20_000;
const GROUP_BYTES = 16 << 20;

const SIGNATURE = [..."PGCOPY\n\xff\r\n\0"].map((char) => char.charCodeAt(0));
const POSTGRES_EPOCH = 946_684_800_000_000n; // 2000-01-01 in microseconds since 1970
const INFINITIES = new Set([0x7fff_ffff_ffff_ffffn, -0x8000_0000_0000_0000n]);

/**
 * Decodes `COPY … (FORMAT binary)` into row groups whose values have Parquet's form.
 *
 * @param columns what the COPY selects, in that order
 * @throws {Failure} data: a value that its column cannot hold, with the event that it belongs to
 * @throws {Error} the bytes are not what the format says
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
  if (!ended) throw new Error("the COPY stream ended in the middle");
  if (group.rows > 0) yield group.take();
}

/** Where the header ends, or undefined while it is not all here. */
function headerEnd(bytes: Uint8Array, view: DataView): number | undefined {
  if (bytes.length < 19) return undefined;
  if (SIGNATURE.some((byte, i) => bytes[i] !== byte)) {
    throw new Error("the stream is no binary COPY");
  }
  const end = 19 + view.getInt32(15);
  return bytes.length < end ? undefined : end;
}

/** Where the row at `offset` ends, or undefined while it is not all here. */
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
  const place = `Cannot export event ${event}: its ${column.name} ${problem}`;
  return new Failure("data", `${place}. Correct the event in the outbox, then run again.`);
}

/** Decodes one field; undefined where the value does not fit. Made anew for each row group. */
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
  // A version number goes before the text of a jsonb; there has only ever been version 1.
  jsonb: () => (bytes, _, offset, length) =>
    bytes[offset] === 1 ? bytes.subarray(offset + 1, offset + length) : undefined,
  price: priceDecoder,
  percent: () => (_, view, offset) => readDecimal10(view, offset),
};

/** Two hexadecimal digits for every byte, as the two bytes of their ASCII text. */
const HEX = Array.from({ length: 256 }, (_, byte) => {
  const text = byte.toString(16).padStart(2, "0");
  return [text.charCodeAt(0), text.charCodeAt(1)] as const;
});
const HYPHENS_BEFORE = new Set([4, 6, 8, 10]);

function uuidDecoder(): Decoder {
  const allocate = slots(36);
  return (bytes, _, offset) => {
    const text = allocate();
    let at = 0;
    for (let i = 0; i < 16; i++) {
      if (HYPHENS_BEFORE.has(i)) text[at++] = 0x2d;
      const digits = HEX[bytes[offset + i]!]!;
      text[at++] = digits[0];
      text[at++] = digits[1];
    }
    return text;
  };
}

function priceDecoder(): Decoder {
  const allocate = slots(9);
  return (_, view, offset) => {
    const slot = allocate();
    const out = new DataView(slot.buffer, slot.byteOffset, 9);
    return writeDecimal20(view, offset, out, 0) ? slot : undefined;
  };
}

/** Cuts small arrays of one size out of large ones. */
function slots(size: number): () => Uint8Array {
  let slab = new Uint8Array(0);
  let used = 0;
  return () => {
    if (used + size > slab.length) {
      slab = new Uint8Array(size * 1024);
      used = 0;
    }
    used += size;
    return slab.subarray(used - size, used);
  };
}

/** Short texts repeat: the same bytes give the same array, which spares the encoder a comparison. */
const SHORT = 24;

function textDecoder(): Decoder {
  const seen = new Map<number, Uint8Array>();
  return (bytes, _, offset, length) => {
    if (length > SHORT) return bytes.subarray(offset, offset + length);
    let hash = length;
    for (let i = 0; i < length; i++) hash = Math.imul(hash, 31) + bytes[offset + i]! | 0;
    const known = seen.get(hash);
    if (known?.length === length && known.every((byte, i) => byte === bytes[offset + i])) {
      return known;
    }
    const copy = bytes.slice(offset, offset + length);
    if (seen.size < 1000) seen.set(hash, copy);
    return copy;
  };
}
