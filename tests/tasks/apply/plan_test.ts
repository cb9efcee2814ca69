import { readManifests } from "../../../tasks/apply/plan.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { assert, assertEquals, assertRejects } from "../../support/assert.ts";
import { directoryOf, NAMESPACE } from "./setup.ts";

const secret = (fields: string) => `
apiVersion: v1
kind: Secret
metadata: { name: django-db-credentials, namespace: analytics-jobs }
${fields}
`;

const ENCRYPTED = "ENC[AES256_GCM,data:q83v,iv:q83v,tag:q83v,type:str]";

for (
  const [name, text] of [
    ["SOPS encrypted", secret(`stringData: { A: "${ENCRYPTED}" }\nsops: { version: 3.9.0 }`)],
    ["has one encrypted value", secret(`stringData: { A: "${ENCRYPTED}", B: b }`)],
    ["refers to a vault", secret('stringData: { A: "ref+vault://secret/data/db#/password" }')],
  ] as const
) {
  Deno.test(`apply refuses a Secret that ${name}, because it would store the text as it is`, async () => {
    await using directory = await directoryOf(NAMESPACE, text);
    const { signal } = new AbortController();
    const failure = await assertRejects(() => readManifests(directory.path, signal), Failure);
    assertEquals(failure.kind, "configuration");
    assert(failure.problem.includes("Secret analytics-jobs/django-db-credentials in"));
    assert(!failure.message.includes("ENC["));
  });
}

Deno.test("apply accepts a Secret with plain values", async () => {
  await using directory = await directoryOf(NAMESPACE, secret("stringData: { A: b }"));
  const { objects } = await readManifests(directory.path, new AbortController().signal);
  assertEquals(objects.length, 2);
});
