import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import {
  edited,
  HEALTHY,
  judge,
  manifests,
  onlyFinding,
  policy,
} from "../../healthy/connections.ts";

const OUTBOX = "NetworkPolicy analytics-jobs/allow-outbox";

const faults = [
  ["another port", "port: 5432", "port: 5433", "spec.egress[0].ports"],
  ["labels that Postgres does not have", "app: rbs", "app: db", "spec.egress[0].to[0]"],
  ["another namespace", "name: robson", "name: analytics-jobs", "spec.egress[0].to[0]"],
  [
    "a policy for drivers only",
    "{ matchExpressions: [{ key: spark-role, operator: Exists }] }",
    "{ matchLabels: { spark-role: driver } }",
    "spec.podSelector",
  ],
] as const;
for (const [name, from, to, field] of faults) {
  Deno.test(`Postgres cannot be reached with ${name}`, () => {
    const found = onlyFinding(edited("outbox", from, to));
    assertEquals([found.id, found.severity, found.object, found.field], [
      ...["database-egress", "fail", OUTBOX, field],
    ]);
  });
}

Deno.test("the patch has the labels of the declared pods, and none that nobody can know", () => {
  const { fix } = onlyFinding(edited("outbox", "app: rbs", "app: db"));
  assertStringIncludes(fix, '"podSelector":{"matchLabels":{"app":"rbs-paradedb"}}');
});

Deno.test("without any rule its policy is missing", () => {
  const found = onlyFinding({ outbox: "" });
  assertEquals([found.id, found.object], [
    ...["database-egress", "Job analytics-jobs/bronze-ingest-manual"],
  ]);
});

Deno.test("the port is that of the job's DJANGO_DB_PORT, also out of a ConfigMap or Secret", () => {
  const ref = (kind: string) => `valueFrom: { ${kind}KeyRef: { name: db, key: port } }`;
  const source = (kind: string, data: string) =>
    `\napiVersion: v1\nkind: ${kind}\nmetadata: { name: db, namespace: analytics-jobs }\n${data}\n`;
  const variants = [
    edited("job", '"5432"', '"6432"'),
    {
      ...edited("job", 'value: "5432"', ref("configMap")),
      more: source("ConfigMap", 'data: { port: "6432" }'),
    },
    {
      ...edited("job", 'value: "5432"', ref("secret")),
      more: source("Secret", `data: { port: ${btoa("6432")} }`),
    },
  ];
  for (const changes of variants) {
    const found = onlyFinding(changes);
    assertEquals([found.id, found.field], ["database-egress", "spec.egress[0].ports"]);
    assertStringIncludes(found.problem, "not TCP 6432");
  }
});

Deno.test("the Service decides which pods are Postgres, and on which port", () => {
  const service = `
apiVersion: v1
kind: Service
metadata: { name: paradedb, namespace: robson }
spec: { selector: { app: rbs-paradedb }, ports: [{ port: 5432, targetPort: sql }] }
`;
  const pods = HEALTHY.postgres.replace("containerPort: 5432", "containerPort: 5433");
  const found = onlyFinding({ more: service, postgres: pods });
  assertEquals([found.id, found.field], ["database-egress", "spec.egress[0].ports"]);
  assertStringIncludes(found.problem, "not TCP 5433");
});

Deno.test("policies of robson have to let the jobs in", () => {
  const found = onlyFinding({ more: HEALTHY.deny.replace("analytics-jobs", "robson") });
  assertEquals(found.id, "database-egress");
  assertStringIncludes(found.problem, "ingress on TCP 5432");
  assertStringIncludes(found.fix, '"namespace":"robson"');
  const allow = policy(
    "allow-jobs",
    `podSelector: {}
  ingress: [{ from: [{ namespaceSelector: { matchLabels: { name: analytics-jobs } } }] }]`,
  );
  const outcome = judge(manifests({ more: allow.replace("analytics-jobs", "robson") }));
  assertEquals(outcome.get("database-egress"), {
    ...{ examined: "pods of 1 job under 6 policies", findings: [] },
  });
});

Deno.test("where Postgres is not declared only its namespace is judged, and that is said", () => {
  const outcome = judge(manifests({ postgres: "" })).get("database-egress")!;
  assertStringIncludes(JSON.stringify(outcome), "no Postgres is declared in robson");
  assertStringIncludes(JSON.stringify(outcome), '"findings":[]');
  const found = onlyFinding({
    ...{ postgres: "" },
    ...edited("outbox", "name: robson", "name: analytics-jobs"),
  });
  assertEquals([found.id, found.object], ["database-egress", OUTBOX]);
});

Deno.test("a namespace's label that is missing is told by namespace-labels alone", () => {
  const changes = edited("robsonNamespace", "{ name: robson } }", "{ app: robson } }");
  assertEquals(onlyFinding(changes).id, "namespace-labels");
  assertEquals("skip" in judge(manifests(changes)).get("database-egress")!, true);
});

Deno.test("jobs that have no variable of the database give nothing to judge", () => {
  const changes = edited("job", "DJANGO_DB_PORT", "S3_BUCKET");
  assertEquals(judge(manifests(changes)).get("database-egress"), {
    nothing: "no job is given any of DJANGO_DB_*",
  });
});
