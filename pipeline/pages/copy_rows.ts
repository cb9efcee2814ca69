import { COPY_DATA, type CopyBlock, MESSAGE_HEAD } from "../outbox/copy_tap.ts";

// `COPY … (FORMAT binary)` is decoded in two passes over a block. The first pass, here, finds where
// the fields begin. The second pass goes column by column, and reads only the fields of one column.

/** A column of a COPY. */
export interface Field {
  /** The name, for messages. */
  readonly name: string;
  /** True if a value may be absent. */
  readonly nullable: boolean;
  /** The number of bytes of every value; 0 if values have different sizes. */
  readonly width: number;
}

/** The largest number of rows in a {@linkcode FieldTable}. */
export const TABLE_ROWS = 4096;
/** The start of a field that is null. */
export const NULL: number = -1;

/** The places of the fields of some rows in a block. */
export interface FieldTable {
  /**
   * The starts of the fields, column by column: `starts[column * TABLE_ROWS + row]`. It is
   * {@linkcode NULL} for a null. The four bytes before a start are the length of the field.
   */
  readonly starts: Int32Array;
  /** The number of rows. */
  rows: number;
  /** The number of bytes of the rows, without the heads of their messages. */
  bytes: number;
  /** The first row that cannot be exported, which is the row after the last. */
  refused: Refusal | undefined;
}

/** A value that cannot be exported. */
export interface Refusal {
  /** The place of the column. */
  readonly column: number;
  /** The place of the row in the table. */
  readonly row: number;
  /** `null`: the column has no nulls; `width`: the value does not have the width of its type. */
  readonly reason: "null" | "width";
}

/** Finds the fields of the rows of a COPY. */
export interface RowReader {
  /** The fields that the last call of `read` found. */
  readonly table: FieldTable;
  /**
   * Finds the fields of the rows from `offset` on. Stops at the end of the block, after `mostRows`
   * rows, or after the row with which the rows have `mostBytes`. At least one row is read, if there
   * is one.
   *
   * @returns the offset of the next message
   * @throws {Error} the bytes do not have the format
   */
  read(block: CopyBlock, offset: number, mostRows: number, mostBytes: number): number;
  /**
   * Confirms that the COPY is complete. The reader then expects another COPY.
   *
   * @throws {Error} the end of the COPY is missing
   */
  end(): void;
}

const SIGNATURE = [..."PGCOPY\n\xff\r\n\0"].map((char) => char.charCodeAt(0));
/** The number of bytes of the signature, the flags and the length of the extension. */
const HEADER_BYTES = 19;
/** The number of fields of the trailer, which ends a COPY. */
const TRAILER = -1;

/** Creates a reader for the rows of a COPY with these columns. */
export function createRowReader(fields: readonly Field[]): RowReader {
  const count = fields.length;
  const nullable = Uint8Array.from(fields, (field) => Number(field.nullable));
  const widths = Int32Array.from(fields, ({ width }) => width);
  const starts = new Int32Array(count * TABLE_ROWS);
  const table: FieldTable = { starts, rows: 0, bytes: 0, refused: undefined };
  let headerSeen = false;
  let ended = false;

  /** Skips the header before the first row and the trailer after the last row. */
  function skipEdges({ bytes, view }: CopyBlock, at: number, next: number): number {
    if (ended) throw new Error("the COPY stream has data after its end");
    if (!headerSeen) {
      if (next - at < HEADER_BYTES || SIGNATURE.some((byte, i) => bytes[at + i] !== byte)) {
        throw new Error("not a binary COPY stream");
      }
      const extension = view.getInt32(at + HEADER_BYTES - 4);
      at += HEADER_BYTES + extension;
      if (extension < 0 || at > next) throw new Error("not a binary COPY stream");
      headerSeen = true;
    }
    if (next - at === 2 && view.getInt16(at) === TRAILER) {
      ended = true;
      return next;
    }
    return at;
  }

  /** Finds the fields of one row, and returns its end; -1 if the row is refused. */
  function readRow({ view }: CopyBlock, at: number, next: number, row: number): number {
    const found = next - at < 2 ? 0 : view.getInt16(at);
    if (found !== count) {
      throw new Error(`a COPY row has ${found} fields instead of ${count}`);
    }
    at += 2;
    for (let i = 0, cell = row; i < count; i++, cell += TABLE_ROWS) {
      if (at + 4 > next) throw new Error("a COPY row is shorter than its fields");
      const length = view.getInt32(at);
      at += 4;
      if (length < 0) {
        if (length !== -1) throw new Error(`a field of a COPY row has ${length} bytes`);
        starts[cell] = NULL;
        if (nullable[i] === 0) {
          table.refused = { column: i, row, reason: "null" };
          return -1;
        }
        continue;
      }
      const width = widths[i]!;
      starts[cell] = at;
      if (width !== 0 && length !== width) {
        table.refused = { column: i, row, reason: "width" };
        return -1;
      }
      at += length;
    }
    if (at !== next) throw new Error("a COPY row does not end with its last field");
    return at;
  }

  return {
    table,
    read(block, offset, mostRows, mostBytes) {
      const { bytes, view, length: end } = block;
      const limit = Math.min(mostRows, TABLE_ROWS);
      let rows = 0;
      let size = 0;
      table.refused = undefined;
      while (offset < end && rows < limit && size < mostBytes) {
        if (bytes[offset] !== COPY_DATA) throw new Error("a COPY has a message without data");
        const next = offset + 1 + view.getInt32(offset + 1);
        let start = offset + MESSAGE_HEAD;
        // The first byte of the trailer is 0xff.
        if (!headerSeen || ended || bytes[start] === 0xff) {
          start = skipEdges(block, start, next);
          if (start === next) {
            offset = next;
            continue;
          }
        }
        if (readRow(block, start, next, rows) < 0) break;
        size += next - start;
        rows++;
        offset = next;
      }
      table.rows = rows;
      table.bytes = size;
      return offset;
    },
    end() {
      if (!ended) throw new Error("the COPY stream ended early");
      headerSeen = ended = false;
    },
  };
}
