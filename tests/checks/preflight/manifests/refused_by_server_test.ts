import type { Fields } from "../../../../checks/kubernetes/fields.ts";
import { readFile } from "../../../../checks/facts/manifests.ts";
import { refusedFields } from "../../../../checks/preflight/manifests/refused_objects.ts";
import { openApi } from "../../../cluster/api.ts";
import { bringTo } from "../../../cluster/state.ts";
import { assertEquals } from "../../../support/assert.ts";
import { clusterTest, controlPlane } from "../../../support/control_plane.ts";

// The offline check of objects and a real API server agree on which objects are refused.

const job = (container: Fields, pod: Fields = {}, spec: Fields = {}): Fields => ({
  apiVersion: "batch/v1",
  kind: "Job",
  metadata: { name: "a" },
  spec: {
    ...spec,
    template: {
      spec: {
        restartPolicy: "Never",
        containers: [{ name: "a", image: "a", ...container }],
        ...pod,
      },
    },
  },
});

const variable = (valueFrom: Fields) => job({ env: [{ name: "A", valueFrom }] });
const field = (fieldPath: string) => variable({ fieldRef: { fieldPath } });
const probe = (livenessProbe: Fields) => job({ livenessProbe });
const volume = (source: Fields) => job({}, { volumes: [{ name: "a", ...source }] });
const taint = (toleration: unknown) => job({}, { tolerations: [toleration] });
const nodes = (nodeSelectorTerms: unknown) =>
  job({}, {
    affinity: {
      nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } },
    },
  });
const onFailure = (rule: unknown) => job({}, {}, { podFailurePolicy: { rules: [rule] } });
const codes = (values: unknown[], operator = "In") =>
  onFailure({ action: "FailJob", onExitCodes: { operator, values } });
const role = (kind: string, rule: unknown): Fields => ({
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind,
  metadata: { name: "a" },
  rules: [rule],
});

const NAME = { fieldPath: "metadata.name" };
const EXITS = { operator: "In", values: [1] };
const DISRUPTED = { type: "DisruptionTarget", status: "True" };
const LOOK = { verbs: ["get"] };
const PODS = { apiGroups: [""], resources: ["pods"] };

const OBJECTS: readonly Fields[] = [
  job({}),
  { ...job({}), metadata: {} },
  { ...job({}), metadata: null },
  job({}, { restartPolicy: "" }),
  job({ name: "" }),
  job({ args: [null], env: [{ name: "A", value: null }] }),
  job({ env: [null] }),
  job({ ports: [null] }),
  job({}, { imagePullSecrets: [null] }),
  variable({}),
  variable({ fieldRef: null }),
  variable({ fieldRef: NAME, secretKeyRef: { name: "a", key: "b" } }),
  variable({ secretKeyRef: { name: "a", key: "b" }, fieldRef: null }),
  variable({ secretKeyRef: { key: "b", optional: true } }),
  variable({ secretKeyRef: { name: "a", key: "" } }),
  variable({ configMapKeyRef: { name: "", key: "b" } }),
  ...[
    ["metadata.name", "metadata.uid", "metadata.labels['a']", "metadata.annotations['a.b/c']"],
    ["spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs"],
    ["status.podIP", "status.podIPs", "status.phase", "spec.hostname"],
    ["metadata.labels", "metadata.labels['']", "podIP", ""],
  ].flat().map(field),
  job({ envFrom: [{}] }),
  job({ envFrom: [null] }),
  job({ envFrom: [{ secretRef: {} }] }),
  job({ envFrom: [{ secretRef: { name: "a" } }] }),
  job({ envFrom: [{ secretRef: { name: "a" }, configMapRef: { name: "b" } }] }),
  probe({}),
  probe({ exec: { command: [] } }),
  probe({ exec: { command: ["a"] }, httpGet: { port: 1 } }),
  probe({ httpGet: { port: 1, httpHeaders: [{ name: "a", value: "" }] } }),
  job({ lifecycle: { preStop: {} } }),
  job({ lifecycle: { preStop: { exec: { command: ["a"] } } } }),
  volume({}),
  volume({ secret: {} }),
  volume({ configMap: {} }),
  volume({ configMap: { name: "a" } }),
  volume({ projected: { sources: [{ secret: {} }] } }),
  volume({ persistentVolumeClaim: { claimName: "" } }),
  taint(null),
  taint({ operator: "Exists" }),
  taint({ key: "a", operator: "Exists", value: "b" }),
  taint({ key: "a", value: "b", effect: "NoSchedule", tolerationSeconds: 1 }),
  taint({ key: "a", value: "b", effect: "NoExecute", tolerationSeconds: 1 }),
  ...[{ "a/b/c": "x" }, { a: "x y" }, { "A.B/c": "x" }, { "a.b/C_d": "" }].flatMap((labels) => [
    { ...job({}), metadata: { name: "a", labels } },
    { ...job({}), metadata: { name: "a", annotations: labels } },
    job({}, { nodeSelector: labels }),
  ]),
  ...[2 ** 31 - 1, 2 ** 31, 1e20, -1].flatMap((number) => [
    job({}, { securityContext: { runAsUser: number } }),
    job({}, { activeDeadlineSeconds: number }),
    job({}, { terminationGracePeriodSeconds: number }),
    job({}, {}, { activeDeadlineSeconds: number }),
    job({}, {}, { backoffLimit: number }),
  ]),
  ...[
    [],
    [{ key: "a", operator: "In" }],
    [{ key: "a", operator: "NotIn", values: ["b"] }],
    [{ key: "a", operator: "Exists", values: ["b"] }],
    [{ key: "a", operator: "Gt", values: ["1"] }],
    [{ key: "a", operator: "Gt", values: ["1", "2"] }],
  ].map((matchExpressions) => nodes([{ matchExpressions }])),
  nodes([]),
  job({}, {}, { podFailurePolicy: {} }),
  onFailure(null),
  onFailure({ action: "", onExitCodes: EXITS }),
  onFailure({ action: "FailJob" }),
  onFailure({ action: "Ignore", onPodConditions: [] }),
  onFailure({ action: "Ignore", onPodConditions: [DISRUPTED] }),
  onFailure({ action: "Ignore", onExitCodes: EXITS, onPodConditions: [DISRUPTED] }),
  codes([]),
  codes([1, 2]),
  codes([2, 1]),
  codes([1, 1]),
  codes([0, 1]),
  codes([null]),
  codes([0, 1], "NotIn"),
  ...["Role", "ClusterRole"].flatMap((kind) => [
    role(kind, null),
    role(kind, { ...LOOK, ...PODS }),
    role(kind, { ...PODS, verbs: [] }),
    role(kind, { ...LOOK, ...PODS, apiGroups: [] }),
    role(kind, { ...LOOK, apiGroups: [""] }),
    role(kind, { ...LOOK, nonResourceURLs: ["/healthz"] }),
    role(kind, { ...LOOK, ...PODS, nonResourceURLs: ["/healthz"] }),
  ]),
];

const PATHS: Readonly<Record<string, string>> = {
  Job: "/apis/batch/v1/namespaces/default/jobs",
  Role: "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles",
  ClusterRole: "/apis/rbac.authorization.k8s.io/v1/clusterroles",
};

clusterTest("refusedFields finds exactly the objects that the API server refuses", async () => {
  await bringTo(controlPlane(), []); // an object with the same name would be the reason of a refusal
  using api = openApi(controlPlane().admin);
  const wrong: string[] = [];
  for (const object of OBJECTS) {
    const path = `${PATHS[String(object.kind)]}?dryRun=All&fieldValidation=Strict`;
    const response = await api.send("POST", path, object);
    const { message } = await response.json();
    const found = readFile("a.yaml", JSON.stringify(object)).objects
      .flatMap((each) => refusedFields({ directory: "." }, each))
      .filter(({ severity }) => severity === "fail");
    if (response.ok === (found.length === 0)) continue;
    wrong.push(`${JSON.stringify(object)}: ${message ?? found[0]!.problem}`);
  }
  assertEquals(wrong, []);
});
