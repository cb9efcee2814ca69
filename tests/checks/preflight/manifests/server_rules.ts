import type { Fields } from "../../../../checks/kubernetes/fields.ts";

// Objects for the rules of the API server, with its verdicts. One test compares them with the offline
// check, and another with a real server.

const meta = { name: "a" };
/** A template of pods, with more fields of their spec and of their container. */
export const pods = (pod: Fields, container: Fields): Fields => ({
  metadata: { labels: { a: "b" } },
  spec: { containers: [{ name: "a", image: "a", ...container }], ...pod },
});

/** A workload of the group `apps`, with more fields of its spec, of its pods and of their container. */
const workload = (kind: string, spec: Fields = {}, pod: Fields = {}, container: Fields = {}) => ({
  apiVersion: "apps/v1",
  kind,
  metadata: meta,
  spec: { selector: { matchLabels: { a: "b" } }, template: pods(pod, container), ...spec },
});
const deployment = (spec: Fields) => workload("Deployment", spec);
const daemonSet = (rollingUpdate: Fields) =>
  workload("DaemonSet", { updateStrategy: { rollingUpdate } });
const pod = (fields: Fields) => workload("Deployment", {}, fields);
const container = (fields: Fields) => workload("Deployment", {}, {}, fields);
const rolling = (rollingUpdate: Fields) => deployment({ strategy: { rollingUpdate } });
const resources = (requests: Fields, limits: Fields = {}) =>
  container({ resources: { requests, limits } });
const volume = (fields: Fields) => pod({ volumes: [{ name: "v", ...fields }] });
const dns = (dnsConfig: Fields, more: Fields = {}) => pod({ dnsConfig, ...more });
const numbered = (count: number, text: string) =>
  Array.from({ length: count }, (_, i) => `${text}${i}`);
const sysctl = (name: string, more: Fields = {}) =>
  pod({ securityContext: { sysctls: [{ name, value: "1" }] }, ...more });
const gate = (conditionType: string) => pod({ readinessGates: [{ conditionType }] });
const port = (fields: Fields) => container({ ports: [{ containerPort: 80, ...fields }] });
const first = (name: string) => (
  { name, image: "a", ports: [{ containerPort: 1, hostPort: 9 }] }
);
const spread = (fields: Fields) => ({
  topologySpreadConstraints: [
    { maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule", ...fields },
  ],
});
const configMap = (fields: Fields) => (
  { apiVersion: "v1", kind: "ConfigMap", metadata: meta, ...fields }
);
const service = (spec: Fields) => ({ apiVersion: "v1", kind: "Service", metadata: meta, spec });
const cronJob = (timeZone: string) => ({
  apiVersion: "batch/v1",
  kind: "CronJob",
  metadata: meta,
  spec: {
    schedule: "@daily",
    timeZone,
    jobTemplate: { spec: { template: pods({ restartPolicy: "Never" }, {}) } },
  },
});
const claim = (spec: Fields) => (
  { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: meta, spec }
);
const ingress = (rule: Fields, spec: Fields = {}) => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "Ingress",
  metadata: meta,
  spec: { rules: [rule], ...spec },
});
const backend = (port: Fields, host = "a.b") => (
  {
    host,
    http: { paths: [{ path: "/", pathType: "Prefix", backend: { service: { name: "x", port } } }] },
  }
);
const key = (key: string, name = "x") =>
  container({
    env: [{ name: "A", valueFrom: { configMapKeyRef: { name, key } } }],
  });
const label = (fieldPath: string) =>
  container({ env: [{ name: "A", valueFrom: { fieldRef: { fieldPath } } }] });
const file = (fieldPath: string) =>
  volume({ downwardAPI: { items: [{ path: "f", fieldRef: { fieldPath } }] } });
const STORAGE = { requests: { storage: "1Gi" } };

const tls = (host: string) => ingress(backend({ number: 80 }), { tls: [{ hosts: [host] }] });
const budget = (unhealthyPodEvictionPolicy: string) => ({
  apiVersion: "policy/v1",
  kind: "PodDisruptionBudget",
  metadata: meta,
  spec: { selector: { matchLabels: { a: "b" } }, minAvailable: 1, unhealthyPodEvictionPolicy },
});
const storageClass = (fields: Fields) => (
  {
    apiVersion: "storage.k8s.io/v1",
    kind: "StorageClass",
    metadata: meta,
    provisioner: "a",
    ...fields,
  }
);
const policy = (ipBlock: Fields) => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: meta,
  spec: { podSelector: {}, ingress: [{ from: [{ ipBlock }] }] },
});
const balancer = (range: string) =>
  service({ type: "LoadBalancer", ports: [{ port: 80 }], loadBalancerSourceRanges: [range] });
const external = (address: string) => service({ ports: [{ port: 80 }], externalIPs: [address] });
const toleration = (fields: Fields) => pod({ tolerations: [{ key: "a", ...fields }] });

/** Objects that the API server refuses, and a part of what the check finds. */
export const REFUSED: readonly (readonly [Fields, string])[] = [
  [
    deployment({ strategy: { type: "Recreate", rollingUpdate: { maxSurge: 1 } } }),
    "rollingUpdate is allowed only with type: RollingUpdate, but the type is Recreate",
  ],
  [rolling({ maxSurge: 0, maxUnavailable: 0 }), "are both 0"],
  [rolling({ maxSurge: "0%", maxUnavailable: 0 }), "are both 0"],
  [rolling({ maxSurge: -1 }), "maxSurge must not be negative, but is -1"],
  [rolling({ maxSurge: "25" }), 'must be a whole number or a percentage, but is "25"'],
  [rolling({ maxUnavailable: "150%" }), 'but is "150%"'],
  [deployment({ strategy: { type: "recreate" } }), "Write type: Recreate"],
  [deployment({ minReadySeconds: -1 }), "minReadySeconds must not be negative"],
  [deployment({ minReadySeconds: 600 }), "must be more than minReadySeconds"],
  [deployment({ progressDeadlineSeconds: 0 }), "progressDeadlineSeconds is 0"],
  [deployment({ replicas: 2147483648 }), "replicas is too large"],
  [deployment({ selector: {} }), "the selector is empty"],
  [daemonSet({ maxSurge: 1 }), "needs maxUnavailable: 0, and the default is 1"],
  [daemonSet({ maxUnavailable: 0 }), "are both 0"],
  [
    workload("DaemonSet", { updateStrategy: { type: "Recreate" } }),
    "must be OnDelete, RollingUpdate",
  ],
  [
    workload("StatefulSet", {
      updateStrategy: { type: "OnDelete", rollingUpdate: { partition: 1 } },
    }),
    "but the type is OnDelete",
  ],
  [
    workload("StatefulSet", { volumeClaimTemplates: [{ spec: { resources: STORAGE } }] }),
    "accessModes is required, but missing",
  ],
  [pod({ activeDeadlineSeconds: 5 }), "the pods of a Deployment may have no activeDeadlineSeconds"],
  [
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: meta,
      spec: { ...pods({ activeDeadlineSeconds: 0 }, {}).spec as Fields },
    },
    "activeDeadlineSeconds must be from 1 to 2147483647, but is 0",
  ],
  [
    resources({ memory: "2Gi" }, { memory: "1Gi" }),
    "the request of memory, 2Gi, is more than the limit, 1Gi",
  ],
  [resources({ cpu: "1" }, { cpu: null }), "the request of cpu, 1, is more than the limit, 0"],
  [resources({ memory: "2GB" }), "memory must be a quantity"],
  [resources({ cpu: "-1" }), "cpu must not be negative, but is -1"],
  [resources({ memroy: "1Gi" }), "memroy is no resource of a container"],
  [resources({}, { "nvidia.com/gpu": "500m" }), "nvidia.com/gpu must be a whole number"],
  [
    resources({ "nvidia.com/gpu": 1 }, { "nvidia.com/gpu": 2 }),
    "the request of nvidia.com/gpu, 1, is less than the limit, 2",
  ],
  [configMap({ data: { "a/b": "c" } }), '"a/b" is no key of a ConfigMap'],
  [configMap({ data: { "..": "c" } }), '".." is no key of a ConfigMap'],
  [configMap({ data: { a: "b" }, binaryData: { a: "YQ==" } }), "data has the key a, too"],
  [configMap({ binaryData: { a: "plain text" } }), "the value is not base64"],
  [configMap({ binaryData: { a: "YQ" } }), "the value is not base64"],
  [volume({ name: "My_Volume", emptyDir: {} }), "name must be a name without dots and capitals"],
  [volume({ name: "a.b", emptyDir: {} }), 'but is "a.b"'],
  [volume({ hostPath: { path: "/a/../b" } }), "path must be a path without .."],
  [volume({ hostPath: { path: "/a", type: "directory" } }), "Write type: Directory"],
  [volume({ nfs: { server: "s", path: "a" } }), "path must be an absolute path"],
  [
    volume({ secret: { secretName: "s", items: [{ key: "a", path: "/a" }] } }),
    "path must be a relative path without ..",
  ],
  [pod({ hostname: "Host" }), "hostname must be a name without dots and capitals"],
  [pod({ subdomain: "a.b" }), "subdomain must be a name without dots and capitals"],
  [pod({ priorityClassName: "High_Priority" }), "priorityClassName must be the name of an object"],
  [pod({ serviceAccountName: "spark_jobs" }), "serviceAccountName must be the name of an object"],
  [pod({ nodeName: "Node 1" }), "nodeName must be the name of an object"],
  [pod({ hostAliases: [{ ip: "localhost", hostnames: ["a"] }] }), "ip must be an IP address"],
  [pod({ hostAliases: [{ ip: "10.0.0.1", hostnames: ["a_b"] }] }), "an item of hostnames must be"],
  [pod({ dnsPolicy: "None", dnsConfig: { nameservers: ["300.1.1.1"] } }), "must be an IP address"],
  [pod({ tolerations: [{ key: "a b", operator: "Exists" }] }), "key must be the key of a label"],
  [
    pod({ securityContext: { supplementalGroups: [-1] } }),
    "an item of supplementalGroups must be from 0 to 2147483647, but is -1",
  ],
  [
    pod({ securityContext: { seccompProfile: { type: "Localhost" } } }),
    "localhostProfile is required with type: Localhost",
  ],
  [pod(spread({ maxSkew: 0 })), "maxSkew must be 1 or more"],
  [pod(spread({ whenUnsatisfiable: "DoNotschedule" })), "Write whenUnsatisfiable: DoNotSchedule"],
  [port({ name: "HTTP" }), 'name must be the name of a port, but is "HTTP"'],
  [port({ name: "prometheus-metrics" }), "at most 15 characters"],
  [port({ name: "8080" }), "for a port number, remove the quotes"],
  [
    container({ ports: [{ name: "a", containerPort: 1 }, { name: "a", containerPort: 2 }] }),
    "another port of the container has the name a",
  ],
  [
    container({ ports: [{ containerPort: 1, hostPort: 9 }, { containerPort: 2, hostPort: 9 }] }),
    "another port of the pod has hostPort 9",
  ],
  [container({ readinessProbe: { httpGet: { port: "HTTP" } } }), "port must be the name of a port"],
  [container({ readinessProbe: { tcpSocket: { port: "8080" } } }), "remove the quotes"],
  [
    container({ readinessProbe: { httpGet: { port: 1, scheme: "https" } } }),
    "Write scheme: HTTPS",
  ],
  [
    container({ livenessProbe: { tcpSocket: { port: 1 }, successThreshold: 2 } }),
    "successThreshold must be 1, but is 2",
  ],
  [
    container({ readinessProbe: { tcpSocket: { port: 1 }, periodSeconds: -1 } }),
    "periodSeconds must not be negative",
  ],
  [key("a/b"), "key must be a key of a ConfigMap or a Secret"],
  [key("a", "My_Map"), "name must be the name of an object"],
  [label("metadata.labels['a b']"), "no variable can have the field metadata.labels['a b']"],
  [label("metadata.annotations['a/b/c']"), "no variable can have the field"],
  [file("status.podIP"), "no file can have the field status.podIP of its pod"],
  [file("metadata.label"), "no file can have the field metadata.label of its pod"],
  [cronJob("etc/utc"), '"etc/utc" is not a time zone'],
  [cronJob("america/sao_paulo"), '"america/sao_paulo" is not a time zone'],
  [cronJob("us/eastern"), '"us/eastern" is not a time zone'],
  [cronJob("AMERICA/NEW_YORK"), '"AMERICA/NEW_YORK" is not a time zone'],
  [cronJob("+03:00"), '"+03:00" is not a time zone'],
  [cronJob("PST"), '"PST" is not a time zone'],
  [cronJob("Local"), '"Local" is not a time zone'],
  [cronJob("Mars/Base"), '"Mars/Base" is not a time zone'],
  [cronJob("SystemV/EST5EDT"), '"SystemV/EST5EDT" is not a time zone'],
  [cronJob("US/Pacific-New"), '"US/Pacific-New" is not a time zone'],
  [cronJob("posix/Mars"), '"posix/Mars" is not a time zone'],
  [service({ selector: { a: "b" } }), "the Service has no ports"],
  [service({ type: "ExternalName" }), "externalName is required"],
  [service({ type: "ExternalName", externalName: "http://a.b" }), "must be the name of a host"],
  [service({ ports: [{ port: 80, targetPort: "HTTP" }] }), "targetPort must be the name of a port"],
  [service({ ports: [{ port: 80, name: "My_Port" }] }), "name must be a name without dots"],
  [
    service({ ports: [{ port: 80 }], clusterIP: "none" }),
    "clusterIP must be None or an IP address",
  ],
  [service({ ports: [{ port: 80 }], selector: { a: "b c" } }), "is not a valid label value"],
  [
    service({ ports: [{ port: 80 }], sessionAffinity: "ClientIp" }),
    "Write sessionAffinity: ClientIP",
  ],
  [claim({ resources: STORAGE }), "accessModes is required, but missing"],
  [claim({ accessModes: ["RWO"], resources: STORAGE }), "an item of accessModes must be"],
  [claim({ accessModes: ["ReadWriteOnce"] }), "resources is required, but missing"],
  [claim({ accessModes: ["ReadWriteOnce"], resources: { requests: {} } }), "requests no storage"],
  [ingress(backend({})), "one of name or number is required"],
  [ingress(backend({ number: 80 }, "10.0.0.1")), "host must be the name of a host"],
  [
    {
      apiVersion: "scheduling.k8s.io/v1",
      kind: "PriorityClass",
      metadata: meta,
      value: 2000000000,
    },
    "but is 2000000000",
  ],
  [
    {
      apiVersion: "v1",
      kind: "ReplicationController",
      metadata: meta,
      spec: { selector: { a: "c" }, template: pods({}, {}) },
    },
    "do not have the label a=c",
  ],
  [
    pod({ preemptionPolicy: "" }),
    'preemptionPolicy must be Never, PreemptLowerPriority, but is ""',
  ],
  [pod({ runtimeClassName: "" }), 'runtimeClassName must be the name of an object, but is ""'],
  [pod({ securityContext: { fsGroupChangePolicy: "" } }), "Remove it, or write one of them"],
  [pod(spread({ nodeTaintsPolicy: "" })), "nodeTaintsPolicy must be Honor, Ignore"],
  [container({ securityContext: { procMount: "" } }), "procMount must be"],
  [
    workload("Deployment", {}, { initContainers: [{ ...first("b"), restartPolicy: "" }] }),
    "must be",
  ],
  [
    claim({ accessModes: ["ReadWriteOnce"], resources: STORAGE, volumeMode: "" }),
    "volumeMode must be",
  ],
  [claim({ accessModes: [""], resources: STORAGE }), "an item of accessModes must be"],
  [service({ ports: [{ port: 80 }], ipFamilyPolicy: "" }), "ipFamilyPolicy must be"],
  [service({ ports: [{ port: 80 }], internalTrafficPolicy: "" }), "internalTrafficPolicy must be"],
  [service({ ports: [{ port: 80, appProtocol: "" }] }), "appProtocol must be a name"],
  [storageClass({ volumeBindingMode: "" }), "volumeBindingMode must be"],
  [budget(""), "unhealthyPodEvictionPolicy must be"],
  [ingress(backend({ number: 80 }), { ingressClassName: "" }), "ingressClassName must be"],
  [tls(""), "an item of hosts must be"],
  [dns({ nameservers: [""] }), "an item of nameservers must be an IP address"],
  [dns({ nameservers: ["1.1.1.1:53"] }), "an item of nameservers must be an IP address"],
  ...["A.b", "*.a", "a..b", "", "__a", "a b"].map((search) =>
    [dns({ searches: [search] }), "an item of searches must be a domain"] as const
  ),
  [dns({ options: [{ value: "2" }] }), "name is required, but missing"],
  [pod({ dnsPolicy: "None" }), "dnsPolicy: None needs a nameserver"],
  [dns({ searches: ["a.b"] }, { dnsPolicy: "None" }), "dnsPolicy: None needs a nameserver"],
  [dns({ nameservers: [1, 2, 3, 4].map((i) => `1.2.3.${i}`) }), "nameservers has 4 items"],
  [dns({ searches: numbered(33, "a") }), "searches has 33 items, and a pod may have 32"],
  [
    dns({ searches: numbered(20, `${"b".repeat(60)}.${"c".repeat(60)}`) }),
    "searches has 2469 char",
  ],
  [
    pod({ securityContext: { sysctls: ["1", "2"].map((value) => ({ name: "a.b", value })) } }),
    "a.b is repeated",
  ],
  [sysctl("net.core.somaxconn", { hostNetwork: true }), "is not allowed with hostNetwork: true"],
  [sysctl("net/core/somaxconn", { hostNetwork: true }), "is not allowed with hostNetwork: true"],
  [sysctl("kernel.shmmax", { hostIPC: true }), "is not allowed with hostIPC: true"],
  [sysctl("fs.mqueue.msg_max", { hostIPC: true }), "is not allowed with hostIPC: true"],
  [toleration({ operator: "Gt", value: "x" }), "operator Gt needs a number"],
  [toleration({ operator: "Lt" }), "operator Lt needs a number"],
  [toleration({ operator: "In", value: "x" }), "operator must be Equal, Exists, Gt, Lt"],
  ...["Net.core.somaxconn", "net..core", "net.core.somaxconn=1", "net.core_"].map((name) =>
    [sysctl(name), "name must be the name of a kernel parameter"] as const
  ),
  ...["a b", "a/b/c", "A.b/c"].map((name) => [gate(name), "conditionType must be a name"] as const),
  [pod({ hostAliases: [{ ip: "1.2.3.4", hostnames: [""] }] }), "an item of hostnames must be"],
  ...["10.0.0.1", "10.0.0.0/33", "10.0/16", "10.0.0.0/8,11.0.0.0/8", ""].map((range) =>
    [balancer(range), "an item of loadBalancerSourceRanges must be a block of addresses"] as const
  ),
  [external("127.0.0.1"), "an item of externalIPs must not be a loopback address"],
  [external("169.254.1.1"), "an item of externalIPs must not be a link-local address"],
  [external("0.0.0.0"), "an item of externalIPs must not be 0.0.0.0"],
  [external("ff02::1"), "an item of externalIPs must not be a link-local multicast address"],
  [service({ ports: [{ port: 80, appProtocol: "a b" }] }), "appProtocol must be a name"],
  [storageClass({ provisioner: "a/b/c" }), "provisioner must be a name"],
];

/**
 * Objects that Kubernetes 1.36 refuses without more feature gates, and other versions may accept, and a
 * part of the warning.
 */
export const UNCERTAIN: readonly (readonly [Fields, string])[] = [
  [dns({ nameservers: ["010.1.1.1"] }), "must be an IP address without leading zeros"],
  [dns({ nameservers: ["::ffff:1.2.3.4"] }), "must not be an IPv4 address in the form of IPv6"],
  [pod({ hostAliases: [{ ip: "127.0.0.01" }] }), "ip must be an IP address without leading zeros"],
  [external("01.2.3.4"), "Remove the leading zeros"],
  [balancer("010.0.0.0/8"), "must be an IP address without leading zeros"],
  [balancer("10.0.0.0/08"), "must be a block of addresses without leading zeros"],
  [balancer("10.1.2.3/8"), "must begin with the first address of the block"],
  [toleration({ operator: "Gt", value: "5" }), "needs the feature gate TaintTolerationComparison"],
  [policy({ cidr: "10.1.2.3/8" }), "cidr must begin with the first address of the block"],
  [policy({ cidr: "10.0.0.0/8", except: ["10.1.2.3/16"] }), "an item of except must begin with"],
];

/** Objects that the API server accepts. */
export const ACCEPTED: readonly Fields[] = [
  deployment({ strategy: { type: "Recreate" } }),
  deployment({ strategy: { type: "Recreate", rollingUpdate: null } }),
  rolling({ maxSurge: "200%", maxUnavailable: "100%" }),
  rolling({ maxUnavailable: 0 }),
  rolling({ maxSurge: 0 }),
  deployment({ minReadySeconds: 10, progressDeadlineSeconds: 11 }),
  deployment({ selector: { matchExpressions: [{ key: "a", operator: "Exists" }] } }),
  daemonSet({ maxSurge: 1, maxUnavailable: 0 }),
  daemonSet({ maxUnavailable: "50%" }),
  workload("StatefulSet", { updateStrategy: { rollingUpdate: { partition: 1 } } }),
  resources({ memory: "1Gi", cpu: null }, { memory: "1024Mi" }),
  resources({ cpu: "500m" }, { cpu: 0.5, "nvidia.com/gpu": 1, "ephemeral-storage": "1Gi" }),
  resources({}, { "a.kubernetes.io/b": "500m" }),
  workload("StatefulSet", { updateStrategy: { rollingUpdate: { maxUnavailable: "150%" } } }),
  configMap({ data: { "a.b_c-D": "x", ".hidden": "y" }, binaryData: { b: "YQ==\n", c: null } }),
  volume({ secret: { secretName: "s", items: [{ key: "a", path: "b/c" }] } }),
  volume({ hostPath: { path: "/a", type: "" } }),
  pod({ hostname: "h-1", subdomain: "s", priorityClassName: "a.b", nodeName: "n.example.com" }),
  pod({ hostAliases: [{ ip: "::1", hostnames: ["a.b"] }] }),
  pod({ tolerations: [{ operator: "Exists" }, { key: "a.b/C_d", value: "" }] }),
  pod({ securityContext: { seccompProfile: { type: "Localhost", localhostProfile: "a/b.json" } } }),
  pod(spread({ topologyKey: "any text" })),
  pod({
    affinity: {
      nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1 }] },
    },
  }),
  port({ name: "http-1", hostPort: 0 }),
  container({ ports: [{ containerPort: 80 }, { containerPort: 80 }] }),
  container({
    ports: [
      { containerPort: 53, hostPort: 53 },
      { containerPort: 53, hostPort: 53, protocol: "UDP" },
    ],
  }),
  workload(
    "Deployment",
    {},
    { initContainers: [first("b"), first("c")] },
    { ports: [{ containerPort: 1, hostPort: 9 }] },
  ),
  container({ readinessProbe: { httpGet: { port: "http" }, successThreshold: 2 } }),
  container({ livenessProbe: { tcpSocket: { port: 1 }, successThreshold: 0, periodSeconds: 0 } }),
  key("a.b_c-D"),
  label("metadata.labels['app.kubernetes.io/name']"),
  label("metadata.annotations['Some.Domain/Key']"),
  file("metadata.labels"),
  file("metadata.annotations['a']"),
  ...["Etc/UTC", "Etc/GMT+3", "US/Eastern", "America/Port-au-Prince", "Africa/Dar_es_Salaam"]
    .map(cronJob),
  ...["EST5EDT", "GB-Eire", "NZ-CHAT", "UTC", "EST", "Asia/Calcutta", "Europe/Isle_of_Man", "W-SU"]
    .map(cronJob),
  ...["Factory", "Zulu", "GMT+0", "Europe/Kyiv", "US/Samoa"].map(cronJob),
  service({ clusterIP: "None", selector: { a: "b" } }),
  service({ type: "ExternalName", externalName: "db.example.com." }),
  service({ externalName: "no_host", ports: [{ port: 80 }] }),
  service({ type: "NodePort", ports: [{ port: 80, targetPort: 0, nodePort: 0 }] }),
  claim({ accessModes: ["ReadWriteOncePod"], resources: STORAGE, storageClassName: "" }),
  ingress(backend({ name: "http" }, "*.example.com")),
  ingress(backend({ number: 80 }, "300.1.1.1"), { tls: [{ hosts: ["10.0.0.1", "*.a.b"] }] }),
  // An empty text is the default of these fields.
  pod({ restartPolicy: "", dnsPolicy: "", hostname: "", nodeName: "", priorityClassName: "" }),
  container({ imagePullPolicy: "", terminationMessagePolicy: "" }),
  port({ name: "", protocol: "" }),
  container({ readinessProbe: { httpGet: { port: 1, scheme: "" } } }),
  deployment({ strategy: { type: "" } }),
  workload("StatefulSet", { podManagementPolicy: "", updateStrategy: { type: "" } }),
  toleration({ operator: "", effect: "", value: "" }),
  storageClass({ reclaimPolicy: "" }),
  service({
    ...{ type: "", sessionAffinity: "", externalTrafficPolicy: "", clusterIP: "" },
    ports: [{ port: 80, protocol: "", name: "" }],
  }),
  ingress(backend({ number: 80 }, "")),
  dns({ nameservers: ["10.0.0.10", "fd00::a"], searches: ["a.b.", "_a.b_c", "."] }),
  dns({ options: [{ name: "ndots", value: "2" }, { name: "edns0" }, { name: "ndots" }] }),
  dns({ nameservers: ["1.2.3.4"] }, { dnsPolicy: "None" }),
  dns({ nameservers: ["1.2.3.4", "1.2.3.4", "1.2.3.5"], searches: numbered(32, "a") }),
  sysctl("kernel.shm_rmid_forced", { hostNetwork: true }),
  sysctl("kernel.panic", { hostIPC: true }),
  sysctl("net.core.somaxconn", { hostIPC: true }),
  ...["kernel.shm_rmid_forced", "net/ipv4/conf/eth0.1/rp_filter", "a-b.c"].map((each) =>
    sysctl(each)
  ),
  ...["target-health.elbv2.k8s.aws", "Ready", "cloud.google.com/neg_Ready"].map(gate),
  ...["10.0.0.0/8", " 10.0.0.0/8 ", "0.0.0.0/0", "fd00::/64", "1.2.3.4/32"].map(balancer),
  ...["1.2.3.4", "10.0.0.1", "2001:db8::1", "224.0.1.1"].map(external),
  service({ ports: [{ port: 80, appProtocol: "kubernetes.io/h2c" }] }),
  ...["Kubernetes.io/AWS", "a_b", "ebs.csi.aws.com"].map((provisioner) => (
    storageClass({ provisioner })
  )),
  policy({ cidr: "10.0.0.0/8", except: ["10.1.0.0/16"] }),
  policy({ cidr: "FD00:0:0::/64" }),
];

/** The paths of the kinds on a server. */
export const PATHS: Readonly<Record<string, string>> = {
  ConfigMap: "/api/v1/namespaces/default/configmaps",
  CronJob: "/apis/batch/v1/namespaces/default/cronjobs",
  HorizontalPodAutoscaler: "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers",
  Job: "/apis/batch/v1/namespaces/default/jobs",
  NetworkPolicy: "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies",
  PersistentVolume: "/api/v1/persistentvolumes",
  PodDisruptionBudget: "/apis/policy/v1/namespaces/default/poddisruptionbudgets",
  StorageClass: "/apis/storage.k8s.io/v1/storageclasses",
  DaemonSet: "/apis/apps/v1/namespaces/default/daemonsets",
  Deployment: "/apis/apps/v1/namespaces/default/deployments",
  Ingress: "/apis/networking.k8s.io/v1/namespaces/default/ingresses",
  PersistentVolumeClaim: "/api/v1/namespaces/default/persistentvolumeclaims",
  Pod: "/api/v1/namespaces/default/pods",
  PriorityClass: "/apis/scheduling.k8s.io/v1/priorityclasses",
  ReplicationController: "/api/v1/namespaces/default/replicationcontrollers",
  Service: "/api/v1/namespaces/default/services",
  StatefulSet: "/apis/apps/v1/namespaces/default/statefulsets",
};
