import { Failure } from "../../../pipeline/errors.ts";
import type { Fields } from "../../../checks/kubernetes/fields.ts";
import { assertEquals, assertStringIncludes } from "../../support/assert.ts";
import {
  assertOnlyIn,
  changed,
  CLUSTER,
  judgeCluster,
  NONE,
  plus,
  without,
} from "../healthy/cluster.ts";

// Connections between the pods, Services and policies of a live cluster.

const spec = (changes: Fields) => (value: Fields): Fields => ({
  ...value,
  spec: { ...value.spec as Fields, ...changes },
});
const labels = (labels: Fields) => (value: Fields): Fields => ({
  ...value,
  metadata: { ...value.metadata as Fields, labels },
});

const policy = (name: string, rules: string, namespace = "analytics-jobs") => `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: ${name}, namespace: ${namespace} }
spec: ${rules}
`;

const found = async (id: string, cluster: typeof CLUSTER) =>
  (await judgeCluster(cluster, NONE)).find((result) => result.id === id)!;

Deno.test("connection checks: report a policy without a manifest that overrides the narrow ones", async () => {
  const { findings: [finding] } = await assertOnlyIn(
    "isolation",
    plus(policy("debug", "{ podSelector: {}, egress: [{}], policyTypes: [Egress] }")),
    [{ severity: "fail", object: "NetworkPolicy analytics-jobs/debug", field: "spec.egress[0]" }],
    NONE,
  );
  assertEquals([finding!.file, finding!.line], [undefined, undefined]);
  assertStringIncludes(finding!.fix, "kubectl -n analytics-jobs patch networkpolicy debug");
});

Deno.test("connection checks: warn about policies of other kinds, or without read permission", async () => {
  const cilium = `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: { name: extra, namespace: analytics-jobs }
spec: {}
`;
  const object = "CiliumNetworkPolicy analytics-jobs/extra";
  await assertOnlyIn("isolation", plus(cilium), [{ severity: "warn", object }]);
  const unread = [{
    kind: "CiliumNetworkPolicy.cilium.io",
    namespace: "analytics-jobs",
    failure: new Failure({
      kind: "configuration",
      task: "list",
      problem: "forbidden",
      remedy: "Have it allowed.",
    }),
  }];
  await assertOnlyIn("isolation", { ...CLUSTER, unread }, [
    { severity: "warn", object: "CiliumNetworkPolicy.cilium.io analytics-jobs" },
  ]);
});

Deno.test("connection checks: judge a Kubernetes policy beside a Calico policy of the same name", async () => {
  const calico = policy("default-deny", "{ selector: all() }")
    .replace("networking.k8s.io/v1", "crd.projectcalico.org/v1");
  const object = "NetworkPolicy analytics-jobs/default-deny";
  await assertOnlyIn("isolation", plus(calico), [{ severity: "warn", object }], NONE);
});

Deno.test("connection checks: report a missing namespace, and skip the objects in it", async () => {
  const { others } = await assertOnlyIn("namespace-labels", without("Namespace robson"), [{
    severity: "fail",
    object: "Namespace robson",
    problem: "the namespace exists neither in the cluster nor in the manifests",
  }]);
  assertEquals(others["database-egress"], "skip");
});

Deno.test("connection checks: report a namespace without its label once, with the command", async () => {
  const cluster = changed("Namespace robson", labels({ "kubernetes.io/metadata.name": "robson" }));
  const { findings: [finding] } = await assertOnlyIn("namespace-labels", cluster, [
    { severity: "fail", object: "Namespace robson", field: "metadata.labels" },
  ]);
  assertStringIncludes(finding!.fix, "kubectl label namespace robson name=robson --overwrite");
});

Deno.test("connection checks: ignore selectors in policies of other namespaces", async () => {
  const other = policy(
    "x",
    "{ podSelector: {}, ingress: [{ from: [{ namespaceSelector: " +
      "{ matchLabels: { name: nobody } } }] }] }",
    "kube-system",
  );
  const mine = other.replace("kube-system", "analytics-jobs");
  const ids = async (yaml: string) =>
    (await judgeCluster(plus(yaml))).filter(({ findings }) => findings.length > 0)
      .map(({ id }) => id);
  // The labels in kube-dns's policy still decide about DNS.
  assertEquals((await ids(other)).includes("namespace-labels"), false);
  assertEquals((await ids(mine)).includes("namespace-labels"), true);
});

Deno.test("connection checks: find Postgres by its Service, on the pods' port with the Service's port name", async () => {
  const own = { app: "postgres", "apps.kubernetes.io/pod-index": "0" };
  const other = changed("Pod robson/rbs-paradedb-0", labels(own));
  const moved = changed("Service robson/paradedb", spec({ selector: { app: "postgres" } }), other);
  const { findings: [finding] } = await assertOnlyIn("database-egress", moved, [{
    object: "NetworkPolicy analytics-jobs/allow-outbox-egress",
    field: "spec.egress[0].to[0]",
  }]);
  assertStringIncludes(finding!.fix, '"podSelector":{"matchLabels":{"app":"postgres"}}');
  const port = changed(
    "Pod robson/rbs-paradedb-0",
    spec({
      containers: [{ name: "paradedb", ports: [{ name: "sql", containerPort: 5433 }] }],
    }),
  );
  const { findings: [onPort] } = await assertOnlyIn("database-egress", port, [
    { field: "spec.egress[0].ports" },
  ]);
  assertStringIncludes(onPort!.problem, "not TCP 5433");
});

Deno.test("connection checks: require a connection to every backend of the Service", async () => {
  const second = `
apiVersion: v1
kind: Pod
metadata: { name: rbs-paradedb-1, namespace: robson, labels: { app: rbs-paradedb, tier: replica } }
spec: { nodeName: k3s-1, containers: [{ name: paradedb, ports: [{ name: sql, containerPort: 5432 }] }] }
status: { phase: Running, podIP: 10.42.0.17 }
`;
  assertEquals((await found("database-egress", plus(second))).verdict, "pass");
  const closed = policy(
    "no-replica",
    "{ podSelector: { matchLabels: { tier: replica } }, ingress: [] }",
    "robson",
  );
  // This policy also allows connections to the replica.
  const both = `${second}---${closed}`;
  assertEquals((await found("database-egress", plus(both))).verdict, "pass");
  const first = spec({ podSelector: { matchLabels: { "apps.kubernetes.io/pod-index": "0" } } });
  const apart = plus(both, changed("NetworkPolicy robson/allow-paradedb", first));
  const { findings } = await found("database-egress", apart);
  assertEquals(findings.map(({ object }) => object), ["NetworkPolicy robson/allow-paradedb"]);
});

Deno.test("connection checks: apply the ingress policies of robson", async () => {
  const cluster = changed(
    "NetworkPolicy robson/allow-paradedb",
    spec({
      ingress: [{ from: [{ podSelector: {} }], ports: [{ protocol: "TCP", port: 5432 }] }],
    }),
  );
  const { findings: [finding] } = await assertOnlyIn("database-egress", cluster, [
    { object: "NetworkPolicy robson/allow-paradedb", field: "spec.ingress[0].from[0]" },
  ]);
  assertStringIncludes(finding!.fix, "kubectl -n robson patch networkpolicy allow-paradedb");
});

Deno.test("connection checks: use the endpoints of a Service without a selector", async () => {
  const slice = (address: string) => `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: paradedb-1
  namespace: robson
  labels: { kubernetes.io/service-name: paradedb }
addressType: IPv4
endpoints: [{ addresses: ["${address}"] }]
ports: [{ name: sql, protocol: TCP, port: 6432 }]
`;
  const bare = changed("Service robson/paradedb", spec({ selector: undefined }));
  const { findings: [finding] } = await assertOnlyIn(
    "database-egress",
    plus(slice("192.168.1.77"), bare),
    [{ object: "NetworkPolicy analytics-jobs/default-deny" }],
  );
  assertStringIncludes(finding!.problem, "TCP 6432");
  assertStringIncludes(finding!.fix, '"to":[{"ipBlock":{"cidr":"192.168.1.77/32"}}]');
  // An endpoint with the address of a pod represents that pod.
  const pod = plus(slice("10.42.0.7"), bare);
  assertStringIncludes(
    (await found("database-egress", pod)).findings[0]!.problem,
    "allows only TCP 5432, not TCP 6432",
  );
});

Deno.test("connection checks: report a missing Service, backend or port", async () => {
  await assertOnlyIn("database-egress", without("Service robson/paradedb"), [{
    object: "Namespace robson",
    problem: "the namespace has no Service with the name in DJANGO_DB_HOST; it has no Service",
  }]);
  await assertOnlyIn("database-egress", without("Pod robson/rbs-paradedb-0"), [{
    object: "Service robson/paradedb",
    field: "spec.selector",
    problem: "the Service has no backend: it selects no pod and no EndpointSlice lists an address",
  }]);
  await assertOnlyIn(
    "database-egress",
    changed("Service robson/paradedb", spec({ ports: [{ port: 5433, targetPort: 5432 }] })),
    [{
      object: "Service robson/paradedb",
      problem: "the Service has no port 5432; its ports are 5433",
    }],
  );
});

Deno.test("connection checks: find DNS by the cluster's Service, on the port of its pods", async () => {
  const ports = ["UDP", "TCP"].map((protocol) => ({ protocol, port: 53, targetPort: 5353 }));
  const { findings: [finding] } = await assertOnlyIn(
    "dns-egress",
    changed("Service kube-system/kube-dns", spec({ ports })),
    [{ object: "NetworkPolicy analytics-jobs/allow-dns-egress", field: "spec.egress[0].ports" }],
  );
  assertStringIncludes(finding!.fix, '"value":{"protocol":"UDP","port":5353}');
  const host = changed("Pod kube-system/coredns-6799", spec({ hostNetwork: true }));
  const { findings: [onHost] } = await assertOnlyIn("dns-egress", host, [{}]);
  assertStringIncludes(onHost!.problem, "uses its node's network");
});

Deno.test("connection checks: judge the API server at its exact address", async () => {
  const API = "NetworkPolicy analytics-jobs/allow-kubernetes-api-egress";
  const narrow = (cidr: string) =>
    changed(
      API,
      spec({
        egress: [
          { to: [{ ipBlock: { cidr: "10.43.0.1/32" } }], ports: [{ port: 443 }] },
          { to: [{ ipBlock: { cidr } }], ports: [{ port: 6443 }] },
        ],
      }),
    );
  const pass = await found("kubernetes-api-egress", narrow("192.168.1.10/32"));
  assertEquals(pass.verdict, "pass");
  // For manifests alone this is enough: some address is open on 6443.
  const half = await found("kubernetes-api-egress", narrow("192.168.1.11/32"));
  assertEquals([half.verdict, half.findings.length], ["warn", 1]);
  assertStringIncludes(half.findings[0]!.problem, "192.168.1.10 on TCP 6443");
  const closed = changed(API, spec({ egress: [] }));
  const fail = await found("kubernetes-api-egress", closed);
  assertEquals([fail.verdict, fail.findings.length], ["fail", 1]);
  assertStringIncludes(fail.findings[0]!.fix, '"ipBlock":{"cidr":"192.168.1.10/32"}');
});

Deno.test("connection checks: require a connection to each of several API servers", async () => {
  const two = changed("EndpointSlice default/kubernetes", (value) => ({
    ...value,
    endpoints: [{ addresses: ["192.168.1.10"] }, { addresses: ["192.168.1.11"] }],
  }));
  const narrow = (cluster: typeof CLUSTER) =>
    changed(
      "NetworkPolicy analytics-jobs/allow-kubernetes-api-egress",
      spec({
        egress: [{ to: [{ ipBlock: { cidr: "192.168.1.10/32" } }], ports: [{ port: 6443 }] }],
      }),
      cluster,
    );
  assertEquals((await found("kubernetes-api-egress", two)).verdict, "pass");
  assertEquals((await found("kubernetes-api-egress", narrow(two))).verdict, "fail");
  const one = changed("EndpointSlice default/kubernetes", (value) => ({
    ...value,
    endpoints: [
      { addresses: ["192.168.1.10"] },
      { addresses: ["192.168.1.11"], conditions: { ready: false } },
    ],
  }));
  assertEquals((await found("kubernetes-api-egress", narrow(one))).verdict, "pass");
});

Deno.test("connection checks: allow each of several API servers with an address of IPv6", async () => {
  const two = changed("EndpointSlice default/kubernetes", (value) => ({
    ...value,
    endpoints: [{ addresses: ["192.168.1.10"] }, { addresses: ["fd00::a"] }],
  }));
  const closed = changed(
    "NetworkPolicy analytics-jobs/allow-kubernetes-api-egress",
    spec({ egress: [] }),
    two,
  );
  const { findings: [finding] } = await found("kubernetes-api-egress", closed);
  const blocks = ["192.168.1.10/32", "fd00::a/128"].map((cidr) => ({ ipBlock: { cidr } }));
  assertStringIncludes(finding!.fix, `"to":${JSON.stringify(blocks)}`);
});

Deno.test("connection checks: accept any open address if there are no endpoints, as for manifests alone", async () => {
  const cluster = without("EndpointSlice default/kubernetes");
  assertEquals((await found("kubernetes-api-egress", cluster)).verdict, "pass");
});

const toCache = (value: Fields): Fields => {
  const { egress: [rule], ...rest } = value.spec as { egress: [Fields] };
  return { ...value, spec: { ...rest, egress: [{ ...rule, to: CACHE_PEER }] } };
};
const CACHE_PEER = [{ ipBlock: { cidr: "169.254.20.10/32" } }];
const NODE_CACHE = `
apiVersion: v1
kind: Pod
metadata: { name: node-local-dns-x7k2p, namespace: kube-system, labels: { k8s-app: node-local-dns } }
spec: { hostNetwork: true, containers: [{ name: node-cache }] }
status: { phase: Running, podIP: 10.0.0.1 }
`;

Deno.test("connection checks: judge a rule for the DNS cache of the node by the pods of the cache", async () => {
  const cached = changed("NetworkPolicy analytics-jobs/allow-dns-egress", toCache);
  const without = await found("dns-egress", cached);
  assertEquals([without.verdict, without.findings.length], ["fail", 1]);
  const both = plus(NODE_CACHE, cached);
  assertEquals((await found("dns-egress", both)).verdict, "pass");
});

Deno.test("connection checks: report a rule for a namespace that the cluster does not have", async () => {
  const scrape = policy(
    "scrape",
    "{ podSelector: {}, policyTypes: [Ingress], ingress: [{ from: [{ namespaceSelector: " +
      "{ matchLabels: { kubernetes.io/metadata.name: monitoring } } }], ports: [{ port: 7078 }] }] }",
  );
  assertEquals((await found("namespace-labels", plus(scrape))).verdict, "fail");
});
