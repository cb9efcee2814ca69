import { RUNBOOK_EVENTS } from "../../tasks/demo/events.ts";
import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { clusterTest, controlPlane } from "../support/control_plane.ts";
import { temporaryLake } from "../support/lakes.ts";
import { type ObjectStore, startObjectStore } from "../support/object_store.ts";
import { outbox } from "../support/postgres.ts";
import { environment, runTask } from "../support/task.ts";

// What `--verbose` prints about the requests to real servers.

let store: ObjectStore;
Deno.test.beforeAll(async () => {
  store = await startObjectStore();
});
Deno.test.afterAll(() => store.stop());

/** A line about a request: the server, the request, perhaps its status, and the time. */
const LINE = /^request (postgres|s3|kubernetes|registry) +\S.* {2}(\d{3}, |failed, )?[\d.]+ ms$/;

function requestsIn(stderr: string): string[] {
  const lines = stderr.trimEnd().split("\n");
  for (const line of lines) assertMatch(line, LINE);
  return lines;
}

Deno.test("--verbose: run prints each request to Postgres and the object store, and no secret", async () => {
  const bucket = await store.createBucket("verbose");
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  const { LAKE_URL: _, ...env } = environment(db.config, "");
  const { code, stdout, stderr } = await runTask("run", ["2025-12-28", "-v"], {
    ...env,
    S3_ENDPOINT: bucket.endpoint,
    S3_BUCKET: bucket.bucket,
    AWS_REGION: bucket.region,
    AWS_ACCESS_KEY_ID: bucket.accessKeyId,
    AWS_SECRET_ACCESS_KEY: bucket.secretAccessKey,
  });
  assertEquals(code, 0, stderr);
  const lines = requestsIn(stderr);
  const has = (pattern: RegExp) => assert(lines.some((line) => pattern.test(line)), stderr);
  has(/postgres +log in as /);
  has(/postgres +.*COPY/);
  has(
    new RegExp(`s3 +PUT /${bucket.bucket}/bronze/events/date=2025-12-28/_commit\\.json  200, `),
  );
  has(/s3 +GET .*_commit\.json {2}404, /);
  const secrets = [db.config.password, bucket.secretAccessKey, bucket.accessKeyId];
  for (const secret of secrets) assert(!(stdout + stderr).includes(secret));
});

Deno.test("--verbose: without it, a command prints no request", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  const env = environment(db.config, lake.path);
  const { code, stderr } = await runTask("bronze", ["2025-12-28"], env);
  assertEquals([code, stderr], [0, ""]);
});

clusterTest("--verbose: preflight prints each request to the Kubernetes API", async () => {
  const { kubeconfig } = controlPlane();
  const args = ["--facts", "cluster", "--kubeconfig", kubeconfig, "--verbose"];
  const { stderr } = await runTask("preflight", args);
  assert(
    requestsIn(stderr).some((line) => /kubernetes +GET \/version {2}200, /.test(line)),
    stderr,
  );
});
