import type { S3Config } from "../../../pipeline/config.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { pageOf } from "../../../pipeline/failure_page.ts";
import { tryConditions } from "../../../pipeline/lake/conditions.ts";
import { openS3 } from "../../../pipeline/lake/s3.ts";
import { rgwInstalled } from "../../support/ceph_rgw.ts";
import { assertEquals, assertRejects, assertStringIncludes } from "../../support/assert.ts";
import { store, storeKinds } from "../../support/lake_places.ts";
import { signedFetch } from "../../support/sigv4.ts";
import { refusal, startStrictS3, type StrictS3Options } from "../../support/strict_s3.ts";

// A run confirms that a store honours conditions before it publishes to the store.

storeKinds();

/** Creates a bucket on a real Ceph RGW. */
function bucket(): Promise<S3Config> {
  return store("Ceph RGW").createBucket(`t-${crypto.randomUUID()}`);
}

async function ask(config: S3Config, method: string, query: string, body: string): Promise<void> {
  const url = new URL(`${config.endpoint}/${config.bucket}?${query}`);
  const answer = await signedFetch(config, method, url, { body: new TextEncoder().encode(body) });
  assertEquals(answer.status, 200, await answer.text());
}

/** Asserts that a bucket is refused, and that no object is left in it. */
async function assertRefuses(config: S3Config, saying: readonly string[]): Promise<void> {
  const lake = openS3(config);
  const { kind, message } = await assertRejects(() => lake.confirmConditions(), Failure);
  assertEquals(kind, "configuration");
  for (const part of [`in ${lake.name}`, ...saying]) {
    assertStringIncludes(message, part);
  }
  assertEquals(pageOf(message), "lake-conformance");
  assertEquals(await lake.list(""), []);
  lake.close();
}

const onRgw = { ignore: !rgwInstalled() };

Deno.test("conditions: refuses a versioned bucket of Ceph RGW by name", onRgw, async () => {
  const config = await bucket();
  const versioned = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
  await ask(config, "PUT", "versioning=", versioned);
  await assertRefuses(config, ["The bucket has versioning", "Set S3_BUCKET to a bucket"]);
});

Deno.test("conditions: refuses an object-locked bucket of Ceph RGW by name", onRgw, async () => {
  const { config } = store("Ceph RGW");
  const locked: S3Config = { kind: "s3", ...config, bucket: `t-${crypto.randomUUID()}` };
  const url = new URL(`${config.endpoint}/${locked.bucket}`);
  const headers = { "x-amz-bucket-object-lock-enabled": "true" };
  const made = await signedFetch(config, "PUT", url, { headers });
  assertEquals(made.status, 200, await made.text());
  await assertRefuses(locked, ["The bucket has object lock", "without object lock"]);
});

/** Starts a strict server that answers requests under `_preflight/` incorrectly. */
async function faulty(fault: NonNullable<StrictS3Options["fault"]>) {
  const server = startStrictS3({
    fault: (request, serve, connection) =>
      request.url.includes("/_preflight/") ? fault(request, serve, connection) : undefined,
  });
  return { config: await server.createBucket("rbs"), [Symbol.asyncDispose]: () => server.stop() };
}

/** The behaviour of a store with a condition, and the expected message. */
const FAULTS: readonly [string, NonNullable<StrictS3Options["fault"]>, string][] = [
  [
    "that refuses If-Match",
    ({ headers }) => headers.has("if-match") ? refusal(412, "PreconditionFailed") : undefined,
    "although it had the object's current ETag",
  ],
  [
    "that does not support conditions",
    ({ headers }) => headers.has("if-none-match") ? refusal(501, "NotImplemented") : undefined,
    "it does not support conditional puts",
  ],
  [
    "that reports every put as a conflict",
    ({ method }) => method === "PUT" ? refusal(412, "PreconditionFailed") : undefined,
    "did not store its content",
  ],
  [
    "that reports every put as stored",
    ({ method, headers }, serve) =>
      method === "PUT" && headers.has("if-none-match")
        ? serve().then(() => new Response(null, { headers: { etag: '"any"' } }))
        : undefined,
    "overwrote an object: the condition is ignored",
  ],
];
for (const [name, fault, problem] of FAULTS) {
  Deno.test(`conditions: refuses a store ${name}`, async () => {
    await using store = await faulty(fault);
    await assertRefuses(store.config, [problem]);
  });
}

Deno.test({
  name: "conditions: are tested once, and again only if the first test was inconclusive",
  // On a busy machine, a timer of the S3 client for a slow request can outlive the closed client.
  sanitizeOps: false,
  sanitizeResources: false, // Deno counts timers here, too
  async fn() {
    let requests = 0;
    let reachable = false;
    await using store = await faulty(() => {
      requests++;
      return reachable ? undefined : refusal(503, "SlowDown");
    });
    const lake = openS3(store.config);
    const { kind } = await assertRejects(() => lake.confirmConditions(), Failure);
    assertEquals(kind, "unreachable");
    reachable = true;
    requests = 0;
    await lake.confirmConditions();
    const once = requests;
    await lake.confirmConditions();
    assertEquals([once, requests], [7, 7]);
    assertEquals(await lake.list(""), []);
    lake.close();
  },
});

Deno.test("conditions: refuses a store that returns other bytes than were put", async () => {
  const lake: Parameters<typeof tryConditions>[0] = {
    get: () => Promise.resolve({ bytes: new TextEncoder().encode("other"), etag: '"a"' }),
    put: () => Promise.resolve("conflict"),
  };
  assertEquals(
    await tryConditions(lake, "key"),
    "a put with If-None-Match: * did not store its content",
  );
});
