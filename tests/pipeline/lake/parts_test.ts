import type { Lake } from "../../../pipeline/lake/lake.ts";
import { difference, type NewPart, storeParts } from "../../../pipeline/lake/parts.ts";
import { assertEquals, assertStringIncludes } from "../../support/assert.ts";

// How much of a window may be in transit to the lake at the same time.

const MEBIBYTE = 1 << 20;

/** Parts of these sizes. Nothing reads their bytes, so they share one buffer. */
async function* partsOf(sizes: readonly number[]): AsyncGenerator<NewPart> {
  const buffer = new ArrayBuffer(Math.max(...sizes));
  for (const [i, bytes] of sizes.entries()) {
    const body = await new Uint8Array(buffer, 0, bytes);
    yield { key: `bronze/part-${i}.parquet`, rows: 1, bytes, sha256: "", body };
  }
}

/** A lake that waits before it stores a part, and counts the parts in transit. */
function slowLake() {
  const waiting: { readonly bytes: number; readonly store: () => void }[] = [];
  const lake = {
    put(_: string, { length }: Uint8Array) {
      const { promise, resolve } = Promise.withResolvers<"stored">();
      waiting.push({ bytes: length, store: () => resolve("stored") });
      return promise;
    },
  } as Partial<Lake> as Lake;
  return { lake, waiting };
}

/** Stores parts, each one when nothing else can proceed. Returns what was in transit each time. */
async function underWay(sizes: readonly number[]): Promise<number[][]> {
  const { lake, waiting } = slowLake();
  const seen: number[][] = [];
  const storing = storeParts(lake, partsOf(sizes), true, () => {});
  while (seen.length < sizes.length) {
    await new Promise((resolve) => setTimeout(resolve));
    seen.push(waiting.map(({ bytes }) => bytes / MEBIBYTE));
    waiting.shift()!.store();
  }
  assertEquals((await storing).length, sizes.length);
  return seen;
}

Deno.test("storeParts stops making parts while more than 16 MiB are in transit", async () => {
  assertEquals(await underWay([8, 8, 8, 1].map((each) => each * MEBIBYTE)), [
    [8, 8, 8],
    [8, 8, 1],
    [8, 1],
    [1],
  ]);
  const large = await underWay([17, 17].map((each) => each * MEBIBYTE));
  assertEquals(large, [[17], [17]]);
});

Deno.test("storeParts stops making parts while more than four are in transit", async () => {
  const counts = (await underWay(Array(7).fill(1000))).map(({ length }) => length);
  assertEquals(counts, [5, 5, 5, 4, 3, 2, 1]);
});

Deno.test("storeParts stores nothing if the caller only needs the names of the parts", async () => {
  const { lake, waiting } = slowLake();
  const named = await storeParts(lake, partsOf([1000, 2000]), false, () => {});
  assertEquals([named.map(({ bytes }) => bytes), waiting], [[1000, 2000], []]);
});

Deno.test("difference names the size of a part that is shorter or longer, and otherwise the digest", () => {
  const part = { key: "part.parquet", rows: 1, bytes: 3, sha256: "0".repeat(64) };
  for (const size of [0, 2, 4]) {
    assertStringIncludes(difference(part, new Uint8Array(size))!, `${size} bytes`);
  }
  assertStringIncludes(difference(part, new Uint8Array(3))!, "sha256");
});
