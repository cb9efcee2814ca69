import { type Bytes, take } from "./byte_stream.ts";
import { Malformed } from "./image_errors.ts";

/** An entry of a tar. */
export interface TarEntry {
  /** Its path from the root, without a slash at either end; empty for the root itself. */
  readonly path: string;
  /** What it is; `other` is a device or a pipe. */
  readonly type: "file" | "folder" | "symlink" | "hardlink" | "other";
  /** Where a link leads: for a hard link another path from the root, else as it stands there. */
  readonly target: string;
  /** How many bytes it has. */
  readonly size: number;
  /** Its bytes as they come. What is not read of them is passed over. */
  chunks(): AsyncGenerator<Uint8Array>;
}

const BLOCK = 512;
/** What Linux takes for a path, in bytes. */
const MOST_PATH = 4096;
/** Extended headers have a few paths, and attributes besides. */
const MOST_HEADER = 2 ** 20;

/** What extended headers say of the entry behind them. */
interface Extended {
  readonly path?: string | undefined;
  readonly target?: string | undefined;
  readonly size?: number | undefined;
}

/**
 * Reads the entries of a tar: ustar, with the long names of GNU and the extended headers of POSIX. An
 * entry can be read until the next one is asked for.
 *
 * @throws {Malformed} it is no tar, or ends too early
 */
export async function* tarEntries(bytes: Bytes): AsyncGenerator<TarEntry> {
  for (let extended: Extended = {};;) {
    const header = await take(bytes, BLOCK);
    if (header.length === 0 || isEmpty(header)) return;
    if (header.length < BLOCK) throw new Malformed("the tar ends in the middle of a header");
    verifyChecksum(header);
    const type = String.fromCharCode(header[156]!);
    const size = sizeIn(header);
    if (type === "x" || type === "L" || type === "K") {
      const body = await extendedHeader(bytes, size);
      extended = { ...extended, ...(type === "x" ? records(body) : longName(type, body)) };
      continue;
    }
    if (type === "S") await passSparseHeaders(bytes, header);
    // A global header is about all entries, and none of what it may say is of interest here.
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
  // The size of a link or folder is about something else: there are no bytes.
  const length = type === "file" ? size : 0;
  let left = length;
  const link = target ?? textAt(header, 157, 100);
  if (Math.max(written.length, link.length) > MOST_PATH) {
    throw new Malformed(`the tar has a path of more than ${MOST_PATH} characters`);
  }
  yield {
    path: cleaned(written),
    type,
    target: type === "hardlink" ? cleaned(link) : link,
    size: length,
    async *chunks() {
      while (left > 0) {
        const part = await bytes.next(left);
        if (part.length === 0) throw new Malformed("the tar ends in the middle of a file");
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
  // Tars older than ustar mark a folder by a slash.
  return path.endsWith("/") ? "folder" : "file";
}

/** A path as a container's root sees it: nothing leads out of it. */
export function cleaned(path: string): string {
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
  if (sum !== octalAt(header, 148, 8)) throw new Malformed("it is no tar, or a damaged one");
}

function sizeIn(header: Uint8Array): number {
  // What does not fit into octal digits is written in base 256.
  const isBinary = (header[124]! & 0x80) !== 0;
  const size = isBinary
    ? header.subarray(125, 136).reduce((sum, byte) => sum * 256 + byte, 0)
    : octalAt(header, 124, 12);
  if (Number.isSafeInteger(size)) return size;
  throw new Malformed("the tar has a file whose size is none");
}

function octalAt(header: Uint8Array, start: number, length: number): number {
  const text = textAt(header, start, length).trim();
  return text === "" ? 0 : /^[0-7]+$/.test(text) ? parseInt(text, 8) : NaN;
}

function nameIn(header: Uint8Array): string {
  const name = textAt(header, 0, 100);
  // GNU's own format has other things where ustar has the beginning of a long path.
  const isUstar = textAt(header, 257, 8) === "ustar" && header[263] === 0x30;
  const prefix = isUstar ? textAt(header, 345, 155) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

async function extendedHeader(bytes: Bytes, size: number): Promise<Uint8Array> {
  if (size > MOST_HEADER) throw new Malformed(`the tar has a header of ${size} bytes`);
  const body = await take(bytes, padded(size));
  if (body.length < size) throw new Malformed("the tar ends in the middle of a header");
  return body.subarray(0, size);
}

function longName(type: "L" | "K", body: Uint8Array): Extended {
  const text = textAt(body, 0, body.length);
  return type === "L" ? { path: text } : { target: text };
}

/** The records of a POSIX header, each `<length> <key>=<value>\n`. */
function records(body: Uint8Array): Extended {
  const found = new Map<string, string>();
  for (let at = 0; at < body.length;) {
    const space = body.indexOf(0x20, at);
    const length = Number(space < 0 ? NaN : decode(body.subarray(at, space)));
    const isOne = Number.isInteger(length) && length > space - at + 1 && at + length <= body.length;
    if (!isOne) throw new Malformed("the tar has a damaged extended header");
    const record = decode(body.subarray(space + 1, at + length - 1));
    const equals = record.indexOf("=");
    found.set(record.slice(0, equals), record.slice(equals + 1));
    at += length;
  }
  const size = found.get("size");
  if (size !== undefined && !/^\d{1,15}$/.test(size)) {
    throw new Malformed("the tar has a file whose size is none");
  }
  const path = found.get("GNU.sparse.name") ?? found.get("path");
  const target = found.get("linkpath");
  return {
    ...(path === undefined ? {} : { path }),
    ...(target === undefined ? {} : { target }),
    ...(size === undefined ? {} : { size: Number(size) }),
  };
}

/** GNU's older sparse files have more headers, as long as each says so. */
async function passSparseHeaders(bytes: Bytes, header: Uint8Array): Promise<void> {
  for (let more = header[482]; more !== 0;) {
    const block = await take(bytes, BLOCK);
    if (block.length < BLOCK) throw new Malformed("the tar ends in the middle of a header");
    more = block[504];
  }
}

async function pass(bytes: Bytes, count: number): Promise<void> {
  if (await bytes.skip(count) < count) throw new Malformed("the tar ends in the middle of a file");
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
