import type { Fields } from "../../../../checks/kubernetes/fields.ts";

// Services, volumes and HorizontalPodAutoscalers for the rules of the API server, with its verdicts, as
// in server_rules.ts.

const meta = { name: "a" };
const service = (spec: Fields) => (
  { apiVersion: "v1", kind: "Service", metadata: meta, spec: { ports: [{ port: 80 }], ...spec } }
);
const nodePort = (type: string, more: Fields = {}) =>
  service({ type, ports: [{ port: 80, nodePort: 30080 }], ...more });
const external = (spec: Fields) =>
  service({ type: "ExternalName", externalName: "db.example.com", ...spec });
const volume = (spec: Fields) => ({
  apiVersion: "v1",
  kind: "PersistentVolume",
  metadata: meta,
  spec: {
    accessModes: ["ReadWriteOnce"],
    capacity: { storage: "1Gi" },
    hostPath: { path: "/a" },
    ...spec,
  },
});
const source = (fields: Fields) => volume({ hostPath: null, ...fields });
const local = (nodeAffinity?: Fields | null, path = "/a") =>
  source({ local: { path }, nodeAffinity });
const csi = (driver: string) => source({ csi: { driver, volumeHandle: "h" } });
const ON_NODE = {
  required: {
    nodeSelectorTerms: [
      { matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: ["n"] }] },
    ],
  },
};
const modes = (...accessModes: string[]) => ({
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata: meta,
  spec: { accessModes, resources: { requests: { storage: "1Gi" } } },
});
const topology = (values: string[], key = "zone") => ({
  apiVersion: "storage.k8s.io/v1",
  kind: "StorageClass",
  metadata: meta,
  provisioner: "a",
  allowedTopologies: [{ matchLabelExpressions: [{ key, values }] }],
});
const scaling = (spec: Fields) => ({
  apiVersion: "autoscaling/v2",
  kind: "HorizontalPodAutoscaler",
  metadata: meta,
  spec: {
    scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "a" },
    maxReplicas: 3,
    ...spec,
  },
});
const metric = (fields: Fields) => scaling({ metrics: [fields] });
const resource = (target: Fields, name = "cpu") =>
  metric({ type: "Resource", resource: { name, target } });
const pods = (target: Fields, name = "x") =>
  metric({ type: "Pods", pods: { metric: { name }, target } });
const outside = (target: Fields) => ({
  type: "External",
  external: { metric: { name: "x" }, target },
});
const object = (target: Fields) =>
  metric({
    type: "Object",
    object: { metric: { name: "x" }, target, describedObject: { kind: "Service", name: "x" } },
  });
const container = (target: Fields) =>
  metric({ type: "ContainerResource", containerResource: { name: "cpu", container: "a", target } });
const behavior = (scaleUp: Fields) => scaling({ behavior: { scaleUp } });
const HALF = { type: "Utilization", averageUtilization: 50 };
const path = (path: string, pathType = "Prefix") => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "Ingress",
  metadata: meta,
  spec: {
    rules: [{
      http: {
        paths: [{ path, pathType, backend: { service: { name: "x", port: { number: 80 } } } }],
      },
    }],
  },
});

/** Objects that the API server refuses, and a part of what the check finds. */
export const REFUSED_OBJECTS: readonly (readonly [Fields, string])[] = [
  [
    service({ loadBalancerSourceRanges: ["10.0.0.0/8"] }),
    "loadBalancerSourceRanges is not allowed with type: ClusterIP",
  ],
  [
    nodePort("NodePort", { loadBalancerClass: "a.b/c" }),
    "loadBalancerClass is not allowed with type: NodePort",
  ],
  [service({ allocateLoadBalancerNodePorts: false }), "Remove allocateLoadBalancerNodePorts"],
  [service({ externalTrafficPolicy: "Local" }), "write type: NodePort or LoadBalancer"],
  [
    service({ externalTrafficPolicy: "Cluster", externalIPs: [] }),
    "externalTrafficPolicy is not allowed with type: ClusterIP",
  ],
  [service({ healthCheckNodePort: 30001 }), "healthCheckNodePort is not allowed with"],
  [
    service({ type: "LoadBalancer", healthCheckNodePort: 30001 }),
    "healthCheckNodePort needs externalTrafficPolicy: Local",
  ],
  [nodePort("ClusterIP"), "nodePort is not allowed with type: ClusterIP"],
  [nodePort(""), "nodePort is not allowed with type: ClusterIP"],
  [nodePort("ClusterIP", { clusterIP: "None" }), "nodePort is not allowed with type: ClusterIP"],
  [nodePort("NodePort", { clusterIP: "None" }), "clusterIP: None is not allowed with"],
  [service({ type: "LoadBalancer", clusterIP: "None" }), "clusterIP: None is not allowed with"],
  [external({ clusterIP: "None" }), "clusterIP is not allowed with type: ExternalName"],
  [external({ ipFamilies: ["IPv4"] }), "ipFamilies is not allowed with type: ExternalName"],
  [external({ ipFamilyPolicy: "SingleStack" }), "ipFamilyPolicy is not allowed with"],
  [
    service({ clusterIPs: ["None"] }),
    "the first item differs from clusterIP, which is missing",
  ],
  [
    service({ clusterIP: "None", clusterIPs: ["10.43.0.5"] }),
    "the first item differs from clusterIP, which is None",
  ],
  [service({ ipFamilies: ["IPv4", "IPv4"] }), "an IP family is repeated"],
  [
    service({ ipFamilyPolicy: "SingleStack", ipFamilies: ["IPv4", "IPv6"] }),
    "SingleStack allows one IP family",
  ],
  [service({ ipFamilies: ["IPv4", "IPv6"] }), "SingleStack, the default, allows one IP family"],
  [
    external({ externalTrafficPolicy: "Local", externalIPs: ["1.2.3.4"] }),
    "externalTrafficPolicy is not allowed with type: ExternalName",
  ],
  [path("a"), "path must be an absolute path"],
  [path("a/(.*)", "ImplementationSpecific"), "path must be an absolute path"],
  [volume({ capacity: undefined }), "capacity is required, but missing"],
  [volume({ capacity: {} }), "the volume has no storage"],
  [volume({ capacity: { storage: "0" } }), "the volume has no storage"],
  [volume({ capacity: { storage: "-1Gi" } }), "the volume has no storage"],
  [volume({ capacity: { storage: "1Gi", cpu: 1 } }), "a volume has no capacity of cpu"],
  [volume({ accessModes: undefined }), "accessModes is required, but missing"],
  [volume({ accessModes: [] }), "accessModes is required, but empty"],
  [
    volume({ accessModes: ["ReadWriteOncePod", "ReadWriteOnce"] }),
    "ReadWriteOncePod allows no other access mode",
  ],
  [modes("ReadWriteOnce", "ReadWriteOncePod"), "ReadWriteOncePod allows no other access mode"],
  [volume({ volumeMode: "" }), "volumeMode must be"],
  [volume({ hostPath: null }), "the volume has no source"],
  [
    volume({ nfs: { server: "s", path: "/a" } }),
    "the volume has more than one source: hostPath, nfs",
  ],
  [volume({ hostPath: { path: "/" }, persistentVolumeReclaimPolicy: "Recycle" }), "all files"],
  [local(), "nodeAffinity is required for a local volume"],
  [local(null), "nodeAffinity is required for a local volume"],
  [local({}), "required is required, but missing"],
  [local(ON_NODE, "/a/../b"), "path must be a path without .."],
  [csi("A_b"), "driver must be the name of a CSI driver"],
  [csi("a/b"), "driver must be the name of a CSI driver"],
  [{ apiVersion: "v1", kind: "PersistentVolume", metadata: meta }, "spec is required"],
  [topology([]), "values is required, but empty"],
  [topology(["a"], "a b"), "key must be a name"],
  [resource({ type: "Utilization" }), "needs averageUtilization or averageValue"],
  [resource({ type: "Value", value: "1" }), "needs averageUtilization or averageValue"],
  [resource({ ...HALF, averageValue: "1" }), "only one of averageUtilization and averageValue"],
  [
    resource({ type: "Utilization", averageUtilization: 0 }),
    "averageUtilization must be 1 or more",
  ],
  [resource({ type: "AverageValue", averageValue: "0" }), "averageValue must be more than 0"],
  [resource({ type: "AverageValue", averageValue: -1 }), "averageValue must be more than 0"],
  [metric({ type: "Resource" }), "type: Resource needs the field resource"],
  [
    metric({ type: "Pods", resource: { name: "cpu", target: HALF } }),
    "type: Pods allows only the field pods, but resource is there",
  ],
  [
    metric({ ...outside({ type: "Value", value: 1 }), resource: { name: "cpu", target: HALF } }),
    "type: External allows only the field external, but resource is there",
  ],
  [pods({ type: "Value", value: "1" }), "the target of type: Pods needs averageValue"],
  [pods({ type: "AverageValue", averageValue: 1 }, "a/b"), "name must be a name without / and %"],
  [object({ type: "Value" }), "the target of type: Object needs value or averageValue"],
  [object({ type: "Value", value: "0" }), "value must be more than 0"],
  [metric(outside({ type: "Value" })), "the target of type: External needs value or averageValue"],
  [metric(outside({ type: "Value", value: 1, averageValue: 1 })), "only one of value and average"],
  [container({ type: "Utilization" }), "needs averageUtilization or averageValue"],
  [scaling({ minReplicas: 5 }), "minReplicas is 5, more than maxReplicas: 3"],
  [scaling({ minReplicas: 0 }), "needs a metric of the type Object or External"],
  [
    scaling({ scaleTargetRef: { kind: "Deployment", name: "a" } }),
    "apiVersion must name the API group of the Deployment, but is missing",
  ],
  [scaling({ scaleTargetRef: { apiVersion: "v1", kind: "Deployment", name: "a" } }), "but is v1"],
  [scaling({ scaleTargetRef: { apiVersion: "a/v1", kind: "b/c", name: "a" } }), "kind must be"],
  [behavior({ policies: [] }), "policies is empty"],
  [behavior({ selectPolicy: "" }), "selectPolicy must be"],
];

/** Objects that Kubernetes accepts only with a feature gate, and a part of the warning. */
export const UNCERTAIN_OBJECTS: readonly (readonly [Fields, string])[] = [
  [
    scaling({ minReplicas: 0, metrics: [outside({ type: "Value", value: "1" })] }),
    "minReplicas: 0 needs the feature gate HPAScaleToZero",
  ],
];

/** Objects that the API server accepts. */
export const ACCEPTED_OBJECTS: readonly Fields[] = [
  service({ loadBalancerSourceRanges: [], healthCheckNodePort: 0, ipFamilies: [] }),
  service({ externalTrafficPolicy: "Local", externalIPs: ["1.2.3.4"] }),
  service({ ports: [{ port: 80, nodePort: 0 }], loadBalancerIP: "any text" }),
  service({ clusterIP: "None", clusterIPs: ["None"], sessionAffinity: "ClientIP" }),
  nodePort("NodePort", { externalTrafficPolicy: "Local" }),
  service({
    ...{ type: "LoadBalancer", externalTrafficPolicy: "Local", healthCheckNodePort: 30001 },
    ...{ loadBalancerClass: "a.b/c", allocateLoadBalancerNodePorts: false },
    loadBalancerSourceRanges: ["10.0.0.0/8"],
  }),
  external({ clusterIP: "", internalTrafficPolicy: "Local", sessionAffinity: "ClientIP" }),
  nodePort("ExternalName", { externalName: "db.example.com" }),
  path("/a(/|$)(.*)"),
  path("", "ImplementationSpecific"),
  volume({ capacity: { storage: 5 }, storageClassName: "", persistentVolumeReclaimPolicy: "" }),
  volume({ accessModes: ["ReadWriteOncePod"], volumeMode: "Block" }),
  volume({ accessModes: ["ReadWriteOnce", "ReadOnlyMany"], claimRef: { name: "a" } }),
  volume({ persistentVolumeReclaimPolicy: "Recycle" }),
  volume({ hostPath: { path: "/" } }),
  source({ nfs: { server: "s", path: "/a" } }),
  source({ awsElasticBlockStore: { volumeID: "v" } }),
  source({ rbd: { monitors: ["a"], image: "b" } }),
  local(ON_NODE),
  csi("Ebs.csi.aws.com"),
  modes("ReadWriteOnce", "ReadWriteOnce"),
  topology(["a", "b"], "topology.kubernetes.io/zone"),
  resource({ type: "Utilization", averageUtilization: 150 }),
  resource({ type: "Utilization", averageValue: "500m" }, "CPU"),
  resource({ ...HALF, value: "1" }),
  pods({ type: "Value", averageValue: "1", value: "1" }, "a b"),
  object({ type: "Value", value: "1", averageValue: "1" }),
  metric(outside({ type: "Value", averageValue: "1", averageUtilization: 3 })),
  container(HALF),
  scaling({ minReplicas: 3, metrics: [] }),
  scaling({ scaleTargetRef: { apiVersion: "v1", kind: "ReplicationController", name: "A_b" } }),
  behavior({ stabilizationWindowSeconds: 5, policies: null }),
  behavior({ selectPolicy: "Disabled" }),
];
