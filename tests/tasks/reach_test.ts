import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { MANIFESTS, reach } from "../support/reach.ts";
import { policyManifests } from "../support/policy_manifests.ts";

interface End {
  readonly workload?: string;
  readonly addresses?: { readonly from: string; readonly to: string };
}

interface Connection {
  readonly from: End;
  readonly to: End;
  readonly ports: unknown;
}

const TO_S3 = ["--from", "jobs/bronze", "--to", "s3.example.com", "--port", "443"];

Deno.test("reach: explains an allowed connection by the deciding rule, exit 0", async () => {
  const { code, out, err } = await reach(MANIFESTS, ...TO_S3);
  assertEquals([code, err], [0, ""]);
  assertMatch(out, /^ALLOWED {2}jobs\/Job\/bronze -> s3\.example\.com, TCP 443\n/);
  assertStringIncludes(out, "NetworkPolicy jobs/out  (all.yaml:36)\n      spec.egress[1].to[0]: ");
  assertStringIncludes(out, "s3.example.com is not resolved");
});

Deno.test("reach: names the host, not an example of its addresses", async () => {
  const { code, out } = await reach(MANIFESTS, ...TO_S3.slice(0, 4), "--port", "80");
  assertEquals(code, 1);
  assertStringIncludes(out, "allows only TCP 443, not TCP 80");
  assertStringIncludes(
    out,
    "selectors select only pods, and s3.example.com is outside the cluster",
  );
  assertEquals(/\b1\.0\.0\.0\b/.test(out), false);
  const json = await reach(MANIFESTS, ...TO_S3.slice(0, 4), "--port", "80", "--output", "json");
  assertEquals(json.out.includes('"1.0.0.0"'), false);
  assertStringIncludes(json.out, "s3.example.com is outside the cluster, where no policy applies");
});

Deno.test("reach: explains a denied connection at the end that denies it, exit 1", async () => {
  const args = ["--from", "jobs/bronze", "--to", "data/statefulset/postgres", "--port", "5432"];
  const { code, out } = await reach(MANIFESTS, ...args);
  assertEquals(code, 1);
  assertStringIncludes(out, "egress   allows: 1 policy isolates jobs/Job/bronze for egress");
  assertStringIncludes(out, "spec.ingress[0].from[0]: namespace jobs does not match name=jobs");
});

Deno.test("reach --output json: includes the paths of fields", async () => {
  const args = ["--from", "jobs/bronze", "--to", "10.1.2.3", "--port", "443", "--output", "json"];
  const { code, out } = await reach(MANIFESTS, ...args);
  const document = JSON.parse(out);
  assertEquals([code, document.exitCode, document.answer], [1, 1, "denied"]);
  assertEquals(document.to, { address: "10.1.2.3" });
  assertEquals(document.egress.policies, [{
    namespace: "jobs",
    name: "out",
    where: "all.yaml:36",
  }]);
  assertEquals(document.egress.misses.map((miss: { path: string }) => miss.path), [
    "spec.egress[0]",
    "spec.egress[1]",
  ]);
  assertEquals(document.ingress.reason, "outside");
});

Deno.test("reach: marks the rules in which only the peer or only the port differs", async () => {
  const asked = async (to: string, port: string) =>
    (await reach(MANIFESTS, "--from", "jobs/bronze", "--to", to, "--port", port)).out;
  const store = await asked("s3.example.com", "80");
  assertMatch(store, /^ {6}spec\.egress\[0\]$/m);
  assertMatch(store, /^ {6}spec\.egress\[1\] {2}\(only the port differs\)$/m);
  const inner = await asked("10.1.2.3", "443");
  assertMatch(inner, /^ {6}spec\.egress\[1\] {2}\(only the peer differs\)$/m);
});

Deno.test("reach: accepts an outside address as source", async () => {
  const { code } = await reach(
    MANIFESTS,
    "--from",
    "2001:db8::1",
    "--to",
    "jobs/bronze",
    "--port",
    "80",
  );
  assertEquals(code, 0);
});

Deno.test("reach: exits with 3 for a host name if only some addresses are open", async () => {
  const some = MANIFESTS.replace("10.0.0.0/8", "10.0.0.0/8, 93.184.0.0/16");
  const { code, out } = await reach(some, ...TO_S3);
  assertEquals(code, 3);
  assertStringIncludes(out, "CANNOT TELL");
  assertStringIncludes(out, "repeat the command with an address of s3.example.com");
});

Deno.test("reach --matrix: lists all connections as ranges", async () => {
  const { code, out } = await reach(MANIFESTS, "--matrix", "--output", "json");
  const { connections, workloads } = JSON.parse(out);
  assertEquals([code, workloads.length], [0, 2]);
  const name = (end: End) => end.workload ?? `${end.addresses!.from}-${end.addresses!.to}`;
  const https = [{ protocol: "TCP", from: 443, to: 443 }];
  const every = ["TCP", "UDP", "SCTP"].map((protocol) => ({ protocol, from: 1, to: 65535 }));
  const all6 = "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
  const bronze = "jobs/Job/bronze";
  const postgres = "data/StatefulSet/postgres";
  assertEquals(
    connections.map(({ from, to, ports }: Connection) => [name(from), name(to), ports]),
    [
      [postgres, bronze, every],
      [bronze, "0.0.0.0-9.255.255.255", https],
      [bronze, "11.0.0.0-255.255.255.255", https],
      [postgres, "0.0.0.0-255.255.255.255", every],
      [postgres, all6, every],
      ["0.0.0.0-255.255.255.255", bronze, every],
      [all6, bronze, every],
    ],
  );
  const text = await reach(MANIFESTS, "--matrix");
  assertMatch(text.out, /jobs\/Job\/bronze +-> +11\.0\.0\.0-255\.255\.255\.255 +TCP 443\n/);
  assertMatch(
    text.out,
    /2 workloads, 2 policies, 7 connections allowed; all others between .+ denied\n$/,
  );
});

Deno.test("reach --matrix --output ndjson: writes one connection per line, the same as with json", async () => {
  const lines = (await reach(MANIFESTS, "--matrix", "--output", "ndjson")).out.trimEnd().split("\n")
    .map((line) => JSON.parse(line));
  const { out } = await reach(MANIFESTS, "--matrix", "--output", "json");
  const { connections, workloads } = JSON.parse(out);
  assertEquals(out, `${JSON.stringify(JSON.parse(out), null, 2)}\n`);
  const ofType = (type: string) =>
    lines.filter((line) => line.type === type).map(({ type: _, ...line }) => line);
  assertEquals(ofType("connection"), connections);
  assertEquals(ofType("workload"), workloads);
  assertEquals(lines[0], { type: "reach", command: "reach", exitCode: 0 });
});

Deno.test("reach --matrix: an empty list, and a bare Pod that reaches itself", async () => {
  const deny = `
apiVersion: v1
kind: Pod
metadata: {name: bare, namespace: jobs}
spec: {containers: [{name: main}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: jobs}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
`;
  const json = JSON.parse((await reach(deny, "--matrix", "--output", "json")).out);
  assertEquals(json.connections.map(({ itself }: { itself: boolean }) => itself), [true]);
  assertMatch(
    (await reach(deny, "--matrix")).out,
    /1 workloads, 1 policies, 0 connections allowed/,
  );
  const none = await reach(
    deny.replace("v1\nkind: Pod\n", "apps/v1\nkind: Deployment\n").replace(
      "spec: {containers: [{name: main}]}",
      "spec: {template: {spec: {containers: [{name: main}]}}}",
    ),
    "--matrix",
    "--output",
    "json",
  );
  assertStringIncludes(none.out, '"connections": [],');
  assertEquals(none.out, `${JSON.stringify(JSON.parse(none.out), null, 2)}\n`);
});

Deno.test("reach --matrix: lists every pair of many workloads", async () => {
  const many = `---\n${[...policyManifests(700, 0)].join("\n---\n")}`;
  const { code, out } = await reach(many, "--matrix", "--output", "ndjson");
  assertEquals(code, 0);
  assertEquals(out.match(/"type":"connection"/g)?.length, 700 * 700 + 4 * 700);
});

const FIRST_CLOSED = `${
  MANIFESTS.replace(
    "spec:\n  template:\n    metadata:\n      labels: {app: postgres}",
    "spec:\n  replicas: 3\n  template:\n    metadata:\n      labels: {app: postgres}",
  )
    .replace(
      "  name: closed\n  namespace: data\nspec:\n  podSelector: {}",
      "  name: closed\n  namespace: data\nspec:\n  podSelector: {matchLabels: " +
        "{statefulset.kubernetes.io/pod-name: postgres-0}}",
    )
}`;

Deno.test("reach: answers for each pod that a policy distinguishes, and exits with 3 if the answers differ", async () => {
  const args = ["--from", "jobs/bronze", "--port", "5432"];
  const { code, out } = await reach(FIRST_CLOSED, ...args, "--to", "data/postgres");
  assertEquals(code, 3);
  assertMatch(
    out,
    /^CANNOT TELL {2}the answer depends on the pod:\nDENIED .*\(pod postgres-0\), TCP 5432\n/,
  );
  assertMatch(out, /\nALLOWED .*\(the other pods\), TCP 5432\n/);
  const json = await reach(FIRST_CLOSED, ...args, "--to", "data/postgres", "--output", "json");
  const { answer, exitCode, parts } = JSON.parse(json.out);
  assertEquals([answer, exitCode], ["depends", 3]);
  assertEquals(
    parts.map((part: { to: { part: string }; answer: string }) => [part.to.part, part.answer]),
    [["pod postgres-0", "denied"], ["the other pods", "allowed"]],
  );
  const first = await reach(FIRST_CLOSED, ...args, "--to", "data/postgres-0");
  assertEquals(first.code, 1);
  const other = await reach(
    FIRST_CLOSED,
    ...args.slice(0, 2),
    "--port",
    "9",
    "--to",
    "data/postgres",
  );
  assertEquals(other.code, 1);
  assertMatch(other.out, /^DENIED {2}the answer is the same for all pods:\n/);
});

Deno.test("reach --matrix: lists the pods that a policy distinguishes, and counts workloads", async () => {
  const { out } = await reach(FIRST_CLOSED, "--matrix");
  assertMatch(
    out,
    /jobs\/Job\/bronze +-> +data\/StatefulSet\/postgres \(the other pods\) +TCP 5432\n/,
  );
  assertEquals(/bronze +-> +data\/StatefulSet\/postgres \(pod postgres-0\)/.test(out), false);
  assertMatch(out, /: 2 workloads, 2 policies, /);
});

Deno.test("reach: reports an invalid policy with path and line of the field, and exits with 2", async () => {
  const { code, err } = await reach(MANIFESTS.replace("10.0.0.0/8", "10.0.0.0/33"), ...TO_S3);
  assertEquals(code, 2);
  assertStringIncludes(
    err,
    "all.yaml:55  NetworkPolicy jobs/out  spec.egress[1].to[0].ipBlock.except[0]: ",
  );
});

Deno.test("reach: reports broken YAML with its line and column, and exits with 3", async () => {
  const { code, err } = await reach(`${MANIFESTS}---\nkind: [`, ...TO_S3);
  assertEquals(code, 3);
  assertMatch(
    err,
    /these files cannot be parsed\. Correct them first\.\n {2}all\.yaml:\d+:\d+ {2}/,
  );
});

Deno.test("reach: explains wrong usage, and exits with 2", async () => {
  const cases: readonly (readonly [string[], string])[] = [
    [["--from", "jobs/bronze"], "--to is missing"],
    [
      ["--from", "bronze", "--to", "data/postgres", "--port", "1"],
      "neither a workload (namespace/name)",
    ],
    [["--from", "jobs/bronze", "--to", "data/mysql", "--port", "1"], "data/StatefulSet/postgres"],
    [["--from", "jobs/bronze", "--to", "1.2.3", "--port", "1"], "looks like an address"],
    [["--from", "bronz", "--to", "data/postgres", "--port", "1"], "Did you mean jobs/bronze? "],
    [
      ["--from", "job/bronze", "--to", "data/postgres", "--port", "1"],
      "Did you mean jobs/bronze? ",
    ],
    [
      ["--from", "jobs/bronze", "--to", "data/statefulset/postgras", "--port", "1"],
      "Did you mean data/StatefulSet/postgres? ",
    ],
    [
      ["--from", "jobs/bronze", "--to", "https://s3.example.com/bucket", "--port", "1"],
      "is a URL, and a policy decides about hosts and ports. Use --to s3.example.com.",
    ],
    [
      ["--from", "jobs/bronze", "--to", "https://u:p@s3.example.com:9000", "--port", "1"],
      "Use --to s3.example.com --port 9000.",
    ],
    [
      ["--from", "jobs/bronze", "--to", "https://[2001:db8::1]/", "--port", "1"],
      "Use --to 2001:db8::1.",
    ],
    [["--from", "jobs/bronze", "--to", "s3.example.com:443", "--port", "1"], "--port 443."],
    [["--from", "jobs/bronze", "--to", "data/postgres:5432", "--port", "1"], "--port 5432."],
    [["--from", "jobs/bronze", "--to", "db.data.svc.cluster.local", "--port", "1"], "Service"],
    [["--from", "1.2.3.4", "--to", "1.2.3.5", "--port", "1"], "two outside addresses"],
    [["--from", "jobs/bronze", "--to", "1.2.3.4", "--port", "0"], "1 to 65535"],
    [[...TO_S3, "--protocol", "udp"], "TCP, UDP, SCTP"],
    [["--matrix", ...TO_S3], "together with --matrix"],
  ];
  const ran = await Promise.all(cases.map(([args]) => reach(MANIFESTS, ...args)));
  for (const [i, { code, err }] of ran.entries()) {
    assertEquals(code, 2, err);
    assertStringIncludes(err, cases[i]![1]);
    assert(!err.includes("u:p"), err);
  }
});

Deno.test("reach --help: prints examples", async () => {
  const { code, out } = await reach(MANIFESTS, "--help");
  assertEquals(code, 0);
  assert(out.includes("Examples:") && out.includes("Exit codes:"));
});

const SPARK_CLUSTER = `${MANIFESTS}
---
apiVersion: spark.apache.org/v1
kind: SparkCluster
metadata: {name: shared, namespace: lake}
spec:
  runtimeVersions: {sparkVersion: 4.0.0}
  clusterTolerations: {instanceConfig: {initWorkers: 2, minWorkers: 2, maxWorkers: 2}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: master, namespace: lake}
spec:
  podSelector: {matchLabels: {spark-role: master}}
  policyTypes: [Ingress]
`;

Deno.test("reach: answers for the master and the workers of a SparkCluster", async () => {
  const { code, out } = await reach(
    SPARK_CLUSTER,
    ...["--from", "lake/shared", "--to", "lake/shared", "--port", "7077"],
  );
  assertEquals(code, 3);
  for (
    const line of [
      "DENIED lake/SparkCluster/shared (workers) -> lake/SparkCluster/shared (master), TCP 7077",
      "ALLOWED lake/SparkCluster/shared (master) -> lake/SparkCluster/shared (workers), TCP 7077",
    ]
  ) {
    assertStringIncludes(out.replaceAll(/ +/g, " "), line.replaceAll(/ +/g, " "));
  }
  const { out: matrix } = await reach(SPARK_CLUSTER, "--matrix");
  assertMatch(matrix, /shared \(master\) +-> +lake\/SparkCluster\/shared \(workers\) /);
  assertEquals(
    /shared \(workers\) +-> +lake\/SparkCluster\/shared \(master\) /.test(matrix),
    false,
  );
});

Deno.test("reach: judges the other workloads next to one with a placeholder, and names it", async () => {
  const job = `---
apiVersion: batch/v1
kind: Job
metadata: { name: etl, namespace: jobs }
spec: { template: { spec: { containers: [{ name: a, image: "\${IMAGE}" }] } } }
`;
  const answer = await reach(MANIFESTS + job, ...TO_S3);
  assertEquals(answer.code, 0);
  assertStringIncludes(answer.out, "the placeholder ${IMAGE} was not filled in, so not judged");
  const asked = await reach(MANIFESTS + job, "--from", "jobs/etl", ...TO_S3.slice(2));
  assertEquals(asked.code, 3);
  assertStringIncludes(asked.err, "IMAGE=VALUE envsubst '$IMAGE' < ");
  assertStringIncludes(asked.err, "| deno task reach --manifests -");
  const codeOf = async (more: string, from: string) =>
    (await reach(MANIFESTS + more, "--from", from, ...TO_S3.slice(2))).code;
  for (const from of ["jobs/etl-2", "jobs/et", "other/etl", "jobs/cronjob/etl"]) {
    assertEquals(await codeOf(job, from), await codeOf("", from), from);
  }
  assertEquals(await codeOf(job, "jobs/job/etl"), 3);
  assertEquals(await codeOf(job.replace(", namespace: jobs", ""), "default/etl"), 3);
  const day = job.replace("name: etl,", 'name: "etl-${DAY}",');
  assertEquals(await codeOf(day, "jobs/etl-2025"), 3);
  assertEquals(await codeOf(day, "jobs/etl"), await codeOf("", "jobs/etl"));
  const policy = `---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: a, namespace: __NS__ }
spec: { podSelector: {} }
`;
  assertEquals((await reach(MANIFESTS + policy, ...TO_S3)).code, 3);
});
