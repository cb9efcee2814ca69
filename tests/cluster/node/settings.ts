import { stringify } from "yaml";
import { DNS, NODE_ADDRESS, PODS, SERVICES } from "./addresses.ts";

// The settings of the programs of a real node.

/** Address of containerd, in the node. */
export const CONTAINERD = "/run/containerd/containerd.sock";
/** The image with the pause container, the DNS and the probe. */
export const TOOLS = "localhost/tools:1";

/** Options of containerd's settings. */
export interface ContainerdOptions {
  /** The node's own folder. */
  readonly folder: string;
  /** Folder of the images, kept from one node to the next. */
  readonly images: string;
  /** How layers are stacked: `overlayfs`, or `native` on file systems that overlayfs cannot use. */
  readonly snapshotter: string;
}

/** Returns containerd's settings, as TOML. */
export function containerdSettings({ folder, images, snapshotter }: ContainerdOptions): string {
  const without = [
    "io.containerd.nri.v1.nri",
    "io.containerd.tracing.processor.v1.otlp",
    "io.containerd.internal.v1.tracing",
  ];
  return `
version = 3
root = ${JSON.stringify(images)}
state = "/run/containerd"
disabled_plugins = ${JSON.stringify(without)}

[grpc]
  address = "${CONTAINERD}"

[plugins."io.containerd.cri.v1.images"]
  snapshotter = "${snapshotter}"
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "${TOOLS}"

[plugins."io.containerd.cri.v1.runtime"]
  netns_mounts_under_state_dir = true
  restrict_oom_score_adj = true # root may lack the capability to lower the score
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["/usr/lib/cni"]
    conf_dir = ${JSON.stringify(`${folder}/cni`)}
`;
}

/** Returns the settings of the pods' network: a bridge, with addresses of one range. */
export function networkSettings(folder: string): string {
  return JSON.stringify({
    cniVersion: "1.0.0",
    name: "pods",
    plugins: [
      {
        type: "bridge",
        bridge: "cni0",
        isGateway: true,
        ipMasq: true,
        hairpinMode: true,
        ipam: {
          type: "host-local",
          ranges: [[{ subnet: PODS }]],
          routes: [{ dst: "0.0.0.0/0" }],
          dataDir: `${folder}/addresses`,
        },
      },
      { type: "portmap", capabilities: { portMappings: true } },
    ],
  });
}

/** Returns the kubelet's settings. */
export function kubeletSettings(folder: string, cgroup: string): string {
  return stringify({
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    failCgroupV1: false,
    cgroupDriver: "cgroupfs",
    cgroupRoot: cgroup,
    containerRuntimeEndpoint: `unix://${CONTAINERD}`,
    clusterDNS: [DNS],
    clusterDomain: "cluster.local",
    resolvConf: `${folder}/resolv.conf`,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: `${folder}/ca.crt` },
    },
    authorization: { mode: "Webhook" },
    tlsCertFile: `${folder}/kubelet.crt`,
    tlsPrivateKeyFile: `${folder}/kubelet.key`,
    nodeLeaseDurationSeconds: 8, // renewed every 2 s
    readOnlyPort: 0,
    healthzPort: 0,
    failSwapOn: false,
    makeIPTablesUtilChains: true,
    // The node shares the disk of this machine, so it never acts on a full disk before it is full.
    imageGCHighThresholdPercent: 100,
    evictionHard: {
      "nodefs.available": "1%",
      "imagefs.available": "1%",
      "nodefs.inodesFree": "1%",
      "memory.available": "100Mi",
    },
    registerWithTaints: [{ key: "robson.io/dedicated", value: "analytics", effect: "NoSchedule" }],
  });
}

/** The flags of the API server that a real node needs. */
export function nodeApiserverFlags(folder: string): string[] {
  return [
    "--secure-port=6443",
    `--advertise-address=${NODE_ADDRESS}`,
    "--allow-privileged",
    `--kubelet-client-certificate=${folder}/to-kubelets.crt`,
    `--kubelet-client-key=${folder}/to-kubelets.key`,
    `--kubelet-certificate-authority=${folder}/ca.crt`,
    "--kubelet-preferred-address-types=InternalIP",
    "--authorization-mode=Node,RBAC",
    "--enable-admission-plugins=NodeRestriction",
  ];
}

/**
 * The flags of the controller manager for a node that is lost. It notices this after 20 s and not
 * after 50 s. The kubelet of a busy machine has ten attempts in this time.
 */
export const LOST_NODE_FLAGS: readonly string[] = [
  "--node-monitor-grace-period=20s",
  "--node-monitor-period=1s",
];

/** The flags of kube-proxy. It leaves the limits of connections of this machine alone. */
export const PROXY_FLAGS: readonly string[] = [
  "--proxy-mode=iptables",
  `--cluster-cidr=${PODS}`,
  "--conntrack-max-per-core=0",
  "--conntrack-min=0",
  "--conntrack-tcp-timeout-established=0",
  "--conntrack-tcp-timeout-close-wait=0",
];

/** The flags of the controller of network policies. */
export const POLICIES_FLAGS: readonly string[] = [`--service-cluster-ip-range=${SERVICES}`];
