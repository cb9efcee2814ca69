import { type Bytes, take } from "./byte_stream.ts";
import { Malformed } from "./image_errors.ts";

/** An entry of a tar file. */
export interface TarEntry {
  /**
   * The path relative to the root, without a leading or trailing slash; empty for the root itself.
   */
  readonly path: string;
  /** The type; `other` is a device or a pipe. */
  readonly type: "file" | "folder" | "symlink" | "hardlink" | "other";
  /**
   * The target of a link: for a hard link relative to the root, for a symbolic link exactly as
   * written.
   */
  readonly target: string;
  /** The size in bytes; 0 for anything but a file. */
  readonly size: number;
  /** Streams the content. Content that is not read is skipped. */
  chunks(): AsyncGenerator<Uint8Array>;
}

const BLOCK = 512;
/** The longest path that Linux accepts, in bytes. */
const MOST_PATH = 4096;
/** The largest accepted extended header, in bytes. A header has a few paths and attributes. */
const MOST_HEADER = 2 ** 20;

/** Fields in extended headers, which override those of the next entry. */
interface Extended {
  readonly path?: string | undefined;
  readonly target?: string | undefined;
  readonly size?: number | undefined;
}

/**
 * Reads the entries of a tar file in the ustar format, with long names of GNU and extended headers
 * of POSIX. The content of an entry can be read until the next entry is requested.
 *
 * @throws {Malformed} the bytes are not a tar file, or the file is truncated
 */
export async function* tarEntries(bytes: Bytes): AsyncGenerator<TarEntry> {
  for (let extended: Extended = {};;) {
    const header = await take(bytes, BLOCK);
    if (header.length === 0 || isEmpty(header)) return;
    if (header.length < BLOCK) throw new Malformed("the tar file ends in the middle of a header");
    verifyChecksum(header);
    const type = String.fromCharCode(header[156]!);
    const size = sizeIn(header);
    if (type === "x" || type === "L" || type === "K") {
      const body = await extendedHeader(bytes, size);
      extended = { ...extended, ...(type === "x" ? records(body) : longName(type, body)) };
      continue;
    }
    if (type === "S") await passSparseHeaders(bytes, header);
    // A global header applies to all entries. Skip it: it has no fields that are needed here.
    if (type !== "g") yield* entry(bytes, header, { size, ...extended });
    else await pass(bytes, padded(size));
    if (type !== "g") extended = {};
  }
}

async function* entry(
  bytes: Bytes,
  header: Uint8Array,
  { path, target, size = 0 }: Extended,
): AsyncGenerator<TarEntry> {
  const written = path ?? nameIn(header);
  const type = typeOf(String.fromCharCode(header[156]!), written);
  // The size field of a link or folder does not count content bytes.
  const length = type === "file" ? size : 0;
  let left = length;
  const link = target ?? textAt(header, 157, 100);
  if (Math.max(written.length, link.length) > MOST_PATH) {
    throw new Malformed(`the tar file has a path of more than ${MOST_PATH} characters`);
  }
  yield {
    path: normalizePath(written),
    type,
    target: type === "hardlink" ? normalizePath(link) : link,
    size: length,
    async *chunks() {
      while (left > 0) {
        const part = await bytes.next(left);
        if (part.length === 0) throw new Malformed("the tar file ends in the middle of a file");
        left -= part.length;
        yield part;
      }
    },
  };
  await pass(bytes, left + padded(length) - length);
}

function typeOf(flag: string, path: string): TarEntry["type"] {
  switch (flag) {
    case "1":
      return "hardlink";
    case "2":
      return "symlink";
    case "3":
    case "4":
    case "6":
      return "other";
    case "5":
      return "folder";
  }
  // Formats older than ustar mark a folder with a trailing slash.
  return path.endsWith("/") ? "folder" : "file";
}

/** Normalizes a path relative to the root: `..` never leaves the root. */
export function normalizePath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

function verifyChecksum(header: Uint8Array): void {
  const spaces = 8 * 0x20;
  let sum = spaces;
  for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) sum += header[i]!;
  if (sum !== octalAt(header, 148, 8)) {
    throw new Malformed("the file is not a tar file, or is damaged");
  }
}

function sizeIn(header: Uint8Array): number {
  // Sizes that do not fit into octal digits are written in base 256.
  const isBinary = (header[124]! & 0x80) !== 0;
  const size = isBinary
    ? header.subarray(125, 136).reduce((sum, byte) => sum * 256 + byte, 0)
    : octalAt(header, 124, 12);
  if (Number.isSafeInteger(size)) return size;
  throw new Malformed("the tar file has an entry with an invalid size");
}

function octalAt(header: Uint8Array, start: number, length: number): number {
  const text = textAt(header, start, length).trim();
  return text === "" ? 0 : /^[0-7]+$/.test(text) ? parseInt(text, 8) : NaN;
}

function nameIn(header: Uint8Array): string {
  const name = textAt(header, 0, 100);
  // GNU's own format uses the prefix field of ustar for other data.
  const isUstar = textAt(header, 257, 8) === "ustar" && header[263] === 0x30;
  const prefix = isUstar ? textAt(header, 345, 155) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

async function extendedHeader(bytes: Bytes, size: number): Promise<Uint8Array> {
  if (size > MOST_HEADER) {
    throw new Malformed(`the tar file has an extended header of ${size} bytes`);
  }
  const body = await take(bytes, padded(size));
  if (body.length < size) throw new Malformed("the tar file ends in the middle of a header");
  return body.subarray(0, size);
}

function longName(type: "L" | "K", body: Uint8Array): Extended {
  const text = textAt(body, 0, body.length);
  return type === "L" ? { path: text } : { target: text };
}

/** Parses the records of a POSIX header, each `<length> <key>=<value>` and a line feed. */
function records(body: Uint8Array): Extended {
  const found = new Map<string, string>();
  for (let at = 0; at < body.length;) {
    const space = body.indexOf(0x20, at);
    const length = Number(space < 0 ? NaN : decode(body.subarray(at, space)));
    const isOne = Number.isInteger(length) && length > space - at + 1 && at + length <= body.length;
    if (!isOne) throw new Malformed("the tar file has a damaged extended header");
    const record = decode(body.subarray(space + 1, at + length - 1));
    const equals = record.indexOf("=");
    found.set(record.slice(0, equals), record.slice(equals + 1));
    at += length;
  }
  const size = found.get("size");
  if (size !== undefined && !/^\d{1,15}$/.test(size)) {
    throw new Malformed("the tar file has an entry with an invalid size");
  }
  const path = found.get("GNU.sparse.name") ?? found.get("path");
  const target = found.get("linkpath");
  return {
    ...(path === undefined ? {} : { path }),
    ...(target === undefined ? {} : { target }),
    ...(size === undefined ? {} : { size: Number(size) }),
  };
}

/**
 * Skips the additional headers of GNU's old sparse format. Each header has a flag that another one
 * follows.
 */
async function passSparseHeaders(bytes: Bytes, header: Uint8Array): Promise<void> {
  for (let more = header[482]; more !== 0;) {
    const block = await take(bytes, BLOCK);
    if (block.length < BLOCK) throw new Malformed("the tar file ends in the middle of a header");
    more = block[504];
  }
}

async function pass(bytes: Bytes, count: number): Promise<void> {
  if (await bytes.skip(count) < count) {
    throw new Malformed("the tar file ends in the middle of a file");
  }
}

function padded(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}

function isEmpty(block: Uint8Array): boolean {
  return block.every((byte) => byte === 0);
}

function textAt(bytes: Uint8Array, start: number, length: number): string {
  const field = bytes.subarray(start, start + length);
  const end = field.indexOf(0);
  return decode(end < 0 ? field : field.subarray(0, end));
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
