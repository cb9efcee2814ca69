import { createHash } from "node:crypto";
import { once } from "node:events";
import { createGunzip, type Gunzip } from "node:zlib";
import { Malformed, Unsupported } from "./image_errors.ts";

/** A source of bytes that is read once, in order. */
export interface Bytes {
  /** Returns the next bytes, at most `most`. Returns an empty array only at the end. */
  next(most: number): Promise<Uint8Array>;
  /**
   * Skips `count` bytes, and returns the number of skipped bytes, which is smaller only at the end.
   */
  skip(count: number): Promise<number>;
  /** Closes the source, even before its end. */
  close(): Promise<void>;
}

const NONE: Uint8Array = new Uint8Array(0);
const CHUNK = 65_536;

/** Reads from a stream. */
export function bytesOf(chunks: AsyncIterable<Uint8Array>): Bytes {
  const iterator = chunks[Symbol.asyncIterator]();
  let rest = NONE;
  async function next(most: number): Promise<Uint8Array> {
    while (rest.length === 0) {
      const { value, done } = await iterator.next();
      if (done) return NONE;
      rest = value;
    }
    const part = rest.subarray(0, most);
    rest = rest.subarray(part.length);
    return part;
  }
  return {
    next,
    async skip(count) {
      let skipped = 0;
      while (skipped < count) {
        const { length } = await next(count - skipped);
        if (length === 0) break;
        skipped += length;
      }
      return skipped;
    },
    async close() {
      await iterator.return?.();
    },
  };
}

/**
 * Reads from a file, from the current position. Skipping seeks without reading. `close` leaves the
 * file open.
 */
export async function bytesOfFile(file: Deno.FsFile): Promise<Bytes> {
  const { size } = await file.stat();
  let at = await file.seek(0, Deno.SeekMode.Current);
  return {
    async next(most) {
      const buffer = new Uint8Array(Math.min(most, CHUNK));
      const count = await file.read(buffer) ?? 0;
      at += count;
      return buffer.subarray(0, count);
    },
    async skip(count) {
      const skipped = Math.max(Math.min(count, size - at), 0);
      at = await file.seek(skipped, Deno.SeekMode.Current);
      return skipped;
    },
    close: () => Promise.resolve(),
  };
}

/** Returns the next `count` bytes in one array, or fewer at the end of the source. */
export async function take(bytes: Bytes, count: number): Promise<Uint8Array> {
  const first = await bytes.next(count);
  if (first.length === count || first.length === 0) return first;
  const whole = new Uint8Array(count);
  whole.set(first);
  let filled = first.length;
  while (filled < count) {
    const part = await bytes.next(count - filled);
    if (part.length === 0) return whole.subarray(0, filled);
    whole.set(part, filled);
    filled += part.length;
  }
  return whole;
}

/** Returns the next `count` bytes as a stream, or fewer at the end of the source. */
export async function* chunksOf(bytes: Bytes, count: number): AsyncGenerator<Uint8Array> {
  for (let left = count; left > 0;) {
    const part = await bytes.next(left);
    if (part.length === 0) return;
    left -= part.length;
    yield part;
  }
}

/**
 * Reads a whole stream into memory.
 *
 * @throws {Malformed} the stream has more than `most` bytes
 */
export async function whole(
  chunks: AsyncIterable<Uint8Array>,
  most: number,
): Promise<Uint8Array> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let count = 0;
  for await (const chunk of chunks) {
    count += chunk.length;
    if (count > most) throw new Malformed(`the document has more than ${most} bytes`);
    parts.push(chunk.slice());
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** The largest accepted size of an unpacked layer, in bytes. */
const MOST_UNPACKED = 64 * 2 ** 30;
/** The number of bytes to decompress at a time. */
const UNPACKED_CHUNK = 262_144;

/**
 * Decompresses gzip, including files with several members, which parallel compressors write. Passes
 * other content through unchanged. The first bytes decide, because media types are often wrong.
 *
 * @throws {Malformed} the gzip stream is damaged or truncated, or has more than `most` bytes
 * @throws {Unsupported} the content is compressed with zstd: Deno 2.9 drops everything after the
 *   first frame
 */
export async function* decompress(
  chunks: AsyncIterable<Uint8Array>,
  most = MOST_UNPACKED,
): AsyncGenerator<Uint8Array> {
  const bytes = bytesOf(chunks);
  const first = await take(bytes, 4);
  const all = prepend(first, chunksOf(bytes, Infinity));
  if (first.toHex() === "28b52ffd") throw new Unsupported("the content is compressed with zstd");
  const isGzip = first[0] === 0x1f && first[1] === 0x8b;
  let count = 0;
  for await (
    const chunk of isGzip ? gunzip(createGunzip({ chunkSize: UNPACKED_CHUNK }), all) : all
  ) {
    count += chunk.length;
    if (count > most) throw new Malformed(`the uncompressed content has more than ${most} bytes`);
    yield chunk;
  }
}

async function* prepend(first: Uint8Array, rest: AsyncIterable<Uint8Array>) {
  yield first;
  yield* rest;
}

async function* gunzip(
  unpacker: Gunzip,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const ended = new AbortController();
  let failed: { readonly error: unknown } | undefined;
  const feeding = feed(unpacker, chunks, ended.signal).catch((error) => {
    failed ??= { error };
    unpacker.destroy();
  });
  try {
    yield* unpacker as AsyncIterable<Uint8Array>;
  } catch (error) {
    failed ??= { error: damage(error) };
  } finally {
    ended.abort();
    unpacker.destroy();
    await feeding;
  }
  if (failed !== undefined) throw failed.error;
}

async function feed(
  unpacker: Gunzip,
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  for await (const chunk of chunks) {
    if (signal.aborted) return;
    if (!unpacker.write(chunk)) await once(unpacker, "drain", { signal }).catch(() => {});
  }
  unpacker.end();
}

function damage(error: unknown): unknown {
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code !== "string" || !code.startsWith("Z_")) return error;
  const what = code === "Z_BUF_ERROR" ? "is truncated" : "is damaged";
  return new Malformed(`the gzip stream ${what} (${code})`);
}

/** Returns the digest of bytes, as in `sha256:…`. */
export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/**
 * Reads content, and verifies the size and the digest.
 *
 * `read` may fail because the content is wrong. The content is therefore always read to the end,
 * and a wrong digest is reported instead of the error that the wrong content caused.
 *
 * @param read parses the content; may stop before the end
 * @throws {Malformed} the size or the digest differs
 * @throws {unknown} an error of `read` or of the stream
 */
export async function readVerified<T>(
  chunks: AsyncIterable<Uint8Array>,
  expected: { readonly digest: string; readonly size?: number },
  read: (chunks: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  const hashed = withHash(chunks, expected.size);
  try {
    const [outcome] = await Promise.allSettled([read(hashed.chunks)]);
    const failed = outcome.status === "rejected" ? outcome.reason : undefined;
    if (failed instanceof Unsupported) throw failed; // unreadable whether or not the digest matches
    await hashed.finish(expected.digest);
    if (outcome.status === "rejected") throw failed;
    return outcome.value;
  } finally {
    await hashed.close();
  }
}

function withHash(source: AsyncIterable<Uint8Array>, size = Infinity) {
  const hash = createHash("sha256");
  const iterator = source[Symbol.asyncIterator]();
  let count = 0;
  let failed: { readonly error: unknown } | undefined;

  async function read(): Promise<IteratorResult<Uint8Array, undefined>> {
    const { value, done } = await iterator.next();
    if (done) return { value: undefined, done };
    count += value.length;
    if (count > size) throw new Malformed(`the content has more than the expected ${size} bytes`);
    hash.update(value);
    return { value, done: false };
  }
  async function next() {
    // After a failure, every later call throws the same error.
    if (failed !== undefined) throw failed.error;
    return await read().catch((error) => {
      failed = { error };
      throw error;
    });
  }
  return {
    // No return(): a reader that stops early must not close the source, because finish() hashes the
    // rest.
    chunks: { [Symbol.asyncIterator]: () => ({ next }) },
    async finish(expected: string) {
      while (!(await next()).done);
      const found = `sha256:${hash.digest("hex")}`;
      if (found === expected) return;
      throw new Malformed(`the digest is ${found}, but should be ${expected}`);
    },
    async close() {
      await iterator.return?.();
    },
  };
}
