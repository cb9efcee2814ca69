import { podId } from "../../../checks/network_policy/model.ts";
import { readCluster } from "../../../checks/network_policy/read_cluster.ts";
import { splitPods } from "../../../checks/network_policy/split_pods.ts";
import { assertEquals } from "../../support/assert.ts";

type Fields = Record<string, unknown>;

const template = { metadata: { labels: { app: "a" } }, spec: { containers: [] } };
const workload = (apiVersion: string, kind: string, spec: Fields): Fields => (
  { apiVersion, kind, metadata: { name: "a", namespace: "jobs" }, spec }
);
const indexed = { completionMode: "Indexed", completions: 3, template };
const SET = workload("apps/v1", "StatefulSet", { replicas: 3, template });
const JOB = workload("batch/v1", "Job", indexed);
const POD = "statefulset.kubernetes.io/pod-name";
const INDEX = "apps.kubernetes.io/pod-index";
const COMPLETION = "batch.kubernetes.io/job-completion-index";

/** The parts of a workload under a policy that selects labels, or whose rule has a peer. */
function partsOf(object: Fields, selector: Fields, withUnknown: boolean, isPeer = false) {
  const policy = {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: "p", namespace: "jobs" },
    spec: isPeer
      ? { podSelector: {}, ingress: [{ from: [{ podSelector: selector }] }] }
      : { podSelector: selector },
  };
  const { cluster, problems } = readCluster([{ value: object }, { value: policy }]);
  assertEquals(problems, []);
  return splitPods(cluster, withUnknown).pods.map((pod) => [pod.part, pod.several]);
}

const WHOLE = [[undefined, true]];
const FIRST = [["pod a-0", false], ["the other pods", true]];
const labels = (key: string, value: string) => ({ matchLabels: { [key]: value } });
const expression = (key: string, operator: string, ...values: string[]) => (
  { matchExpressions: [{ key, operator, ...(values.length > 0 ? { values } : {}) }] }
);

const cases: readonly (readonly [string, Fields, Fields, unknown])[] = [
  ["the name of a pod", SET, labels(POD, "a-0"), FIRST],
  ["the index of a pod", SET, labels(INDEX, "0"), FIRST],
  ["NotIn with the name of a pod", SET, expression(POD, "NotIn", "a-0"), FIRST],
  ["the completion index of a pod", JOB, labels(COMPLETION, "0"), FIRST],
  [
    "the completion index of a CronJob's pod",
    workload("batch/v1", "CronJob", { schedule: "@daily", jobTemplate: { spec: indexed } }),
    labels(COMPLETION, "0"),
    FIRST,
  ],
  ["two of three pods", SET, expression(POD, "In", "a-0", "a-1"), [
    ["pod a-0", false],
    ["pod a-1", false],
    ["the other pod", false],
  ]],
  ["all pods", SET, expression(POD, "In", "a-0", "a-1", "a-2"), [
    ["pod a-0", false],
    ["pod a-1", false],
    ["pod a-2", false],
  ]],
  ["a single replica", workload("apps/v1", "StatefulSet", { template }), labels(POD, "a-0"), [
    ["pod a-0", false],
  ]],
  [
    "another first number",
    workload("apps/v1", "StatefulSet", { replicas: 2, ordinals: { start: 5 }, template }),
    labels(POD, "a-5"),
    [["pod a-5", false], ["the other pod", false]],
  ],
  ["a number that no pod has", SET, labels(POD, "a-3"), WHOLE],
  ["a pod of another workload", SET, labels(POD, "b-0"), WHOLE],
  ["Exists, which all pods meet", SET, expression(POD, "Exists"), WHOLE],
  ["a label that all pods have", SET, labels("app", "a"), WHOLE],
  ["another label that no pod has", SET, { matchLabels: { [POD]: "a-0", app: "b" } }, WHOLE],
];
for (const [name, object, selector, expected] of cases) {
  Deno.test(`splitPods: ${name}`, () => {
    assertEquals(partsOf(object, selector, true), expected);
    assertEquals(partsOf(object, selector, false), expected);
    assertEquals(partsOf(object, selector, false, true), expected);
  });
}

const unknown = [
  ["apps/v1", "Deployment", "pod-template-hash", { template }],
  ["apps/v1", "DaemonSet", "controller-revision-hash", { template }],
  ["batch/v1", "Job", "controller-uid", { template }],
  ["batch/v1", "CronJob", "job-name", { schedule: "@daily", jobTemplate: { spec: { template } } }],
] as const;
for (const [api, kind, key, spec] of unknown) {
  Deno.test(`splitPods: the value of ${key} of a ${kind}, which only a cluster knows`, () => {
    const object = workload(api, kind, spec);
    assertEquals(partsOf(object, labels(key, "abc"), true), [
      [`if ${key} is abc`, true],
      [`if ${key} is another`, true],
    ]);
    assertEquals(partsOf(object, labels(key, "abc"), false), WHOLE);
  });
}

Deno.test("splitPods keeps pods that a policy of another namespace names", () => {
  const policy = {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: "p", namespace: "other" },
    spec: { podSelector: labels(POD, "a-0") },
  };
  const { cluster } = readCluster([{ value: SET }, { value: policy }]);
  assertEquals(splitPods(cluster, true).pods.map(podId), ["jobs/StatefulSet/a"]);
});
