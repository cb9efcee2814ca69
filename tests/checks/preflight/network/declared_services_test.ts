import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import { change, FILES, judgeAll } from "../../healthy/manifests.ts";
import { changesIn } from "../../healthy/pasted.ts";

// Services of Postgres and of the store that the manifests declare with or without their pods. Without
// a cluster, a declared Service shows its ports, the labels of its pods, and whether it has a selector.

const service = (spec: string) =>
  `---
apiVersion: v1
kind: Service
metadata: { name: paradedb, namespace: robson }
spec: ${spec}
`;

const slice = (addresses: string) =>
  `---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: paradedb-1, namespace: robson, labels: { kubernetes.io/service-name: paradedb } }
addressType: IPv4
endpoints: [{ addresses: [${addresses}] }]
ports: [{ port: 5432 }]
`;

const endpoints = (address: string) =>
  `---
apiVersion: v1
kind: Endpoints
metadata: { name: paradedb, namespace: robson }
subsets: [{ addresses: [{ ip: ${address} }], ports: [{ port: 5432 }] }]
`;

const NAMESPACE = "apiVersion: v1\nkind: Namespace\n" +
  "metadata: { name: robson, labels: { name: robson } }\n";

/** The result of database-egress for other objects of the namespace of Postgres. */
async function database(objects: string, files: Record<string, string> = {}) {
  const results = await judgeAll({ ...FILES, "robson.yaml": objects, ...files });
  const { verdict, findings, reason = "", unchecked = [] } = results
    .find(({ id }) => id === "database-egress")!;
  return { verdict, findings, reason, unchecked: unchecked.join("; ") };
}

/** The spec of the Service without its pods, the verdict, and words of the report. */
const WITHOUT_PODS: readonly (readonly [string, string, string])[] = [
  [
    "{ selector: { app: rbs-paradedb }, ports: [{ port: 5432 }] }",
    "pass",
    "labels of its selector",
  ],
  ["{ selector: { app: paradedb }, ports: [{ port: 5432 }] }", "fail", "does not match"],
  [
    "{ selector: { app: rbs-paradedb }, ports: [{ port: 5432, targetPort: 6432 }] }",
    "fail",
    "not TCP 6432",
  ],
  ["{ selector: { app: rbs-paradedb }, ports: [{ port: 5432, targetPort: pg }] }", "pass", "taken"],
  ["{ selector: { app: rbs-paradedb }, ports: [{ port: 6543 }] }", "fail", "has no port 5432"],
  ["{ clusterIP: None, selector: { app: rbs-paradedb }, ports: [{ port: 1 }] }", "pass", "taken"],
  ["{ ports: [{ port: 5432 }] }", "error", "has no selector"],
];
for (const [spec, verdict, words] of WITHOUT_PODS) {
  Deno.test(`database-egress: ${verdict} with the Service ${spec} and no pods`, async () => {
    const found = await database(NAMESPACE + service(spec));
    assertEquals(found.verdict, verdict, JSON.stringify(found));
    assertStringIncludes(JSON.stringify(found), words);
  });
}

/** The spec of the Service with the pods of Postgres, and the problems. */
const WITH_PODS: readonly (readonly [string, string[]])[] = [
  ["{ selector: { app: rbs-paradedb }, ports: [{ port: 5432 }] }", []],
  ["{ selector: { app: rbs-paradedb }, ports: [{ port: 80 }, { port: 5432 }] }", []],
  ["{ selector: { app: rbs-paradedb }, ports: [{ port: 5432, protocol: UDP }, { port: 80 }] }", [
    "the Service has no port 5432; its ports are UDP 5432, 80",
  ]],
  ["{ selector: { app: rbs-paradedb }, ports: [{ port: 5432, targetPort: psql }] }", [
    "no container of robson/StatefulSet/rbs-paradedb has a TCP port with the name psql; their " +
    "ports are sql",
  ]],
  ["{ selector: { app: rbs-paradedb }, ports: [{ port: 5432, targetPort: sql }] }", []],
  ["{ selector: { app: paradedb }, ports: [{ port: 5432 }] }", [
    "the Service selects no pod of the manifests; the labels of robson/StatefulSet/rbs-paradedb " +
    "are app=rbs-paradedb",
  ]],
];
for (const [spec, problems] of WITH_PODS) {
  Deno.test(`database-egress: the problems of the Service ${spec} with its pods`, async () => {
    const found = await database(FILES["robson.yaml"]! + service(spec));
    assertEquals(found.findings.map(({ problem }) => problem), problems);
    assertEquals(found.findings.every(({ object }) => object === "Service robson/paradedb"), true);
  });
}

Deno.test("database-egress reads the addresses of a Service in Endpoints as in EndpointSlices", async () => {
  const bare = NAMESPACE + service("{ ports: [{ port: 5432 }] }");
  for (const listed of [slice('"203.0.113.5"'), endpoints("203.0.113.5")]) {
    const { verdict, findings } = await database(bare + listed);
    assertEquals(verdict, "fail");
    assertStringIncludes(findings[0]!.problem, "203.0.113.5 is outside the cluster");
  }
  // A private address can be that of a pod, which the rule selects by its labels.
  assertEquals((await database(bare + endpoints("10.9.0.7"))).verdict, "error");
});

Deno.test("the fix of database-egress opens each address of a Service that is closed", async () => {
  const bare = NAMESPACE + service("{ ports: [{ port: 5432 }] }");
  const open = FILES["20-network-policies.yaml"]!.replace(
    /- namespaceSelector:\n +matchLabels:\n +name: robson\n +podSelector:\n +matchLabels:\n +app: rbs-paradedb\n/,
    "- ipBlock: { cidr: 203.0.113.5/32 }\n",
  );
  assertStringIncludes(open, "203.0.113.5/32");
  const { findings } = await database(
    bare + slice('"203.0.113.5", "203.0.113.6", "203.0.113.7"'),
    { "20-network-policies.yaml": open },
  );
  const added = findings.flatMap(({ fix }) => changesIn(fix)).join();
  const step = (cidr: string) => (
    { op: "add", path: "/spec/egress/0/to/-", value: { ipBlock: { cidr } } }
  );
  assertEquals(added, JSON.stringify([step("203.0.113.6/32"), step("203.0.113.7/32")]));
});

/** The result of egress-policy for a Service of the store without its pods. */
async function store(spec: string, more = "") {
  const results = await judgeAll({
    ...change("secrets.yaml", "https://eu2.contabostorage.com", "http://minio.storage.svc:9000"),
    "store.yaml": `apiVersion: v1
kind: Service
metadata: { name: minio, namespace: storage }
spec: ${spec}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: allow-minio, namespace: analytics-jobs }
spec:
  podSelector: { matchExpressions: [{ key: spark-role, operator: In, values: [driver, executor] }] }
  policyTypes: [Egress]
  egress:
    - to:
        - namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: storage } }
          podSelector: { matchLabels: { app: minio } }
      ports: [{ port: 9000 }]
${more}`,
  });
  return results.find(({ id }) => id === "egress-policy")!;
}

const STORES: readonly (readonly [string, string, string])[] = [
  ["{ selector: { app: minio }, ports: [{ port: 9000 }] }", "pass", "labels of its selector"],
  ["{ selector: { app: lake }, ports: [{ port: 9000 }] }", "fail", "does not match app=minio"],
  ["{ selector: { tenant: lake }, ports: [{ port: 9000 }] }", "error", "is not known"],
  ["{ selector: { app: minio }, ports: [{ port: 80 }] }", "fail", "has no port 9000"],
  ["{ selector: { app: minio }, ports: [{ port: 9000, targetPort: s3 }] }", "pass", "taken"],
  ["{ selector: { app: minio }, ports: [{ port: 9000, targetPort: 90 }] }", "fail", "not TCP 90"],
  ["{ ports: [{ port: 9000 }] }", "error", "has no selector"],
];
for (const [spec, verdict, words] of STORES) {
  Deno.test(`egress-policy: ${verdict} with a store behind the Service ${spec}`, async () => {
    const found = await store(spec);
    assertEquals(found.verdict, verdict, JSON.stringify(found));
    assertStringIncludes(JSON.stringify(found), words);
  });
}

Deno.test("the fix of egress-policy for a Service with addresses opens the addresses", async () => {
  const found = await store(
    "{ ports: [{ port: 9000 }] }",
    slice('"203.0.113.5", "203.0.113.6"').replaceAll("paradedb", "minio")
      .replace("robson", "storage").replace("5432", "9000"),
  );
  const changes = found.findings.flatMap(({ fix }) => changesIn(fix)).join();
  assertEquals(["203.0.113.5/32", "203.0.113.6/32"].map((each) => changes.includes(each)), [
    true,
    true,
  ]);
});

/** The manifests without Postgres, with another host in the Secret. */
const withHost = (host: string) => ({
  "secrets.yaml": FILES["secrets.yaml"]!.replace(
    /DJANGO_DB_HOST: .*/,
    () => `DJANGO_DB_HOST: ${host}`,
  ),
});

for (const host of ["paradedb", "paradedb.robsom.svc.cluster.local", "paradedb.default.svc"]) {
  Deno.test(`database-egress corrects the host ${host}, and not the policy`, async () => {
    const { findings } = await database(NAMESPACE, withHost(host));
    assertEquals(findings.map(({ fix }) => fix), [
      "Set DJANGO_DB_HOST to paradedb.robson.svc.cluster.local, or database.host in the project " +
      "file to the right host.",
    ]);
    assertStringIncludes(findings[0]!.problem, "Postgres is in robson");
  });
}

Deno.test("database-egress patches the policy for another host that it does not know", async () => {
  const { findings } = await database(NAMESPACE, withHost("pg.warehouse.svc"));
  assertStringIncludes(findings[0]!.fix, "patch networkpolicy allow-outbox-egress");
});

/** An object of an operator, the host, and the label that its pods have. */
const OPERATORS = [
  ["postgresql.cnpg.io/v1", "Cluster", "pg-rw", "cnpg.io/cluster"],
  ["postgresql.cnpg.io/v1", "Pooler", "pg", "cnpg.io/poolerName"],
  ["acid.zalan.do/v1", "postgresql", "pg", "cluster-name"],
  [
    "postgres-operator.crunchydata.com/v1beta1",
    "PostgresCluster",
    "pg-primary",
    "postgres-operator.crunchydata.com/cluster",
  ],
] as const;
for (const [apiVersion, kind, host, label] of OPERATORS) {
  Deno.test(`database-egress knows a label of the pods of a ${kind} of ${apiVersion}`, async () => {
    const objects = `${NAMESPACE}---
apiVersion: ${apiVersion}
kind: ${kind}
metadata: { name: pg, namespace: robson }
spec: { instances: 1 }
`;
    const files = withHost(`${host}.robson.svc.cluster.local`);
    const unsure = await database(objects, files);
    assertEquals(unsure.verdict, "error", JSON.stringify(unsure));
    assertStringIncludes(unsure.reason, "have the label app=rbs-paradedb is not known");
    const policies = FILES["20-network-policies.yaml"]!.replace(
      "app: rbs-paradedb",
      `${label}: pg`,
    );
    const known = await database(objects, { ...files, "20-network-policies.yaml": policies });
    assertEquals(known.verdict, "pass", JSON.stringify(known));
    assertStringIncludes(known.unchecked, `only ${label}=pg is known`);
    const wrong = policies.replace(`${label}: pg`, `${label}: other`);
    const denied = await database(objects, { ...files, "20-network-policies.yaml": wrong });
    assertEquals(denied.verdict, "fail", JSON.stringify(denied));
  });
}
