import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { readVerified } from "../../../checks/image/byte_stream.ts";
import { readLayer, readUnpackedLayer } from "../../../checks/image/layer_files.ts";
import { assertEquals, assertRejects } from "../../support/assert.ts";
import { tarHeader } from "../../support/images.ts";

// The reader never keeps a whole layer in memory: it has finished with a chunk before it requests one
// of the next few. Therefore, these tests return every chunk in one of a few buffers, and overwrite
// each buffer when it is used again. A reader that keeps chunks would find different bytes in them.

const PIECE = 1 << 20;
const SIZE = 50 * PIECE;
/** The bytes of a compressed chunk, more than a stream of zlib takes in at once. */
const CHUNK = 1 << 16;
/** The number of chunks that a reader may hold at the same time. */
const BUFFERS = 8;

const NAMES = ["opt/spark/jars/aws-java-sdk-bundle-1.12.262.jar", "opt/last"];

/** Yields a layer with one large file, piece by piece. Each piece has other bytes than the one before. */
async function* layer(): AsyncGenerator<Uint8Array> {
  yield await tarHeader(NAMES[0]!, "0", SIZE);
  for (let made = 0; made < SIZE; made += PIECE) yield incompressible(made + 1);
  yield tarHeader(NAMES[1]!, "0", 0);
  yield new Uint8Array(1024);
}

function incompressible(seed: number): Uint8Array {
  const words = new Uint32Array(PIECE / 4);
  for (let i = 0, word = seed; i < words.length; i++) {
    word = Math.imul(word, 1_664_525) + 1_013_904_223;
    words[i] = word;
  }
  return new Uint8Array(words.buffer);
}

/** Yields the same bytes, in buffers that are used again and again. */
async function* inFewBuffers(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const buffers = Array.from({ length: BUFFERS }, () => new Uint8Array(PIECE));
  let next = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += PIECE) {
      const piece = chunk.subarray(at, at + PIECE);
      const buffer = buffers[next++ % BUFFERS]!;
      buffer.fill(0xee);
      buffer.set(piece);
      yield buffer.subarray(0, piece.length);
    }
  }
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const kept: Uint8Array[] = [];
  for await (const chunk of chunks) kept.push(chunk);
  return kept;
}

async function digestOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of chunks) hash.update(chunk);
  return `sha256:${hash.digest("hex")}`;
}

Deno.test("readLayer: finishes with each chunk of a compressed layer before the next few", async () => {
  const whole = await new Blob((await collect(layer())) as BlobPart[]).bytes();
  async function* packed() {
    const bytes = gzipSync(whole, { level: 1 });
    for (let at = 0; at < bytes.length; at += CHUNK) yield await bytes.subarray(at, at + CHUNK);
  }
  const changes = await readLayer(inFewBuffers(packed()));
  assertEquals(changes.map(({ path }) => path), NAMES);
});

Deno.test("readLayer: verifies each chunk of an uncompressed layer before the next few", async () => {
  const digest = await digestOf(layer());
  const changes = await readVerified(inFewBuffers(layer()), { digest }, readUnpackedLayer);
  assertEquals(changes.map(({ path }) => path), NAMES);
});

Deno.test("readLayer: the test detects a reader that keeps the chunks", async () => {
  const digest = await digestOf(layer());
  async function* kept() {
    yield* await collect(inFewBuffers(layer()));
  }
  await assertRejects(() => readVerified(kept(), { digest }, readUnpackedLayer));
});
