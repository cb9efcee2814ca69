import type { S3Config } from "../../../pipeline/config.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { openS3 } from "../../../pipeline/lake/s3.ts";
import { rgwInstalled } from "../../support/ceph_rgw.ts";
import { assertEquals, assertRejects, assertStringIncludes } from "../../support/assert.ts";
import { store, storeKinds } from "../../support/lake_places.ts";
import { signedFetch } from "../../support/sigv4.ts";

// Whether a store honours conditions is confirmed before anything is published there.

storeKinds();

/** A bucket of the real Ceph RGW. */
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
  for (const part of [`in ${lake.name}: `, "runbook/lake-conformance.md", ...saying]) {
    assertStringIncludes(message, part);
  }
  assertEquals(await lake.list(""), []);
  lake.close();
}

const onRgw = { ignore: !rgwInstalled() };

Deno.test("conditions: a versioned bucket of Ceph RGW is refused by name", onRgw, async () => {
  const config = await bucket();
  const versioned = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
  await ask(config, "PUT", "versioning=", versioned);
  await assertRefuses(config, ["The bucket has versioning", "Set S3_BUCKET to a bucket"]);
});
