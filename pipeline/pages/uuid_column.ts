import type { CopyBlock } from "../outbox/copy_tap.ts";
import { FIT, PageColumn } from "./page_column.ts";

const UUID_BYTES = 16;
const UUID_LENGTH = 36;
const HYPHEN = 0x2d;
/** The ASCII codes of a byte's two hexadecimal digits, as one little-endian integer. */
const HEX = Uint16Array.from({ length: 256 }, (_, byte) => {
  const digits = byte.toString(16).padStart(2, "0");
  return digits.charCodeAt(0) | digits.charCodeAt(1) << 8;
});
/** The place of each byte's digits in the text. */
const DIGITS = Uint8Array.of(0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34);
const HYPHENS = Uint8Array.of(8, 13, 18, 23);

/** Creates a column of UUIDs, each as a text of 36 characters. */
export function uuidColumn(nullable: boolean, index: number): PageColumn {
  return new UuidColumn(nullable, index);
}

class UuidColumn extends PageColumn {
  protected take({ bytes }: CopyBlock, starts: Int32Array, base: number, rows: number): number {
    this.out.reserve((4 + UUID_LENGTH) * rows);
    const out = this.out.view;
    let at = this.out.length;
    for (let i = 0; i < rows; i++) {
      const start = starts[base + i]!;
      if (start < 0) continue;
      out.setUint32(at, UUID_LENGTH, true);
      writeUuid(bytes, start, out, at + 4);
      at += 4 + UUID_LENGTH;
    }
    this.out.length = at;
    return FIT;
  }
}

function writeUuid(bytes: Uint8Array, start: number, out: DataView, at: number): void {
  for (let i = 0; i < UUID_BYTES; i++) {
    out.setUint16(at + DIGITS[i]!, HEX[bytes[start + i]!]!, true);
  }
  for (let i = 0; i < HYPHENS.length; i++) out.setUint8(at + HYPHENS[i]!, HYPHEN);
}

/**
 * The text of the UUID at `start`, such as `6f1d2c7e-0a54-4c1b-9f38-2b7d51e0a001`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { uuidText } from "./uuid_column.ts";
 * assertEquals(uuidText(new Uint8Array(16), 0), "00000000-0000-0000-0000-000000000000");
 * ```
 */
export function uuidText(bytes: Uint8Array, start: number): string {
  const text = new Uint8Array(UUID_LENGTH);
  writeUuid(bytes, start, new DataView(text.buffer), 0);
  return new TextDecoder().decode(text);
}
