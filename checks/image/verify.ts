import { createHash } from "node:crypto";
import { Malformed, Unsupported } from "./malformed.ts";
import type { Descriptor } from "./manifest.ts";

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
  expected: Pick<Descriptor, "digest"> & Partial<Pick<Descriptor, "size">>,
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
    // A connection that was cut stays cut, also for whoever asks again.
    if (failed !== undefined) throw failed.error;
    return await read().catch((error) => {
      failed = { error };
      throw error;
    });
  }
  return {
    // Whoever stops early does not end the source: its end has to be reached.
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
