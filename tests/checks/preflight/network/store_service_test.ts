import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import { change, FILES, judgeAll } from "../../healthy/manifests.ts";

// Stores and databases behind Services of the cluster, by how a Service leads to its pods.

const STORE = (service: string) =>
  `apiVersion: v1
kind: Namespace
metadata: { name: storage }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: minio, namespace: storage }
spec:
  selector: { matchLabels: { app: minio } }
  template:
    metadata: { labels: { app: minio } }
    spec:
      containers: [{ name: minio, image: "minio:1", ports: [{ name: s3, containerPort: 9000 }] }]
---
apiVersion: v1
kind: Service
metadata: { name: minio, namespace: storage }
spec: ${service}
`;

const rule = (peer: string, port: string) =>
  `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: allow-minio, namespace: analytics-jobs }
spec:
  podSelector: { matchExpressions: [{ key: spark-role, operator: In, values: [driver, executor] }] }
  policyTypes: [Egress]
  egress: [{ to: [${peer}], ports: [{ port: ${port} }] }]
`;

const PODS = "{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: storage } }, " +
  "podSelector: { matchLabels: { app: minio } } }";

/** The findings, as `check: severity`, and their texts. */
async function findings(endpoint: string, service: string, policy = "") {
  const results = await judgeAll({
    ...change("secrets.yaml", "https://eu2.contabostorage.com", endpoint),
    "store.yaml": STORE(service),
    ...(policy === "" ? {} : { "policy.yaml": policy }),
  });
  const found = results.flatMap(({ id, findings }) =>
    findings.map(({ severity, problem, fix }) => ({ told: `${id}: ${severity}`, problem, fix }))
  );
  return { told: found.map(({ told }) => told), text: JSON.stringify(found) };
}

const NAME = "http://minio.storage.svc.cluster.local";
const selecting = (ports: string) => `{ selector: { app: minio }, ports: [${ports}] }`;

/** An endpoint, the Service, the port of the rule, and the findings. */
const CASES: readonly (readonly [string, string, string, string[]])[] = [
  [NAME, selecting("{ port: 80, targetPort: 9000 }"), "9000", []],
  [`${NAME}:80`, selecting("{ port: 80, targetPort: s3 }"), "9000", []],
  [`${NAME}:80`, selecting("{ port: 80, targetPort: s3 }"), "s3", []],
  [`${NAME}:80`, selecting("{ port: 80, targetPort: s3 }"), "80", ["egress-policy: fail"]],
  [`${NAME}:9000`, `{ clusterIP: None, ${selecting("{ port: 80 }").slice(1)}`, "9000", []],
];
for (const [endpoint, service, port, expected] of CASES) {
  Deno.test(`a rule for port ${port} and the store ${endpoint} behind ${service}`, async () => {
    assertEquals((await findings(endpoint, service, rule(PODS, port))).told, expected);
  });
}

Deno.test("a Service that stands for a name outside is judged as that name", async () => {
  const outside = "{ type: ExternalName, externalName: s3.example.com }";
  const https = "https://minio.storage.svc.cluster.local";
  assertEquals((await findings(https, outside)).told, []);
  const other = await findings(`${https}:9443`, outside);
  assertEquals(other.told, ["egress-policy: fail"]);
  assertStringIncludes(other.text, "the object store outside the cluster on TCP 9443");
  const address = "{ type: ExternalName, externalName: 10.9.0.7 }";
  assertEquals((await findings(https, address)).told, ["egress-policy: fail"]);
});

/** A Service of the jobs' namespace that stands for another name. */
function aliasOf(name: string, other: string): string {
  return `---
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: analytics-jobs }
spec: { type: ExternalName, externalName: ${other} }
`;
}

Deno.test("a Service that stands for another Service is judged as that Service", async () => {
  const alias = aliasOf("store", "minio.storage.svc.cluster.local");
  const service = selecting("{ port: 443, targetPort: 9000 }");
  const judged = (policy: string) => findings("https://store", `${service}\n${alias}`, policy);
  assertEquals((await judged(rule(PODS, "9000"))).told, []);
  const denied = await judged("");
  assertEquals(denied.told, ["egress-policy: fail"]);
  assertStringIncludes(denied.text, "storage/minio on TCP 9000");
});

Deno.test("the database behind a Service that stands for another Service is judged", async () => {
  const alias = aliasOf("db", "paradedb.robson.svc.cluster.local");
  const secrets = FILES["secrets.yaml"]!.replaceAll(/DJANGO_DB_HOST: .*/g, "DJANGO_DB_HOST: db");
  const judged = async (policies: string) =>
    (await judgeAll({
      ...FILES,
      "secrets.yaml": secrets,
      "robson.yaml": FILES["robson.yaml"]! + alias,
      "20-network-policies.yaml": policies,
    })).filter(({ verdict }) => verdict === "fail").map(({ id }) => id);
  const policies = FILES["20-network-policies.yaml"]!;
  assertEquals(await judged(policies), []);
  assertEquals(await judged(policies.replace("port: 5432", "port: 5433")), ["database-egress"]);
});

Deno.test("the port of the pods of Postgres is needed, not only that of its Service", async () => {
  const service = `---
apiVersion: v1
kind: Service
metadata: { name: paradedb, namespace: robson }
spec: { selector: { app: rbs-paradedb }, ports: [{ port: 5432, targetPort: 6543 }] }
`;
  const policies = FILES["20-network-policies.yaml"]!.replace("port: 5432", "port: 6543");
  const results = await judgeAll({
    ...FILES,
    "robson.yaml": FILES["robson.yaml"]! + service,
    "20-network-policies.yaml": policies,
  });
  assertEquals(results.flatMap(({ findings }) => findings.map(({ problem }) => problem)), []);
});
