import { join } from "node:path";
import type { LayerChange } from "./layer.ts";
import { isDigest } from "./reference.ts";

/** What layers change, remembered by their digests: that cannot change. */
export interface LayerCache {
  /** What a layer changes; undefined where that is not remembered. */
  get(digest: string): Promise<LayerChange[] | undefined>;
  /** Remembers what a layer changes. */
  put(digest: string, changes: readonly LayerChange[]): Promise<void>;
}

/** Without a folder nothing is remembered. */
const FORGETFUL: LayerCache = {
  get: () => Promise.resolve(undefined),
  put: () => Promise.resolve(),
};

/** Another form of the files gets another number, so that old ones are read anew. */
const FORM = 1;

/** The letters that stand for the kinds of changes in a file. */
const LETTERS = {
  file: "f",
  folder: "d",
  symlink: "l",
  hardlink: "h",
  deleted: "-",
  emptied: "o",
} as const;

/**
 * Opens the cache in a folder. It is only ever a help: what cannot be read is as good as not there, and
 * what cannot be written is forgotten.
 *
 * @param folder where the files are, one per layer; undefined for a cache that remembers nothing
 */
export function openLayerCache(folder: string | undefined): LayerCache {
  if (folder === undefined) return FORGETFUL;
  const pathOf = (digest: string) => join(folder, `${digest.replace(":", "-")}.json`);
  return {
    async get(digest) {
      const text = await Deno.readTextFile(pathOf(digest)).catch(() => undefined);
      return text === undefined ? undefined : decodeLayer(text, digest);
    },
    async put(digest, changes) {
      const temporary = join(folder, `.${crypto.randomUUID()}`);
      try {
        // Who may read the registry is nobody else's business on this machine.
        await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
        await Deno.writeTextFile(temporary, encodeLayer(digest, changes), { mode: 0o600 });
        await Deno.rename(temporary, pathOf(digest));
      } catch {
        await Deno.remove(temporary).catch(() => {});
      }
    },
  };
}

function encodeLayer(digest: string, changes: readonly LayerChange[]): string {
  const lines = changes.map((change) =>
    `${LETTERS[change.kind]}${change.path}${"target" in change ? `\0${change.target}` : ""}`
  );
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
  const kind = (Object.keys(LETTERS) as (keyof typeof LETTERS)[])
    .find((each) => LETTERS[each] === line[0]);
  const [path = "", target, ...more] = line.slice(1).split("\0");
  const isLink = kind === "symlink" || kind === "hardlink";
  if (kind === undefined || more.length > 0 || isLink !== (target !== undefined)) return undefined;
  return isLink ? { kind, path, target: target! } : { kind, path };
}
