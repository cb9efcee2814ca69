import type { Condition, Lake } from "../../../pipeline/lake/lake.ts";
import { openS3 } from "../../../pipeline/lake/s3.ts";
import { difference, type NewPart, storeParts } from "../../../pipeline/lake/parts.ts";
import { until } from "../../cluster/until.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "../../support/assert.ts";
import { startStrictS3 } from "../../support/strict_s3.ts";

// How much of a window may be in transit to the lake at the same time.

const MEBIBYTE = 1 << 20;

/** Parts with the given sizes. */
async function* partsOf(sizes: readonly number[]): AsyncGenerator<NewPart> {
  for (const [i, bytes] of sizes.entries()) {
    const body = await new Uint8Array(bytes);
    yield { key: `bronze/part-${i}.parquet`, rows: 1, bytes, sha256: "", body };
  }
}

/** A lake that waits before it stores a part, and counts the parts in transit. */
function slowLake() {
  const waiting: { readonly bytes: number; readonly store: () => void }[] = [];
  const lake = {
    put(_: string, body: Uint8Array<ArrayBuffer>, __?: Condition, frees = false) {
      const { promise, resolve } = Promise.withResolvers<"stored">();
      const store = () => {
        if (frees) body.buffer.transfer(0);
        resolve("stored");
      };
      waiting.push({ bytes: body.length, store });
      return promise;
    },
  } as Partial<Lake> as Lake;
  return { lake, waiting };
}

/** A lake in a store that answers each put with `put`, which gets the number of the put from 0. */
async function slowStore(
  put: (number: number, serve: () => Promise<Response>) => Promise<Response>,
) {
  let puts = 0;
  const ports = new Set<number>();
  const server = startStrictS3({
    fault(request, serve, { remoteAddr }) {
      if (!request.url.includes("/bronze/")) return undefined;
      ports.add((remoteAddr as Deno.NetAddr).port);
      return put(puts++, serve);
    },
  });
  const lake = openS3(await server.createBucket("slow"));
  return {
    lake,
    /** The ports of the client. Each connection has its own. */
    ports,
    async [Symbol.asyncDispose]() {
      lake.close();
      await server.stop();
    },
  };
}

/** Stores parts, each one when nothing else can proceed. Returns what was in transit each time. */
async function underWay(sizes: readonly number[], bytesInFlight?: number): Promise<number[][]> {
  const { lake, waiting } = slowLake();
  const seen: number[][] = [];
  const limit = bytesInFlight === undefined ? {} : { bytesInFlight };
  const storing = storeParts(lake, partsOf(sizes), { stores: true, ...limit });
  while (seen.length < sizes.length) {
    await new Promise((resolve) => setTimeout(resolve));
    seen.push(waiting.map(({ bytes }) => bytes / MEBIBYTE));
    waiting.shift()!.store();
  }
  assertEquals((await storing).length, sizes.length);
  return seen;
}

Deno.test("storeParts makes no further part while more than 32 MiB are in flight", async () => {
  assertEquals(await underWay([15, 15, 15, 8, 8].map((each) => each * MEBIBYTE)), [
    [15, 15, 15],
    [15, 15, 8],
    [15, 8, 8],
    [8, 8],
    [8],
  ]);
  const large = await underWay([33, 33].map((each) => each * MEBIBYTE));
  assertEquals(large, [[33], [33]]);
  const less = await underWay([9, 9, 9].map((each) => each * MEBIBYTE), 16 * MEBIBYTE);
  assertEquals(less, [[9, 9], [9, 9], [9]]);
});

Deno.test("storeParts makes no further part while 32 parts are in flight", async () => {
  const counts = (await underWay(Array(35).fill(1000))).map(({ length }) => length);
  assertEquals(counts.slice(0, 6), [32, 32, 32, 32, 31, 30]);
});

Deno.test("storeParts encodes the next part while the store answers late", async () => {
  const events: string[] = [];
  let inFlight = 0;
  const answers: (() => void)[] = [];
  await using store = await slowStore(async (number, serve) => {
    events.push(`put ${number}`);
    inFlight++;
    await new Promise<void>((resolve) => answers.push(resolve));
    inFlight--;
    events.push(`stored ${number}`);
    return await serve();
  });
  async function* encoded() {
    for (const [number, bytes] of [15, 15, 15, 15].entries()) {
      events.push(`encode ${number}`);
      const body = new Uint8Array(bytes * MEBIBYTE);
      yield await {
        key: `bronze/${number}.parquet`,
        rows: 1,
        bytes: body.length,
        sha256: "",
        body,
      };
    }
  }
  const storing = storeParts(store.lake, encoded(), { stores: true });
  const most: number[] = [];
  for (const left of [3, 3, 2, 1]) {
    await until("the puts are in flight", () => Promise.resolve(answers.length === left));
    most.push(inFlight);
    answers.shift()!();
  }
  const named = await storing;
  assertEquals(named.map(({ key }) => key), [0, 1, 2, 3].map((n) => `bronze/${n}.parquet`));
  assertEquals(most, [3, 3, 2, 1]);
  // Parts 1 and 2 were encoded before the store confirmed part 0. Part 3 waited for it.
  assert(events.indexOf("encode 2") < events.indexOf("stored 0"), events.join());
  assert(events.indexOf("encode 3") > events.indexOf("stored 0"), events.join());
});

Deno.test("storeParts keeps at most 32 of 192 small parts in flight, each on a connection that it reuses", async () => {
  let [inFlight, most] = [0, 0];
  const waiting: (() => void)[] = [];
  await using store = await slowStore(async (_, serve) => {
    most = Math.max(most, ++inFlight);
    await new Promise<void>((resolve) => {
      if (waiting.push(resolve) === 32) waiting.splice(0).forEach((answer) => answer());
    });
    const answer = await serve();
    inFlight--;
    return answer;
  });
  const storing = storeParts(store.lake, partsOf(Array(192).fill(1000)), { stores: true });
  assertEquals((await storing).length, 192);
  assertEquals(most, 32);
  assert(store.ports.size <= 32, `${store.ports.size} connections`);
});

Deno.test("storeParts stops at the first part that the store refuses, and waits for the parts in flight", async () => {
  const { promise: stored, resolve: store } = Promise.withResolvers<"stored">();
  const { promise: refused, reject: refuse } = Promise.withResolvers<"stored">();
  const puts = [stored, refused];
  const lake = { put: () => puts.shift()! } as Partial<Lake> as Lake;
  let made = 0;
  async function* parts() {
    for await (const part of partsOf([20, 20, 20].map((each) => each * MEBIBYTE))) {
      made++;
      yield part;
    }
  }
  let ended = false;
  const storing = storeParts(lake, parts(), { stores: true }).finally(() => ended = true);
  storing.catch(() => {});
  await until("two parts are made", () => Promise.resolve(made === 2));
  refuse(new Error("refused"));
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(ended, false);
  store("stored");
  await assertRejects(() => storing, Error, "refused");
  assertEquals(made, 2);
});

Deno.test("storeParts frees a part when it is stored, and not before", async () => {
  const { lake, waiting } = slowLake();
  const bodies: Uint8Array[] = [];
  async function* parts() {
    for await (const part of partsOf([1000, 2000])) {
      bodies.push(part.body);
      yield part;
    }
  }
  const sizes = () => bodies.map(({ length }) => length);
  const storing = storeParts(lake, parts(), { stores: true });
  await until("both parts are in flight", () => Promise.resolve(waiting.length === 2));
  assertEquals(sizes(), [1000, 2000]);
  waiting[1]!.store();
  await until("the second part is freed", () => Promise.resolve(sizes()[1] === 0));
  assertEquals(sizes(), [1000, 0]);
  waiting[0]!.store();
  await storing;
  assertEquals(sizes(), [0, 0]);
});

Deno.test("storeParts stores nothing if the caller only needs the names of the parts", async () => {
  const { lake, waiting } = slowLake();
  const named = await storeParts(lake, partsOf([1000, 2000]), { stores: false });
  assertEquals([named.map(({ bytes }) => bytes), waiting], [[1000, 2000], []]);
});

Deno.test("difference names the size of a part that is shorter or longer, and otherwise the digest", () => {
  const part = { key: "part.parquet", rows: 1, bytes: 3, sha256: "0".repeat(64) };
  for (const size of [0, 2, 4]) {
    assertStringIncludes(difference(part, new Uint8Array(size))!, `${size} bytes`);
  }
  assertStringIncludes(difference(part, new Uint8Array(3))!, "sha256");
});
