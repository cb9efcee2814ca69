import { assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { MANIFESTS, reach } from "../support/reach.ts";

const SERVICES = `${MANIFESTS}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: data}
spec: {clusterIP: 10.43.0.7, selector: {app: postgres}, ports: [{port: 6000, targetPort: postgres}]}
---
apiVersion: v1
kind: Service
metadata: {name: store, namespace: data}
spec: {type: ExternalName, externalName: s3.example.com}
---
apiVersion: v1
kind: Service
metadata: {name: cache, namespace: other}
spec: {clusterIP: None, selector: {app: redis}}
`;

const FROM = ["--from", "jobs/bronze"];

Deno.test("reach: resolves a Service to its pods and their port", async () => {
  for (const to of ["db.data.svc.cluster.local", "db.data.svc", "data/db", "10.43.0.7"]) {
    const { code, out } = await reach(SERVICES, ...FROM, "--to", to, "--port", "6000");
    assertStringIncludes(out, "jobs/Job/bronze -> data/StatefulSet/postgres, TCP 5432\n");
    assertStringIncludes(out, "spec.egress[0].ports[0]: TCP postgres");
    assertStringIncludes(out, "data/Service/db leads to data/StatefulSet/postgres, port 5432");
    assertEquals(code, 1); // the namespace jobs has no label name=jobs
  }
  const other = await reach(SERVICES, ...FROM, "--to", "db.data.svc", "--port", "5432");
  assertStringIncludes(other.err, "has no port TCP 5432; its ports are TCP 6000");
  assertEquals(other.code, 2);
  const external = await reach(SERVICES, ...FROM, "--to", "store.data.svc", "--port", "443");
  assertStringIncludes(external.out, "jobs/Job/bronze -> s3.example.com, TCP 443");
});

Deno.test("reach: accepts the name of a pod of a StatefulSet", async () => {
  for (const to of ["data/postgres-0", "postgres-0.db.data.svc.cluster.local"]) {
    const { code, out } = await reach(SERVICES, ...FROM, "--to", to, "--port", "5432");
    assertStringIncludes(out, "-> data/StatefulSet/postgres (pod postgres-0), TCP 5432");
    assertEquals(code, 1);
  }
  const absent = await reach(SERVICES, ...FROM, "--to", "data/postgres-1", "--port", "5432");
  assertStringIncludes(absent.err, "the manifests declare no such workload");
  const itself = ["--from", "data/postgres-0", "--to", "data/postgres-0", "--port", "5432"];
  assertStringIncludes((await reach(MANIFESTS, ...itself)).out, "a pod can always reach itself");
});

const TO_UNDECLARED = `${MANIFESTS}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: to-other, namespace: jobs}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to: [{namespaceSelector: {matchLabels: {team: other}}, podSelector: {matchLabels: {app: redis}}}]
    ports: [{port: 6379}]
  - to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: other}}}]
    ports: [{port: 80}]
  - to:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: other}}
      podSelector: {matchExpressions: [{key: tier, operator: NotIn, values: [a, b]}]}
    ports: [{port: 90}]
  - to:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: other}}
      podSelector: {matchLabels: {tier: a}}
    ports: [{port: 90}]
  - to:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: other}}
      podSelector: {matchLabels: {tier: b}}
    ports: [{port: 91, endPort: 95}, {port: web}]
`;

Deno.test("reach: answers from the rules for a workload that no manifest declares", async () => {
  const cases: readonly (readonly [port: string, code: number, ...text: string[]])[] = [
    ["6379", 3, "ALLOWED", "DENIED", "pods with app=redis in namespaces with team=other"],
    ["80", 0, "ALLOWED", "spec.egress[1].to[0]"],
    ["90", 3, "ALLOWED", "spec.egress[2].to[0]", "spec.egress[3].to[0]", "DENIED"],
    ["93", 3, "ALLOWED", "DENIED", "TCP 91-95"],
    ["7000", 3, "ALLOWED", "TCP web", "DENIED"],
  ];
  for (const [port, code, ...texts] of cases) {
    const ran = await reach(TO_UNDECLARED, ...FROM, "--to", "other/cache", "--port", port);
    for (const text of texts) assertStringIncludes(ran.out, text);
    assertStringIncludes(ran.out, "no manifest declares the pods of other/cache");
    assertStringIncludes(ran.out, "the declared workloads are jobs/Job/bronze, data/");
    assertEquals([port, ran.code], [port, code]);
  }
  const udp = [...FROM, "--to", "other/cache", "--port", "53", "--protocol", "UDP"];
  const denied = await reach(TO_UNDECLARED, ...udp);
  assertStringIncludes(denied.out, "DENIED  jobs/Job/bronze -> other/workload/cache, UDP 53");
  assertEquals(denied.code, 1);
});

Deno.test("reach: does not call a Service a pod", async () => {
  const policy = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: to-addresses, namespace: jobs}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]
`;
  const to = ["--to", "cache.elsewhere.svc", "--port", "6379"];
  const { out } = await reach(`${MANIFESTS}---\n${policy}`, ...FROM, ...to);
  const why = "addresses outside the cluster, and elsewhere/Service/cache is inside it";
  assertStringIncludes(out, `ipBlock selects ${why}`);
});

Deno.test("reach: a Service whose pods no manifest declares has the labels of its selector", async () => {
  const to = [...FROM, "--to", "cache.other.svc", "--port", "6379", "--output", "json"];
  const declared =
    "apiVersion: v1\nkind: Namespace\nmetadata: {name: other, labels: {team: other}}";
  const policies = TO_UNDECLARED.slice(MANIFESTS.length);
  const { code, out } = await reach(`${SERVICES}---\n${declared}\n${policies}`, ...to);
  const document = JSON.parse(out);
  assertEquals([code, document.answer, document.to.workload], [
    0,
    "allowed",
    "other/Service/cache",
  ]);
  assertStringIncludes(document.notes[0], "only its labels app=redis are known");
});

Deno.test("reach: an address of a private range or an exception may be that of a pod", async () => {
  for (const to of ["10.42.0.5", "192.168.3.4", "fd00::1"]) {
    const { out } = await reach(MANIFESTS, ...FROM, "--to", to, "--port", "443");
    assertStringIncludes(out, `${to} is assumed to be outside the cluster`);
    assertStringIncludes(out, "the answer holds only if no pod or Service has this address");
  }
  const { out } = await reach(MANIFESTS, ...FROM, "--to", "9.9.9.9", "--port", "443");
  assertStringIncludes(out, "9.9.9.9 is outside the cluster");
  assertEquals(out.includes("holds only if"), false);
});

Deno.test("reach --matrix: names the rules that allow peers that no manifest declares", async () => {
  const says =
    /6 rules allow peers that no manifest declares: NetworkPolicy data\/closed spec\.ingress\[0\] \(.*; NetworkPolicy jobs\/to-other spec\.egress\[0\] \(pods with app=redis in namespaces with team=other; TCP 6379\); /;
  const { out } = await reach(TO_UNDECLARED, "--matrix");
  assertMatch(out, says);
  assertMatch(out, /all others between these workloads and with addresses outside the cluster are/);
  const json = JSON.parse((await reach(TO_UNDECLARED, "--matrix", "--output", "json")).out);
  assertMatch(json.notes.join(), says);
  const labelled = MANIFESTS.replace("name: jobs\n", "name: jobs\n  labels: {name: jobs}\n");
  const none = JSON.parse((await reach(labelled, "--matrix", "--output", "json")).out);
  assertEquals(none.notes, []);
});

Deno.test("reach: a name in a namespace is that of a Service, and any other name is a host", async () => {
  for (const to of ["db.data", "postgres-0.db.data"]) {
    const port = to === "db.data" ? "6000" : "5432";
    const { out } = await reach(SERVICES, ...FROM, "--to", to, "--port", port);
    assertStringIncludes(out, "-> data/StatefulSet/postgres");
    assertStringIncludes(out, `for a host outside the cluster, add a dot to its end: ${to}.`);
  }
  const absent = await reach(SERVICES, ...FROM, "--to", "store.analytics-jobs", "--port", "443");
  assertStringIncludes(absent.out, "no manifest declares the pods of analytics-jobs/Service/store");
  for (const to of ["db.data.", "minio.dev", "example.com", "s3.eu.data"]) {
    const { out } = await reach(SERVICES, ...FROM, "--to", to, "--port", "443");
    assertStringIncludes(out, `jobs/Job/bronze -> ${to}, TCP 443`);
  }
});

Deno.test("reach: the pods of the project's database have the labels of the project", async () => {
  const policy = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: to-database, namespace: jobs}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to: [{namespaceSelector: {matchLabels: {name: robson}}, podSelector: {matchLabels: {app: rbs-paradedb}}}]
    ports: [{port: 5432}]
`;
  const manifests = `${MANIFESTS}---\n${policy}`;
  const { out, code } = await reach(
    manifests,
    ...FROM,
    "--to",
    "paradedb.robson",
    "--port",
    "5432",
  );
  assertStringIncludes(out, "only its labels app=rbs-paradedb are known");
  assertStringIncludes(out, "whether namespace robson matches name=robson is not known");
  assertEquals([code, out.includes("does not match name=robson")], [3, false]);
});
