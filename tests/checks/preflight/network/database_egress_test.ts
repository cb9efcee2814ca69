import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "../../../support/assert.ts";
import { DEFAULT_PROJECT } from "../../../../pipeline/contract/project.ts";
import {
  edited,
  HEALTHY,
  judge,
  manifests,
  onlyFinding,
  policy,
  SPARK_PODS,
} from "../../healthy/connections.ts";
import { changesIn } from "../../healthy/pasted.ts";

const OUTBOX = "NetworkPolicy analytics-jobs/allow-outbox-egress";

const faults = [
  ["another port", "port: 5432", "port: 5433", "spec.egress[0].ports"],
  ["labels that Postgres does not have", "app: rbs", "app: db", "spec.egress[0].to[0]"],
  ["another namespace", "name: robson", "name: analytics-jobs", "spec.egress[0].to[0]"],
  [
    "a policy for drivers only",
    SPARK_PODS,
    "podSelector: { matchLabels: { spark-role: driver } }",
    "spec.podSelector",
  ],
] as const;
for (const [name, from, to, field] of faults) {
  Deno.test(`database-egress fails with ${name}`, () => {
    const found = onlyFinding(edited("outbox", from, to));
    assertEquals([found.id, found.severity, found.object, found.field], [
      "database-egress",
      "fail",
      OUTBOX,
      field,
    ]);
  });
}

Deno.test("database-egress advises no labels for the pods if those of the policy are misspelled", () => {
  for (
    const [labels, start] of [
      ["spark-rol: driver", "Correct the labels, so that the policy selects the pods: "],
      ["spark-role: drivr", "Correct the labels, so that the policy selects the pods: "],
      ["team: data", "Add these labels to the pods, or make the policy select the pods: "],
    ] as const
  ) {
    const selector = `podSelector: { matchLabels: { ${labels} } }`;
    const { fix } = onlyFinding(edited("outbox", SPARK_PODS, selector));
    assertEquals([labels, fix.startsWith(start)], [labels, true], fix);
  }
});

/** The outcome for a host of Postgres that the job has as a literal value. */
function outcomeOf(host: string, more = "") {
  const job = HEALTHY.job.replace(
    /(- name: DJANGO_DB_HOST\n +)valueFrom:\n[^]*?key: DJANGO_DB_HOST/,
    () => `- name: DJANGO_DB_HOST\n              value: "${host}"`,
  );
  return judge(manifests({ job, more })).get("database-egress")!;
}

Deno.test("database-egress takes the end of a host for a namespace if the project names it", () => {
  const job = HEALTHY.job.replace(
    /(- name: DJANGO_DB_HOST\n +)valueFrom:\n[^]*?key: DJANGO_DB_HOST/,
    (_, start) => `${start}value: db.pg`,
  );
  const outcomeIn = (namespace: string) => {
    const database = { ...DEFAULT_PROJECT.database, namespace };
    const fact = { ...manifests({ job }), project: { ...DEFAULT_PROJECT, database } };
    return JSON.stringify(judge(fact).get("database-egress"));
  };
  assertStringIncludes(outcomeIn("robson"), "is outside the cluster");
  assertEquals(outcomeIn("pg").includes("is outside the cluster"), false);
});

Deno.test("database-egress does not judge a private address that can be a Service of Postgres", () => {
  for (const host of ["10.43.7.7", "10.42.0.9"]) {
    const outcome = outcomeOf(host);
    if (!("unknown" in outcome)) throw new Error(JSON.stringify(outcome));
    assertStringIncludes(outcome.unknown, `whether ${host} is such a pod, or a Service of such`);
  }
  assertStringIncludes(JSON.stringify(outcomeOf("203.0.113.9")), "is outside the cluster");
});

Deno.test("database-egress does not judge a name that can be that of a host outside the cluster", () => {
  const namespace = "\napiVersion: v1\nkind: Namespace\nmetadata: { name: cloud }\n";
  const open = policy(
    "allow-outside",
    `${SPARK_PODS}
  policyTypes: [Egress]
  egress: [{ to: [{ ipBlock: { cidr: 203.0.113.0/24 } }], ports: [{ port: 5432 }] }]`,
  );
  const unknown = outcomeOf("acme.cloud", `${namespace}---\n${open}`);
  assertStringIncludes(
    JSON.stringify(unknown),
    '"unknown":"whether the host in DJANGO_DB_HOST is outside the cluster is not known',
  );
  const service = "apiVersion: v1\nkind: Service\nmetadata: { name: acme, namespace: cloud }\n" +
    "spec: { selector: { app: acme }, ports: [{ port: 5432 }] }\n";
  for (const more of [namespace, `${namespace}---\n${service}---\n${open}`]) {
    assertStringIncludes(JSON.stringify(outcomeOf("acme.cloud", more)), '"severity":"fail"');
  }
});

Deno.test("database-egress takes a name of two words for a Service of a namespace that is not declared", () => {
  const denied = JSON.stringify(outcomeOf("pg.warehouse"));
  assertStringIncludes(denied, '"severity":"fail"');
  assertStringIncludes(denied, "Postgres in namespace warehouse");
  assertStringIncludes(JSON.stringify(outcomeOf("pg.acme.com")), "Postgres outside the cluster");
});

Deno.test("database-egress knows names that end with a domain and with a usual namespace", () => {
  const open = "\n" + policy(
    "allow-outside",
    `${SPARK_PODS}
  policyTypes: [Egress]
  egress: [{ to: [{ ipBlock: { cidr: 0.0.0.0/0 } }], ports: [{ port: 5432 }] }]`,
  );
  for (const host of ["db.dev", "db.app", "db.qa", "db-0.db.dev", "db-0.db.warehouse"]) {
    assertEquals(Object.keys(outcomeOf(host, open)), ["unknown"], host);
  }
  const outside = outcomeOf("db.payments.dev", open);
  assertEquals("findings" in outside && outside.findings, []);
  assertStringIncludes(
    JSON.stringify(outside),
    "the host in DJANGO_DB_HOST counts as one outside the cluster; the manifests contain only",
  );
  assert(!JSON.stringify(outcomeOf("db.acme.com", open)).includes("counts as"));
});

Deno.test("database-egress judges the name of a pod by its Service", () => {
  const outcome = outcomeOf("paradedb-0.paradedb.robson");
  assertEquals("findings" in outcome && outcome.findings, []);
});

Deno.test("the fix of database-egress keeps a peer that another job needs", () => {
  const other = HEALTHY.job.replace(/(metadata:\n {2}name: )\S+/, "$1other");
  assertStringIncludes(other, "name: other");
  const fixes = (outcome: ReturnType<typeof outcomeOf>) =>
    "findings" in outcome
      ? outcome.findings.map(({ fix }) => changesIn(fix)).join()
      : JSON.stringify(outcome);
  const value = { ipBlock: { cidr: "198.51.100.7/32" } };
  const step = { op: "add", path: "/spec/egress/0/to/-", value };
  assertEquals(fixes(outcomeOf("198.51.100.7", other)), JSON.stringify([step]));
  // Without another job, the fix replaces the peer.
  const replaced = { op: "replace", path: "/spec/egress/0/to/0", value };
  assertEquals(fixes(outcomeOf("198.51.100.7")), JSON.stringify([replaced]));
});

Deno.test("database-egress judges the address of a declared Service by its pods", () => {
  const service = (app: string) => `
apiVersion: v1
kind: Service
metadata: { name: db, namespace: robson }
spec: { clusterIP: 10.43.7.7, selector: { app: ${app} }, ports: [{ port: 5432 }] }
`;
  const outcome = outcomeOf("10.43.7.7", service("rbs-paradedb"));
  assertEquals(outcome, judge(manifests()).get("database-egress"));
});

Deno.test("database-egress opens no policy for a name that only Docker knows", () => {
  for (const host of ["host.docker.internal", "host.containers.internal"]) {
    assertEquals(outcomeOf(host), {
      skip: "DJANGO_DB_HOST names no server that pods reach (see secret-escaping)",
    });
  }
});

Deno.test("database-egress patches with the declared labels of the pods, and no unknown label", () => {
  const { fix } = onlyFinding(edited("outbox", "app: rbs", "app: db"));
  assertStringIncludes(fix, '"podSelector":{"matchLabels":{"app":"rbs-paradedb"}}');
});

Deno.test("database-egress adds a policy if no rule is for Postgres", () => {
  const found = onlyFinding({ outbox: "" });
  assertEquals([found.id, found.object], [
    "database-egress",
    "NetworkPolicy analytics-jobs/default-deny",
  ]);
});

Deno.test("database-egress reads DJANGO_DB_PORT from the job, a ConfigMap or a Secret", () => {
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

Deno.test("database-egress takes the pods and the port of Postgres from the Service", () => {
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

Deno.test("database-egress requires ingress policies in robson to allow the jobs", () => {
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
    examined: "pods of 1 job under 6 policies",
    findings: [],
  });
});

Deno.test("database-egress judges only the namespace of an undeclared Postgres, and says so", () => {
  const outcome = judge(manifests({ postgres: "" })).get("database-egress")!;
  assertStringIncludes(JSON.stringify(outcome), "the manifests declare no Postgres in robson");
  assertStringIncludes(JSON.stringify(outcome), '"findings":[]');
  const found = onlyFinding({
    postgres: "",
    ...edited("outbox", "name: robson", "name: analytics-jobs"),
  });
  assertEquals([found.id, found.object], ["database-egress", OUTBOX]);
});

Deno.test("database-egress leaves a missing namespace label to namespace-labels", () => {
  const changes = edited("robsonNamespace", "{ name: robson } }", "{ app: robson } }");
  assertEquals(onlyFinding(changes).id, "namespace-labels");
  assertEquals("skip" in judge(manifests(changes)).get("database-egress")!, true);
});

Deno.test("database-egress is not applicable if no job has a DJANGO_DB_* variable", () => {
  const changes = { job: HEALTHY.job.replaceAll("DJANGO_DB_", "OTHER_DB_") };
  assertEquals(judge(manifests(changes)).get("database-egress"), {
    notApplicable: "no job has any of the variables DJANGO_DB_*",
  });
});

for (
  const [kind, container] of [
    ["Deployment", "image: prometheuscommunity/postgres-exporter:1"],
    ["Deployment", "image: edoburu/pgbouncer:1"],
    ["Deployment", "image: postgres-client:1"],
    ["Deployment", "image: postgrest/postgrest:12"],
    ["Deployment", "image: postgres:16, command: [sleep, infinity]"],
    ["Deployment", "image: postgres:16, command: [sh, -c, 'psql -h paradedb && sleep 9']"],
    ["CronJob", "image: postgres:16, command: [sh, -c, 'pg_dump -h paradedb rbsdb']"],
    ["Job", "image: postgres:16, args: [psql, -h, paradedb]"],
  ]
) {
  Deno.test(`database-egress does not take a ${kind} with ${container} for Postgres`, () => {
    const pod = `template: { metadata: { labels: { app: other } }, spec: ` +
      `{ restartPolicy: Never, containers: [{ name: a, ${container} }] } }`;
    const other = `
apiVersion: ${kind === "Deployment" ? "apps" : "batch"}/v1
kind: ${kind}
metadata: { name: other, namespace: robson }
spec: { ${kind === "CronJob" ? `schedule: "@daily", jobTemplate: { spec: { ${pod} } }` : pod} }
`;
    const only = JSON.stringify(
      judge(manifests({ postgres: "", more: other })).get("database-egress"),
    );
    assertStringIncludes(only, "the manifests declare no Postgres in robson");
    assertStringIncludes(only, '"findings":[]');
  });
}

for (
  const container of [
    "image: 'registry.tools.example/bitnami/postgresql-repmgr:16'",
    "image: postgres:16, args: [-c, max_connections=200]",
    "image: postgres:16, args: [postgres, -c, max_connections=200]",
    "image: postgres:16, command: [bash, -c, 'chmod 700 /data; exec docker-entrypoint.sh postgres']",
    "image: private:1, ports: [{ containerPort: 5432 }]",
  ]
) {
  Deno.test(`database-egress takes a pod with ${container} for Postgres`, () => {
    const postgres = `
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: db, namespace: robson }
spec:
  template:
    metadata: { labels: { app: other } }
    spec: { containers: [{ name: a, ${container} }] }
`;
    assertEquals(onlyFinding({ postgres: "", more: postgres }).id, "database-egress");
  });
}

Deno.test("database-egress fails if a policy closes one pod of Postgres", () => {
  const closed = policy(
    "closed",
    "podSelector: { matchLabels: { statefulset.kubernetes.io/pod-name: rbs-paradedb-0 } }",
  ).replace("analytics-jobs", "robson");
  const service = `
apiVersion: v1
kind: Service
metadata: { name: paradedb, namespace: robson }
spec: { selector: { app: rbs-paradedb }, ports: [{ port: 5432 }] }
---`;
  const { id, fix } = onlyFinding({ more: service + closed });
  assertEquals(id, "database-egress");
  assertEquals(fix.includes('pod-name":'), false);
});

Deno.test("database-egress: the words about a fix are after its command, and before its YAML", () => {
  const outcome = outcomeOf("pg.warehouse");
  const [finding] = "findings" in outcome ? outcome.findings : [];
  const note = "To narrow the rule to Postgres, add the labels that " +
    '"kubectl -n warehouse get pods --show-labels" prints for it.';
  const [command, words] = finding!.fix.split("'. ");
  assertMatch(command!, /^kubectl -n analytics-jobs patch networkpolicy .*]$/);
  assertEquals(words, note);
  assertEquals(
    finding!.fixInFiles!.split(" (")[0],
    `${note} In NetworkPolicy analytics-jobs/allow-outbox-egress`,
  );
});
