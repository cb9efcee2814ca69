import { assert, assertEquals, assertMatch, assertThrows } from "../../../support/assert.ts";
import {
  edited,
  HEALTHY,
  judge,
  manifests,
  onlyFinding,
  type Parts,
  policy,
  SPARK_PODS,
} from "../../healthy/connections.ts";
import { changesIn, pasted } from "../../healthy/pasted.ts";

// Each test applies the fix of a finding to the manifests instead of a cluster. The check must then
// find nothing.

const faults: Record<string, Parts> = {
  "no rule for the store": { store: "" },
  "the trap": {
    store: HEALTHY.store.replace(/- ipBlock:[^]*(?=ports)/, "- namespaceSelector: {}\n      "),
  },
  "another port": edited("store", "port: 443", "port: 9000"),
  "another port of Postgres": edited("outbox", "port: 5432", "port: 5433"),
  "Postgres over UDP": edited("outbox", "TCP", "UDP"),
  "another port of an undeclared Postgres": {
    ...edited("outbox", "port: 5432", "port: 5433"),
    postgres: "",
    robsonNamespace: "",
  },
  "the API on another port": edited("api", "port: 6443", "port: 6444"),
  "DNS over TCP on another port": {
    dns: HEALTHY.dns.replace(/TCP(\s+port:) 53/, "TCP$1 5353"),
  },
  "no direction": edited("store", "[Egress]", "[Ingress]"),
  "another selector": edited("store", SPARK_PODS, "podSelector: { matchLabels: { a: b } }"),
  "a part of the internet": {
    store: HEALTHY.store.replace(
      /- ipBlock:[^]*(?=ports)/,
      "- ipBlock: { cidr: 8.0.0.0/6 }\n      ",
    ),
  },
  "no rule for DNS": { dns: "" },
  "DNS over UDP": edited("dns", "        - protocol: TCP\n          port: 53\n", ""),
  "a label of kube-system": edited("dns", "kubernetes.io/metadata.name: kube", "name: kube"),
  "no rule for Postgres": { outbox: "" },
  "labels of Postgres": edited("outbox", "app: rbs", "app: db"),
  "ingress of robson": { more: HEALTHY.deny.replace("analytics-jobs", "robson") },
  "no rule for the API": { api: "" },
  "the Service only": {
    api: HEALTHY.api.split("    - to:\n        - ipBlock:\n            cidr: 0.0.0.0/0")[0]!,
  },
  "no rule for Spark": { spark: "" },
  "a port of Spark": { spark: HEALTHY.spark.replaceAll("7079", "7080") },
  "no default deny": { deny: "" },
  "half a default deny": edited("deny", "[Ingress, Egress]", "[Egress]"),
  "a block": { more: HEALTHY.deny.replace("default-deny", "block-x") + "  egress: [{}]\n" },
  "an open rule": { more: HEALTHY.deny.replace("default-deny", "debug") + "  ingress: [{}]\n" },
  "the store everywhere": { store: HEALTHY.store.replace(/- to:[^]*(?=ports)/, "- ") },
  "the store on every port": { store: HEALTHY.store.replace(/ports:[^]*/, "\n") },
  "inner addresses": edited("store", "              - 169.254.0.0/16\n", ""),
  "one port more": edited("store", "port: 443", "port: 443\n        - port: 22"),
};

/** Policies for other pods, with the names that fixes give to new policies. */
const taken = [
  "default-deny",
  "allow-dns-egress",
  "allow-s3-egress",
  "allow-outbox",
  "allow-kubernetes-api-egress",
  "allow-driver-executor-traffic",
].map((name) => policy(name, "podSelector: { matchLabels: { app: web } }\n  egress: []"))
  .join("---");

for (const part of ["store", "dns", "outbox", "api", "spark", "deny"] as const) {
  // The other policies have other names.
  const others = Object.entries(HEALTHY).map((
    [each, text],
  ) => [each, each === part ? "" : text.replace(/name: (allow-|default-)/, "name: our-$1")]);
  faults[`no rule of ${part}, and its name is taken`] = {
    ...Object.fromEntries(others),
    more: taken,
  };
}

for (const [name, changes] of Object.entries(faults)) {
  Deno.test(`connection checks: the fix of a connection check removes the finding: ${name}`, () => {
    const finding = onlyFinding(changes);
    const { id, fix } = finding;
    let fact = pasted(manifests(changes), fix);
    // If both ends deny a connection, the first finding is about the source.
    const next = judge(fact).get(id)!;
    if ("findings" in next && next.findings.length > 0) fact = pasted(fact, next.findings[0]!.fix);
    const left = [...judge(fact)].flatMap(([, outcome]) =>
      "findings" in outcome ? outcome.findings.filter(({ severity }) => severity === "fail") : []
    );
    assertEquals(left, []);
    const outcome = judge(fact).get(id)!;
    assertEquals("findings" in outcome && outcome.findings, []);
  });
}

/** The manifests after another rule came before the first rule of each policy. */
function moved(fact: ReturnType<typeof manifests>): ReturnType<typeof manifests> {
  const rule = { ports: [{ protocol: "TCP", port: 1 }] };
  const objects = fact.objects.map((object) => {
    const { spec } = object.value as { readonly spec?: Readonly<Record<string, unknown>> };
    const lists = ["egress", "ingress"].filter((name) => Array.isArray(spec?.[name]));
    const changed = lists.map((name) => [name, [rule, ...spec![name] as unknown[]]]);
    return {
      ...object,
      value: { ...object.value, spec: { ...spec, ...Object.fromEntries(changed) } },
    };
  });
  return { ...fact, objects };
}

for (const [name, changes] of Object.entries(faults)) {
  const { fix, fixInFiles = "" } = onlyFinding(changes);
  const [, index] = /"path":"\/spec\/(?:in|e)gress\/(\d+)/.exec(fix) ?? [];
  if (index === undefined) continue;
  Deno.test(`connection checks: the API server refuses the fix if the rules moved: ${name}`, () => {
    assertThrows(() => pasted(moved(manifests(changes)), fix), Error, "test failed");
    assertMatch(fixInFiles, new RegExp(`find spec\\.(in|e)gress\\[${index}\\]:\\n- `));
  });
}

Deno.test("connection checks: the patches of several rules of a policy apply only in their order", () => {
  const rules =
    "egress: [{ to: [{ namespaceSelector: {} }] }, {}, { ports: [{ port: 22 }], to: [] }]";
  const fact = manifests({ more: policy("debug", `podSelector: {}\n  ${rules}`) });
  const outcome = judge(fact).get("isolation")!;
  const fixes = "findings" in outcome ? outcome.findings.map(({ fix }) => fix) : [];
  assertEquals(fixes.length, 3);
  const last = judge(fixes.reduce(pasted, fact)).get("isolation")!;
  assertEquals(
    "findings" in last && last.findings.filter(({ severity }) => severity === "fail"),
    [],
  );
  const [late, , first] = fixes;
  assertThrows(() => pasted(pasted(fact, first!), late!), Error, "test failed");
});

Deno.test("connection checks: one rule with two faults has one patch, and the other finding refers to it", () => {
  const rule = HEALTHY.store.replace(/- ipBlock:[^]*/, "- namespaceSelector: {}\n");
  const fact = manifests({ store: rule });
  const fixesOf = (id: string) => {
    const outcome = judge(fact).get(id)!;
    return "findings" in outcome ? outcome.findings.map(({ fix = "" }) => fix) : [];
  };
  const [patch] = fixesOf("egress-policy");
  assertEquals(fixesOf("isolation"), [
    "Apply the fix of egress-policy for this rule, then run preflight again.",
  ]);
  const isolation = judge(fact).get("isolation")!;
  const inFiles = "findings" in isolation && isolation.findings.map((each) => each.fixInFiles);
  assertEquals(inFiles, [undefined]);
  // The rule still allows every port, which isolation then reports with a patch of its own.
  const next = judge(pasted(fact, patch!)).get("isolation")!;
  const fixes = "findings" in next ? next.findings.map(({ fix = "" }) => fix) : [];
  assertEquals(fixes.map((fix) => fix.includes("kubectl")), [true]);
  const last = judge(pasted(pasted(fact, patch!), fixes[0]!));
  for (const id of ["egress-policy", "isolation"]) {
    const outcome = last.get(id)!;
    assertEquals("findings" in outcome && outcome.findings, []);
  }
});

const ENDPOINT = `            - name: S3_ENDPOINT
              valueFrom:
                secretKeyRef:
                  name: contabo-s3-credentials
                  key: S3_ENDPOINT
`;
const known = edited(
  "job",
  ENDPOINT,
  "            - name: S3_ENDPOINT\n              value: https://eu2.contabostorage.com\n",
);
const replaced = (port: number) =>
  `[{"op":"replace","path":"/spec/egress/0/ports/0","value":{"protocol":"TCP","port":${port}}}]`;
const added = (rule: number, port: number) =>
  `[{"op":"add","path":"/spec/egress/${rule}/ports/-","value":{"protocol":"TCP","port":${port}}}]`;

/** The text of a part with several changes; the part must contain each text. */
function changed(part: keyof typeof HEALTHY, ...pairs: readonly (readonly [string, string])[]) {
  const text = pairs.reduce((text, [from, to]) => {
    assert(text.includes(from), `${part} has no ${from}`);
    return text.replaceAll(from, to);
  }, HEALTHY[part]);
  return { [part]: text };
}

const several = (first: number) =>
  `port: ${first}\n        - protocol: TCP\n          port: ${first + 1}`;

const additions: readonly (readonly [string, string, Parts])[] = [
  [
    "several ports of Postgres",
    "database-egress",
    changed("outbox", ["port: 5432", several(5433)]),
  ],
  [
    "several ports of the store",
    "egress-policy",
    { ...known, ...changed("store", ["port: 443", several(9000)]) },
  ],
  [
    "several ports of the API",
    "kubernetes-api-egress",
    changed("api", ["port: 6443", several(6444)]),
  ],
  [
    "the label and the port of Postgres",
    "database-egress",
    changed("outbox", ["app: rbs", "app: db"], ["port: 5432", "port: 5433"]),
  ],
  [
    "the namespace and the port of Postgres",
    "database-egress",
    changed("outbox", ["name: robson", "name: analytics-jobs"], ["port: 5432", "port: 5433"]),
  ],
  [
    "the label and the port of DNS",
    "dns-egress",
    changed("dns", ["k8s-app: kube-dns", "k8s-app: dns"], ["port: 53", "port: 54"]),
  ],
  [
    "the selector and the port of the store",
    "egress-policy",
    {
      ...known,
      store: HEALTHY.store.replace(/- ipBlock:[^]*(?=ports)/, "- namespaceSelector: {}\n      ")
        .replace("port: 443", "port: 9000"),
    },
  ],
  [
    "the label and the ports of Spark",
    "driver-executor-traffic",
    changed("spark", ["values: [driver, executor]", "values: [worker]"], ["port: 70", "port: 80"]),
  ],
];
for (const [name, id, changes] of additions) {
  Deno.test(`connection checks: the fix for a rule with two faults closes nothing: ${name}`, () => {
    const failing = (fact: ReturnType<typeof manifests>) =>
      [...judge(fact)].filter(([each, outcome]) =>
        !("findings" in outcome) ||
        outcome.findings.some(({ severity }) => severity === "fail" || each === id)
      ).map(([each]) => each);
    const fact = manifests(changes);
    const before = failing(fact);
    const outcome = judge(fact).get(id)!;
    const fixes = "findings" in outcome ? outcome.findings.map(({ fix }) => fix) : [];
    assert(fixes.length > 0 && !/"op":"(replace|remove)"/.test(fixes.join()), fixes.join("\n"));
    const after = failing(fixes.reduce((fact, fix) => pasted(fact, fix), fact));
    assertEquals(after.filter((each) => each === id || !before.includes(each)), []);
  });
}

const ports: readonly (readonly [string, Parts, string])[] = [
  ["Postgres", edited("outbox", "port: 5432", "port: 5433"), replaced(5432)],
  [
    "Postgres that is not declared",
    faults["another port of an undeclared Postgres"]!,
    replaced(5432),
  ],
  ["Postgres of the job", edited("job", 'value: "5432"', 'value: "6432"'), replaced(6432)],
  ["the store", { ...known, ...edited("store", "port: 443", "port: 9000") }, replaced(443)],
  ["the store in a Secret", edited("store", "port: 443", "port: 9000"), added(0, 443)],
  ["the API", edited("api", "port: 6443", "port: 6444"), added(1, 6443)],
  [
    "Postgres in a policy of another workload",
    {
      ...edited("outbox", "port: 5432", "port: 5433"),
      more: `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: analytics-jobs }
spec: { template: { metadata: { labels: { spark-role: driver } }, spec: { containers: [{ name: a }] } } }
`,
    },
    added(0, 5432),
  ],
];
for (const [name, changes, patch] of ports) {
  Deno.test(`connection checks: the fix changes a port that is wrong, and keeps one that may be needed: ${name}`, () => {
    const found = [...judge(manifests(changes)).values()].flatMap((outcome) =>
      "findings" in outcome ? outcome.findings.map(({ fix }) => fix) : []
    );
    assertEquals(found.map(changesIn), [patch]);
  });
}
