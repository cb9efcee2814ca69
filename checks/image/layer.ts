import { type Bytes, bytesOf } from "./bytes.ts";
import { unpacked } from "./decompress.ts";
import { Malformed } from "./malformed.ts";
import { tarEntries, type TarEntry } from "./tar.ts";

/**
 * One change that a layer makes to the files of those below it. Paths are seen from the root, without
 * a slash in front.
 *
 * - `file`, `folder`: it is there now; a device or a pipe counts as a file
 * - `symlink`: it is a symbolic link to `target`, as that is written
 * - `hardlink`: it is the same as the path `target`
 * - `deleted`: what the layers below have there is gone
 * - `emptied`: what the layers below have in that folder is gone
 */
export type LayerChange =
  | { readonly kind: "file" | "folder" | "deleted" | "emptied"; readonly path: string }
  | {
    readonly kind: "symlink" | "hardlink";
    readonly path: string;
    readonly target: string;
  };

/** So many entries no layer of an image has that anybody runs. */
const MOST_ENTRIES = 1_000_000;
/** Bytes of all their names; also what a layer takes in memory while it is read. */
const MOST_NAMES = 2 ** 27;

/**
 * Reads what a layer changes, from its packed bytes. Names are all that is kept of it: bodies of
 * files are passed over as they come.
 *
 * Whatever stands in a layer is listed, wherever it lies, since a link elsewhere can lead there.
 *
 * @throws {Malformed} it is damaged, ends too early, or is larger than layers are
 */
export async function readLayer(chunks: AsyncIterable<Uint8Array>): Promise<LayerChange[]> {
  return await readUnpackedLayer(unpacked(chunks));
}

/** The same for a layer that is unpacked already. */
export async function readUnpackedLayer(
  chunks: AsyncIterable<Uint8Array>,
): Promise<LayerChange[]> {
  const bytes = bytesOf(chunks);
  try {
    return await changesIn(bytes);
  } finally {
    await bytes.close();
  }
}

async function changesIn(bytes: Bytes): Promise<LayerChange[]> {
  const changes: LayerChange[] = [];
  let names = 0;
  for await (const entry of tarEntries(bytes)) {
    const change = changeOf(entry);
    if (change === undefined) continue;
    names += entry.path.length + entry.target.length;
    if (changes.push(change) > MOST_ENTRIES || names > MOST_NAMES) {
      throw new Malformed("it has more files than any image");
    }
  }
  // What follows the tar's end belongs to the layer too, and to its digest.
  await bytes.skip(Infinity);
  return changes;
}

/** The form of deletions is that of the OCI image specification, `layer.md`, "Whiteouts". */
function changeOf({ path, type, target }: TarEntry): LayerChange | undefined {
  if (path === "") return undefined;
  const slash = path.lastIndexOf("/") + 1;
  const [folder, name] = [path.slice(0, Math.max(slash - 1, 0)), path.slice(slash)];
  if (name === ".wh..wh..opq") return { kind: "emptied", path: folder };
  if (name.startsWith(".wh.")) {
    return { kind: "deleted", path: path.slice(0, slash) + name.slice(".wh.".length) };
  }
  if (type === "symlink" || type === "hardlink") return { kind: type, path, target };
  return { kind: type === "folder" ? "folder" : "file", path };
}
