import { accountsOf, jobsOf } from "../../../checks/kubernetes/jobs.ts";
import { readFile } from "../../../checks/facts/manifests.ts";
import type { Fields } from "../../../checks/kubernetes/fields.ts";
import { lineOf, type ManifestObject } from "../../../checks/kubernetes/objects.ts";
import { dataOf, environmentOf, workloadsOf } from "../../../checks/kubernetes/workloads.ts";
import { assertEquals } from "../../support/assert.ts";

function objects(yaml: string): readonly ManifestObject[] {
  const { objects, problems } = readFile("a.yaml", yaml);
  assertEquals(problems, []);
  return objects;
}

const job = (name: string, spec: string) => `
apiVersion: batch/v1
kind: Job
metadata: { name: ${name}, namespace: analytics-jobs }
spec: { template: { spec: { ${spec} } } }
`;

Deno.test("accountsOf reads both fields of the account, and lists each account once", () => {
  const all = objects([
    job("a", "serviceAccountName: spark"),
    job("b", "serviceAccount: old"),
    job("c", "serviceAccountName: spark, serviceAccount: old"),
    job("d", "containers: []"),
  ].join("---"));
  assertEquals(accountsOf(all).map(({ name }) => name), ["spark", "old", "default"]);
});

Deno.test("workloadsOf lists init containers first, and counts a sidecar as a container", () => {
  const [workload] = workloadsOf(objects(job(
    "a",
    "containers: [{ name: main, command: [a], args: [b, c] }], initContainers: " +
      "[{ name: setup }, { name: proxy, restartPolicy: Always }]",
  )));
  assertEquals(workload!.containers.map(({ name, isInit }) => [name, isInit]), [
    ["setup", true],
    ["proxy", false],
    ["main", false],
  ]);
  assertEquals(workload!.containers[2]!.words, [
    { path: "spec.template.spec.containers[0].command[0]", text: "a" },
    { path: "spec.template.spec.containers[0].args[0]", text: "b" },
    { path: "spec.template.spec.containers[0].args[1]", text: "c" },
  ]);
});

Deno.test("jobsOf includes Pods of the jobs' namespace, and no Pods of other namespaces", () => {
  const pod = (namespace: string) =>
    `apiVersion: v1\nkind: Pod\nmetadata: { name: p, namespace: ${namespace} }\nspec: {}\n`;
  const all = objects([pod("analytics-jobs"), pod("robson")].join("---\n"));
  assertEquals(jobsOf(all).map(({ object }) => object.namespace), ["analytics-jobs"]);
});

const SECRET = { kind: "Secret", data: { KEY: btoa("s3cr3t") }, stringData: { OTHER: "text" } };
const CONFIG = { kind: "ConfigMap", data: { HOST: "db" } };
const lookup = (kind: string, _namespace: string, name: string): Fields | undefined =>
  name === "missing" ? undefined : kind === "Secret" ? SECRET : CONFIG;

Deno.test("environmentOf marks a value as secret if any part of it comes from a Secret", () => {
  const { variable } = environmentOf(
    [{
      envFrom: [{ prefix: "P_", secretRef: { name: "s" } }, { configMapRef: { name: "c" } }],
      env: [
        { name: "URL", value: "https://$(P_KEY)@$(HOST)/$(NONE)" },
        { name: "PLAIN", value: "$(HOST)" },
        { name: "FROM", valueFrom: { secretKeyRef: { name: "s", key: "KEY" } } },
      ],
    }],
    "analytics-jobs",
    lookup,
  );
  assertEquals(variable("URL"), { value: "https://s3cr3t@db/$(NONE)", isSecret: true });
  assertEquals(variable("PLAIN"), { value: "db", isSecret: false });
  assertEquals(variable("FROM"), { value: "s3cr3t", isSecret: true });
  assertEquals(variable("P_OTHER"), { value: "text", isSecret: true });
});

Deno.test("environmentOf explains why a value is unknown", () => {
  const { variable } = environmentOf(
    [{
      env: [
        { name: "A", valueFrom: { secretKeyRef: { name: "missing", key: "KEY" } } },
        { name: "B", valueFrom: { configMapKeyRef: { name: "c", key: "PORT" } } },
        { name: "C", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
      ],
    }],
    "jobs",
    lookup,
  );
  assertEquals(["A", "B", "C"].map((name) => variable(name)!.unknown), [
    "it comes from Secret jobs/missing, which is not in the manifests",
    "ConfigMap jobs/c has no key PORT",
    "its value comes from fieldRef",
  ]);
});

Deno.test("environmentOf does not know a value that refers to an unknown value", () => {
  const { variable } = environmentOf(
    [{
      env: [
        { name: "db-host", valueFrom: { secretKeyRef: { name: "missing", key: "HOST" } } },
        { name: "URL", value: "https://$(db-host).svc" },
        { name: "TWICE", value: "$(URL)/x" },
        { name: "TEXT", value: "$$(db-host) $$5 $(later)" },
      ],
    }],
    "jobs",
    lookup,
  );
  assertEquals(variable("URL"), {
    value: undefined,
    unknown: "it contains $(db-host), and the value of db-host is not known",
    isSecret: true,
  });
  assertEquals(variable("TWICE")!.value, undefined);
  assertEquals(variable("TEXT"), { value: "$(db-host) $5 $(later)", isSecret: false });
});

Deno.test("dataOf decodes a Secret, and prefers stringData", () => {
  assertEquals([...dataOf({ ...SECRET, stringData: { KEY: "plain" } })], [["KEY", "plain"]]);
  assertEquals([...dataOf(CONFIG)], [["HOST", "db"]]);
});

Deno.test("objectsOf replaces a list by its items, and keeps the line of each field", () => {
  const list = `apiVersion: v1
kind: SecretList
items:
  - metadata: { name: a }
    stringData:
      KEY: b
  - metadata: { name: c }
`;
  const [a, c] = objects(list);
  assertEquals([a!.kind, a!.apiVersion, a!.name, c!.name], ["Secret", "v1", "a", "c"]);
  assertEquals([a!, c!].map((each) => lineOf(each, "metadata.name")), [4, 7]);
  assertEquals(lineOf(a!, "stringData.KEY"), 6);
});

Deno.test("lineOf returns the line of the closest field around an absent field", () => {
  const [policy] = objects(`apiVersion: v1
kind: Pod
metadata: { name: a }
spec:
  containers:
    - name: main
      env:
        - name: A
`);
  assertEquals(lineOf(policy!, "spec.containers[0].env[0].value"), 8);
  assertEquals(lineOf(policy!, "spec.containers[0].env[7]"), 7);
  assertEquals(lineOf(policy!, "spec.containers[3]"), 5);
  assertEquals(lineOf(policy!, "status"), 1);
});
