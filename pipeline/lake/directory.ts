import { createHash, type Hash } from "node:crypto";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { DirectoryConfig } from "../config.ts";
import { BadKey, directoryFailure, FolderInTheWay, isCode, LockHeld } from "./directory_errors.ts";
import { interruption } from "../errors.ts";
import type { Condition, Lake, ObjectEntry } from "./lake.ts";
import { createObjectMemory, type ObjectMemory } from "./object_memory.ts";

/** Milliseconds after which an unpublished file is considered abandoned. */
const ABANDONED_AFTER = 60 * 60 * 1000;

/** How long a writer waits for other writers, in milliseconds. */
export interface Patience {
  /** Time before the writer reports that it is waiting. */
  readonly tell: number;
  /** Time before the writer gives up. */
  readonly giveUp: number;
}

/** The end of a work, and the folders to flush to disk. */
interface Changed<T> {
  readonly result: T;
  readonly changed: readonly string[];
}

/** A writer that waits for the lock. */
interface Writer {
  /** The time at which it began to wait. */
  readonly began: number;
  readonly fail: (error: unknown) => void;
  /** Does the work, adds the folders to flush, and returns the function that reports the end. */
  run(folders: Set<string>): Promise<() => void>;
}

const PATIENCE: Patience = { tell: 1_000, giveUp: 60_000 };
/** Milliseconds between two attempts to get the lock. */
const LOCK_POLL_MS = 20;

/**
 * Opens a lake in a local directory. As in a bucket, an object is visible completely or not at all,
 * even after a crash: a file is written under `.tmp`, and renamed after it is on disk. Writers of
 * several processes coordinate through an advisory lock, so the file system of the directory must
 * support such locks.
 *
 * No segment of a key may begin with a dot.
 *
 * @param signal stops whatever is under way; the methods then throw its reason if that is a Failure,
 *   and else one that is unreachable
 * @param onWait receives a message if another writer has held the lock for one second, once per
 *   wait
 */
export function openDirectory(
  { path: root }: DirectoryConfig,
  signal?: AbortSignal,
  onWait?: (text: string) => void,
  patience: Patience = PATIENCE,
): Lake {
  const name = pathToFileURL(root).href;
  const temporary = join(root, ".tmp");
  let swept = false;
  /** The writers of this lake that wait for the next turn. */
  let waiting: Writer[] = [];
  let turn: Promise<void> = Promise.resolve();
  /** The time at which this lake held the lock for the last time. */
  let held = 0;

  async function attempt<T>(what: string, work: () => Promise<T>): Promise<T> {
    const task = `${what} in ${name}`;
    if (signal?.aborted) throw interruption(task, signal);
    try {
      return await work();
    } catch (error) {
      throw signal?.aborted ? interruption(task, signal) : directoryFailure(error, task);
    }
  }

  /**
   * Runs work while no other writer of any process publishes or removes an object.
   *
   * @returns is fulfilled when the folders that the work returned are on disk
   */
  function alone<T>(work: () => Promise<Changed<T>>): Promise<T> {
    const done = Promise.withResolvers<T>();
    waiting.push({
      began: Date.now(),
      fail: done.reject,
      async run(folders) {
        const { result, changed } = await work();
        for (const folder of changed) folders.add(folder);
        return () => done.resolve(result);
      },
    });
    if (waiting.length === 1) turn = turn.then(takeTurn);
    return done.promise;
  }

  /**
   * Runs all writers that wait, one after the other. They share the lock and one flush of each
   * folder, which take longer than the work. If another run holds the lock, all of them give up
   * together. The time in which this lake held the lock does not count.
   */
  async function takeTurn(): Promise<void> {
    const writers = waiting;
    waiting = [];
    try {
      using _lock = await acquireLock(writers[0]!.began);
      const folders = new Set<string>();
      const ends: (() => void)[] = [];
      for (const { run, fail } of writers) {
        ends.push(await run(folders).catch((error) => () => fail(error)));
      }
      await Promise.all([...folders].map(flush));
      held = Date.now();
      ends.forEach((end) => end());
    } catch (error) {
      writers.forEach(({ fail }) => fail(error));
    }
  }

  /** Waits for the lock. Closing the file releases it. */
  async function acquireLock(began: number): Promise<Deno.FsFile> {
    const path = join(temporary, "lock");
    const file = await Deno.open(path, { write: true, create: true });
    let isReported = false;
    try {
      while (!await file.tryLock(true)) {
        signal?.throwIfAborted();
        const waited = Date.now() - Math.max(began, held);
        if (waited >= patience.giveUp) throw new LockHeld(path, waited);
        if (!isReported && waited >= patience.tell) {
          onWait?.(`waiting for another run to release ${path}`);
        }
        isReported ||= waited >= patience.tell;
        await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS));
      }
      return file;
    } catch (error) {
      file.close();
      throw error;
    }
  }

  async function publish(
    file: string,
    target: string,
    condition: Condition | undefined,
  ): Promise<Changed<"stored" | "conflict">> {
    await Deno.mkdir(dirname(target), { recursive: true });
    if ((await unlessMissing(Deno.stat(target)))?.isDirectory) throw new FolderInTheWay(target);
    if (condition === "absent") {
      // Unlike a rename, a link never replaces a file, even one that was written without our lock.
      try {
        await Deno.link(file, target);
      } catch (error) {
        if (isCode(error, "EEXIST")) return { result: "conflict", changed: [] };
        throw error;
      }
    } else {
      if (condition !== undefined && condition.etag !== await etagOf(target)) {
        return { result: "conflict", changed: [] };
      }
      await Deno.rename(file, target);
    }
    const changed = [dirname(target)];
    while (changed.at(-1)!.length > root.length) changed.push(dirname(changed.at(-1)!));
    return { result: "stored", changed };
  }

  const memory = createObjectMemory();
  return {
    name,
    url: (key) => pathToFileURL(join(root, key)).href,

    get: (key, digests = false) =>
      attempt(`read ${key}`, async () => {
        const hash = digests ? createHash("sha256") : undefined;
        const bytes = await unlessMissing(readWhole(pathOf(root, key), memory, signal, hash));
        // Most readers need only the bytes, so the tag is computed when it is read.
        return bytes && {
          bytes,
          ...(hash && { sha256: hash.digest("hex") }),
          get etag() {
            return md5(bytes);
          },
          free: () => memory.free(bytes),
        };
      }),

    put: (key, body, condition, frees = false) =>
      attempt(`store ${key}`, async () => {
        const target = pathOf(root, key);
        await Deno.mkdir(temporary, { recursive: true });
        if (!swept) await sweep(temporary);
        swept = true;
        const file = join(temporary, crypto.randomUUID());
        try {
          await writeDurably(file, body, signal);
          const outcome = await alone(() => publish(file, target, condition));
          if (frees) body.buffer.transfer(0);
          return outcome;
        } finally {
          await unlessMissing(Deno.remove(file)); // already gone after a rename
        }
      }),

    list: (prefix) =>
      attempt(`list ${prefix || "all objects"}`, async () => {
        const folder = prefix.slice(0, prefix.lastIndexOf("/") + 1);
        if (folder !== "") pathOf(root, folder.slice(0, -1));
        const entries = await Array.fromAsync(walk(root, folder, signal));
        return entries.filter(({ key }) => key.startsWith(prefix))
          .sort((a, b) => (a.key < b.key ? -1 : 1));
      }),

    folders: (prefix) =>
      attempt(`list the folders in ${prefix}`, async () => {
        const entries = await Array.fromAsync(readFolder(root, prefix));
        return entries.filter(({ isDirectory }) => isDirectory)
          .map(({ name }) => `${prefix}${name}/`).sort();
      }),

    remove: (key) =>
      attempt(`remove ${key}`, async () => {
        const target = pathOf(root, key);
        if (!(await unlessMissing(Deno.stat(target)))?.isFile) return;
        await Deno.mkdir(temporary, { recursive: true });
        await alone(async () => {
          await unlessMissing(Deno.remove(target));
          await removeEmpty(dirname(target), root);
          return { result: undefined, changed: [] };
        });
      }),

    // Writers coordinate through the lock, which no setting of the directory disables.
    confirmConditions: () => Promise.resolve(),

    close: () => memory.close(),
  };
}

/** The path of an object. Two keys never share a path, and no path is outside the directory. */
function pathOf(root: string, key: string): string {
  const parts = key.split("/");
  if (parts.some((part) => part === "" || part.startsWith(".") || part.includes("\0"))) {
    throw new BadKey("every segment of a key must be non-empty and must not begin with a dot");
  }
  return join(root, ...parts);
}

async function* walk(
  root: string,
  folder: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<ObjectEntry> {
  for await (const { name, isDirectory } of readFolder(root, folder)) {
    signal?.throwIfAborted();
    const key = folder + name;
    if (isDirectory) {
      yield* walk(root, `${key}/`, signal);
    } else {
      const file = await unlessMissing(Deno.stat(join(root, key)));
      if (!file?.isFile) continue;
      yield { key, bytes: file.size, modified: file.mtime?.getTime() ?? 0 };
    }
  }
}

/** The files and folders in a folder, without those that begin with a dot. */
async function* readFolder(root: string, folder: string): AsyncGenerator<Deno.DirEntry> {
  try {
    for await (const entry of Deno.readDir(join(root, folder))) {
      if (!entry.name.startsWith(".")) yield entry;
    }
  } catch (error) {
    if (!isCode(error, "ENOENT")) throw error; // never there, or removed meanwhile
  }
}

/** The size of the pieces of a file that is hashed while it is read, in bytes. */
const PIECE_BYTES = 1 << 20;

/**
 * Reads into one array, because memory that other threads allocate is released late.
 *
 * @param memory allocates the array
 * @param hash receives the bytes while other threads read the next ones, or other files
 */
async function readWhole(
  path: string,
  memory: Pick<ObjectMemory, "array">,
  signal?: AbortSignal,
  hash?: Hash,
) {
  using file = await Deno.open(path);
  const bytes = memory.array((await file.stat()).size);
  for (let at = 0; at < bytes.length;) {
    signal?.throwIfAborted();
    const end = hash === undefined ? bytes.length : at + PIECE_BYTES;
    const read = await file.read(bytes.subarray(at, end));
    if (read === null) return bytes.slice(0, at);
    hash?.update(bytes.subarray(at, at + read));
    at += read;
  }
  return bytes;
}

async function writeDurably(path: string, body: Uint8Array, signal?: AbortSignal): Promise<void> {
  using file = await Deno.open(path, { write: true, createNew: true });
  for (let at = 0; at < body.length;) {
    signal?.throwIfAborted();
    at += await file.write(body.subarray(at, at + (1 << 20)));
  }
  await file.sync();
}

/**
 * Flushes new names in a directory to disk, so that they survive a power failure, if the system
 * supports that.
 */
async function flush(dir: string): Promise<void> {
  try {
    using file = await Deno.open(dir);
    await file.sync();
  } catch {
    // Windows and some network file systems do not support this.
  }
}

/** Removes files that killed writers left behind. */
async function sweep(temporary: string): Promise<void> {
  const oldest = Date.now() - ABANDONED_AFTER;
  for await (const { name } of Deno.readDir(temporary)) {
    if (name === "lock") continue;
    const path = join(temporary, name);
    const file = await unlessMissing(Deno.stat(path));
    if (file?.mtime && file.mtime.getTime() < oldest) await unlessMissing(Deno.remove(path));
  }
}

async function removeEmpty(dir: string, root: string): Promise<void> {
  try {
    for (; dir !== root; dir = dirname(dir)) await Deno.remove(dir);
  } catch {
    // The directory has other objects, which is the normal end of this loop.
  }
}

async function etagOf(path: string): Promise<string | undefined> {
  const bytes = await unlessMissing(Deno.readFile(path));
  return bytes && md5(bytes);
}

function md5(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}

/**
 * The result of an operation on a file, or undefined if there is no file. A folder is not an object,
 * so a folder counts as no file.
 */
async function unlessMissing<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    if (isCode(error, "ENOENT") || isCode(error, "EISDIR")) return undefined;
    throw error;
  }
}
