import { assertEquals } from "../../../support/assert.ts";
import { change, JOB, judgeAll } from "../../healthy/manifests.ts";

// JOB_DATE from a Secret, or from a key of a ConfigMap with another name.

const object = (kind: string, key: string, value: string) =>
  `apiVersion: v1
kind: ${kind}
metadata: { name: day, namespace: analytics-jobs }
${kind === "Secret" ? "stringData" : "data"}: { ${key}: ${JSON.stringify(value)} }
`;

const KINDS = [["ConfigMap", "configMap"], ["Secret", "secret"]] as const;

/** The problems that timestamp-env finds. */
async function problems(files: Record<string, string>) {
  const results = await judgeAll(files);
  return results.find(({ id }) => id === "timestamp-env")!.findings.map(({ problem }) => problem);
}

const VALUES = ["28.12.2025", "2025-12-28\n", "$(date -u +%F)"] as const;
for (const [kind, field] of KINDS) {
  const expected = (value: string) =>
    kind === "Secret"
      ? "the value of JOB_DATE in the Secret is not a date"
      : `JOB_DATE is ${JSON.stringify(value)}, which is not a date`;

  Deno.test(`timestamp-env judges the day in a key of a ${kind} with another name`, async () => {
    const read = `{ name: JOB_DATE, valueFrom: { ${field}KeyRef: { name: day, key: run-date } } }`;
    const job = change(JOB, "          env:\n", `          env:\n            - ${read}\n`);
    for (const value of VALUES) {
      const files = { ...job, "day.yaml": object(kind, "run-date", value) };
      assertEquals(await problems(files), [expected(value)]);
    }
    for (const value of ["2025-12-28", "yesterday"]) {
      assertEquals(await problems({ ...job, "day.yaml": object(kind, "run-date", value) }), []);
    }
  });

  Deno.test(`timestamp-env judges the day of all keys of a ${kind} with a prefix`, async () => {
    const from = `{ prefix: JOB_, ${field}Ref: { name: day } }`;
    const job = change(JOB, "          env:\n", `          envFrom: [${from}]\n          env:\n`);
    const value = "28.12.2025";
    assertEquals(await problems({ ...job, "day.yaml": object(kind, "DATE", value) }), [
      expected(value),
    ]);
  });
}

Deno.test("timestamp-env reports a day in a key JOB_DATE of a ConfigMap once", async () => {
  const read = "{ name: JOB_DATE, valueFrom: { configMapKeyRef: { name: day, key: JOB_DATE } } }";
  const job = change(JOB, "          env:\n", `          env:\n            - ${read}\n`);
  const files = { ...job, "day.yaml": object("ConfigMap", "JOB_DATE", "28.12.2025") };
  assertEquals(await problems(files), ['JOB_DATE is "28.12.2025", which is not a date']);
});
