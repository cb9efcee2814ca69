import type { Outcome } from "../../../../checks/finding.ts";
import { assert, assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import { HEALTHY, judge, manifests, policy, SPARK_PODS } from "../../healthy/connections.ts";
import { argoWorkflow } from "../../healthy/manifests.ts";
import { changesIn } from "../../healthy/pasted.ts";

const NONE = { examined: "pods of 1 job under 6 policies", findings: [] };
const noneOf = (service: string) => ({
  ...NONE,
  unchecked: [
    `only the namespace of Service ${service} is checked, not the labels of its pods: lake.pods in ` +
    "the project file can name them",
  ],
});

/** The Job with the endpoint of the store as a literal value. */
function jobWith(endpoint: string): string {
  return HEALTHY.job.replace(
    /(- name: S3_ENDPOINT\n +)valueFrom:\n[^]*?key: S3_ENDPOINT/,
    () => `- name: S3_ENDPOINT\n              value: "${endpoint}"`,
  );
}

/** The policy for the store, with other peers and ports. */
function storePolicy(to: string, ports: string): string {
  return policy(
    "allow-s3-egress",
    `${SPARK_PODS}\n  policyTypes: [Egress]\n  egress: [{ to: [${to}], ports: [${ports}] }]`,
  );
}

function outcomeOf(endpoint: string | undefined, store: string, more = ""): Outcome {
  const job = endpoint === undefined ? HEALTHY.job : jobWith(endpoint);
  return judge(manifests({ job, store, more })).get("egress-policy")!;
}

const block = (cidr: string, ...except: string[]) =>
  `{ ipBlock: { cidr: '${cidr}'${except.length > 0 ? `, except: [${except.join(", ")}]` : ""} } }`;
const PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];
const PUBLIC = block("0.0.0.0/0", ...PRIVATE, "100.64.0.0/10");
const TCP = (port: number | string) => `{ port: ${port} }`;
const S3 = "http://10.9.0.7:9000";

const open: readonly (readonly [string, string | undefined, string, string])[] = [
  ["a private address in its block", S3, block("10.9.0.0/16"), TCP(9000)],
  ["a private address alone", S3, block("10.9.0.7/32"), TCP(9000)],
  ["a private address in a range", S3, block("10.9.0.0/16"), "{ port: 8000, endPort: 9100 }"],
  [
    "a private address, in the second of two blocks",
    S3,
    `${PUBLIC}, ${block("10.9.0.7/32")}`,
    TCP(9000),
  ],
  ["172.16/12", "https://172.20.1.1", block("172.16.0.0/12"), TCP(443)],
  ["192.168/16 over http", "http://192.168.3.3", block("192.168.0.0/16"), TCP(80)],
  ["a shared address", "https://100.64.3.3", block("100.64.0.0/10"), TCP(443)],
  ["a unique local address", "http://[fd00::7]:9000", block("fd00::/8"), TCP(9000)],
  ["an IPv4-mapped address", "http://[::ffff:10.9.0.7]:9000", block("10.9.0.0/16"), TCP(9000)],
  ["a public address", "https://203.0.113.9", block("203.0.113.0/24"), TCP(443)],
  ["a public IPv6 address", "https://[2001:db8::1]", block("2001:db8::/32"), TCP(443)],
  ["a public name", "https://s3.example.com", PUBLIC, TCP(443)],
  [
    "a public name, in two blocks",
    undefined,
    `${block("0.0.0.0/1")}, ${block("128.0.0.0/1")}`,
    TCP(443),
  ],
  [
    "a name of a private network, with all addresses",
    "http://minio.internal:9000",
    block("0.0.0.0/0"),
    TCP(9000),
  ],
];
for (const [name, endpoint, to, ports] of open) {
  Deno.test(`egress-policy passes for ${name}`, () => {
    assertEquals(outcomeOf(endpoint, storePolicy(to, ports)), NONE);
  });
}

const STORE_PODS = `
apiVersion: v1
kind: Service
metadata: { name: minio, namespace: minio }
spec: { clusterIP: 10.43.7.7, selector: { app: minio }, ports: [{ port: 9000, targetPort: 9001 }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: minio, namespace: minio }
spec:
  selector: { matchLabels: { app: minio } }
  template: { metadata: { labels: { app: minio } }, spec: { containers: [{ name: a, image: a }] } }
`;

Deno.test("egress-policy judges the address of a declared Service by the pods of the Service", () => {
  const pods = (app: string) =>
    `{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: minio } }, ` +
    `podSelector: { matchLabels: { app: ${app} } } }`;
  const judged = (app: string, port: number) =>
    outcomeOf("http://10.43.7.7:9000", storePolicy(pods(app), TCP(port)), STORE_PODS);
  assertEquals(judged("minio", 9001), NONE);
  assertStringIncludes(JSON.stringify(judged("minio", 9000)), "not TCP 9001");
  assertStringIncludes(JSON.stringify(judged("other", 9001)), "does not match app=other");
});

Deno.test("egress-policy does not judge a private address that can be a pod of a rule", () => {
  const pods = "{ namespaceSelector: {}, podSelector: { matchLabels: { app: minio } } }";
  const outcome = outcomeOf("http://10.42.0.9:9000", storePolicy(pods, TCP(9000)));
  assert("unknown" in outcome);
  assertStringIncludes(outcome.unknown, "whether 10.42.0.9 is such a pod, or a Service of such");
  const outside = outcomeOf("http://203.0.113.9:9000", storePolicy(pods, TCP(9000)));
  assertStringIncludes(JSON.stringify(outside), "203.0.113.9 is outside the cluster");
});

const denied: readonly (readonly [string, string | undefined, string, string, string])[] = [
  ["a private address in except", S3, PUBLIC, TCP(9000), "and 10.9.0.7 is in 10.0.0.0/8"],
  [
    "a private address in the only exception",
    S3,
    block("0.0.0.0/0", "10.0.0.0/8"),
    TCP(9000),
    "the rule allows 0.0.0.0/0 except 10.0.0.0/8, and 10.9.0.7 is in that exception",
  ],
  [
    "a private address that except alone excludes",
    S3,
    block("10.0.0.0/8", "10.9.0.0/16"),
    TCP(9000),
    "10.9.0.7",
  ],
  ["the right block and another port", S3, block("10.9.0.0/16"), TCP(443), "not TCP 9000"],
  [
    "the right block and a range before the port",
    S3,
    block("10.9.0.0/16"),
    "{ port: 8000, endPort: 8999 }",
    "TCP 8000-8999",
  ],
  [
    "a named port, which no outside address has",
    S3,
    block("10.9.0.0/16"),
    TCP("http"),
    "not TCP 9000",
  ],
  ["the default port of http", "http://10.9.0.7", block("10.9.0.0/16"), TCP(443), "not TCP 80"],
  ["the default port of https", "https://10.9.0.7", block("10.9.0.0/16"), TCP(80), "not TCP 443"],
  ["IPv6 alone for an IPv4 address", S3, block("::/0"), TCP(9000), "10.9.0.7 is not among"],
  [
    "IPv4 alone for an IPv6 address",
    "http://[fd00::7]:9000",
    block("0.0.0.0/0"),
    TCP(9000),
    "fd00::7 is not among",
  ],
  [
    "a mapped block for an IPv4 address",
    "http://[::ffff:10.9.0.7]:9000",
    block("::/0"),
    TCP(9000),
    "10.9.0.7",
  ],
  [
    "IPv6 alone for a name",
    undefined,
    block("::/0", "fc00::/7"),
    TCP(443),
    "is not among the addresses in ::/0 with 1 exception: the block has no IPv4 address",
  ],
  [
    "IPv6 and private IPv4 for a name",
    undefined,
    `${block("::/0")}, ${block("10.0.0.0/8")}`,
    TCP(443),
    "is not among",
  ],
  [
    "public addresses on another port only",
    "https://s3.example.com:9021",
    PUBLIC,
    TCP(443),
    "not TCP 9021",
  ],
  [
    "no rule for a name of a private network",
    "http://minio.internal:9000",
    PUBLIC,
    TCP(443),
    "not TCP 9000",
  ],
  [
    "another public address",
    "https://203.0.113.9",
    block("198.51.100.0/24"),
    TCP(443),
    "203.0.113.9 is not among",
  ],
];
for (const [name, endpoint, to, ports, problem] of denied) {
  Deno.test(`egress-policy fails with ${name}`, () => {
    const outcome = outcomeOf(endpoint, storePolicy(to, ports));
    assert("findings" in outcome, JSON.stringify(outcome));
    assertEquals(outcome.findings.map(({ severity, object }) => [severity, object]), [
      ["fail", "NetworkPolicy analytics-jobs/allow-s3-egress"],
    ]);
    assertStringIncludes(outcome.findings[0]!.problem, problem);
  });
}

Deno.test("egress-policy adds the block of a private address, and keeps the block of the rule", () => {
  const outcome = outcomeOf(S3, storePolicy(PUBLIC, TCP(9000)));
  assert("findings" in outcome);
  assertEquals(
    changesIn(outcome.findings[0]!.fix),
    '[{"op":"add","path":"/spec/egress/0/to/-","value":{"ipBlock":{"cidr":"10.9.0.7/32"}}}]',
  );
});

Deno.test("egress-policy adds up policies that only together allow the store", () => {
  const half = (name: string, cidr: string) =>
    policy(
      name,
      `${SPARK_PODS}\n  policyTypes: [Egress]\n  egress: [{ to: [${block(cidr)}], ports: [${
        TCP(443)
      }] }]`,
    );
  const more = half("allow-store-high", "128.0.0.0/1");
  const outcome = outcomeOf(undefined, half("allow-store-low", "0.0.0.0/1"), more);
  assertEquals(outcome, { examined: "pods of 1 job under 7 policies", findings: [] });
});

Deno.test("egress-policy warns of a part of IPv4 even if all of IPv6 is open", () => {
  const outcome = outcomeOf(
    undefined,
    storePolicy(`${block("::/0")}, ${block("5.0.0.0/8")}`, TCP(443)),
  );
  assert("findings" in outcome);
  assertEquals(outcome.findings.map(({ severity }) => severity), ["warn"]);
  assertStringIncludes(outcome.findings[0]!.problem, "on TCP 443: 5.0.0.0/8");
});

Deno.test("egress-policy does not judge a name of a private network if only some addresses are open", () => {
  for (const host of ["minio.internal", "minio.corp", "nas.lan", "store.home.arpa"]) {
    const outcome = outcomeOf(`http://${host}:9000`, storePolicy(PUBLIC, TCP(9000)));
    assertEquals(Object.keys(outcome), ["unknown"], host);
  }
});

const MINIO = `
apiVersion: v1
kind: Service
metadata: { name: minio, namespace: storage }
spec: { selector: { app: minio }, ports: [{ port: 80, targetPort: 9000 }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: minio, namespace: storage }
spec:
  template:
    metadata: { labels: { app: minio } }
    spec: { containers: [{ name: minio }] }
`;
const STORAGE = "{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: storage } } }";
const SERVICE = "http://minio.storage.svc.cluster.local";

Deno.test("egress-policy judges the pods and the port of a store in the cluster", () => {
  assertEquals(outcomeOf(SERVICE, storePolicy(STORAGE, TCP(9000)), MINIO), NONE);
  const wrong = outcomeOf(SERVICE, storePolicy(STORAGE, TCP(80)), MINIO);
  assertStringIncludes(JSON.stringify(wrong), "not TCP 9000");
  const outside = outcomeOf(SERVICE, storePolicy(PUBLIC, TCP(9000)), MINIO);
  assertStringIncludes(JSON.stringify(outside), "ipBlock selects addresses outside the cluster");
});

Deno.test("egress-policy judges only the namespace of a store in the cluster that is not declared", () => {
  assertEquals(outcomeOf(SERVICE, storePolicy(STORAGE, TCP(80))), noneOf("storage/minio"));
  assertEquals(Object.keys(outcomeOf(SERVICE, storePolicy(STORAGE, TCP(9000)))), ["unknown"]);
  const label = "{ namespaceSelector: { matchLabels: { team: data } } }";
  assertEquals(Object.keys(outcomeOf(SERVICE, storePolicy(label, TCP(80)))), ["unknown"]);
  const outcome = outcomeOf(SERVICE, storePolicy(PUBLIC, TCP(80)));
  assertEquals("findings" in outcome && outcome.findings.length, 1);
});

Deno.test("egress-policy takes a name with the end of a domain for a host outside the cluster", () => {
  const note = "the host in S3_ENDPOINT counts as one outside the cluster: it can be the name " +
    "of a Service, but no such Service was read";
  for (const end of ["storage", "cloud", "network", "services", "prod"]) {
    const namespace = `\napiVersion: v1\nkind: Namespace\nmetadata: { name: ${end} }\n`;
    const judged = (url: string, to: string, port: number, more = namespace) =>
      outcomeOf(url, storePolicy(to, TCP(port)), more);
    const url = `https://acme.${end}`;
    const open = judged(url, PUBLIC, 443);
    assertEquals(open, { ...NONE, examined: `${NONE.examined}; ${note}` }, end);
    const pods = `{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: ${end} } } }`;
    // The policies allow the Service alone, or the host outside alone.
    assertEquals(Object.keys(judged(url, pods, 443)), ["unknown"], end);
    assertEquals(Object.keys(judged(`${url}:9000`, PUBLIC, 9000)), ["unknown"], end);
    assertEquals(judged(`${url}:9000`, pods, 9000), noneOf(`${end}/acme`), end);
    for (const endpoint of [url, `http://acme.${end}:9000`]) {
      const denied = judged(endpoint, PUBLIC, 8443);
      assert("findings" in denied && denied.findings[0]?.severity === "fail", endpoint);
    }
    const service = `${namespace}---\n${
      MINIO.replaceAll("storage", end).replaceAll("name: minio,", "name: acme,")
    }`;
    assertStringIncludes(
      JSON.stringify(judged(url.replace("https", "http"), PUBLIC, 9000, service)),
      "ipBlock selects addresses outside the cluster",
    );
    assertStringIncludes(
      JSON.stringify(judged(url, PUBLIC, 443, service)),
      "the Service has no port 443; its ports are 80",
    );
  }
  const more = "\napiVersion: v1\nkind: Namespace\nmetadata: { name: internal }\n";
  const internal = outcomeOf("https://acme.internal", storePolicy(PUBLIC, TCP(443)), more);
  assertEquals(Object.keys(internal), ["unknown"]);
});

Deno.test("egress-policy takes a name of two words for a Service of a namespace that is not declared", () => {
  for (
    const [host, namespace] of [
      ["minio.storage", "storage"],
      ["minio.object-store", "object-store"],
      ["minio.storage.svc.k8s.acme.com", "storage"],
    ] as const
  ) {
    const pods =
      `{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: ${namespace} } } }`;
    const other = "{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: other } } }";
    const judged = (to: string, port: number) =>
      outcomeOf(`http://${host}:9000`, storePolicy(to, TCP(port)));
    assertEquals(judged(pods, 9000), noneOf(`${namespace}/minio`), host);
    for (const denied of [judged(other, 9000), judged(PUBLIC, 443)]) {
      assertStringIncludes(JSON.stringify(denied), `store behind Service ${namespace}/minio`);
    }
    const isSure = host === "minio.object-store";
    assertEquals("unknown" in judged(PUBLIC, 9000), !isSure, host);
  }
  // The end of a domain, or a name that only looks like that of a Service.
  for (const host of ["acme.com", "acme.io", "minio.acme.io", "s3.eu.storage", "a.svc.acme.com"]) {
    assertEquals(outcomeOf(`http://${host}:9000`, storePolicy(PUBLIC, TCP(9000))), NONE, host);
  }
});

Deno.test("egress-policy knows names that end with a domain and with a usual namespace", () => {
  for (const end of ["dev", "app", "test", "qa", "db"]) {
    for (const url of [`http://minio.${end}:9000`, `http://minio-0.minio.${end}:9000`]) {
      assertEquals(Object.keys(outcomeOf(url, storePolicy(PUBLIC, TCP(9000)))), ["unknown"], url);
    }
    const host = outcomeOf(`https://s3.acme.${end}`, storePolicy(PUBLIC, TCP(443)));
    assertStringIncludes(JSON.stringify(host), "; the host in S3_ENDPOINT counts as one outside");
  }
});

Deno.test("egress-policy judges the name of a pod by the pods of its Service", () => {
  const host = "http://minio-0.minio.storage:80";
  assertEquals(outcomeOf(host, storePolicy(STORAGE, TCP(9000)), MINIO), NONE);
  assertStringIncludes(
    JSON.stringify(outcomeOf(host, storePolicy(PUBLIC, TCP(9000)), MINIO)),
    "ipBlock selects addresses outside the cluster",
  );
});

Deno.test("no check of connections judges a host that Argo fills in", () => {
  const workflow = (variable: string, setting = "a.b=c") =>
    "\n" + argoWorkflow(`metadata: { labels: { spark-role: driver } }
container:
  image: registry.example.com/spark:1
  command: [spark-submit]
  args: ["--master=local[1]", "--conf=spark.${setting}", "local:///a.py"]
  env: [{ name: ${variable}, value: "{{workflow.parameters.host}}" }]
`);
  const judged = (id: string, more: string) => JSON.stringify(judge(manifests({ more })).get(id)!);
  const store = "a controller fills in the endpoint in";
  const setting = "hadoop.fs.s3a.endpoint=http://{{inputs.parameters.store}}:9000";
  const egress = "egress-policy";
  assertStringIncludes(judged(egress, workflow("S3_ENDPOINT")), `"unknown":"${store} S3_ENDPOINT`);
  assertStringIncludes(judged(egress, workflow("A", setting)), `"unknown":"${store} spark.hadoop`);
  assertStringIncludes(
    judged("database-egress", workflow("DJANGO_DB_HOST")),
    '"unknown":"a controller fills in DJANGO_DB_HOST of Workflow analytics-jobs/etl',
  );
});

Deno.test("egress-policy leaves a loopback address in S3_ENDPOINT to secret-escaping", () => {
  for (const host of ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "127.8.8.8"]) {
    assertEquals(Object.keys(outcomeOf(`http://${host}:9000`, HEALTHY.store)), ["skip"], host);
  }
});

Deno.test("egress-policy leaves a loopback address in the settings of Spark to secret-escaping", () => {
  const job = HEALTHY.job.replaceAll("S3_ENDPOINT", "OTHER").replace(
    "            - --conf=spark.driver.port",
    "            - --conf=spark.hadoop.fs.s3a.endpoint=http://127.0.0.1:9000\n$&",
  );
  const skip = "the store's endpoint names no server that pods reach (see secret-escaping)";
  assertEquals(judge(manifests({ job })).get("egress-policy"), { skip });
});

for (
  const [endpoint, ssl, port] of [
    ["10.9.0.7", "true", 443],
    ["10.9.0.7", "false", 80],
    ["http://10.9.0.7:9000", "true", 9000],
  ] as const
) {
  Deno.test(`egress-policy reads the endpoint ${endpoint} from the settings of Spark, TLS ${ssl}`, () => {
    const job = HEALTHY.job.replaceAll("S3_ENDPOINT", "OTHER").replace(
      "            - --conf=spark.driver.port",
      `            - --conf=spark.hadoop.fs.s3a.endpoint=${endpoint}\n` +
        `            - --conf=spark.hadoop.fs.s3a.connection.ssl.enabled=${ssl}\n$&`,
    );
    const outcome = (to: string) =>
      judge(manifests({ job, store: storePolicy(to, TCP(port)) })).get("egress-policy")!;
    assertEquals(outcome(block("10.9.0.0/16")), NONE);
    assertStringIncludes(JSON.stringify(outcome(PUBLIC)), "10.9.0.7 is in 10.0.0.0/8");
  });
}

Deno.test("egress-policy does not print an address that comes from a Secret", () => {
  const more = `
apiVersion: v1
kind: Secret
metadata: { name: contabo-s3-credentials, namespace: analytics-jobs }
stringData: { S3_ENDPOINT: "http://10.9.0.7:9000" }
`;
  const outcome = outcomeOf(undefined, storePolicy(PUBLIC, TCP(9000)), more);
  const text = JSON.stringify(outcome);
  assertStringIncludes(text, "the address in S3_ENDPOINT is not among");
  assertStringIncludes(text, "Replace ADDRESS with the address in S3_ENDPOINT: kubectl");
  assertEquals(text.includes("10.9.0.7"), false);
});

/** A job that creates its session in Python, with a line that assigns the endpoint. */
function jobInPython(assignment: string): string {
  const lines = [
    "import os",
    "from pyspark.sql import SparkSession",
    assignment,
    'SparkSession.builder.config("spark.hadoop.fs.s3a.endpoint", ENDPOINT).getOrCreate()',
  ];
  return `
apiVersion: batch/v1
kind: Job
metadata: { name: bronze-ingest-manual, namespace: analytics-jobs }
spec:
  template:
    metadata: { labels: { app: bronze-ingest, spark-role: driver } }
    spec:
      restartPolicy: Never
      containers:
        - name: spark
          image: example.com/spark:1
          command: [bash, -c]
          args:
            - |
              python3 - <<'EOF'
${lines.map((line) => `              ${line}\n`).join("")}              EOF
`;
}

/** A policy that allows all pods in almost all namespaces, and no address outside the cluster. */
const ALL_PODS = policy(
  "block-staging",
  `podSelector: {}
  policyTypes: [Egress]
  egress: [{ to: [{ namespaceSelector: { matchExpressions: [
    { key: name, operator: NotIn, values: [staging] } ] } }] }]`,
);
const EMPTY_SELECTOR = storePolicy("{ namespaceSelector: {} }", TCP(443));

for (
  const [name, assignment] of [
    ["computes", 'ENDPOINT = load()["store"]'],
    ["reads from one of two variables", 'ENDPOINT = os.getenv("A") or os.getenv("B", "minio")'],
    ["assigns twice", 'ENDPOINT = os.getenv("A", "minio")\n              ENDPOINT = load()'],
    ["reads from a variable with a default", 'ENDPOINT = os.getenv("A", "s3.example.com")'],
  ] as const
) {
  Deno.test(`egress-policy: an endpoint that the code ${name} is no Service of that name`, () => {
    const job = jobInPython(assignment);
    const judged = judge(manifests({ job, store: EMPTY_SELECTOR, more: ALL_PODS }));
    const outcome = judged.get("egress-policy")!;
    assert("findings" in outcome, JSON.stringify(outcome));
    assertEquals(outcome.findings.map(({ severity, object }) => [severity, object]), [
      ["fail", "NetworkPolicy analytics-jobs/allow-s3-egress"],
    ]);
    const open = judge(manifests({ job, more: ALL_PODS })).get("egress-policy")!;
    assertEquals("findings" in open && open.findings, []);
  });
}

Deno.test("egress-policy judges a Service that the code names as the default of a variable", () => {
  const job = jobInPython(`ENDPOINT = os.environ.get("A", "${SERVICE}")`);
  const judged = (store: string) =>
    judge(manifests({ job, store, more: MINIO })).get("egress-policy")!;
  assertEquals(judged(storePolicy(STORAGE, TCP(9000))), NONE);
  assertStringIncludes(JSON.stringify(judged(storePolicy(STORAGE, TCP(80)))), "not TCP 9000");
});
