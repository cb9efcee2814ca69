import type { Lake } from "../../pipeline/lake/lake.ts";
import { inParallel } from "../../pipeline/parallel.ts";
import type { Contents } from "../support/memory_lake.ts";
import type { Stage } from "./scene.ts";

/** Wraps the lake of a directory or store so that its whole content can be saved and restored. */
export function resettable(lake: Lake): Stage["lake"] {
  return {
    ...lake,
    age() {}, // a real lake has its own clock
    async snapshot() {
      const entries = await inParallel(await lake.list(""), async ({ key }) => {
        return [key, (await lake.get(key))!.bytes] as const;
      });
      return new Map(entries);
    },
    async restore(contents: Contents) {
      const there = await lake.list("");
      await inParallel(
        there.filter(({ key }) => !contents.has(key)),
        ({ key }) => lake.remove(key),
      );
      await inParallel([...contents], ([key, bytes]) => lake.put(key, bytes));
    },
  };
}
