import { createHash } from "node:crypto";
import type { Lake } from "../../pipeline/lake/lake.ts";

/** All objects of a lake, by key. */
export type Contents = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

/** A lake in memory. Its whole content can be saved and restored at once. */
export interface MemoryLake extends Lake {
  /** The objects by key. A test can damage them. */
  readonly objects: Map<string, Uint8Array<ArrayBuffer>>;
  /** Is called with each key before it is read. */
  onGet?: (key: string) => void;
  /** Returns the current content. */
  snapshot(): Contents;
  /** Replaces the whole content. Objects keep their modification time. */
  restore(contents: Contents): void;
  /** Sets the age of all objects, in milliseconds. */
  age(milliseconds: number): void;
}

/**
 * Creates a lake in memory: strongly consistent and atomic, with conditional puts, like a healthy
 * store. Thousands of interleavings of two runs take seconds on it.
 */
export function memoryLake(): MemoryLake {
  const objects = new Map<string, Uint8Array<ArrayBuffer>>();
  const modified = new WeakMap<Uint8Array, number>();
  const etagOf = (bytes: Uint8Array) => createHash("md5").update(bytes).digest("hex");
  const lake: MemoryLake = {
    objects,
    name: "memory",
    url: (key) => `memory:///${key}`,
    get(key) {
      lake.onGet?.(key);
      const bytes = objects.get(key);
      if (bytes === undefined) return Promise.resolve(undefined);
      const copy = bytes.slice();
      const free = () => void copy.buffer.transfer(0);
      return Promise.resolve({ bytes: copy, etag: etagOf(bytes), free });
    },
    put(key, body, condition, frees = false) {
      const before = objects.get(key);
      const holds = condition === undefined ||
        (condition === "absent"
          ? before === undefined
          : before !== undefined && etagOf(before) === condition.etag);
      if (holds) {
        const bytes = body.slice();
        modified.set(bytes, Date.now());
        objects.set(key, bytes);
        if (frees) body.buffer.transfer(0);
      }
      return Promise.resolve(holds ? "stored" : "conflict");
    },
    list(prefix) {
      const found = [...objects].filter(([key]) => key.startsWith(prefix));
      const entries = found.map(([key, bytes]) => {
        return { key, bytes: bytes.length, modified: modified.get(bytes) ?? 0 };
      });
      return Promise.resolve(entries.sort((a, b) => (a.key < b.key ? -1 : 1)));
    },
    folders(prefix) {
      const inside = [...objects.keys()].filter((key) => key.startsWith(prefix));
      const names = inside.map((key) => key.slice(prefix.length).split("/"))
        .filter(({ length }) => length > 1);
      return Promise.resolve([...new Set(names.map(([name]) => `${prefix}${name}/`))].sort());
    },
    remove(key) {
      objects.delete(key);
      return Promise.resolve();
    },
    confirmConditions: () => Promise.resolve(),
    close() {},
    snapshot: () => new Map(objects),
    restore(contents) {
      objects.clear();
      for (const [key, bytes] of contents) objects.set(key, bytes);
    },
    age(milliseconds) {
      for (const bytes of objects.values()) modified.set(bytes, Date.now() - milliseconds);
    },
  };
  return lake;
}
