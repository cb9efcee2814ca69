import { bronzePrefix } from "../../pipeline/contract/keys.ts";
import type { S3Config } from "../../pipeline/config.ts";
import { parseDay } from "../../pipeline/contract/window.ts";
import { openLake } from "../../pipeline/lake/open.ts";
import { assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { type ObjectStore, startObjectStore } from "../support/object_store.ts";
import { partIn, publish } from "../support/published_days.ts";
import { refusal, startStrictS3 } from "../support/strict_s3.ts";
import { runTask } from "../support/task.ts";

// Runs status, show and clean on a real object store, in their confined worker.

const DAY = parseDay("2025-12-28")!;

let server: ObjectStore | undefined;
Deno.test.beforeAll(async () => {
  server = await startObjectStore();
});
Deno.test.afterAll(async () => {
  await server?.stop();
});

function environmentOf(config: S3Config): Record<string, string> {
  return {
    S3_ENDPOINT: config.endpoint,
    S3_BUCKET: config.bucket,
    AWS_REGION: config.region,
    AWS_ACCESS_KEY_ID: config.accessKeyId,
    AWS_SECRET_ACCESS_KEY: config.secretAccessKey,
  };
}

Deno.test("status, show, clean: work on a bucket, and print no key", async () => {
  const config = await server!.createBucket("days");
  const lake = await openLake(config);
  await publish(lake, DAY, 10);
  const orphan = partIn(bronzePrefix(DAY), 1, "00001").key;
  await lake.put(orphan, new Uint8Array(100));
  const env = environmentOf(config);
  const outcomes = [
    await runTask("status", [DAY], env),
    await runTask("show", ["bronze", DAY, "--limit", "0"], env),
    await runTask("clean", [DAY, "--yes"], env),
  ];
  assertEquals(outcomes.map(({ code, stderr }) => [code, stderr]), [[0, ""], [0, ""], [0, ""]]);
  const [status, show, clean] = outcomes.map(({ stdout }) => stdout) as [string, string, string];
  assertMatch(status, /^2025-12-28 +sealed +10 +sealed +5 /m);
  assertStringIncludes(show, "bronze 2025-12-28, sealed: 10 rows; 0 shown");
  assertMatch(
    clean,
    new RegExp(`left +${orphan}, 100 bytes, 0 hours old: a run may be in progress`),
  );
  assertStringIncludes(clean, "nothing to remove");
  const forbidden = [config.accessKeyId, config.secretAccessKey];
  for (const key of forbidden) assertEquals([status, show, clean].join("").includes(key), false);
  assertEquals((await lake.list("_preflight/")).length, 0);
  lake.close();
});

Deno.test("status: exits with 3 if the store denies a marker, and reports all other days", async () => {
  let refuses = false;
  const strict = startStrictS3({
    fault(request) {
      const isMarker = request.method === "GET" && request.url.includes(`${DAY}/_commit.json`);
      return refuses && isMarker ? refusal(403, "AccessDenied") : undefined;
    },
  });
  const config = await strict.createBucket("days");
  const lake = await openLake(config);
  await publish(lake, DAY, 10);
  await publish(lake, parseDay("2025-12-29")!, 10);
  lake.close();
  refuses = true;
  const range = ["--from", DAY, "--to", "2025-12-29"];
  const { code, stdout } = await runTask("status", range, environmentOf(config));
  assertEquals(code, 3);
  assertMatch(
    stdout,
    /^2025-12-28 +unreadable .*\n +bronze: Cannot read [^]*AccessDenied[^]*^2025-12-29/m,
  );
  assertMatch(stdout, /^2025-12-29 +sealed +10 +sealed +5 /m);
  await strict.stop();
});
