import { inParallel, readAhead } from "../../pipeline/parallel.ts";
import { assertEquals, assertRejects } from "../support/assert.ts";

/** Work that ends when the test says so. */
function work() {
  const started: number[] = [];
  const ends = new Map<number, PromiseWithResolvers<number>>();
  const end = (item: number) => {
    if (!ends.has(item)) ends.set(item, Promise.withResolvers());
    return ends.get(item)!;
  };
  return {
    started,
    run(item: number) {
      started.push(item);
      return end(item).promise;
    },
    finish: (item: number) => end(item).resolve(item),
    fail: (item: number, error: Error) => end(item).reject(error),
  };
}

Deno.test("inParallel starts no further item after a failure, and ends after the running ones", async () => {
  const { started, run, fail, finish } = work();
  let ended = false;
  const all = inParallel([0, 1, 2, 3], run, 2).finally(() => ended = true);
  const refused = assertRejects(() => all, Error, "refused");
  fail(0, new Error("refused"));
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(ended, false);
  finish(1);
  await refused;
  assertEquals(started, [0, 1]);
});

Deno.test("readAhead starts the next items while the caller handles one, up to its limits", async () => {
  const { started, run, finish } = work();
  const sizes = [1, 1, 1, 5, 9, 1];
  const results = readAhead([0, 1, 2, 3, 4, 5], run, {
    count: 3,
    size: 6,
    sizeOf: (item) => sizes[item]!,
  });
  const seen: [number, number[]][] = [];
  for (const item of [2, 1, 0, 5, 4, 3]) finish(item);
  for await (const item of results) seen.push([item, [...started]]);
  assertEquals(seen, [
    [0, [0, 1, 2]], // the sizes 1 + 1 + 5 are above 6
    [1, [0, 1, 2, 3]],
    [2, [0, 1, 2, 3]],
    [3, [0, 1, 2, 3, 4]], // an item above the limit runs alone
    [4, [0, 1, 2, 3, 4, 5]],
    [5, [0, 1, 2, 3, 4, 5]],
  ]);
});

Deno.test("readAhead throws a failure in the place of its item, and waits for the items in progress", async () => {
  const { started, run, finish, fail } = work();
  const results = readAhead([0, 1, 2], run, { count: 3, size: 3, sizeOf: () => 1 });
  finish(0);
  fail(1, new Error("refused"));
  assertEquals((await results.next()).value, 0);
  let ended = false;
  const failed = results.next().finally(() => ended = true);
  failed.catch(() => {});
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals([ended, started], [false, [0, 1, 2]]);
  finish(2);
  await assertRejects(() => failed, Error, "refused");
});

Deno.test("readAhead waits for the items in progress also if the caller stops before the first result", async () => {
  const { started, run, finish } = work();
  const results = readAhead([0, 1], run, { count: 1, size: 1, sizeOf: () => 1 });
  let ended = false;
  const ending = results.return(undefined).finally(() => ended = true);
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals([ended, started], [false, [0]]);
  finish(0);
  await ending;
});

Deno.test("readAhead that counts the current result begins the next one when it is requested", async () => {
  const { started, run, finish } = work();
  const limits = {
    count: 3,
    size: 10,
    countsCurrent: true,
    sizeOf: (n: number) => [12, 4, 4, 4][n]!,
  };
  const results = readAhead([0, 1, 2, 3], run, limits);
  for (const n of [0, 1, 2, 3]) finish(n);
  assertEquals(started, [0]);
  await results.next();
  await turns();
  assertEquals(started, [0], "the large result is alone");
  await results.next();
  await turns();
  assertEquals(started, [0, 1, 2], "two of the small results fit");
  assertEquals(await Array.fromAsync(results), [2, 3]);
});

/** Lets everything run that can run. */
async function turns(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setTimeout(resolve, 0));
}
