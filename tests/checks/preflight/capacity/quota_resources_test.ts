import { assertEquals } from "../../../support/assert.ts";
import { change, FILES, JOB } from "../../healthy/manifests.ts";
import { foundWith } from "../../spark/whole_preflight.ts";

/** The problems that quota-fit finds with one more quota or LimitRange, and changed files. */
async function withBound(kind: string, spec: string, files = FILES): Promise<string[]> {
  const object = `apiVersion: v1
kind: ${kind}
metadata: { name: more, namespace: analytics-jobs }
spec: ${spec}
`;
  return (await foundWith(object, files))["quota-fit"] ?? [];
}

const DRIVER_LIMITS = "            limits:\n";

Deno.test("quota-fit judges devices that the containers or Spark's settings request", async () => {
  const hard = '{ hard: { requests.nvidia.com/gpu: "1" } }';
  assertEquals(await withBound("ResourceQuota", hard), []);
  const driver = change(JOB, DRIVER_LIMITS, `${DRIVER_LIMITS}              nvidia.com/gpu: 2\n`);
  assertEquals(await withBound("ResourceQuota", hard, driver), [
    "requests.nvidia.com/gpu: driver 2, and ResourceQuota analytics-jobs/more allows 1",
  ]);
  const conf = (key: string) => `            - --conf=spark.executor.resource.gpu.${key}\n`;
  const at = "            - --name=bronze-ingest\n";
  const executors = change(JOB, at, `${at}${conf("amount=2")}${conf("vendor=nvidia.com")}`);
  assertEquals(await withBound("ResourceQuota", hard, executors), [
    "requests.nvidia.com/gpu: executor 2, and ResourceQuota analytics-jobs/more allows 1",
  ]);
});

Deno.test("quota-fit counts ephemeral storage, which a container need not set", async () => {
  const hard = (amount: string) => `{ hard: { limits.ephemeral-storage: ${amount} } }`;
  assertEquals(await withBound("ResourceQuota", hard("1Gi")), []);
  const driver = change(
    JOB,
    DRIVER_LIMITS,
    `${DRIVER_LIMITS}              ephemeral-storage: 2Gi\n`,
  );
  assertEquals(await withBound("ResourceQuota", hard("1Gi"), driver), [
    "limits.ephemeral-storage: driver 2Gi, and ResourceQuota analytics-jobs/more allows 1Gi",
  ]);
  const short = "{ hard: { ephemeral-storage: 1Gi } }";
  assertEquals(await withBound("ResourceQuota", short, driver), [
    "ephemeral-storage: driver 2Gi, and ResourceQuota analytics-jobs/more allows 1Gi",
  ]);
});

Deno.test("quota-fit applies the defaults and bounds of a LimitRange to each resource", async () => {
  const limit = (fields: string) => `{ limits: [{ type: Container, ${fields} }] }`;
  assertEquals(await withBound("LimitRange", limit("default: { ephemeral-storage: 2Gi }")), []);
  const least = await withBound("LimitRange", limit("min: { ephemeral-storage: 1Gi }"));
  assertEquals(least, []);
  const low = change(JOB, DRIVER_LIMITS, `${DRIVER_LIMITS}              ephemeral-storage: 1Mi\n`);
  assertEquals(await withBound("LimitRange", limit("min: { ephemeral-storage: 1Gi }"), low), [
    "the driver requests 1Mi of ephemeral-storage, and LimitRange analytics-jobs/more wants at least 1Gi",
  ]);
});
