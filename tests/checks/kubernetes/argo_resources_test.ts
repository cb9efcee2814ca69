import { readResources } from "../../../checks/kubernetes/argo_resources.ts";
import { readFile } from "../../../checks/facts/manifests.ts";
import { notJudgedAmong } from "../../../checks/preflight/manifests/not_judged.ts";
import { assertEquals } from "../../support/assert.ts";

const workflow = (resource: string, kind = "WorkflowTemplate") =>
  readFile(
    "a.yaml",
    `apiVersion: argoproj.io/v1alpha1
kind: ${kind}
metadata: { name: etl, namespace: jobs }
spec:
  templates:
    - name: submit
      resource:
${resource.replaceAll(/^(?=.)/gm, "        ")}
`,
  ).objects;

const POD = `action: create
manifest: |
  apiVersion: v1
  kind: Pod
  metadata:
    name: a
  spec: { containers: [] }
`;

Deno.test("readResources reads the object, its namespace and its lines", () => {
  const [object] = workflow(POD);
  const { objects: [pod], unknown } = readResources(object!);
  assertEquals([pod!.kind, pod!.name, pod!.namespace, pod!.file], ["Pod", "a", "jobs", "a.yaml"]);
  assertEquals([pod!.line, pod!.lines.get("metadata.name")], [10, 13]);
  assertEquals(unknown, []);
  const [other] = workflow(POD.replace("  name: a", "  name: a\n    namespace: own"));
  assertEquals(readResources(other!).objects[0]!.namespace, "own");
});

Deno.test("notJudgedAmong names the manifests of a workflow that are not known", () => {
  const cases = {
    "the manifest of its object has parameters": POD.replace("name: a", "name: '{{pod}}'"),
    "the manifest of its object is in another place":
      "action: apply\nmanifestFrom: { artifact: { name: m } }",
  };
  for (const [reason, resource] of Object.entries(cases)) {
    assertEquals(notJudgedAmong(workflow(resource)), [
      { object: "WorkflowTemplate jobs/etl", reason: `template submit: ${reason}` },
    ]);
  }
  const patch = "action: patch\nmanifest: '{}'";
  assertEquals(notJudgedAmong(workflow(patch)).length, 1);
  assertEquals(notJudgedAmong(workflow("action: get\nmanifest: '{}'")), []);
  const rollout = POD.replace("apiVersion: v1", "apiVersion: argoproj.io/v1alpha1")
    .replace("kind: Pod", "kind: Rollout").replace("[]", "[{ name: a, image: a }]");
  assertEquals(notJudgedAmong(workflow(rollout)), [
    { object: "Rollout jobs/a", reason: "kind is not supported" },
  ]);
});
