import { wrongWorkload } from "../../../checks/kubernetes/pod_rules.ts";
import { assertEquals } from "../../support/assert.ts";

// The sources of variables that the API server refuses.

const problemsOf = (valueFrom: unknown) =>
  wrongWorkload({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "a" },
    spec: { containers: [{ name: "a", image: "a:1", env: [{ name: "A", valueFrom }] }] },
  }).map(({ path, problem, fix }) => [path, problem, fix]);

const FIELDS = [
  ["metadata.name", "metadata.namespace", "metadata.uid", "metadata.labels['app']"],
  ["metadata.annotations['example.com/a']", "spec.nodeName", "spec.serviceAccountName"],
  ["status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"],
].flat();
for (const fieldPath of FIELDS) {
  Deno.test(`a variable can have the field ${fieldPath} of its pod`, () => {
    assertEquals(problemsOf({ fieldRef: { fieldPath } }), []);
  });
}

for (const fieldPath of ["spec.podIP", "status.phase", "metadata.labels", "spec.nodename"]) {
  Deno.test(`no variable can have the field ${fieldPath} of its pod`, () => {
    const [[path, problem] = []] = problemsOf({ fieldRef: { fieldPath } });
    assertEquals(path, "spec.containers[0].env[0].valueFrom.fieldRef.fieldPath");
    assertEquals(problem, `no variable can have the field ${fieldPath} of its pod`);
  });
}

Deno.test("the fix names the field that was meant", () => {
  assertEquals(
    problemsOf({ fieldRef: { fieldPath: "status.podIp" } })[0]?.[2],
    "Did you mean status.podIP?",
  );
});

Deno.test("a variable can have the limits and requests of a container, and no other amount", () => {
  for (const resource of ["limits.cpu", "requests.memory", "limits.ephemeral-storage"]) {
    assertEquals(problemsOf({ resourceFieldRef: { resource } }), []);
  }
  for (const resource of ["cpu", "limits.pods", "limit.cpu"]) {
    const [[path] = []] = problemsOf({ resourceFieldRef: { resource } });
    assertEquals(path, "spec.containers[0].env[0].valueFrom.resourceFieldRef.resource");
  }
});
