import { assertEquals } from "../../../support/assert.ts";
import { wrongNames } from "../../../../checks/kubernetes/object_names.ts";

const LONG = "a".repeat(64);

/** Kinds, a name each, and whether the API server of Kubernetes 1.36 refuses it. */
const NAMES: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  [
    "v1 ConfigMap Secret ServiceAccount LimitRange ResourceQuota PersistentVolumeClaim Pod",
    ["a", "1a", "a.b", LONG, "a".repeat(253), "${NAME}", "{{ name }}"],
    ["My-A", "my_a", "a..b", "a/b", "a-", "-a", "a b", "a".repeat(254)],
  ],
  ["v1 Namespace Service", ["a", "a-1", "a".repeat(63)], ["a.b", "My-A", "my_a", "a-", LONG]],
  ["batch/v1 Job", ["a", "a.b", "a".repeat(63)], ["My-A", "my_a", LONG]],
  [
    "rbac.authorization.k8s.io/v1 Role ClusterRole RoleBinding ClusterRoleBinding",
    ["a", "My_A", "system:A b", LONG, "a..b"],
    ["a/b", "a%b", "..", "."],
  ],
  ["policy/v1 PodDisruptionBudget", ["My_A", "a.b"], ["a/b"]],
  ["sparkoperator.k8s.io/v1beta2 SparkApplication", ["a.b", LONG], ["My-A", "my_a", "a-"]],
  ["apps/v1 Deployment StatefulSet", ["a"], ["My-A", "my_a"]],
];

/** What is found in the metadata of an object. */
function found(apiVersion: string, kind: string, metadata: unknown): string[] {
  return wrongNames({ apiVersion, kind, metadata, spec: {} })
    .map(({ path, isUncertain }) => `${path}${isUncertain ? "?" : ""}`);
}

for (const [kinds, good, wrong] of NAMES) {
  const [apiVersion, ...all] = kinds.split(" ") as [string, ...string[]];
  for (const kind of all) {
    Deno.test(`wrongNames judges the name of a ${kind}`, () => {
      for (const name of good) assertEquals(found(apiVersion, kind, { name }), [], name);
      for (const name of wrong) {
        assertEquals(found(apiVersion, kind, { name }), ["metadata.name"], name);
      }
    });
  }
}

Deno.test("wrongNames is uncertain where versions of Kubernetes differ", () => {
  assertEquals(found("v1", "Service", { name: "1a" }), ["metadata.name?"]);
  for (const name of ["a.b", LONG]) {
    assertEquals(found("apps/v1", "StatefulSet", { name }), ["metadata.name?"]);
  }
});

Deno.test("wrongNames judges generateName as a prefix", () => {
  const of = (kind: string, generateName: string) =>
    found(kind === "Job" ? "batch/v1" : "v1", kind, { generateName }).length;
  assertEquals(["a-", "a--", "a", "1"].map((each) => of("ConfigMap", each)), [0, 0, 0, 0]);
  assertEquals(["-", "--", "A-", "a_", "a.", "a..", ""].map((each) => of("ConfigMap", each)), [
    ...[1, 1, 1, 1, 1, 1],
    1,
  ]);
  assertEquals([of("Job", `${LONG}${LONG}-`), of("Service", `${LONG}-`)], [0, 1]);
  assertEquals([of("ReplicationController", "a."), of("ReplicationController", "A.")], [0, 1]);
});

Deno.test("wrongNames finds an object without a name", () => {
  for (const metadata of [undefined, null]) {
    assertEquals(found("v1", "ResourceQuota", metadata), ["metadata"]);
  }
  for (const metadata of [{}, { name: null }, { name: "", generateName: "" }]) {
    assertEquals(found("v1", "ResourceQuota", metadata), ["metadata.name"]);
    assertEquals(found("v1", "Pod", metadata), ["metadata.name?"]);
  }
  assertEquals(found("v1", "ResourceQuota", { generateName: "a-" }), []);
});

Deno.test("wrongNames judges the namespace of an object", () => {
  for (const namespace of ["my_ns", "My", "a.b", LONG]) {
    assertEquals(found("v1", "Secret", { name: "a", namespace }), ["metadata.namespace"]);
    assertEquals(found("v1", "PersistentVolume", { name: "a", namespace }), []);
  }
  assertEquals(found("v1", "Secret", { name: "a", namespace: "1-a" }), []);
});

Deno.test("wrongNames accepts a long name of a Job that selects its pods itself", () => {
  const job = { apiVersion: "batch/v1", kind: "Job", metadata: { name: LONG } };
  assertEquals(wrongNames({ ...job, spec: { manualSelector: true } }), []);
});
