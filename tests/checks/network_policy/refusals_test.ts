import { readCluster } from "../../../checks/network_policy/read_cluster.ts";
import { readPolicy } from "../../../checks/network_policy/read_policy.ts";
import { assertEquals, assertStringIncludes } from "../../support/assert.ts";

type Case = readonly [what: string, spec: unknown, path: string, says: string];

const egress = (...to: unknown[]) => ({ egress: [{ to }] });
const block = (cidr: unknown, ...except: unknown[]) => egress({ ipBlock: { cidr, except } });
const port = (...ports: unknown[]) => ({ ingress: [{ ports }] });
const expression = (each: unknown) => ({ podSelector: { matchExpressions: [each] } });

const TO = "spec.egress[0].to[0]";
const PORT = "spec.ingress[0].ports[0]";
const EXPRESSION = "spec.podSelector.matchExpressions[0]";
const ALL = { podSelector: {} };

const CASES: readonly Case[] = [
  [
    "ipBlock with a selector",
    egress(ALL, { ...ALL, ipBlock: { cidr: "10.0.0.0/8" } }),
    "spec.egress[0].to[1]",
    "both ipBlock and a selector",
  ],
  ["a peer without a selector", egress({}), TO, "selects nothing"],
  ["a null peer", egress(null), TO, "selects nothing"],
  ["a peer that is a list", egress([]), TO, "object"],
  ["no cidr", egress({ ipBlock: {} }), `${TO}.ipBlock.cidr`, "missing"],
  ["an address for a cidr", block("10.0.0.1"), `${TO}.ipBlock.cidr`, "not a block"],
  ["a prefix that is too long", block("10.0.0.0/33"), `${TO}.ipBlock.cidr`, "not a block"],
  ["an IPv6 prefix that is too long", block("::/129"), `${TO}.ipBlock.cidr`, "not a block"],
  ["leading zeros in a cidr", block("010.0.0.0/8"), `${TO}.ipBlock.cidr`, "not a block"],
  ["IPv4 in IPv6", block("::ffff:10.0.0.0/104"), `${TO}.ipBlock.cidr`, "not a block"],
  ["a number for a cidr", block(10), `${TO}.ipBlock.cidr`, "must be a string"],
  [
    "except outside of cidr",
    block("10.0.0.0/8", "10.1.0.0/16", "11.0.0.0/16"),
    `${TO}.ipBlock.except[1]`,
    "proper part",
  ],
  [
    "except as large as cidr",
    block("10.0.0.0/8", "10.0.0.0/8"),
    `${TO}.ipBlock.except[0]`,
    "proper part",
  ],
  [
    "except of the other family",
    block("0.0.0.0/0", "::1/128"),
    `${TO}.ipBlock.except[0]`,
    "proper part",
  ],
  [
    "a text for except",
    egress({ ipBlock: { cidr: "0.0.0.0/0", except: "10.0.0.0/8" } }),
    `${TO}.ipBlock.except`,
    "a list",
  ],
  ["endPort without port", port({ endPort: 90 }), `${PORT}.endPort`, "without port"],
  [
    "endPort with a named port",
    port({ port: "web", endPort: 90 }),
    `${PORT}.endPort`,
    "named port",
  ],
  ["endPort smaller than port", port({ port: 90, endPort: 80 }), `${PORT}.endPort`, "less than"],
  [
    "endPort above all ports",
    port({ port: 90, endPort: 65536 }),
    `${PORT}.endPort`,
    "not a valid port",
  ],
  ["port 0", port({ port: 0 }), `${PORT}.port`, "not a valid port"],
  ["port 65536", port({ port: 65536 }), `${PORT}.port`, "not a valid port"],
  ["half a port", port({ port: 80.5 }), `${PORT}.port`, "must be an integer"],
  ["a port that is true", port({ port: true }), `${PORT}.port`, "is true"],
  ["a number in quotes", port({ port: "80" }), `${PORT}.port`, "remove the quotes"],
  ["a long port name", port({ port: "a-very-long-name" }), `${PORT}.port`, "not a valid port name"],
  ["a protocol in lower case", port({ protocol: "tcp" }), `${PORT}.protocol`, "not a protocol"],
  ["an unknown protocol", port({ protocol: "ICMP" }), `${PORT}.protocol`, "not a protocol"],
  [
    "an unknown operator",
    expression({ key: "a", operator: "Equals", values: ["b"] }),
    `${EXPRESSION}.operator`,
    "not an operator",
  ],
  [
    "In without values",
    expression({ key: "a", operator: "In" }),
    `${EXPRESSION}.values`,
    "at least one",
  ],
  [
    "NotIn with no values",
    expression({ key: "a", operator: "NotIn", values: [] }),
    `${EXPRESSION}.values`,
    "at least one",
  ],
  [
    "Exists with values",
    expression({ key: "a", operator: "Exists", values: ["b"] }),
    `${EXPRESSION}.values`,
    "no values",
  ],
  [
    "a text for values",
    expression({ key: "a", operator: "In", values: "b" }),
    `${EXPRESSION}.values`,
    "a list",
  ],
  ["no key", expression({ operator: "Exists" }), `${EXPRESSION}.key`, "not a valid label key"],
  [
    "a bad value",
    expression({ key: "a", operator: "In", values: ["ok", "-"] }),
    `${EXPRESSION}.values[1]`,
    "not a valid label value",
  ],
  [
    "a bad label key",
    { podSelector: { matchLabels: { "a b": "c" } } },
    "spec.podSelector.matchLabels",
    "not a valid label key",
  ],
  [
    "a label that is too long",
    { podSelector: { matchLabels: { a: "b".repeat(64) } } },
    "spec.podSelector.matchLabels",
    "not a valid label value",
  ],
  [
    "a label that is true",
    { podSelector: { matchLabels: { a: true } } },
    "spec.podSelector.matchLabels",
    "in quotes",
  ],
  [
    "an unknown type",
    { policyTypes: ["Ingress", "egress"] },
    "spec.policyTypes[1]",
    "not a policy type",
  ],
  [
    "three types",
    { policyTypes: ["Ingress", "Egress", "Egress"] },
    "spec.policyTypes",
    "more than two",
  ],
  ["a text for a list", { policyTypes: "Egress" }, "spec.policyTypes", "a list"],
  ["an object for a list", { egress: { to: [] } }, "spec.egress", "a list"],
  [
    "a misspelt field",
    egress({ podselector: {}, namespaceSelector: {} }),
    `${TO}.podselector`,
    "podSelector",
  ],
  ["from in egress", { egress: [{ from: [] }] }, "spec.egress[0].from", "unknown field"],
  ["ports of a peer", egress({ ...ALL, ports: [] }), `${TO}.ports`, "unknown field"],
  ["a spec that is a text", "all", "spec", "an object"],
];

function problemsOf(spec: unknown, metadata: unknown = { name: "p" }): [string, string][] {
  const found: [string, string][] = [];
  const policy = { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata, spec };
  readPolicy(policy, undefined, (path, problem) => found.push([path, problem]));
  return found;
}

for (const [what, spec, path, says] of CASES) {
  Deno.test(`readPolicy refuses ${what} at ${path}`, () => {
    const found = problemsOf(spec);
    assertEquals(found.map(([each]) => each), [path]);
    assertStringIncludes(found[0]![1], says);
  });
}

Deno.test("readPolicy reports all problems at once", () => {
  const rule = { to: [{}], ports: [{ port: 0 }, { protocol: "x" }] };
  assertEquals(problemsOf({ egress: [rule], podSelector: [] }).map(([path]) => path), [
    "spec.egress[0].to[0]",
    "spec.egress[0].ports[0].port",
    "spec.egress[0].ports[1].protocol",
    "spec.podSelector",
  ]);
});

Deno.test("readPolicy refuses names and namespaces that the API server refuses", () => {
  const paths = (metadata: unknown) => problemsOf({}, metadata).map(([path]) => path);
  assertEquals(paths({}), ["metadata.name"]);
  assertEquals(paths({ name: "A" }), ["metadata.name"]);
  assertEquals(paths({ name: "a", namespace: "b.c" }), ["metadata.namespace"]);
  assertEquals(paths({ name: "a", lables: {} }), ["metadata.lables"]);
  assertEquals(paths({ generateName: "a-", namespace: null }), []);
});

const valid = (spec: unknown, name = "p") => (
  { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name }, spec }
);

Deno.test("readCluster reports the object and place of a problem, and reads the valid objects", () => {
  const { cluster, problems } = readCluster([
    { value: valid({}), where: "a.yaml:1" },
    { value: valid({ policyTypes: ["Both"] }, "q"), where: "a.yaml:9" },
  ]);
  assertEquals(cluster.policies.map(({ name, where }) => [name, where]), [["p", "a.yaml:1"]]);
  assertEquals(problems, [{
    object: "NetworkPolicy default/q",
    kind: "NetworkPolicy",
    namespace: "default",
    name: "q",
    where: "a.yaml:9",
    path: "spec.policyTypes[0]",
    problem: '"Both" is not a policy type; use Ingress or Egress',
  }]);
});

Deno.test("readCluster accepts a repeated object, and refuses a repeated object that differs", () => {
  const twice = (second: unknown) =>
    readCluster([{ value: valid({}), where: "a:1" }, { value: valid(second), where: "b:1" }]);
  assertEquals(twice({}).problems, []);
  assertEquals(twice({}).cluster.policies.length, 1);
  const [problem] = twice({ podSelector: { matchLabels: { a: "b" } } }).problems;
  assertStringIncludes(problem!.problem, "declared differently in a:1");
});

Deno.test("readCluster keeps every object with a generateName", () => {
  const job = (app: string) => ({
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { generateName: "j-" },
    spec: { template: { metadata: { labels: { app } }, spec: { containers: [] } } },
  });
  const { cluster, problems } = readCluster([job("a"), job("b")].map((value) => ({ value })));
  assertEquals([cluster.pods.length, problems], [2, []]);
});

Deno.test("readCluster lists policies of other APIs, and refuses policies of removed APIs", () => {
  const cilium = {
    apiVersion: "cilium.io/v2",
    kind: "CiliumNetworkPolicy",
    metadata: { name: "x" },
  };
  const calico = {
    apiVersion: "projectcalico.org/v3",
    kind: "NetworkPolicy",
    metadata: { name: "x" },
  };
  const old = { ...valid({}), apiVersion: "extensions/v1beta1" };
  const { foreign, problems } = readCluster([cilium, calico, old].map((value) => ({ value })));
  assertEquals(foreign, ["CiliumNetworkPolicy default/x", "NetworkPolicy default/x"]);
  assertEquals(problems.map(({ path }) => path), ["apiVersion"]);
});

Deno.test("readCluster lists policies of meshes, and firewalls of OVN and OpenShift", () => {
  const sidecar = (mode: string) => ["networking.istio.io/v1", "Sidecar", mode] as const;
  for (
    const [apiVersion, kind, mode, isListed = true] of [
      ["k8s.ovn.org/v1", "EgressFirewall", ""],
      ["network.openshift.io/v1", "EgressNetworkPolicy", ""],
      ["security.istio.io/v1", "AuthorizationPolicy", ""],
      ["policy.linkerd.io/v1alpha1", "AuthorizationPolicy", ""],
      ["policy.linkerd.io/v1beta3", "Server", ""],
      ["example.com/v1", "Server", "", false],
      ["kuma.io/v1alpha1", "MeshTrafficPermission", ""],
      ["consul.hashicorp.com/v1alpha1", "ServiceIntentions", ""],
      ["networking.gke.io/v1alpha1", "FQDNNetworkPolicy", ""],
      ["networking.k8s.aws/v1alpha1", "ApplicationNetworkPolicy", ""],
      ["crd.antrea.io/v1beta1", "NetworkPolicy", ""],
      sidecar("REGISTRY_ONLY"),
      [...sidecar("ALLOW_ANY"), false],
      [...sidecar(""), false],
      ["example.com/v1", "Sidecar", "REGISTRY_ONLY", false],
    ] as const
  ) {
    const spec = { outboundTrafficPolicy: { mode } };
    const { foreign, problems } = readCluster([
      { value: { apiVersion, kind, metadata: { name: "x", namespace: "jobs" }, spec } },
    ]);
    assertEquals(foreign, isListed ? [`${kind} jobs/x`] : [], `${apiVersion} ${kind} ${mode}`);
    assertEquals(problems, []);
  }
});

Deno.test("readCluster names a policy of the whole cluster without a namespace", () => {
  for (
    const [apiVersion, kind] of [
      ["cilium.io/v2", "CiliumClusterwideNetworkPolicy"],
      ["projectcalico.org/v3", "GlobalNetworkPolicy"],
      ["policy.networking.k8s.io/v1alpha1", "BaselineAdminNetworkPolicy"],
      ["policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy"],
    ] as const
  ) {
    const { foreign } = readCluster([{ value: { apiVersion, kind, metadata: { name: "x" } } }]);
    assertEquals(foreign, [`${kind} x`]);
  }
});

Deno.test("readCluster refuses a workload without a pod or with invalid labels", () => {
  const job = { apiVersion: "batch/v1", kind: "Job", metadata: { name: "j" } };
  const cron = { apiVersion: "batch/v1", kind: "CronJob", metadata: { name: "c" }, spec: "x" };
  const template = { metadata: { labels: { n: 5 } }, spec: { hostNetwork: "yes", containers: {} } };
  const other = { ...job, metadata: { name: "k" }, spec: { template } };
  const { problems, cluster } = readCluster([job, cron, other].map((value) => ({ value })));
  assertEquals(cluster.pods, []);
  assertEquals(problems.map(({ object, path }) => [object, path]), [
    ["Job default/j", "spec.template.spec"],
    ["CronJob default/c", "spec.jobTemplate.spec.template.spec"],
    ["Job default/k", "spec.template.metadata.labels"],
    ["Job default/k", "spec.template.spec.containers"],
    ["Job default/k", "spec.template.spec.hostNetwork"],
  ]);
});
