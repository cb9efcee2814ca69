import type { Fields } from "../../../checks/kubernetes/fields.ts";
import { platformOf } from "../../../checks/preflight/platform.ts";
import { assertEquals } from "../../support/assert.ts";
import { clusterWith, manifestsFact } from "../healthy/one_file.ts";

// Tests whether the Job of the manifests or the Job of the cluster is used.

const job = (image: string, status: Fields = {}) => `
apiVersion: batch/v1
kind: Job
metadata: { name: bronze, namespace: analytics-jobs }
spec:
  suspend: true
  template: { spec: { containers: [{ name: driver, image: "${image}" }] } }
status: ${JSON.stringify(status)}
`;

const SUSPENDED = {};
const RUNNING = { startTime: "2025-12-28T00:00:00Z", active: 1 };
const FINISHED = {
  startTime: RUNNING.startTime,
  conditions: [{ type: "Complete", status: "True" }],
};

function imagesOf(status: Fields, yaml?: string): string[] {
  const manifests = yaml === undefined ? undefined : manifestsFact(yaml);
  const live = clusterWith(job("rbs-spark:live", status), {}, yaml ?? "");
  const { objects } = platformOf(manifests, live);
  return objects.map(({ value }) => /rbs-spark:\w+/.exec(JSON.stringify(value))![0]);
}

Deno.test("platformOf keeps a running Job unchanged, and takes any other object from the manifests", () => {
  const manifest = job("rbs-spark:ours");
  assertEquals(imagesOf(SUSPENDED, manifest), ["rbs-spark:ours"]);
  assertEquals(imagesOf(RUNNING, manifest), ["rbs-spark:live"]);
  assertEquals(imagesOf(FINISHED, manifest), ["rbs-spark:ours"]);
});

Deno.test("platformOf includes a Job that is only in the cluster until it has finished", () => {
  assertEquals(imagesOf(SUSPENDED), ["rbs-spark:live"]);
  assertEquals(imagesOf(RUNNING), ["rbs-spark:live"]);
  assertEquals(imagesOf(FINISHED), []);
});

const OWNER_UID = "0f0e0d0c-0000-4000-8000-000000000001";

const owned = (uid: string) => `
apiVersion: v1
kind: Pod
metadata:
  name: bronze-x7k2p
  namespace: analytics-jobs
  ownerReferences: [{ kind: Job, name: bronze, uid: ${uid} }]
spec: { containers: [{ name: driver, image: "rbs-spark:pod" }] }
`;

Deno.test("platformOf leaves out an object if its owner is in the cluster too", () => {
  const owner = job("rbs-spark:live").replace("name: bronze,", `name: bronze, uid: ${OWNER_UID},`);
  const kindsOf = (live: string) =>
    platformOf(undefined, clusterWith(live, {}, "")).objects.map(({ kind }) => kind);
  assertEquals(kindsOf(`${owner}\n---\n${owned(OWNER_UID)}`), ["Job"]);
  assertEquals(kindsOf(`${owner}\n---\n${owned("another-uid")}`), ["Job", "Pod"]);
  assertEquals(kindsOf(owned(OWNER_UID)), ["Pod"]);
});
