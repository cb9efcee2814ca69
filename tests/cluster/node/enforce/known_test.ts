import { readCluster } from "../../../../checks/network_policy/read_cluster.ts";
import type { Cluster } from "../../../../checks/network_policy/model.ts";
import { assertEquals } from "../../../support/assert.ts";
import { isKnown } from "./known.ts";
import type { Disagreement } from "./play.ts";

// Two pods that the policies of the tests select, and one that they do not.
const [SOURCE, DESTINATION, OTHER] = [0, 1, 2];
const OPEN: Disagreement = {
  flow: { from: SOURCE, to: DESTINATION, byService: false, protocol: "TCP", port: 80 },
  allowed: false,
  outcome: "open",
};
const SAME = { podSelector: { matchLabels: { app: "same" } } };
const BOTH = { ...SAME, policyTypes: ["Ingress", "Egress"] };

/** A cluster with the three pods and these policies. */
function clusterWith(...specs: readonly object[]): Cluster {
  const ports = [{ name: "web", protocol: "TCP", containerPort: 80 }];
  const pods = ["same", "same", "other"].map((app, i) => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: `pod-${i}`, namespace: "jobs", labels: { app, pod: `pod-${i}` } },
    spec: { containers: [{ name: "main", ports: app === "other" ? ports : [] }] },
  }));
  const policies = specs.map((spec, i) => ({
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: `policy-${i}`, namespace: "jobs" },
    spec,
  }));
  const { cluster, problems } = readCluster([...pods, ...policies].map((value) => ({ value })));
  assertEquals(problems, []);
  return cluster;
}

/** The same disagreement about a connection between two other pods. */
function between(from: number, to: number): Disagreement {
  return { ...OPEN, flow: { ...OPEN.flow, from, to } };
}

Deno.test("isKnown: a rule of a policy that selects both pods admits in both directions", () => {
  assertEquals(isKnown(clusterWith({ ...BOTH, ingress: [{}], egress: [] }), OPEN), true);
  assertEquals(isKnown(clusterWith({ ...BOTH, ingress: [], egress: [{}] }), OPEN), true);
  const [from, to] = [[{ podSelector: SAME.podSelector }], [{ podSelector: {} }]];
  const ports = [{ port: 79, endPort: 81 }];
  assertEquals(isKnown(clusterWith({ ...BOTH, ingress: [{ from, ports }] }), OPEN), true);
  assertEquals(isKnown(clusterWith({ ...BOTH, egress: [{ to, ports }] }), OPEN), true);
});

Deno.test("isKnown: the rule has to admit the connection", () => {
  const ports = [{ port: 443 }];
  assertEquals(isKnown(clusterWith({ ...BOTH, ingress: [{ ports }] }), OPEN), false);
  const from = [{ podSelector: { matchLabels: { app: "other" } } }];
  assertEquals(isKnown(clusterWith({ ...BOTH, ingress: [{ from }] }), OPEN), false);
  assertEquals(isKnown(clusterWith(BOTH), OPEN), false);
});

Deno.test("isKnown: the policy has to select both pods", () => {
  const ingress = clusterWith({ ...BOTH, ingress: [{}] });
  const egress = clusterWith({ ...BOTH, egress: [{}] });
  assertEquals(isKnown(ingress, between(SOURCE, OTHER)), false);
  assertEquals(isKnown(egress, between(OTHER, DESTINATION)), false);
});

Deno.test("isKnown: the policy has to isolate both pods in both directions", () => {
  const separate = clusterWith(
    { ...SAME, policyTypes: ["Ingress"], ingress: [{}] },
    { ...SAME, policyTypes: ["Egress"] },
  );
  assertEquals(isKnown(separate, OPEN), false);
  const twoPolicies = clusterWith(
    { podSelector: { matchLabels: { pod: "pod-0" } }, policyTypes: ["Ingress", "Egress"] },
    { podSelector: { matchLabels: { pod: "pod-1" } }, policyTypes: ["Ingress"], ingress: [{}] },
  );
  assertEquals(isKnown(twoPolicies, OPEN), false);
});

Deno.test("isKnown: a rule of another policy does not excuse the end that denies", () => {
  const cluster = clusterWith(
    { ...SAME, policyTypes: ["Egress"], egress: [{}] },
    { ...BOTH, ingress: [], egress: [{ ports: [{ port: 443 }] }] },
  );
  assertEquals(isKnown(cluster, OPEN), false);
});

Deno.test("isKnown: an undeclared named port excuses only the source", () => {
  const named = { ...SAME, policyTypes: ["Egress"], egress: [{ ports: [{ port: "web" }] }] };
  assertEquals(isKnown(clusterWith(named), OPEN), true);
  assertEquals(isKnown(clusterWith(named, { ...SAME, policyTypes: ["Ingress"] }), OPEN), false);
  assertEquals(isKnown(clusterWith({ ...named, ...BOTH }), OPEN), true, "one chain for both ends");
});

Deno.test("isKnown: a rule with only undeclared named ports opens every port to its pods", () => {
  const egress = (rule: object) => ({ ...SAME, policyTypes: ["Egress"], egress: [rule] });
  const ingress = (rule: object) => ({ ...SAME, policyTypes: ["Ingress"], ingress: [rule] });
  const [peers, ports] = [[SAME], [{ port: "web" }, { port: "db", protocol: "UDP" }]];
  assertEquals(isKnown(clusterWith(egress({ to: peers, ports })), OPEN), true);
  assertEquals(isKnown(clusterWith(ingress({ from: peers, ports })), OPEN), true);

  // A number, or a name that a possible destination declares, is a port of the rule.
  const numbered = [...ports, { port: 443 }];
  assertEquals(isKnown(clusterWith(egress({ to: peers, ports: numbered })), OPEN), false);
  assertEquals(isKnown(clusterWith(ingress({ from: peers, ports: numbered })), OPEN), false);
  const all = [{ podSelector: {} }];
  assertEquals(isKnown(clusterWith(egress({ to: all, ports })), OPEN), false);
  const toAll = { ...ingress({ from: peers, ports }), podSelector: {} };
  assertEquals(isKnown(clusterWith(toAll), OPEN), false);

  // Blocks, and other pods than the rule selects, are not affected.
  const blocks = [{ ipBlock: { cidr: "0.0.0.0/0" } }];
  assertEquals(isKnown(clusterWith(egress({ to: blocks, ports })), OPEN), false);
  assertEquals(isKnown(clusterWith(egress({ to: peers, ports })), between(SOURCE, OTHER)), false);
  const denied = { ...SAME, policyTypes: ["Ingress"] };
  assertEquals(isKnown(clusterWith(egress({ to: peers, ports }), denied), OPEN), false);
});

Deno.test("isKnown: a connection that is allowed, or that is not open, is never known", () => {
  const cluster = clusterWith({ ...BOTH, ingress: [{}], egress: [] });
  assertEquals(isKnown(cluster, { ...OPEN, allowed: true, outcome: "refused" }), false);
  assertEquals(isKnown(cluster, { ...OPEN, allowed: true, outcome: "open" }), false);
  for (const outcome of ["refused", "silent", "no route to host"]) {
    assertEquals(isKnown(cluster, { ...OPEN, outcome }), false);
  }
});
