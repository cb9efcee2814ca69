import type { S3Config } from "../../pipeline/config.ts";
import { assertEquals, assertStringIncludes } from "../support/assert.ts";
import { REQUIRED_PACKAGES, rgwInstalled, startRgw } from "../support/ceph_rgw.ts";
import type { ObjectStore } from "../support/object_store.ts";
import { signedFetch } from "../support/sigv4.ts";
import { JVM, python } from "./python.ts";
import { missingSpark, sparkPython, sparkTest } from "./spark.ts";

// Accesses a bucket as the jobs do, with the image's S3 client. This needs a JVM, but no Spark.

const missing = [
  await missingSpark(),
  rgwInstalled() ? undefined : `Ceph RGW is not here, it needs the packages ${REQUIRED_PACKAGES}`,
].filter((reason) => reason !== undefined).join("; ") || undefined;

let store: ObjectStore | undefined;
Deno.test.beforeAll(async () => {
  if (missing === undefined) store = await startRgw();
});
Deno.test.afterAll(async () => {
  await store?.stop();
});

/** Runs a Python program with a list of lakes, one for each configuration. */
async function withLakes(program: string, configs: readonly S3Config[]) {
  const given = configs.map((config) => ({
    S3_ENDPOINT: config.endpoint,
    S3_BUCKET: config.bucket,
    AWS_REGION: config.region,
    AWS_ACCESS_KEY_ID: config.accessKeyId,
    AWS_SECRET_ACCESS_KEY: config.secretAccessKey,
    ...(config.sessionToken === undefined ? {} : { AWS_SESSION_TOKEN: config.sessionToken }),
  }));
  const body = `${JVM}
from deep_storage import conditions
from deep_storage.lake import Lake
stores, lakes = [], []
for case in given:
    os.environ.update(case)
    stores.append(settings.store())
    lakes.append(Lake(Spark, stores[-1]))
def told(work, store):
    try:
        return work()
    except Failure as failure:
        return [failure.kind, str(failure)]
    except Py4JJavaError as error:
        failure = java_failure.explain(error, None, store)
        return [failure.kind, str(failure)]
try:
${program.trim().split("\n").map((line) => `    ${line}`).join("\n")}
finally:
    gateway.shutdown()`;
  return await python(body, { given, ...await sparkPython() });
}

sparkTest(
  "Spark lake: tests conditions, detects a bucket that ignores them, and removes objects",
  missing,
  async () => {
    const plain = await store!.createBucket("conditions");
    const versioned = await store!.createBucket("versioned");
    const url = new URL(`${versioned.endpoint}/${versioned.bucket}?versioning=`);
    const body = new TextEncoder().encode(
      "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
    );
    const answer = await signedFetch(versioned, "PUT", url, { body });
    await answer.body?.cancel();
    const [kept, refused, left, denied, unknown, removed] = await withLakes(
      `
result = [
    told(lambda: conditions.confirm_conditions(lakes[0]), stores[0]),
    told(lambda: conditions.confirm_conditions(lakes[1]), stores[1]),
    [len(lake.list("")) for lake in lakes[:2]],
    told(lambda: lakes[2].get("a"), stores[2]),
    told(lambda: lakes[3].get("a"), stores[3]),
]
for key in ["x/1", "x/2 ä&<>", "x/3"]:
    lakes[0].put(key, b"")
lakes[0].remove_all(["x/2 ä&<>", "x/none", "x/3"])
result.append([entry.key for entry in lakes[0].list("")])
result[-1].append(told(lambda: lakes[2].remove_all(["x/1"]), stores[2])[0])`,
      [
        plain,
        versioned,
        { ...plain, secretAccessKey: "wr0ng" },
        { ...plain, bucket: "none" },
      ],
    );
    assertEquals(kept, null);
    assertEquals(refused[0], "configuration");
    assertStringIncludes(refused[1], "The bucket has versioning");
    assertEquals(left, [0, 0]);
    assertEquals(removed, ["x/1", "configuration"]);
    assertEquals(denied[0], "configuration");
    assertStringIncludes(denied[1], "Set AWS_SECRET_ACCESS_KEY");
    assertEquals(unknown[0], "configuration");
    assertStringIncludes(unknown[1], "no bucket none (NoSuchBucket)");
  },
);

/** Starts a store that gives the same answer to every request. */
function answering(status: number, code: string) {
  const body = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>KEYID</Message></Error>`;
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    return new Response(body, { status, headers: { "content-type": "application/xml" } });
  });
}

sparkTest(
  "Spark lake: derives the exit code from the store's answer, with the image's client",
  missing,
  async () => {
    const cases: [number, string, string, string][] = [
      [400, "ExpiredToken", "configuration", "the session token has expired (ExpiredToken)"],
      [400, "RequestTimeout", "unreachable", "RequestTimeout"],
      [503, "SlowDown", "unreachable", "SlowDown"],
      [409, "OperationAborted", "unreachable", "409 OperationAborted"],
      [403, "AccessDenied", "configuration", "list, read, write and delete"],
      [404, "NoSuchRoute", "configuration", "404 NoSuchRoute"],
    ];
    const servers = cases.map(([status, code]) => answering(status, code));
    try {
      const told = await withLakes(
        `
result = []
for lake, store in zip(lakes, stores):
    result.append(told(lambda: lake.get("a"), store))`,
        servers.map(({ addr: { port } }) => ({
          kind: "s3",
          endpoint: `http://127.0.0.1:${port}`,
          region: "eu",
          bucket: "rbs",
          accessKeyId: "KEYID",
          secretAccessKey: "s3cr3t",
          sessionToken: "t0ken",
        })),
      );
      cases.forEach(([, code, kind, words], i) => {
        assertEquals(told[i][0], kind, `${code}: ${told[i][1]}`);
        assertStringIncludes(told[i][1], words);
        assertEquals(/KEYID|s3cr3t|t0ken/.test(told[i][1]), false);
      });
    } finally {
      await Promise.all(servers.map((server) => server.shutdown()));
    }
  },
);

sparkTest(
  "Spark lake: reports another put in progress as a temporary failure, with the image's client",
  missing,
  async () => {
    const cases = [[409, "ConditionalRequestConflict"], [409, "OperationAborted"]] as const;
    const servers = cases.map(([status, code]) => answering(status, code));
    try {
      const told = await withLakes(
        `
result = []
for lake, store in zip(lakes, stores):
    result.append(told(lambda: lake.put("a", b"", {"If-None-Match": "*"}), store))`,
        servers.map(({ addr: { port } }) => ({
          kind: "s3",
          endpoint: `http://127.0.0.1:${port}`,
          region: "eu",
          bucket: "rbs",
          accessKeyId: "KEYID",
          secretAccessKey: "s3cr3t",
          sessionToken: "t0ken",
        })),
      );
      assertEquals(told.map(([kind]: [string]) => kind), ["unreachable", "unreachable"]);
    } finally {
      await Promise.all(servers.map((server) => server.shutdown()));
    }
  },
);
