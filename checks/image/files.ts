import type { LayerChange } from "./layer.ts";
import { Malformed } from "./malformed.ts";
import { cleaned } from "./tar.ts";

/** The files of an image as a container of it would see them. */
export interface ImageFiles {
  /** What is at a path in the end, links followed; undefined where there is nothing. */
  kindOf(path: string): "file" | "folder" | undefined;
  /** The names of the files in a folder, links to files among them; undefined where there is no such folder. */
  filesIn(folder: string): string[] | undefined;
  /** Files that a layer put into a folder and a later one deleted, with that layer's number from 1 on. */
  deletedFrom(folder: string): { readonly name: string; readonly layer: number }[];
}

type Node = Folder | { readonly kind: "file" } | Link;
type Folder = { readonly kind: "folder"; readonly children: Map<string, Node> };
type Link = { readonly kind: "symlink"; readonly target: string };

/** How many links Linux follows before it gives up. */
const MOST_LINKS = 40;

/**
 * Lays layers on top of each other, the lowest first. As when a node unpacks them, what is under a
 * folder that is a link goes where the link leads.
 *
 * @throws {Malformed} a hard link leads nowhere
 */
export function layered(layers: readonly (readonly LayerChange[])[]): ImageFiles {
  const root: Folder = { kind: "folder", children: new Map() };
  const deleted = new Map<string, number>();
  layers.forEach((changes, i) => {
    // A layer's deletions are about those below it, wherever in the layer they stand.
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
    deletedFrom(path) {
      const folder = find(root, path)?.path ?? cleaned(path);
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
      // A folder that is there already keeps what is in it.
      if (children.get(name)?.kind !== "folder") {
        children.set(name, { kind: "folder", children: new Map() });
      }
      return;
    }
    case "file":
      folderAt(root, parent).children.set(name, { kind: "file" });
      return;
    case "symlink":
      folderAt(root, parent).children.set(name, { kind: "symlink", target: change.target });
      return;
    case "hardlink": {
      const [folder, base] = split(change.target);
      const same = folderAt(root, folder).children.get(base);
      if (same === undefined || same.kind === "folder") {
        throw new Malformed(`${change.path} is a hard link to ${change.target}, which is no file`);
      }
      folderAt(root, parent).children.set(name, same);
    }
  }
}

/** A folder that something goes into; what is missing on the way there is made. */
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
  noteAll(gone, parent === "" ? name : `${folder.path}/${name}`, note);
}

function empty(root: Folder, path: string, note: (path: string) => void): void {
  const folder = find(root, path);
  if (folder?.node.kind !== "folder") return;
  for (const [name, child] of folder.node.children) {
    noteAll(child, folder.path === "" ? name : `${folder.path}/${name}`, note);
  }
  folder.node.children.clear();
}

function noteAll(node: Node, path: string, note: (path: string) => void): void {
  if (node.kind !== "folder") note(path);
  else for (const [name, child] of node.children) noteAll(child, `${path}/${name}`, note);
}

/** What is at a path and where that really is, links followed. */
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
