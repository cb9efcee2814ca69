import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import { edited, judge, manifests, onlyFinding } from "../../healthy/connections.ts";

for (const [part, name] of [["robsonNamespace", "robson"], ["jobsNamespace", "analytics-jobs"]]) {
  const namespace = part as "robsonNamespace" | "jobsNamespace";
  Deno.test(`${name} without its label, with another or a wrong one`, () => {
    for (const labels of ["{}", `{ app: ${name} }`, "{ name: other }"]) {
      const found = onlyFinding(edited(namespace, `{ name: ${name} } }`, `${labels} }`));
      assertEquals([found.id, found.severity, found.object, found.field], [
        ...["namespace-labels", "fail", `Namespace ${name}`, "metadata.labels"],
      ]);
      assertStringIncludes(found.fix, `kubectl label namespace ${name} name=${name} --overwrite`);
      if (labels.includes("app")) assertStringIncludes(found.problem, `it has app=${name}`);
    }
  });
}

const selectors = [
  ["a misspelt value", "outbox", "name: robson }", "name: robsn }", '{"name":"robson"}'],
  [
    "a value with more to it",
    "outbox",
    "name: robson }",
    "name: robson-prod }",
    '{"name":"robson"}',
  ],
  [
    "a label that only somebody could have set",
    ...["dns", "kubernetes.io/metadata.name: kube-system", "name: kube-system"],
    '{"kubernetes.io/metadata.name":"kube-system"}',
  ],
  [
    "a misspelt name",
    ...["dns", "metadata.name: kube-system", "metadata.name: kube-sytem"],
    '{"kubernetes.io/metadata.name":"kube-system"}',
  ],
] as const;
for (const [name, part, from, to, patched] of selectors) {
  Deno.test(`a selector that selects no namespace, for ${name}, with the nearest label`, () => {
    const found = onlyFinding(edited(part, from, to));
    assertEquals([found.id, found.severity, found.field], [
      ...["namespace-labels", "fail", "spec.egress[0].to[0].namespaceSelector"],
    ]);
    assertStringIncludes(found.fix, `"value":{"matchLabels":${patched}}`);
  });
}

Deno.test("a selector that is like no label at all", () => {
  const found = onlyFinding(edited("outbox", "name: robson }", "team: trading }"));
  assertEquals(found.id, "namespace-labels");
  assertStringIncludes(found.problem, "selects namespaces with team=trading");
});

Deno.test("what only the cluster knows is said, and not judged", () => {
  const outcomes = judge(manifests({ robsonNamespace: "" }));
  assertEquals(outcomes.get("namespace-labels"), {
    examined: "namespace analytics-jobs, 2 selectors of namespaces; not judged: whether robson " +
      "has name=robson, which only the cluster knows (kubectl get namespace robson --show-labels)",
    findings: [],
  });
  // The others take it for granted, or one fault would be told twice.
  assertEquals(outcomes.get("database-egress"), {
    ...{ examined: "pods of 1 job under 6 policies", findings: [] },
  });
});

Deno.test("without namespaces and policies there is nothing to judge", () => {
  const none = { deny: "", dns: "", store: "", outbox: "", api: "", spark: "" };
  const outcome = judge(manifests({ ...none, jobsNamespace: "", robsonNamespace: "" }));
  assertEquals("nothing" in outcome.get("namespace-labels")!, true);
});
