import { Failure } from "../../pipeline/errors.ts";
import { interruption } from "../../pipeline/interruption.ts";
import { type Bytes, bytesOf, bytesOfFile, whole } from "./bytes.ts";
import { unpacked } from "./decompress.ts";
import type { LayerChange } from "./layer.ts";
import { Malformed } from "./malformed.ts";
import { MOST_DOCUMENT } from "./manifest.ts";
import { tarEntries, type TarEntry } from "./tar.ts";

/** Reads a layer from its bytes as they are in an archive. */
export type LayerReader = (chunks: AsyncIterable<Uint8Array>) => Promise<LayerChange[]>;

/** An archive in a file, of which the documents are known. */
export interface Archive {
  /** The JSON files in it, by their paths. */
  readonly documents: ReadonlyMap<string, Uint8Array>;
  /** Where its links lead, by their paths. */
  readonly links: ReadonlyMap<string, string>;
  /**
   * Reads layers, each at its path, in one more go through the file. Layers that are not there are
   * missing in what it returns.
   */
  readLayers(readers: ReadonlyMap<string, LayerReader>): Promise<Map<string, LayerChange[]>>;
}

/** Bytes of all documents together; an archive has a few of them for each image. */
const MOST_DOCUMENTS = 64 * 2 ** 20;

/**
 * Goes through an archive once, and keeps its documents.
 *
 * @throws {Failure} configuration: the file cannot be read, or is no tar
 */
export async function survey(path: string, signal: AbortSignal | undefined): Promise<Archive> {
  const documents = new Map<string, Uint8Array>();
  const links = new Map<string, string>();
  let count = 0;
  await goThrough(path, signal, async (entry) => {
    if (entry.type === "hardlink") links.set(entry.path, entry.target);
    if (entry.type === "symlink") links.set(entry.path, besides(entry.path, entry.target));
    if (entry.type !== "file" || entry.size > MOST_DOCUMENT) return;
    const bytes = await whole(entry.chunks(), MOST_DOCUMENT);
    if (bytes[0] !== 0x7b && bytes[0] !== 0x5b) return; // what begins with { or [ is JSON
    count += bytes.length;
    if (count > MOST_DOCUMENTS) throw new Malformed("it has more documents than any archive");
    documents.set(entry.path, bytes);
  });
  return {
    ...{ documents, links },
    readLayers: (readers) => readLayers(path, signal, readers),
  };
}

async function readLayers(
  path: string,
  signal: AbortSignal | undefined,
  readers: ReadonlyMap<string, LayerReader>,
): Promise<Map<string, LayerChange[]>> {
  const found = new Map<string, LayerChange[]>();
  let failed: { readonly error: unknown } | undefined;
  await goThrough(path, signal, async (entry) => {
    const read = entry.type === "file" ? readers.get(entry.path) : undefined;
    if (read === undefined) return;
    // Where the archive itself ends too early, that is to be told instead.
    await read(entry.chunks()).then(
      (changes) => found.set(entry.path, changes),
      (error) => failed ??= { error },
    );
  });
  if (failed !== undefined) throw failed.error;
  return found;
}

/** Shows each entry of a tar in a file. What is not read of a plain tar is not fetched from the disk. */
async function goThrough(
  path: string,
  signal: AbortSignal | undefined,
  see: (entry: TarEntry) => Promise<void>,
): Promise<void> {
  const task = `look into the archive ${path}`;
  try {
    using file = await Deno.open(path);
    const bytes = await bytesIn(file);
    try {
      for await (const entry of tarEntries(bytes)) {
        if (signal?.aborted) throw interruption(task, signal);
        await see(entry);
      }
      await bytes.skip(Infinity);
    } finally {
      await bytes.close();
    }
  } catch (error) {
    const problem = error instanceof Malformed ? error.message : fileProblem(error);
    if (problem === undefined) throw error;
    throw new Failure(
      "configuration",
      `Cannot ${task}: ${problem}. Give a file that docker save or a build of an OCI image wrote.`,
    );
  }
}

async function bytesIn(file: Deno.FsFile): Promise<Bytes> {
  const first = new Uint8Array(262);
  await file.read(first);
  await file.seek(0, Deno.SeekMode.Start);
  const isTar = new TextDecoder().decode(first.subarray(257)) === "ustar";
  return isTar ? await bytesOfFile(file) : bytesOf(unpacked(chunksIn(file)));
}

async function* chunksIn(file: Deno.FsFile): AsyncGenerator<Uint8Array> {
  for (;;) {
    const buffer = new Uint8Array(262_144);
    const count = await file.read(buffer);
    if (count === null) return;
    yield buffer.subarray(0, count);
  }
}

function besides(path: string, target: string): string {
  return new URL(target, `file:///${path}`).pathname.slice(1);
}

function fileProblem(error: unknown): string | undefined {
  if (error instanceof Deno.errors.NotFound) return "there is no such file";
  if (error instanceof Deno.errors.IsADirectory) return "it is a directory";
  if (error instanceof Deno.errors.PermissionDenied) return "this user may not read it";
  return undefined;
}
