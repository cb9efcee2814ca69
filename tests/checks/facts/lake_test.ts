import { gatherLake, type LakeOpened } from "../../../checks/facts/lake.ts";
import type { LakeConfig, S3Config } from "../../../pipeline/config.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { openLake } from "../../../pipeline/lake/open.ts";
import { assert, assertEquals, assertMatch, assertRejects } from "../../support/assert.ts";
import { store, storeKinds } from "../../support/lake_places.ts";
import { refusal, startStrictS3, type StrictS3Options } from "../../support/strict_s3.ts";

// Tests real stores, and a store with faults on request.

async function opened(config: LakeConfig): Promise<LakeOpened> {
  const fact = await gatherLake(config);
  assert(fact.opened, "it was refused");
  return fact;
}

async function objects(config: LakeConfig): Promise<string[]> {
  const lake = await openLake(config);
  try {
    return (await lake.list("")).map(({ key }) => key);
  } finally {
    lake.close();
  }
}

const OF_ALL = ["read-after-write", "conditional-create", "conditional-replace", "listing"];

for (const { name } of storeKinds()) {
  Deno.test(`gatherLake: ${name}: keeps every promise, and is left as it was`, async () => {
    const config = await store(name).createBucket(`ready-${crypto.randomUUID()}`);
    const { promises } = await opened(config);
    assertEquals(promises.filter(({ kept }) => !kept), []);
    assertEquals(promises.map(({ promise }) => promise), [...OF_ALL, "content-md5", "range"]);
    assertEquals(await objects(config), []);
  });

  Deno.test(`gatherLake: ${name}: a key, a secret or a bucket that is wrong is a fact, with the variable to set`, async () => {
    const config = await store(name).createBucket(`refused-${crypto.randomUUID()}`);
    const wrong: [Partial<S3Config>, RegExp][] = [
      [{ accessKeyId: "NOBODY" }, /AWS_ACCESS_KEY_ID/],
      [{ secretAccessKey: "wr0ng/s3cret" }, /AWS_SECRET_ACCESS_KEY/],
      [{ bucket: "no-such-bucket" }, /S3_BUCKET/],
    ];
    for (const [change, fix] of wrong) {
      const fact = await gatherLake({ ...config, ...change });
      assert(!fact.opened);
      assertMatch(fact.failure.remedy, fix);
      const text = JSON.stringify(fact);
      for (const secret of [config.secretAccessKey, "wr0ng/s3cret", "NOBODY"]) {
        assert(!text.includes(secret), text);
      }
    }
  });
}

Deno.test("gatherLake: a directory keeps its promises, and contains no object afterwards", async () => {
  const path = await Deno.makeTempDir({ prefix: "lake-" });
  const { name, promises } = await opened({ kind: "directory", path });
  assertEquals(name, `file://${path}`);
  assertEquals(promises, OF_ALL.map((promise) => ({ promise, kept: true })) as typeof promises);
  assertEquals([...Deno.readDirSync(path)].map(({ name }) => name), [".tmp"]);
  await Deno.remove(path, { recursive: true });
});

Deno.test("gatherLake: a directory that does not exist is a fact, and is not created", async () => {
  const parent = await Deno.makeTempDir();
  const fact = await gatherLake({ kind: "directory", path: `${parent}/lake` });
  assert(!fact.opened);
  assertMatch(fact.failure.remedy, /LAKE_URL.*mkdir -p/);
  assertEquals([...Deno.readDirSync(parent)], []);
  await Deno.remove(parent);
});

Deno.test("gatherLake: a file in place of the directory is a fact", async () => {
  const path = await Deno.makeTempFile();
  const fact = await gatherLake({ kind: "directory", path });
  assert(!fact.opened);
  assertMatch(fact.failure.remedy, /LAKE_URL/);
  await Deno.remove(path);
});

/** The promises that a store with a fault breaks, with the reasons. */
async function broken(fault: StrictS3Options["fault"]): Promise<Record<string, string>> {
  const server = startStrictS3(fault === undefined ? {} : { fault });
  try {
    const config = await server.createBucket("broken");
    const { promises } = await opened(config);
    const told = promises.filter(({ kept }) => kept === false);
    return Object.fromEntries(told.map(({ promise, problem }) => [promise, problem!]));
  } finally {
    await server.stop();
  }
}

/** Drops a header of a put, as stores do that do not support the header. */
function deaf(...headers: string[]): StrictS3Options["fault"] {
  const objects = new Map<string, Uint8Array<ArrayBuffer>>();
  return (request, serve) => {
    const { pathname } = new URL(request.url);
    const heard = !headers.some((name) => request.headers.has(name));
    if (request.method === "GET" && objects.has(pathname)) {
      const headers = { etag: '"later"', "last-modified": new Date().toUTCString() };
      return new Response(objects.get(pathname)!, { headers });
    }
    if (request.method !== "PUT" || heard) {
      if (request.method !== "GET") objects.delete(pathname);
      return serve();
    }
    return (async () => {
      const bytes = await request.bytes();
      objects.set(pathname, bytes);
      return new Response(null, { headers: { etag: '"later"' } });
    })();
  };
}

Deno.test("gatherLake reports a store that ignores If-None-Match", async () => {
  assertEquals(await broken(deaf("if-none-match")), {
    "conditional-create":
      "4 of 4 writers succeeded in creating the same object: If-None-Match: * is ignored",
  });
});

Deno.test("gatherLake reports a store that ignores If-Match", async () => {
  assertEquals(await broken(deaf("if-match")), {
    "conditional-replace": "a put with If-Match and an old ETag overwrote an object: " +
      "If-Match is ignored",
  });
});

Deno.test("gatherLake reports a store without conditional puts", async () => {
  const problems = await broken(({ method, headers }, serve) =>
    method === "PUT" && (headers.has("if-match") || headers.has("if-none-match"))
      ? refusal(501, "NotImplemented")
      : serve()
  );
  assertEquals(Object.keys(problems), ["conditional-create", "conditional-replace"]);
  for (const problem of Object.values(problems)) {
    assertMatch(problem, /501 NotImplemented: it does not support conditional puts/);
  }
});

Deno.test("gatherLake reports a store that refuses the current ETag", async () => {
  assertEquals(
    await broken(({ method, headers }, serve) =>
      method === "PUT" && headers.has("if-match") ? refusal(412, "PreconditionFailed") : serve()
    ),
    { "conditional-replace": "a put with If-Match and the object's current ETag was refused" },
  );
});

Deno.test("gatherLake reports a store that accepts damaged content", async () => {
  const fault: StrictS3Options["fault"] = ({ method, url }, serve) =>
    method === "PUT" && url.includes("/content-md5")
      ? new Response(null, { headers: { etag: '"damaged"' } })
      : serve();
  assertEquals(await broken(fault), {
    "content-md5": "a put whose content did not match its Content-MD5 was accepted",
  });
});

Deno.test("gatherLake reports a store with delayed listings", async () => {
  const { listing, ...others } = await broken(({ method, url }, serve) =>
    method === "GET" && decodeURIComponent(url).includes("/listing/")
      ? new Response(
        "<ListBucketResult><Name>broken</Name><IsTruncated>false</IsTruncated></ListBucketResult>",
        { headers: { "content-type": "application/xml" } },
      )
      : serve()
  );
  assertEquals([listing, others], ["a listing right after 3 puts shows: nothing", {}]);
});

Deno.test("gatherLake reports a store that ignores ranges", async () => {
  const fault: StrictS3Options["fault"] = (request, serve) => {
    if (!request.headers.has("range")) return serve();
    return new Response("0123456789", { headers: { etag: '"all"' } });
  };
  assertEquals(await broken(fault), {
    range: "a request for 4 bytes of an object returned 10 other bytes",
  });
});

Deno.test("gatherLake reports missing permissions to write and to remove objects", async () => {
  for (const forbidden of ["PUT", "DELETE"]) {
    const server = startStrictS3({
      fault: ({ method, url }, serve) =>
        method === forbidden && url.includes("/_preflight/")
          ? refusal(403, "AccessDenied")
          : serve(),
    });
    const fact = await gatherLake(await server.createBucket("guarded"));
    await server.stop();
    assert(!fact.opened);
    assertMatch(fact.failure.problem, /403 AccessDenied/);
    assertMatch(fact.failure.remedy, /list, read, write and delete/);
  }
});

Deno.test("gatherLake: an aborted trial leaves nothing behind", async () => {
  const controller = new AbortController();
  const late = new Failure({
    kind: "unreachable",
    task: "wait any longer",
    problem: "the deadline has passed",
    remedy: "Run again.",
  });
  let puts = 0;
  const server = startStrictS3({
    fault: ({ method, url }, serve) => {
      if (method === "PUT" && url.includes("/_preflight/") && ++puts === 5) {
        controller.abort(late);
      }
      return serve();
    },
  });
  const config = await server.createBucket("aborted");
  assertEquals(await assertRejects(() => gatherLake(config, controller.signal), Failure), late);
  assertEquals(await objects(config), []);
  await server.stop();
});

Deno.test("gatherLake removes only leftovers of killed trials, after an hour", async () => {
  const config = await store("strict S3").createBucket("leftovers");
  const lake = await openLake(config);
  const old = `_preflight/${Date.now() - 2 * 3_600_000}-x/range`;
  const kept = ["_preflight/notes.txt", `_preflight/${Date.now() - 60_000}-y/range`, "bronze/a"];
  for (const key of [old, ...kept]) await lake.put(key, new Uint8Array(1));
  lake.close();
  await opened(config);
  assertEquals(await objects(config), kept.toSorted());
});
