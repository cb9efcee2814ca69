import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "../../../support/assert.ts";
import {
  edited,
  HEALTHY,
  judge,
  manifests,
  onlyFinding,
  policy,
} from "../../healthy/connections.ts";
import { changesIn } from "../../healthy/pasted.ts";

const STORE = "NetworkPolicy analytics-jobs/allow-s3-egress";

/** The finding about one more policy. */
const more = (spec: string, name = "debug", metadata = "") =>
  onlyFinding({ more: policy(name, spec, metadata) });

Deno.test("isolation fails without a default deny", () => {
  const found = onlyFinding({ deny: "" });
  assertEquals([found.id, found.severity, found.object], [
    "isolation",
    "fail",
    "Namespace analytics-jobs",
  ]);
  assertStringIncludes(found.problem, "ingress and egress");
  assertStringIncludes(found.fix, '{"podSelector":{},"policyTypes":["Ingress","Egress"]}');
});

Deno.test("connection checks are unknown without a NetworkPolicy, and name policies of other APIs", () => {
  const cilium = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n" +
    "metadata: { name: x, namespace: analytics-jobs }\nspec: {}\n";
  const none = { deny: "", dns: "", store: "", outbox: "", api: "", spark: "" };
  for (const [more, told] of [["", ""], [`\n${cilium}`, "CiliumNetworkPolicy analytics-jobs/x"]]) {
    const outcome = judge(manifests({ ...none, more: more! })).get("egress-policy")!;
    const reason = "unknown" in outcome ? outcome.unknown : "";
    assertStringIncludes(reason, "there is no NetworkPolicy in namespace analytics-jobs");
    assertEquals(reason.includes("do not evaluate"), told !== "");
    assertStringIncludes(reason, told!);
  }
});

const denies = [
  ["one direction", "[Ingress, Egress]", "[Egress]", "fail", "spec.policyTypes"],
  // Policies that allow traffic also isolate the pods.
  ["the other", "[Ingress, Egress]", "[Ingress]", "warn", "spec.policyTypes"],
  [
    "some pods",
    "podSelector: {}",
    "podSelector: { matchLabels: { a: b } }",
    "fail",
    "spec.podSelector",
  ],
] as const;
for (const [name, from, to, severity, field] of denies) {
  Deno.test(`isolation reports a default deny of only ${name}`, () => {
    const found = onlyFinding(edited("deny", from, to));
    assertEquals([found.id, found.severity, found.object, found.field], [
      "isolation",
      severity,
      "NetworkPolicy analytics-jobs/default-deny",
      field,
    ]);
  });
}

const broad = [
  ["egress: [{}]", "spec.egress[0]"],
  ["ingress: [{}]", "spec.ingress[0]"],
  ["egress: [{ to: [{ namespaceSelector: {} }] }]", "spec.egress[0].to[0]"],
  ["egress: [{ to: [{ ipBlock: { cidr: 0.0.0.0/0 } }] }]", "spec.egress[0].to[0]"],
  ["egress: [{ to: [{ ipBlock: { cidr: '::/0' } }] }]", "spec.egress[0].to[0]"],
  ["egress: [{ ports: [{ port: 1, endPort: 65535 }] }]", "spec.egress[0]"],
  ["ingress: [{ from: [{ namespaceSelector: {} }] }]", "spec.ingress[0].from[0]"],
  ["ingress: [{ from: [{ ipBlock: { cidr: 8.0.0.0/8 } }] }]", "spec.ingress[0].from[0]"],
] as const;
for (const [rule, field] of broad) {
  Deno.test(`isolation fails with one broad rule: ${rule}`, () => {
    const found = more(`podSelector: {}\n  ${rule}`);
    assertEquals([found.id, found.severity, found.object, found.field], [
      "isolation",
      "fail",
      "NetworkPolicy analytics-jobs/debug",
      field,
    ]);
    assertStringIncludes(found.problem, "on every port");
  });
}

const block = `podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        - namespaceSelector:
            matchExpressions: [{ key: name, operator: NotIn, values: [staging] }]
  egress:
    - to:
        - namespaceSelector:
            matchExpressions: [{ key: name, operator: NotIn, values: [staging] }]`;

Deno.test("isolation fails for a policy that is named as a block and allows traffic", () => {
  const found = more(block, "block-staging");
  assertEquals([found.id, found.severity, found.object], [
    "isolation",
    "fail",
    "NetworkPolicy analytics-jobs/block-staging",
  ]);
  assertStringIncludes(found.problem, "policies can only allow traffic");
  assertStringIncludes(found.problem, "name notin (staging)");
  assertMatch(
    found.fix,
    /Allow what the jobs need in other policies, and .*: kubectl .* delete networkpolicy block-staging$/,
  );
});

Deno.test("isolation names the checks that pass only because of a policy named as a block", () => {
  const other = more(block, "block-staging");
  assert(!other.fix.includes("only because"), other.fix);
  const cases = [
    [{ dns: "" }, "dns-egress passes"],
    [{ dns: "", outbox: "" }, "dns-egress, database-egress pass"],
  ] as const;
  for (const [missing, told] of cases) {
    const found = onlyFinding({ ...missing, more: policy("block-staging", block) });
    assert(found.fix.startsWith(`${told} only because of what this fix removes`), found.fix);
  }
});

const needed = [
  ["every port", { outbox: HEALTHY.outbox.replace(/ +ports:[^]*/, "") }, "database-egress"],
  [
    "every destination",
    { outbox: HEALTHY.outbox.replace(/- to:[^]*(?=ports)/, "- ") },
    "database-egress",
  ],
  [
    "every pod",
    {
      outbox: HEALTHY.outbox.replace(
        /- to:[^]*(?=ports)/,
        "- to: [{ namespaceSelector: {} }]\n      ",
      ),
    },
    "database-egress",
  ],
  [
    "every pod on every port",
    {
      dns: "",
      more: policy("debug", "podSelector: {}\n  egress: [{ to: [{ namespaceSelector: {} }] }]"),
    },
    "dns-egress",
  ],
  [
    "every address on every port",
    {
      store: "",
      job: HEALTHY.job.replace(
        /name: S3_ENDPOINT\n[^]*?key: S3_ENDPOINT/,
        'name: S3_ENDPOINT\n              value: "https://s3.example:9021"',
      ),
      more: policy(
        "debug",
        "podSelector: {}\n  egress: [{ to: [{ ipBlock: { cidr: 0.0.0.0/0 } }] }]",
      ),
    },
    "egress-policy",
  ],
] as const;
for (const [name, parts, check] of needed) {
  Deno.test(`isolation says which check needs a rule for ${name}`, () => {
    const found = onlyFinding(parts);
    assertEquals(found.id, "isolation");
    assertStringIncludes(found.fix, `${check} passes only because of what this fix removes, so `);
  });
}

Deno.test("isolation fails for a policy with an annotation that claims to block", () => {
  const metadata = "  annotations: { description: Blocks the metadata service }\n";
  const outside =
    "podSelector: {}\n  egress: [{ to: [{ ipBlock: { cidr: 0.0.0.0/0, except: [169.254.169.254/32] } }] }]";
  const found = more(outside, "metadata", metadata);
  assertEquals([found.id, found.severity], ["isolation", "fail"]);
  assertStringIncludes(found.problem, "meant to block");
});

Deno.test("isolation warns of a policy that is named as a block and allows no excess", () => {
  const dns = HEALTHY.dns.slice(HEALTHY.dns.indexOf("spec:\n") + 8);
  const found = more(dns, "deny-all-but-dns");
  assertEquals([found.id, found.severity], ["isolation", "warn"]);
  assertMatch(
    found.fix,
    /^The jobs can need this rule\. Create .*, and remove this one afterwards: /,
  );
});

const wide = [
  ["the store's rule without to", /- to:[^]*(?=ports)/, "- ", "spec.egress[0]", "every pod"],
  [
    "its block without exceptions",
    / +except:\n( +- [\d./]+\n)+/,
    "",
    "spec.egress[0].to[0].ipBlock",
    "10.0.0.0/8",
  ],
  [
    "all addresses in two blocks",
    /- ipBlock:\n +cidr: 0.0.0.0\/0\n +except:\n( +- [\d./]+\n)+/,
    "- ipBlock: { cidr: 0.0.0.0/1 }\n        - ipBlock: { cidr: 128.0.0.0/1 }\n",
    "spec.egress[0].to[0].ipBlock",
    "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16",
  ],
  [
    "its block with the metadata service",
    "              - 169.254.0.0/16\n",
    "",
    "spec.egress[0].to[0].ipBlock.except",
    "169.254.0.0/16",
  ],
  [
    "one port more",
    "port: 443",
    "port: 443\n        - port: 22",
    "spec.egress[0].ports[1]",
    "TCP 22",
  ],
] as const;
for (const [name, from, to, field, told] of wide) {
  Deno.test(`isolation warns of ${name}`, () => {
    const found = onlyFinding({ store: HEALTHY.store.replace(from, to) });
    assertEquals([found.id, found.severity, found.object, found.field], [
      "isolation",
      "warn",
      STORE,
      field,
    ]);
    assertStringIncludes(found.problem, told);
  });
}

const unneeded = [
  ["egress: [{ to: [{ namespaceSelector: {} }], ports: [{ port: 8080 }] }]", "all namespaces"],
  ["egress: [{ to: [{ namespaceSelector: { matchLabels: { name: robson } } }] }]", "every port"],
  [
    "egress: [{ to: [{ namespaceSelector: { matchLabels: { name: robson } } }], ports: [{ port: 6379 }] }]",
    "TCP 6379",
  ],
  [
    "ingress: [{ from: [{ namespaceSelector: { matchLabels: { name: robson } } }], ports: [{ port: 4040 }] }]",
    "only the jobs' own pods connect",
  ],
  ["ingress: [{ ports: [{ port: 4040 }] }]", "from all addresses and pods"],
] as const;

const ROBSON = "to: [{ namespaceSelector: { matchLabels: { name: robson } } }]";
const ranges = [
  ["{ port: 400, endPort: 500 }", "TCP 400-500", [443]],
  ["{ port: 5000, endPort: 6000 }", "TCP 5000-6000", [5432]],
  ["{ protocol: UDP, port: 50, endPort: 60 }", "UDP 50-60", [53]],
  ["{ port: 400, endPort: 7000 }", "TCP 400-7000", [443, 6443, 5432]],
] as const;
for (const [range, told, [first, ...others]] of ranges) {
  Deno.test(`isolation advises to narrow a range that holds a needed port: ${range}`, () => {
    const found = more(`podSelector: {}\n  egress: [{ ${ROBSON}, ports: [${range}] }]`);
    assertEquals([found.id, found.severity], ["isolation", "warn"]);
    assertStringIncludes(found.problem, `the rule allows ${told} to `);
    assert(!found.fix.includes('"op":"remove"'), found.fix);
    const [protocol] = told.split(" ");
    const steps = [
      { op: "replace", path: "/spec/egress/0/ports/0", value: { protocol, port: first } },
      ...others.map((port) => (
        { op: "add", path: "/spec/egress/0/ports/-", value: { protocol, port } }
      )),
    ];
    assertEquals(changesIn(found.fix), JSON.stringify(steps));
  });
}

for (const [rule, told] of unneeded) {
  Deno.test(`isolation warns of a rule that no job needs: ${rule}`, () => {
    const found = more(`podSelector: {}\n  ${rule}`);
    assertEquals([found.id, found.severity], ["isolation", "warn"]);
    assertStringIncludes(found.problem, told);
  });
}

Deno.test("isolation says which check needs the last of several rules for the same connection", () => {
  const rule = "podSelector: {}\n  egress: [{ to: [{ namespaceSelector: {} }] }]";
  for (const names of [["debug-a", "debug-b"], ["debug-a", "debug-b", "debug-c"]]) {
    const more = names.map((name) => policy(name, rule)).join("\n---\n");
    const outcome = judge(manifests({ dns: "", more })).get("isolation")!;
    const fixes = "findings" in outcome ? outcome.findings.map(({ fix }) => fix) : [];
    assertEquals(
      fixes.map((fix) => fix.startsWith("dns-egress passes only because of what this fix removes")),
      names.map((_, i) => i === names.length - 1),
    );
  }
});

Deno.test("isolation removes rules of a policy from the last to the first, so that no index moves", () => {
  const rule = (port: number) =>
    `- { to: [{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: robson } } }], ports: [{ port: ${port} }] }`;
  const rules = [8080, 9090, 5432].map((port) => `    ${rule(port)}`).join("\n");
  const more = policy("debug", `podSelector: {}\n  egress:\n${rules}`);
  const outcome = judge(manifests({ more })).get("isolation")!;
  const findings = "findings" in outcome ? outcome.findings : [];
  assertEquals(
    findings.map(({ fix }) => /"path":"([^"]+)"/.exec(fix)?.[1]),
    ["/spec/egress/1", "/spec/egress/0"],
  );
});

Deno.test("isolation warns of selectors in separate items, which are ORed", () => {
  const found = onlyFinding(edited("outbox", "          podSelector", "        - podSelector"));
  assertEquals([found.id, found.severity, found.field], [
    "isolation",
    "warn",
    "spec.egress[0].to[0]",
  ]);
  assertStringIncludes(found.problem, "are separate items under `to`, so they are ORed");
});

Deno.test("isolation fails with a pod on its node's network", () => {
  const job = edited(
    "job",
    "      restartPolicy: Never",
    "      hostNetwork: true\n      restartPolicy: Never",
  );
  const found = onlyFinding(job);
  assertEquals([found.id, found.severity, found.field], [
    "isolation",
    "fail",
    "spec.template.spec.hostNetwork",
  ]);
});

const OTHER_POLICIES = [
  ["cilium.io/v2", "CiliumNetworkPolicy", "analytics-jobs/"],
  ["cilium.io/v2", "CiliumClusterwideNetworkPolicy", ""],
  ["projectcalico.org/v3", "GlobalNetworkPolicy", ""],
  ["crd.projectcalico.org/v1", "NetworkPolicy", "analytics-jobs/"],
  ["policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy", ""],
  ["policy.networking.k8s.io/v1alpha1", "BaselineAdminNetworkPolicy", ""],
] as const;

for (const [apiVersion, kind, namespace] of OTHER_POLICIES) {
  const metadata = namespace === ""
    ? "{ name: default }"
    : "{ name: default, namespace: analytics-jobs }";
  const more = `\napiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: ${metadata}\n`;

  Deno.test(`isolation warns of a ${kind} of ${apiVersion}, with its file and line`, () => {
    const found = onlyFinding({ more });
    assertEquals([found.id, found.severity, found.object, found.file], [
      "isolation",
      "warn",
      `${kind} ${namespace}default`,
      "manifests/all.yaml",
    ]);
    const text = Object.values({ ...HEALTHY, more }).join("---");
    assertEquals(text.split("\n")[found.line! - 1], `apiVersion: ${apiVersion}`);
  });

  Deno.test(`isolation names the place of a ${kind} of ${apiVersion} if there is no NetworkPolicy`, () => {
    const none = { deny: "", dns: "", store: "", outbox: "", api: "", spark: "", more };
    const outcome = judge(manifests(none)).get("isolation")!;
    assertMatch(
      "unknown" in outcome ? outcome.unknown : "",
      /default \(manifests\/all\.yaml:\d+\)/,
    );
  });
}

Deno.test("isolation says nothing of policies of other APIs for pods that the jobs never meet", () => {
  const outcomeOf = (apiVersion: string, kind: string, namespace: string, job = HEALTHY.job) => {
    const metadata = `{ name: default, namespace: ${namespace} }`;
    const more = `\napiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: ${metadata}\n`;
    const outcome = judge(manifests({ job, more })).get("isolation")!;
    return "findings" in outcome && outcome.findings.length;
  };
  const cilium = ["cilium.io/v2", "CiliumNetworkPolicy"] as const;
  assertEquals(outcomeOf(...cilium, "shop"), 0);
  assertEquals(outcomeOf("security.istio.io/v1", "AuthorizationPolicy", "shop"), 0);
  // The pods of Postgres, of DNS and of the store are in these namespaces.
  for (const namespace of ["robson", "kube-system"]) {
    assertEquals(outcomeOf(...cilium, namespace), 1, namespace);
  }
  const job = HEALTHY.job.replace(
    /(- name: S3_ENDPOINT\n +)valueFrom:\n[^]*?key: S3_ENDPOINT/,
    () => `- name: S3_ENDPOINT\n              value: "https://minio.shop.svc:443"`,
  );
  assertEquals(outcomeOf(...cilium, "shop", job), 1);
  assertEquals(outcomeOf("security.istio.io/v1", "AuthorizationPolicy", "istio-system"), 1);
  assertEquals(outcomeOf("kuma.io/v1alpha1", "MeshTrafficPermission", "kuma-system"), 1);
});

Deno.test("isolation judges policies without any job", () => {
  assertEquals(judge(manifests({ job: "" })).get("isolation"), {
    examined: "6 policies of namespace analytics-jobs, 0 jobs",
    findings: [],
  });
});

Deno.test("isolation accepts rules for pods of the policy's own namespace", () => {
  const own = ["podSelector: {}", "namespaceSelector: { matchLabels: { name: analytics-jobs } }"];
  for (const peer of own) {
    for (const [direction, side] of [["ingress", "from"], ["egress", "to"]]) {
      const rule = `${direction}: [{ ${side}: [{ ${peer} }], ports: [{ port: 4040 }] }]`;
      const added = policy("own", `podSelector: {}\n  ${rule}`);
      assertEquals(judge(manifests({ more: added })).get("isolation"), {
        examined: "7 policies of namespace analytics-jobs, 1 job",
        findings: [],
      }, rule);
    }
  }
});
