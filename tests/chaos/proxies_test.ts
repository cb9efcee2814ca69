import type { S3Config } from "../../pipeline/config.ts";
import { Failure } from "../../pipeline/errors.ts";
import { openLake } from "../../pipeline/lake/open.ts";
import { connect } from "../../pipeline/outbox/connection.ts";
import { type EmbeddedPostgres, startPostgres } from "../../tasks/demo/embedded_postgres.ts";
import { assert, assertEquals, assertRejects } from "../support/assert.ts";
import type { ObjectStore } from "../support/object_store.ts";
import { startStrictS3 } from "../support/strict_s3.ts";
import { type PostgresFault, startPostgresProxy } from "./postgres_proxy.ts";
import type { S3Fault } from "./s3_faults.ts";
import { type S3Proxy, startS3Proxy } from "./s3_proxy.ts";

// The proxies inject the planned faults and nothing else.

const BODY = new TextEncoder().encode("some text");

let server: EmbeddedPostgres;
let store: ObjectStore;
Deno.test.beforeAll(async () => {
  server = await startPostgres();
  store = startStrictS3();
});
Deno.test.afterAll(async () => {
  await server.stop();
  await store.stop();
});

/** Opens a lake behind a proxy, and the same lake directly. */
async function lakes(use: (config: S3Config, direct: S3Config, proxy: S3Proxy) => Promise<void>) {
  await using proxy = await startS3Proxy(store.config.endpoint);
  const direct = await store.createBucket(`proxy-${crypto.randomUUID()}`);
  await use({ ...direct, endpoint: proxy.endpoint }, direct, proxy);
}

/**
 * Puts an object with a fault at each attempt. Returns how the put ended and whether the object
 * exists.
 */
async function putWith(fault: S3Fault): Promise<[put: string, there: boolean]> {
  let put = "";
  let there = false;
  await lakes(async (config, direct, proxy) => {
    const [lake, truth] = await Promise.all([openLake(config), openLake(direct)]);
    proxy.plan(() => fault);
    put = await lake.put("a", BODY).catch((error) => (error as Failure).kind);
    there = (await truth.get("a")) !== undefined;
    assert(proxy.faults().every((each) => each === fault) && proxy.faults().length > 0);
    lake.close();
    truth.close();
  });
  return [put, there];
}

const PUTS: readonly [S3Fault, string, boolean][] = [
  ["cut-before", "unreachable", false],
  ["cut-after", "unreachable", true],
  ["error-before", "unreachable", false],
  ["error-after", "unreachable", true],
  ["aborted", "unreachable", false],
  ["redirect", "unreachable", false],
  ["clock-off", "configuration", false],
  ["twice", "stored", true],
  ["no-effect", "stored", false],
];

for (const [fault, ending, effect] of PUTS) {
  Deno.test(`startS3Proxy ${fault}: a put ends ${ending}, with${effect ? "" : "out"} effect`, async () => {
    assertEquals(await putWith(fault), [ending, effect]);
  });
}

Deno.test("startS3Proxy: alters reads as planned, and can return the previous listing", async () => {
  await lakes(async (config, direct, proxy) => {
    const [lake, truth] = await Promise.all([openLake(config), openLake(direct)]);
    await truth.put("a", BODY);
    const { etag } = (await lake.get("a"))!;
    const read = async (fault: S3Fault) => {
      proxy.plan((_, number) => number === 0 ? fault : undefined);
      const stored = await lake.get("a");
      return [new TextDecoder().decode(stored?.bytes), stored?.etag === etag];
    };
    // The client detects these faults by the object's digest, and reads again.
    for (const fault of ["truncated", "flipped", "wrong-etag"] as const) {
      assertEquals(await read(fault), ["some text", true], fault);
    }
    assertEquals(await read("weak-etag"), ["some text", true]);
    proxy.plan(() => undefined);
    assertEquals((await lake.list("")).length, 1);
    await truth.put("b", BODY);
    proxy.plan(() => "stale-list");
    assertEquals((await lake.list("")).length, 1);
    proxy.plan(() => undefined);
    assertEquals((await lake.list("")).length, 2);
    lake.close();
    truth.close();
  });
});

const CONNECTIONS: readonly [PostgresFault, ending: "unreachable" | "ok"][] = [
  [{ kind: "refuse", after: 0 }, "unreachable"],
  [{ kind: "reset", after: 500 }, "unreachable"],
  [{ kind: "end", after: 500 }, "unreachable"],
  [{ kind: "stall", after: 500 }, "ok"],
];

for (const [fault, ending] of CONNECTIONS) {
  Deno.test(`startPostgresProxy ${fault.kind}: a session ends ${ending}, and the next one succeeds`, async () => {
    await using proxy = await startPostgresProxy(server.config);
    const config = proxy.through(server.config);
    const ask = async () => {
      const connection = await connect(config);
      try {
        return (await connection.query("SELECT repeat('x', 1000) AS x"))[0]!.x!.length;
      } finally {
        await connection.close();
      }
    };
    proxy.plan(fault);
    if (ending === "ok") assertEquals(await ask(), 1000);
    else assertEquals((await assertRejects(ask, Failure)).kind, ending);
    assertEquals(proxy.faults(), [fault.kind]);
    assertEquals(await ask(), 1000);
  });
}
