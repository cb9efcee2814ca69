import { createHash } from "node:crypto";
import { once } from "node:events";
import { createGunzip, type Gunzip } from "node:zlib";
import { Malformed, Unsupported } from "./image_errors.ts";

/** Bytes that are read in order, once, a few at a time. */
export interface Bytes {
  /** The next bytes: at most `most`, and none only at the end. */
  next(most: number): Promise<Uint8Array>;
  /** Skips bytes, and returns how many: fewer than `count` only at the end. */
  skip(count: number): Promise<number>;
  /** Closes the source before its end. */
  close(): Promise<void>;
}

const NONE: Uint8Array = new Uint8Array(0);
const CHUNK = 65_536;

/** The bytes of a stream. */
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

/** The bytes of a file from its current position on; what is skipped is not read. It stays open. */
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

/** The next `count` bytes in one array; fewer where the source ends. */
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

/** The next `count` bytes as a stream; fewer where the source ends. */
export async function* chunksOf(bytes: Bytes, count: number): AsyncGenerator<Uint8Array> {
  for (let left = count; left > 0;) {
    const part = await bytes.next(left);
    if (part.length === 0) return;
    left -= part.length;
    yield part;
  }
}

/**
 * All of a stream that is no more than a document.
 *
 * @throws {Malformed} it is longer
 */
export async function whole(
  chunks: AsyncIterable<Uint8Array>,
  most: number,
): Promise<Uint8Array> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let count = 0;
  for await (const chunk of chunks) {
    count += chunk.length;
    if (count > most) throw new Malformed(`it has more than ${most} bytes`);
    parts.push(chunk.slice());
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** The largest accepted size of an unpacked layer, in bytes. */
const MOST_UNPACKED = 64 * 2 ** 30;
/** Bytes that are unpacked at a time. */
const UNPACKED_CHUNK = 262_144;

/**
 * Unpacks gzip, also in several members as tools write it that work in parallel; leaves anything else
 * as it is. What is packed is told by its first bytes: media types are often wrong.
 *
 * @throws {Malformed} it is damaged, ends too early, or unpacks to far more than a layer has
 * @throws {Unsupported} it is packed with zstd: Deno 2.9 loses what comes after its first frame
 */
export async function* unpacked(
  chunks: AsyncIterable<Uint8Array>,
  most = MOST_UNPACKED,
): AsyncGenerator<Uint8Array> {
  const bytes = bytesOf(chunks);
  const first = await take(bytes, 4);
  const all = joined(first, chunksOf(bytes, Infinity));
  if (first.toHex() === "28b52ffd") throw new Unsupported("it is packed with zstd");
  const isGzip = first[0] === 0x1f && first[1] === 0x8b;
  let count = 0;
  for await (
    const chunk of isGzip ? through(createGunzip({ chunkSize: UNPACKED_CHUNK }), all) : all
  ) {
    count += chunk.length;
    if (count > most) throw new Malformed(`it unpacks to more than ${most} bytes`);
    yield chunk;
  }
}

async function* joined(first: Uint8Array, rest: AsyncIterable<Uint8Array>) {
  yield first;
  yield* rest;
}

async function* through(
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
  const what = code === "Z_BUF_ERROR" ? "ends too early" : "is damaged";
  return new Malformed(`what it is packed in ${what} (${code})`);
}

/** The digest of content, as in `sha256:…`. */
export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/**
 * Reads content while it is held against its descriptor.
 *
 * What reads it can fail because the content is not the one that was meant. So the content is always
 * taken to its end first, and a wrong digest is told before whatever followed from it.
 *
 * @param read reads the content, or fails; it need not come to the end
 * @throws {Malformed} it is not what its digest says
 * @throws {unknown} what `read` or the stream throws
 */
export async function verified<T>(
  chunks: AsyncIterable<Uint8Array>,
  expected: { readonly digest: string; readonly size?: number },
  read: (chunks: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  const hashed = hashing(chunks, expected.size);
  try {
    const [outcome] = await Promise.allSettled([read(hashed.chunks)]);
    const failed = outcome.status === "rejected" ? outcome.reason : undefined;
    if (failed instanceof Unsupported) throw failed; // whether it is the right one is all the same
    await hashed.finish(expected.digest);
    if (outcome.status === "rejected") throw failed;
    return outcome.value;
  } finally {
    await hashed.close();
  }
}

function hashing(source: AsyncIterable<Uint8Array>, size = Infinity) {
  const hash = createHash("sha256");
  const iterator = source[Symbol.asyncIterator]();
  let count = 0;
  let failed: { readonly error: unknown } | undefined;

  async function read(): Promise<IteratorResult<Uint8Array, undefined>> {
    const { value, done } = await iterator.next();
    if (done) return { value: undefined, done };
    count += value.length;
    if (count > size) throw new Malformed(`there are more than the ${size} bytes that are named`);
    hash.update(value);
    return { value, done: false };
  }
  async function next() {
    // After a failure every later call fails in the same way.
    if (failed !== undefined) throw failed.error;
    return await read().catch((error) => {
      failed = { error };
      throw error;
    });
  }
  return {
    // A reader that stops early does not close the source, which has to be hashed to its end.
    chunks: { [Symbol.asyncIterator]: () => ({ next }) },
    async finish(expected: string) {
      while (!(await next()).done);
      const found = `sha256:${hash.digest("hex")}`;
      if (found === expected) return;
      throw new Malformed(`its digest is ${found}, and it should be ${expected}`);
    },
    async close() {
      await iterator.return?.();
    },
  };
}
