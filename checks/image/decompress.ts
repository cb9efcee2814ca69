import { once } from "node:events";
import { createGunzip, type Gunzip } from "node:zlib";
import { bytesOf, chunksOf, take } from "./bytes.ts";
import { Malformed, Unsupported } from "./malformed.ts";

/** Bytes that a layer may unpack to; no image that runs anywhere has as many. */
const MOST_UNPACKED = 64 * 2 ** 30;
const CHUNK = 262_144;

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
  for await (const chunk of isGzip ? through(createGunzip({ chunkSize: CHUNK }), all) : all) {
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
