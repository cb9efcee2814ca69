import { parseAddress } from "../../../checks/network_policy/address.ts";
import { readCluster } from "../../../checks/network_policy/read_cluster.ts";
import { evaluate } from "../../../checks/network_policy/evaluate.ts";
import { missesOf } from "../../../checks/network_policy/explain.ts";
import { matrixOf } from "../../../checks/network_policy/matrix.ts";
import { judgeHost } from "../../../checks/network_policy/open_ports.ts";
import type { Cluster, Endpoint, Flow, Protocol } from "../../../checks/network_policy/model.ts";
import { assert, assertEquals } from "../../support/assert.ts";

const meta = (name: string, namespace: string, labels = {}) => ({ name, namespace, labels });

function pod(name: string, namespace: string, labels: Record<string, string>, more = {}) {
  const named = [["web", "TCP", 8080], ["web", "UDP", 9090], ["dns", "UDP", 53]];
  const ports = named.map(([name, protocol, containerPort]) => ({ name, protocol, containerPort }));
  const spec = { containers: [{ name: "main", ports }], ...more };
  return { apiVersion: "v1", kind: "Pod", metadata: meta(name, namespace, labels), spec };
}

const OBJECTS = [
  { apiVersion: "v1", kind: "Namespace", metadata: { name: "a", labels: { team: "one" } } },
  { apiVersion: "v1", kind: "Namespace", metadata: { name: "b", labels: { team: "two" } } },
  pod("self", "a", { app: "self" }),
  pod("near", "a", { app: "near" }),
  pod("far", "b", { app: "near", tier: "back" }),
  pod("lost", "c", { app: "lost" }),
  pod("host", "b", { app: "near" }, { hostNetwork: true }),
  { ...pod("live", "b", {}), status: { podIP: "10.1.2.3", podIPs: [{ ip: "fd00::3" }] } },
];

type Spec = Record<string, unknown>;

function clusterWith(...specs: readonly Spec[]): Cluster {
  const policies = specs.map((spec, i) => ({
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: meta(`p${i}`, "a"),
    spec: { podSelector: { matchLabels: { app: "self" } }, ...spec },
  }));
  const { cluster, problems } = readCluster([...OBJECTS, ...policies].map((value) => ({ value })));
  assertEquals(problems, []);
  return cluster;
}

function end(cluster: Cluster, text: string): Endpoint {
  const address = parseAddress(text);
  if (address !== undefined) return { type: "outside", address };
  return cluster.pods.find(({ name }) => name === text)!;
}

/** Parses a port such as `80` (TCP) or `UDP 53`. */
function flow(cluster: Cluster, from: string, to: string, port: string): Flow {
  const [protocol, number] = port.includes(" ") ? port.split(" ") : ["TCP", port];
  const ends = { from: end(cluster, from), to: end(cluster, to) };
  return { ...ends, protocol: protocol as Protocol, port: Number(number) };
}

const peers = (...to: unknown[]): Spec => ({ policyTypes: ["Egress"], egress: [{ to }] });
const ports = (...each: unknown[]): Spec => ({
  policyTypes: ["Egress"],
  egress: [{ ports: each }],
});
const block = (cidr: string, ...except: string[]) => peers({ ipBlock: { cidr, except } });
const match = (labels: Record<string, string>) => ({ matchLabels: labels });
const such = (key: string, operator: string, ...values: string[]) => (
  { matchExpressions: [operator.endsWith("In") ? { key, operator, values } : { key, operator }] }
);

/** Every destination for connections from `self`. */
const DESTINATIONS = ["near", "far", "lost", "host", "live", "9.9.9.9", "2001:db8::9"];
const PODS = ["near", "far", "lost", "live"];

/** The destinations that `self` can reach on TCP 80 under a policy. */
const REACHED: readonly (readonly [string, Spec, readonly string[]])[] = [
  ["no rules", { policyTypes: ["Egress"] }, []],
  ["an empty list of rules", { policyTypes: ["Egress"], egress: [] }, []],
  ["an empty rule", { policyTypes: ["Egress"], egress: [{}] }, DESTINATIONS],
  ["a null rule is an empty one", { policyTypes: ["Egress"], egress: [null] }, DESTINATIONS],
  [
    "an empty list of peers",
    { policyTypes: ["Egress"], egress: [{ to: [], ports: [] }] },
    DESTINATIONS,
  ],
  ["an empty podSelector: its own namespace", peers({ podSelector: {} }), ["near"]],
  ["an empty namespaceSelector: pods, no addresses", peers({ namespaceSelector: {} }), PODS],
  [
    "both selectors in a peer: AND",
    peers({ namespaceSelector: match({ team: "two" }), podSelector: match({ app: "near" }) }),
    ["far"],
  ],
  [
    "two peers: OR",
    peers({ namespaceSelector: match({ team: "two" }) }, { podSelector: match({ app: "near" }) }),
    ["near", "far", "live"],
  ],
  ["a null selector is absent", peers({ namespaceSelector: {}, podSelector: null }), PODS],
  [
    "the label that every namespace has",
    peers({ namespaceSelector: match({ "kubernetes.io/metadata.name": "c" }) }),
    ["lost"],
  ],
  ["a label `name` that is not set", peers({ namespaceSelector: match({ name: "b" }) }), []],
  ["In", peers({ namespaceSelector: {}, podSelector: such("app", "In", "x", "near") }), [
    "near",
    "far",
  ]],
  [
    "NotIn also matches an absent key",
    peers({ namespaceSelector: {}, podSelector: such("app", "NotIn", "near") }),
    ["lost", "live"],
  ],
  ["Exists", peers({ namespaceSelector: {}, podSelector: such("tier", "Exists") }), ["far"]],
  ["DoesNotExist", peers({ namespaceSelector: {}, podSelector: such("tier", "DoesNotExist") }), [
    "near",
    "lost",
    "live",
  ]],
  ["an IPv4 block, and pods with a known address", block("0.0.0.0/0"), ["live", "9.9.9.9"]],
  ["an IPv4 block with an exception", block("0.0.0.0/0", "10.0.0.0/8"), ["9.9.9.9"]],
  ["an IPv6 block", block("::/0", "fd00::/8"), ["2001:db8::9"]],
  ["bits after the prefix are ignored", block("9.9.1.1/16"), ["9.9.9.9"]],
  ["a port of another protocol", ports({ protocol: "UDP", port: 80 }), []],
  ["ports without a number: all of TCP", ports({}), DESTINATIONS],
  ["a named port, on the pod that has it", ports({ port: "web" }), []],
];

for (const [what, spec, expected] of REACHED) {
  Deno.test(`evaluate, peers of an egress rule: ${what}`, () => {
    const cluster = clusterWith(spec);
    const reached = DESTINATIONS.filter((to) =>
      evaluate(cluster, flow(cluster, "self", to, "80")).allowed
    );
    assertEquals(reached, expected);
  });
}

const PORTS: readonly (readonly [string, Spec, string, string, boolean])[] = [
  ["a number", ports({ port: 443 }), "9.9.9.9", "443", true],
  ["another number", ports({ port: 443 }), "9.9.9.9", "444", false],
  ["the first of a range", ports({ port: 80, endPort: 90 }), "near", "80", true],
  ["the last of a range", ports({ port: 80, endPort: 90 }), "near", "90", true],
  ["beyond a range", ports({ port: 80, endPort: 90 }), "near", "91", false],
  ["SCTP", ports({ protocol: "SCTP", port: 7 }), "near", "SCTP 7", true],
  ["any port of UDP", ports({ protocol: "UDP" }), "near", "UDP 1", true],
  ["any port of UDP, but not of TCP", ports({ protocol: "UDP" }), "near", "1", false],
  ["a name", ports({ port: "web" }), "near", "8080", true],
  ["a name has another number for each protocol", ports({ port: "web" }), "near", "9090", false],
  ["a name with its protocol", ports({ port: "web", protocol: "UDP" }), "near", "UDP 9090", true],
  ["a name of another protocol", ports({ port: "dns" }), "near", "53", false],
  ["an address has no names", ports({ port: "web" }), "9.9.9.9", "8080", false],
];

for (const [what, spec, to, port, expected] of PORTS) {
  Deno.test(`evaluate, ports of a rule, ${what}: ${to} on ${port} is ${expected ? "allowed" : "denied"}`, () => {
    const cluster = clusterWith(spec);
    assertEquals(evaluate(cluster, flow(cluster, "self", to, port)).allowed, expected);
  });
}

const TYPES: readonly (readonly [string, Spec, boolean, boolean])[] = [
  ["no policyTypes: ingress", {}, true, false],
  [
    "no policyTypes, but an egress rule: both directions",
    { egress: [{ to: [{ podSelector: {} }] }] },
    false,
    false,
  ],
  ["no policyTypes, and no egress rule: ingress only", { egress: [] }, true, false],
  ["an empty policyTypes counts as absent", { policyTypes: [] }, true, false],
  ["Egress", { policyTypes: ["Egress"] }, false, true],
  [
    "rules of a direction outside policyTypes are ignored",
    { policyTypes: ["Ingress"], egress: [{ to: [{ podSelector: {} }] }] },
    true,
    false,
  ],
];

for (const [what, spec, out, into] of TYPES) {
  Deno.test(`evaluate, policyTypes: ${what}`, () => {
    const cluster = clusterWith(spec);
    assertEquals(evaluate(cluster, flow(cluster, "self", "9.9.9.9", "80")).allowed, out);
    assertEquals(evaluate(cluster, flow(cluster, "9.9.9.9", "self", "80")).allowed, into);
  });
}

Deno.test("evaluate adds up the policies of a namespace, and ignores those of others", () => {
  const cluster = clusterWith(
    { policyTypes: ["Egress"] },
    ports({ port: 443 }),
    ports({ port: 80 }),
  );
  const { egress, ingress } = evaluate(cluster, flow(cluster, "self", "near", "443"));
  assertEquals(egress.policies.map(({ name }) => name), ["p0", "p1", "p2"]);
  assertEquals(egress.rules.map(({ policy, rule, port }) => [policy.name, rule.path, port?.path]), [
    ["p1", "spec.egress[0]", "spec.egress[0].ports[0]"],
  ]);
  assertEquals(ingress.reason, "no-policy");
  assertEquals(evaluate(cluster, flow(cluster, "far", "lost", "443")).egress.reason, "no-policy");
});

Deno.test("evaluate requires both ends, and always lets a pod reach itself", () => {
  const cluster = clusterWith({ policyTypes: ["Ingress", "Egress"] });
  const verdict = (from: string, to: string) => {
    const { egress, ingress } = evaluate(cluster, flow(cluster, from, to, "80"));
    return [egress.reason, ingress.reason];
  };
  assertEquals(verdict("self", "near"), ["no-rule", "no-policy"]);
  assertEquals(verdict("near", "self"), ["no-policy", "no-rule"]);
  assertEquals(verdict("self", "self"), ["itself", "itself"]);
  assertEquals(verdict("9.9.9.9", "self"), ["outside", "no-rule"]);
});

Deno.test("evaluate applies no policy to a pod on its node's network", () => {
  const policy = {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: meta("p", "b"),
    spec: { policyTypes: ["Ingress", "Egress"] },
  };
  const { cluster } = readCluster([...OBJECTS, policy].map((value) => ({ value })));
  const { egress } = evaluate(cluster, flow(cluster, "host", "9.9.9.9", "80"));
  assertEquals([egress.allowed, egress.reason], [true, "host-network"]);
});

Deno.test("readCluster gives pods the labels of their template and of their controller", () => {
  const template = { metadata: { labels: { app: "x" } }, spec: { containers: [] } };
  const made = (kind: string, apiVersion: string, spec: unknown) => {
    const metadata = meta("w", "a", { app: "not-the-pods" });
    const { cluster } = readCluster([{ value: { apiVersion, kind, metadata, spec } }]);
    return [...cluster.pods[0]!.labels].filter(([, value]) => value !== "?");
  };
  for (const kind of ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"]) {
    assertEquals(made(kind, "apps/v1", { template }), [["app", "x"]], kind);
  }
  assertEquals(made("ReplicationController", "v1", { template }), [["app", "x"]]);
  assertEquals(made("CronJob", "batch/v1", { jobTemplate: { spec: { template } } }), [[
    "app",
    "x",
  ]]);
  assertEquals(made("Job", "batch/v1", { template }), [
    ["app", "x"],
    ["job-name", "w"],
    ["batch.kubernetes.io/job-name", "w"],
  ]);
});

Deno.test("evaluate matches a label with an unknown value by Exists, and never by In", () => {
  const job = {
    apiVersion: "batch/v1",
    kind: "CronJob",
    metadata: meta("nightly", "a"),
    spec: { jobTemplate: { spec: { template: { spec: { containers: [] } } } } },
  };
  const reached = (podSelector: unknown) => {
    const cluster = clusterWith(peers({ podSelector }));
    const [to] = readCluster([{ value: job }]).cluster.pods;
    const all = { ...cluster, pods: [...cluster.pods, to!] };
    return evaluate(all, { ...flow(all, "self", "near", "80"), to: to! }).allowed;
  };
  assertEquals(reached(such("job-name", "Exists")), true);
  assertEquals(reached(such("job-name", "In", "nightly")), false);
  assertEquals(reached(such("job-name", "NotIn", "nightly")), true);
});

Deno.test("missesOf says that the labels of a namespace are not known if it is not declared", () => {
  const whyOf = (namespaceSelector: unknown) => {
    const cluster = clusterWith(
      { policyTypes: ["Egress"], egress: [{ to: [{ namespaceSelector }] }] },
    );
    const { namespaces: _, ...undeclared } = cluster;
    const bare = { ...undeclared, namespaces: new Map() };
    const asked = flow(bare, "self", "far", "80");
    return missesOf(bare, asked, evaluate(bare, asked).egress).flatMap(({ why }) => why).join();
  };
  assertEquals(
    whyOf(match({ name: "b" })),
    "spec.egress[0].to[0]: whether namespace b matches name=b is not known, because the manifests " +
      "do not declare the namespace; it counts as one without the label",
  );
  // Kubernetes sets this label.
  const key = "kubernetes.io/metadata.name";
  assertEquals(
    whyOf(match({ [key]: "c" })),
    `spec.egress[0].to[0]: namespace b does not match ${key}=c`,
  );
});

Deno.test("missesOf explains for each rule why it does not allow a connection", () => {
  const cluster = clusterWith(
    { policyTypes: ["Egress"], egress: [{ to: [{ namespaceSelector: match({ name: "b" }) }] }] },
    ports({ port: 443 }),
  );
  const asked = flow(cluster, "self", "far", "80");
  assertEquals(missesOf(cluster, asked, evaluate(cluster, asked).egress).map(({ why }) => why), [
    ["spec.egress[0].to[0]: namespace b does not match name=b"],
    ["spec.egress[0].ports: allows only TCP 443, not TCP 80"],
  ]);
});

Deno.test("judgeHost evaluates a host name as any public address", () => {
  const answer = (spec: Spec) => {
    const cluster = clusterWith(spec);
    const self = end(cluster, "self");
    assert(self.type === "pod");
    return judgeHost(cluster, self, "TCP", 443).answer;
  };
  assertEquals(answer({ policyTypes: ["Ingress"] }), "allowed");
  assertEquals(answer(block("0.0.0.0/0", "10.0.0.0/8", "192.168.0.0/16")), "allowed");
  assertEquals(answer(block("::/0")), "allowed");
  assertEquals(answer(block("0.0.0.0/0", "9.9.9.0/24")), "depends");
  assertEquals(answer(block("203.0.113.0/24")), "depends");
  assertEquals(answer(peers({ namespaceSelector: {} })), "denied");
});

Deno.test("evaluate resolves port names of sidecars, and not those of other init containers", () => {
  const named = (name: string, containerPort: number) => ({ ports: [{ name, containerPort }] });
  const sidecars = pod("sidecars", "a", { app: "sidecars" }, {
    initContainers: [
      { name: "proxy", restartPolicy: "Always", ...named("metrics", 9100) },
      { name: "setup", ...named("setup", 9200) },
      { name: "retry", restartPolicy: "OnFailure", ...named("retry", 9300) },
    ],
    containers: [{ name: "main", ...named("web", 8080) }],
  });
  const reached = (name: string, port: number) => {
    const { cluster } = readCluster([{ value: sidecars }]);
    const all = { ...clusterWith(ports({ port: name })), pods: cluster.pods };
    const from = end(clusterWith(), "self");
    return evaluate(all, { from, to: cluster.pods[0]!, protocol: "TCP", port }).allowed;
  };
  assertEquals(reached("metrics", 9100), true);
  assertEquals(reached("web", 8080), true);
  assertEquals(reached("setup", 9200), false);
  assertEquals(reached("retry", 9300), false);
});

Deno.test("evaluate limits a podSelector without namespaceSelector to the policy's namespace", () => {
  const rule = { podSelector: match({ app: "near" }) };
  for (const direction of ["egress", "ingress"] as const) {
    const cluster = clusterWith({
      policyTypes: [direction === "egress" ? "Egress" : "Ingress"],
      [direction]: [{ [direction === "egress" ? "to" : "from"]: [rule] }],
    });
    const asked = (other: string) =>
      direction === "egress"
        ? flow(cluster, "self", other, "80")
        : flow(cluster, other, "self", "80");
    assertEquals(evaluate(cluster, asked("near")).allowed, true, direction);
    // The pod `far` has the same label, in a different namespace.
    assertEquals(evaluate(cluster, asked("far")).allowed, false, direction);
    const misses = missesOf(cluster, asked("far"), evaluate(cluster, asked("far"))[direction]);
    assertEquals(misses.flatMap(({ why }) => why), [
      `spec.${direction}[0].${direction === "egress" ? "to" : "from"}[0]: without a ` +
      "namespaceSelector the peer selects only pods in namespace a",
    ]);
  }
});

Deno.test("matrixOf joins ports that follow or overlap each other, and no others", () => {
  const port = (port: number, endPort = port) => ({ port, endPort });
  const cluster = clusterWith(ports(port(90, 95), port(80), port(81, 85), port(84, 88)));
  const near = [...matrixOf(cluster).within].find(({ from, to }) =>
    from.name === "self" && to.name === "near"
  );
  assertEquals(near!.ports, {
    TCP: [{ from: 80, to: 88 }, { from: 90, to: 95 }],
    UDP: [],
    SCTP: [],
  });
});

Deno.test("evaluate matches an ipBlock with every address of a running pod", () => {
  const isAllowed = (cidr: string) => {
    const cluster = clusterWith(peers({ ipBlock: { cidr } }));
    return evaluate(cluster, flow(cluster, "self", "live", "80")).allowed;
  };
  assertEquals(isAllowed("10.1.2.3/32"), true);
  assertEquals(isAllowed("fd00::/8"), true);
  assertEquals(isAllowed("10.1.2.4/32"), false);
});

Deno.test("missesOf explains that no selector matches a pod on its node's network", () => {
  const cluster = clusterWith(peers({ namespaceSelector: {} }));
  const asked = flow(cluster, "self", "host", "80");
  assertEquals(missesOf(cluster, asked, evaluate(cluster, asked).egress).map(({ why }) => why), [[
    "spec.egress[0].to[0]: b/Pod/host uses its node's network, where no selector matches it",
  ]]);
});

Deno.test("readCluster adds the labels of the Job controller, except with manualSelector", () => {
  const labels = (more: object) => {
    const value = {
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: meta("copy", "a"),
      spec: { template: { spec: { containers: [] } }, ...more },
    };
    return [...readCluster([{ value }]).cluster.pods[0]!.labels.keys()];
  };
  assertEquals(labels({}), [
    "job-name",
    "batch.kubernetes.io/job-name",
    "controller-uid",
    "batch.kubernetes.io/controller-uid",
  ]);
  assertEquals(labels({ manualSelector: true }), []);
});
