import { toManifestObject } from "../../../checks/facts/cluster/objects.ts";
import type { Fields } from "../../../checks/kubernetes/fields.ts";
import type { ManifestObject } from "../../../checks/kubernetes/objects.ts";
import { readFile } from "../../../checks/facts/manifests.ts";
import type { KubeObject } from "../../../pipeline/cluster/cluster.ts";
import { assertEquals } from "../../support/assert.ts";

// The objects of a healthy cluster that are not in the manifests, as its API server returns them.

const NETWORK = `
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

/** The usage that the quota counts: the pod above. */
const USED = {
  "requests.cpu": "250m",
  "requests.memory": "512Mi",
  "limits.cpu": "1",
  "limits.memory": "1Gi",
  pods: "1",
};

let uids = 0;

/** Objects as a cluster has them, made of YAML. */
export function liveObjects(yaml: string): ManifestObject[] {
  const { objects, problems } = readFile("live.yaml", `---\n${yaml}`);
  assertEquals(problems, []);
  return objects.map(({ value }) => liveObject(value));
}

function liveObject(value: Fields, declared?: ManifestObject): ManifestObject {
  const added = { uid: `uid-${++uids}`, resourceVersion: "1", managedFields: [{ manager: "x" }] };
  const { metadata } = value as KubeObject;
  return toManifestObject(
    { ...value as KubeObject, metadata: { ...added, ...metadata } },
    declared,
  );
}

/** An object of the manifests as the API server has it. */
export function applied(object: ManifestObject, declared?: ManifestObject): ManifestObject {
  return liveObject({ ...object.value, ...serverFields(object) }, declared);
}

/** Fields that the API server adds to an object, or stores in a different form. */
function serverFields({ kind, name, value }: ManifestObject): Fields {
  switch (kind) {
    case "ResourceQuota":
      return { status: { hard: (value.spec as Fields).hard, used: USED } };
    case "Job":
      return { status: {} };
    case "Secret": {
      const texts = Object.entries(value.stringData as Record<string, string>);
      const data = Object.fromEntries(texts.map(([key, text]) => [key, btoa(text)]));
      return { data, stringData: undefined };
    }
    case "Namespace": {
      const metadata = value.metadata as Fields;
      const labels = { ...metadata.labels as Fields, "kubernetes.io/metadata.name": name };
      return { metadata: { ...metadata, labels } };
    }
    default:
      return {};
  }
}

/** Objects of other teams, and objects that an operator created by hand. */
export function othersObjects(): ManifestObject[] {
  return [NETWORK, NODES, RIGHTS, OF_JOBS].flatMap(liveObjects);
}
