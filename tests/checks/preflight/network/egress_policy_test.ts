import type { ManifestsFact } from "../../../../checks/facts/manifests.ts";
import { lineOf } from "../../../../checks/kubernetes/objects.ts";
import { manifestsReadable } from "../../../../checks/preflight/manifests/manifests_readable.ts";
import { assertEquals, assertMatch, assertStringIncludes } from "../../../support/assert.ts";
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

const BLOCK = HEALTHY.store.slice(
  HEALTHY.store.indexOf("- ipBlock"),
  HEALTHY.store.indexOf("ports:"),
);
const STORE = "NetworkPolicy analytics-jobs/allow-s3-egress";

/** The line of a field of a policy. */
function lineIn({ objects }: ManifestsFact, name: string, field: string): number {
  const object = objects.find((each) => each.kind === "NetworkPolicy" && each.name === name)!;
  return lineOf(object, field);
}

Deno.test("egress-policy: the connection checks find nothing in healthy manifests, and report what they examined", () => {
  for (const [id, outcome] of judge(manifests())) {
    if (!("findings" in outcome)) throw new Error(`${id} did not judge`);
    assertEquals(outcome.findings, [], id);
    assertMatch(outcome.examined, /\w/);
  }
});

Deno.test("egress-policy explains an empty namespaceSelector, with a patch", () => {
  const found = onlyFinding(edited("store", BLOCK, "- namespaceSelector: {}\n      "));
  assertEquals([found.id, found.severity, found.object, found.field, found.file], [
    "egress-policy",
    "fail",
    STORE,
    "spec.egress[0].to[0].namespaceSelector",
    "manifests/all.yaml",
  ]);
  assertStringIncludes(
    found.problem,
    "namespaceSelector: {} selects every pod in the cluster and no address outside it",
  );
  assertStringIncludes(found.problem, "bronze-ingest-manual and its executors");
  assertStringIncludes(found.fix, "kubectl -n analytics-jobs patch networkpolicy allow-s3");
  assertStringIncludes(found.fix, '"path":"/spec/egress/0/to/0"');
  assertStringIncludes(found.fix, '"cidr":"0.0.0.0/0","except":["10.0.0.0/8"');
});

Deno.test("egress-policy adds a policy if no rule is for the store", () => {
  const found = onlyFinding({ store: "" });
  assertEquals([found.id, found.object, found.field], [
    "egress-policy",
    "NetworkPolicy analytics-jobs/default-deny",
    "spec",
  ]);
  assertEquals(found.line, lineIn(manifests({ store: "" }), "default-deny", "spec"));
  assertMatch(found.fix, /^printf '%s\\n' '.*' \| kubectl create -f -$/);
  const policy = JSON.parse(/'(\{.*)'/.exec(found.fix)![1]!);
  const added = JSON.stringify(policy);
  assertEquals(judge(manifests({ store: `\n${added}\n` })).get("egress-policy"), {
    examined: "pods of 1 job under 6 policies",
    findings: [],
  });
});

const faults = [
  ["a port that is not the store's", "port: 443", "port: 9000", "spec.egress[0].ports"],
  [
    "a policy that is for drivers only",
    SPARK_PODS,
    "podSelector: { matchLabels: { spark-role: driver } }",
    "spec.podSelector",
  ],
  ["a policy without the direction", "[Egress]", "[Ingress]", "spec.policyTypes"],
  ["UDP", "protocol: TCP", "protocol: UDP", "spec.egress[0].ports"],
] as const;
for (const [name, from, to, field] of faults) {
  Deno.test(`egress-policy fails with ${name}`, () => {
    const found = onlyFinding(edited("store", from, to));
    assertEquals([found.id, found.severity, found.object, found.field], [
      "egress-policy",
      "fail",
      STORE,
      field,
    ]);
  });
}

const inOther = (name: string, egress: string) =>
  policy(name, `podSelector: {}\n  egress: ${egress}`).replace("analytics-jobs", "datalake-system");
const EVERY_POD = "[{ to: [{ namespaceSelector: {} }], ports: [{ port: 443 }] }]";

for (const name of ["allow-s3-egress", "allow-external-egress"]) {
  Deno.test(`egress-policy warns of the selector trap in another namespace: ${name}`, () => {
    const found = onlyFinding({ more: inOther(name, EVERY_POD) });
    assertEquals([found.id, found.severity, found.object, found.field], [
      "egress-policy",
      "warn",
      `NetworkPolicy datalake-system/${name}`,
      "spec.egress[0].to[0].namespaceSelector",
    ]);
    assertMatch(
      found.fix,
      /^If the destination is outside the cluster: kubectl -n datalake-system /,
    );
  });
}

Deno.test("egress-policy accepts rules for pods in other namespaces", () => {
  const egress = "[{ to: [{ namespaceSelector: {} }], ports: [{ port: 9000 }] }]";
  const both = "[{ to: [{ namespaceSelector: {} }, { ipBlock: { cidr: 0.0.0.0/0 } }], " +
    "ports: [{ port: 443 }] }]";
  const accepted = [
    ["allow-s3-egress", egress],
    ["allow-s3-egress", both],
    ["allow-minio-s3", EVERY_POD],
    ["allow-api-egress", EVERY_POD],
    ["allow-webhooks", EVERY_POD],
  ] as const;
  for (const [name, rules] of accepted) {
    const outcome = judge(manifests({ more: inOther(name, rules) })).get("egress-policy")!;
    assertEquals("findings" in outcome && outcome.findings, [], `${name} ${rules}`);
  }
});

Deno.test("egress-policy warns if a block contains only some public addresses", () => {
  const found = onlyFinding(edited("store", BLOCK, "- ipBlock: { cidr: 5.0.0.0/8 }\n      "));
  assertEquals([found.id, found.severity, found.object, found.field], [
    "egress-policy",
    "warn",
    STORE,
    "spec.egress[0].to[0]",
  ]);
  assertStringIncludes(found.problem, "5.0.0.0/8");
});

Deno.test("egress-policy fails if a block contains only private addresses", () => {
  const found = onlyFinding(edited("store", BLOCK, "- ipBlock: { cidr: 10.0.0.0/8 }\n      "));
  assertEquals([found.id, found.severity], ["egress-policy", "fail"]);
});

Deno.test("egress-policy adds up blocks: two halves of all addresses pass", () => {
  const found = manifestsReadable.run({
    manifests: manifests(edited("store", "0.0.0.0/0", "0.0.0.0/1")),
  });
  assertMatch(JSON.stringify(found), /is not a proper part of/);
  const halves = "- ipBlock: { cidr: 0.0.0.0/1 }\n        - ipBlock: { cidr: 128.0.0.0/1 }\n      ";
  assertEquals(judge(manifests(edited("store", BLOCK, halves))).get("egress-policy"), {
    examined: "pods of 1 job under 6 policies",
    findings: [],
  });
});

Deno.test("egress-policy judges the port of S3_ENDPOINT", () => {
  const secret = /name: S3_ENDPOINT\n[^]*?key: S3_ENDPOINT/;
  const value = 'name: S3_ENDPOINT\n              value: "https://s3.example:9021"';
  const found = onlyFinding({ job: HEALTHY.job.replace(secret, value) });
  assertEquals([found.id, found.field], ["egress-policy", "spec.egress[0].ports"]);
  assertStringIncludes(found.problem, "TCP 9021");
});

Deno.test("egress-policy leaves a policy that the API server rejects to manifests-readable", () => {
  const fact = manifests(edited("dns", "TCP\n          port: 53", "TCP\n          prot: 53"));
  for (const [id, outcome] of judge(fact)) {
    assertEquals(outcome, { skip: "some manifests are invalid (see manifests-readable)" }, id);
  }
  const outcome = manifestsReadable.run({ manifests: fact });
  const found = "findings" in outcome ? outcome.findings : [];
  assertEquals(found.map(({ severity, object, field }) => [severity, object, field]), [[
    "fail",
    "NetworkPolicy analytics-jobs/allow-dns-egress",
    "spec.egress[0].ports[1].prot",
  ]]);
});

Deno.test("egress-policy reports a policy of the cluster that cannot be parsed", () => {
  const fact = manifests(edited("dns", "TCP\n          port: 53", "TCP\n          prot: 53"));
  const objects = fact.objects.map(({ file: _, ...each }) =>
    each as typeof each & { file: string }
  );
  const outcomes = judge({ ...fact, objects });
  const outcome = outcomes.get("egress-policy")!;
  assertEquals("findings" in outcome && outcome.findings.map(({ field }) => field), [
    "spec.egress[0].ports[1].prot",
  ]);
  assertEquals(outcomes.get("dns-egress"), {
    skip: "some manifests are invalid (see egress-policy)",
  });
});

Deno.test("egress-policy ignores a Job without a pod spec, and skips if there is no other", () => {
  const empty =
    "\napiVersion: batch/v1\nkind: Job\nmetadata: { name: x, namespace: analytics-jobs }\n";
  const told = (changes: Parts) => judge(manifests(changes)).get("egress-policy");
  assertEquals(told({ more: empty }), {
    examined: "pods of 1 job under 6 policies",
    findings: [],
  });
  assertEquals(told({ job: empty }), { skip: "no job has a pod spec (see manifests-readable)" });
});

Deno.test("egress-policy reports a job that the API server rejects, and judges the others", () => {
  const labels = HEALTHY.job.replace("bronze-ingest-manual", "x").replace(
    "spark-role: driver",
    'spark-role: "a b"',
  );
  const found = onlyFinding({ more: labels });
  assertEquals([found.id, found.object, found.field], [
    "egress-policy",
    "Job analytics-jobs/x",
    "spec.template.metadata.labels",
  ]);
});

Deno.test("egress-policy: the connection checks skip if a file is broken", () => {
  for (const [id, outcome] of judge(manifests({ more: "\na: [" }))) {
    assertEquals(outcome, { skip: "some files cannot be read (see manifests-readable)" }, id);
  }
});

Deno.test("egress-policy: the connection checks are not applicable without jobs, and unknown without policies", () => {
  const none = { deny: "", dns: "", store: "", outbox: "", api: "", spark: "" };
  for (const [changes, kind] of [[{ job: "" }, "notApplicable"], [none, "unknown"]] as const) {
    const outcomes = judge(manifests(changes));
    for (const id of ["egress-policy", "dns-egress", "database-egress", "kubernetes-api-egress"]) {
      assertEquals(Object.keys(outcomes.get(id)!), [kind], id);
    }
  }
});

Deno.test("egress-policy: a finding of the connection checks carries its object as data", () => {
  const policy = onlyFinding(edited("store", "port: 443", "port: 9000"));
  assertEquals(policy.objectRef, {
    kind: "NetworkPolicy",
    namespace: "analytics-jobs",
    name: "allow-s3-egress",
  });
  const missing = onlyFinding({ store: "" });
  assertEquals(missing.objectRef, {
    kind: "NetworkPolicy",
    namespace: "analytics-jobs",
    name: "default-deny",
  });
});

for (
  const [endpoint, port] of [
    ["https://store.example.org", 443],
    ["http://store.example.org", 80],
    ["http://store.example.org:9000", 9000],
    ["store.example.org", 443],
  ] as const
) {
  Deno.test(`egress-policy expects the store ${endpoint} on port ${port}`, () => {
    const job = HEALTHY.job.replace(
      /(- name: S3_ENDPOINT\n +)valueFrom:\n[^]*?key: S3_ENDPOINT/,
      `$1value: ${endpoint}`,
    );
    assertEquals(job === HEALTHY.job, false);
    const store = (number: number) => HEALTHY.store.replace("port: 443", `port: ${number}`);
    const { id, problem } = onlyFinding({ job, store: store(port + 1) });
    assertEquals(id, "egress-policy");
    assertStringIncludes(problem, `not TCP ${port},`);
    const outcome = judge(manifests({ job, store: store(port) })).get("egress-policy");
    assertEquals(outcome, { examined: "pods of 1 job under 6 policies", findings: [] });
  });
}

Deno.test("the fix of egress-policy excepts the blocks that our own policy excepts", () => {
  const { fix } = onlyFinding({ store: "" });
  const excepted = [
    "10.0.0.0/8",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
  ];
  for (const block of excepted) assertStringIncludes(fix, block);
});
