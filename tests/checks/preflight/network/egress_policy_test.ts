import { assertEquals, assertMatch, assertStringIncludes } from "../../../support/assert.ts";
import {
  edited,
  HEALTHY,
  judge,
  manifests,
  onlyFinding,
  type Parts,
} from "../../healthy/connections.ts";

const BLOCK = HEALTHY.store.slice(
  HEALTHY.store.indexOf("- ipBlock"),
  HEALTHY.store.indexOf("ports:"),
);
const STORE = "NetworkPolicy analytics-jobs/allow-s3";

Deno.test("healthy manifests have no finding about connections, and each check says what it saw", () => {
  for (const [id, outcome] of judge(manifests())) {
    if (!("findings" in outcome)) throw new Error(`${id} did not judge`);
    assertEquals(outcome.findings, [], id);
    assertMatch(outcome.examined, /\w/);
  }
});

Deno.test("the namespaceSelector: {} trap is named as such, with a patch", () => {
  const found = onlyFinding(edited("store", BLOCK, "- namespaceSelector: {}\n      "));
  assertEquals([found.id, found.severity, found.object, found.field, found.file], [
    ...["egress-policy", "fail", STORE, "spec.egress[0].to[0].namespaceSelector"],
    "manifests/all.yaml",
  ]);
  assertStringIncludes(
    found.problem,
    "namespaceSelector: {} means every pod of the cluster and no address outside of it",
  );
  assertStringIncludes(found.problem, "bronze-ingest-manual and its executors");
  assertStringIncludes(found.fix, "kubectl -n analytics-jobs patch networkpolicy allow-s3");
  assertStringIncludes(found.fix, '"path":"/spec/egress/0/to/0"');
  assertStringIncludes(found.fix, '"cidr":"0.0.0.0/0","except":["10.0.0.0/8"');
});

Deno.test("without a rule for the store its policy is missing, and given whole", () => {
  const found = onlyFinding({ store: "" });
  assertEquals([found.id, found.object, found.field], [
    ...["egress-policy", "Job analytics-jobs/bronze-ingest-manual"],
    "spec.template.metadata.labels",
  ]);
  assertMatch(found.fix, /^echo '.*' \| kubectl apply -f -$/);
  const policy = JSON.parse(/'(.*)'/.exec(found.fix)![1]!);
  const added = JSON.stringify(policy);
  assertEquals(judge(manifests({ store: `\n${added}\n` })).get("egress-policy"), {
    ...{ examined: "pods of 1 job under 6 policies", findings: [] },
  });
});

const faults = [
  ["a port that is not the store's", "port: 443", "port: 9000", "spec.egress[0].ports"],
  [
    "a policy that is for drivers only",
    "podSelector: {}",
    "podSelector: { matchLabels: { spark-role: driver } }",
    "spec.podSelector",
  ],
  ["a policy without the direction", "[Egress]", "[Ingress]", "spec.policyTypes"],
  ["UDP", "port: 443", "protocol: UDP, port: 443", "spec.egress[0].ports"],
] as const;
for (const [name, from, to, field] of faults) {
  Deno.test(`the store cannot be reached by ${name}`, () => {
    const found = onlyFinding(edited("store", from, to));
    assertEquals([found.id, found.severity, found.object, found.field], [
      ...["egress-policy", "fail", STORE, field],
    ]);
  });
}

Deno.test("a block of only a part of the internet is a warning", () => {
  const found = onlyFinding(edited("store", BLOCK, "- ipBlock: { cidr: 5.0.0.0/8 }\n      "));
  assertEquals([found.id, found.severity, found.object, found.field], [
    ...["egress-policy", "warn", STORE, "spec.egress[0].to[0]"],
  ]);
  assertStringIncludes(found.problem, "5.0.0.0/8");
});

Deno.test("only the cluster's own addresses are no way to the store", () => {
  const found = onlyFinding(edited("store", BLOCK, "- ipBlock: { cidr: 10.0.0.0/8 }\n      "));
  assertEquals([found.id, found.severity], ["egress-policy", "fail"]);
});

Deno.test("policies add up: two halves of the internet are all of it", () => {
  const found = judge(manifests(edited("store", "0.0.0.0/0", "0.0.0.0/1"))).get("egress-policy");
  assertMatch(JSON.stringify(found), /does not lie within/);
  const halves = "- ipBlock: { cidr: 0.0.0.0/1 }\n        - ipBlock: { cidr: 128.0.0.0/1 }\n      ";
  assertEquals(judge(manifests(edited("store", BLOCK, halves))).get("egress-policy"), {
    ...{ examined: "pods of 1 job under 6 policies", findings: [] },
  });
});

Deno.test("the port is that of S3_ENDPOINT", () => {
  const env = 'value: "5432" }, { name: S3_ENDPOINT, value: "https://s3.example:9021" }';
  const found = onlyFinding(edited("job", 'value: "5432" }', env));
  assertEquals([found.id, found.field], ["egress-policy", "spec.egress[0].ports"]);
  assertStringIncludes(found.problem, "TCP 9021");
});

Deno.test("a policy that the API server refuses is told once, with its field", () => {
  const found = onlyFinding(edited("dns", "port: 53 }]", "prot: 53 }]"));
  assertEquals([found.id, found.object, found.field], [
    ...["egress-policy", "NetworkPolicy analytics-jobs/allow-dns", "spec.egress[0].ports[1].prot"],
  ]);
  const outcomes = judge(manifests(edited("dns", "port: 53 }]", "prot: 53 }]")));
  for (const [id, outcome] of outcomes) {
    assertEquals("skip" in outcome, id !== "egress-policy", id);
  }
});

Deno.test("a Job without a pod spec hides no other, and alone it is for manifests-readable", () => {
  const empty =
    "\napiVersion: batch/v1\nkind: Job\nmetadata: { name: x, namespace: analytics-jobs }\n";
  const told = (changes: Parts) => judge(manifests(changes)).get("egress-policy");
  assertEquals(told({ more: empty }), {
    ...{ examined: "pods of 1 job under 6 policies", findings: [] },
  });
  assertEquals(told({ job: empty }), { skip: "no job makes a pod (see manifests-readable)" });
});

Deno.test("a job that the API server refuses is told, and the others are judged", () => {
  const labels = HEALTHY.job.replace("bronze-ingest-manual", "x").replace("driver }", "true }");
  const found = onlyFinding({ more: labels });
  assertEquals([found.id, found.object, found.field], [
    ...["egress-policy", "Job analytics-jobs/x", "spec.template.metadata.labels"],
  ]);
});

Deno.test("a file that is broken may hold what decides", () => {
  for (const [id, outcome] of judge(manifests({ more: "\na: [" }))) {
    assertEquals(outcome, { skip: "not all files can be read (see manifests-readable)" }, id);
  }
});

Deno.test("without jobs or without policies nothing passes", () => {
  const none = { deny: "", dns: "", store: "", outbox: "", api: "", spark: "" };
  for (const changes of [{ job: "" }, none]) {
    const outcomes = judge(manifests(changes));
    for (const id of ["egress-policy", "dns-egress", "database-egress", "kubernetes-api-egress"]) {
      assertEquals("nothing" in outcomes.get(id)!, true, id);
    }
  }
});
