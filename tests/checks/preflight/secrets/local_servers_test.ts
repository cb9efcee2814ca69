import { DEFAULT_PROJECT } from "../../../../pipeline/contract/project.ts";
import { readFile } from "../../../../checks/facts/manifests.ts";
import { workloadsOf } from "../../../../checks/kubernetes/workloads.ts";
import { localServers, serverProblem } from "../../../../checks/preflight/secrets/local_servers.ts";
import { assert, assertEquals } from "../../../support/assert.ts";
import { edited, judge, manifests } from "../../healthy/connections.ts";
import { assertFound, change, FILES, JOB, JOB_ID, lineOf } from "../../healthy/manifests.ts";

const ID = "secret-escaping";
const HOST = "DJANGO_DB_HOST: paradedb.robson.svc.cluster.local";
const ENDPOINT = "S3_ENDPOINT: https://eu2.contabostorage.com";
const problemOf = (name: string) =>
  `${name} names a loopback host, which for a pod is the pod itself`;

for (
  const host of [
    "127.0.0.1",
    "localhost",
    "'::1'",
    "127.0.0.2",
    "db.example,127.0.0.1",
    "localhost:5432",
    "'[::1]:5432'",
    "me@127.0.0.1",
    "postgres://me@localhost:5432/rbsdb",
  ]
) {
  Deno.test(`secret-escaping fails for a Secret whose database is ${host}`, async () => {
    await assertFound(ID, change("secrets.yaml", HOST, `DJANGO_DB_HOST: ${host}`), {
      severity: "fail",
      object: "Secret analytics-jobs/django-db-credentials",
      field: "stringData.DJANGO_DB_HOST",
      line: lineOf("secrets.yaml", HOST),
      problem: problemOf("DJANGO_DB_HOST"),
    });
  });
}

for (
  const [host, fault] of [
    ["db.example:5432", "it has a port after the host"],
    ["postgres://db.example/rbsdb", "it is a URL"],
    ["db.example/rbsdb", "it has a path after the host"],
    ["a.example,b.example", "it names several hosts"],
    ["'[2001:db8::1]'", "an IPv6 address must not have brackets here"],
  ] as const
) {
  Deno.test(`secret-escaping fails for a Secret whose database is no host: ${host}`, async () => {
    await assertFound(ID, change("secrets.yaml", HOST, `DJANGO_DB_HOST: ${host}`), {
      severity: "fail",
      object: "Secret analytics-jobs/django-db-credentials",
      problem: `DJANGO_DB_HOST: ${fault}`,
      why: "the job refuses the value, and ends before it connects",
      fix: "Set DJANGO_DB_HOST to a host name or an address and nothing more, as in db.example; " +
        "the port goes into DJANGO_DB_PORT.",
    });
  });
}

Deno.test("serverProblem accepts hosts, and references that Kubernetes replaces", () => {
  for (const host of ["db.example", "10.9.0.7", "2001:db8::1", "$(PGHOST)", "{{ host }}", ""]) {
    assertEquals(serverProblem("DJANGO_DB_HOST", host), undefined, host);
  }
});

Deno.test("secret-escaping warns about a name that only Docker of a developer knows", async () => {
  for (
    const [line, value] of [
      [HOST, "DJANGO_DB_HOST: host.docker.internal"],
      [ENDPOINT, "S3_ENDPOINT: http://host.docker.internal:9000"],
    ] as const
  ) {
    const name = line.replace(/:.*/, "");
    await assertFound(ID, change("secrets.yaml", line, value), {
      severity: "warn",
      field: `stringData.${name}`,
      problem: `${name} names the machine that runs Docker, which other clusters do not know`,
    });
  }
});

Deno.test("secret-escaping fails for a Secret whose store is a loopback host", async () => {
  for (const endpoint of ["http://localhost:9000", "127.0.0.1:9000"]) {
    await assertFound(ID, change("secrets.yaml", ENDPOINT, `S3_ENDPOINT: ${endpoint}`), {
      object: "Secret analytics-jobs/contabo-s3-credentials",
      field: "stringData.S3_ENDPOINT",
      problem: problemOf("S3_ENDPOINT"),
    });
  }
});

Deno.test("secret-escaping fails for an endpoint of our jobs without a scheme", async () => {
  for (const endpoint of ["s3.example.com:9000", "eu2.contabostorage.com", "minio"]) {
    await assertFound(ID, change("secrets.yaml", ENDPOINT, `S3_ENDPOINT: ${endpoint}`), {
      severity: "fail",
      object: "Secret analytics-jobs/contabo-s3-credentials",
      field: "stringData.S3_ENDPOINT",
      problem: "S3_ENDPOINT has no scheme",
      fix: "Set S3_ENDPOINT to a URL: https://<host>, as in https://eu2.contabostorage.com.",
    });
  }
});

Deno.test("localServers accepts an endpoint without a scheme in a job with other code", () => {
  const container = (image: string) =>
    `apiVersion: v1
kind: Pod
metadata: { name: p, namespace: analytics-jobs }
spec:
  containers: [{ name: a, image: "${image}", env: [{ name: S3_ENDPOINT, value: "minio:9000" }] }]
`;
  const found = (image: string) => {
    const { objects } = readFile("a.yaml", container(image));
    return localServers(workloadsOf(objects), objects, DEFAULT_PROJECT)
      .map(({ problem }) => problem);
  };
  assertEquals(found("acme/etl:1"), []);
  assertEquals(found(DEFAULT_PROJECT.jobs.image), ["S3_ENDPOINT has no scheme"]);
});

Deno.test("secret-escaping finds a loopback host in env, in a ConfigMap and with a prefix", async () => {
  const env = (more: string) => change(JOB, "          env:\n", `          env:\n${more}`);
  await assertFound(ID, env("            - { name: PGHOST, value: localhost }\n"), {
    object: JOB_ID,
    field: "spec.template.spec.containers[0].env[0].value",
    problem: problemOf("PGHOST"),
  });
  const map = `apiVersion: v1
kind: ConfigMap
metadata: { name: db, namespace: analytics-jobs }
data: { HOST: localhost, JOBS_PER_DAY: "1" }
`;
  const inherited = change(
    JOB,
    "          env:\n",
    "          envFrom: [{ prefix: PG, configMapRef: { name: db } }]\n          env:\n",
  );
  await assertFound(ID, { ...inherited, "map.yaml": map }, {
    object: "ConfigMap analytics-jobs/db",
    field: "data.HOST",
    problem: problemOf("PGHOST"),
  });
});

Deno.test("secret-escaping warns if another container of the pod can listen on loopback", async () => {
  const sidecar = `      initContainers:
        - name: proxy
          image: proxy:1.0
          restartPolicy: Always
          resources: { requests: { cpu: 100m, memory: 64Mi }, limits: { cpu: 100m, memory: 64Mi } }
      containers:
`;
  const files = change(
    JOB,
    "      containers:\n",
    sidecar,
    change("secrets.yaml", HOST, "DJANGO_DB_HOST: localhost"),
  );
  await assertFound(ID, files, { severity: "warn", problem: problemOf("DJANGO_DB_HOST") });
});

Deno.test("secret-escaping accepts a loopback value of a variable that names no server", async () => {
  const more = "          env:\n            - { name: SPARK_LOCAL_IP, value: 127.0.0.1 }\n";
  await assertFound(ID, change(JOB, "          env:\n", more));
  await assertFound(ID, FILES);
});

Deno.test("no fix opens a loopback or link-local address", () => {
  const secret =
    "valueFrom:\n                secretKeyRef:\n                  name: django-db-credentials\n                  key: DJANGO_DB_HOST";
  const cases = [
    ["127.0.0.1", "skip"],
    ["localhost", "skip"],
    ["::1", "skip"],
    ["::ffff:127.0.0.1", "skip"],
    ["0.0.0.0", "skip"],
    ["169.254.169.254", "findings"],
  ] as const;
  for (const [host, told] of cases) {
    const outcomes = judge(manifests(edited("job", secret, `value: "${host}"`)));
    assertEquals([host, told in outcomes.get("database-egress")!], [host, true]);
    for (const outcome of outcomes.values()) {
      for (const { fix } of "findings" in outcome ? outcome.findings : []) {
        assert(!/127\.0|169\.254\.169|::1|0\.0\.0\.0\/32/.test(fix), fix);
      }
    }
  }
});
