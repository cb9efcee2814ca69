/** A value of Thrift's compact protocol. Integers beyond 2^53 are refused. */
export type ThriftValue = boolean | number | Uint8Array | readonly ThriftValue[] | ThriftStruct;

/** A struct: its values by field number. */
export type ThriftStruct = ReadonlyMap<number, ThriftValue>;

/** A generous limit for the nesting of Parquet's structs. */
const MOST_DEPTH = 16;

/** The type numbers of the protocol. */
const [STOP, TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, STRUCT] = [
  0,
  1,
  2,
  3,
  4,
  5,
  6,
  7,
  8,
  9,
  12,
] as const;

/**
 * Reads a struct of Thrift's compact protocol. Parquet describes its files and pages with such
 * structs. The size of the input bounds time and memory, so that a damaged struct cannot cause an
 * endless read.
 *
 * @param offset the start of the struct
 * @returns the struct, and the offset right behind it
 * @throws {Error} the bytes hold no such struct
 */
export function readStruct(
  bytes: Uint8Array,
  offset: number,
): { readonly struct: ThriftStruct; readonly end: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = offset;

  function byte(): number {
    if (at >= view.byteLength) throw new Error("a Thrift struct is truncated");
    return view.getUint8(at++);
  }

  function varint(bits: 32 | 64): bigint {
    let value = 0n;
    for (let shift = 0; shift < bits + 6; shift += 7) {
      const next = byte();
      value |= BigInt(next & 0x7f) << BigInt(shift);
      if (next < 0x80) {
        if (value >> BigInt(bits) !== 0n) break;
        return value;
      }
    }
    throw new Error("a Thrift number is too large");
  }

  /** Reads an integer of at most three bytes; undefined if it is longer. */
  function smallInteger(): number | undefined {
    let zigzag = 0;
    for (let i = 0; i < 3 && at + i < view.byteLength; i++) {
      const next = view.getUint8(at + i);
      zigzag |= (next & 0x7f) << 7 * i;
      if (next >= 0x80) continue;
      at += i + 1;
      return zigzag >>> 1 ^ -(zigzag & 1);
    }
    return undefined;
  }

  function integer(bits: 32 | 64): number {
    const small = smallInteger();
    if (small !== undefined) return small;
    const zigzag = varint(bits);
    const value = Number(zigzag & 1n ? -(zigzag >> 1n) - 1n : zigzag >> 1n);
    if (!Number.isSafeInteger(value)) throw new Error("a Thrift number is too large");
    return value;
  }

  /** Reads the number of bytes or elements that follow. Each element takes at least one byte. */
  function length(): number {
    const value = Number(varint(32));
    if (value > view.byteLength - at) throw new Error("a Thrift length is too large");
    return value;
  }

  function element(type: number, depth: number): ThriftValue {
    switch (type) {
      case TRUE:
      case FALSE:
        return type === TRUE;
      case BYTE:
        return byte() << 24 >> 24;
      case I16:
      case I32:
        return integer(32);
      case I64:
        return integer(64);
      case DOUBLE:
        for (let i = 0; i < 8; i++) byte();
        return NaN; // Parquet has none outside of what is skipped here
      case BINARY: {
        const size = length();
        at += size;
        return bytes.subarray(at - size, at);
      }
      case LIST: {
        const head = byte();
        const size = head >> 4 === 15 ? length() : head >> 4;
        const of = head & 15;
        const each = of === TRUE || of === FALSE ? BYTE : of; // a list's booleans take a byte each
        return Array.from({ length: size }, () => element(each, depth + 1));
      }
      case STRUCT:
        return fields(depth + 1);
      default:
        throw new Error(`Thrift has no type ${type} in Parquet`);
    }
  }

  function fields(depth: number): ThriftStruct {
    if (depth > MOST_DEPTH) throw new Error("Thrift structs are nested too deeply");
    const struct = new Map<number, ThriftValue>();
    let field = 0;
    for (let head = byte(); (head & 15) !== STOP; head = byte()) {
      field = head >> 4 === 0 ? integer(32) : field + (head >> 4);
      struct.set(field, element(head & 15, depth));
    }
    return struct;
  }

  return { struct: fields(0), end: at };
}

/** The integer in a field, from 0 to a maximum. */
export function countIn(struct: ThriftStruct, field: number, most: number, name: string): number {
  const value = struct.get(field);
  if (typeof value === "number" && value >= 0 && value <= most) return value;
  throw new Error(`${name} is ${typeof value === "number" ? value : "missing"}, not 0 to ${most}`);
}

/** Returns the struct in a field; undefined if there is none. */
export function structIn(struct: ThriftStruct, field: number): ThriftStruct | undefined {
  const value = struct.get(field);
  return value instanceof Map ? value : undefined;
}

/** The structs of the list in a field. */
export function structsIn(struct: ThriftStruct, field: number): ThriftStruct[] {
  const value = struct.get(field);
  return Array.isArray(value) ? value.filter((each) => each instanceof Map) : [];
}
