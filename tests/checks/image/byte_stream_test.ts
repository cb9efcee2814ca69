import { gzipSync, zstdCompressSync } from "node:zlib";
import { decompress, whole } from "../../../checks/image/byte_stream.ts";
import { Malformed, Unsupported } from "../../../checks/image/image_errors.ts";
import { assertEquals, assertRejects } from "../../support/assert.ts";
import { joined } from "../../support/images.ts";

const CONTENT = crypto.getRandomValues(new Uint8Array(50_000));
const GZIP = new Uint8Array(gzipSync(CONTENT));

async function* pieces(bytes: Uint8Array, size = 999) {
  for (let at = 0; at < bytes.length; at += size) yield await bytes.subarray(at, at + size);
}

for (
  const [name, packed, content] of [
    ["gzip", GZIP, CONTENT],
    ["gzip with two members", joined([GZIP, GZIP]), joined([CONTENT, CONTENT])],
    ["uncompressed data", CONTENT, CONTENT],
    ["fewer bytes than a format's signature", CONTENT.subarray(0, 2), CONTENT.subarray(0, 2)],
    ["nothing", new Uint8Array(0), new Uint8Array(0)],
  ] as const
) {
  for (const size of [7, 999, 1e6]) {
    Deno.test(`decompress: reads ${name}, in pieces of ${size} bytes`, async () => {
      const found = await whole(decompress(pieces(packed, size)), 1e6);
      assertEquals(found.toHex(), content.toHex());
    });
  }
}

Deno.test("decompress: reports truncated or damaged gzip data", async () => {
  const read = (bytes: Uint8Array) => whole(decompress(pieces(bytes)), 1e6);
  const changed = GZIP.slice();
  changed[GZIP.length - 6]! ^= 1;
  await assertRejects(() => read(GZIP.subarray(0, 20_000)), Malformed, "is truncated");
  await assertRejects(() => read(GZIP.subarray(0, -3)), Malformed, "is truncated");
  await assertRejects(() => read(changed), Malformed, "is damaged");
});

Deno.test("decompress: stops at the size limit of uncompressed content", async () => {
  const bomb = gzipSync(new Uint8Array(50_000_000));
  await assertRejects(
    async () => {
      for await (const _ of decompress(pieces(bomb, 100), 1_000_000));
    },
    Malformed,
    "the uncompressed content has more than 1000000 bytes",
  );
});

Deno.test("decompress: reports zstd as unsupported", async () => {
  const zstd = zstdCompressSync(CONTENT);
  await assertRejects(() => whole(decompress(pieces(zstd, 3)), 1e6), Unsupported, "with zstd");
});

Deno.test("decompress: reports the error of the source, and not a consequence", async () => {
  async function* cut() {
    yield await GZIP.subarray(0, 1000);
    throw new Error("the connection was cut");
  }
  await assertRejects(() => whole(decompress(cut()), 1e6), Error, "the connection was cut");
});

Deno.test("decompress: allows a reader to stop early", async () => {
  for await (const chunk of decompress(pieces(joined(Array(20).fill(GZIP))))) {
    assertEquals(chunk.length > 0, true);
    break;
  }
});
