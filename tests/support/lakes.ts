import type { Lake } from "../../pipeline/lake/lake.ts";
import { openLake } from "../../pipeline/lake/open.ts";
import type { Observer, Step } from "../../pipeline/progress.ts";

/** A lake in its own temporary directory, which is removed on disposal. */
export interface TemporaryLake extends Lake, AsyncDisposable {
  readonly path: string;
  /** Returns the path of a key's file. */
  file(key: string): string;
  /** Returns the content of every object by key, to compare two lakes. */
  contents(): Promise<Map<string, string>>;
}

/** Creates a temporary lake: `await using lake = await temporaryLake()`. */
export async function temporaryLake(): Promise<TemporaryLake> {
  const path = await Deno.makeTempDir({ prefix: "lake-" });
  const lake = await openLake({ kind: "directory", path });
  return {
    ...lake,
    path,
    file: (key) => `${path}/${key}`,
    async contents() {
      const contents = new Map<string, string>();
      for (const { key } of await lake.list("")) {
        const { bytes } = (await lake.get(key))!;
        contents.set(key, Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
      }
      return contents;
    },
    async [Symbol.asyncDispose]() {
      lake.close();
      await Deno.remove(path, { recursive: true });
    },
  };
}

/** Creates an observer that records all steps. */
export function recorder(): Observer & { readonly steps: Step[]; step(step: Step): void } {
  const steps: Step[] = [];
  return { steps, step: (step) => void steps.push(step), progress() {} };
}
