import { join } from "node:path";
import { type Bytes, bytesOf, decompress } from "./byte_stream.ts";
import { Malformed } from "./image_errors.ts";
import { damageIn, type JarDamage } from "./jar_damage.ts";
import { isDigest } from "./reference.ts";
import { normalizePath, tarEntries, type TarEntry } from "./tar.ts";

/** The file system of an image, as a container sees it. */
export interface ImageFiles {
  /**
   * Returns the kind of a path, after following links. Returns undefined if the path does not
   * exist.
   */
  kindOf(path: string): "file" | "folder" | undefined;
  /**
   * Returns the names of the files in a folder, including links to files. Returns undefined if the
   * folder does not exist.
   */
  filesIn(folder: string): string[] | undefined;
  /** Returns what is wrong with a jar, after following links; undefined for a sound file. */
  damageOf(path: string): JarDamage | undefined;
  /**
   * Returns the files in a folder that a later layer deleted, with the number of that layer,
   * counted from 1.
   */
  deletedFrom(folder: string): { readonly name: string; readonly layer: number }[];
}

type File = { readonly kind: "file"; readonly damage?: JarDamage };
type Node = Folder | File | Link;
type Folder = { readonly kind: "folder"; readonly children: Map<string, Node> };
type Link = { readonly kind: "symlink"; readonly target: string };

/** The number of links that Linux follows in one path. */
const MOST_LINKS = 40;

/**
 * Applies layers in order, lowest first. As on a node, a path below a linked folder is resolved
 * through the link.
 *
 * @throws {Malformed} the target of a hard link is missing
 */
export function layered(layers: readonly (readonly LayerChange[])[]): ImageFiles {
  const root: Folder = { kind: "folder", children: new Map() };
  const deleted = new Map<string, number>();
  layers.forEach((changes, i) => {
    // Deletions apply to the lower layers, at any position in the layer.
    for (const change of changes) {
      const note = (path: string) => deleted.set(path, i + 1);
      if (change.kind === "deleted") remove(root, change.path, note);
      if (change.kind === "emptied") empty(root, change.path, note);
    }
    for (const change of changes) add(root, change);
  });
  return {
    kindOf: (path) => {
      const { kind } = find(root, path)?.node ?? {};
      return kind === "file" || kind === "folder" ? kind : undefined;
    },
    filesIn(path) {
      const folder = find(root, path);
      if (folder?.node.kind !== "folder") return undefined;
      return [...folder.node.children.keys()]
        .filter((name) => find(root, `${folder.path}/${name}`)?.node.kind === "file")
        .sort();
    },
    damageOf(path) {
      const node = find(root, path)?.node;
      return node?.kind === "file" ? node.damage : undefined;
    },
    deletedFrom(path) {
      const folder = find(root, path)?.path ?? normalizePath(path);
      return [...deleted].flatMap(([path, layer]) => {
        const [parent, name] = split(path);
        const isGone = parent === folder && find(root, path) === undefined;
        return isGone ? [{ name, layer }] : [];
      });
    },
  };
}

function add(root: Folder, change: LayerChange): void {
  const [parent, name] = split(change.path);
  switch (change.kind) {
    case "deleted":
    case "emptied":
      return;
    case "folder": {
      const { children } = folderAt(root, parent);
      // An existing folder keeps its files.
      if (children.get(name)?.kind !== "folder") {
        children.set(name, { kind: "folder", children: new Map() });
      }
      return;
    }
    case "file":
      folderAt(root, parent).children.set(name, fileOf(change.damage));
      return;
    case "symlink":
      folderAt(root, parent).children.set(name, { kind: "symlink", target: change.target });
      return;
    case "hardlink": {
      const [folder, base] = split(change.target);
      const same = folderAt(root, folder).children.get(base);
      if (same === undefined || same.kind === "folder") {
        throw new Malformed(
          `${change.path} is a hard link to ${change.target}, which is not a file`,
        );
      }
      folderAt(root, parent).children.set(name, same);
    }
  }
}

function fileOf(damage: JarDamage | undefined): File {
  return damage === undefined ? { kind: "file" } : { kind: "file", damage };
}

/** Returns the folder at a path, and creates missing folders. */
function folderAt(root: Folder, path: string): Folder {
  let at = root;
  const walked: string[] = [];
  for (const name of path === "" ? [] : path.split("/")) {
    walked.push(name);
    const next = at.children.get(name);
    const led = next?.kind === "symlink" ? find(root, walked.join("/"))?.node : next;
    if (led?.kind === "folder") {
      at = led;
      continue;
    }
    const made: Folder = { kind: "folder", children: new Map() };
    at.children.set(name, made);
    at = made;
  }
  return at;
}

function remove(root: Folder, path: string, note: (path: string) => void): void {
  const [parent, name] = split(path);
  const folder = find(root, parent);
  if (folder?.node.kind !== "folder") return;
  const gone = folder.node.children.get(name);
  if (gone === undefined) return;
  folder.node.children.delete(name);
  reportPaths(gone, parent === "" ? name : `${folder.path}/${name}`, note);
}

function empty(root: Folder, path: string, note: (path: string) => void): void {
  const folder = find(root, path);
  if (folder?.node.kind !== "folder") return;
  for (const [name, child] of folder.node.children) {
    reportPaths(child, folder.path === "" ? name : `${folder.path}/${name}`, note);
  }
  folder.node.children.clear();
}

function reportPaths(node: Node, path: string, note: (path: string) => void): void {
  if (node.kind !== "folder") note(path);
  else for (const [name, child] of node.children) reportPaths(child, `${path}/${name}`, note);
}

/** Returns the node at a path and its real path, after following links. */
function find(
  root: Folder,
  path: string,
): { readonly node: Node; readonly path: string } | undefined {
  let todo = path.split("/");
  const walked: { readonly name: string; readonly node: Folder }[] = [];
  let links = 0;
  while (todo.length > 0) {
    const [name = "", ...rest] = todo;
    todo = rest;
    if (name === "" || name === ".") continue;
    if (name === "..") {
      walked.pop();
      continue;
    }
    const node = (walked.at(-1)?.node ?? root).children.get(name);
    if (node === undefined) return undefined;
    if (node.kind === "folder") walked.push({ name, node });
    else if (node.kind === "symlink") {
      if (++links > MOST_LINKS) return undefined;
      if (node.target.startsWith("/")) walked.length = 0;
      todo = [...node.target.split("/"), ...todo];
    } else {
      const isEnd = todo.every((each) => each === "");
      const real = [...walked.map((each) => each.name), name].join("/");
      return isEnd ? { node, path: real } : undefined;
    }
  }
  const node = walked.at(-1)?.node ?? root;
  return { node, path: walked.map((each) => each.name).join("/") };
}

function split(path: string): [folder: string, name: string] {
  const slash = path.lastIndexOf("/");
  return [path.slice(0, Math.max(slash, 0)), path.slice(slash + 1)];
}

/**
 * One change that a layer makes to the files of the lower layers. Paths are relative to the root,
 * without a leading slash.
 *
 * - `file`, `folder`: the layer adds the path; a device or a pipe counts as a file. A file whose name
 *   ends with `.jar` can be damaged
 * - `symlink`: the layer adds a symbolic link to `target`, exactly as written
 * - `hardlink`: the layer adds another name for the file at the path `target`
 * - `deleted`: the layer deletes the path of the lower layers
 * - `emptied`: the layer deletes everything in the folder of the lower layers
 */
export type LayerChange =
  | { readonly kind: "file"; readonly path: string; readonly damage?: JarDamage }
  | { readonly kind: "folder" | "deleted" | "emptied"; readonly path: string }
  | {
    readonly kind: "symlink" | "hardlink";
    readonly path: string;
    readonly target: string;
  };

/** The largest accepted number of entries in a layer. */
const MOST_ENTRIES = 1_000_000;
/** The largest accepted size of all names in a layer. It bounds the memory for reading a layer. */
const MOST_NAMES = 2 ** 27;

/**
 * Reads the changes of a layer from its compressed bytes. Keeps only the names of files, and
 * looks at the beginning and the end of jars.
 *
 * Lists every path in the layer, because a link in another layer can point to any of them.
 *
 * @throws {Malformed} the layer is damaged, truncated or too large
 */
export async function readLayer(chunks: AsyncIterable<Uint8Array>): Promise<LayerChange[]> {
  return await readUnpackedLayer(decompress(chunks));
}

/** Reads the changes of a layer from its uncompressed bytes. */
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
    const change = changeOf(entry, await damageIn(entry));
    if (change === undefined) continue;
    names += entry.path.length + entry.target.length;
    if (changes.push(change) > MOST_ENTRIES || names > MOST_NAMES) {
      throw new Malformed("the layer has too many files");
    }
  }
  // Bytes after the end of the tar file also count for the digest of the layer.
  await bytes.skip(Infinity);
  return changes;
}

/**
 * Converts a tar entry to a change. For deletions, see "Whiteouts" in `layer.md` of the OCI image
 * specification.
 */
function changeOf(
  { path, type, target }: TarEntry,
  damage: JarDamage | undefined,
): LayerChange | undefined {
  if (path === "") return undefined;
  const slash = path.lastIndexOf("/") + 1;
  const [folder, name] = [path.slice(0, Math.max(slash - 1, 0)), path.slice(slash)];
  if (name === ".wh..wh..opq") return { kind: "emptied", path: folder };
  if (name.startsWith(".wh.")) {
    return { kind: "deleted", path: path.slice(0, slash) + name.slice(".wh.".length) };
  }
  if (type === "symlink" || type === "hardlink") return { kind: type, path, target };
  if (type === "folder") return { kind: "folder", path };
  return { ...fileOf(damage), path };
}

/** A cache of the changes of layers, by digest. The content of a digest never changes. */
export interface LayerCache {
  /** Returns the changes of a layer, or undefined if the cache does not have them. */
  get(digest: string): Promise<LayerChange[] | undefined>;
  /** Stores the changes of a layer. */
  put(digest: string, changes: readonly LayerChange[]): Promise<void>;
}

/** A cache that stores nothing. */
const NO_CACHE: LayerCache = {
  get: () => Promise.resolve(undefined),
  put: () => Promise.resolve(),
};

/** The version of the cache's file format. A new version invalidates old files. */
const FORM = 3;

/** The letter for each kind of change in the cache files. */
const LETTERS = {
  file: "f",
  folder: "d",
  symlink: "l",
  hardlink: "h",
  deleted: "-",
  emptied: "o",
} as const;

/**
 * Opens the cache in a folder. The cache is best effort: a file that cannot be read counts as
 * missing, and an error while writing is ignored.
 *
 * @param folder the folder with one file per layer; undefined for a cache that stores nothing
 */
export function openLayerCache(folder: string | undefined): LayerCache {
  if (folder === undefined) return NO_CACHE;
  const pathOf = (digest: string) => join(folder, `${digest.replace(":", "-")}.json`);
  return {
    async get(digest) {
      const text = await Deno.readTextFile(pathOf(digest)).catch(() => undefined);
      return text === undefined ? undefined : decodeLayer(text, digest);
    },
    async put(digest, changes) {
      const temporary = join(folder, `.${crypto.randomUUID()}`);
      try {
        // Other users of this machine may lack access to the registry.
        await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
        await Deno.writeTextFile(temporary, encodeLayer(digest, changes), { mode: 0o600 });
        await Deno.rename(temporary, pathOf(digest));
      } catch {
        await Deno.remove(temporary).catch(() => {});
      }
    },
  };
}

/** The letters for damaged jars. */
const DAMAGE: Readonly<Record<JarDamage, string>> = {
  empty: "0",
  "no-zip": "!",
  cut: "<",
};

function encodeLayer(digest: string, changes: readonly LayerChange[]): string {
  const lines = changes.map((change) => {
    const damage = change.kind === "file" ? change.damage : undefined;
    const letter = damage === undefined ? LETTERS[change.kind] : DAMAGE[damage];
    return `${letter}${change.path}${"target" in change ? `\0${change.target}` : ""}`;
  });
  return JSON.stringify({ form: FORM, digest, changes: lines });
}

function decodeLayer(text: string, wanted: string): LayerChange[] | undefined {
  try {
    const { form, digest, changes } = JSON.parse(text);
    if (form !== FORM || digest !== wanted || !isDigest(digest)) return undefined;
    const read = (changes as string[]).map(decodeChange);
    return read.some((change) => change === undefined) ? undefined : read as LayerChange[];
  } catch {
    return undefined;
  }
}

function decodeChange(line: string): LayerChange | undefined {
  const damage = (Object.keys(DAMAGE) as JarDamage[]).find((each) => DAMAGE[each] === line[0]);
  if (damage !== undefined) {
    return line.includes("\0") ? undefined : { kind: "file", path: line.slice(1), damage };
  }
  const kind = (Object.keys(LETTERS) as (keyof typeof LETTERS)[])
    .find((each) => LETTERS[each] === line[0]);
  const [path = "", target, ...more] = line.slice(1).split("\0");
  const isLink = kind === "symlink" || kind === "hardlink";
  if (kind === undefined || more.length > 0 || isLink !== (target !== undefined)) return undefined;
  return isLink ? { kind, path, target: target! } : { kind, path };
}
