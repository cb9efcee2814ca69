import type { Lake } from "../../pipeline/lake/lake.ts";
import { inParallel } from "../../pipeline/parallel.ts";
import type { Contents } from "./memory_lake.ts";
import type { Stage } from "./scene.ts";

/** A lake of a directory or a store, whose whole content can be taken and given back. */
export function resettable(lake: Lake): Stage["lake"] {
  return {
    ...lake,
    age() {}, // its clock is the real one
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
