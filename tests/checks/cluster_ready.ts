import { BEFORE } from "../../checks/catalog.ts";
import type { Finding, Result } from "../../checks/check.ts";
import type { ClusterFact, ClusterOpened } from "../../checks/facts/cluster.ts";
import { observed } from "../../checks/facts/cluster/observed.ts";
import { placedPods } from "../../checks/facts/cluster/placed.ts";
import { deedsOf, type Right } from "../../checks/facts/cluster/rights.ts";
import {
  type Fields,
  type ManifestObject,
  type ManifestsFact,
  objectId,
  readFile,
} from "../../checks/facts/manifests.ts";
import { CLUSTER_NEEDS } from "../../checks/rbac/needs.ts";
import { runChecks } from "../../checks/runner.ts";
import type { KubeObject } from "../../pipeline/cluster/cluster.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { onlyFindingsOf, type Told } from "./healthy.ts";
import { DATABASE, LAKE, MANIFESTS } from "./ready.ts";

// A cluster that has our manifests and all that they rest on. Tests break one thing of it at a time.

/** Values that no finding may ever show. */
export const SECRETS = { password: "Tr0ub4dor!x", key: "kP9-secret-key", id: "AKIAEXAMPLE7" };

const NETWORK = `
apiVersion: v1
kind: Namespace
metadata: { name: robson, labels: { name: robson, kubernetes.io/metadata.name: robson } }
---
apiVersion: v1
kind: Namespace
metadata: { name: kube-system, labels: { kubernetes.io/metadata.name: kube-system } }
---
apiVersion: v1
kind: Service
metadata: { name: paradedb, namespace: robson }
spec:
  selector: { app: rbs-paradedb }
  ports: [{ name: sql, port: 5432, targetPort: sql }]
---
apiVersion: v1
kind: Pod
metadata:
  name: rbs-paradedb-0
  namespace: robson
  labels: { app: rbs-paradedb, apps.kubernetes.io/pod-index: "0" }
  ownerReferences: [{ apiVersion: apps/v1, kind: StatefulSet, name: rbs-paradedb, uid: s-1 }]
spec:
  nodeName: k3s-1
  containers:
    - name: paradedb
      image: paradedb/paradedb:0.20.6
      ports: [{ name: sql, containerPort: 5432, protocol: TCP }]
      resources: { requests: { cpu: "1", memory: 2Gi } }
status: { phase: Running, podIP: 10.42.0.7, podIPs: [{ ip: 10.42.0.7 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: rbs-backend-7d9f, namespace: robson, labels: { app: rbs-backend } }
spec:
  nodeName: k3s-1
  containers:
    - name: backend
      image: ghcr.io/ldamasio/rbs-backend:v1
      command: [sh, -c, 'psql -c "SELECT * FROM api_stopevent" && serve $JOB_DATE']
status: { phase: Running, podIP: 10.42.0.8 }
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: allow-paradedb, namespace: robson }
spec:
  podSelector: { matchLabels: { app: rbs-paradedb } }
  policyTypes: [Ingress]
  ingress:
    - from:
        - podSelector: {}
        - namespaceSelector: { matchLabels: { name: analytics-jobs } }
      ports: [{ protocol: TCP, port: 5432 }]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: allow-old-staging, namespace: robson }
spec:
  podSelector: { matchLabels: { app: rbs-backend } }
  policyTypes: [Ingress]
  ingress: [{ from: [{ namespaceSelector: { matchLabels: { name: staging } } }] }]
---
apiVersion: v1
kind: Pod
metadata: { name: coredns-6799, namespace: kube-system, labels: { k8s-app: kube-dns } }
spec:
  nodeName: k3s-1
  containers:
    - name: coredns
      image: rancher/mirrored-coredns-coredns:1.12.3
      ports: [{ name: dns, containerPort: 53, protocol: UDP }]
      resources: { requests: { cpu: 100m, memory: 70Mi } }
status: { phase: Running, podIP: 10.42.0.3 }
---
apiVersion: v1
kind: Service
metadata: { name: kube-dns, namespace: kube-system, labels: { k8s-app: kube-dns } }
spec:
  selector: { k8s-app: kube-dns }
  ports:
    - { name: dns, protocol: UDP, port: 53, targetPort: 53 }
    - { name: dns-tcp, protocol: TCP, port: 53, targetPort: 53 }
---
apiVersion: v1
kind: Service
metadata: { name: kubernetes, namespace: default }
spec:
  clusterIP: 10.43.0.1
  clusterIPs: [10.43.0.1]
  ports: [{ name: https, protocol: TCP, port: 443, targetPort: 6443 }]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: kubernetes
  namespace: default
  labels: { kubernetes.io/service-name: kubernetes }
addressType: IPv4
endpoints: [{ addresses: [192.168.1.10], conditions: { ready: true } }]
ports: [{ name: https, protocol: TCP, port: 6443 }]
`;

const NODES = `
apiVersion: v1
kind: Node
metadata: { name: k3s-1, labels: { kubernetes.io/hostname: k3s-1 } }
spec: {}
status:
  allocatable: { cpu: "4", memory: 8Gi, pods: "110" }
  conditions: [{ type: Ready, status: "True" }]
  nodeInfo: { operatingSystem: linux, architecture: amd64 }
---
apiVersion: v1
kind: Node
metadata: { name: analytics-1, labels: { robson.io/pool: analytics } }
spec: { taints: [{ key: robson.io/dedicated, value: analytics, effect: NoSchedule }] }
status:
  allocatable: { cpu: "4", memory: 8Gi, pods: "110" }
  conditions: [{ type: MemoryPressure, status: "False" }, { type: Ready, status: "True" }]
  nodeInfo: { operatingSystem: linux, architecture: amd64 }
---
apiVersion: v1
kind: Pod
metadata: { name: svclb-traefik-x, namespace: kube-system, labels: { app: svclb } }
spec:
  nodeName: analytics-1
  containers: [{ name: lb, image: "klipper-lb:v1", resources: { requests: { cpu: 50m } } }]
status: { phase: Running, podIP: 10.42.1.2 }
`;

const RIGHTS = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: cluster-admin, labels: { kubernetes.io/bootstrapping: rbac-defaults } }
rules:
  - { apiGroups: ["*"], resources: ["*"], verbs: ["*"] }
  - { nonResourceURLs: ["*"], verbs: ["*"] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: view, labels: { kubernetes.io/bootstrapping: rbac-defaults } }
rules:
  - { apiGroups: [""], resources: [configmaps, pods, services], verbs: [get, list, watch] }
  - { apiGroups: [apps], resources: [deployments], verbs: [get, list, watch] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: "system:basic-user", labels: { kubernetes.io/bootstrapping: rbac-defaults } }
rules:
  - apiGroups: [authorization.k8s.io]
    resources: [selfsubjectaccessreviews, selfsubjectrulesreviews]
    verbs: [create]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: "system:basic-user", labels: { kubernetes.io/bootstrapping: rbac-defaults } }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:basic-user" }
subjects: [{ apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:authenticated" }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: cluster-admin, labels: { kubernetes.io/bootstrapping: rbac-defaults } }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin }
subjects: [{ apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:masters" }]
`;

const OF_JOBS = `
apiVersion: v1
kind: Secret
metadata: { name: django-db-credentials, namespace: analytics-jobs }
type: Opaque
data:
  DJANGO_DB_HOST: ${btoa("paradedb.robson.svc.cluster.local")}
  DJANGO_DB_NAME: ${btoa("rbsdb")}
  DJANGO_DB_USER: ${btoa("robson")}
  DJANGO_DB_PASSWORD: ${btoa(SECRETS.password)}
---
apiVersion: v1
kind: Secret
metadata: { name: contabo-s3-credentials, namespace: analytics-jobs }
type: Opaque
data:
  AWS_ACCESS_KEY_ID: ${btoa(SECRETS.id)}
  AWS_SECRET_ACCESS_KEY: ${btoa(SECRETS.key)}
  S3_ENDPOINT: ${btoa("https://eu2.contabostorage.com")}
  S3_BUCKET: ${btoa("rbs")}
---
apiVersion: v1
kind: Secret
metadata: { name: sh.helm.release.v1.agent.v1, namespace: analytics-jobs }
type: helm.sh/release.v1
data: { release: ${btoa(btoa("H4sIAAAAAAAA/6xW"))} }
---
apiVersion: v1
kind: Secret
metadata: { name: somebody-else, namespace: analytics-jobs }
type: Opaque
data: { note: ${btoa('said "no\\!"\n')} }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: kube-root-ca.crt, namespace: analytics-jobs }
data: { ca.crt: "-----BEGIN CERTIFICATE-----" }
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: default, namespace: analytics-jobs }
---
apiVersion: v1
kind: Pod
metadata: { name: debug, namespace: analytics-jobs, labels: { run: debug } }
spec:
  nodeName: k3s-1
  containers:
    - name: debug
      image: busybox
      command: [sh, -c, "psql $PGPASSWORD < api_stopevent"]
      env: [{ name: JOB_DATE, value: $(date) }]
      resources: { requests: { cpu: 250m, memory: 512Mi }, limits: { cpu: "1", memory: 1Gi } }
status: { phase: Running, podIP: 10.42.0.9 }
`;

/** What the quota counts: the pod above. */
const USED = {
  ...{ "requests.cpu": "250m", "requests.memory": "512Mi" },
  ...{ "limits.cpu": "1", "limits.memory": "1Gi", pods: "1" },
};

let uids = 0;

/** Objects as a cluster has them, made of YAML. */
export function liveObjects(yaml: string): ManifestObject[] {
  const { objects, problems } = readFile("live.yaml", yaml);
  assertEquals(problems, []);
  return objects.map(({ value }) => liveObject(value));
}

function liveObject(value: Fields, declared?: ManifestObject): ManifestObject {
  const added = { uid: `uid-${++uids}`, resourceVersion: "1", managedFields: [{ manager: "x" }] };
  const { metadata } = value as KubeObject;
  return observed({ ...value as KubeObject, metadata: { ...added, ...metadata } }, declared);
}

/** An object of our manifests as the API server has it. */
function applied(object: ManifestObject, declared?: ManifestObject): ManifestObject {
  const { value } = object;
  const more = object.kind === "ResourceQuota"
    ? { status: { hard: (value.spec as Fields).hard, used: USED } }
    : object.kind === "Job"
    ? { status: {} }
    : {};
  return liveObject({ ...value, ...more }, declared);
}

const OBJECTS: readonly ManifestObject[] = [
  ...MANIFESTS.objects.map((object) => applied(object)),
  ...[NETWORK, NODES, RIGHTS, OF_JOBS].flatMap(liveObjects),
];

/** What the API server answers where exactly the rights that Spark needs are there. */
const ANSWERS: readonly Right[] = deedsOf({ namespace: "analytics-jobs", name: "spark-jobs" })
  .map((deed) => {
    const rule = CLUSTER_NEEDS.find(({ resource }) => resource === deed.resource);
    const isNeeded = deed.namespace === "analytics-jobs" && rule?.verbs.includes(deed.verb);
    const reason =
      'RBAC: allowed by RoleBinding "spark-jobs/analytics-jobs" of Role "spark-jobs" ' +
      'to ServiceAccount "spark-jobs/analytics-jobs"';
    return isNeeded ? { ...deed, allowed: true, reason } : { ...deed, allowed: false, reason: "" };
  });

/** All is there. */
export const CLUSTER: ClusterOpened = {
  ...{ opened: true, name: "robson at https://192.168.1.10:6443", version: "v1.34.2+k3s1" },
  ...{ user: "operator", namespace: "default" },
  objects: OBJECTS,
  placed: placedPods(OBJECTS.filter(({ kind }) => kind === "Pod")),
  unread: [],
  rights: ANSWERS,
  trials: MANIFESTS.objects.map((object) => (
    object.kind === "Job" ? { object } : { object, applied: applied(object, object) }
  )),
};

/** The cluster with an object changed, which has to be there, also in what it would be once applied. */
export function changed(
  id: string,
  change: (value: Fields) => Fields,
  cluster: ClusterOpened = CLUSTER,
): ClusterOpened {
  assert(cluster.objects.some((object) => objectId(object) === id), `there is no ${id}`);
  const edit = (object: ManifestObject): ManifestObject =>
    objectId(object) === id ? { ...object, value: change(object.value) } : object;
  return withObjects(cluster.objects.map(edit), {
    ...cluster,
    trials: cluster.trials.map(({ object, applied, ...rest }) => (
      applied === undefined ? { object, ...rest } : { object, ...rest, applied: edit(applied) }
    )),
  });
}

/** The cluster without an object, which has to be there. */
export function without(id: string, cluster: ClusterOpened = CLUSTER): ClusterOpened {
  const objects = cluster.objects.filter((object) => objectId(object) !== id);
  assert(objects.length < cluster.objects.length, `there is no ${id}`);
  return withObjects(objects, cluster);
}

/** The cluster with more objects, in YAML. */
export function plus(yaml: string, cluster: ClusterOpened = CLUSTER): ClusterOpened {
  return withObjects([...cluster.objects, ...liveObjects(yaml)], cluster);
}

function withObjects(objects: readonly ManifestObject[], cluster: ClusterOpened): ClusterOpened {
  const pods = placedPods(objects.filter(({ kind }) => kind === "Pod"));
  return { ...cluster, objects, ...(cluster.placed === undefined ? {} : { placed: pods }) };
}

/** The cluster as a user sees it who may not read a kind; in all namespaces unless one is given. */
export function forbidding(kind: string, namespace?: string): ClusterOpened {
  const isHidden = (object: ManifestObject) =>
    object.kind === kind && (namespace === undefined || object.namespace === namespace);
  const hidden = CLUSTER.objects.filter(isHidden);
  const { placed, ...rest } = CLUSTER;
  return {
    ...rest,
    ...(kind === "Pod" ? {} : { placed: placed! }),
    objects: CLUSTER.objects.filter((object) => !isHidden(object)),
    unread: [...new Set(hidden.map((each) => each.namespace))].map((namespace) => ({
      kind,
      ...(namespace === undefined ? {} : { namespace }),
      problem: `Cannot list ${kind} objects: the server says: forbidden. Have it allowed.`,
    })),
  };
}

/** Runs the whole catalog over a cluster, with our manifests unless others are given, or none. */
export async function judgeCluster(
  cluster: ClusterFact,
  manifests: ManifestsFact | undefined = MANIFESTS,
): Promise<Result[]> {
  const results = await runChecks(BEFORE, {
    manifests: manifests.objects.length === 0
      ? { absent: "left out", asked: true }
      : () => Promise.resolve(manifests),
    cluster: () => Promise.resolve(cluster),
    database: () => Promise.resolve(DATABASE),
    lake: () => Promise.resolve(LAKE),
    image: { absent: "left out", asked: true },
  }, { timeoutMs: 10_000 });
  const told = JSON.stringify(results);
  for (const secret of Object.values(SECRETS)) assert(!told.includes(secret), "a secret was told");
  return results;
}

/** No manifests at all: the cluster is judged as it is. */
export const NONE: ManifestsFact = {
  ...{ directory: "", files: 0, objects: [], scripts: [], problems: [] },
};

/** Asserts that a cluster leads to exactly these findings of one check, and to none of any other. */
export async function assertOnlyIn(
  id: string,
  cluster: ClusterFact,
  expected: readonly Partial<Finding>[],
  manifests?: ManifestsFact,
): Promise<Told> {
  return onlyFindingsOf(id, await judgeCluster(cluster, manifests), expected);
}
