import { Malformed } from "./malformed.ts";

/** Bytes that are read in order, once, a few at a time. */
export interface Bytes {
  /** The next bytes: at most so many, perhaps fewer, and none only at the end. */
  next(most: number): Promise<Uint8Array>;
  /** Leaves bytes out, and says how many: fewer than asked for only at the end. */
  skip(count: number): Promise<number>;
  /** Lets go of where they come from, before their end. */
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

/** So many bytes in one array; fewer where they end before. */
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

/** The next so many bytes as they come; fewer where they end before. */
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
