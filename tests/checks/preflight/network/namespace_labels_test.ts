import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import { edited, judge, manifests, onlyFinding } from "../../healthy/connections.ts";

const namespaces = [
  ["robsonNamespace", "robson", "{ name: robson } }", (label: string) => `{ ${label} } }`],
  [
    "jobsNamespace",
    "analytics-jobs",
    "\n    name: analytics-jobs\n",
    (label: string) => `\n    ${label}\n`,
  ],
] as const;
for (const [part, name, from, to] of namespaces) {
  Deno.test(`namespace-labels reports ${name} without its label, with another or a wrong one`, () => {
    for (const label of ["", `app: ${name}`, "name: other"]) {
      const found = onlyFinding(edited(part, from, to(label)));
      assertEquals([found.id, found.severity, found.object, found.field], [
        "namespace-labels",
        "fail",
        `Namespace ${name}`,
        "metadata.labels",
      ]);
      assertStringIncludes(found.fix, `kubectl label namespace ${name} name=${name} --overwrite`);
      if (label.includes("app")) assertStringIncludes(found.problem, `it has app=${name}`);
    }
  });
}

const selectors = [
  ["a misspelt value", "outbox", "name: robson\n", "name: robsn\n", '{"name":"robson"}'],
  [
    "a value with a suffix",
    "outbox",
    "name: robson\n",
    "name: robson-prod\n",
    '{"name":"robson"}',
  ],
  [
    "a label that must be set by hand",
    "dns",
    "kubernetes.io/metadata.name: kube-system",
    "name: kube-system",
    '{"kubernetes.io/metadata.name":"kube-system"}',
  ],
  [
    "a misspelt name",
    "dns",
    "metadata.name: kube-system",
    "metadata.name: kube-sytem",
    '{"kubernetes.io/metadata.name":"kube-system"}',
  ],
] as const;
for (const [name, part, from, to, patched] of selectors) {
  Deno.test(`namespace-labels reports a selector with ${name}, and suggests the nearest label`, () => {
    const found = onlyFinding(edited(part, from, to));
    assertEquals([found.id, found.severity, found.field], [
      "namespace-labels",
      "fail",
      "spec.egress[0].to[0].namespaceSelector",
    ]);
    assertStringIncludes(found.fix, `"value":{"matchLabels":${patched}}`);
  });
}

Deno.test("namespace-labels reports a selector that resembles no label", () => {
  const found = onlyFinding(edited("outbox", "name: robson\n", "team: trading\n"));
  assertEquals(found.id, "namespace-labels");
  assertStringIncludes(found.problem, "selects namespaces with team=trading");
});

Deno.test("namespace-labels lists the labels that it does not check without a cluster", () => {
  const outcomes = judge(manifests({ robsonNamespace: "" }));
  assertEquals(outcomes.get("namespace-labels"), {
    examined:
      "namespace analytics-jobs, 2 namespace selectors; not checked without a cluster: whether " +
      "robson has the label name=robson (kubectl get namespace robson --show-labels)",
    findings: [],
  });
  // The other checks assume the label, so that one fault is reported once.
  assertEquals(outcomes.get("database-egress"), {
    examined: "pods of 1 job under 6 policies",
    findings: [],
  });
});

Deno.test("namespace-labels is not applicable without namespaces and policies", () => {
  const none = { deny: "", dns: "", store: "", outbox: "", api: "", spark: "" };
  const outcome = judge(manifests({ ...none, jobsNamespace: "", robsonNamespace: "" }));
  assertEquals(Object.keys(outcome.get("namespace-labels")!), ["notApplicable"]);
});
