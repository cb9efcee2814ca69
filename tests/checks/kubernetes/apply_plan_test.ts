import type { ManifestObject } from "../../../checks/kubernetes/objects.ts";
import { readFile } from "../../../checks/facts/manifests.ts";
import {
  type Difference,
  differences,
  formatDifference,
  jobState,
  planOf,
} from "../../../checks/kubernetes/apply_plan.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { assert, assertEquals } from "../../support/assert.ts";

// Two objects, and the messages about their differences.

function object(yaml: string): ManifestObject {
  return readFile("a.yaml", yaml).objects[0]!;
}

const POLICY = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: allow-dns, namespace: analytics-jobs }
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
    - to: [{ namespaceSelector: { matchLabels: { name: kube-system } } }]
      ports: [{ protocol: UDP, port: 53 }, { protocol: TCP, port: 53 }]
`;

function told(before: string, after: string, whole = true): string[] {
  return differences(object(before), object(after), { whole }).map(formatDifference);
}

/** The differences of complete objects, after a change of the text. */
function edited(yaml: string, from: string, to: string): string[] {
  assert(yaml.includes(from), `there is no ${from}`);
  return told(yaml, yaml.replace(from, to));
}

Deno.test("differencesOf finds none in equal objects", () => {
  assertEquals(told(POLICY, POLICY), []);
  assertEquals(told(POLICY, POLICY, false), []);
});

Deno.test("apply_plan names the path of a value that differs", () => {
  assertEquals(edited(POLICY, "UDP, port: 53", "UDP, port: 5353"), [
    "spec.egress[0].ports[0].port: 53 -> 5353",
  ]);
  assertEquals(edited(POLICY, "name: kube-system", "name: dns"), [
    'spec.egress[0].to[0].namespaceSelector.matchLabels.name: "kube-system" -> "dns"',
  ]);
});

Deno.test("apply_plan finds a field or an item that only one object has", () => {
  assertEquals(edited(POLICY, "protocol: UDP, port: 53", "protocol: UDP"), [
    "spec.egress[0].ports[0].port: 53 -> nothing",
  ]);
  assertEquals(edited(POLICY, ", { protocol: TCP, port: 53 }", ""), [
    'spec.egress[0].ports[1]: {"protocol":"TCP","port":53} -> nothing',
  ]);
  assertEquals(edited(POLICY, "[Egress]", "[Ingress, Egress]"), [
    'spec.policyTypes[0]: nothing -> "Ingress"',
  ]);
});

Deno.test("apply_plan compares the items after an added item with their counterparts", () => {
  const list = (names: string) => `
apiVersion: batch/v1
kind: CronJob
metadata: { name: a }
spec: { containers: [${names}] }
`;
  assertEquals(told(list("a, b, d, e"), list("a, b, c, d, e")), [
    'spec.containers[2]: nothing -> "c"',
  ]);
  assertEquals(told(list("a, a, b"), list("a, b")), ['spec.containers[1]: "a" -> nothing']);
  assertEquals(told(list("a, b"), list("")).length, 2);
});

Deno.test("apply_plan compares strings of several lines line by line", () => {
  const map = (text: string) => `
apiVersion: v1
kind: ConfigMap
metadata: { name: a }
data:
  pod.yaml: |
    one
    ${text}
    three
`;
  const [only, ...rest] = differences(object(map("two")), object(map("zwei")), { whole: true });
  assertEquals([only!.path, only!.line, rest.length], ["data.pod.yaml", 2, 0]);
  assertEquals(formatDifference(only!), 'data.pod.yaml, line 2: "two" -> "zwei"');
  assertEquals(told(map("two\n    2.5"), map("two")), [
    'data.pod.yaml, line 3: "2.5" -> nothing',
  ]);
});

Deno.test("apply_plan ignores the fields that only the server sets", () => {
  const live = object(POLICY);
  const kept = {
    uid: "1",
    resourceVersion: "2",
    generation: 3,
    creationTimestamp: "2025-12-28T00:00:00Z",
    managedFields: [{ manager: "kubectl" }],
  };
  const metadata = { ...live.value.metadata as object, ...kept };
  const observed = { ...live, value: { ...live.value, metadata, status: { phase: "Active" } } };
  assertEquals(differences(observed, live, { whole: true }), []);
});

Deno.test("apply_plan compares only the manifest's fields without permission for a dry run", () => {
  const live = POLICY.replace("namespace: analytics-jobs }", "labels: { by: somebody } }")
    .replace("spec:", "spec:\n  filledIn: by the server");
  const manifest = POLICY.replace(", namespace: analytics-jobs", "");
  assertEquals(told(live, manifest, false), []);
  assertEquals(told(live, manifest).length, 2, "and with it, all of them");
});

Deno.test("apply_plan ignores a different spelling of quantities only", () => {
  const quota = (memory: string, pods: string) => `
apiVersion: v1
kind: ResourceQuota
metadata: { name: a }
spec: { hard: { requests.memory: ${memory}, requests.cpu: "6", pods: ${pods} } }
`;
  assertEquals(told(quota("12G", '"10"'), quota("12000M", "10"), false), []);
  assertEquals(told(quota("12G", '"10"'), quota("12Gi", "10"), false), [
    'spec.hard.requests.memory: "12G" -> "12Gi"',
  ]);
  const label = (text: string) => POLICY.replace("name: kube-system", `name: ${text}`);
  assertEquals(told(label('"1000m"'), label('"1"'), false).length, 1);
});

Deno.test("apply_plan ignores empty fields, except an empty selector", () => {
  const with_ = (field: string) => POLICY.replace("podSelector: {}", `podSelector: {}\n  ${field}`);
  for (const field of ["ingress: []", "ingress: null", "annotations: {}"]) {
    assertEquals(told(POLICY, with_(field), false), [], field);
  }
  const peer = (text: string) => POLICY.replace("name: kube-system } }", `name: x } }${text}`);
  assertEquals(told(peer(""), peer(", podSelector: {}"), false), [
    "spec.egress[0].to[0].podSelector: nothing -> {}",
  ]);
  const rules = (text: string) => POLICY.replace(/egress:[^]*/, `egress: [${text}]\n`);
  assertEquals(told(rules(""), rules("{}"), false), ["spec.egress[0]: nothing -> {}"]);
});

const OLD = "0ld p4ss";
const NEW = "n3w p4ss";

function hides(found: readonly Difference[]): void {
  assert(found.length > 0, "no difference was seen");
  const text = JSON.stringify([found, found.map(formatDifference)]);
  for (const secret of [OLD, NEW, btoa(OLD), btoa(NEW)]) assert(!text.includes(secret), text);
}

Deno.test("apply_plan shows no value of a Secret", () => {
  const secret = (password: string, rest = "") => `
apiVersion: v1
kind: Secret
metadata:
  name: a
  annotations: { kubectl.kubernetes.io/last-applied-configuration: '{"data":"${password}"}' }
stringData: { DJANGO_DB_PASSWORD: "${password}"${rest} }
`;
  for (const whole of [true, false]) {
    const found = differences(object(secret(OLD)), object(secret(NEW, ", A: b")), { whole });
    hides(found);
    assertEquals(found.map(formatDifference).slice(1), [
      "stringData.DJANGO_DB_PASSWORD: a value -> another value",
      "stringData.A: nothing -> a value",
    ]);
  }
});

Deno.test("apply_plan does not show a password in a Job", () => {
  const job = (env: string) => `
apiVersion: batch/v1
kind: Job
metadata: { name: a }
spec: { template: { spec: { containers: [{ name: b${env} }] } } }
`;
  const variable = (value: string) => `{ name: DJANGO_DB_PASSWORD, value: "${value}" }`;
  const one = (value: string) => job(`, env: [${variable(value)}]`);
  const found = differences(object(one(OLD)), object(one(NEW)), { whole: false });
  hides(found);
  assertEquals(found.map(formatDifference), [
    "spec.template.spec.containers[0].env[0].value: a value -> another value",
  ]);
  hides(differences(object(job("")), object(one(NEW)), { whole: true }));
  hides(differences(object(job(", env: []")), object(one(NEW)), { whole: true }));
  hides(differences(object(one(OLD)), object(job(", env: [{ name: A }]")), { whole: true }));
});

Deno.test("apply_plan cuts a long value", () => {
  const long = POLICY.replace("[Egress]", `["${"x".repeat(1000)}"]`);
  assert(told(POLICY, long)[0]!.length < 200);
});

for (
  const [name, text, state] of [
    ["is suspended", "spec: { suspend: true }", "waiting"],
    ["is not suspended", "spec: {}", "running"],
    ["was started and suspended", "spec: { suspend: true }\nstatus: { startTime: now }", "running"],
    ["had a pod", "spec: { suspend: true }\nstatus: { failed: 1 }", "running"],
    [
      "is complete",
      'status: { conditions: [{ type: Complete, status: "True" }] }',
      "finished",
    ],
    ["failed", 'status: { conditions: [{ type: Failed, status: "True" }] }', "finished"],
    [
      "is about to fail",
      'status: { conditions: [{ type: FailureTarget, status: "True" }] }',
      "running",
    ],
    ["did not fail", 'status: { conditions: [{ type: Failed, status: "False" }] }', "running"],
  ] as const
) {
  Deno.test(`jobState: a Job that ${name} is ${state}`, () => {
    const job = object(`apiVersion: batch/v1\nkind: Job\nmetadata: { name: a }\n${text}\n`);
    assertEquals(jobState(job), state);
  });
}

for (
  const [name, unread, action] of [
    ["in its namespace", { kind: "NetworkPolicy", namespace: "analytics-jobs" }, "unknown"],
    ["in every namespace", { kind: "NetworkPolicy" }, "unknown"],
    ["in another namespace", { kind: "NetworkPolicy", namespace: "robson" }, "create"],
    ["of another kind", { kind: "Secret", namespace: "analytics-jobs" }, "create"],
  ] as const
) {
  Deno.test(`planOf: an absent object is ${action} if the user may not read objects ${name}`, () => {
    const failure = new Failure({ kind: "configuration", task: "a", problem: "b", remedy: "C." });
    const [planned] = planOf({
      objects: [],
      trials: [{ object: object(POLICY) }],
      unread: [{ ...unread, failure }],
    });
    assertEquals(planned!.action, action);
  });
}

Deno.test("planOf does not change an object that is being deleted", () => {
  const wanted = object(POLICY);
  const { metadata } = wanted.value;
  const live = {
    ...wanted,
    value: {
      ...wanted.value,
      metadata: { ...metadata as object, deletionTimestamp: "2026-01-01T00:00:00Z" },
    },
  };
  const [planned] = planOf({ objects: [live], trials: [{ object: wanted }], unread: [] });
  assertEquals([planned!.action, planned!.reason], ["going", "it is being removed"]);
});
