import type { Lake } from "../../pipeline/lake/lake.ts";
import { openLake } from "../../pipeline/lake/open.ts";
import type { Observer, Step } from "../../pipeline/progress.ts";

/** A lake in a directory of its own, which goes at the end of the test's block. */
export interface TemporaryLake extends Lake, AsyncDisposable {
  readonly path: string;
  /** Where a key's file is. */
  file(key: string): string;
  /** Every object's key and content, for comparing two lakes. */
  contents(): Promise<Map<string, string>>;
}

/** Makes one: `await using lake = await temporaryLake()`. */
export async function temporaryLake(): Promise<TemporaryLake> {
  const path = await Deno.makeTempDir({ prefix: "lake-" });
  const lake = openLake({ kind: "directory", path });
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

/** An observer that keeps what it hears. */
export function recorder(): Observer & { readonly steps: Step[]; step(step: Step): void } {
  const steps: Step[] = [];
  return { steps, step: (step) => void steps.push(step), progress() {} };
}
