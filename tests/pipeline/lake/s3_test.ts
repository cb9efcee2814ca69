import type { S3Config } from "../../../pipeline/config.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { equalBytes, type Lake } from "../../../pipeline/lake/lake.ts";
import { openS3 } from "../../../pipeline/lake/s3.ts";
import { deadPort } from "../../support/dead_port.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "../../support/assert.ts";
import { store, storeKinds } from "../../support/lake_places.ts";
import { signedFetch } from "../../support/sigv4.ts";
import { refusal, startStrictS3, type StrictS3Options } from "../../support/strict_s3.ts";

const BODY = new TextEncoder().encode("body");

/** Every operation of a lake. */
const OPERATIONS: readonly ((lake: Lake) => Promise<unknown>)[] = [
  (lake) => lake.get("day/a"),
  (lake) => lake.put("day/a", BODY),
  (lake) => lake.put("day/a", BODY, "absent"),
  (lake) => lake.put("day/a", BODY, { etag: "0" }),
  (lake) => lake.list("day/"),
  (lake) => lake.folders("day/"),
  (lake) => lake.remove("day/a"),
];

/** Asserts that each operation fails with a message that says what to do and shows no secret. */
async function assertFails(
  config: S3Config,
  kind: string,
  saying: readonly string[],
  operations = OPERATIONS,
): Promise<void> {
  const lake = openS3(config);
  try {
    for (const run of operations) {
      const failure = await assertRejects(() => run(lake), Failure);
      const { message } = failure;
      assertEquals(failure.kind, kind, message);
      for (const part of [`in ${lake.name}: `, "day/", ...saying]) {
        assertStringIncludes(message, part);
      }
      assertEquals(/^Cannot (read|store|list|remove) .*\.$/.test(message), true, message);
      const shown = Deno.inspect(failure, { depth: 10 });
      assert(!shown.includes(config.secretAccessKey), shown);
      assert(!shown.includes(config.accessKeyId), shown);
    }
  } finally {
    lake.close();
  }
}

/** Starts a strict server with faulty answers, and creates a bucket on it. */
async function faulty(fault: NonNullable<StrictS3Options["fault"]>) {
  let healthy = true;
  const server = startStrictS3({
    fault: (request, serve, connection) => healthy ? undefined : fault(request, serve, connection),
  });
  const config = await server.createBucket("rbs");
  healthy = false;
  return { config, [Symbol.asyncDispose]: () => server.stop() };
}

for (const { name } of storeKinds()) {
  const bucket = () => store(name).createBucket(`t-${crypto.randomUUID()}`);

  Deno.test(`s3: ${name}: reports an unknown access key`, async () => {
    const config = { ...await bucket(), accessKeyId: "NOBODYSKEY" };
    await assertFails(config, "configuration", ["InvalidAccessKeyId", "Set AWS_ACCESS_KEY_ID"]);
  });

  Deno.test(`s3: ${name}: reports a wrong secret key`, async () => {
    const config = { ...await bucket(), secretAccessKey: "not+the+secret" };
    await assertFails(config, "configuration", ["SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY"]);
  });

  Deno.test(`s3: ${name}: reports a bucket that does not exist`, async () => {
    const config: S3Config = { kind: "s3", ...store(name).config, bucket: "nowhere" };
    await assertFails(config, "configuration", ["NoSuchBucket", '"nowhere"', "Set S3_BUCKET"]);
  });

  Deno.test(`s3: ${name}: refuses content that does not match its Content-MD5`, async () => {
    const config = await bucket();
    const url = new URL(`${config.endpoint}/${config.bucket}/a`);
    const headers = { "content-md5": "AAAAAAAAAAAAAAAAAAAAAA==" };
    const response = await signedFetch(config, "PUT", url, { headers, body: BODY });
    assertEquals(response.status, 400);
    assertStringIncludes(await response.text(), "<Code>BadDigest</Code>");
    const lake = openS3(config);
    assertEquals(await lake.list(""), []);
    lake.close();
  });
}

Deno.test("startStrictS3 refuses an object without a Content-MD5", async () => {
  const server = startStrictS3();
  const config = await server.createBucket("rbs");
  const url = new URL(`${config.endpoint}/${config.bucket}/a`);
  const response = await signedFetch(config, "PUT", url, { body: BODY });
  assertEquals(response.status, 400);
  assertStringIncludes(await response.text(), "<Code>InvalidRequest</Code>");
  await server.stop();
});

Deno.test("s3: reports an endpoint where no server listens", async () => {
  const endpoint = `http://127.0.0.1:${deadPort()}`;
  const config: S3Config = {
    kind: "s3",
    endpoint,
    region: "us-east-1",
    bucket: "rbs",
    accessKeyId: "SOMEKEY",
    secretAccessKey: "some+secret",
  };
  await assertFails(config, "unreachable", ["ECONNREFUSED", "Check S3_ENDPOINT"], [
    OPERATIONS[0]!,
  ]);
});

Deno.test("s3: reports an endpoint that is not an S3 store", async (t) => {
  for (const status of [200, 404]) {
    await t.step(`${status}`, async () => {
      const type = { "content-type": "text/html" };
      await using site = await faulty(() =>
        new Response("<html><body>Welcome</body></html>", { status, headers: type })
      );
      const kind = status === 200 ? "unreachable" : "configuration";
      await assertFails(site.config, kind, ["S3_ENDPOINT"], OPERATIONS.slice(0, 5));
    });
  }
});

Deno.test("s3: sends a request four times to a store that stays unavailable", async () => {
  let requests = 0;
  await using store = await faulty(() => {
    requests++;
    return refusal(503, "SlowDown");
  });
  await assertFails(store.config, "unreachable", ["503 SlowDown", "Check S3_ENDPOINT"], [
    OPERATIONS[2]!,
  ]);
  assertEquals(requests, 4);
});

Deno.test("s3: retries a request when the store is unavailable for a moment", async () => {
  let requests = 0;
  await using store = await faulty(() => ++requests < 3 ? refusal(503, "SlowDown") : undefined);
  const lake = openS3(store.config);
  assertEquals(await lake.put("a", BODY, "absent"), "stored");
  assertEquals(await lake.get("a").then((stored) => stored?.bytes), BODY);
  lake.close();
});

Deno.test("s3: sends the session token with every request", async () => {
  const tokens = new Set<string | null>();
  await using store = await faulty(({ headers }) => {
    tokens.add(headers.get("x-amz-security-token"));
    return undefined;
  });
  const lake = openS3({ ...store.config, sessionToken: "token+of/a=session" });
  await lake.put("a", BODY);
  await lake.get("a");
  await lake.list("");
  lake.close();
  assertEquals([...tokens], ["token+of/a=session"]);
});

Deno.test("s3: reads an object with one signed request, whatever characters its key has", async () => {
  let requests = 0;
  await using store = await faulty(({ method }) => {
    if (method === "GET") requests++;
    return undefined;
  });
  const lake = openS3(store.config);
  const keys = ["date=2025-12-28/_commit.json", "a b/ü+!'()*&=%25~.json", "a//b/c?d#e:f@g"];
  for (const key of keys) {
    await lake.put(key, BODY);
    assertEquals((await lake.get(key))?.bytes, BODY, key);
  }
  assertEquals(requests, keys.length);
  assertEquals(await lake.get("missing"), undefined);
  assertEquals(requests, keys.length + 1);
  lake.close();
});

Deno.test("s3: sends no request after the signal has aborted", async () => {
  let requests = 0;
  await using store = await faulty(() => {
    requests++;
    return undefined;
  });
  const lake = openS3(store.config, AbortSignal.abort());
  await assertRejects(() => lake.get("a"), Failure);
  assertEquals(requests, 0);
  lake.close();
});

Deno.test("s3: accepts an ETag that a proxy made weak", async () => {
  await using store = await faulty(async (_, serve) => {
    const answer = await serve();
    const etag = answer.headers.get("etag");
    if (etag !== null) answer.headers.set("etag", `W/${etag}`);
    return answer;
  });
  const lake = openS3(store.config);
  await lake.put("a", BODY, "absent");
  const { etag } = (await lake.get("a"))!;
  assertEquals(/^[0-9a-f]{32}$/.test(etag), true, etag);
  assertEquals(await lake.put("a", BODY.subarray(1), { etag }), "stored");
  await lake.confirmConditions();
  lake.close();
});

Deno.test("s3: refuses to publish to a store without conditional puts", async () => {
  await using store = await faulty(({ headers }) =>
    headers.has("if-match") || headers.has("if-none-match")
      ? refusal(501, "NotImplemented")
      : undefined
  );
  const saying = ["501 NotImplemented", "two runs could overwrite each other", "Set S3_ENDPOINT"];
  await assertFails(store.config, "configuration", saying, OPERATIONS.slice(2, 4));
});

const REFUSALS: readonly [number, string, string, ...string[]][] = [
  [403, "AccessDenied", "configuration", "AccessDenied", "S3_BUCKET=rbs"],
  [403, "RequestTimeTooSkewed", "configuration", "this machine's clock is off", "Set the clock"],
  [403, "QuotaExceeded", "configuration", "quota", "S3_BUCKET"],
  [400, "BadDigest", "unreachable", "damaged in transit", "S3_ENDPOINT"],
  [400, "ExpiredToken", "configuration", "AWS_SESSION_TOKEN has expired", "all three"],
  [400, "TokenRefreshRequired", "configuration", "AWS_SESSION_TOKEN has expired"],
  [400, "InvalidToken", "configuration", "AWS_SESSION_TOKEN is invalid"],
  [400, "RequestTimeout", "unreachable", "RequestTimeout", "run again later"],
  [400, "IncompleteBody", "unreachable", "damaged in transit"],
  [400, "XMinioAdminBucketQuotaExceeded", "configuration", "quota"],
  [400, "InvalidRegion", "configuration", "AWS_REGION"],
  [403, "InvalidObjectState", "configuration", "archive"],
  [301, "PermanentRedirect", "configuration", "S3_ENDPOINT"],
  [307, "TemporaryRedirect", "unreachable", "run again later"],
  [409, "OperationAborted", "unreachable", "OperationAborted"],
  [409, "ConditionalRequestConflict", "unreachable", "ConditionalRequestConflict"],
  [409, "InvalidBucketState", "configuration", "S3_BUCKET"],
  [423, "Locked", "unreachable", "Locked"],
  [429, "TooManyRequests", "unreachable", "TooManyRequests"],
  [500, "InternalError", "unreachable", "InternalError"],
  [507, "XMinioStorageFull", "configuration", "used up"],
  [400, "InvalidArgument", "configuration", "400 InvalidArgument", "S3_ENDPOINT"],
];
for (const [status, code, kind, ...saying] of REFUSALS) {
  Deno.test(`s3: reports ${code} as a failure of kind ${kind}`, async () => {
    await using store = await faulty(({ headers }) =>
      refusal(status, code, /Credential=(\w+)/.exec(headers.get("authorization")!)![1])
    );
    await assertFails(store.config, kind, saying, OPERATIONS.slice(0, 2));
  });
}

/** Answers with status 200 that are not valid for S3, each made from a valid answer. */
const LIES: readonly [string, (answer: Response) => Response | Promise<Response>][] = [
  ["an HTML page", () => {
    const headers = { "content-type": "text/html", etag: '"abc"' };
    return new Response("<html>Log in here</html>", { headers });
  }],
  ["JSON", () => Response.json({ ok: true })],
  ["no body", () => new Response(null, { status: 200 })],
  ["another ETag", (answer) => {
    answer.headers.set("etag", `"${"0".repeat(32)}"`);
    return answer;
  }],
  ["no ETag", (answer) => {
    answer.headers.delete("etag");
    return answer;
  }],
];
for (const [name, lie] of LIES) {
  Deno.test(`s3: treats an answer with status 200 and ${name} as a failure`, async () => {
    let lying = false;
    await using store = await faulty(async (_, serve) => {
      const answer = await serve();
      return lying ? lie(answer) : answer;
    });
    const lake = openS3(store.config);
    await lake.put("day/a", BODY);
    lying = true;
    await assertFails(store.config, "unreachable", ["not from an S3 store"], [
      (lake) => lake.get("day/a"),
      (lake) => lake.put("day/b", BODY),
    ]);
    lake.close();
  });
}

Deno.test("s3: reads content again when it was changed in transit, and never returns the changed content", async () => {
  let reads = 0;
  let broken = 1;
  await using store = await faulty(async ({ method }, serve) => {
    const answer = await serve();
    if (method !== "GET" || ++reads > broken) return answer;
    const bytes = await answer.bytes();
    bytes[0]! ^= 1;
    return new Response(bytes, answer);
  });
  const lake = openS3(store.config);
  await lake.put("day/a", BODY);
  assertEquals((await lake.get("day/a"))?.bytes, BODY);
  assertEquals(reads, 2);
  broken = Infinity;
  await assertFails(store.config, "unreachable", ["its ETag belongs to different content"], [
    (lake) => lake.get("day/a"),
  ]);
  lake.close();
});

Deno.test("s3: accepts any ETag for an encrypted object", async () => {
  await using store = await faulty(async (_, serve) => {
    const answer = await serve();
    answer.headers.set("etag", `"${"0".repeat(32)}"`);
    answer.headers.set("x-amz-server-side-encryption", "aws:kms");
    return answer;
  });
  const lake = openS3(store.config);
  await lake.put("day/a", BODY);
  assertEquals((await lake.get("day/a"))?.bytes, BODY);
  lake.close();
});

/** Returns an answer whose connection breaks in the middle of the body. */
function truncated(): Response {
  const half = new ReadableStream({
    start(controller) {
      controller.enqueue(BODY.subarray(0, 2));
      controller.close();
    },
  });
  const headers = { etag: '"0"', "last-modified": new Date().toUTCString() };
  return new Response(half, { headers: { ...headers, "content-length": `${BODY.length}` } });
}

Deno.test("s3: never returns an object whose download breaks off", async () => {
  let requests = 0;
  await using store = await faulty(() => {
    requests++;
    return truncated();
  });
  const saying = ["the response is not from an S3 store, or is incomplete", "Check S3_ENDPOINT"];
  await assertFails(store.config, "unreachable", saying, [OPERATIONS[0]!]);
  assertEquals(requests, 4);
});

Deno.test("s3: reads an object again when its download breaks off once", async () => {
  let reads = 0;
  await using store = await faulty(({ method }) =>
    method === "GET" && ++reads === 1 ? truncated() : undefined
  );
  const lake = openS3(store.config);
  await lake.put("a", BODY);
  assertEquals((await lake.get("a"))?.bytes, BODY);
  assertEquals(reads, 2);
  lake.close();
});

Deno.test("s3: returns a conflict for a conditional put that stored the object but whose answer was lost", async () => {
  let requests = 0;
  await using store = await faulty((_, serve) =>
    ++requests === 1 ? serve().then(() => refusal(500, "InternalError")) : undefined
  );
  const lake = openS3(store.config);
  assertEquals(await lake.put("a", BODY, "absent"), "conflict");
  assertEquals((await lake.get("a"))?.bytes, BODY);
  lake.close();
});

Deno.test("s3: frees a stored body, but not if an attempt that the store refused can still be sending it", async () => {
  let requests = 0;
  // The store refuses the first attempt before it has read the body.
  await using store = await faulty(() =>
    ++requests === 1 ? refusal(500, "InternalError") : undefined
  );
  const lake = openS3(store.config);
  const body = new Uint8Array(4 << 20).fill(7);
  const expected = body.slice();
  await lake.put("a", body, undefined, true);
  assertEquals(requests, 2);
  assertEquals(body.length, expected.length);
  await lake.put("b", body, undefined, true);
  assertEquals(body.length, 0);
  for (const key of ["a", "b"]) {
    assert(equalBytes((await lake.get(key))!.bytes, expected), key);
  }
  lake.close();
});

Deno.test("s3: stops waiting for a store that never answers when the signal aborts", async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<Response>();
  await using store = await faulty(() => released);
  const stop = new AbortController();
  const lake = openS3(store.config, stop.signal);
  const why = new Failure({
    kind: "unreachable",
    task: "wait any longer",
    problem: "30 s are over",
    remedy: "Run again.",
  });
  setTimeout(() => stop.abort(why), 50);
  assertEquals(await assertRejects(() => lake.get("a"), Failure), why);
  lake.close();
  release(new Response());
});

Deno.test("s3: stops waiting for the rest of an object when the signal aborts", async () => {
  const stop = new AbortController();
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  await using store = await faulty(() => {
    setTimeout(() => stop.abort(), 50);
    const endless = new ReadableStream({
      start: (controller) => controller.enqueue(BODY.subarray(0, 2)),
      pull: () => released,
    });
    const headers = { etag: '"0"', "last-modified": new Date().toUTCString() };
    return new Response(endless, { headers: { ...headers, "content-length": "4" } });
  });
  const lake = openS3(store.config, stop.signal);
  await assertRejects(() => lake.get("a"), Failure);
  lake.close();
  release();
});

/** Reads an object in a process that has only the permissions in the arguments. */
async function readWith(config: S3Config, ...permissions: string[]): Promise<string> {
  const root = new URL("../../../", import.meta.url);
  const main = new URL("tests/support/read_from_s3.ts", root);
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", ...permissions, main.href, JSON.stringify(config)],
  });
  const { stdout, stderr } = await command.output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

Deno.test("s3: needs the network permission and no other permission", async () => {
  await using store = await faulty(() => undefined);
  const lake = openS3(store.config);
  await lake.put("day/a", BODY);
  lake.close();
  assertEquals(await readWith(store.config, "--ignore-env", "--allow-net=127.0.0.1"), "body\n");
  const refused = await readWith(store.config, "--ignore-env");
  assertStringIncludes(refused, "Run it with --allow-net for the host of S3_ENDPOINT,");
});
