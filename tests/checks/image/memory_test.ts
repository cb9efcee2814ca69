import { createHash } from "node:crypto";
import { createGzip } from "node:zlib";
import { verified } from "../../../checks/image/byte_stream.ts";
import { readLayer, readUnpackedLayer } from "../../../checks/image/layer_files.ts";
import { assert, assertEquals } from "../../support/assert.ts";
import { tarHeader } from "../../support/images.ts";

// A layer is never held in memory. Only the names of its files are kept, whatever their size.

const PIECE = 1 << 20;
const SIZE = 600 * PIECE;
/** Most bytes that reading may add to the memory of this process: a quarter of the layer. */
const BOUND = SIZE / 4;

const NAMES = ["opt/spark/jars/aws-java-sdk-bundle-1.12.262.jar", "opt/last"];

/** Yields a layer with one file of zeros, piece by piece. */
async function* layer(piece: () => Uint8Array): AsyncGenerator<Uint8Array> {
  yield await tarHeader(NAMES[0]!, "0", SIZE);
  for (let made = 0; made < SIZE; made += PIECE) yield piece();
  yield tarHeader(NAMES[1]!, "0", 0);
  yield new Uint8Array(1024);
}

const zeros = new Uint8Array(PIECE).fill(0);

/** Returns the largest growth of this process in bytes that `look` measured during the work. */
async function growth(work: (look: () => void) => Promise<void>): Promise<number> {
  const before = Deno.memoryUsage().rss;
  let most = before;
  await work(() => most = Math.max(most, Deno.memoryUsage().rss));
  return most - before;
}

Deno.test("readLayer: reads a compressed layer of 600 MB in constant memory", async () => {
  const packed: Uint8Array[] = [];
  const gzip = createGzip({ level: 1 });
  gzip.on("data", (chunk) => packed.push(chunk));
  const ended = new Promise((resolve) => gzip.on("end", resolve));
  for await (const chunk of layer(() => zeros)) {
    if (!gzip.write(chunk)) await new Promise<void>((resolve) => gzip.once("drain", resolve));
  }
  gzip.end();
  await ended;
  const grown = await growth(async (look) => {
    async function* chunks() {
      for (const chunk of packed) {
        look();
        yield await chunk;
      }
    }
    assertEquals((await readLayer(chunks())).map(({ path }) => path), NAMES);
    look();
  });
  assert(grown < BOUND, `memory grew by ${grown} bytes`);
});

Deno.test("readLayer: verifies an uncompressed layer of 600 MB in constant memory", async () => {
  const hash = createHash("sha256");
  for await (const chunk of layer(() => zeros)) hash.update(chunk);
  const digest = `sha256:${hash.digest("hex")}`;
  const grown = await growth(async (look) => {
    const chunks = layer(() => {
      look();
      return new Uint8Array(PIECE).fill(0); // fill the piece, because unwritten memory is not allocated
    });
    const changes = await verified(chunks, { digest }, readUnpackedLayer);
    assertEquals(changes.map(({ path }) => path), NAMES);
  });
  assert(grown < BOUND, `memory grew by ${grown} bytes`);
});
