import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import { edited, judge, manifests, onlyFinding, policy } from "../../healthy/connections.ts";

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
    // The policies of the jobs select only robson by its label.
    const more = scrape(`{ matchLabels: { name: ${name} } }`);
    for (const label of ["", `app: ${name}`, "name: other"]) {
      const found = onlyFinding({ ...edited(part, from, to(label)), more });
      assertEquals([found.id, found.severity, found.object, found.field], [
        "namespace-labels",
        "fail",
        `Namespace ${name}`,
        "metadata.labels",
      ]);
      assertStringIncludes(found.fix, `kubectl label namespace ${name} name=${name} --overwrite`);
      assertEquals(
        found.fixInFiles?.replace(/ \(.*\)/, ""),
        `In Namespace ${name}, set in metadata.labels:\nname: ${name}`,
      );
      assertStringIncludes(found.why ?? "", "allow-scrape");
      assertStringIncludes(found.why ?? "", "the namespace by this label");
      if (label.includes("app")) assertStringIncludes(found.problem, `it has app=${name}`);
    }
  });
}

Deno.test("namespace-labels accepts a namespace without the label that no policy selects", () => {
  const [part, , from, to] = namespaces[1];
  assertEquals(judge(manifests(edited(part, from, to("")))).get("namespace-labels"), {
    examined: "namespace analytics-jobs, robson, 2 namespace selectors",
    findings: [],
  });
});

Deno.test("namespace-labels asks for no label of an undeclared namespace that no policy selects", () => {
  const outcomes = judge(manifests({ robsonNamespace: "", outbox: "" }));
  assertEquals(outcomes.get("namespace-labels"), {
    examined: "namespace analytics-jobs, 1 namespace selector",
    unchecked: [
      "not checked without a cluster: whether namespace robson exists " +
      "(kubectl get namespace robson --show-labels)",
    ],
    findings: [],
  });
});

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
    examined: "namespace analytics-jobs, 2 namespace selectors",
    unchecked: [
      "not checked without a cluster: whether robson has the label name=robson " +
      "(kubectl get namespace robson --show-labels)",
    ],
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

/** A policy of the jobs' namespace that allows ingress from namespaces. */
const scrape = (selector: string) =>
  policy(
    "allow-scrape",
    `podSelector: {}
  policyTypes: [Ingress]
  ingress: [{ from: [{ namespaceSelector: ${selector} }], ports: [{ port: 7078 }] }]`,
  );
const NAME = "kubernetes.io/metadata.name";

const unchecked = [
  ["an undeclared namespace", `{ matchLabels: { ${NAME}: monitoring } }`],
  [
    "one of two",
    `{ matchExpressions: [{ key: ${NAME}, operator: In, values: [monitoring, logs] }] }`,
  ],
  ["a namespace with another label", `{ matchLabels: { ${NAME}: monitoring, team: a } }`],
  ["a system namespace with another label", `{ matchLabels: { ${NAME}: kube-system, team: a } }`],
  [
    "an undeclared namespace that is not another",
    `{ matchLabels: { ${NAME}: monitoring }, ` +
    `matchExpressions: [{ key: ${NAME}, operator: NotIn, values: [logs] }] }`,
  ],
  ["a name that resembles a declared one", `{ matchLabels: { ${NAME}: analytics-logs } }`],
  ["a label of an undeclared namespace", "{ matchLabels: { team: observability } }"],
  ["a label whose value is a part of a name", "{ matchLabels: { team: obs } }"],
  ["a label that exists", "{ matchExpressions: [{ key: team, operator: Exists }] }"],
] as const;
for (const [name, selector] of unchecked) {
  Deno.test(`namespace-labels does not judge without a cluster: ${name}`, () => {
    const outcomes = judge(manifests({ more: scrape(selector) }));
    const outcome = outcomes.get("namespace-labels")!;
    if (!("findings" in outcome)) throw new Error("not judged");
    assertEquals(outcome.findings, []);
    assertStringIncludes(outcome.unchecked!.join(), "not checked without a cluster: whether ");
  });
}

const selecting = [
  ["In", `{ key: ${NAME}, operator: In, values: [monitoring, robson] }`],
  ["NotIn", `{ key: ${NAME}, operator: NotIn, values: [monitoring] }`],
  ["Exists", `{ key: ${NAME}, operator: Exists }`],
] as const;
for (const [name, expression] of selecting) {
  Deno.test(`namespace-labels accepts ${name} that selects a known namespace`, () => {
    const more = scrape(`{ matchExpressions: [${expression}] }`);
    assertEquals(judge(manifests({ more })).get("namespace-labels"), {
      examined: "namespace analytics-jobs, robson, 3 namespace selectors",
      findings: [],
    });
  });
}

const impossible = [
  [
    "DoesNotExist, as every namespace has the label",
    `{ matchExpressions: [{ key: ${NAME}, operator: DoesNotExist }] }`,
  ],
  ["a name that no namespace can have", `{ matchLabels: { ${NAME}: Monitoring } }`],
  [
    "two names at the same time",
    `{ matchExpressions: [{ key: ${NAME}, operator: In, values: [a] }, ` +
    `{ key: ${NAME}, operator: In, values: [b] }] }`,
  ],
  [
    "a label that a declared namespace does not have",
    `{ matchLabels: { ${NAME}: robson, team: a } }`,
  ],
] as const;
for (const [name, selector] of impossible) {
  Deno.test(`namespace-labels fails with ${name}`, () => {
    const outcome = judge(manifests({ more: scrape(selector) })).get("namespace-labels")!;
    assertEquals("findings" in outcome && outcome.findings.map(({ severity }) => severity), [
      "fail",
    ]);
  });
}

Deno.test("namespace-labels leaves a database in a misspelt namespace to database-egress", () => {
  const changes = edited("outbox", "name: robson\n", `${NAME}: robson-prod\n`);
  const found = onlyFinding(changes);
  assertEquals([found.id, found.severity], ["database-egress", "fail"]);
});

Deno.test("namespace-labels and database-egress do not judge an unknown label of an undeclared namespace", () => {
  const outcomes = judge(manifests({
    robsonNamespace: "",
    ...edited("outbox", "name: robson\n", "team: trading\n"),
  }));
  assertEquals(Object.keys(outcomes.get("database-egress")!), ["unknown"]);
  const labels = outcomes.get("namespace-labels")!;
  assertEquals("findings" in labels && labels.findings, []);
});
